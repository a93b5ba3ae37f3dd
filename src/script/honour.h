/* What a job file may say and no part of the cluster can do yet. The scheduler
 * refuses such a job at `create`, by field and reason; `clusterctl check`
 * warns. Who makes the cluster able to do something deletes its row in
 * honour.c. */
#pragma once
#include "perigee/job.pb-c.h"
#include "perigee/script.pb-c.h"
#include <stddef.h>

typedef void honour_refused(void *context, const char *field,
                            const char *reason);

/* Tell every row that the job asks for; their number. A field with all its
 * defaults asks for nothing. The job is complete, as evaluation yields it. */
size_t honour_check(const Perigee__Job *job, honour_refused *tell,
                    void *context);

/* The same for what a file gives besides jobs: groups, quotas, roles, users. */
size_t honour_check_file(const Perigee__Evaluation *evaluation,
                         honour_refused *tell, void *context);
/* The name of a group that the job starts with, or NULL. */
const char *honour_group(const Perigee__Evaluation *evaluation,
                         const Perigee__Job *job);
