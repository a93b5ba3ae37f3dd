/* The environment of a process while it is put together: names with values,
 * bounded, each name once. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "executor/thermos/task_config.h"
#include <stdint.h>

struct environment {
    struct arena *arena;
    const char **item; /* NAME=value, NULL-terminated */
    uint32_t count, capacity;
};

/* `capacity` is cut to TASK_ENV_MAX. */
void environment_init(struct environment *env, struct arena *arena,
                      size_t capacity);
/* A later value of a name replaces an earlier one. */
int environment_put(struct environment *env, const char *name,
                    const char *value, struct err *err);
/* Everything that the machine hands down. */
int environment_inherit(struct environment *env, const struct task_host *host,
                        struct err *err);
size_t environment_inherited_count(const struct task_host *host);
/* One value of it; NULL when there is none. */
const char *environment_inherited(const struct task_host *host,
                                  const char *name);
