/* One evaluation of a job file, inside the child: the sandbox, the files read,
 * the problems found so far. Everything lives until the process ends or the
 * evaluation is released. */
#pragma once
#include "base/arena.h"
#include "perigee/job.pb-c.h"
#include "perigee/script.pb-c.h"
#include "script/bundle.h"
#include "script/evaluate.h"
#include "script/sandbox.h"

enum {
    PROBLEMS_MAX = 1000, /* recorded; further ones are only counted */
    PARAMETERS_MAX = 256,
    JOBS_MAX = 200000,
    PARAMETER_NAME_MAX = 64
};

/* A place where the language was called: who begins there. */
struct call_site {
    uint32_t file; /* index into files.list + 1; 0: unknown */
    uint32_t line;
    const char *constructor;
    bool is_global; /* nothing was called: fields are names that the file
                       assigns */
};

struct problem {
    struct call_site site;
    struct location where; /* source is copied into the arena */
    const char *message;   /* all texts are in the arena */
    const char *object;    /* "Task" */
    const char *name;      /* the object's, or "" */
    const char *field;     /* within the object, or "" */
    const char *path;      /* from the job, "" until it is known */
    const char *expected, *nearest;
    const char *traceback; /* is_runtime; NULL unknown */
    uint32_t count;
    uint32_t previous; /* of the same value, + 1, or 0: always an older one */
    bool is_runtime;
};

/* What to record; NULL texts are "". */
struct problem_report {
    struct call_site site;
    const char *object, *name, *field;
    const char *message, *expected, *nearest;
    uint32_t previous;
    bool is_missing; /* the field is not there */
};

struct evaluation {
    struct sandbox sandbox;
    struct bundle_files files;
    const Perigee__Release *stdlib; /* borrowed; NULL: what is built in */
    Perigee__Bundle *bundle; /* owned, or NULL; files may borrow from it */
    struct script_limits limits;
    char entry[BUNDLE_PATH_MAX];
    const struct script_parameter *parameter; /* borrowed */
    size_t parameter_count;
    VEC(Perigee__Parameter *) declared; /* in the arena */

    struct arena arena;   /* problems, then the jobs */
    struct arena scratch; /* of one check */
    VEC(struct problem) problems;
    uint32_t *problem_index; /* hash of (site, field, message) to problem + 1 */
    uint64_t problems_dropped;
    bool is_guarded; /* an operator's file: nothing that its lines quote is
                        shown, secrets may stand there */
    bool is_over;    /* the file has run: only its functions are called now */
    bool is_told; /* a syntax error is among the problems, and ends the run */

    int64_t began_cpu_ms; /* of this process, when the run began */

    const char *where_source; /* chunk name seen last, and its file */
    uint32_t where_file;
};

/* Evaluate `entry` of e->files (set up by the caller, with limits, entry and
 * parameters) and give the result; e->arena owns it. Never fails: what goes
 * wrong is a problem in it. */
Perigee__Evaluation *evaluation_run(struct evaluation *e);
/* Run the entry once more, in the state that evaluation_run() left, with the
 * parameters as they are now; what goes wrong is recorded. Pushes what the file
 * gives, or nothing (false). */
bool evaluation_again(struct evaluation *e);
void evaluation_init(struct evaluation *e);
/* Take files, entry and parameters from the bytes of a canonical bundle, which
 * stay the caller's; limits are set. ERR_INVALID, ERR_LIMIT, ERR_UNSUPPORTED.
 */
int evaluation_open_bundle(struct evaluation *e, struct bytes bytes,
                           struct err *err);
/* Parameters as messages, borrowed. */
void evaluation_set_parameters(struct evaluation *e, size_t count,
                               Perigee__EnvVar *const *from);
/* CPU time since the run began. */
int64_t evaluation_cpu_ms(const struct evaluation *e);
/* What is known when the time is up: called instead of going on. */
Perigee__Evaluation *evaluation_stop(struct evaluation *e, const char *why);
void evaluation_release(struct evaluation *e);
struct evaluation *evaluation_of(lua_State *L);
/* Raise unless the file itself runs: param, require and import would make the
 * bundle say less than what its functions depend on. */
void evaluation_check_running(lua_State *L, const char *function);

/* The innermost line of the user's files. */
struct call_site evaluation_site(struct evaluation *e, const char *constructor);

/* A problem of the file as a whole. */
void evaluation_problem(struct evaluation *e, const char *message,
                        const char *expected);
/* Record; equal ones from one line are counted. The problem's index + 1. */
uint32_t problem_add(struct evaluation *e, const struct problem_report *report);
/* A Lua error, which is told last. */
void problem_add_failure(struct evaluation *e,
                         const struct sandbox_failure *failure);
/* Every key that stands twice in one table of the file. */
void problem_add_twice(struct evaluation *e, struct bundle_file *file);
/* At a line found otherwise. */
void problem_add_at(struct evaluation *e, struct bundle_file *file,
                    const struct location *where, const char *message,
                    const char *expected);
void problems_pack(struct evaluation *e, Perigee__Evaluation *out);
