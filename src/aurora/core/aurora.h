/* The scheduler's core: jobs, their tasks, the machines on offer, and what to
 * do about them. Inputs are function calls with the time; what they ask of the
 * world is collected in `work`, which the program takes after each input:
 * records to save, events to tell, tasks to launch and to kill.
 *
 * Nothing here knows messages. Configs arrive as heads (job_config.h), task
 * reports as states, offers as amounts.
 *
 * Invariants, asserted by aurora_check: at most one live task per job instance,
 * but for a surge under way, which may have one of each version, and for what
 * is being killed; a task stands in exactly one list of its job; PENDING tasks
 * and only they wait in their group; what tasks use on a host is the sum of
 * their needs. */
#pragma once
#include "aurora/core/app_group.h"
#include "aurora/core/coordinators.h"
#include "aurora/core/cron.h"
#include "aurora/core/events.h"
#include "aurora/core/hosts.h"
#include "aurora/core/keeps.h"
#include "aurora/core/maintenance.h"
#include "aurora/core/placer.h"
#include "aurora/core/settle.h"
#include "aurora/core/sla_stats.h"
#include "aurora/core/preempt.h"
#include "aurora/core/quota_jobs.h"
#include "aurora/core/task.h"
#include "aurora/core/update.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/rng.h"
#include "base/vec.h"

enum aurora_limits {
    TASKS_PER_LAUNCH_MAX = 200, /* tasks in one ACCEPT */
    LAUNCH_BYTES_MAX = 3 << 20, /* of configs in one ACCEPT */
    TASKS_PER_PASS_MAX = 2000,  /* then the loop gets its turn */
    GROUP_QUANTUM = 64,         /* placed of one group before the next one */
    INSTANCES_MAX = 1000000,    /* highest instance number */
    JOBS_MAX = 1000000,
    CRON_TURN_MAX = 500, /* jobs whose time came, then the loop gets its turn */
    ASKED_HOSTS_MAX = 256, /* in one request to a script worker */
    ASKINGS_MAX = 8,       /* requests under way */
    HISTORY_PER_JOB = 100
};

enum aurora_times { /* ms */
                    TRANSIENT_TIMEOUT_MS = 5 * 60 * 1000,
                    KILL_RETRY_FIRST_MS = 15 * 1000,
                    KILL_RETRY_MAX_MS = 5 * 60 * 1000,
                    FLAPPING_MS = 5 * 60 * 1000,
                    FLAPPING_DELAY_FIRST_MS = 30 * 1000,
                    FLAPPING_DELAY_MAX_MS = 5 * 60 * 1000,
                    HISTORY_MIN_MS = 60 * 60 * 1000,
                    HISTORY_MAX_MS = 2 * 24 * 60 * 60 * 1000,
                    PRUNE_INTERVAL_MS = 15 * 60 * 1000,
                    HOST_FORGET_MS = 24 * 60 * 60 * 1000,
                    /* Questions that failed for a passing reason, and those
                     * that no worker had time for. */
                    QUESTION_AGAIN_MS = 60 * 1000,
                    QUESTION_BUSY_MS = 1000,
                    /* An update waits that long for its hosts. */
                    UPDATE_JUDGED_MS = 10 * 1000
};

#define UPDATE_KEPT_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

struct aurora_limits_config {
    uint32_t tasks_per_job_max;
    int64_t offer_hold_ms, offer_jitter_ms;
    enum placement_policy placement;
    bool keeps_places; /* for tasks that an update or a restart ends */
    struct sla_rules sla;
    int64_t drain_poll_ms;  /* what has to wait in a drain is asked again */
    int64_t away_window_ms; /* hosts are emptied so long before they go */
    struct preempt_rules preempt;
    int64_t notice_give_up_ms; /* notifications that old are not tried again */
};

/* A task and the agent it is (or should be) on; both owned references. */
struct task_ref {
    struct blob *task_id, *agent_id; /* agent_id: NULL when unknown */
};

/* One ACCEPT: every offer held of a host, and the tasks to launch on them. */
struct launch {
    struct host *host;
    VEC(struct blob *) offers; /* owned references */
    VEC(uint64_t) tasks;       /* numbers */
    size_t config_bytes;
};

/* A question on its way to a script worker and back. */
struct asking {
    uint64_t ticket;
    struct question *question; /* owned reference */
    struct {
        struct asked_host {
            struct blob *agent_id; /* owned reference */
            uint64_t number, description;
        } * item;
        uint32_t count, capacity;
    } hosts;
};

/* What a worker says of one host. */
struct judged {
    int64_t value;
    const char *failure; /* borrowed; NULL: the value counts */
    bool is_passing;
};

enum record_table {
    RECORD_CONFIG,
    RECORD_JOB,
    RECORD_TASK,
    RECORD_HOST,
    RECORD_UPDATE,
    RECORD_SLOT,
    RECORD_APP_GROUP,
    RECORD_APP_MEMBER,
    RECORD_FIRING,
    RECORD_MAINTENANCE,
    RECORD_NOTICE,
    RECORD_QUOTA
};

struct forgotten {
    enum record_table table;
    char *key; /* owned */
};

/* An instance of an update whose record changed. */
struct slot_ref {
    struct update *update;
    uint32_t at; /* in its `slot` */
};

/* What the inputs since the last aurora_work_clear ask of the world. */
struct work {
    VEC(struct job_config *) configs; /* to save; each kind at most once */
    VEC(struct job *) jobs;
    VEC(struct task *) tasks; /* NULL entries were deleted since */
    VEC(struct host *) hosts;
    VEC(struct maintenance *) maintenances;
    VEC(struct update *) updates;
    VEC(struct slot_ref) slots;
    VEC(struct app_group *) groups;
    VEC(struct app_member *) members;
    VEC(struct firing *) firings; /* NULL entries were deleted since */
    VEC(struct notice *) notices; /* NULL entries were deleted since */
    VEC(struct quota_role *) quotas;
    VEC(struct forgotten) forgotten;
    VEC(struct launch) launches;
    VEC(struct task_ref) kills;
    VEC(struct blob *) declines; /* offer ids */
    VEC(struct task_ref) reconcile;
    VEC(struct task_ref) ask_again; /* beside those; in one call */
    VEC(uint64_t) askings;          /* tickets of new ones */
    VEC(uint64_t) coordinations;    /* of questions to coordinators */
    VEC(uint64_t) tellings;         /* of notices to be told */
    bool revive;        /* ask for offers: tasks wait that fit none we hold */
    bool save_sequence; /* store `sequence_ceiling` */
};

struct aurora_counters {
    uint64_t illegal_changes, timeouts, kill_retries, launches, rescheduled;
    uint64_t questions, verdicts, verdicts_failed;
    uint64_t offers_received, offers_declined, offers_rescinded, pruned;
    uint64_t hosts_avoided, keeps;
    uint64_t quota_refusals;
    uint64_t tasks_ended[TASK_STATE_COUNT];     /* by terminal state */
    uint32_t tasks[TASK_STATE_COUNT];           /* now, by state */
    uint64_t updates_ended[UPDATE_STATE_COUNT]; /* by final state */
};

/* Who reads what a refusal says: it names no job that they may not know of. */
struct onlooker {
    bool (*sees)(const void *who, const struct job_key *key); /* NULL: all */
    const void *who;
};

struct aurora {
    struct aurora_limits_config limits;
    struct onlooker onlooker; /* of the request at hand */
    struct rng rng;
    VEC(struct job *) jobs; /* owned, sorted by key */
    struct job_config *configs;
    struct task *task_by_id, *task_by_number;
    uint64_t next_number;
    struct update *update_by_number; /* all that there are */
    uint32_t next_update;
    VEC(uint32_t) due_updates;     /* numbers of those with something to do */
    VEC(struct job *) due_rolling; /* with rolling work to look at */
    VEC(struct app_group *) app_groups; /* owned, sorted by key */
    struct app_member *app_members;     /* of all of them, by key */
    VEC(struct app_group *) due_groups; /* those with something to do */
    bool is_in_groups;                  /* they are being worked on */
    VEC(struct cron *) crons;           /* by number; NULL: a free number */
    VEC(uint64_t) free_crons;           /* numbers to use again */
    VEC(uint64_t) ringing_crons;        /* numbers whose timers rang now */
    VEC(uint64_t) due_crons;            /* numbers of those to look at again */
    struct quotas quotas;
    VEC(struct job *) due_quotas; /* NULL entries are gone */
    struct buf quota_lines;       /* of the newest refusal: the sum */
    struct hosts hosts;
    struct questions questions;
    VEC(struct asking) askings; /* under way */
    struct coordinations coordinations;
    struct maintenances maintenances;
    struct sla_stats sla_stats;
    struct notices notices;
    uint64_t judgements; /* grows when some host was judged, or may be now */
    bool groups_await;   /* some member waits for that */
    uint64_t next_ticket;
    struct heap timers;
    struct event_log events;
    uint64_t sequence_ceiling;
    struct job_config *group_first, *group_last; /* that have waiting tasks */
    uint32_t waiting_count;
    uint32_t hosts_in_trouble;
    VEC(struct keep) keeps;
    uint64_t next_keep;
    struct victim_table victims;
    struct preemption preempt;
    bool place_wanted;  /* something changed that may let a task be placed */
    bool revive_useful; /* we declined since the last REVIVE */
    bool is_connected;  /* the master's stream is up */
    int64_t connected_ms;
    uint64_t connections; /* so far */
    struct work work;
    struct aurora_counters counters;
};

void aurora_init(struct aurora *a, const struct aurora_limits_config *limits,
                 uint64_t seed);
void aurora_release(struct aurora *a);

/* --- after a restart --- */

/* Configs and hosts first, then jobs, then tasks in the order of their age.
 * Refused records (ERR_DAMAGED) name what is wrong. Nothing becomes work. */
void aurora_restore_config(struct aurora *a, struct job_config *config);
void aurora_restore_host(struct aurora *a, struct bytes agent_id,
                         const char *hostname, const char *endpoint,
                         const struct attributes *attributes,
                         const struct amounts *total, int64_t seen_ms);
int aurora_restore_job(struct aurora *a, struct job *job, const char *config_id,
                       struct err *err);
/* The task was made from its record just now: what is near is made use of. */
void aurora_restore_made(struct task *task);
/* Such a task. Its list, timers and counts are set from its state. No other
 * task has its id. `host` may be set to where it is placed, if that is known.
 */
int aurora_restore_task(struct aurora *a, struct task *task, struct err *err);
/* How many there are in all; told after the first of them. */
void aurora_restore_expect(struct aurora *a, uint32_t tasks);
/* The task will be restored later, after `ahead` others, or very soon: what
 * that touches is brought from memory meanwhile. Only ever makes it faster. */
void aurora_restore_far(const struct task *task);
void aurora_restore_ahead(const struct aurora *a, struct task *task,
                          uint32_t ahead);
void aurora_restore_soon(const struct aurora *a, const struct task *task);
/* Its slots are all here; its configs and the job are restored already. In the
 * order of their age. Takes the update, also on failure. */
int aurora_restore_update_take(struct aurora *a, struct update *update,
                               struct err *err);
/* Its members are all here; configs and jobs are restored already. Takes the
 * group, also on failure. */
int aurora_restore_group_take(struct aurora *a, struct app_group *group,
                              struct err *err);
/* A firing of a job that has a schedule, copied. */
int aurora_restore_firing(struct aurora *a, struct job *job,
                          const struct firing *record, struct err *err);
/* That was all: do the records agree with each other? */
int aurora_restore_check(const struct aurora *a, struct err *err);
/* Arm timers, begin events behind `ceiling`. */
void aurora_restored(struct aurora *a, uint64_t ceiling, int64_t now_ms);

/* --- what users ask --- */

/* Each returns 0 and the sequence of the change in *sequence, or an error and
 * no change at all. */
struct job *aurora_job(const struct aurora *a, const struct job_key *key);
struct job_config *aurora_config(const struct aurora *a, const char *id);
/* Place in `jobs` of the first key >= key. */
uint32_t aurora_job_at(const struct aurora *a, const struct job_key *key);
/* Takes the caller's reference of `config`, also on failure. ERR_EXISTS while a
 * job of this key has active tasks. */
int aurora_create_take(struct aurora *a, struct job_config *config,
                       uint32_t instances, int64_t now_ms, uint64_t *sequence,
                       struct err *err);

/* The job is that user's from here on. */
void aurora_job_own(struct aurora *a, struct job *job, const char *owner);

/* Which instances: NULL or count 0 is all. */
struct instances {
    const struct instance_pair {
        uint32_t first, last;
    } * range;
    uint32_t count;
};
bool instances_have(const struct instances *instances, uint32_t instance);
/* Zero-initialised is empty; free with vec_free. */
struct instance_list {
    uint32_t *item;
    uint32_t count, capacity;
};

/* Kill instances; `touched` gets their numbers. All of them: the job goes away
 * when the last one has ended. ERR_NOT_FOUND without such a job or instance. */
int aurora_kill(struct aurora *a, const struct job_key *key,
                const struct instances *instances, const char *message,
                int64_t now_ms, struct instance_list *touched,
                uint64_t *sequence, struct err *err);
/* Restart active instances, batch_size at a time (0: all at once); the next
 * batch begins when the last one is RUNNING again. */
int aurora_restart(struct aurora *a, const struct job_key *key,
                   const struct instances *instances, uint32_t batch_size,
                   const char *message, int64_t now_ms,
                   struct instance_list *touched, uint64_t *sequence,
                   struct err *err);
/* Restarts or kills in batches, by the scheduler itself. */
struct rolling_request {
    enum rolling_kind kind;
    const struct instances *instances; /* NULL or empty: all */
    bool is_strict; /* refuse instances that are not active */
    const char *message;
    struct rolling_settings settings; /* batch_size 0: all at once */
};
/* Begin it; an empty `touched`: there was nothing to do. A kill of all
 * instances at once takes the place of what is under way; otherwise that is
 * ERR_CONFLICT. */
int aurora_roll(struct aurora *a, const struct job_key *key,
                const struct rolling_request *request, int64_t now_ms,
                struct instance_list *touched, uint64_t *sequence,
                struct err *err);
/* Begin no further batch. ERR_NOT_FOUND when nothing is under way. */
int aurora_roll_cancel(struct aurora *a, const struct job_key *key,
                       const char *message, int64_t now_ms, uint64_t *sequence,
                       struct err *err);
/* Have `wanted` instances: missing numbers from 0 are added, the highest are
 * killed. A service may have 0: it is kept, and scaled up again. */
int aurora_scale(struct aurora *a, const struct job_key *key, uint32_t wanted,
                 int64_t now_ms, struct instance_list *touched,
                 uint64_t *sequence, struct err *err);
/* `more` instances behind the highest one, equal to an active one (`like`
 * NULL: as the job says). */
int aurora_add(struct aurora *a, const struct job_key *key, uint32_t more,
               const uint32_t *like, int64_t now_ms,
               struct instance_list *touched, uint64_t *sequence,
               struct err *err);

/* --- updates --- */

struct update_request {
    uint32_t instances;            /* the job is to have */
    const struct instances *scope; /* only these of them; NULL or empty: all */
    bool has_batch_size;           /* a queue of this many, whatever */
    uint32_t batch_size;           /* the job says; 0: all at once */
    const char *message;           /* may be NULL */
};
enum update_verb { UPDATE_PAUSE, UPDATE_RESUME, UPDATE_ABORT, UPDATE_ROLLBACK };

/* Bring a service to `config`, instance by instance; a job that does not exist
 * is created. *out is the update, or NULL when no instance has to change (the
 * job then has the new configuration at once). A restart under way is given
 * up. Takes the caller's reference of `config`, also on failure.
 * ERR_JOB_UPDATING: one is under way; ERR_CONFLICT: not a service. */
int aurora_update_start_take(struct aurora *a, struct job_config *config,
                             const struct update_request *request,
                             int64_t now_ms, struct update **out,
                             uint64_t *sequence, struct err *err);

/* Would the update end tasks for the one reason that no script has judged their
 * hosts for a new expression (like, unlike)? Then they are asked about: look
 * again when `judgements` has grown. What begins all the same moves those
 * tasks; who asks for an update waits for UPDATE_JUDGED_MS at most, with
 * nothing stored: what is decided here is decided anew after a crash. False
 * about an update that would be refused at once. */
bool aurora_awaits_judging(struct aurora *a, struct job_config *config,
                           int64_t now_ms);

/* What aurora_update_start_take would do with each instance, without doing it;
 * `config` stays the caller's. The same refusals. */
enum preview_kind {
    PREVIEW_KEEP,
    PREVIEW_ADD,
    PREVIEW_REMOVE,
    PREVIEW_RESTART, /* it runs something else */
    PREVIEW_MOVE     /* its host does not suit the new constraints */
};
struct preview_list { /* by instance; free with vec_free */
    struct preview {
        uint32_t instance;
        enum preview_kind kind;
    } * item;
    uint32_t count, capacity;
};
int aurora_update_preview(struct aurora *a, struct job_config *config,
                          const struct update_request *request,
                          struct preview_list *out, struct err *err);
/* `id` NULL: the newest. ERR_NOT_FOUND, or ERR_CONFLICT in a state that does
 * not allow it. */
int aurora_update_act(struct aurora *a, const struct job_key *key,
                      const char *id, enum update_verb verb,
                      const char *message, int64_t now_ms, struct update **out,
                      uint64_t *sequence, struct err *err);
/* Let a coordinated update go on for one more interval; *is_over when there is
 * none (any more). */
int aurora_update_pulse(struct aurora *a, const struct job_key *key,
                        const char *id, int64_t now_ms, bool *is_over,
                        struct err *err);
/* NULL when there is none; `id` NULL or empty: the job's newest. */
struct update *aurora_update(const struct aurora *a, const struct job_key *key,
                             const char *id);

/* --- cron jobs --- */

/* A job with a schedule is created by aurora_create_take too, which gives it no
 * tasks; creating it again changes it, and what runs goes on. ERR_NOT_FOUND or
 * ERR_INVALID (a circle) about the jobs it is to run after. */

/* Start a run now, whatever the schedule says; *out is what became of it. */
int aurora_cron_start(struct aurora *a, const struct job_key *key,
                      int64_t now_ms, const struct firing **out,
                      uint64_t *sequence, struct err *err);
/* Scheduled times that pass while it is paused are nobody's: they are neither
 * run nor missed. ERR_CONFLICT when it is so already. */
int aurora_cron_pause(struct aurora *a, const struct job_key *key, bool pause,
                      int64_t now_ms, uint64_t *sequence, struct err *err);
/* It goes away when its last run has ended. ERR_CONFLICT while another job
 * runs after it. */
int aurora_cron_deschedule(struct aurora *a, const struct job_key *key,
                           int64_t now_ms, uint64_t *sequence, struct err *err);

/* --- quotas --- */

/* Take these quotas, all or none; as quotas_set. */
int aurora_quota_set(struct aurora *a, const struct quota *list, uint32_t count,
                     bool is_forced, int64_t now_ms, uint32_t *index,
                     uint64_t *sequence, struct err *err);

/* --- what the master says --- */
void aurora_offer(struct aurora *a, struct bytes offer_id,
                  struct bytes agent_id, const char *hostname,
                  const char *endpoint, const struct attributes *attributes,
                  const struct amounts *free, const struct ranges *ports,
                  int64_t now_ms);
/* What of an offer that just came may be taken back, beside the rest. */
void aurora_offer_spare(struct aurora *a, struct bytes offer_id,
                        const struct revocable *spare);
void aurora_rescind(struct aurora *a, struct bytes offer_id);
void aurora_agent_lost(struct aurora *a, struct bytes agent_id, int64_t now_ms);
/* A task status. Unknown ids and illegal changes may become kills. */
void aurora_report(struct aurora *a, struct bytes task_id,
                   struct bytes agent_id, enum task_state state,
                   const char *message, int64_t now_ms);
/* The stream is up (again): held offers are void, every task that should be on
 * an agent is to be reconciled, unanswered kills are sent again. Until they
 * were heard of, none of them is judged to be healthy (settle.h). */
void aurora_connected(struct aurora *a, int64_t now_ms);
void aurora_disconnected(struct aurora *a);
/* Ask again after every task that should be on an agent. */
void aurora_reconcile(struct aurora *a);

/* --- what scripts say --- */

/* NULL when it is not under way (any more). */
const struct asking *aurora_asking(const struct aurora *a, uint64_t ticket);
/* The verdicts of an asking, in the order of its hosts; when there are fewer,
 * the last one is that of all further hosts; none: no worker had time. */
void aurora_judged(struct aurora *a, uint64_t ticket,
                   const struct judged *judged, uint32_t count, int64_t now_ms);

/* --- time --- */
int64_t aurora_next_ms(const struct aurora *a);
void aurora_time(struct aurora *a, int64_t now_ms);
/* Place what waits; a no-op unless place_wanted. */
void aurora_place(struct aurora *a, int64_t now_ms);

/* Keep the stored ceiling ahead of the events; call before taking the work. */
void aurora_reserve_sequence(struct aurora *a);

struct task *aurora_task(const struct aurora *a, struct bytes id);
struct task *aurora_task_by_number(const struct aurora *a, uint64_t number);
/* Forget the collected work; `*_dirty` flags of what was in it are cleared. */
void aurora_work_clear(struct aurora *a);
void aurora_check(const struct aurora *a);
