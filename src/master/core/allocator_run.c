/* Who is given what is free. */
#include "master/core/allocator_state.h"

static bool is_worth_offering(const struct allocator *a,
                              const struct resources *r)
{
    if (a->alternatives.count == 0)
        return !resources_is_empty(r);
    for (uint32_t i = 0; i < a->alternatives.count; i++) {
        const struct resources *minimum = &a->alternatives.item[i];
        const struct resource *item = resources_items(minimum);
        bool fits = true;
        for (uint32_t k = 0; k < minimum->count; k++)
            if (item[k].kind->type == RESOURCE_SCALAR &&
                resources_scalar(r, item[k].kind->name) < item[k].milli)
                fits = false;
        if (fits)
            return true;
    }
    return false;
}

/* A reservation to "eng" may go to "eng" and to all below it. */
static bool is_reserved_for(const char *reserved, const char *role)
{
    size_t size = strlen(reserved);
    return strncmp(reserved, role, size) == 0 &&
           (role[size] == '\0' || role[size] == '/');
}

/* What is free on the agent for this role, into `out` (unset). */
static void free_for_role(const struct agent_entry *agent, const char *role,
                          struct resources *out)
{
    if (!agent->has_reservations) {
        resources_copy(out, &agent->free);
        return;
    }
    *out = (struct resources){0};
    const struct resource *item = resources_items(&agent->free);
    for (uint32_t i = 0; i < agent->free.count; i++)
        if (strcmp(item[i].kind->role, "*") == 0 ||
            is_reserved_for(item[i].kind->role, role))
            resources_add_one(out, &item[i]);
}

/* What is free for a role: all of it, and what may not be taken back (only on
 * an agent that has some that may). */
struct pool {
    struct resources all, firm;
};

static void pool_of(const struct agent_entry *agent, const char *role,
                    struct pool *out)
{
    free_for_role(agent, role, &out->all);
    out->firm = (struct resources){0};
    if (agent->has_revocable)
        resources_firm(&out->all, &out->firm);
}

/* What this framework may have of it. */
static struct resources *part_of(struct pool *pool,
                                 const struct agent_entry *agent,
                                 const struct framework_entry *framework)
{
    return agent->has_revocable && !framework->takes_revocable ? &pool->firm
                                                               : &pool->all;
}

static struct client *next_client(struct allocator *a, struct role_entry *role,
                                  const struct agent_entry *agent,
                                  struct pool *pool)
{
    if (!is_worth_offering(a, &pool->all))
        return NULL;
    bool is_firm_worth =
        !agent->has_revocable || is_worth_offering(a, &pool->firm);
    drf_sort(&role->clients, &a->total);
    for (uint32_t i = 0; i < role->clients.count; i++) {
        struct client *c = (struct client *)role->clients.item[i];
        if (!c->framework->is_active || !c->is_subscribed || c->is_suppressed)
            continue;
        if (agent->has_gpus && !c->framework->takes_gpus)
            continue;
        if (!c->framework->takes_revocable && !is_firm_worth)
            continue;
        if (!client_refuses(c, agent->number,
                            part_of(pool, agent, c->framework)))
            return c;
    }
    return NULL;
}

/* The role's next framework gets what it may have; false: there is none. */
static bool allocate_role(struct allocator *a, struct agent_entry *agent,
                          struct role_entry *role, struct allocations *out)
{
    struct pool pool;
    pool_of(agent, role->drf.name, &pool);
    struct client *client = next_client(a, role, agent, &pool);
    if (client) {
        struct allocation *made = vec_add(out);
        *made = (struct allocation){.framework = client->framework->number,
                                    .agent = agent->number,
                                    .role = role->drf.name};
        resources_move(&made->resources,
                       part_of(&pool, agent, client->framework));
        take(a, agent, client, &made->resources);
    }
    resources_release(&pool.all);
    resources_release(&pool.firm);
    return client != NULL;
}

static void allocate_agent(struct allocator *a, struct agent_entry *agent,
                           struct allocations *out)
{
    drf_sort(&a->role_order, &a->total);
    /* Charging marks the order unsorted but moves nothing before the next
     * agent, so the loop sees every role once. */
    for (uint32_t i = 0; i < a->role_order.count; i++) {
        struct role_entry *role = (struct role_entry *)a->role_order.item[i];
        if (!is_worth_offering(a, &agent->free))
            return;
        /* One may have left what only another takes. */
        if (allocate_role(a, agent, role, out) && agent->has_revocable)
            (void)allocate_role(a, agent, role, out);
    }
}

static void shuffle(struct rng *rng, uint64_t *item, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)rng_below(rng, i);
        uint64_t kept = item[i - 1];
        item[i - 1] = item[other];
        item[other] = kept;
    }
}

int64_t allocator_next_ms(const struct allocator *a)
{
    if (a->touched.count > 0 || a->is_all_touched)
        return INT64_MIN;
    int64_t end_ms = heap_next_ms(&a->ends);
    return end_ms == INT64_MAX ? INT64_MAX : tick_after(a, end_ms);
}

void allocator_run(struct allocator *a, int64_t now_ms, struct allocations *out)
{
    end_refusals(a, now_ms);
    if (a->is_all_touched)
        for (struct agent_entry *g = a->agents; g; g = g->hh.next)
            touch(a, g);
    a->is_all_touched = false;
    if (a->touched.count == 0)
        return;
    a->runs++;
    shuffle(a->rng, a->touched.item, a->touched.count);
    for (uint32_t i = 0; i < a->touched.count; i++) {
        struct agent_entry *agent = find_agent(a, a->touched.item[i]);
        if (!agent)
            continue;
        agent->is_touched = false;
        if (agent->is_active)
            allocate_agent(a, agent, out);
    }
    a->touched.count = 0;
}
