/* What the files of the core share and nobody else uses. */
#pragma once
#include "aurora/core/aurora.h"

enum timer_kind {
    TIMER_TASK,  /* a task's deadline_ms; id is its number */
    TIMER_KILL,  /* a task's kill_at_ms; id is its number */
    TIMER_OFFER, /* an offer was held long enough; id is its number */
    TIMER_PRUNE,
    TIMER_QUESTION, /* ask again; id is its number */
    TIMER_CRON,     /* a scheduled time; id is the cron\'s number */
    TIMER_UPDATE,   /* id is its number << 32 | the slot, or behind them */
    TIMER_KEEP,     /* a place was kept long enough; id is its number */
    TIMER_HOST,     /* a host in trouble; id is its number */
    TIMER_DRAIN,    /* look at hosts that drain */
    TIMER_SLA,      /* a slice of the figures of the last minute */
    TIMER_PREEMPT,  /* a search for tasks to push aside */
    TIMER_ROLLING,  /* a restarted task ran long enough; id is its number */
    TIMER_NOTICE,   /* tell again; id is the line's number */
    TIMER_WAITS,    /* a task waits for long now; id is its number */
    TIMER_JUDGED,   /* members of groups have waited for scripts long enough */
    TIMER_SETTLE    /* who was not heard of; id is the connection's number */
};

/* May a refusal name that job? */
static inline bool aurora_shows(const struct aurora *a,
                                const struct job_key *key)
{
    return !a->onlooker.sees || a->onlooker.sees(a->onlooker.who, key);
}

/* Tasks by number: they may go while a list of them is worked off. */
struct task_numbers {
    uint64_t *item;
    uint32_t count, capacity;
};

/* Marking for save; each object stands in the work at most once. */
void mark_config(struct aurora *a, struct job_config *config);
void mark_job(struct aurora *a, struct job *job);
void mark_task(struct aurora *a, struct task *task);
void mark_host(struct aurora *a, struct host *host);
void mark_update(struct aurora *a, struct update *update);
void mark_slot(struct aurora *a, struct update *update, struct slot *slot);
void mark_firing(struct aurora *a, struct firing *firing);
void mark_notice(struct aurora *a, struct notice *notice);
void mark_forgotten(struct aurora *a, enum record_table table,
                    struct bytes key);

/* records.c: objects come and go. */
struct task *records_add_task(struct aurora *a, struct job *job,
                              struct job_config *config, uint32_t instance,
                              int64_t now_ms);
void records_put_task(struct aurora *a, struct task *task);
/* Take a task out of everything and forget it. */
void records_delete_task(struct aurora *a, struct task *task);
void records_count(struct aurora *a, enum task_state from, enum task_state to);
void records_put_job(struct aurora *a, struct job *job);
void records_delete_job(struct aurora *a, struct job *job);
/* Count a user of the config: the first makes it a record, the last forgets
 * the record. */
void records_use_config(struct aurora *a, struct job_config *config);
void records_unuse_config(struct aurora *a, struct job_config *config);
/* A number for it, and a place at the end of its job. */
void records_put_update(struct aurora *a, struct update *update);
void records_delete_update(struct aurora *a, struct update *update);
void records_tell_job(struct aurora *a, enum event_kind kind, struct job *job,
                      int64_t now_ms);

/* transitions.c: the only place where a task changes its state. False when the
 * change is illegal. The task may be gone afterwards. */
bool task_go(struct aurora *a, struct task *task, enum task_state to,
             const char *message, int64_t now_ms);
void send_kill(struct aurora *a, struct task *task, int64_t now_ms);
/* Set its deadline by its state, and since when it is in it. */
void task_arm(struct aurora *a, struct task *task);
/* Is it in a state from which RESTARTING makes sense? */
bool task_can_restart(const struct task *task);
/* A new task for an instance of the job, PENDING or THROTTLED. */
struct task *task_start(struct aurora *a, struct job *job,
                        struct job_config *config, uint32_t instance,
                        const struct task *ancestor, int64_t now_ms);
/* After a task of the job ended: has the job gone? */
void job_settle(struct aurora *a, struct job *job, int64_t now_ms);

/* rolling.c: restarts and kills in batches. */
/* A task took another state, or is about to be forgotten. */
void rolling_note(struct aurora *a, const struct task *task);
/* Its parts are all there; the job has none under way. */
void rolling_begin_take(struct aurora *a, struct job *job,
                        struct rolling *rolling, int64_t now_ms);
/* Nothing when none is under way. */
void rolling_cancel(struct aurora *a, struct job *job, const char *note,
                    int64_t now_ms);
/* Look at everything that is under way; nothing when none is. */
void rolling_look_again(struct aurora *a, struct job *job);
void rolling_timer(struct aurora *a, uint64_t task_number);
/* The job goes, or begins another one. */
void rolling_forget(struct aurora *a, struct job *job);
/* Work off what the changes of this input have made possible. */
void rolling_go_on(struct aurora *a, int64_t now_ms);

/* settle.c: is what we know of it news? */
bool task_is_settled(const struct aurora *a, const struct task *task,
                     int64_t now_ms);
/* All of its tasks that should be on agents. */
bool job_is_settled(const struct aurora *a, const struct job *job,
                    int64_t now_ms);
/* The master, or its agent, said something about it. */
void settle_note_heard(struct aurora *a, struct task *task, int64_t now_ms);
void settle_connected(struct aurora *a, int64_t now_ms);
void settle_timer(struct aurora *a, uint64_t connection, int64_t now_ms);
void settle_check(const struct aurora *a, const struct job *job);

/* judging.c: scripts judge hosts. */
/* Let the config's questions be those of the table. */
void judging_share(struct aurora *a, struct job_config *config);
/* Ask about hosts that the config's questions have not seen. */
void judging_ask(struct aurora *a, struct job_config *config, int64_t now_ms);
void judging_again(struct aurora *a, uint64_t number, int64_t now_ms);
void judging_release(struct aurora *a);

/* groups.c: tasks that wait. */
void group_add(struct aurora *a, struct task *task);
void group_remove(struct aurora *a, struct task *task);
/* Let the other groups of its priority go first. */
void group_rotate(struct aurora *a, struct job_config *config);
/* A task of the job left its host: where others were one too many, they may not
 * be so any more, whichever of the job's configurations they wait with. */
void group_retry(struct aurora *a, struct job *job);

/* requests.c, scale_requests.c and update_requests.c share these. */
int request_check_count(const struct aurora *a, uint32_t wanted,
                        struct err *err);
/* ERR_JOB_UPDATING while an update of the job is under way; `job` may be NULL.
 */
int request_check_idle(const struct job *job, struct err *err);
/* A job that may take more work: alive and not being killed. */
int request_find_running(const struct aurora *a, const struct job_key *key,
                         struct job **out, struct err *err);
/* ERR_CONFLICT while a rolling kill of the job is under way. */
int request_check_no_kill(const struct job *job, struct err *err);

/* updater.c, update_work.c: updates under way. */
struct update *aurora_update_by_number(const struct aurora *a, uint32_t number);
/* A task came, ended (before it leaves its list), or took another state. */
void updater_note_started(struct aurora *a, struct task *task);
void updater_note_ended(struct aurora *a, struct task *task);
void updater_note_changed(struct aurora *a, const struct task *task);
/* Of the task's job, apart from its instance: who is there for so long. Nobody
 * is from memory alone (settle.h). */
struct sla_facts sla_facts_of(const struct aurora *a, const struct task *victim,
                              int64_t duration_ms, int64_t now_ms);
/* A coordinator answered about it. */
void updater_coordinated(struct aurora *a, struct task *task, bool may_end,
                         int64_t now_ms);
/* Does another task follow the one that ended? Not in a surge, where the one
 * of the other version may be here already. */
bool updater_has_successor(const struct task *ended);
/* What the task that follows this one runs. */
struct job_config *updater_config_after(const struct task *ended);
/* The task runs the same, by another configuration. */
void updater_take_config(struct aurora *a, struct task *task,
                         struct job_config *config);
/* New tasks of the job run `config`; so do those for which it is the same. */
void updater_adopt(struct aurora *a, struct job *job,
                   struct job_config *config);
void updater_begin(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms);
void updater_pause(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms);
void updater_resume(struct aurora *a, struct update *u, const char *message,
                    int64_t now_ms);
void updater_abort(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms);
void updater_turn_back(struct aurora *a, struct update *u, const char *message,
                       int64_t now_ms);
void updater_pulse(struct aurora *a, struct update *u, int64_t now_ms);
void updater_timer(struct aurora *a, uint64_t id);
/* At every instance that is under way. */
void updater_look_again(struct aurora *a, struct update *u);
void updater_restored(struct aurora *a, struct update *u, int64_t now_ms);
/* Work off what the changes of this input have made possible; every input that
 * changes tasks ends with it. */
void updater_go_on(struct aurora *a, int64_t now_ms);

/* app_group_driver.c, app_group_requests.c, app_group_records.c: application
 * groups. Something about the job changed. */
void app_groups_note(struct aurora *a, const struct job *job);
/* Its record comes, or is about to go. */
void app_groups_note_coming(struct aurora *a, struct job *job);
void app_groups_note_going(struct aurora *a, const struct job *job);
/* Work off what the changes of this input have made possible. */
void app_groups_go_on(struct aurora *a, int64_t now_ms);
/* Hosts were judged, or may be asked about now: members that wait for that
 * look again. */
void app_groups_judged(struct aurora *a);
void app_group_set_due(struct aurora *a, struct app_group *group);
void app_group_enter(struct aurora *a, struct app_group *group,
                     enum app_group_state to, const char *message,
                     int64_t now_ms);
/* Out of its group, which goes on without it. */
void app_member_drop(struct aurora *a, struct app_member *member);
/* It ended by itself, and the last task of some instance not well. */
bool job_is_broken(const struct job *job);
/* ERR_CONFLICT for a job that waits with its group; `job` may be NULL. */
int request_check_held(const struct aurora *a, const struct job *job,
                       struct err *err);
struct app_member *aurora_member_by_key(const struct aurora *a,
                                        const struct job_key *key);
void mark_group(struct aurora *a, struct app_group *group);
void mark_member(struct aurora *a, struct app_member *member);
void records_put_member(struct aurora *a, struct app_member *member);
void records_forget_member(struct aurora *a, struct app_member *member);
void records_delete_group(struct aurora *a, struct app_group *group);
void app_groups_work_clear(struct aurora *a);
void app_groups_release(struct aurora *a);
void app_groups_restored(struct aurora *a);
void app_groups_check(const struct aurora *a);
/* aurora.c: like records_use_config for what is in the table already. */
void restored_use(struct aurora *a, struct job_config *config);
/* cron_requests.c, cron_run.c: jobs that the clock starts. */
/* A cron, empty, for a job that has none. */
void cron_put(struct aurora *a, struct job *job);
/* It has a schedule no more: its firings are forgotten. */
void cron_drop(struct aurora *a, struct job *job);
/* May `config`, which has a cron rule, become the job's? `job` may be NULL. */
int cron_check_create(const struct aurora *a, const struct job *job,
                      const struct job_config *config, struct err *err);
/* Times that have come are decided upon by the schedule that was in force,
 * before that changes, and before it is paused. `job` may be NULL, or no cron
 * job. */
void cron_settle(struct aurora *a, struct job *job, int64_t now_ms);
/* The job's config has a cron rule now; `before` is the one it had, or NULL. */
void cron_scheduled(struct aurora *a, struct job *job,
                    const struct cron_rule *before, int64_t now_ms);
/* Wait for its next time. */
void cron_arm(struct aurora *a, struct cron *cron);
/* Its timer rang: crons_ring decides, when all that ring now are known. */
void cron_timer(struct aurora *a, uint64_t number);
void crons_ring(struct aurora *a, int64_t now_ms);
const struct firing *cron_fire_now(struct aurora *a, struct cron *cron,
                                   struct cron_run run, int64_t now_ms);
void cron_cancel_waiting(struct aurora *a, struct cron *cron, int64_t now_ms);
/* Something may have changed for it: crons_go_on looks at it. */
void cron_look_again(struct aurora *a, struct cron *cron);
/* A task of a cron job ended, or another one takes its place. */
void cron_note_ended(struct aurora *a, const struct task *task);
void cron_note_follows(struct aurora *a, struct task *task,
                       const struct task *ancestor);
/* Runs that ended, and those that follow; updater_go_on calls it. */
void crons_go_on(struct aurora *a, int64_t now_ms);
void crons_restored(struct aurora *a);
void cron_check(const struct job *job);
void records_free_firing(struct aurora *a, struct firing *firing);
