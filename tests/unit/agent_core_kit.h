/* An agent's core, one executor with a task in it, and its effects. */
#pragma once
#include "agent/core/core.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static const struct agent_times TIMES = {.registration = MINUTE,
                                         .reregistration = 2 * SECOND,
                                         .shutdown_grace = 5 * SECOND,
                                         .recovery = 15 * MINUTE};

struct fixture {
    struct agent_core *core;
    struct agent_effects fx;
    struct resources resources;
};

static inline int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.core = agent_core_new(7, &TIMES)};
    resources_add_scalar(&f.resources, "cpus", 100);
    resources_add_scalar(&f.resources, "mem", 32000);
    agent_core_start(f.core, 0, &f.fx);
    f.fx.count = 0;
    *state = &f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    agent_core_free(f->core);
    resources_release(&f->resources);
    vec_free(&f->fx);
    return 0;
}

static inline void done(struct fixture *f)
{
    agent_core_check(f->core);
    f->fx.count = 0;
}

static inline const struct agent_effect *effect(const struct fixture *f,
                                                enum agent_effect_kind kind)
{
    for (uint32_t i = 0; i < f->fx.count; i++)
        if (f->fx.item[i].kind == kind)
            return &f->fx.item[i];
    return NULL;
}

static inline uint32_t count(const struct fixture *f,
                             enum agent_effect_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->fx.count; i++)
        n += f->fx.item[i].kind == kind;
    return n;
}

static inline void run_in(struct fixture *f, const char *task,
                          const char *executor)
{
    struct agent_run run = {
        .framework = {.id = "f", .user = "u", .info = bytes_of_text("F")},
        .executor = {.id = executor,
                     .is_command = executor == NULL,
                     .info = bytes_of_text("E"),
                     .resources = &f->resources,
                     .grace_ms = -1},
        .task = {.id = task,
                 .info = bytes_of_text("T"),
                 .resources = &f->resources}};
    agent_core_run(f->core, &run, 0, &f->fx);
}

static inline struct agent_executor *executor(struct fixture *f, const char *id)
{
    struct agent_framework *framework = agent_core_framework(f->core, "f");
    return framework ? agent_core_executor(framework, id) : NULL;
}

static inline struct agent_task *task(struct fixture *f, const char *id)
{
    struct agent_framework *framework = agent_core_framework(f->core, "f");
    return framework ? agent_core_task(framework, id) : NULL;
}

static inline void subscribe(struct fixture *f, const char *id, uint64_t stream)
{
    struct agent_subscribe subscribe = {.executor = executor(f, id),
                                        .stream = stream};
    agent_core_subscribe(f->core, &subscribe, 0, &f->fx);
}

/* A task in its own executor, started and subscribed. */
static inline void start(struct fixture *f, const char *id, uint64_t stream)
{
    run_in(f, id, NULL);
    agent_core_started(f->core, executor(f, id)->container_id, 100, 1, 0,
                       &f->fx);
    subscribe(f, id, stream);
    done(f);
}

static inline struct uuid uuid(uint8_t n)
{
    return (struct uuid){.byte = {n}};
}

static inline int update(struct fixture *f, const char *id, uint8_t n,
                         enum agent_task_state state)
{
    struct agent_status status = {.task_id = id,
                                  .uuid = uuid(n),
                                  .state = state,
                                  .status = bytes_of_text("S")};
    return agent_core_update(f->core, executor(f, id), &status, 0, &f->fx);
}

static inline void acknowledge(struct fixture *f, const char *id,
                               struct uuid uuid)
{
    agent_core_acknowledge(f->core, "f", id, uuid, 0, &f->fx);
}
