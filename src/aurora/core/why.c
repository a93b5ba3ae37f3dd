/* The part of placer.h that explains. */
#include "aurora/core/placer.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    RESOURCE_SCORE_MAX = 1000,
    CONSTRAINT_SCORE = 10 * 1000,
    NO_OFFER_SCORE = 5 * 1000,
    TROUBLE_SCORE = 100 * 1000,
    DEDICATED_SCORE = 1000 * 1000
};

/* A lack in proportion to what a large machine has; at least 1. */
static int64_t lack_score(int64_t free, int64_t need, int64_t range)
{
    if (free >= need)
        return 0;
    int64_t score = (need - free) * RESOURCE_SCORE_MAX / range;
    if (score > RESOURCE_SCORE_MAX)
        score = RESOURCE_SCORE_MAX;
    return score > 0 ? score : 1;
}

static int64_t veto_score(const struct host *host,
                          const struct job_config *config, enum veto veto)
{
    const struct amounts open = host_open(host);
    const struct amounts *free = &open, *need = &config->need;
    int64_t score = 0;

    if (veto == VETO_DEDICATED)
        return DEDICATED_SCORE;
    if (veto == VETO_TROUBLE || veto == VETO_MAINTENANCE)
        return TROUBLE_SCORE;
    if (veto >= VETO_PLACE)
        score = CONSTRAINT_SCORE;
    if (!host->offers)
        free = &host->total; /* what it could give when it is empty */
    if (veto == VETO_NO_OFFER)
        score += NO_OFFER_SCORE;
    score += lack_score(free->cpus, need->cpus, 16 * 1000);
    score += lack_score(free->mem, need->mem, (int64_t)24 * 1024 * 1000);
    score += lack_score(free->disk, need->disk, (int64_t)450 * 1024 * 1000);
    score += lack_score(free->gpus, need->gpus, 4 * 1000);
    if (host->offers)
        score += lack_score(host->spare.cpus, config->spare.cpus, 16 * 1000);
    score += lack_score((int64_t)ranges_size(&host->ports),
                        host->offers ? config->port_count : 0, 1000);
    return score;
}

void placer_why(const struct hosts *hosts, const struct job_config *config,
                struct limit_counts *counts, struct why *out)
{
    *out = (struct why){0};
    for (const struct host *host = hosts->by_agent; host;
         host = host->hh.next) {
        uint32_t constraint = 0;
        enum veto veto = placer_veto(host, config, counts, &constraint);

        out->hosts++;
        if (veto == VETO_NONE) {
            out->fits++;
            continue;
        }
        if (veto == VETO_CONSTRAINT || veto == VETO_LIMIT)
            out->by_constraint[constraint]++;
        out->vetoed[veto]++;
        if (!out->failure[veto])
            out->failure[veto] = placer_failure(host, config, veto, constraint);
        int64_t score = veto_score(host, config, veto);
        if (out->nearest && (score > out->nearest_score ||
                             (score == out->nearest_score &&
                              host_compare(host, out->nearest) > 0)))
            continue;
        out->nearest = host;
        out->nearest_veto = veto;
        out->nearest_constraint = constraint;
        out->nearest_score = score;
    }
}

void veto_name(enum veto veto, const struct job_config *config,
               uint32_t constraint, struct buf *out)
{
    static const char *const name[VETO_COUNT] = {
        [VETO_NONE] = "fits",
        [VETO_NO_OFFER] = "not offered now",
        [VETO_CPU] = "not enough cpu",
        [VETO_MEM] = "not enough memory",
        [VETO_DISK] = "not enough disk",
        [VETO_GPU] = "not enough gpus",
        [VETO_PORTS] = "not enough ports",
        [VETO_PLACE] = "place says no",
        [VETO_UNJUDGED] = "not evaluated yet",
        [VETO_PLACE_FAILED] = "place failed",
        [VETO_RANK_FAILED] = "rank failed",
        [VETO_LIKE_FAILED] = "expression failed",
        [VETO_LIMIT] = "limit",
        [VETO_CONSTRAINT] = "constraint",
        [VETO_TROUBLE] = "host in trouble",
        [VETO_DEDICATED] = "dedicated to others",
        [VETO_MAINTENANCE] = "host in maintenance",
    };

    buf_add_text(out, name[veto]);
    if (veto == VETO_LIMIT || veto == VETO_CONSTRAINT)
        buf_addf(out, " %s", config->constraint[constraint].attribute);
}

static void add_separator(struct buf *out)
{
    if (out->size > 0)
        buf_add_text(out, ", ");
}

static void add_lack(struct buf *out, int64_t free, int64_t need,
                     const char *what)
{
    char text[32];

    if (free >= need)
        return;
    add_separator(out);
    text_from_milli(need - free, text, sizeof text);
    buf_addf(out, "%s %s", text, what);
}

/* A constraint that counts, on a host with the value `has`. */
static void count_lack(const char *has, const struct constraint *c,
                       struct buf *out)
{
    buf_addf(out, "constraint %s: ", c->attribute);
    if (c->kind == CONSTRAINT_CLUSTER)
        buf_addf(out, "all on one value, the host has '%s'", has);
    else if (c->kind == CONSTRAINT_GROUP_BY)
        buf_addf(out, "even over at least %u values, '%s' has its share",
                 c->limit, has);
    else
        buf_addf(out, "at most %u on '%s'", c->limit, has);
}

static void constraint_lack(const struct host *host, const struct constraint *c,
                            struct buf *out)
{
    static const char *const wanted[] = {[CONSTRAINT_ONE_OF] = "one of",
                                         [CONSTRAINT_NONE_OF] = "none of",
                                         [CONSTRAINT_LIKE] = "a value like",
                                         [CONSTRAINT_UNLIKE] = "no value like"};
    const char *has = host_value(host, c->attribute);

    if (constraint_counts(c->kind) && !has) {
        buf_addf(out, "attribute %s", c->attribute);
        return;
    }
    if (constraint_counts(c->kind)) {
        count_lack(has, c, out);
        return;
    }
    buf_addf(out, "constraint %s: want %s", c->attribute, wanted[c->kind]);
    for (uint32_t i = 0; i < c->value_count && i < 8; i++)
        buf_addf(out, "%s '%s'", i ? "," : "", c->value[i]);
    if (has)
        buf_addf(out, ", the host has '%s'", has);
    else
        buf_add_text(out, ", the host has none");
}

static void script_lack(const struct why *why, const struct job_config *config,
                        struct buf *out)
{
    const char *failure = placer_failure(
        why->nearest, config, why->nearest_veto, why->nearest_constraint);

    if (why->nearest_veto == VETO_PLACE)
        buf_add_text(out, "a place function that says yes");
    else if (why->nearest_veto == VETO_UNJUDGED)
        buf_add_text(out, "an answer of the job's functions");
    else
        veto_name(why->nearest_veto, config, why->nearest_constraint, out);
    if (*failure)
        buf_addf(out, ": %s", failure);
}

void why_lacks(const struct why *why, const struct job_config *config,
               struct buf *out)
{
    const struct host *host = why->nearest;

    if (!host)
        return;
    if (why->nearest_veto == VETO_CONSTRAINT ||
        why->nearest_veto == VETO_LIMIT) {
        constraint_lack(host, &config->constraint[why->nearest_constraint],
                        out);
        return;
    }
    if (why->nearest_veto >= VETO_PLACE &&
        why->nearest_veto <= VETO_LIKE_FAILED) {
        script_lack(why, config, out);
        return;
    }
    if (why->nearest_veto == VETO_TROUBLE) {
        buf_add_text(out, "a rest: tasks of several jobs failed there soon "
                          "after their start");
        return;
    }
    if (why->nearest_veto == VETO_MAINTENANCE) {
        buf_add_text(out, "an end of its maintenance: it takes no tasks");
        return;
    }
    if (why->nearest_veto == VETO_DEDICATED) {
        buf_addf(out, "constraint dedicated: the host is for '%s'",
                 host_value(host, "dedicated"));
        return;
    }
    const struct amounts open = host_open(host);
    const struct amounts *free = host->offers ? &open : &host->total;
    add_lack(out, free->cpus, config->need.cpus, "cpu");
    add_lack(out, free->mem, config->need.mem, "MB of memory");
    add_lack(out, free->disk, config->need.disk, "MB of disk");
    add_lack(out, free->gpus, config->need.gpus, "gpu");
    if (host->offers) {
        add_lack(out, host->spare.cpus, config->spare.cpus, "revocable cpu");
        add_lack(out, host->spare.mem, config->spare.mem,
                 "MB of revocable memory");
    }
    if (why->nearest_veto == VETO_PORTS) {
        add_separator(out);
        buf_addf(out, "%u free ports", config->port_count);
    }
    if (out->size == 0)
        buf_add_text(out, "an offer: its resources are in use");
}

/* Would it fit an empty host that nothing else excludes? */
static bool fits_when_empty(const struct why *why,
                            const struct job_config *config)
{
    const struct amounts *total = &why->nearest->total;

    return total->cpus >= config->need.cpus && total->mem >= config->need.mem &&
           total->disk >= config->need.disk && total->gpus >= config->need.gpus;
}

void why_advice(const struct why *why, const struct job_config *config,
                struct buf *out)
{
    if (why->hosts == 0) {
        buf_add_text(out, "no host has been offered yet: check that agents "
                          "run and that the master sees them");
        return;
    }
    if (why->fits > 0) {
        buf_addf(out, "%u of %u hosts fit: the task is about to be placed",
                 why->fits, why->hosts);
        return;
    }
    switch (why->nearest_veto) {
    case VETO_CONSTRAINT:
        buf_addf(out,
                 "change the constraint on '%s', or give hosts the "
                 "attribute it wants",
                 config->constraint[why->nearest_constraint].attribute);
        break;
    case VETO_LIMIT:
        buf_addf(out,
                 "raise the limit on '%s', add hosts, or run fewer "
                 "instances",
                 config->constraint[why->nearest_constraint].attribute);
        break;
    case VETO_PLACE:
        buf_add_text(out, "change the job's place function, or add hosts that "
                          "it accepts");
        break;
    case VETO_UNJUDGED:
        buf_add_text(out, "wait: the job's functions are about to be asked");
        break;
    case VETO_PLACE_FAILED:
    case VETO_RANK_FAILED:
    case VETO_LIKE_FAILED:
        buf_add_text(out, "correct the function or expression: while it fails "
                          "for a host, nothing is placed there");
        break;
    case VETO_TROUBLE:
        buf_add_text(out, "wait: the host is tried again in 10 minutes at "
                          "most; look at what failed there");
        break;
    case VETO_MAINTENANCE:
        buf_add_text(out, "wait for the end of the maintenance, or add hosts; "
                          "`clusterctl host list` tells about it");
        break;
    case VETO_DEDICATED:
        buf_add_text(out, "add hosts that are not dedicated, or name "
                          "'dedicated' in the job's constraints");
        break;
    default:
        if (fits_when_empty(why, config))
            buf_add_text(out, "wait until other tasks end, or add hosts");
        else
            buf_add_text(out, "ask for less, or add larger hosts: no host "
                              "is large enough even when it is empty");
        break;
    }
}
