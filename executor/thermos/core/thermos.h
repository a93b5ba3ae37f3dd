/* What an executor decides, purely: when to subscribe, what to report, when to
 * start the runner again, when to end. One executor runs one task.
 *
 *   link     DOWN ──► OPENING ──► UP        to the agent; back to DOWN, retry
 *   task     NONE ──► STARTING ──► RUNNING ──► [KILLING] ──► terminal
 *
 * Updates are reported in order, one in flight at a time, and kept until the
 * agent acknowledged them; a new subscription carries those that are not.
 *
 * The agent may be away for recovery_timeout_ms; then the task is ended. With
 * recovery_timeout_ms 0 (no checkpointing) it is ended at once.
 *
 * A task with a health check is RUNNING only when it is healthy (health.h); one
 * that is announced is so from then on. A plain command with one is RUNNING at
 * once, and its health is told in further updates (command_health.h). To end a
 * task is first to tear it down (teardown.h), then to let the runner kill it.
 * The first cause to end it is the one that its final state tells.
 *
 * A runner that dies is started again; the new one takes over what lives. When
 * TAKEOVERS_MAX in a row die before they took over, everything is destroyed
 * and the task is KILLED. */
#pragma once
#include "base/bytes.h"
#include "base/id.h"
#include "base/rng.h"
#include "base/vec.h"
#include "executor/thermos/core/command_health.h"
#include "executor/thermos/core/health.h"
#include "executor/thermos/core/teardown.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    THERMOS_TAKEOVERS_MAX = 3,        /* in a row, failed */
    THERMOS_RUNNERS_MAX = 100,        /* in a task's life */
    THERMOS_UPDATES_MAX = 64,         /* unacknowledged */
    THERMOS_HEALTH_UPDATES_MAX = 32,  /* then the newest replaces the one
                                         before it */
    THERMOS_MESSAGE_MAX = 2048,       /* bytes of an update's message */
    THERMOS_REGISTER_MS = 60000,      /* to reach the agent the first time */
    THERMOS_RESEND_MS = 10000,        /* an update that nobody acknowledges */
    THERMOS_LINGER_MS = 60000,        /* after the end, for acknowledgements */
    THERMOS_KILL_SLACK_MS = 10000,    /* a runner's delay past a kill's grace */
    THERMOS_COMMAND_GRACE_MS = 3000,  /* kill grace of a plain command */
    THERMOS_ASSIGNED_GRACE_MS = 30000 /* of a task until its runner tells */
};

enum thermos_state { /* numbers are mesos.v1.TaskState's */
                     THERMOS_STARTING = 0,
                     THERMOS_RUNNING = 1,
                     THERMOS_FINISHED = 2,
                     THERMOS_FAILED = 3,
                     THERMOS_KILLED = 4,
                     THERMOS_NONE = 6,
                     THERMOS_KILLING = 8
};

enum thermos_link { THERMOS_DOWN, THERMOS_OPENING, THERMOS_UP };

/* What an executor does for a task besides running it. Zeroes: nothing. */
struct thermos_care {
    bool has_health;
    struct health_rule health;
    bool has_command_health; /* of a plain command, which has no other */
    struct command_health_rule command_health;
    struct teardown_rule teardown;
    int64_t announce_ms;      /* to reach those who take announcements */
    int64_t disk_bytes;       /* most that the sandbox may hold; 0: no limit */
    int64_t disk_interval_ms; /* how often to look */
};

/* Why a task is being ended: the first cause counts. */
enum thermos_cause {
    THERMOS_CAUSE_NONE, /* it ends by itself, if at all */
    THERMOS_CAUSE_KILL,
    THERMOS_CAUSE_UNHEALTHY, /* a plain command: KILLED */
    THERMOS_CAUSE_TIME,      /* max_completion_time */
    THERMOS_CAUSE_FAILURE    /* of its health, its disk, its announcement */
};

struct thermos_options {
    const char *framework_id, *executor_id; /* borrowed for the life */
    int64_t recovery_timeout_ms;            /* 0: not checkpointing */
    int64_t backoff_max_ms;                 /* between subscriptions */
    int64_t shutdown_grace_ms;              /* after SHUTDOWN */
    uint64_t seed;
};

struct thermos_update {
    uint64_t number; /* from 1, in order */
    struct uuid uuid;
    char *task_id; /* owned */
    enum thermos_state state;
    char *message; /* owned, NULL when there is nothing to say */
    int reason;    /* mesos.v1.TaskStatus.Reason, -1 for none */
    int healthy;   /* 1, 0; -1: nobody asked */
    int64_t at_ms;
    bool is_sent; /* the agent answered it, or got it with SUBSCRIBE */
    int64_t resend_ms;
};

enum thermos_input_kind {
    THERMOS_IN_SUBSCRIBED,   /* has_killing_state */
    THERMOS_IN_LAUNCH,       /* task_id, task, grace_ms (-1: the runner will
                                tell), limit_ms, care */
    THERMOS_IN_REFUSE,       /* task_id, text: a task that cannot be run here */
    THERMOS_IN_KILL,         /* task_id, grace_ms (-1: the task's own) */
    THERMOS_IN_ACKNOWLEDGED, /* uuid */
    THERMOS_IN_SHUTDOWN,
    THERMOS_IN_LINK_LOST,    /* text */
    THERMOS_IN_UPDATE_DONE,  /* number, ok: the answer to an update */
    THERMOS_IN_TASK_RUNNING, /* grace_ms, for a launch with -1 */
    THERMOS_IN_TASK_ENDED,   /* state, text */
    THERMOS_IN_RUNNER_DIED,  /* text */
    THERMOS_IN_CHECKED,      /* number, ok, text: of a health check */
    THERMOS_IN_TORN,         /* step, ok: the answer to a step of teardown */
    THERMOS_IN_ANNOUNCED,
    THERMOS_IN_MEASURED, /* bytes: what the sandbox holds; -1: unknown */
    THERMOS_IN_TIME
};

struct thermos_input {
    enum thermos_input_kind kind;
    const char *task_id, *text;
    struct blob *task; /* packed mesos.v1.TaskInfo; a reference is taken */
    struct uuid uuid;
    int64_t grace_ms;
    int64_t limit_ms; /* max_completion_time, 0: none */
    uint64_t number;
    enum thermos_state state;
    const struct thermos_care *care; /* borrowed; NULL: none */
    enum teardown_step step;
    int64_t bytes;
    bool ok, has_killing_state;
};

enum thermos_act {
    THERMOS_SUBSCRIBE,    /* with everything unacknowledged */
    THERMOS_REPORT,       /* update */
    THERMOS_START_RUNNER, /* take_over: a stream is there */
    THERMOS_KILL_TASK,    /* grace_ms, to the runner */
    THERMOS_TELL_LINK,    /* until_ms: how long the runner may go on should
                             this executor die; 0: not at all */
    THERMOS_DESTROY,      /* SIGKILL to everything below */
    THERMOS_CHECK,        /* number: perform a health check */
    THERMOS_STOP_CHECKS,  /* drop the one under way */
    THERMOS_ANNOUNCE,     /* and keep it so */
    THERMOS_DRAIN,        /* to the runner: start nothing more */
    THERMOS_TEAR,         /* step: LEAVING, QUITTING or ABORTING */
    THERMOS_MEASURE,      /* what the sandbox holds */
    THERMOS_STOP,         /* status */
    THERMOS_LOG           /* level, text */
};

/* Pointers are valid until the next step. */
struct thermos_effect {
    enum thermos_act act;
    const struct thermos_update *update;
    int64_t grace_ms, until_ms;
    uint64_t number;
    enum teardown_step step;
    int level, status;
    bool take_over;
    char text[256];
};

struct thermos_effects {
    VEC(struct thermos_effect) list;
};

struct thermos {
    struct thermos_options options;
    struct rng rng;
    enum thermos_link link;
    bool was_subscribed;
    bool has_killing_state;
    uint32_t attempts;        /* failed subscriptions in a row */
    int64_t retry_ms;         /* next subscription while DOWN */
    int64_t give_up_ms;       /* end of patience with the agent */
    struct blob *task;        /* owned reference; NULL until LAUNCH */
    char *task_id;            /* owned */
    enum thermos_state state; /* newest, reported or about to be */
    int64_t grace_ms;         /* the task's own kill grace */
    bool is_grace_told;       /* the runner tells it */
    int64_t limit_ms;         /* when max_completion_time ends */
    struct thermos_care care;
    struct health health;
    struct command_health command_health;
    bool is_up;           /* processes of the task were started */
    int64_t announced_ms; /* be announced by then; INT64_MAX: are, or need
                             not be */
    int64_t measure_ms;   /* when to look at the disk */
    bool is_measuring;
    enum thermos_cause cause;
    char *cause_text; /* owned; of a FAILURE */
    int cause_reason;
    bool is_shut_down;
    struct teardown teardown;
    enum teardown_step torn; /* the newest step that was asked for */
    int64_t grace_left_ms;   /* the shortest grace of a kill, INT64_MAX */
    int64_t hard_ms;         /* the agent ends everything then, INT64_MAX */
    int64_t kill_ms;         /* deadline of the kill that was sent, INT64_MAX */
    bool is_runner_alive;
    bool has_taken_over; /* the present runner reported */
    bool is_task_known;  /* an update of the task was acknowledged */
    uint32_t failed_takeovers, runners;
    int64_t linger_ms; /* end of patience with acknowledgements */
    uint64_t next_number;
    VEC(struct thermos_update) updates; /* unacknowledged, oldest first */
    uint64_t in_flight; /* number of the update being sent, 0 for none */
    int64_t send_ms;    /* not to send an update before, after a failure */
    bool is_stopped;
};

void thermos_init(struct thermos *t, const struct thermos_options *options);
void thermos_release(struct thermos *t);
/* The first thing; then inputs as they come. */
void thermos_begin(struct thermos *t, int64_t now_ms,
                   struct thermos_effects *fx);
void thermos_step(struct thermos *t, const struct thermos_input *input,
                  int64_t now_ms, struct thermos_effects *fx);
int64_t thermos_next_ms(const struct thermos *t);
bool thermos_state_is_terminal(enum thermos_state state);
void thermos_check(const struct thermos *t);
