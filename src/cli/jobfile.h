/* Job files as the client sees them: chosen, evaluated, searched. Functions
 * that return an exit code have reported what is wrong; 0 is fine. */
#pragma once
#include "cli/cli.h"
#include "wire/json.h"

/* Argument `index`, else ./NAME.lua, else ./jobs.lua; says which it took. */
int jobfile_choose(struct cli *cli, const struct job_key *key, int index,
                   const char **out);
/* Evaluate with the run's parameters; problems are printed (EXIT_BAD_CONFIG).
 */
int jobfile_evaluate(struct cli *cli, const char *file,
                     Perigee__Evaluation **out);
/* The same without a word: a file with problems is a success with problems;
 * negative when it cannot be evaluated at all. */
int jobfile_look(struct cli *cli, const char *file, Perigee__Evaluation **out,
                 struct err *err);
void jobfile_free(Perigee__Evaluation *evaluation); /* accepts NULL */

/* Print the problems in the form asked for; EXIT_BAD_CONFIG. */
int jobfile_report(struct cli *cli, const char *file,
                   const Perigee__Evaluation *evaluation);
/* The parts of that, for commands that look at several files: to people, and
 * as elements of an open array. */
void jobfile_print_problems(struct cli *cli,
                            const Perigee__Evaluation *evaluation);
void jobfile_problems_json(const struct cli *cli, struct json_writer *w,
                           const char *file,
                           const Perigee__Evaluation *evaluation);
void jobfile_error_json(struct json_writer *w, const char *file,
                        const struct err *err);

/* Tell people of what the file asks for and no part of the cluster can do yet:
 * the scheduler would refuse the job. How many such fields there are. */
size_t jobfile_warn(struct cli *cli, const char *file,
                    const Perigee__Evaluation *evaluation);
/* The same as elements of an open array. */
size_t jobfile_warnings_json(struct json_writer *w,
                             const Perigee__Evaluation *evaluation);

/* The job of that key; a miss lists the keys the file has. */
int jobfile_find(struct cli *cli, const char *file,
                 const Perigee__Evaluation *evaluation,
                 const struct job_key *key, const Perigee__Job **out);
bool jobfile_is(const Perigee__Job *job, const struct job_key *key);
/* The key of an evaluated job. */
struct job_key jobfile_key(const Perigee__Job *job);
