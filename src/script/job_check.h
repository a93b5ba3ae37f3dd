/* What must hold for a task and a job beyond its single fields, and for jobs
 * that come as JSON also every field, by the schema. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "perigee/job.pb-c.h"

enum { JOB_PORTS_MAX = 256 };

/* `field` as "processes[2].name"; `expected` and `nearest` may be NULL. */
typedef void job_problem(void *context, const char *field, const char *message,
                         const char *expected, const char *nearest);

/* Names twice, orders that name no process, have a cycle, mix final and
 * ordinary processes, or wait for what does not end; names fetched twice. */
void task_check(const Perigee__TaskConfig *task, job_problem *problem,
                void *context);
/* NULL, or what is wrong with both together. */
const char *job_tier_problem(bool production, const char *tier);
/* The ports its command lines name, sorted, into the arena; false when they are
 * more than JOB_PORTS_MAX, and then none are set. */
bool job_set_ports(Perigee__Job *job, struct arena *arena);

/* Is it a complete job, as evaluation yields them? The first problem is told:
 * ERR_INVALID with the field. */
int job_check(const Perigee__Job *job, struct err *err);
/* Fill what is unset with the language's defaults (job->name from the task,
 * ports, ...), then job_check(). New strings live in the arena. */
int job_complete(Perigee__Job *job, struct arena *arena, struct err *err);
