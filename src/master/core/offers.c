#include "master/core/internal.h"
#include <assert.h>
#include <stdio.h>

enum { REFUSE_DEFAULT_MS = 5000, REFUSE_SPAN_MS = 1000 };
#define REFUSE_MAX_MS ((int64_t)365 * 24 * 3600 * REFUSE_SPAN_MS)

struct filters filters_make(bool has, int64_t refuse_ms)
{
    if (!has || refuse_ms < 0)
        refuse_ms = REFUSE_DEFAULT_MS;
    if (refuse_ms > REFUSE_MAX_MS)
        refuse_ms = REFUSE_MAX_MS;
    return (struct filters){
        .refusal = refuse_ms > 0 ? REFUSE_FOR_TIME : REFUSE_UNTIL_TICK,
        .refuse_ms = refuse_ms,
    };
}

char *offer_number_text(const struct master *m, uint64_t number, char *out,
                        size_t size)
{
    snprintf(out, size, "%s-O%llu", m->id, (unsigned long long)number);
    return out;
}

char *offer_id_text(const struct master *m, const struct offer *offer,
                    char *out, size_t size)
{
    return offer_number_text(m, offer->number, out, size);
}

bool offer_number_parse(const struct master *m, const char *id, uint64_t *out)
{
    size_t prefix = strlen(m->id);
    if (strncmp(id, m->id, prefix) != 0 || strncmp(id + prefix, "-O", 2) != 0)
        return false;
    *out = strtoull(id + prefix + 2, NULL, 10);
    char text[ID_MAX];
    return strcmp(offer_number_text(m, *out, text, sizeof text), id) == 0;
}

struct offer *master_offer(const struct master *m, const char *id)
{
    uint64_t number;
    struct offer *offer = NULL;
    if (offer_number_parse(m, id, &number))
        HASH_FIND(hh, m->offers, &number, sizeof number, offer);
    return offer;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void index_offer(struct master *m, struct offer *offer)
{
    HASH_ADD(hh, m->offers, number, sizeof offer->number, offer);
}

static struct offer *offer_new(struct master *m, struct framework *f,
                               struct agent *agent,
                               struct allocation *allocation, int64_t now_ms)
{
    struct offer *offer = xcalloc(1, sizeof *offer);
    offer->number = m->next_offer++;
    offer->framework = f;
    offer->agent = agent;
    offer->role = xstrdup(allocation->role);
    resources_move(&offer->resources, &allocation->resources);
    resources_allocate(&offer->resources, offer->role);
    DL_APPEND2(f->offers, offer, framework_prev, framework_next);
    DL_APPEND2(agent->offers, offer, agent_prev, agent_next);
    index_offer(m, offer);
    m->counters.offers_made++;
    if (m->config.offer_timeout_ms > 0)
        heap_push(&m->timers, now_ms + m->config.offer_timeout_ms, TIMER_OFFER,
                  offer->number);
    return offer;
}

void offer_forget(struct master *m, struct offer *offer)
{
    DL_DELETE2(offer->framework->offers, offer, framework_prev, framework_next);
    DL_DELETE2(offer->agent->offers, offer, agent_prev, agent_next);
    HASH_DEL(m->offers, offer);
    resources_release(&offer->resources);
    free(offer->role);
    free(offer);
}

bool offer_tell_gone(const struct master *m, const struct framework *f,
                     enum output_kind kind, uint64_t number,
                     struct outputs *out)
{
    struct output *output = framework_output(out, f, kind);
    char text[ID_MAX];
    if (output)
        output->offer_id =
            output_text(out, offer_number_text(m, number, text, sizeof text));
    return output != NULL;
}

void offer_withdraw(struct master *m, struct offer *offer, bool tell,
                    struct filters filters, int64_t now_ms, struct outputs *out)
{
    if (tell && offer_tell_gone(m, offer->framework, OUTPUT_RESCIND,
                                offer->number, out))
        m->counters.offers_rescinded++;
    allocator_recover(m->allocator, offer->framework->number,
                      offer->agent->number, offer->role, &offer->resources,
                      filters.refusal, filters.refuse_ms, now_ms);
    offer_forget(m, offer);
}

/* One OFFERS event for what a framework got in this run, in pieces. */
static void tell_offers(struct framework *f, struct outputs *out)
{
    for (uint32_t at = 0; at < f->fresh.count;) {
        uint32_t count = f->fresh.count - at;
        if (count > MASTER_OFFERS_PER_EVENT)
            count = MASTER_OFFERS_PER_EVENT;
        struct output *output = framework_output(out, f, OUTPUT_OFFERS);
        assert(output);
        output->offer = arena_memdup(&out->arena, f->fresh.item + at,
                                     count * sizeof *f->fresh.item);
        output->count = count;
        at += count;
    }
    f->fresh.count = 0;
}

static struct agent *agent_of(const struct master *m, uint64_t number)
{
    struct agent *agent = master_agent_numbered(m, number);
    assert(agent && agent->state == AGENT_CONNECTED);
    return agent;
}

void master_make_offers(struct master *m, int64_t now_ms, struct outputs *out)
{
    struct allocations made = {0};
    VEC(struct framework *) receivers = {0};
    allocator_run(m->allocator, now_ms, &made);
    for (uint32_t i = 0; i < made.count; i++) {
        struct framework *f;
        HASH_FIND(by_number, m->frameworks_by_number, &made.item[i].framework,
                  sizeof made.item[i].framework, f);
        assert(f && f->stream != 0);
        if (f->fresh.count == 0)
            *vec_add(&receivers) = f;
        *vec_add(&f->fresh) = offer_new(m, f, agent_of(m, made.item[i].agent),
                                        &made.item[i], now_ms);
    }
    for (uint32_t i = 0; i < receivers.count; i++)
        tell_offers(receivers.item[i], out);
    vec_free(&receivers);
    allocations_release(&made);
}

void master_decline(struct master *m, struct framework *f,
                    const char *const *offer_id, uint32_t count,
                    struct filters filters, int64_t now_ms)
{
    for (uint32_t i = 0; i < count; i++) {
        struct offer *offer = master_offer(m, offer_id[i]);
        if (!offer || offer->framework != f)
            continue;
        m->counters.offers_declined++;
        offer_withdraw(m, offer, false, filters, now_ms, NULL);
    }
}
