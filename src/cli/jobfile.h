/* Job files as the client sees them: chosen, evaluated, searched. Every
 * function reports what is wrong and returns the exit code, 0 when fine. */
#pragma once
#include "cli/cli.h"

/* Argument `index`, else ./NAME.lua, else ./jobs.lua; says which it took. */
int jobfile_choose(struct cli *cli, const struct job_key *key, int index,
                   const char **out);
/* Evaluate with the run's parameters; problems are printed (EXIT_BAD_CONFIG).
 */
int jobfile_evaluate(struct cli *cli, const char *file,
                     Perigee__Evaluation **out);
void jobfile_free(Perigee__Evaluation *evaluation);
/* The job of that key; a miss lists the keys the file has. */
int jobfile_find(struct cli *cli, const char *file,
                 const Perigee__Evaluation *evaluation,
                 const struct job_key *key, const Perigee__Job **out);
