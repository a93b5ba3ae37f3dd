/* A user of aurora: fifty jobs that are created, scaled, restarted and killed
 * over the API at seeded times. Every change carries an Idempotency-Key and is
 * repeated until it is answered; what was acknowledged is remembered, held
 * against every later answer, and against the truth at the end. The user never
 * crashes: it is who remembers. */
#pragma once
#include "base/job_key.h"
#include "perigee/job.pb-c.h"
#include "tests/sim/node.h"

enum { USER_JOBS = 50, USER_STEPS_MAX = 5, USER_INSTANCES_MAX = 32 };

enum user_verb {
    USER_CREATE,        /* argument: instances */
    USER_CREATE_BUNDLE, /* the same, evaluated by a script worker */
    USER_SCALE,         /* argument: wanted */
    USER_ADD,           /* argument: more */
    USER_RESTART,       /* argument: batch size */
    USER_UPDATE,        /* to the next version; argument: how */
    USER_REWORD,        /* of a picky job: its expression, to the same effect */
    USER_KILL_ONE,      /* the lowest instance, when there are two; odd
                           arguments: in a batch of its own */
    USER_CANCEL,        /* a restart or kill that is under way */
    USER_KILL           /* argument: batch size */
};

struct user_step {
    enum user_verb verb;
    uint32_t argument;
    int64_t at_ms; /* wall time, not before */
};

struct user_job {
    uint32_t number;
    char role[16], env[16], name[16];
    bool is_service;
    bool flaps; /* a service that ends by itself now and then */
    int64_t length_ms;
    bool is_large; /* a machine has room for one of its tasks */
    int status;
    uint32_t cpu_milli, ram_mib, limit; /* limit 0: no constraint */
    bool is_production;
    int32_t priority;
    uint32_t patience_secs; /* with an agent that is out of reach */
    bool wants_port;
    bool is_picky;        /* an expression keeps it off USER_SHUNNED */
    uint32_t words;       /* how often that was worded anew */
    int64_t asked_ms;     /* when that was asked for first; 0: not now */
    int64_t clock_off_ms; /* of the scheduler's host, then */
    struct user_step step[USER_STEPS_MAX];
    uint32_t steps, done;
    exchange_id exchange; /* of the step under way; 0: none */
    int64_t retry_ms;     /* when to begin or repeat it */
    /* acknowledged: */
    bool is_created, is_killed;
    uint32_t wanted;  /* instances, as a set of bits */
    uint32_t created; /* instances of the creation */
    uint32_t version; /* what its tasks run in the end */
    /* The update of the step under way: */
    char update_id[40]; /* "": none, or not started yet */
    uint32_t updated;   /* instances that it is to bring */
    uint32_t calls;     /* of this job about updates, so far */
    int next_call;      /* Perigee__Aurora__Call__Type */
    bool insists;       /* the last one left the job half way */
};

struct user_options {
    const char *aurora; /* "host:port" */
    const char *cluster;
    bool speaks_json;
    int64_t first_ms, last_ms;   /* wall times of all steps */
    bool is_idle;                /* wants nothing */
    const int64_t *clock_off_ms; /* borrowed; of the scheduler's host */
    uint64_t fate;
};

struct user;
struct user *user_new(const struct user_options *options);
void user_free(struct user *u);
extern const struct program USER_PROGRAM;

/* A job of a group (team.h), whose updates bear everything. */
struct arena;
Perigee__Job *user_member_message(const char *cluster,
                                  const struct user_job *job,
                                  uint32_t instances, uint32_t version,
                                  struct arena *arena);
/* What is wrong with an answer; "" when nothing is. */
const char *user_problem(const struct user *u);
const struct user_job *user_job(const struct user *u, uint32_t at);
/* The job of an instance "role/env/name/number", or NULL. */
const struct user_job *user_job_of(const struct user *u, const char *instance);
/* Is this step an update that starts new ones first? */
bool user_step_surges(const struct user_step *step);
/* Has a step of the job been one, so far? */
bool user_has_surged(const struct user_job *job);
/* The host where no picky job may run. */
#define USER_SHUNNED "10.0.1.1"
/* What a script worker would say of hosts; packed Verdicts. `fails`: it ran out
 * of time on all of them. */
void user_judge(struct bytes judgement, bool fails, struct buf *out);
/* What a script worker would say of a bundle of ours; packed Evaluation. */
void user_evaluate(struct bytes bundle, struct buf *out);
