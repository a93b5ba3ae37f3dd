/* The health check of a plain command, from its mesos.v1.TaskInfo: a part of
 * task_care. What Mesos knows and we do not is refused by name: HTTPS, IPv6. */
#pragma once
#include "executor/thermos/task_care.h"

/* Its rules; nothing for any other task, and for NULL. */
void plain_care_rules(const Mesos__V1__TaskInfo *info,
                      struct thermos_care *out);
/* How to perform it. */
int plain_care_open(struct task_care *care, const Mesos__V1__TaskInfo *info,
                    const struct task_host *host, struct err *err);
