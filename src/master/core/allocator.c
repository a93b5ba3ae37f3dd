#include "master/core/allocator.h"
#include "base/heap.h"
#include "base/text.h"
#include "master/core/drf.h"
#include "master/core/uthash_setup.h"
#include <assert.h>
#include <string.h>

/* A framework in one of its roles. Clients live as long as the framework, so
 * that what is allocated keeps its owner when the framework leaves a role. */
struct client {
    struct drf_client drf; /* first: the lists hold pointers to it */
    struct framework_entry *framework; /* borrowed: owns this client */
    struct role_entry *role;           /* borrowed: never removed */
    bool is_subscribed, is_suppressed;
    struct refusals *refusals; /* owned; by agent */
    struct client *next;       /* of the framework */
};

struct role_entry {
    struct drf_client drf; /* first; name is owned */
    struct drf_list clients;
    UT_hash_handle hh; /* by name */
};

struct framework_entry {
    uint64_t number;
    char *id;
    bool is_active, takes_gpus;
    struct client *client; /* list */
    UT_hash_handle hh;     /* by number */
};

/* What one client refused on one agent. */
struct refusals {
    uint64_t agent;
    struct refusal_entry *entry; /* list; owned */
    UT_hash_handle hh;           /* by agent, in client */
};
struct refusal_entry {
    uint64_t number;
    struct client *client;
    struct refusals *set;
    struct resources resources;
    struct refusal_entry *prev, *next;
    UT_hash_handle hh; /* by number, in the allocator */
};

/* What one client has on one agent. */
struct share {
    struct client *client;
    struct resources resources;
};
struct agent_entry {
    uint64_t number;
    struct resources total, free;
    VEC(struct share) shares;
    bool is_active, is_touched, has_gpus, has_reservations;
    UT_hash_handle hh; /* by number */
};

struct allocator {
    int64_t interval_ms, start_ms;
    struct rng *rng;
    VEC(struct resources) alternatives; /* one of these makes an offer */
    char *scalar[ALLOCATOR_SCALARS_MAX];
    int scalar_count;
    struct drf_amounts total;
    struct agent_entry *agents;
    struct framework_entry *frameworks;
    struct role_entry *roles;
    struct drf_list role_order;
    struct refusal_entry *refusals;
    uint64_t next_refusal;
    struct heap ends;      /* of refusals: id = number */
    VEC(uint64_t) touched; /* agents with something new to give */
    bool is_all_touched;
    uint64_t runs;
};

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

/* --- refusals ---------------------------------------------------------------
 */

static void refusal_drop(struct allocator *a, struct refusal_entry *entry)
{
    struct refusals *set = entry->set;
    HASH_DEL(a->refusals, entry);
    DL_DELETE(set->entry, entry);
    if (!set->entry) {
        HASH_DEL(entry->client->refusals, set);
        free(set);
    }
    resources_release(&entry->resources);
    free(entry);
}

static void client_forgive(struct allocator *a, struct client *client)
{
    struct refusals *set, *next_set;
    HASH_ITER(hh, client->refusals, set, next_set)
    {
        struct refusal_entry *entry = set->entry;
        while (entry) {
            /* The last entry frees the set. */
            struct refusal_entry *next = entry->next;
            refusal_drop(a, entry);
            entry = next;
        }
    }
    assert(!client->refusals);
}

static bool client_refuses(const struct client *client, uint64_t agent,
                           const struct resources *resources)
{
    struct refusals *set;
    HASH_FIND(hh, client->refusals, &agent, sizeof agent, set);
    if (!set)
        return false;
    for (const struct refusal_entry *e = set->entry; e; e = e->next)
        if (resources_contain(&e->resources, resources))
            return true;
    return false;
}

/* The first tick after `at_ms`, never `at_ms` itself: a refusal of no length
 * must not turn into offers without a pause. */
static int64_t tick_after(const struct allocator *a, int64_t at_ms)
{
    int64_t since = at_ms - a->start_ms;
    return a->start_ms + (since / a->interval_ms + 1) * a->interval_ms;
}

static void client_refuse(struct allocator *a, struct client *client,
                          uint64_t agent, const struct resources *resources,
                          int64_t end_ms)
{
    struct refusals *set;
    HASH_FIND(hh, client->refusals, &agent, sizeof agent, set);
    if (!set) {
        set = xcalloc(1, sizeof *set);
        set->agent = agent;
        HASH_ADD(hh, client->refusals, agent, sizeof set->agent, set);
    }
    struct refusal_entry *entry = xcalloc(1, sizeof *entry);
    entry->number = ++a->next_refusal;
    entry->client = client;
    entry->set = set;
    resources_copy(&entry->resources, resources);
    DL_APPEND(set->entry, entry);
    HASH_ADD(hh, a->refusals, number, sizeof entry->number, entry);
    heap_push(&a->ends, end_ms, 0, entry->number);
}

/* --- lookups ----------------------------------------------------------------
 */

static struct agent_entry *find_agent(const struct allocator *a,
                                      uint64_t number)
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

static void touch(struct allocator *a, struct agent_entry *agent)
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

static void take(struct allocator *a, struct agent_entry *agent,
                 struct client *client, const struct resources *resources)
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
    HASH_ADD(hh, a->agents, number, sizeof agent->number, agent);
    change_total(a, total, 1);
    touch(a, agent);
}

static void drop_refusals_of_agent(struct allocator *a, uint64_t agent)
{
    for (struct framework_entry *f = a->frameworks; f; f = f->hh.next) {
        for (struct client *c = f->client; c; c = c->next) {
            struct refusals *set;
            HASH_FIND(hh, c->refusals, &agent, sizeof agent, set);
            struct refusal_entry *entry = set ? set->entry : NULL;
            while (entry) {
                struct refusal_entry *next = entry->next;
                refusal_drop(a, entry);
                entry = next;
            }
        }
    }
}

void allocator_remove_agent(struct allocator *a, uint64_t number)
{
    struct agent_entry *agent = find_agent(a, number);
    assert(agent);
    for (uint32_t i = 0; i < agent->shares.count; i++) {
        struct share *share = &agent->shares.item[i];
        charge(a, share->client, &share->resources, -1);
        resources_release(&share->resources);
    }
    vec_free(&agent->shares);
    drop_refusals_of_agent(a, number);
    change_total(a, &agent->total, -1);
    HASH_DEL(a->agents, agent);
    resources_release(&agent->total);
    resources_release(&agent->free);
    free(agent);
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

/* --- frameworks -------------------------------------------------------------
 */

static bool lists(char *const *item, uint32_t count, const char *wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(item[i], wanted) == 0)
            return true;
    return false;
}

void allocator_set_framework(struct allocator *a,
                             const struct allocator_framework *wanted)
{
    struct framework_entry *f = find_framework(a, wanted->number);
    if (!f) {
        f = xcalloc(1, sizeof *f);
        f->number = wanted->number;
        f->id = xstrdup(wanted->id);
        HASH_ADD(hh, a->frameworks, number, sizeof f->number, f);
    }
    f->takes_gpus = wanted->takes_gpus;
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
    if (fits)
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

/* --- deciding ---------------------------------------------------------------
 */

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

static struct client *next_client(struct allocator *a, struct role_entry *role,
                                  const struct agent_entry *agent,
                                  const struct resources *resources)
{
    drf_sort(&role->clients, &a->total);
    for (uint32_t i = 0; i < role->clients.count; i++) {
        struct client *c = (struct client *)role->clients.item[i];
        if (!c->framework->is_active || !c->is_subscribed || c->is_suppressed)
            continue;
        if (agent->has_gpus && !c->framework->takes_gpus)
            continue;
        if (!client_refuses(c, agent->number, resources))
            return c;
    }
    return NULL;
}

static void allocate_agent(struct allocator *a, struct agent_entry *agent,
                           struct allocations *out)
{
    drf_sort(&a->role_order, &a->total);
    /* Charging marks the order unsorted but moves nothing before the next
     * agent, so the loop sees every role once. */
    for (uint32_t i = 0; i < a->role_order.count; i++) {
        if (!is_worth_offering(a, &agent->free))
            return;
        struct role_entry *role = (struct role_entry *)a->role_order.item[i];
        struct resources free_now;
        free_for_role(agent, role->drf.name, &free_now);
        struct client *client = NULL;
        if (is_worth_offering(a, &free_now))
            client = next_client(a, role, agent, &free_now);
        if (!client) {
            resources_release(&free_now);
            continue;
        }
        take(a, agent, client, &free_now);
        *vec_add(out) = (struct allocation){
            .framework = client->framework->number,
            .agent = agent->number,
            .role = role->drf.name,
            .resources = free_now,
        };
    }
}

/* Forgiven refusals leave their entry in the heap; when most entries are such,
 * the heap is made anew. */
static void drop_old_ends(struct allocator *a)
{
    if (a->ends.count <= 64 + 2 * HASH_COUNT(a->refusals))
        return;
    struct heap fresh = {0};
    for (uint32_t i = 0; i < a->ends.count; i++) {
        const struct heap_entry *end = &a->ends.entry[i];
        struct refusal_entry *entry;
        HASH_FIND(hh, a->refusals, &end->id, sizeof end->id, entry);
        if (entry)
            heap_push(&fresh, end->at_ms, end->kind, end->id);
    }
    heap_release(&a->ends);
    a->ends = fresh;
}

/* A refusal ends at the first tick after its time. */
static void end_refusals(struct allocator *a, int64_t now_ms)
{
    for (;;) {
        struct heap_entry due;
        int64_t end_ms = heap_next_ms(&a->ends);
        if (end_ms == INT64_MAX || tick_after(a, end_ms) > now_ms)
            break;
        if (!heap_pop(&a->ends, now_ms, &due))
            break;
        struct refusal_entry *entry;
        HASH_FIND(hh, a->refusals, &due.id, sizeof due.id, entry);
        if (!entry)
            continue;
        struct agent_entry *agent = find_agent(a, entry->set->agent);
        refusal_drop(a, entry);
        if (agent)
            touch(a, agent);
    }
    drop_old_ends(a);
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

int64_t allocator_role_share(const struct allocator *a, const char *role)
{
    struct role_entry *entry;
    HASH_FIND_STR(a->roles, role, entry);
    return entry ? drf_share_millionths(&entry->drf, &a->total) : 0;
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
    while (a->agents)
        allocator_remove_agent(a, a->agents->number);
    while (a->frameworks)
        allocator_remove_framework(a, a->frameworks->number);
    struct role_entry *role, *next;
    HASH_ITER(hh, a->roles, role, next)
    {
        HASH_DEL(a->roles, role);
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
