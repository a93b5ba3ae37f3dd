/* Whether quotas allow several things: all at once, as a group comes, or one
 * after the other. Each counts for those behind it, as it will when it is
 * stored; in the end everything is as it was. */
#include "aurora/core/internal.h"
#include "aurora/core/quota_jobs.h"

#include <stdio.h>
#include <stdlib.h>

/* --- all or nothing --- */

/* Of the first `count` parts and so many instances of the one behind them. */
static bool parts_fit(struct aurora *a, const struct quota_part *part,
                      uint32_t count, uint32_t instances)
{
    struct quota_use from = {0}, to = {0};
    struct quota_use one = quota_use_of(part[count].config);
    struct quota_shortage ignored;

    for (uint32_t i = 0; i < count; i++) {
        quota_use_add(&from, &part[i].from);
        quota_use_add(&to, &part[i].to);
    }
    quota_use_add_times(&to, &one, instances);
    return quotas_allow(&a->quotas, part[0].config->key.role, &from, &to,
                        &ignored);
}

/* In their order, as far as the quota goes. All of them do not fit. */
static void say_parts(struct aurora *a, const struct quota_part *part,
                      uint32_t count, char *out, size_t size)
{
    uint32_t jobs = 0, low = 0;

    while (jobs + 1 < count && parts_fit(a, part, jobs + 1, 0))
        jobs++;
    uint32_t high = part[jobs].is_new ? part[jobs].instances : 0;
    while (high - low > 1 && high > 0) {
        uint32_t middle = low + (high - low) / 2;
        if (parts_fit(a, part, jobs, middle))
            low = middle;
        else
            high = middle;
    }
    const char *name = part[jobs].config->key.name;
    if (jobs == 0 && low == 0)
        snprintf(out, size, "already its first job, '%s', is too much", name);
    else if (jobs == 0)
        snprintf(out, size, "%u of %u instances of '%s' would fit", low,
                 part[0].instances, name);
    else if (low == 0)
        snprintf(out, size, "%u of its %u jobs would fit, not '%s'", jobs,
                 count, name);
    else
        snprintf(out, size,
                 "%u of its %u jobs and %u of %u instances of '%s' would fit",
                 jobs, count, low, part[jobs].instances, name);
}

/* Of the instances of one thing, how many are allowed; all of them are not. */
static uint32_t most_of(struct aurora *a, const struct quota_part *part)
{
    const struct job *job = aurora_job(a, &part->config->key);
    struct quota_shortage ignored;
    uint32_t low = 0, high = part->instances;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        struct quota_use use = quota_use_wanted(a, job, part->config, middle);
        if (quotas_allow(&a->quotas, part->config->key.role, &part->from, &use,
                         &ignored))
            low = middle;
        else
            high = middle;
    }
    return low;
}

int quota_check_parts(struct aurora *a, struct quota_asked asked,
                      const struct quota_part *part, uint32_t count,
                      struct err *err)
{
    bool is_group = asked.count == 0;
    struct quota_use from = {0}, to = {0};
    struct quota_shortage shortage;
    char fits[192];

    for (uint32_t i = 0; i < count; i++) {
        quota_use_add(&from, &part[i].from);
        quota_use_add(&to, &part[i].to);
    }
    if (quotas_allow(&a->quotas, asked.key->role, &from, &to, &shortage))
        return 0;
    if (is_group && count > 0)
        say_parts(a, part, count, fits, sizeof fits);
    else if (!is_group)
        asked.fits = most_of(a, part);
    asked.has_fits = !is_group;
    asked.parts = is_group && count > 0 ? fits : NULL;
    return quota_refuse(a, &shortage, &asked, err);
}

/* --- one after the other --- */

/* What the preview has added so far, and takes away again. */
struct held {
    struct quota_role *role;
    struct quota_use from, to;
};

struct preview_state {
    struct aurora *a;
    struct held *held;
    uint32_t count;
    const struct job *const *gone; /* so many of them are */
    uint32_t gone_count;
};

static void hold(struct preview_state *s, const struct quota_part *part)
{
    struct held *held = &s->held[s->count++];

    *held = (struct held){quotas_hold(&s->a->quotas, part->config->key.role),
                          part->from, part->to};
    quotas_change(held->role, &held->from, &held->to);
}

static void let_go(struct preview_state *s)
{
    while (s->count > 0) {
        struct held *held = &s->held[--s->count];
        quotas_change(held->role, &held->to, &held->from);
        quotas_let_go(&s->a->quotas, held->role);
    }
}

static bool is_gone(const struct preview_state *s, const struct job *job)
{
    for (uint32_t i = 0; i < s->gone_count; i++)
        if (s->gone[i] == job)
            return true;
    return false;
}

static void remove_all(struct preview_state *s, const struct quota_gone *gone)
{
    s->gone = gone->job;
    for (uint32_t i = 0; i < gone->count; i++) {
        const struct job *job = gone->job[i];
        if (!is_gone(s, job))
            hold(s, &(struct quota_part){.config = job->config,
                                         .from = job->quota.counted});
        s->gone_count = i + 1;
    }
}

static struct quota_part part_of(struct preview_state *s,
                                 const struct quota_wish *wish)
{
    struct aurora *a = s->a;
    const struct job *job = aurora_job(a, &wish->config->key);
    if (job && is_gone(s, job))
        job = NULL;
    struct quota_part part = {.config = wish->config,
                              .instances = wish->instances,
                              .is_new = job == NULL};

    if (job)
        part.from = job->quota.counted;
    part.to = quota_use_wanted(a, job, wish->config, wish->instances);
    return part;
}

/* Those that come together: one, or the neighbours of one group. */
static uint32_t together(const struct quota_wish *wish, uint32_t left)
{
    uint32_t count = 1;

    while (wish[0].group != 0 && count < left &&
           wish[count].group == wish[0].group)
        count++;
    return count;
}

/* More than a job may have is no question for quotas, and would take long to
 * add up. */
static int check_counts(const struct aurora *a, const struct quota_wish *wish,
                        uint32_t count, struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = request_check_count(a, wish[i].instances, err);
    return rc;
}

void aurora_quota_preview(struct aurora *a, const struct quota_wish *wish,
                          uint32_t count, const struct quota_gone *gone,
                          quota_refused *refused, void *context)
{
    struct preview_state s = {
        .a = a, .held = xcalloc(count + gone->count + 1, sizeof *s.held)};
    struct quota_part *part = xcalloc(count + 1, sizeof *part);
    uint64_t refusals = a->counters.quota_refusals;
    uint32_t told = 0;

    quota_settle(a);
    for (uint32_t i = 0, n; i < count && told < QUOTA_PREVIEW_TOLD_MAX;
         i += n) {
        struct err err = {0};
        if (i >= gone->behind && s.gone_count == 0)
            remove_all(&s, gone);
        n = together(&wish[i], count - i);
        if (check_counts(a, &wish[i], n, &err) < 0) {
            refused(context, i, n, &err);
            told++;
            continue;
        }
        for (uint32_t k = 0; k < n; k++)
            part[k] = part_of(&s, &wish[i + k]);
        struct quota_asked asked = {
            .key = &wish[i].config->key,
            .what = wish[i].group ? "group with" : "job",
            .count = wish[i].group ? 0 : wish[i].instances};
        if (quota_check_parts(a, asked, part, n, &err) < 0) {
            refused(context, i, n, &err);
            told++;
            continue;
        }
        for (uint32_t k = 0; k < n; k++)
            hold(&s, &part[k]);
    }
    let_go(&s);
    a->counters.quota_refusals = refusals; /* nobody was refused anything */
    free(part);
    free(s.held);
}
