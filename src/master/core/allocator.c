#include "master/core/allocator_state.h"
#include <assert.h>

void allocations_release(struct allocations *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        resources_release(&list->item[i].resources);
    vec_free(list);
}

/* --- scalars ----------------------------------------------------------------
 */

static int scalar_index(struct allocator *a, const char *name)
{
    for (int i = 0; i < a->scalar_count; i++)
        if (strcmp(a->scalar[i], name) == 0)
            return i;
    if (a->scalar_count == ALLOCATOR_SCALARS_MAX)
        return -1; /* does not count for fairness */
    a->scalar[a->scalar_count] = xstrdup(name);
    return a->scalar_count++;
}

static struct drf_amounts amounts_of(struct allocator *a,
                                     const struct resources *r)
{
    struct drf_amounts amounts = {{0}};
    const struct resource *item = resources_items(r);
    for (uint32_t i = 0; i < r->count; i++) {
        if (item[i].kind->type != RESOURCE_SCALAR)
            continue;
        int at = scalar_index(a, item[i].kind->name);
        if (at >= 0)
            amounts.milli[at] += item[i].milli;
    }
    return amounts;
}

static void change_total(struct allocator *a, const struct resources *r,
                         int sign)
{
    struct drf_amounts amounts = amounts_of(a, r);
    for (int i = 0; i < ALLOCATOR_SCALARS_MAX; i++)
        a->total.milli[i] += sign * amounts.milli[i];
    a->role_order.is_stale = true;
    for (struct role_entry *role = a->roles; role; role = role->hh.next)
        role->clients.is_stale = true;
}

/* --- options ----------------------------------------------------------------
 */

static int parse_minimum(struct allocator *a, const char *text, struct err *err)
{
    while (*text) {
        size_t size = strcspn(text, "|");
        char *part = xstrndup(text, size);
        struct resources minimum = {0};
        int rc = resources_parse(part, "*", &minimum, err);
        free(part);
        if (rc < 0)
            return err_wrap(err, "min_allocatable_resources");
        if (a->alternatives.count == ALLOCATOR_ALTERNATIVES_MAX) {
            resources_release(&minimum);
            return err_set(err, ERR_LIMIT,
                           "min_allocatable_resources: more than %d "
                           "alternatives",
                           ALLOCATOR_ALTERNATIVES_MAX);
        }
        *vec_add(&a->alternatives) = minimum;
        text += size + (text[size] == '|');
    }
    return 0;
}

int allocator_new(struct allocator **out,
                  const struct allocator_options *options, struct rng *rng,
                  struct err *err)
{
    assert(options->interval_ms > 0);
    struct allocator *a = xcalloc(1, sizeof *a);
    a->interval_ms = options->interval_ms;
    a->rng = rng;
    int rc = parse_minimum(a, options->min_allocatable, err);
    if (rc < 0) {
        allocator_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void allocator_set_start(struct allocator *a, int64_t start_ms)
{
    a->start_ms = start_ms;
}

/* --- lookups ----------------------------------------------------------------
 */

struct agent_entry *find_agent(const struct allocator *a, uint64_t number)
{
    struct agent_entry *agent;
    HASH_FIND(hh, a->agents, &number, sizeof number, agent);
    return agent;
}

static struct framework_entry *find_framework(const struct allocator *a,
                                              uint64_t number)
{
    struct framework_entry *framework;
    HASH_FIND(hh, a->frameworks, &number, sizeof number, framework);
    return framework;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static struct role_entry *role_of(struct allocator *a, const char *name)
{
    struct role_entry *role;
    HASH_FIND_STR(a->roles, name, role);
    if (role)
        return role;
    role = xcalloc(1, sizeof *role);
    role->drf.name = xstrdup(name);
    role->drf.weight_milli = 1000;
    HASH_ADD_KEYPTR(hh, a->roles, role->drf.name, strlen(name), role);
    drf_add(&a->role_order, &role->drf);
    return role;
}

static struct client *find_client(const struct framework_entry *framework,
                                  const char *role)
{
    for (struct client *c = framework->client; c; c = c->next)
        if (strcmp(c->role->drf.name, role) == 0)
            return c;
    return NULL;
}

static struct client *client_of(struct allocator *a,
                                struct framework_entry *framework,
                                const char *role)
{
    struct client *client = find_client(framework, role);
    if (client)
        return client;
    client = xcalloc(1, sizeof *client);
    client->framework = framework;
    client->role = role_of(a, role);
    client->drf.name = framework->id;
    client->drf.weight_milli = 1000;
    LL_APPEND(framework->client, client);
    drf_add(&client->role->clients, &client->drf);
    return client;
}

/* --- touching ---------------------------------------------------------------
 */

void touch(struct allocator *a, struct agent_entry *agent)
{
    if (agent->is_touched)
        return;
    agent->is_touched = true;
    *vec_add(&a->touched) = agent->number;
}

static void touch_all(struct allocator *a)
{
    a->is_all_touched = a->agents != NULL;
}

/* --- charging ---------------------------------------------------------------
 */

static void charge(struct allocator *a, struct client *client,
                   const struct resources *resources, int sign)
{
    struct drf_amounts amounts = amounts_of(a, resources);
    drf_charge(&client->role->clients, &client->drf, &amounts, sign, &a->total);
    drf_charge(&a->role_order, &client->role->drf, &amounts, sign, &a->total);
}

static struct share *share_of(struct agent_entry *agent, struct client *client)
{
    for (uint32_t i = 0; i < agent->shares.count; i++)
        if (agent->shares.item[i].client == client)
            return &agent->shares.item[i];
    struct share *share = vec_add(&agent->shares);
    *share = (struct share){.client = client};
    return share;
}

void take(struct allocator *a, struct agent_entry *agent, struct client *client,
          const struct resources *resources)
{
    resources_subtract(&agent->free, resources);
    resources_add(&share_of(agent, client)->resources, resources);
    charge(a, client, resources, 1);
}

static void give_back(struct allocator *a, struct agent_entry *agent,
                      struct client *client, const struct resources *resources)
{
    struct share *share = share_of(agent, client);
    resources_subtract(&share->resources, resources);
    if (resources_is_empty(&share->resources)) {
        resources_release(&share->resources);
        vec_remove(&agent->shares, (uint32_t)(share - agent->shares.item));
    }
    resources_add(&agent->free, resources);
    charge(a, client, resources, -1);
}

/* --- agents -----------------------------------------------------------------
 */

static bool any_reservation(const struct resources *r)
{
    const struct resource *item = resources_items(r);
    for (uint32_t i = 0; i < r->count; i++)
        if (strcmp(item[i].kind->role, "*") != 0)
            return true;
    return false;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void index_agent(struct allocator *a, struct agent_entry *agent)
{
    HASH_ADD(hh, a->agents, number, sizeof agent->number, agent);
}

void allocator_add_agent(struct allocator *a, uint64_t number,
                         const struct resources *total)
{
    assert(!find_agent(a, number));
    struct agent_entry *agent = xcalloc(1, sizeof *agent);
    agent->number = number;
    resources_copy(&agent->total, total);
    resources_copy(&agent->free, total);
    agent->is_active = true;
    agent->has_gpus = resources_scalar(total, "gpus") > 0;
    agent->has_reservations = any_reservation(total);
    agent->has_revocable = resources_any_revocable(total);
    index_agent(a, agent);
    change_total(a, total, 1);
    touch(a, agent);
}

static void drop_refusals_of_agent(struct allocator *a, uint64_t agent)
{
    for (struct framework_entry *f = a->frameworks; f; f = f->hh.next)
        for (struct client *c = f->client; c; c = c->next)
            client_forgive_agent(a, c, agent);
}

static void agent_entry_free(struct agent_entry *agent)
{
    for (uint32_t i = 0; i < agent->shares.count; i++)
        resources_release(&agent->shares.item[i].resources);
    vec_free(&agent->shares);
    resources_release(&agent->total);
    resources_release(&agent->free);
    free(agent);
}

void allocator_remove_agent(struct allocator *a, uint64_t number)
{
    struct agent_entry *agent = find_agent(a, number);
    assert(agent);
    for (uint32_t i = 0; i < agent->shares.count; i++)
        charge(a, agent->shares.item[i].client,
               &agent->shares.item[i].resources, -1);
    drop_refusals_of_agent(a, number);
    change_total(a, &agent->total, -1);
    HASH_DEL(a->agents, agent);
    agent_entry_free(agent);
}

void allocator_set_agent_active(struct allocator *a, uint64_t number,
                                bool is_active)
{
    struct agent_entry *agent = find_agent(a, number);
    assert(agent);
    agent->is_active = is_active;
    if (is_active)
        touch(a, agent);
}

void allocator_renew_agent(struct allocator *a, uint64_t number)
{
    struct agent_entry *agent = find_agent(a, number);
    assert(agent);
    drop_refusals_of_agent(a, number);
    touch(a, agent);
}

/* --- frameworks -------------------------------------------------------------
 */

static bool lists(char *const *item, uint32_t count, const char *wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(item[i], wanted) == 0)
            return true;
    return false;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static struct framework_entry *framework_of(
    struct allocator *a, const struct allocator_framework *wanted)
{
    struct framework_entry *f = find_framework(a, wanted->number);
    if (!f) {
        f = xcalloc(1, sizeof *f);
        f->number = wanted->number;
        f->id = xstrdup(wanted->id);
        HASH_ADD(hh, a->frameworks, number, sizeof f->number, f);
    }
    return f;
}

void allocator_set_framework(struct allocator *a,
                             const struct allocator_framework *wanted)
{
    struct framework_entry *f = framework_of(a, wanted);
    f->takes_gpus = wanted->takes_gpus;
    f->takes_revocable = wanted->takes_revocable;
    for (uint32_t i = 0; i < wanted->role_count; i++)
        (void)client_of(a, f, wanted->role[i]);
    for (struct client *c = f->client; c; c = c->next) {
        const char *role = c->role->drf.name;
        c->is_subscribed = lists(wanted->role, wanted->role_count, role);
        c->is_suppressed =
            lists(wanted->suppressed_role, wanted->suppressed_count, role);
        if (!c->is_subscribed)
            client_forgive(a, c);
    }
    if (f->is_active)
        touch_all(a);
}

void allocator_remove_framework(struct allocator *a, uint64_t number)
{
    struct framework_entry *f = find_framework(a, number);
    assert(f);
    struct client *c, *next;
    LL_FOREACH_SAFE(f->client, c, next)
    {
        client_forgive(a, c);
        drf_remove(&c->role->clients, &c->drf);
        free(c);
    }
    HASH_DEL(a->frameworks, f);
    free(f->id);
    free(f);
}

void allocator_set_framework_active(struct allocator *a, uint64_t number,
                                    bool is_active)
{
    struct framework_entry *f = find_framework(a, number);
    assert(f);
    f->is_active = is_active;
    if (is_active) {
        touch_all(a);
        return;
    }
    for (struct client *c = f->client; c; c = c->next)
        client_forgive(a, c);
}

void allocator_suppress(struct allocator *a, uint64_t number, const char *role)
{
    struct framework_entry *f = find_framework(a, number);
    assert(f);
    for (struct client *c = f->client; c; c = c->next)
        if (!role || strcmp(c->role->drf.name, role) == 0)
            c->is_suppressed = true;
}

void allocator_revive(struct allocator *a, uint64_t number, const char *role)
{
    struct framework_entry *f = find_framework(a, number);
    assert(f);
    for (struct client *c = f->client; c; c = c->next) {
        if (role && strcmp(c->role->drf.name, role) != 0)
            continue;
        c->is_suppressed = false;
        client_forgive(a, c);
    }
    touch_all(a);
}

void allocator_set_weight(struct allocator *a, const char *role,
                          int64_t weight_milli)
{
    assert(weight_milli > 0);
    role_of(a, role)->drf.weight_milli = weight_milli;
    a->role_order.is_stale = true;
}

/* --- using and giving back ---------------------------------------------------
 */

bool allocator_use(struct allocator *a, uint64_t framework, uint64_t number,
                   const char *role, const struct resources *resources)
{
    struct agent_entry *agent = find_agent(a, number);
    struct framework_entry *f = find_framework(a, framework);
    assert(agent && f);
    struct resources plain;
    resources_copy(&plain, resources);
    resources_allocate(&plain, "");
    bool fits = resources_contain(&agent->free, &plain);
    if (fits && !resources_is_empty(&plain))
        take(a, agent, client_of(a, f, role), &plain);
    resources_release(&plain);
    return fits;
}

void allocator_recover(struct allocator *a, uint64_t framework, uint64_t number,
                       const char *role, const struct resources *resources,
                       enum refusal refusal, int64_t refuse_ms, int64_t now_ms)
{
    struct agent_entry *agent = find_agent(a, number);
    struct framework_entry *f = find_framework(a, framework);
    if (!agent || !f || resources_is_empty(resources))
        return;
    struct client *client = find_client(f, role);
    assert(client);
    struct resources plain;
    resources_copy(&plain, resources);
    resources_allocate(&plain, "");
    give_back(a, agent, client, &plain);
    int64_t end_ms = now_ms;
    if (refusal == REFUSE_FOR_TIME && refuse_ms > 0)
        end_ms += refuse_ms > a->interval_ms ? refuse_ms : a->interval_ms;
    if (refusal != REFUSE_NOTHING && f->is_active && client->is_subscribed)
        client_refuse(a, client, number, &plain, end_ms);
    resources_release(&plain);
    touch(a, agent);
}

/* --- questions --------------------------------------------------------------
 */

struct allocator_counts allocator_counts(const struct allocator *a)
{
    return (struct allocator_counts){
        .runs = a->runs,
        .filters = HASH_COUNT(a->refusals),
        .deadlines = a->ends.count,
    };
}

const struct resources *allocator_free_on(const struct allocator *a,
                                          uint64_t number)
{
    const struct agent_entry *agent = find_agent(a, number);
    return agent ? &agent->free : NULL;
}

/* --- ending and checking -----------------------------------------------------
 */

void allocator_free(struct allocator *a)
{
    if (!a)
        return;
    struct agent_entry *agent, *next_agent;
    HASH_ITER(hh, a->agents, agent, next_agent)
    {
        HASH_DEL(a->agents, agent);
        agent_entry_free(agent);
    }
    struct framework_entry *f, *next_framework;
    HASH_ITER(hh, a->frameworks, f, next_framework)
    {
        allocator_remove_framework(a, f->number);
    }
    HASH_CLEAR(hh, a->roles);
    for (uint32_t i = 0; i < a->role_order.count; i++) {
        struct role_entry *role = (struct role_entry *)a->role_order.item[i];
        drf_release(&role->clients);
        free((char *)role->drf.name);
        free(role);
    }
    drf_release(&a->role_order);
    for (uint32_t i = 0; i < a->alternatives.count; i++)
        resources_release(&a->alternatives.item[i]);
    vec_free(&a->alternatives);
    for (int i = 0; i < a->scalar_count; i++)
        free(a->scalar[i]);
    heap_release(&a->ends);
    vec_free(&a->touched);
    free(a);
}

static void check_agent(const struct agent_entry *agent)
{
    struct resources sum;
    resources_check(&agent->total);
    resources_check(&agent->free);
    resources_copy(&sum, &agent->free);
    for (uint32_t i = 0; i < agent->shares.count; i++) {
        assert(!resources_is_empty(&agent->shares.item[i].resources));
        resources_check(&agent->shares.item[i].resources);
        resources_add(&sum, &agent->shares.item[i].resources);
    }
    assert(resources_equal(&sum, &agent->total));
    resources_release(&sum);
}

static void check_role(const struct role_entry *role)
{
    struct drf_amounts sum = {{0}};
    for (uint32_t i = 0; i < role->clients.count; i++)
        for (int k = 0; k < ALLOCATOR_SCALARS_MAX; k++)
            sum.milli[k] += role->clients.item[i]->allocated.milli[k];
    assert(memcmp(&sum, &role->drf.allocated, sizeof sum) == 0);
}

void allocator_check(const struct allocator *a)
{
    for (const struct agent_entry *g = a->agents; g; g = g->hh.next)
        check_agent(g);
    for (const struct role_entry *r = a->roles; r; r = r->hh.next)
        check_role(r);
    assert(HASH_COUNT(a->roles) == a->role_order.count);
}
