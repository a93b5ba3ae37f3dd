/* The core's questions on the wire to script workers, and back. */
#include "aurora/assets.h"
#include "aurora/state.h"

#include <stdlib.h>

static const int64_t MIB = 1024 * 1024;

/* --- asking --- */

static Perigee__HostAttribute *encode_attribute(const struct attribute *from,
                                                struct arena *arena)
{
    Perigee__HostAttribute *out = arena_alloc(arena, sizeof *out);

    perigee__host_attribute__init(out);
    out->name = arena_strdup(arena, from->name);
    out->value = arena_strdup(arena, from->text);
    return out;
}

static char *attribute_or_empty(const struct host *host, const char *name,
                                struct arena *arena)
{
    const char *value = attributes_value(&host->attributes, name);

    return arena_strdup(arena, value ? value : "");
}

/* All that a function may see: when any of it changes, so must
 * host->description. */
static Perigee__Host *encode_host(const struct host *host, struct arena *arena)
{
    const struct amounts *total = &host->total;
    Perigee__Host *out = arena_alloc(arena, sizeof *out);

    perigee__host__init(out);
    out->hostname = arena_strdup(arena, host->hostname);
    out->id = arena_strndup(arena, (const char *)host->agent_id->data,
                            host->agent_id->size);
    out->n_attributes = host->attributes.count;
    out->attributes =
        arena_alloc(arena, (out->n_attributes + 1) * sizeof(void *));
    for (uint32_t i = 0; i < host->attributes.count; i++)
        out->attributes[i] = encode_attribute(&host->attributes.item[i], arena);
    out->has_cpu_milli = out->has_ram_bytes = out->has_disk_bytes = true;
    out->has_gpu = out->has_ports = true;
    out->cpu_milli = total->cpus;
    out->ram_bytes = total->mem / 1000 * MIB + total->mem % 1000 * MIB / 1000;
    out->disk_bytes =
        total->disk / 1000 * MIB + total->disk % 1000 * MIB / 1000;
    out->gpu = total->gpus / 1000;
    out->ports = (int64_t)host->ports_total;
    out->region = attribute_or_empty(host, "region", arena);
    out->zone = attribute_or_empty(host, "zone", arena);
    out->role = (char *)"*"; /* of what is offered to us */
    return out;
}

/* A host that went away meanwhile is asked about all the same, as none: its
 * answer will find nobody. */
static void encode_hosts(struct aurora_program *p, const struct asking *asking,
                         Perigee__Judgement *out, struct arena *arena)
{
    out->n_hosts = asking->hosts.count;
    out->hosts = arena_alloc(arena, (out->n_hosts + 1) * sizeof(void *));
    for (uint32_t i = 0; i < asking->hosts.count; i++) {
        struct bytes id = blob_bytes(asking->hosts.item[i].agent_id);
        const struct host *host = hosts_find(&p->core.hosts, id);
        if (host) {
            out->hosts[i] = encode_host(host, arena);
            continue;
        }
        out->hosts[i] = arena_alloc(arena, sizeof(Perigee__Host));
        perigee__host__init(out->hosts[i]);
    }
}

static void ask(struct aurora_program *p, const struct asking *asking,
                struct effects *fx)
{
    const struct question *q = asking->question;
    struct aurora_judge act = {.ticket = asking->ticket};
    Perigee__Judgement judgement = PERIGEE__JUDGEMENT__INIT;

    judgement.has_kind = true;
    judgement.kind = (Perigee__Judgement__Kind)q->kind;
    judgement.has_ordinal = q->ordinal > 0;
    judgement.ordinal = q->ordinal;
    judgement.attribute = q->attribute;
    judgement.expression = q->expression;
    encode_hosts(p, asking, &judgement, &fx->arena);
    size_t size = perigee__judgement__get_packed_size(&judgement);
    uint8_t *packed = arena_alloc(&fx->arena, size + 1);
    (void)perigee__judgement__pack(&judgement, packed);
    act.judgement = bytes_of(packed, size);
    if (q->bundle) {
        struct bytes bundle = bundle_bytes(p, q->bundle);
        act.stdlib = release_of(p, q->bundle);
        act.bundle = bytes_of(
            arena_memdup(&fx->arena, bundle.data, bundle.size), bundle.size);
    }
    effect_act(fx, AURORA_ACT_JUDGE, &act, sizeof act);
}

void questions_ask(struct aurora_program *p, struct effects *fx)
{
    for (uint32_t i = 0; i < p->core.work.askings.count; i++) {
        const struct asking *asking =
            aurora_asking(&p->core, p->core.work.askings.item[i]);
        if (asking)
            ask(p, asking, fx);
    }
}

/* --- answers --- */

void questions_judged(struct aurora_program *p,
                      const struct aurora_judged_fact *fact, int64_t now_ms)
{
    Perigee__Verdicts *verdicts = NULL;
    struct judged *judged = NULL;
    uint32_t count = 0;

    if (notices_judged(p, fact, now_ms))
        return;
    if (!fact->is_busy)
        verdicts = perigee__verdicts__unpack(NULL, fact->result.size,
                                             fact->result.data);
    if (verdicts && verdicts->n_verdicts > 0) {
        judged = xcalloc(verdicts->n_verdicts, sizeof *judged);
        for (; count < verdicts->n_verdicts; count++) {
            const Perigee__Verdict *v = verdicts->verdicts[count];
            judged[count] = (struct judged){v->value, v->failure, v->passing};
        }
    }
    aurora_judged(&p->core, fact->ticket, judged, count, now_ms);
    free(judged);
    perigee__verdicts__free_unpacked(verdicts, NULL);
}
