/* A master with one agent and one framework that holds an offer of it. */
#pragma once
#include "master_kit.h"

#define ROLE_DEV                                                        \
    ",\"roles\":[\"dev\"],\"checkpoint\":true,\"failover_timeout\":60," \
    "\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":"            \
    "\"TASK_KILLING_STATE\"},{\"type\":\"PARTITION_AWARE\"}]"
#define AT_ONCE ",\"filters\":{\"refuse_seconds\":0}"
#define NOT_SOON ",\"filters\":{\"refuse_seconds\":600}"
#define TRUE "\"command\":{\"value\":\"true\"}"

struct scene { /* one agent, one framework with an offer */
    struct kit_agent agent;
    struct kit_framework f;
    char offer[128];
};

static inline struct scene begin(struct kit *k, const char *info)
{
    struct scene s = {.agent = kit_new_agent(k, 5051)};
    s.f = kit_subscribe(k, info, "");
    kit_offer(k, &s.f, s.offer, sizeof s.offer);
    return s;
}

static inline void launch_one(struct kit *k, struct scene *s, const char *id,
                              const char *filters)
{
    char task[1024];
    kit_launch(k, &s->f, s->offer,
               kit_task(task, sizeof task, id, s->agent.id, TRUE), filters);
    kit_next(k, s->agent.stream, "\"type\":\"RUN\"");
}

static inline void expect_back(struct kit *k, struct scene *s, int64_t least,
                               int64_t most)
{
    kit_wait(k, least);
    kit_nothing(k, s->f.stream);
    kit_wait(k, most - least);
    kit_offer(k, &s->f, s->offer, sizeof s->offer);
}
