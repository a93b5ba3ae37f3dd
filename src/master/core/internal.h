/* What the master's core files share among themselves. */
#pragma once
#include "master/core/master.h"

enum timer_kind { /* heap entries: id is the number of an agent, ... */
                  TIMER_PING,
                  TIMER_RETURN, /* a recovered agent must be back */
                  TIMER_HEARTBEAT,
                  TIMER_FAILOVER,
                  TIMER_OFFER,
                  TIMER_INVERSE /* frameworks are asked for an agent */
};

/* An output for its stream; NULL when it has none. */
struct output *framework_output(struct outputs *out, const struct framework *f,
                                enum output_kind kind);
struct output *agent_output(struct outputs *out, const struct agent *agent,
                            enum output_kind kind);

void link_add(struct master *m, uint64_t stream, bool is_agent,
              uint64_t number);
void link_remove(struct master *m, uint64_t stream);

struct agent *master_agent_numbered(const struct master *m, uint64_t number);

void string_list_set(struct string_list *list, const char *const *item,
                     uint32_t count);
void string_list_release(struct string_list *list);

/* --- offers */
/* Only the very text that was given names an offer. */
bool offer_number_parse(const struct master *m, const char *id, uint64_t *out);

/* The framework is told that the offer of this number is gone, of either kind
 * (OUTPUT_RESCIND, OUTPUT_RESCIND_INVERSE); false: it has no stream. */
bool offer_tell_gone(const struct master *m, const struct framework *f,
                     enum output_kind kind, uint64_t number,
                     struct outputs *out);

/* --- inverse offers (inverse.c) */
/* Look at the agent then: who is to be asked for it? */
void inverse_wake(struct master *m, struct agent *agent, int64_t at_ms);
/* The same for every agent of which the framework uses something. */
void inverse_wake_framework(struct master *m, const struct framework *f,
                            int64_t now_ms);
/* Filters of its answers are over. */
void inverse_revive(struct master *m, struct framework *f, int64_t now_ms);
/* What is out for it is void; answers are kept. Frameworks are told. */
void inverse_withdraw_agent(struct master *m, struct agent *agent,
                            struct outputs *out);
void inverse_forget_agent(struct master *m, struct agent *agent,
                          struct outputs *out);
/* Nobody is told; it is asked anew when it is back. */
void inverse_withdraw_framework(struct master *m, struct framework *f);
void inverse_forget_framework(struct master *m, struct framework *f);
/* Make those that are due. */
void inverse_run(struct master *m, int64_t now_ms, struct outputs *out);

/* --- frameworks */
void framework_disconnect(struct master *m, struct framework *f, int64_t now_ms,
                          struct outputs *out);
/* It has to come back before then. */
void framework_expect(struct master *m, struct framework *f, int64_t at_ms);
void framework_on_failover_time(struct master *m, struct framework *f,
                                int64_t now_ms, struct outputs *out);
void framework_on_heartbeat(struct master *m, struct framework *f,
                            int64_t now_ms, struct outputs *out);
struct framework *framework_new(struct master *m,
                                const struct framework_head *head);
void framework_free(struct framework *f);
void master_complete_framework(struct master *m, struct framework *f,
                               int64_t now_ms, struct outputs *out);

/* --- tasks */
struct task *task_new(struct framework *f, const char *id);
void task_free(struct task *task);
void task_join_agent(struct task *task, struct agent *agent);
void task_leave_agent(struct task *task);
/* Its resources are free again. */
void task_uncharge(struct master *m, struct task *task, int64_t now_ms);
void task_add_status(struct task *task, const struct status *status);
const struct status *task_last_status(const struct task *task);
/* From the framework's tasks (or unreachable) to the completed ones. */
void task_complete(struct master *m, struct task *task);
void task_set_unreachable(struct master *m, struct task *task);
void task_set_reachable(struct task *task);
/* KILL again, after the agent came back. */
void task_resend_kill(struct task *task, struct outputs *out);
struct task *find_task(struct task *tasks, const char *id);
/* The state as this framework may see it. */
enum task_state framework_view(const struct framework *f,
                               enum task_state state);
/* A status made here for a task we know; recorded and told. It ends the task
 * when the state is terminal: it moves to the completed ones. */
void task_end(struct master *m, struct task *task, enum task_state state,
              enum status_reason reason, const char *text, int64_t now_ms,
              struct outputs *out);
/* Only told. `like` is a packed TaskStatus to repeat details of, or NULL. */
void tell_status(struct outputs *out, const struct framework *f,
                 const char *task_id, const char *agent_id,
                 enum task_state state, enum status_reason reason,
                 const char *text, int64_t unreachable_ms, struct blob *like);

/* --- executors */
struct executor *executor_find(const struct agent *agent,
                               const char *framework_id,
                               const char *executor_id);
struct executor *executor_add(struct agent *agent, struct framework *f,
                              const char *id, const char *role,
                              const struct resources *resources,
                              struct bytes info);
/* With `recover` its resources are free again. */
void executor_remove(struct master *m, struct executor *executor, bool recover,
                     int64_t now_ms);

/* --- agents */
void agent_free(struct agent *agent);
struct agent *agent_new(struct master *m, const char *id);
void agent_disconnect(struct master *m, struct agent *agent, int64_t now_ms,
                      struct outputs *out);
void agent_on_ping_time(struct master *m, struct agent *agent, int64_t now_ms,
                        struct outputs *out);
void agent_mark_unreachable(struct master *m, struct agent *agent,
                            int64_t now_ms, struct outputs *out);
/* Nothing of it is allocated any more, whatever its tasks say. */
void agent_leave_allocator(struct master *m, struct agent *agent);
/* It is gone for good: ends its tasks and frees it. */
void agent_remove(struct master *m, struct agent *agent, const char *why,
                  int64_t now_ms, struct outputs *out);
void agent_set_state(struct master *m, struct agent *agent,
                     enum agent_state state);
void agent_tell_lost(struct master *m, const struct agent *agent,
                     struct outputs *out);
void agent_start_pinging(struct master *m, struct agent *agent, int64_t now_ms,
                         struct outputs *out);
