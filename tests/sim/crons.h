/* A user of aurora's cron: six jobs with schedules and two that run after
 * others, created, paused, resumed, started by hand, put on other schedules and
 * into other time zones, and descheduled at seeded times. It reads what became
 * of every scheduled time, remembers it, and holds it against its own
 * arithmetic and against every later answer:
 *
 *   one record for each scheduled time, none missing, none twice
 *   what is over stays as it was; nobody tries more often than was asked
 *   nothing starts later than its patience allows
 *   what runs after others never runs more often than these had successes
 *
 * Like the other users it repeats what is not answered and never crashes. */
#pragma once
#include "tests/sim/cron_plans.h"
#include "tests/sim/node.h"
#include "tests/sim/user.h"

enum {
    CRON_CLOCKED = 6,
    CRON_USED = 8,
    CRON_STEPS_MAX = 5,
    CRON_PLANS_MAX = 3
};

enum cron_verb {
    CRON_CREATE,
    CRON_PAUSE,
    CRON_RESUME,
    CRON_START,
    CRON_CHANGE, /* to the next plan */
    CRON_DESCHEDULE
};

/* A scheduled time as an answer showed it. */
struct seen_firing {
    int64_t at, first, decided_ms;
    uint32_t tries;
    int state; /* of FiringView */
    bool is_manual;
};

struct cron_job {
    struct user_job job; /* what it runs */
    struct cron_plan plan[CRON_PLANS_MAX];
    uint32_t at;    /* the newest plan that was asked for */
    int64_t anchor; /* of the first plan, as seen, where it has none */
    bool has_anchor;
    const char *collision, *catch_up;
    int64_t epsilon; /* seconds; -1: none */
    uint32_t retries;
    uint32_t after; /* a set of bits */
    struct {
        enum cron_verb verb;
        int64_t at_ms; /* wall time, not before */
    } step[CRON_STEPS_MAX];
    uint32_t steps, done;
    uint32_t calls;       /* of this step that were refused */
    exchange_id exchange; /* of the step, or the read, under way; 0: none */
    bool is_reading;
    bool is_asked; /* this step was, once */
    int64_t retry_ms, read_ms;
    /* As the newest answer said: */
    struct seen_firing *seen; /* owned; oldest first */
    uint32_t seen_count, resumes, runs;
    uint64_t successes;
    int64_t newest; /* seconds; the newest scheduled time; 0: none */
    bool is_fresh;  /* just read */
};

/* The plan that it is to follow. */
const struct cron_plan *cron_job_plan(const struct cron_job *job);

struct crons;
struct crons *crons_new(const struct user_options *options);
void crons_free(struct crons *u);
extern const struct program CRONS_PROGRAM;
/* What is wrong with an answer; "" when nothing is. */
const char *crons_problem(const struct crons *u);
struct cron_job *crons_job(struct crons *u, uint32_t at);
