#include "executor/thermos/task_environment.h"

#include <stdio.h>
#include <string.h>

void environment_init(struct environment *env, struct arena *arena,
                      size_t capacity)
{
    if (capacity > TASK_ENV_MAX)
        capacity = TASK_ENV_MAX;
    *env = (struct environment){.arena = arena, .capacity = (uint32_t)capacity};
    /* One more for BASH_ENV (child.c), one for the end. */
    env->item = arena_zalloc(arena, (capacity + 2) * sizeof *env->item);
}

int environment_put(struct environment *env, const char *name,
                    const char *value, struct err *err)
{
    size_t size = strlen(name);
    if (size == 0 || strchr(name, '=') != NULL)
        return err_set(
            err, ERR_INVALID,
            "environment variable '%.100s': want a name without =", name);
    const char *item = arena_printf(env->arena, "%s=%s", name, value);
    for (uint32_t i = 0; i < env->count; i++)
        if (strncmp(env->item[i], item, size + 1) == 0) {
            env->item[i] = item;
            return 0;
        }
    if (env->count == env->capacity)
        return err_set(err, ERR_LIMIT, "environment: at most %d variables",
                       TASK_ENV_MAX);
    env->item[env->count++] = item;
    return 0;
}

size_t environment_inherited_count(const struct task_host *host)
{
    size_t n = 0;
    while (host->environ[n] != NULL)
        n++;
    return n;
}

const char *environment_inherited(const struct task_host *host,
                                  const char *name)
{
    size_t size = strlen(name);
    for (const char *const *item = host->environ; *item != NULL; item++)
        if (strncmp(*item, name, size) == 0 && (*item)[size] == '=')
            return *item + size + 1;
    return NULL;
}

int environment_inherit(struct environment *env, const struct task_host *host,
                        struct err *err)
{
    for (const char *const *item = host->environ; *item != NULL; item++) {
        const char *equals = strchr(*item, '=');
        if (equals == NULL || equals == *item)
            continue;
        char *name = arena_strndup(env->arena, *item, (size_t)(equals - *item));
        int rc = environment_put(env, name, equals + 1, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}
