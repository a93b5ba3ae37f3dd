/* The executor's core alone: the test plays its agent and its runner. */
#pragma once
#include "executor/thermos/core/thermos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct thermos t;
    struct thermos_effects fx;
    int64_t now_ms;
    struct blob *task;
};

static const struct thermos_options checkpointing = {.framework_id = "f",
                                                     .executor_id = "e",
                                                     .recovery_timeout_ms =
                                                         60000,
                                                     .backoff_max_ms = 2000,
                                                     .shutdown_grace_ms = 4000,
                                                     .seed = 1};

static inline void rig_init(struct rig *r,
                            const struct thermos_options *options)
{
    *r = (struct rig){.now_ms = 1000, .task = blob_new(bytes_of("T", 1))};
    thermos_init(&r->t, options);
    thermos_begin(&r->t, r->now_ms, &r->fx);
    assert_int_equal(r->fx.list.count, 1);
    assert_int_equal(r->fx.list.item[0].act, THERMOS_SUBSCRIBE);
}

static inline void rig_release(struct rig *r)
{
    thermos_release(&r->t);
    vec_free(&r->fx.list);
    blob_unref(r->task);
}

static inline void put(struct rig *r, struct thermos_input input)
{
    r->fx.list.count = 0;
    thermos_step(&r->t, &input, r->now_ms, &r->fx);
    thermos_check(&r->t);
}

static inline const struct thermos_effect *find(const struct rig *r,
                                                enum thermos_act act)
{
    for (uint32_t i = 0; i < r->fx.list.count; i++)
        if (r->fx.list.item[i].act == act)
            return &r->fx.list.item[i];
    return NULL;
}

static inline void subscribed(struct rig *r, bool killing)
{
    put(r, (struct thermos_input){.kind = THERMOS_IN_SUBSCRIBED,
                                  .has_killing_state = killing});
}

/* Up to the launch of a task that is cared for. */
static inline void rig_launch(struct rig *r, const struct thermos_care *care,
                              int64_t grace_ms)
{
    rig_init(r, &checkpointing);
    subscribed(r, true);
    put(r, (struct thermos_input){.kind = THERMOS_IN_LAUNCH,
                                  .task_id = "t",
                                  .task = r->task,
                                  .grace_ms = grace_ms,
                                  .care = care});
}

static inline const struct thermos_update *newest(const struct rig *r)
{
    return &r->t.updates.item[r->t.updates.count - 1];
}
