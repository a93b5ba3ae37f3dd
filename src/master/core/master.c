#include "master/core/internal.h"
#include <assert.h>

/* --- small shared things ----------------------------------------------------
 */

struct output *framework_output(struct outputs *out, const struct framework *f,
                                enum output_kind kind)
{
    if (f->stream == 0)
        return NULL;
    struct output *output = output_add(out, kind);
    output->stream = f->stream;
    output->media = f->media;
    output->framework = f;
    return output;
}

struct output *agent_output(struct outputs *out, const struct agent *agent,
                            enum output_kind kind)
{
    if (agent->stream == 0)
        return NULL;
    struct output *output = output_add(out, kind);
    output->stream = agent->stream;
    output->media = agent->media;
    output->agent = agent;
    return output;
}

void link_add(struct master *m, uint64_t stream, bool is_agent, uint64_t number)
{
    struct link *link = xcalloc(1, sizeof *link);
    link->stream = stream;
    link->is_agent = is_agent;
    link->number = number;
    HASH_ADD(hh, m->links, stream, sizeof link->stream, link);
}

void link_remove(struct master *m, uint64_t stream)
{
    struct link *link;
    HASH_FIND(hh, m->links, &stream, sizeof stream, link);
    if (!link)
        return;
    HASH_DEL(m->links, link);
    free(link);
}

void string_list_release(struct string_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->item[i]);
    vec_free(list);
}

void string_list_set(struct string_list *list, const char *const *item,
                     uint32_t count)
{
    string_list_release(list);
    for (uint32_t i = 0; i < count; i++)
        *vec_add(list) = xstrdup(item[i]);
}

struct agent *master_agent_numbered(const struct master *m, uint64_t number)
{
    struct agent *agent;
    HASH_FIND(by_number, m->agents_by_number, &number, sizeof number, agent);
    return agent;
}

static struct framework *framework_by_number(const struct master *m,
                                             uint64_t number)
{
    struct framework *f;
    HASH_FIND(by_number, m->frameworks_by_number, &number, sizeof number, f);
    return f;
}

/* --- beginning --------------------------------------------------------------
 */

int master_new(struct master **out, const struct master_config *config,
               struct err *err)
{
    struct master *m = xcalloc(1, sizeof *m);
    m->config = *config;
    m->min_allocatable = xstrdup(config->min_allocatable_resources);
    m->config.min_allocatable_resources = m->min_allocatable;
    struct allocator_options options = {
        .interval_ms = config->allocation_interval_ms,
        .min_allocatable = m->min_allocatable,
    };
    int rc = allocator_new(&m->allocator, &options, &m->rng, err);
    if (rc < 0) {
        master_free(m);
        return rc;
    }
    *out = m;
    return 0;
}

void master_restore_incarnation(struct master *m, uint64_t incarnation)
{
    m->incarnation = incarnation;
}

void master_restore_agent(struct master *m, const struct agent_restore *in)
{
    struct agent *agent = agent_new(m, in->id);
    agent->hostname = xstrdup(in->hostname);
    agent->ip = xstrdup(in->ip);
    agent->version = xstrdup(in->version);
    agent->port = in->port;
    agent->info = blob_new(in->info);
    agent->is_confirmed = true;
    attributes_copy(&agent->attributes, in->attributes);
    resources_copy(&agent->total, in->total);
    agent->registered_ms = in->registered_ms;
    agent->unreachable_ms = in->unreachable_ms;
    agent_set_state(m, agent,
                    in->unreachable_ms ? AGENT_UNREACHABLE : AGENT_RECOVERED);
}

void master_restore_framework(struct master *m, const struct framework_head *in,
                              int64_t registered_ms)
{
    struct framework *f = framework_adopt(m, in, 0);
    f->registered_ms = registered_ms;
}

void master_restore_completed(struct master *m, const struct framework_head *in,
                              int64_t registered_ms, int64_t unregistered_ms)
{
    struct framework *f = framework_adopt(m, in, 0);
    f->registered_ms = registered_ms;
    master_complete_framework(m, f, unregistered_ms, NULL);
}

/* A framework that is known from the store or from agents only has to come
 * back in time. Nobody could while the master was down, so the time starts
 * anew, and even a framework without failover timeout is given some. */
static void expect_framework(struct master *m, struct framework *f,
                             int64_t now_ms)
{
    int64_t wait_ms = f->failover_timeout_ms;
    if (wait_ms < m->config.agent_reregister_timeout_ms)
        wait_ms = m->config.agent_reregister_timeout_ms;
    framework_expect(m, f, now_ms + wait_ms);
}

void master_start(struct master *m, int64_t now_ms, struct outputs *out)
{
    m->incarnation++;
    m->started_ms = now_ms;
    /* Ids carry the master's id, which is new for every start: an id of an
     * earlier start is never given again. */
    rng_seed(&m->rng, m->config.seed ^ (m->incarnation * 0x9e3779b97f4a7c15u));
    struct uuid uuid = uuid_random(&m->rng);
    uuid_text(&uuid, m->id);
    m->next_epoch = m->incarnation << 32;
    allocator_set_start(m->allocator, now_ms);
    output_add(out, OUTPUT_PERSIST_START)->number = (int64_t)m->incarnation;
    for (struct agent *a = m->agents; a; a = a->hh.next)
        if (a->state == AGENT_RECOVERED)
            heap_push(&m->timers,
                      now_ms + m->config.agent_reregister_timeout_ms,
                      TIMER_RETURN, a->number);
    for (struct framework *f = m->frameworks; f; f = f->hh.next)
        expect_framework(m, f, now_ms);
}

struct framework *framework_adopt(struct master *m,
                                  const struct framework_head *head,
                                  int64_t now_ms)
{
    struct framework *f = master_framework(m, head->id);
    if (f)
        return f;
    f = framework_new(m, head);
    f->is_recovered = true;
    if (now_ms > 0) {
        f->registered_ms = now_ms;
        expect_framework(m, f, now_ms);
    }
    return f;
}

/* --- streams and time -------------------------------------------------------
 */

void master_stream_gone(struct master *m, uint64_t stream, int64_t now_ms,
                        struct outputs *out)
{
    struct link *link;
    HASH_FIND(hh, m->links, &stream, sizeof stream, link);
    if (!link)
        return;
    bool is_agent = link->is_agent;
    uint64_t number = link->number;
    link_remove(m, stream);
    if (is_agent) {
        struct agent *agent = master_agent_numbered(m, number);
        assert(agent && agent->stream == stream);
        agent_disconnect(m, agent, now_ms, out);
    } else {
        struct framework *f = framework_by_number(m, number);
        assert(f && f->stream == stream);
        framework_disconnect(m, f, now_ms, out);
    }
}

int64_t master_next_ms(const struct master *m)
{
    int64_t next_ms = heap_next_ms(&m->timers);
    int64_t allocation_ms = allocator_next_ms(m->allocator);
    if (allocation_ms < next_ms)
        next_ms = allocation_ms;
    return next_ms < 0 ? 0 : next_ms;
}

static void on_agent_timer(struct master *m, const struct heap_entry *due,
                           int64_t now_ms, struct outputs *out)
{
    struct agent *agent = master_agent_numbered(m, due->id);
    if (!agent)
        return;
    if (due->kind == TIMER_PING && agent->ping_at_ms == due->at_ms)
        agent_on_ping_time(m, agent, now_ms, out);
    if (due->kind == TIMER_RETURN && agent->state == AGENT_RECOVERED)
        agent_mark_unreachable(m, agent, now_ms, out);
    if (due->kind == TIMER_INVERSE && agent->inverse_at_ms == due->at_ms) {
        agent->inverse_at_ms = 0;
        *vec_add(&m->asking) = agent->number;
    }
}

static void on_framework_timer(struct master *m, const struct heap_entry *due,
                               int64_t now_ms, struct outputs *out)
{
    struct framework *f = framework_by_number(m, due->id);
    if (!f)
        return;
    if (due->kind == TIMER_HEARTBEAT && f->heartbeat_at_ms == due->at_ms)
        framework_on_heartbeat(m, f, now_ms, out);
    if (due->kind == TIMER_FAILOVER && f->failover_timer_ms == due->at_ms)
        framework_on_failover_time(m, f, now_ms, out);
}

static void on_offer_timer(struct master *m, uint64_t number, int64_t now_ms,
                           struct outputs *out)
{
    struct offer *offer;
    HASH_FIND(hh, m->offers, &number, sizeof number, offer);
    if (offer)
        offer_withdraw(m, offer, true,
                       (struct filters){.refusal = REFUSE_NOTHING}, now_ms,
                       out);
}

void master_on_time(struct master *m, int64_t now_ms, struct outputs *out)
{
    struct heap_entry due;
    while (heap_pop(&m->timers, now_ms, &due)) {
        switch ((enum timer_kind)due.kind) {
        case TIMER_PING:
        case TIMER_RETURN:
        case TIMER_INVERSE:
            on_agent_timer(m, &due, now_ms, out);
            break;
        case TIMER_HEARTBEAT:
        case TIMER_FAILOVER:
            on_framework_timer(m, &due, now_ms, out);
            break;
        case TIMER_OFFER:
            on_offer_timer(m, due.id, now_ms, out);
            break;
        }
    }
    if (allocator_next_ms(m->allocator) <= now_ms)
        master_make_offers(m, now_ms, out);
    if (m->asking.count > 0) /* behind the offers, which say when */
        inverse_run(m, now_ms, out);
}

/* --- ending -----------------------------------------------------------------
 */

static void free_frameworks(struct master *m)
{
    struct framework *f, *next;
    HASH_CLEAR(by_number, m->frameworks_by_number);
    HASH_ITER(hh, m->frameworks, f, next)
    {
        HASH_DEL(m->frameworks, f);
        framework_free(f);
    }
    HASH_ITER(hh, m->completed, f, next)
    {
        HASH_DEL(m->completed, f);
        framework_free(f);
    }
}

static void free_agents(struct master *m)
{
    struct agent *agent, *next;
    HASH_CLEAR(by_number, m->agents_by_number);
    HASH_ITER(hh, m->agents, agent, next)
    {
        HASH_DEL(m->agents, agent);
        agent_free(agent);
    }
}

void master_free(struct master *m)
{
    if (!m)
        return;
    struct offer *offer, *next;
    HASH_ITER(hh, m->offers, offer, next)
    {
        offer_forget(m, offer);
    }
    for (struct framework *f = m->frameworks; f; f = f->hh.next)
        inverse_forget_framework(m, f);
    free_frameworks(m);
    free_agents(m); /* after the tasks that are on them */
    machines_free(&m->machines);
    vec_free(&m->asking);
    struct link *link, *next_link;
    HASH_ITER(hh, m->links, link, next_link)
    {
        link_remove(m, link->stream);
    }
    heap_release(&m->timers);
    allocator_free(m->allocator);
    free(m->min_allocatable);
    free(m);
}
