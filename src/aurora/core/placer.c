#include "aurora/core/placer.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SHARE_ONE = 1024 };

/* --- limits --- */

static struct limit_count *find_count(const struct limit_counts *counts,
                                      const char *attribute, const char *value)
{
    for (uint32_t i = 0; i < counts->count; i++) {
        struct limit_count *c = &counts->item[i];
        if (strcmp(c->value, value) == 0 &&
            strcmp(c->attribute, attribute) == 0)
            return c;
    }
    return NULL;
}

void limit_counts_add(struct limit_counts *counts,
                      const struct job_config *config, const struct host *host)
{
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        const struct constraint *c = &config->constraint[i];
        if (!constraint_counts(c->kind))
            continue;
        const char *value = host_value(host, c->attribute);
        if (!value)
            continue;
        struct limit_count *count = find_count(counts, c->attribute, value);
        if (!count) {
            count = vec_add(counts);
            *count = (struct limit_count){.attribute = c->attribute,
                                          .value = xstrdup(value)};
        }
        count->tasks++;
    }
}

void limit_counts_of(const struct job *job, const struct job_config *config,
                     struct limit_counts *out)
{
    *out = (struct limit_counts){0};
    if (!config->is_limited)
        return;
    for (const struct task *t = job->active.first; t; t = t->next)
        if (t->host)
            limit_counts_add(out, config, t->host);
}

void limit_counts_release(struct limit_counts *counts)
{
    for (uint32_t i = 0; i < counts->count; i++)
        free(counts->item[i].value);
    vec_free(counts);
}

/* --- vetoes --- */

static bool value_allows(const struct constraint *c, const struct host *host)
{
    for (uint32_t i = 0; i < c->value_count; i++)
        if (host_has_value(host, c->attribute, c->value[i]))
            return c->kind == CONSTRAINT_ONE_OF;
    return c->kind == CONSTRAINT_NONE_OF;
}

/* All on the one value given, or on the one that the first task has. */
static bool cluster_allows(const struct constraint *c, const char *value,
                           const struct limit_counts *counts)
{
    if (c->value_count > 0)
        return strcmp(c->value[0], value) == 0;
    for (uint32_t i = 0; i < counts->count; i++)
        if (strcmp(counts->item[i].attribute, c->attribute) == 0)
            return strcmp(counts->item[i].value, value) == 0;
    return true;
}

/* New values first, until there are `limit` of them; then where there are
 * fewest. */
static bool group_allows(const struct constraint *c, uint32_t tasks,
                         const struct limit_counts *counts)
{
    uint32_t values = 0, fewest = UINT32_MAX;

    for (uint32_t i = 0; i < counts->count; i++) {
        const struct limit_count *count = &counts->item[i];
        if (strcmp(count->attribute, c->attribute) != 0 || count->tasks == 0)
            continue;
        values++;
        if (count->tasks < fewest)
            fewest = count->tasks;
    }
    return tasks == 0 || (values >= c->limit && tasks == fewest);
}

static bool limit_allows(const struct constraint *c, const struct host *host,
                         const struct limit_counts *counts)
{
    const char *value = host_value(host, c->attribute);

    if (!value)
        return false; /* the host must have the attribute */
    const struct limit_count *count = find_count(counts, c->attribute, value);
    uint32_t tasks = count ? count->tasks : 0;
    if (c->kind == CONSTRAINT_CLUSTER)
        return cluster_allows(c, value, counts);
    if (c->kind == CONSTRAINT_GROUP_BY)
        return group_allows(c, tasks, counts);
    return tasks < c->limit;
}

static const struct verdict *verdict_of(const struct question *question,
                                        const struct host *host)
{
    return question_verdict(question, host->number, host->description);
}

static enum veto like_veto(const struct constraint *c, const struct host *host)
{
    const struct verdict *verdict = verdict_of(c->question, host);

    if (!verdict)
        return VETO_UNJUDGED;
    if (verdict->failure)
        return VETO_LIKE_FAILED;
    return (verdict->value != 0) == (c->kind == CONSTRAINT_LIKE)
               ? VETO_NONE
               : VETO_CONSTRAINT;
}

static enum veto value_veto(const struct constraint *c, const struct host *host)
{
    if (c->question)
        return like_veto(c, host);
    if (constraint_counts(c->kind) || value_allows(c, host))
        return VETO_NONE;
    return VETO_CONSTRAINT;
}

/* What the job's own functions say. */
static enum veto function_veto(const struct host *host,
                               const struct job_config *config)
{
    const struct verdict *place, *rank;

    if (config->place) {
        place = verdict_of(config->place, host);
        if (!place)
            return VETO_UNJUDGED;
        if (place->failure)
            return VETO_PLACE_FAILED;
        if (place->value == 0)
            return VETO_PLACE;
    }
    if (config->rank) {
        rank = verdict_of(config->rank, host);
        if (!rank)
            return VETO_UNJUDGED;
        if (rank->failure)
            return VETO_RANK_FAILED;
    }
    return VETO_NONE;
}

const char *placer_failure(const struct host *host,
                           const struct job_config *config, enum veto veto,
                           uint32_t constraint)
{
    const struct question *question = NULL;

    if (veto == VETO_PLACE_FAILED)
        question = config->place;
    if (veto == VETO_RANK_FAILED)
        question = config->rank;
    if (veto == VETO_LIKE_FAILED)
        question = config->constraint[constraint].question;
    const struct verdict *verdict =
        question ? verdict_of(question, host) : NULL;
    return verdict && verdict->failure ? verdict->failure : "";
}

/* Vetoes that no task of ours can change. */
static enum veto static_veto(const struct host *host,
                             const struct job_config *config,
                             uint32_t *constraint)
{
    if (!config->is_dedicated && host_value(host, "dedicated"))
        return VETO_DEDICATED;
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        enum veto veto = value_veto(&config->constraint[i], host);
        if (veto != VETO_NONE) {
            *constraint = i;
            return veto;
        }
    }
    return function_veto(host, config);
}

static enum veto limit_veto(const struct host *host,
                            const struct job_config *config,
                            const struct limit_counts *counts,
                            uint32_t *constraint)
{
    for (uint32_t i = 0; config->is_limited && i < config->constraint_count;
         i++) {
        const struct constraint *c = &config->constraint[i];
        if (constraint_counts(c->kind) && !limit_allows(c, host, counts)) {
            *constraint = i;
            return VETO_LIMIT;
        }
    }
    return VETO_NONE;
}

bool placer_suits(const struct host *host, const struct job_config *config,
                  const struct limit_counts *counts)
{
    uint32_t unused;

    if (!config->is_dedicated && host_value(host, "dedicated"))
        return false;
    for (uint32_t i = 0; i < config->constraint_count; i++)
        if (value_veto(&config->constraint[i], host) != VETO_NONE)
            return false;
    return limit_veto(host, config, counts, &unused) == VETO_NONE;
}

static enum veto amounts_veto(const struct amounts *free, uint64_t ports,
                              const struct job_config *config)
{
    const struct amounts *need = &config->need;

    if (free->cpus < need->cpus)
        return VETO_CPU;
    if (free->mem < need->mem)
        return VETO_MEM;
    if (free->disk < need->disk)
        return VETO_DISK;
    if (free->gpus < need->gpus)
        return VETO_GPU;
    if (ports < config->port_count)
        return VETO_PORTS;
    return VETO_NONE;
}

enum veto placer_veto(const struct host *host, const struct job_config *config,
                      const struct limit_counts *counts, uint32_t *constraint)
{
    enum veto veto = static_veto(host, config, constraint);

    if (veto == VETO_NONE)
        veto = limit_veto(host, config, counts, constraint);
    if (veto != VETO_NONE)
        return veto;
    if (host->offers)
        return amounts_veto(&host->free, ranges_size(&host->ports), config);
    /* It has nothing for us now; would it be enough when it is empty? */
    veto = amounts_veto(&host->total, SHAPE_PORTS_MAX, config);
    return veto != VETO_NONE ? veto : VETO_NO_OFFER;
}

/* --- score --- */

/* In 1/1024; amounts stay below 2^50, so nothing overflows. */
static int64_t share(int64_t part, int64_t whole)
{
    assert(part < (int64_t)1 << 50);
    return whole > 0 ? part * SHARE_ONE / whole : 0;
}

int64_t placer_score(const struct amounts *free, const struct amounts *total,
                     const struct amounts *need)
{
    int64_t cpu = share(free->cpus - need->cpus, total->cpus);
    int64_t mem = share(free->mem - need->mem, total->mem);
    int64_t disk = share(free->disk - need->disk, total->disk);
    int64_t apart = cpu > mem ? cpu - mem : mem - cpu;
    int64_t dominant = cpu > mem ? cpu : mem;

    if (disk > dominant)
        dominant = disk;
    return (SHARE_ONE - apart) + (SHARE_ONE - dominant);
}

/* --- one attempt --- */

/* A candidate: the first host of a shape, or, for configs that name hosts, any
 * host. Entries of shapes go stale when the shape changes; a fresh one is
 * pushed then, and the stale one is recognised when it is popped. */
struct candidate {
    int64_t rank, score;
    struct host *host;
};

struct attempt {
    struct hosts *hosts;
    const struct job_config *config;
    struct limit_counts *counts;
    uint64_t number;
    struct {
        struct candidate *item;
        uint32_t count, capacity;
    } heap; /* best first */
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    if (a->score != b->score)
        return a->score > b->score;
    return host_compare(a->host, b->host) < 0;
}

static void push(struct attempt *attempt, int64_t score, struct host *host)
{
    const struct question *rank = attempt->config->rank;
    struct candidate it = {rank ? verdict_of(rank, host)->value : 0, score,
                           host};
    (void)*vec_add(&attempt->heap);
    struct candidate *heap = attempt->heap.item;
    uint32_t at = attempt->heap.count - 1;

    while (at > 0 && is_better(&it, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = it;
}

static bool pop(struct attempt *attempt, struct candidate *out)
{
    struct candidate *heap = attempt->heap.item;

    if (attempt->heap.count == 0)
        return false;
    *out = heap[0];
    struct candidate last = heap[--attempt->heap.count];
    uint32_t count = attempt->heap.count, at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && is_better(&heap[child + 1], &heap[child]))
            child++;
        if (!is_better(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    if (count > 0)
        heap[at] = last;
    return true;
}

/* Judge a shape once per attempt and push its first host if tasks fit. */
static void offer_shape(struct attempt *attempt, struct shape *shape)
{
    const struct job_config *config = attempt->config;
    uint32_t unused;

    if (shape->attempt != attempt->number) {
        shape->attempt = attempt->number;
        shape->score = INT64_MIN;
        if (amounts_veto(&shape->key.free, shape->key.ports, config) ==
                VETO_NONE &&
            static_veto(shape->heap[0], config, &unused) == VETO_NONE)
            shape->score = placer_score(&shape->key.free, &shape->key.total,
                                        &config->need);
    }
    if (shape->score != INT64_MIN)
        push(attempt, shape->score, shape->heap[0]);
}

static void offer_host(struct attempt *attempt, struct host *host)
{
    uint32_t unused;

    if (placer_veto(host, attempt->config, attempt->counts, &unused) ==
        VETO_NONE)
        push(attempt,
             placer_score(&host->free, &host->total, &attempt->config->need),
             host);
}

static void offer_all(struct attempt *attempt, uint64_t since)
{
    for (struct shape *shape = attempt->hosts->newest;
         shape && shape->generation > since; shape = shape->older) {
        if (!attempt->config->is_host_bound) {
            offer_shape(attempt, shape);
            continue;
        }
        for (uint32_t i = 0; i < shape->count; i++)
            offer_host(attempt, shape->heap[i]);
    }
}

/* Is this entry still what its shape would push now? */
static bool is_fresh(const struct attempt *attempt, const struct candidate *c)
{
    const struct shape *shape = c->host->shape;

    if (attempt->config->is_host_bound)
        return true;
    return shape && shape->attempt == attempt->number &&
           shape->score == c->score && c->host->heap_at == 0;
}

/* Take one task's share of the host and push what that changed. */
static void take(struct attempt *attempt, struct host *host,
                 struct ranges *ports)
{
    struct shape *old = host->shape;
    bool old_stays = old->count > 1;

    hosts_take(attempt->hosts, host, &attempt->config->need,
               attempt->config->port_count, ports);
    limit_counts_add(attempt->counts, attempt->config, host);
    if (attempt->config->is_host_bound) {
        offer_host(attempt, host);
        return;
    }
    if (old_stays)
        offer_shape(attempt, old);
    if (host->heap_at == 0)
        offer_shape(attempt, host->shape);
}

uint32_t placer_place(struct hosts *hosts, const struct job_config *config,
                      struct limit_counts *counts, uint32_t count,
                      uint64_t since, placer_placed *placed, void *context)
{
    struct attempt attempt = {.hosts = hosts,
                              .config = config,
                              .counts = counts,
                              .number = ++hosts->attempt};
    struct candidate best;
    uint32_t done = 0, unused;
    bool more = true;

    offer_all(&attempt, since);
    while (more && done < count && pop(&attempt, &best)) {
        struct ranges ports;
        if (!is_fresh(&attempt, &best) ||
            limit_veto(best.host, config, counts, &unused) != VETO_NONE)
            continue;
        take(&attempt, best.host, &ports);
        done++;
        more = placed(context, best.host, &ports);
        ranges_release(&ports);
    }
    vec_free(&attempt.heap);
    return done;
}
