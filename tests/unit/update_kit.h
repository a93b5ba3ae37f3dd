/* Updates over the API, beside a cluster that does what commands say. */
#pragma once
#include "aurora_kit.h"

#include "aurora/core/update_machine.h"

#include <stdbool.h>

typedef Perigee__Aurora__UpdateView View;

#define START(cmd, n, update)                                            \
    "{\"type\":\"START_UPDATE\",\"create_job\":{\"job\":{\"cluster\":"   \
    "\"devcluster\",\"role\":\"www\",\"environment\":\"prod\",\"name\":" \
    "\"web\",\"service\":true,\"instances\":" n ",\"update\":{" update   \
    "},\"task\":{\"name\":\"web\",\"processes\":[{\"name\":\"p\","       \
    "\"cmdline\":\"" cmd "\"}],\"resources\":{\"cpu_milli\":500,"        \
    "\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}"
#define ACT(type) "{\"type\":\"" type "\",\"update\":{" KEY "}}"
#define UPDATE_STATE(name) PERIGEE__AURORA__UPDATE_STATE__##name

/* --- a cluster that does what commands say --- */

/* Tasks were launched and killed: "bad" ones fail, all others run. One round;
 * true when something happened. */
static inline bool one_round(struct world *w)
{
    struct order did[ORDERS_MAX];
    int count = take_orders(w, did);

    for (int i = 0; i < count; i++) {
        bool is_bad = strncmp(did[i].command, "bad", 3) == 0;
        update(w, did[i].id, "m-S0",
               did[i].is_kill ? STATE(KILLED)
               : is_bad       ? STATE(FAILED)
                              : STATE(RUNNING),
               NULL);
    }
    return count > 0;
}

/* Until nothing happens any more without the passing of time. */
static inline void settle(struct world *w)
{
    for (int quiet = 0, rounds = 0; quiet < 2; rounds++) {
        assert_true(rounds < 200);
        offer(w, "m-S0", 16);
        quiet = one_round(w) ? 0 : quiet + 1;
    }
}

static inline const View *get_update(struct world *w)
{
    post(w, ACT("GET_UPDATE"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 1);
    return w->answer->updates[0];
}

static inline void expect_state(struct world *w,
                                Perigee__Aurora__UpdateState state)
{
    const View *view = get_update(w);

    if (view->state != state)
        fail_msg("want %s, got %s: %s",
                 update_state_name((enum update_state)state),
                 update_state_name((enum update_state)view->state),
                 view->message ? view->message : "");
}

/* The commands of the active tasks by instance: "old old new", "-" for none. */
static inline const char *runs(struct world *w)
{
    static char text[256];
    const Answer *a = get_job(w);
    size_t size = 0;

    text[0] = '\0';
    for (uint32_t instance = 0; instance < 8; instance++)
        for (size_t i = 0; i < a->n_tasks; i++) {
            const Perigee__Aurora__TaskView *t = a->tasks[i];
            const char *command =
                a->n_jobs ? a->jobs[0]->job->task->processes[0]->cmdline : "";
            if (t->instance != instance || t->state >= SHOWN(FINISHED))
                continue;
            for (size_t c = 0; c < a->n_configs; c++)
                if (strcmp(a->configs[c]->config_id, t->config_id) == 0)
                    command = a->configs[c]->job->task->processes[0]->cmdline;
            size += (size_t)snprintf(text + size, sizeof text - size, "%s%u:%s",
                                     size ? " " : "", instance, command);
        }
    return text;
}

static inline struct world *with(const char *n, const char *command)
{
    struct world *w = world_new();

    post(w, arena_printf(&w->arena,
                         START("%s", "%s",
                               "\"watch_secs\":0,"
                               "\"batch_size\":9"),
                         n, command));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    return w;
}

/* How the instances were begun, in order: "2 0,1" by the times of events. */
static inline uint32_t begun(struct world *w)
{
    const View *view = get_update(w);
    uint32_t count = 0;

    for (size_t i = 0; i < view->n_changes; i++)
        count += view->changes[i]->phase !=
                 PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__PHASE__WAITING;
    return count;
}

/* The instance's task fails; its agent says so. */
static inline void fail_instance(struct world *w, uint32_t instance)
{
    const Answer *a = get_job(w);

    for (size_t i = 0; i < a->n_tasks; i++)
        if (a->tasks[i]->instance == instance &&
            a->tasks[i]->state == SHOWN(RUNNING)) {
            update(w, a->tasks[i]->task_id, "m-S0", STATE(FAILED), NULL);
            return;
        }
}
