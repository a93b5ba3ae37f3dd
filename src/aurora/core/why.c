/* The part of placer.h that explains. */
#include "aurora/core/placer.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    RESOURCE_SCORE_MAX = 1000,
    CONSTRAINT_SCORE = 10 * 1000,
    NO_OFFER_SCORE = 5 * 1000,
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
    const struct amounts *free = &host->free, *need = &config->need;
    int64_t score = 0;

    if (veto == VETO_DEDICATED)
        return DEDICATED_SCORE;
    if (veto == VETO_CONSTRAINT || veto == VETO_LIMIT)
        score = CONSTRAINT_SCORE;
    if (!host->offers)
        free = &host->total; /* what it could give when it is empty */
    if (veto == VETO_NO_OFFER)
        score += NO_OFFER_SCORE;
    score += lack_score(free->cpus, need->cpus, 16 * 1000);
    score += lack_score(free->mem, need->mem, (int64_t)24 * 1024 * 1000);
    score += lack_score(free->disk, need->disk, (int64_t)450 * 1024 * 1000);
    score += lack_score(free->gpus, need->gpus, 4 * 1000);
    score += lack_score((int64_t)ranges_size(&host->ports),
                        host->offers ? config->port_count : 0, 1000);
    return score;
}

void placer_why(const struct hosts *hosts, const struct job_config *config,
                const struct limit_counts *counts, struct why *out)
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
        [VETO_LIMIT] = "limit",
        [VETO_CONSTRAINT] = "constraint",
        [VETO_DEDICATED] = "dedicated to others",
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

static void constraint_lack(const struct host *host, const struct constraint *c,
                            struct buf *out)
{
    const char *has = host_value(host, c->attribute);

    if (c->kind == CONSTRAINT_LIMIT && !has) {
        buf_addf(out, "attribute %s", c->attribute);
        return;
    }
    if (c->kind == CONSTRAINT_LIMIT) {
        buf_addf(out, "constraint %s: at most %u on '%s'", c->attribute,
                 c->limit, has);
        return;
    }
    buf_addf(out, "constraint %s: want %s", c->attribute,
             c->kind == CONSTRAINT_ONE_OF ? "one of" : "none of");
    for (uint32_t i = 0; i < c->value_count && i < 8; i++)
        buf_addf(out, "%s '%s'", i ? "," : "", c->value[i]);
    if (has)
        buf_addf(out, ", the host has '%s'", has);
    else
        buf_add_text(out, ", the host has none");
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
    if (why->nearest_veto == VETO_DEDICATED) {
        buf_addf(out, "constraint dedicated: the host is for '%s'",
                 host_value(host, "dedicated"));
        return;
    }
    const struct amounts *free = host->offers ? &host->free : &host->total;
    add_lack(out, free->cpus, config->need.cpus, "cpu");
    add_lack(out, free->mem, config->need.mem, "MB of memory");
    add_lack(out, free->disk, config->need.disk, "MB of disk");
    add_lack(out, free->gpus, config->need.gpus, "gpu");
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
