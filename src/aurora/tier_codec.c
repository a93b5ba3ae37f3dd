/* The tiers that jobs name, and the call that lists them. */
#include "aurora/api.h"

#include "base/resources.h"

#include <stdio.h>
#include <string.h>

/* What a job without one is in; as the job language has it. */
static const char *name_of(const Perigee__Job *job)
{
    if (job->tier && *job->tier)
        return job->tier;
    return job->production ? "preferred" : "preemptible";
}

/* Of revocable resources only what takes them has any. */
static bool is_served(const struct aurora_program *p, const struct tier *tier)
{
    return !tier->is_revocable || p->options.takes_revocable;
}

static int refuse_unknown(const struct aurora_program *p, const char *name,
                          struct err *err)
{
    struct buf names = {0};

    tiers_list(&p->tiers, &names);
    (void)err_set(err, ERR_INVALID,
                  "job: tier: there is no '%s': want one of %s", name,
                  buf_text(&names));
    buf_release(&names);
    err_field(err, "tier");
    err_hint(err, "clusterctl tier list says what each of them means");
    return -ERR_INVALID;
}

int tier_check(const struct aurora_program *p, const Perigee__Job *job,
               struct err *err)
{
    const struct tier *tier = tiers_find(&p->tiers, name_of(job));

    if (!tier)
        return refuse_unknown(p, name_of(job), err);
    if (is_served(p, tier))
        return 0;
    (void)err_set(err, ERR_INVALID,
                  "job: tier: '%s' is revocable, and this scheduler takes no "
                  "revocable resources",
                  tier->name);
    err_field(err, "tier");
    err_hint(err, "name another tier, or start the scheduler with "
                  "--receive_revocable_resources");
    return -ERR_INVALID;
}

struct tier tier_of_job(const struct aurora_program *p, const Perigee__Job *job)
{
    const struct tier *tier = tiers_find(&p->tiers, name_of(job));

    return tier ? *tier : *tiers_find(&p->tiers, "preemptible");
}

static bool is_spare(const struct aurora_program *p,
                     const struct job_config *config,
                     const struct resource_kind *kind)
{
    const struct aurora_options *o = &p->options;

    return config->is_revocable &&
           ((kind == &RESOURCE_CPUS && o->spares_cpus) ||
            (kind == &RESOURCE_MEM && o->spares_mem));
}

void tier_split(const struct aurora_program *p, struct job_config *config)
{
    if (is_spare(p, config, &RESOURCE_CPUS)) {
        config->spare.cpus = config->need.cpus;
        config->need.cpus = 0;
    }
    if (is_spare(p, config, &RESOURCE_MEM)) {
        config->spare.mem = config->need.mem;
        config->need.mem = 0;
    }
}

const struct resource_kind *tier_kind(const struct aurora_program *p,
                                      const struct job_config *config,
                                      const struct resource_kind *plain)
{
    struct resource_kind like = *plain;

    like.revocable = is_spare(p, config, plain);
    return resource_kind_make(&like);
}

static Perigee__Aurora__TierView *view_tier(const struct aurora_program *p,
                                            const struct tier *tier,
                                            struct arena *arena)
{
    Perigee__Aurora__TierView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__tier_view__init(out);
    out->name = arena_strdup(arena, tier->name);
    out->has_preemptible = out->has_revocable = true;
    out->has_production = out->has_served = true;
    out->preemptible = tier->is_preemptible;
    out->revocable = tier->is_revocable;
    out->production = tier_is_production(tier);
    out->served = is_served(p, tier);
    return out;
}

void api_tiers(struct request *r, int64_t now_ms, struct effects *fx)
{
    const struct tiers *tiers = &r->p->tiers;
    Perigee__Aurora__Answer *answer = api_answer_new(r);

    answer->tiers = arena_alloc(&r->arena, tiers->count * sizeof(void *));
    for (uint32_t i = 0; i < tiers->count; i++)
        answer->tiers[answer->n_tiers++] =
            view_tier(r->p, &tiers->item[i], &r->arena);
    api_answer(r, answer, now_ms, fx);
}
