/* A service of four on two hosts, whose constraints change. */
#pragma once
#include "update_kit.h"

#define WEB(n, more)                                                         \
    "\"create_job\":{\"job\":{\"cluster\":\"devcluster\",\"role\":\"www\","  \
    "\"environment\":\"prod\",\"name\":\"web\",\"service\":true,"            \
    "\"instances\":" n "," more "\"update\":{\"watch_secs\":0,"              \
    "\"batch_size\":9},\"task\":{\"name\":\"web\",\"processes\":[{"          \
    "\"name\":\"p\",\"cmdline\":\"run\"}],\"resources\":{\"cpu_milli\":900," \
    "\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}"
#define UPDATE(n, more) "{\"type\":\"START_UPDATE\"," WEB(n, more)
#define PREVIEW(n, more) "{\"type\":\"PREVIEW_UPDATE\"," WEB(n, more)
#define RACK(kind, rest)                                                       \
    "\"constraints\":[{\"attribute\":\"rack\",\"kind\":\"" kind "\"" rest "}]" \
    ","
#define VALUES(values) ",\"values\":[" values "]"
#define LIMIT(n) ",\"limit\":" n

/* Instances 0 and 1 on m-S0, 2 and 3 on m-S1; `id` are their tasks. */
static inline struct world *four(char id[4][300])
{
    struct world *w = world_new();

    post(w, "{\"type\":\"CREATE_JOB\"," WEB("4", ""));
    expect_status(w, 200);
    for (int agent = 0; agent < 2; agent++) {
        offer(w, agent == 0 ? "m-S0" : "m-S1", 2);
        for (int i = 0; i < 2; i++)
            snprintf(id[2 * agent + i], 300, "%s",
                     launched(w, i)->task_id->value);
        run_all(w, agent == 0 ? "m-S0" : "m-S1");
    }
    assert_int_equal(count_state(get_job(w), SHOWN(RUNNING)), 4);
    return w;
}

/* Which instances are still what they were: "0 1 - 3". */
static inline const char *stayed(struct world *w, char id[4][300])
{
    static char text[32];
    const Answer *a = get_job(w);

    snprintf(text, sizeof text, "- - - -");
    for (size_t i = 0; i < a->n_tasks; i++)
        for (int n = 0; n < 4; n++)
            if (a->tasks[i]->state == SHOWN(RUNNING) &&
                strcmp(a->tasks[i]->task_id, id[n]) == 0)
                text[2 * n] = (char)('0' + n);
    return text;
}

static inline void expect_ranges(Perigee__Aurora__InstanceRange **range,
                                 size_t count, const char *want)
{
    char text[64] = "";

    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u-%u",
                 i > 0 ? " " : "", range[i]->first, range[i]->last);
    assert_string_equal(text, want);
}

/* Killed tasks end and their successors run, where there is room. */
static inline void settle_on(struct world *w, const char *agent)
{
    for (int i = 0; i < 6; i++) {
        (void)one_round(w);
        offer(w, agent, 4);
    }
    while (one_round(w))
        ;
}
