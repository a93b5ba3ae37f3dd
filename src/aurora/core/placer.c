#include "aurora/core/placer.h"
#include "aurora/core/placer_classes.h"
#include "aurora/core/placer_ranking.h"

/* --- vetoes --- */

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
    if (constraint_counts(c->kind) || constraint_allows(c, host))
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
    if (host->is_closed)
        return VETO_MAINTENANCE;
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
                            struct limit_counts *counts, uint32_t *constraint)
{
    for (uint32_t i = 0; config->is_limited && i < config->constraint_count;
         i++) {
        const struct constraint *c = &config->constraint[i];
        if (constraint_counts(c->kind) && !limit_allows(counts, c, host)) {
            *constraint = i;
            return VETO_LIMIT;
        }
    }
    return VETO_NONE;
}

bool placer_suits(const struct host *host, const struct job_config *config,
                  struct limit_counts *counts)
{
    uint32_t unused;

    if (!config->is_dedicated && host_value(host, "dedicated"))
        return false;
    for (uint32_t i = 0; i < config->constraint_count; i++)
        if (value_veto(&config->constraint[i], host) != VETO_NONE)
            return false;
    return limit_veto(host, config, counts, &unused) == VETO_NONE;
}

bool placer_awaits(const struct host *host, const struct job_config *config)
{
    bool awaits = false;

    if (!config->has_like ||
        (!config->is_dedicated && host_value(host, "dedicated")))
        return false;
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        enum veto veto = value_veto(&config->constraint[i], host);
        if (veto != VETO_NONE && veto != VETO_UNJUDGED)
            return false;
        awaits |= veto == VETO_UNJUDGED;
    }
    return awaits;
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
                      struct limit_counts *counts, uint32_t *constraint)
{
    enum veto veto = static_veto(host, config, constraint);
    const struct amounts open = host_open(host);

    if (veto == VETO_NONE)
        veto = limit_veto(host, config, counts, constraint);
    if (veto == VETO_NONE && host->is_avoided)
        veto = VETO_TROUBLE;
    if (veto != VETO_NONE)
        return veto;
    if (host->offers && !host_has_spare(host, &config->spare))
        return host->spare.cpus < config->spare.cpus ? VETO_CPU : VETO_MEM;
    if (host->offers)
        return amounts_veto(&open, host->ports_open, config);
    /* It has nothing for us now; would it be enough when it is empty? */
    veto = amounts_veto(&host->total, PORT_NAMES_MAX, config);
    return veto != VETO_NONE ? veto : VETO_NO_OFFER;
}

/* --- score --- */

int64_t placer_cost(enum placement_policy policy, const struct amounts *free,
                    const struct amounts *total, const struct amounts *need)
{
    return index_cost(policy, index_share(free->cpus - need->cpus, total->cpus),
                      index_share(free->mem - need->mem, total->mem));
}

int64_t placer_score(enum placement_policy policy, const struct amounts *free,
                     const struct amounts *total, const struct amounts *need)
{
    int64_t cost = placer_cost(policy, free, total, need);

    if (policy == PLACEMENT_PACK && cost > INDEX_STRANDED)
        cost -= INDEX_STRANDED;
    return 2 * SHARE_ONE - cost;
}

/* --- one attempt --- */

enum {
    FEW_CHANGES = 64, /* hosts that changed: looked at one by one */
    FEW_HOSTS = 256   /* that value constraints allow: likewise */
};

struct attempt {
    struct hosts *hosts;
    const struct job_config *config;
    struct limit_counts *counts;
    const struct class_verdicts *classes; /* NULL: all will do */
};

static bool has_room(const struct host *host, const struct amounts *open,
                     const struct job_config *config)
{
    const struct amounts *need = &config->need;

    return open->cpus >= need->cpus && open->mem >= need->mem &&
           open->disk >= need->disk && open->gpus >= need->gpus &&
           host->ports_open >= config->port_count &&
           (!config->is_revocable || host_has_spare(host, &config->spare));
}

/* index_judge. */
static int64_t judge(void *context, struct host *host)
{
    const struct attempt *attempt = context;
    const struct job_config *config = attempt->config;
    const struct amounts open = host_open(host);
    uint32_t unused;

    if (!has_room(host, &open, config) ||
        (attempt->classes && !attempt->classes->may[host->class_slot]) ||
        (host->is_dedicated && !config->is_dedicated) ||
        (config->is_host_bound &&
         static_veto(host, config, &unused) != VETO_NONE) ||
        limit_veto(host, config, attempt->counts, &unused) != VETO_NONE)
        return -1;
    return host->later + placer_cost(attempt->hosts->index.policy, &open,
                                     &host->total, &config->need);
}

/* The better of two hosts: `host` when it may have the task at all. */
static void compare(struct attempt *attempt, struct host *host,
                    struct host **best, int64_t *best_cost)
{
    if (!host->kind)
        return;
    int64_t cost = judge(attempt, host);
    if (cost < 0 ||
        (*best && (cost > *best_cost ||
                   (cost == *best_cost && host->order > (*best)->order))))
        return;
    *best = host;
    *best_cost = cost;
}

static struct host *best_of_changed(struct attempt *attempt, uint64_t since)
{
    struct changes changes = hosts_changes(attempt->hosts, since);
    struct host *host, *best = NULL;
    int64_t cost = 0;

    while ((host = hosts_next_change(&changes)))
        compare(attempt, host, &best, &cost);
    return best;
}

/* Do value constraints leave so few hosts that all can be looked at? */
static bool are_few(const struct attempt *attempt)
{
    const struct class_verdicts *classes = attempt->classes;
    uint32_t hosts = 0;

    if (!classes || classes->are_many)
        return false;
    for (uint32_t i = 0; i < classes->few.count; i++) {
        const struct host_class *class =
            attempt->hosts->classes.by_slot.item[classes->few.item[i]];
        hosts += class ? class->hosts : 0;
    }
    return hosts <= FEW_HOSTS;
}

static struct host *best_of_few(struct attempt *attempt)
{
    struct host *best = NULL;
    int64_t cost = 0;

    for (uint32_t i = 0; i < attempt->classes->few.count; i++) {
        const struct host_class *class =
            attempt->hosts->classes.by_slot.item[attempt->classes->few.item[i]];
        for (struct host *h = class ? class->first : NULL; h; h = h->class_next)
            compare(attempt, h, &best, &cost);
    }
    return best;
}

static struct host *best_host(struct attempt *attempt, uint64_t since)
{
    struct index_search search = {.need = &attempt->config->need,
                                  .is_dedicated = attempt->config->is_dedicated,
                                  .judge = judge,
                                  .context = attempt};

    if (since > 0 && attempt->hosts->generation - since <= FEW_CHANGES)
        return best_of_changed(attempt, since);
    if (are_few(attempt))
        return best_of_few(attempt);
    return index_find(&attempt->hosts->index, &search);
}

bool placer_allows(struct hosts *hosts, struct job_config *config,
                   struct limit_counts *counts, struct host *host,
                   int64_t *cost)
{
    struct attempt attempt = {hosts, config, counts,
                              class_verdicts_of(config, &hosts->classes)};

    if (!host->kind)
        return false;
    *cost = judge(&attempt, host);
    return *cost >= 0;
}

static bool place_one(struct attempt *attempt, struct host *host,
                      placer_placed *placed, void *context)
{
    const struct job_config *config = attempt->config;
    struct ranges ports;

    if (config->is_revocable)
        hosts_take_spare(host, &config->spare);
    hosts_take(attempt->hosts, host, &config->need, config->port_count, &ports);
    limit_counts_add(attempt->counts, attempt->hosts, host);
    bool more = placed(context, host, &ports);
    ranges_release(&ports);
    return more;
}

uint32_t placer_place(struct hosts *hosts, struct job_config *config,
                      struct limit_counts *counts, uint32_t count,
                      uint64_t since, placer_placed *placed, void *context)
{
    struct attempt attempt = {hosts, config, counts,
                              class_verdicts_of(config, &hosts->classes)};
    struct ranking ranking = {0};
    uint32_t done = 0;
    bool more = true;

    if (config->rank)
        ranking_open(&ranking, hosts, config, counts, since);
    while (more && done < count) {
        struct host *host =
            config->rank ? ranking_next(&ranking) : best_host(&attempt, since);
        if (!host)
            break;
        done++;
        more = place_one(&attempt, host, placed, context);
    }
    ranking_close(&ranking);
    return done;
}

bool placer_place_on(struct hosts *hosts, struct job_config *config,
                     struct limit_counts *counts, struct host *host,
                     placer_placed *placed, void *context)
{
    struct attempt attempt = {hosts, config, counts, NULL};
    int64_t cost;

    if (!placer_allows(hosts, config, counts, host, &cost))
        return false;
    (void)place_one(&attempt, host, placed, context);
    return true;
}
