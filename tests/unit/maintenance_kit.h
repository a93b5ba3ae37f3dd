/* Hosts that are taken out of use: two agents, and what is asked of them over
 * the API. */
#pragma once
#include "aurora_kit.h"

typedef Perigee__Aurora__MaintenanceView View;

#define MODE(name) PERIGEE__AURORA__MAINTENANCE_VIEW__MODE__##name
#define WAIT(name) PERIGEE__AURORA__MAINTENANCE_VIEW__WAIT__##name
#define HOSTS(type, hosts, more) \
    "{\"type\":\"" type "\",\"maintenance\":{\"hosts\":[" hosts "]" more "}}"
#define DRAIN(hosts, more) HOSTS("DRAIN_HOSTS", hosts, more)
#define A_HOST "\"a.host\""
#define B_HOST "\"b.host\""
#define OFFERED 16

/* --- two agents, a and b, that do what they are told --- */

static inline bool one_round(struct world *w)
{
    struct order did[ORDERS_MAX];
    int count = take_orders(w, did);

    for (int i = 0; i < count; i++)
        update(w, did[i].id, did[i].agent,
               did[i].is_kill ? STATE(KILLED) : STATE(RUNNING), NULL);
    return count > 0;
}

/* Until nothing happens any more without the passing of time; `agents` make
 * offers. */
static inline void settle(struct world *w, const char *agents)
{
    for (int quiet = 0, rounds = 0; quiet < 2; rounds++) {
        assert_true(rounds < 200);
        for (const char *c = agents; *c; c++)
            offer(w, (char[]){*c, '\0'}, OFFERED);
        quiet = one_round(w) ? 0 : quiet + 1;
    }
}

/* So long that the link to the master breaks in the silence. */
static inline void later(struct world *w, int64_t ms)
{
    pass(w, ms);
    subscribed(w, "fw-1");
}

/* Where instances run: "aab", '-' for one that does not. */
static inline const char *where(struct world *w)
{
    static char text[32];
    const Answer *a = get_job(w);

    memset(text, 0, sizeof text);
    for (size_t i = 0; i < a->n_tasks; i++) {
        const Perigee__Aurora__TaskView *t = a->tasks[i];
        if (t->state > SHOWN(PARTITIONED) || t->instance >= 31)
            continue;
        text[t->instance] = t->state == SHOWN(RUNNING) ? t->agent_id[0] : '-';
    }
    return text;
}

static inline const View *status(struct world *w, const char *host)
{
    post(w, arena_printf(&w->arena, HOSTS("MAINTENANCE_STATUS", "\"%s\"", ""),
                         host));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_maintenance, 1);
    return w->answer->maintenance[0];
}

static inline void expect_mode(struct world *w, const char *host,
                               Perigee__Aurora__MaintenanceView__Mode mode)
{
    assert_int_equal(status(w, host)->mode, mode);
}

/* A service of production with `n` instances, all of them on a. */
static inline struct world *with_policy(const char *n, const char *policy)
{
    struct world *w = world_new();

    give_quota(w, "www");
    post(w, arena_printf(&w->arena,
                         CREATE("\"service\":true,\"production\":true,"
                                "\"tier\":\"preferred\",\"instances\":%s%s"),
                         n, policy));
    expect_status(w, 200);
    settle(w, "a");
    return w;
}

static inline struct world *with(const char *n)
{
    return with_policy(n, "");
}

#define COUNT_2 ",\"sla_policy\":{\"count\":2,\"duration_secs\":30}"
#define COORDINATOR \
    ",\"sla_policy\":{\"coordinator_url\":\"http://10.0.0.7:80/go\"}"
