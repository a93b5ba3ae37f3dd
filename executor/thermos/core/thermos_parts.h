/* The insides of core/thermos, shared by its files: thermos.c (the agent,
 * updates, time) and thermos_task.c (the task). */
#pragma once
#include "executor/thermos/core/thermos.h"

enum { /* mesos.v1.TaskStatus.Reason */
       THERMOS_REASON_NONE = -1,
       THERMOS_REASON_DISK = 20,
       THERMOS_REASON_HEALTH = 29,
       THERMOS_REASON_TIME = 33
};

/* thermos.c */
struct thermos_effect *thermos_add(struct thermos_effects *fx,
                                   enum thermos_act act);
void thermos_say(struct thermos_effects *fx, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A state of some task, to be told to the agent. */
void thermos_report_of(struct thermos *t, const char *task_id,
                       enum thermos_state state, const char *message,
                       int reason, int64_t now_ms);
/* As if it had never been. */
void thermos_forget_update(struct thermos *t, uint32_t at);
bool thermos_is_active(const struct thermos *t); /* launched and not ended */

/* thermos_task.c: inputs about the task. */
void thermos_task_init(struct thermos *t);
void thermos_task_launch(struct thermos *t, const struct thermos_input *input,
                         int64_t now_ms, struct thermos_effects *fx);
void thermos_task_kill(struct thermos *t, const struct thermos_input *input,
                       int64_t now_ms, struct thermos_effects *fx);
void thermos_task_shut_down(struct thermos *t, int64_t now_ms,
                            struct thermos_effects *fx);
void thermos_task_running(struct thermos *t, int64_t grace_ms, int64_t now_ms,
                          struct thermos_effects *fx);
void thermos_task_ended(struct thermos *t, enum thermos_state state,
                        const char *text, int64_t now_ms,
                        struct thermos_effects *fx);
void thermos_runner_died(struct thermos *t, const char *why, int64_t now_ms,
                         struct thermos_effects *fx);
void thermos_task_checked(struct thermos *t, const struct thermos_input *input,
                          int64_t now_ms, struct thermos_effects *fx);
void thermos_task_measured(struct thermos *t, int64_t bytes, int64_t now_ms,
                           struct thermos_effects *fx);
void thermos_task_torn(struct thermos *t, const struct thermos_input *input,
                       int64_t now_ms);
void thermos_task_time(struct thermos *t, int64_t now_ms,
                       struct thermos_effects *fx);
int64_t thermos_task_next_ms(const struct thermos *t);
void thermos_task_check(const struct thermos *t);
/* The link changed: how long the runner may go on should we die. */
void thermos_tell_link(const struct thermos *t, struct thermos_effects *fx);
