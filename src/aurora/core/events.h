/* What happened, in order: a ring of the newest events, each with the next
 * sequence number. An event is a snapshot made of shared immutable parts, so it
 * tells what was true then, however its task went on.
 *
 * Sequence numbers never repeat, over restarts too: a ceiling is stored ahead
 * of use, and a new life begins at the ceiling of the last one. */
#pragma once
#include "aurora/core/app_group.h"
#include "aurora/core/hosts.h"
#include "aurora/core/cron.h"
#include "aurora/core/notices.h"
#include "aurora/core/task.h"
#include "aurora/core/update.h"
#include <stdint.h>

enum {
    EVENTS_MAX = 16384,      /* kept; older ones are answered with 410 */
    SEQUENCE_BLOCK = 100000, /* numbers reserved at a time */
    SEQUENCE_MARGIN = 50000  /* reserve more when fewer are left */
};

/* The numbers are those of perigee.aurora.Event.Type. */
enum event_kind {
    EVENT_JOB_CREATED = 3,
    EVENT_JOB_CHANGED = 4,
    EVENT_JOB_REMOVED = 5,
    EVENT_TASK_CHANGED = 6,
    EVENT_UPDATE_CHANGED = 8,
    EVENT_HOST_CHANGED = 290,
    EVENT_ROLLING_CHANGED = 320,
    EVENT_GROUP_CHANGED = 350,
    EVENT_FIRING_CHANGED = 380,
    EVENT_NOTICE_GIVEN_UP = 510,
    EVENT_QUOTA_CHANGED = 440
};

/* The numbers are those of perigee.aurora.HostEvent.Change. */
enum host_change {
    HOST_SEEN = 1,
    HOST_CHANGED,
    HOST_LOST,
    HOST_IN_TROUBLE,
    HOST_RECOVERED,
    HOST_FORGOTTEN,
    HOST_MAINTENANCE
};

struct event {
    uint64_t sequence;
    int64_t at_ms;
    enum event_kind kind;
    struct blob *key_text;     /* owned reference, as all below; NULL: of no
                                  job */
    struct job_config *config; /* the job's, or the task's; NULL: of no job */
    uint32_t instances;        /* of the job */
    /* EVENT_TASK_CHANGED */
    struct blob *task_id;
    struct blob *ancestor;
    struct placement *placement;
    struct blob *message;
    enum task_state state;
    uint32_t instance, failures;
    /* EVENT_UPDATE_CHANGED; `message` is of the state */
    struct blob *update_id;
    enum update_state update_state;
    enum slot_event_kind slot_event; /* of `instance`; 0: of the whole */
    uint32_t slots[SLOT_PHASE_COUNT];
    uint32_t canary; /* instances that are judged; 0: none now */
    /* EVENT_HOST_CHANGED; `message` may be NULL. */
    enum host_change host_change;
    struct blob *agent_id, *hostname, *endpoint;
    struct amounts total;
    /* EVENT_ROLLING_CHANGED; `message` is its note, `slots` count by phase */
    enum rolling_kind rolling_kind;
    enum rolling_state rolling_state;
    enum part_phase part_phase; /* of `instance`; 0: of the whole */
    uint64_t rolling_number;
    /* EVENT_GROUP_CHANGED, which has no config; `message` is of the state, or
     * of the member */
    enum app_group_state group_state;
    struct blob *member; /* its key; NULL: the group as a whole */
    enum member_action member_action;
    enum member_phase member_phase;
    uint32_t phases[MEMBER_PHASE_COUNT];
    /* EVENT_FIRING_CHANGED */
    struct firing *firing; /* owned; a copy */
    /* EVENT_NOTICE_GIVEN_UP; `message` is why, `failures` the tries */
    struct blob *receiver;
    enum notify_what what;
    /* EVENT_QUOTA_CHANGED */
    struct quota *quota; /* owned; a copy */
};

struct event_log {
    struct event *ring; /* owned; grows up to EVENTS_MAX */
    uint32_t count, capacity, first;
    uint64_t next; /* number of the next event; the first ever is 1 */
};

/* A new life that begins behind `sequence`. */
void event_log_init(struct event_log *log, uint64_t sequence);
void event_log_release(struct event_log *log);
uint64_t event_log_job(struct event_log *log, enum event_kind kind,
                       const struct job *job, int64_t now_ms);
/* The task's newest history entry. */
uint64_t event_log_task(struct event_log *log, const struct task *task,
                        int64_t now_ms);
/* A task that never reached a host is dropped: it is DELETED, with the message
 * of its newest entry. No other end is told for it. */
uint64_t event_log_dropped(struct event_log *log, const struct task *task,
                           int64_t now_ms);
/* The newest history entry of the update, or of one of its slots. */
uint64_t event_log_update(struct event_log *log, const struct update *update,
                          const struct slot *slot, int64_t now_ms);
uint64_t event_log_host(struct event_log *log, enum host_change change,
                        const struct host *host, const char *message,
                        int64_t now_ms);
/* The job's rolling work, or one of its parts. */
uint64_t event_log_rolling(struct event_log *log, const struct job *job,
                           const struct part *part, int64_t now_ms);
/* The newest history entry of the group, or one of its members. */
uint64_t event_log_group(struct event_log *log, const struct app_group *group,
                         const struct app_member *member, int64_t now_ms);
uint64_t event_log_firing(struct event_log *log, const struct firing *firing,
                          int64_t now_ms);
/* Nobody took it for too long. */
uint64_t event_log_notice(struct event_log *log, const struct notice *notice,
                          int64_t now_ms);
uint64_t event_log_quota(struct event_log *log, const struct quota *quota,
                         int64_t now_ms);
/* The first number still here (== next when there is none). */
uint64_t event_log_first(const struct event_log *log);
/* NULL when it is gone or has not happened. */
const struct event *event_log_get(const struct event_log *log,
                                  uint64_t sequence);
