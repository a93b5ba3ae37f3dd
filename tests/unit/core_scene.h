/* The bare core of the scheduler, one job, one agent with room for everything,
 * and a clock that is a number. */
#pragma once
#include "aurora/core/aurora.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

#define KEY_OF_SCENE (&(const struct job_key){"c", "www", "prod", "web"})

struct scene {
    struct aurora a;
    int64_t now_ms;
    int offers;
};

static inline void begin(struct scene *s)
{
    struct aurora_limits_config limits = {.tasks_per_job_max = 4000,
                                          .offer_hold_ms = 60000};

    *s = (struct scene){.now_ms = 1700000000000};
    aurora_init(&s->a, &limits, 1);
    aurora_restored(&s->a, 0, s->now_ms);
    aurora_connected(&s->a, s->now_ms);
}

static inline void end(struct scene *s)
{
    aurora_check(&s->a);
    aurora_release(&s->a);
}

/* Time passes; everything due happens when it is due. */
static inline void pass(struct scene *s, int64_t ms)
{
    int64_t end_ms = s->now_ms + ms;

    for (;;) {
        int64_t next_ms = aurora_next_ms(&s->a);
        if (next_ms > end_ms)
            break;
        s->now_ms = next_ms > s->now_ms ? next_ms : s->now_ms;
        aurora_time(&s->a, s->now_ms);
        aurora_check(&s->a);
    }
    s->now_ms = end_ms;
}

static inline struct job_config *config_new(bool is_service,
                                            int32_t failures_max)
{
    struct job_config *config =
        job_config_new(KEY_OF_SCENE, bytes_of_text("web"));

    config->is_service = is_service;
    config->failures_max = failures_max;
    config->task = config->need = (struct amounts){100, 1000, 1000, 0};
    return config;
}

static inline struct job *create_take(struct scene *s,
                                      struct job_config *config,
                                      uint32_t instances)
{
    uint64_t sequence;
    struct err err = {0};

    if (aurora_create_take(&s->a, config, instances, s->now_ms, &sequence,
                           &err) < 0)
        fail_msg("%s", err.text);
    return aurora_job(&s->a, KEY_OF_SCENE);
}

/* An agent offers room for so many tasks of config_new; what waits is placed.
 */
static inline void place_room(struct scene *s, int64_t tasks)
{
    struct attributes none = {0};
    struct amounts room = {100 * tasks, 1000 * tasks, 1000 * tasks, 0};
    struct ranges ports = {0};
    char id[32];

    snprintf(id, sizeof id, "o-%d", ++s->offers);
    aurora_offer(&s->a, bytes_of_text(id), bytes_of_text("m-S0"), "host0", "",
                 &none, &room, &ports, s->now_ms);
    aurora_place(&s->a, s->now_ms);
    ranges_release(&ports);
}

/* It offers enough. */
static inline void place(struct scene *s)
{
    place_room(s, 10000);
}

static inline void report(struct scene *s, struct task *task,
                          enum task_state state)
{
    struct blob *id = blob_ref(task->id);

    aurora_report(&s->a, blob_bytes(id), bytes_of_text("m-S0"), state, NULL,
                  s->now_ms);
    aurora_check(&s->a);
    blob_unref(id);
}

/* The task of instance 0, brought to RUNNING. */
static inline struct task *running(struct scene *s, struct job *job)
{
    struct task *task = job_active(job, 0);

    if (task->state == TASK_PENDING)
        place(s);
    report(s, task, TASK_RUNNING);
    assert_int_equal(task->state, TASK_RUNNING);
    return task;
}

static inline void forget_work(struct scene *s)
{
    aurora_reserve_sequence(&s->a);
    aurora_work_clear(&s->a);
}
