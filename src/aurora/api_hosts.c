/* Calls about machines and offers, and about the scheduler as a whole. */
#include "aurora/api.h"
#include "aurora/link.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call__Hosts Query;

static const int64_t MIB = 1024 * 1024;

/* The core counts memory and disk in thousandths of a MiB. */
static Perigee__ResourceAmounts *view_amounts(const struct amounts *amounts,
                                              struct arena *arena)
{
    Perigee__ResourceAmounts *out = arena_alloc(arena, sizeof *out);

    perigee__resource_amounts__init(out);
    out->has_cpu_milli = out->has_ram_bytes = out->has_disk_bytes = true;
    out->cpu_milli = (uint64_t)amounts->cpus;
    out->ram_bytes = (uint64_t)(amounts->mem / 1000 * MIB +
                                amounts->mem % 1000 * MIB / 1000);
    out->disk_bytes = (uint64_t)(amounts->disk / 1000 * MIB +
                                 amounts->disk % 1000 * MIB / 1000);
    out->has_gpu = amounts->gpus > 0;
    out->gpu = (uint32_t)(amounts->gpus / 1000);
    return out;
}

static void view_attributes(const struct attributes *attributes,
                            Perigee__Aurora__HostView *out, struct arena *arena)
{
    out->attributes =
        arena_alloc(arena, (attributes->count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < attributes->count; i++) {
        Perigee__Aurora__AttributeView *one = arena_alloc(arena, sizeof *one);
        perigee__aurora__attribute_view__init(one);
        one->name = attributes->item[i].name;
        one->value = attributes->item[i].text;
        out->attributes[out->n_attributes++] = one;
    }
}

Perigee__Aurora__HostView *view_host(const struct host *host,
                                     struct arena *arena)
{
    Perigee__Aurora__HostView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__host_view__init(out);
    out->agent_id = view_text(host->agent_id, arena);
    out->hostname = host->hostname;
    out->agent_endpoint = host->endpoint;
    view_attributes(&host->attributes, out, arena);
    out->total = view_amounts(&host->total, arena);
    out->used = view_amounts(&host->used, arena);
    out->offered = view_amounts(&host->free, arena);
    out->has_offers = out->has_tasks = out->has_seen_ms = true;
    for (const struct offer *o = host->offers; o; o = o->next)
        out->offers++;
    out->tasks = host->tasks;
    out->seen_ms = (uint64_t)host->seen_ms;
    out->has_lost = out->lost = host->is_lost;
    out->has_avoided = out->avoided = host->is_avoided;
    out->has_mode = true;
    out->mode = (Perigee__Aurora__MaintenanceView__Mode)host->mode;
    out->has_away_from_ms = host->away_from_ms > 0;
    out->away_from_ms = (uint64_t)host->away_from_ms;
    out->has_away_until_ms =
        host->away_from_ms > 0 && host->away_until_ms < INT64_MAX;
    out->away_until_ms = (uint64_t)host->away_until_ms;
    return out;
}

Perigee__Aurora__HostEvent *view_host_event(const struct event *event,
                                            struct arena *arena)
{
    Perigee__Aurora__HostEvent *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__host_event__init(out);
    out->has_change = true;
    out->change = (Perigee__Aurora__HostEvent__Change)event->host_change;
    out->agent_id = view_text(event->agent_id, arena);
    out->hostname = view_text(event->hostname, arena);
    out->agent_endpoint = view_text(event->endpoint, arena);
    out->total = view_amounts(&event->total, arena);
    out->message = view_text(event->message, arena);
    return out;
}

/* --- pages of hosts --- */

/* The first `size` + 1 hosts in host order behind the cursor: a heap with the
 * last of them on top, so that a large cluster is looked at once. */
struct selection {
    const struct host **item;
    uint32_t count, size;
};

static void sift_down(struct selection *s, uint32_t at)
{
    for (;;) {
        uint32_t largest = at, left = 2 * at + 1;
        for (uint32_t i = left; i < left + 2 && i < s->count; i++)
            if (host_compare(s->item[i], s->item[largest]) > 0)
                largest = i;
        if (largest == at)
            return;
        const struct host *moved = s->item[at];
        s->item[at] = s->item[largest];
        s->item[largest] = moved;
        at = largest;
    }
}

static void select_host(struct selection *s, const struct host *host)
{
    if (s->count < s->size) {
        s->item[s->count++] = host;
        for (uint32_t i = s->count == s->size ? s->size / 2 : 0; i-- > 0;)
            sift_down(s, i);
        return;
    }
    if (host_compare(host, s->item[0]) > 0)
        return;
    s->item[0] = host;
    sift_down(s, 0);
}

static int in_order(const void *x, const void *y)
{
    return host_compare(*(const struct host *const *)x,
                        *(const struct host *const *)y);
}

/* Host order: the shorter id first, then by bytes. */
static bool is_behind(const struct host *host, struct bytes cursor)
{
    struct bytes id = blob_bytes(host->agent_id);

    if (id.size != cursor.size)
        return id.size > cursor.size;
    return memcmp(id.data, cursor.data, id.size) > 0;
}

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || strcmp(wanted, has) == 0;
}

static bool is_wanted(const Query *query, const struct host *host)
{
    if (query->agent_id && *query->agent_id &&
        !bytes_equal_text(blob_bytes(host->agent_id), query->agent_id))
        return false;
    if (query->cursor && *query->cursor &&
        !is_behind(host, bytes_of_text(query->cursor)))
        return false;
    return matches(query->hostname, host->hostname);
}

/* A page of them in host order; one more than `size` when more follow. */
static void select_page(struct request *r, const Query *query, bool offering,
                        uint32_t size, struct selection *out)
{
    *out = (struct selection){.size = size + 1};
    out->item = arena_alloc(&r->arena, out->size * sizeof(void *));
    for (const struct host *h = r->p->core.hosts.by_agent; h; h = h->hh.next)
        if (is_wanted(query, h) && (!offering || h->offers))
            select_host(out, h);
    qsort(out->item, out->count, sizeof *out->item, in_order);
}

static const Query *query_of(struct request *r)
{
    static const Query all = PERIGEE__AURORA__CALL__HOSTS__INIT;

    return r->call->hosts ? r->call->hosts : &all;
}

static int refuse_no_host(const Query *query, struct err *err)
{
    (void)err_set(err, ERR_NOT_FOUND, "agent '%s': no such host is known",
                  query->agent_id);
    err_field(err, "hosts.agent_id");
    err_hint(err, "a host is known while it makes offers or has tasks of ours, "
                  "and a day longer");
    return -ERR_NOT_FOUND;
}

void api_hosts(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Query *query = query_of(r);
    uint32_t size = api_page_size(query->limit);
    struct selection page;
    struct err err = {0};

    select_page(r, query, false, size, &page);
    if (page.count == 0 && query->agent_id && *query->agent_id &&
        !(query->cursor && *query->cursor)) {
        (void)refuse_no_host(query, &err);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    answer->hosts = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    for (uint32_t i = 0; i < page.count && i < size; i++)
        answer->hosts[answer->n_hosts++] = view_host(page.item[i], &r->arena);
    if (page.count > size)
        answer->cursor = answer->hosts[size - 1]->agent_id;
    api_answer(r, answer, now_ms, fx);
}

/* --- offers --- */

static Perigee__Aurora__OfferView *view_offer(const struct offer *offer,
                                              struct arena *arena)
{
    Perigee__Aurora__OfferView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__offer_view__init(out);
    out->offer_id = view_text(offer->id, arena);
    out->agent_id = view_text(offer->host->agent_id, arena);
    out->hostname = offer->host->hostname;
    out->resources = view_amounts(&offer->free, arena);
    out->has_ports = true;
    out->ports = ranges_size(&offer->ports);
    return out;
}

/* All offers of a host stand on one page, so a page may be a little longer. */
void api_offers(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Query *query = query_of(r);
    uint32_t size = api_page_size(query->limit);
    struct selection page;
    size_t count = 0;

    select_page(r, query, true, size, &page);
    for (uint32_t i = 0; i < page.count; i++)
        for (const struct offer *o = page.item[i]->offers; o; o = o->next)
            count++;
    Answer *answer = api_answer_new(r);
    answer->offers = arena_alloc(&r->arena, (count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < page.count; i++) {
        if (answer->n_offers >= size) {
            answer->cursor = view_text(page.item[i - 1]->agent_id, &r->arena);
            break;
        }
        for (const struct offer *o = page.item[i]->offers; o; o = o->next)
            answer->offers[answer->n_offers++] = view_offer(o, &r->arena);
    }
    api_answer(r, answer, now_ms, fx);
}

/* --- the whole --- */

static void count_tasks(const struct aurora *core,
                        Perigee__Aurora__StateView *out, struct arena *arena)
{
    out->tasks = arena_alloc(arena, TASK_STATE_COUNT * sizeof(void *));
    for (int state = TASK_THROTTLED; state < TASK_DELETED; state++) {
        Perigee__Aurora__StateCount *count = arena_alloc(arena, sizeof *count);
        perigee__aurora__state_count__init(count);
        count->has_state = count->has_tasks = true;
        count->state = (Perigee__Aurora__TaskState)state;
        count->tasks = core->counters.tasks[state];
        out->tasks[out->n_tasks++] = count;
    }
}

static Perigee__Aurora__StateView *view_state(const struct aurora_program *p,
                                              struct arena *arena)
{
    static const Perigee__Aurora__StateView__Link link[] = {
        [LINK_DOWN] = PERIGEE__AURORA__STATE_VIEW__LINK__DOWN,
        [LINK_SUBSCRIBING] = PERIGEE__AURORA__STATE_VIEW__LINK__SUBSCRIBING,
        [LINK_UP] = PERIGEE__AURORA__STATE_VIEW__LINK__UP};
    const struct aurora *core = &p->core;
    Perigee__Aurora__StateView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__state_view__init(out);
    out->cluster = (char *)p->options.cluster;
    out->master = p->link.address;
    out->has_link = out->has_jobs = out->has_updates = true;
    out->has_hosts = out->has_offers = out->has_pending = true;
    out->has_first_sequence = out->has_subscribers = true;
    out->link = link[p->link.state];
    out->framework_id = p->link.framework_id;
    for (uint32_t i = 0; i < core->jobs.count; i++) {
        out->jobs += !core->jobs.item[i]->is_removed;
        out->updates += core->jobs.item[i]->update != NULL;
    }
    out->hosts = HASH_COUNT(core->hosts.by_agent);
    out->offers = HASH_CNT(hh_id, core->hosts.offer_by_id);
    out->pending = core->waiting_count;
    count_tasks(core, out, arena);
    out->first_sequence = event_log_first(&core->events);
    out->subscribers = p->subscribers.count;
    return out;
}

void api_state(struct request *r, int64_t now_ms, struct effects *fx)
{
    Answer *answer = api_answer_new(r);

    answer->state = view_state(r->p, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

void api_reconcile(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__Reconcile *query = r->call->reconcile;
    struct err err = {0};

    if (r->p->link.state != LINK_UP) {
        (void)err_set(&err, ERR_BUSY, "no link to the master at %s",
                      r->p->link.address);
        err_hint(&err, "all tasks are asked after when it is there again");
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    if (query && query->implicit) {
        calls_reconcile_implicitly(r->p);
        answer->note = "the master was asked after every task that it knows";
    } else {
        aurora_reconcile(&r->p->core);
        answer->note = "the master was asked after every task that we know";
    }
    api_answer(r, answer, now_ms, fx);
}
