/* Performs the health checks of one task, one at a time: over HTTP, by
 * connecting, by a shell command or a function in a child. The check of a
 * snoozed job's task is not performed and good: .healthchecksnooze in the
 * sandbox snoozes it. Counting is core/health's business. */
#pragma once
#include "executor/thermos/task_care.h"
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct process_watch;
struct checker;

enum { CHECKER_REASON_MAX = 512 };

/* Called once for each check that is not dropped, from the loop or from
 * checker_begin. reason: what is wrong, "" when nothing is. */
typedef void checker_done(void *context, uint64_t number, bool is_good,
                          const char *reason);

/* Everything is borrowed for the life. */
struct checker *checker_open(struct event_base *base,
                             struct process_watch *watch,
                             const struct task_care *care, const char *sandbox,
                             checker_done *done, void *context);
void checker_close(struct checker *checker); /* accepts NULL */
void checker_begin(struct checker *checker, uint64_t number);
/* Drop the check under way; nothing is told of it. */
void checker_drop(struct checker *checker);
