/* One search of preempt.h, over the hosts that victims.h names. */
#include "aurora/core/internal.h"
#include "aurora/core/placer_classes.h"
#include "aurora/core/preempt_rule.h"

#include <assert.h>
#include <string.h>

enum {
    GIFTS_MAX = 256, /* tasks of one host that are looked at */
    FEW_HOSTS = 256  /* that value constraints allow: all are looked at */
};

/* --- one host --- */

static bool says_yes(const struct question *question, const struct host *host)
{
    const struct verdict *verdict;

    if (!question)
        return true;
    verdict = question_verdict(question, host->number, host->description);
    return verdict && !verdict->failure &&
           (question->kind == QUESTION_RANK || verdict->value != 0);
}

/* Is it a place for one more task, whatever room it has? */
static bool is_place(struct aurora *a, const struct job_config *config,
                     struct limit_counts *counts, struct host *host)
{
    if (host->is_avoided || host->is_closed || host->is_lost ||
        host->has_kept || host->ports_kept > 0 ||
        (host->is_dedicated && !config->is_dedicated))
        return false;
    if (host->seen_ms == 0) { /* it is known from its tasks alone */
        a->preempt.counters.unknown_hosts++;
        return false;
    }
    /* What may be taken back is not promised by pushing others. */
    if (!host_has_spare(host, &config->spare))
        return false;
    return placer_suits(host, config, counts) &&
           says_yes(config->place, host) && says_yes(config->rank, host);
}

static struct preempt_lack lack_on(const struct host *host,
                                   const struct job_config *config)
{
    const struct amounts *need = &config->need, *free = &host->free;

    return (struct preempt_lack){
        {need->cpus - free->cpus, need->mem - free->mem,
         need->disk - free->disk, need->gpus - free->gpus},
        (int64_t)config->port_count - host->ports_open};
}

/* When those have gone that are on their way. */
static void wait_for_leaving(struct preempt_lack *lack,
                             const struct host_victims *victims)
{
    lack->amounts.cpus -= victims->leaving.cpus;
    lack->amounts.mem -= victims->leaving.mem;
    lack->amounts.disk -= victims->leaving.disk;
    lack->amounts.gpus -= victims->leaving.gpus;
    lack->ports -= victims->leaving_ports;
}

static bool is_lacking(const struct preempt_lack *lack)
{
    return lack->amounts.cpus > 0 || lack->amounts.mem > 0 ||
           lack->amounts.disk > 0 || lack->amounts.gpus > 0 || lack->ports > 0;
}

static bool may_push(const struct job_config *config, const struct task *task)
{
    return (task->state == TASK_ASSIGNED || task->state == TASK_STARTING ||
            task->state == TASK_RUNNING) &&
           job_key_compare(&task->job->key, &config->key) != 0 &&
           preempt_allows(config, task->config);
}

/* Tasks of the host that may be pushed, each with what it gives. */
static uint32_t gather(const struct host *host, const struct job_config *config,
                       struct task *task[GIFTS_MAX],
                       struct preempt_gift gift[GIFTS_MAX])
{
    uint32_t count = 0;

    for (struct task *t = host->first_task; t && count < GIFTS_MAX;
         t = t->host_next) {
        if (!may_push(config, t))
            continue;
        task[count] = t;
        gift[count++] = (struct preempt_gift){
            .amounts = t->config->need,
            .ports = t->config->port_count,
            .priority = t->config->priority,
            .age = t->number,
        };
    }
    return count;
}

bool preempt_at(struct aurora *a, struct job_config *config, struct host *host,
                struct victims *out)
{
    struct task *task[GIFTS_MAX];
    struct preempt_gift gift[GIFTS_MAX];
    struct job *job = config->waiting_first->job;

    out->task.count = 0;
    out->is_soon = false;
    limit_counts_prepare(&job->limits, job, config, &a->hosts);
    if (!is_place(a, config, &job->limits, host))
        return false;
    struct preempt_lack lack = lack_on(host, config);
    if (!is_lacking(&lack))
        return false; /* there is room: placing sees what we do not */
    wait_for_leaving(&lack, &host->victims);
    if (!is_lacking(&lack)) {
        out->is_soon = true;
        return false;
    }
    uint32_t count = gather(host, config, task, gift);
    if (preempt_choose(&lack, gift, count) == 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (gift[i].is_taken)
            *vec_add(&out->task) = task[i];
    return true;
}

/* --- many hosts --- */

struct search {
    struct aurora *a;
    struct job_config *config;
    const struct class_verdicts *classes; /* NULL: all will do */
    uint64_t number;
    struct victims victims; /* of the host looked at */
    uint32_t fits, first;   /* place in the table of the first that fits */
    bool is_soon;
    struct host *best;
    uint32_t best_count;
    int64_t best_size;
};

/* What the victims lose, in thousandths of cpus and MiB. */
static int64_t size_of(const struct victims *victims)
{
    int64_t size = 0;

    for (uint32_t i = 0; i < victims->task.count; i++)
        size += victims->task.item[i]->config->need.cpus +
                victims->task.item[i]->config->need.mem / 1000;
    return size;
}

/* Look at a host that this search has not seen. True: enough were found. */
static bool look_at(struct search *s, struct host *host)
{
    if (host->victims.looked == s->number || host->victims.has_slot ||
        (s->classes && !s->classes->may[host->class_slot]))
        return false;
    host->victims.looked = s->number;
    if (!preempt_at(s->a, s->config, host, &s->victims)) {
        s->is_soon = s->victims.is_soon;
        return s->is_soon;
    }
    uint32_t count = s->victims.task.count;
    int64_t size = size_of(&s->victims);
    if (!s->best || count < s->best_count ||
        (count == s->best_count && size < s->best_size)) {
        s->best = host;
        s->best_count = count;
        s->best_size = size;
    }
    return ++s->fits == SEARCH_FITS;
}

/* Hosts that may have room when all that is preemptible has gone. */
static bool search_table(struct search *s, uint32_t *at)
{
    struct victim_table *table = &s->a->victims;
    uint32_t looked_at = 0;
    struct host *host;

    while (looked_at < SEARCH_STEP &&
           (host = victims_next(table, &s->config->need, at, &looked_at))) {
        uint32_t fits = s->fits, here = *at - 1;
        bool is_enough = look_at(s, host);
        looked_at++;
        if (fits == 0 && s->fits > 0)
            s->first = here;
        if (is_enough)
            return true;
    }
    return false;
}

/* Do value constraints leave so few hosts that all can be looked at? */
static bool are_few(const struct search *s)
{
    const struct host_classes *classes = &s->a->hosts.classes;
    uint32_t hosts = 0;

    if (!s->classes || s->classes->are_many)
        return false;
    for (uint32_t i = 0; i < s->classes->few.count; i++) {
        const struct host_class *class =
            classes->by_slot.item[s->classes->few.item[i]];
        hosts += class ? class->hosts : 0;
    }
    return hosts <= FEW_HOSTS;
}

static bool search_few(struct search *s)
{
    const struct host_classes *classes = &s->a->hosts.classes;

    for (uint32_t i = 0; i < s->classes->few.count; i++) {
        const struct host_class *class =
            classes->by_slot.item[s->classes->few.item[i]];
        for (struct host *h = class ? class->first : NULL; h; h = h->class_next)
            if (h->first_task && look_at(s, h))
                return true;
    }
    return false;
}

/* --- hosts with tasks of the role --- */

/* Place in `jobs` behind those of the role. */
static uint32_t role_end(const struct aurora *a, const char *role,
                         uint32_t first)
{
    uint32_t low = first, high = a->jobs.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(a->jobs.item[middle]->key.role, role) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t role_begin(const struct aurora *a, const struct job_key *key)
{
    struct job_key from = *key;

    from.env[0] = from.name[0] = '\0';
    return aurora_job_at(a, &from);
}

static bool search_job(struct search *s, const struct job *job,
                       uint32_t *looked_at)
{
    if (job->config->priority >= s->config->priority && !job->update)
        return false;
    for (const struct task *t = job->active.first;
         t && *looked_at < ROLE_TASKS_MAX; t = t->next) {
        ++*looked_at;
        if (t->host && may_push(s->config, t) && look_at(s, t->host))
            return true;
    }
    return false;
}

static bool search_role(struct search *s)
{
    uint32_t first = role_begin(s->a, &s->config->key), looked_at = 0;
    uint32_t n = role_end(s->a, s->config->key.role, first) - first;

    for (uint32_t i = 0; i < n && looked_at < ROLE_TASKS_MAX;
         i++, looked_at++) {
        uint32_t at = first + (uint32_t)((s->number + i) % n);
        if (search_job(s, s->a->jobs.item[at], &looked_at))
            return true;
    }
    return false;
}

struct host *preempt_search(struct aurora *a, struct job_config *config,
                            uint32_t *at, bool *is_soon)
{
    struct search s = {.a = a,
                       .config = config,
                       .classes = class_verdicts_of(config, &a->hosts.classes),
                       .number = ++a->victims.searches,
                       .first = UINT32_MAX};
    bool is_whole = are_few(&s);

    if (is_whole)
        (void)search_few(&s);
    else if ((*at != 0 || !search_role(&s)) && !config->is_preemptible)
        (void)search_table(&s, at);
    vec_free(&s.victims.task);
    *is_soon = s.is_soon;
    if (s.is_soon)
        return NULL;
    is_whole |= config->is_preemptible || *at >= a->victims.count;
    if (s.best && s.first < *at)
        *at = s.first; /* the others fit the next task */
    else if (!s.best && is_whole)
        *at = UINT32_MAX;
    return s.best;
}
