#include "tests/sim/care.h"

#include "executor/thermos/program.h"

#include <stdio.h>

enum { CHECK_MS_MAX = 200, POST_MS_MAX = 1500, ANNOUNCE_MS_MAX = 3000 };

static void check(struct container *c, const struct executor_check *act)
{
    struct world *w = c->executor.w;
    struct executor_checked fact = {.number = act->number,
                                    .text = bytes_of_text("as planned")};
    char about[64];

    /* A runner that is being replaced leaves its processes alone. */
    fact.ok = c->run != NULL && c->run->ended_ms == 0 &&
              (w->is_quiet || !world_once_in(w, 12));
    (void)snprintf(about, sizeof about, "CHECKED %llu %s",
                   (unsigned long long)act->number, fact.ok ? "ok" : "bad");
    node_fact_with(&c->executor, world_between(w, 0, CHECK_MS_MAX),
                   EXECUTOR_FACT_CHECKED, &fact, sizeof fact,
                   offsetof(struct executor_checked, text), about);
}

static void tear(struct container *c, const struct executor_tear *act)
{
    struct world *w = c->executor.w;
    struct executor_torn fact = {.step = act->step, .ok = world_once_in(w, 2)};
    char about[64];

    if (!w->is_quiet && world_once_in(w, 6))
        return; /* it hangs */
    (void)snprintf(about, sizeof about, "TORN %d %s", (int)act->step,
                   fact.ok ? "answered" : "refused");
    node_fact_later(&c->executor, world_between(w, 0, POST_MS_MAX),
                    EXECUTOR_FACT_TORN, &fact, sizeof fact, about);
}

void care_act(struct container *c, uint32_t kind, const void *data)
{
    struct world *w = c->executor.w;
    struct executor_measured measured = {.bytes = 4096};

    switch (kind) {
    case EXECUTOR_ACT_CHECK:
        check(c, data);
        break;
    case EXECUTOR_ACT_TEAR:
        tear(c, data);
        break;
    case EXECUTOR_ACT_ANNOUNCE:
        if (w->is_quiet || !world_once_in(w, 10))
            node_fact_later(&c->executor, world_between(w, 0, ANNOUNCE_MS_MAX),
                            EXECUTOR_FACT_ANNOUNCED, NULL, 0, "ANNOUNCED");
        break;
    case EXECUTOR_ACT_MEASURE:
        node_fact_later(&c->executor, world_between(w, 0, CHECK_MS_MAX),
                        EXECUTOR_FACT_MEASURED, &measured, sizeof measured,
                        "MEASURED 4096");
        break;
    default: /* STOP_CHECKS: an answer that is too late is ignored */
        break;
    }
}
