/* Hosts that fail what others run. A task that ends by itself (failed, or lost)
 * within QUICK_MS of its start is a failure of its host or of its job. It is
 * taken for the host's when the same configuration runs elsewhere, or when the
 * job does not fail on several other hosts as well. After FAILURES_MIN such
 * failures within TROUBLE_WINDOW_MS, of two jobs at least or of one that runs
 * elsewhere, the host is **in trouble**: it is left out of placing for
 * TROUBLE_FIRST_MS. Then one task is tried there (the probe): when it runs for
 * QUICK_MS, or finishes, all is forgiven; when it fails quickly, too, the host
 * is left out for twice as long, TROUBLE_MAX_MS at most.
 *
 *        failures            time           runs, finishes
 *     well ────► in trouble ────► probing ────► well
 *                     ▲              │ fails
 *                     └──────────────┘ twice as long
 *
 * At most a third of the hosts is in trouble at a time, so bad jobs cannot take
 * the cluster away. Nothing of this is stored. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct host;
struct task;

enum {
    FAILURES_MIN = 3,
    FAILURES_KEPT = 4, /* of a host, the newest */
    FAILING_HOSTS = 3, /* remembered of a job */
    TROUBLE_SHARE = 3, /* at most one host of that many */
    QUICK_MS = 60 * 1000,
    TROUBLE_WINDOW_MS = 5 * 60 * 1000,
    TROUBLE_FIRST_MS = 30 * 1000,
    TROUBLE_MAX_MS = 10 * 60 * 1000
};

enum trouble_state { TROUBLE_NONE, TROUBLE_AVOIDED, TROUBLE_PROBING };

struct host_failure {
    uint64_t job; /* hash of its key */
    int64_t at_ms;
    bool runs_elsewhere;
};

/* Of a host; zero-initialised is well. */
struct trouble {
    enum trouble_state state;
    struct host_failure failure[FAILURES_KEPT];
    uint32_t next; /* place of the oldest */
    int64_t delay_ms, until_ms;
    uint64_t probe; /* number of the task; 0: none is placed yet */
};

/* Of a job: hosts where it failed quickly. */
struct job_failing {
    uint64_t host[FAILING_HOSTS]; /* numbers */
    int64_t at_ms[FAILING_HOSTS];
    uint32_t next;
};

/* A task was placed; it runs; it ended, and still knows its host. */
void trouble_note_placed(struct aurora *a, struct task *task);
void trouble_note_running(struct aurora *a, struct task *task, int64_t now_ms);
void trouble_note_ended(struct aurora *a, struct task *task, int64_t now_ms);
/* The host is about to be forgotten. */
void trouble_forget(struct aurora *a, struct host *host);
void trouble_check(const struct aurora *a);
/* The timer of the host of this number is due. */
void trouble_timer(struct aurora *a, uint64_t host, int64_t now_ms);
