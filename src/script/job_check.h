/* What must hold for a task and a job beyond its single fields, and for jobs
 * that come as JSON also every field, by the schema. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "perigee/job.pb-c.h"

enum { JOB_PORTS_MAX = 256 };

/* The constraint's attribute that keeps hosts for some jobs. */
#define DEDICATED "dedicated"

/* `field` as "processes[2].name"; `expected` and `nearest` may be NULL. */
typedef void job_problem(void *context, const char *field, const char *message,
                         const char *expected, const char *nearest);

/* Names twice, orders that name no process, have a cycle, mix final and
 * ordinary processes, or wait for what does not end; names fetched twice. */
void task_check(const Perigee__TaskConfig *task, job_problem *problem,
                void *context);
/* NULL, or what is wrong with both together. */
const char *job_tier_problem(bool production, const char *tier);
/* Settle what depends on the ports, new texts into the arena: port_names
 * (sorted; those that commands name, and what the announcer's map points to),
 * the announcer's map, the port of a health check, and the health check and
 * lifecycle that a task with a port "health" has by default. False when a
 * problem was told. */
bool job_resolve(Perigee__Job *job, struct arena *arena, job_problem *problem,
                 void *context);
/* What must hold between the fields of a settled job. */
void job_rules(const Perigee__Job *job, job_problem *problem, void *context);
/* Of some fields one is wanted, and some go together: for jobs as JSON. */
void job_choices(const Perigee__Job *job, job_problem *problem, void *context);

/* Is it a complete job, as evaluation yields them? The first problem is told:
 * ERR_INVALID with the field. */
int job_check(const Perigee__Job *job, struct err *err);
/* Fill what is unset with the language's defaults (job->name from the task,
 * ports, ...), then job_check(). New strings live in the arena. */
int job_complete(Perigee__Job *job, struct arena *arena, struct err *err);
