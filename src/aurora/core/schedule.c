/* One pass of placing: groups take turns, a quantum each, until nothing more
 * fits; what was placed on one host leaves as one launch on all its offers. */
#include "aurora/core/internal.h"

#include <assert.h>

struct pass {
    struct aurora *a;
    struct job_config *config; /* the group whose turn it is */
    struct task *task;         /* the one to place; NULL: the next that waits */
    int64_t now_ms;
};

/* The launch of this pass for the host, opened when there is none. */
static struct launch *launch_of(struct aurora *a, struct host *host)
{
    if (host->launch_at == 0) {
        struct launch *launch = vec_add(&a->work.launches);
        *launch = (struct launch){.host = host};
        host->launch_at = a->work.launches.count;
    }
    return &a->work.launches.item[host->launch_at - 1];
}

/* Its offers are spent: what is left of them comes back as a new offer. */
static void close_launch(struct aurora *a, struct launch *launch)
{
    struct host *host = launch->host;

    for (struct offer *offer = host->offers; offer; offer = offer->next)
        *vec_add(&launch->offers) = blob_ref(offer->id);
    hosts_remove_offers_of(&a->hosts, host);
    host->launch_at = 0;
    a->counters.launches++;
}

static struct placement *place_of(const struct host *host,
                                  const struct ranges *ports,
                                  uint32_t port_count)
{
    struct placement *placement = placement_new_take(
        blob_ref(host->agent_id), bytes_of_text(host->hostname),
        bytes_of_text(host->endpoint), port_count);
    const struct range *range = ranges_items(ports);
    uint32_t n = 0;

    for (uint32_t i = 0; i < ports->count; i++)
        for (uint64_t p = range[i].first; p <= range[i].last; p++)
            placement->port[n++] = (uint32_t)p;
    assert(n == port_count);
    return placement;
}

/* The oldest one that does not wait for a host of its own. */
static struct task *next_waiting(const struct job_config *config)
{
    struct task *task = config->waiting_first;

    while (task && task->is_kept)
        task = task->waiting_next;
    return task;
}

static bool on_placed(void *context, struct host *host,
                      const struct ranges *ports)
{
    struct pass *pass = context;
    struct aurora *a = pass->a;
    struct task *task = pass->task ? pass->task : next_waiting(pass->config);
    struct launch *launch = launch_of(a, host);

    assert(task && task->state == TASK_PENDING);
    task->placement = place_of(host, ports, pass->config->port_count);
    task_enter_host(task, host);
    trouble_note_placed(a, task);
    (void)task_go(a, task, TASK_ASSIGNED, NULL, pass->now_ms);
    *vec_add(&launch->tasks) = task->number;
    launch->config_bytes += task->config->bytes->size;
    if (launch->tasks.count >= TASKS_PER_LAUNCH_MAX ||
        launch->config_bytes >= LAUNCH_BYTES_MAX)
        close_launch(a, launch);
    return true;
}

static uint32_t place_group(struct aurora *a, struct job_config *config,
                            uint32_t count, int64_t now_ms)
{
    struct pass pass = {a, config, NULL, now_ms};
    struct job *job = config->waiting_first->job;

    judging_ask(a, config, now_ms);
    if (config->is_limited && config->departures != job->departures)
        config->tried = 0;
    config->departures = job->departures;
    if (config->tried == a->hosts.generation)
        return 0;
    if (count > config->waiting_count - config->kept_count)
        count = config->waiting_count - config->kept_count;
    if (count == 0)
        return 0;
    /* The group dies with its last waiting task, the config must not. */
    (void)job_config_ref(config);
    limit_counts_prepare(&job->limits, job, config, &a->hosts);
    uint32_t done = placer_place(&a->hosts, config, &job->limits, count,
                                 config->tried, on_placed, &pass);
    /* Fewer than wanted: no host of now fits, until one changes. */
    bool is_over = done < count && !(done > 0 && config->is_ordered);
    config->tried = is_over ? a->hosts.generation : 0;
    job_config_unref(config);
    return done;
}

/* Tasks for which a place is kept, each on its host if that has room now. */
static void place_kept(struct aurora *a, int64_t now_ms)
{
    uint32_t at = 0;

    for (uint32_t left = a->keeps.count; left > 0 && at < a->keeps.count;
         left--) {
        struct host *host = a->keeps.item[at].host;
        if (!host->offers || host->generation == a->keeps.item[at].tried) {
            at++;
            continue;
        }
        struct keep keep = keeps_take(a, at);
        struct job_config *config = job_config_ref(keep.task->config);
        struct job *job = keep.task->job;
        struct pass pass = {a, config, keep.task, now_ms};
        judging_ask(a, config, now_ms);
        limit_counts_prepare(&job->limits, job, config, &a->hosts);
        if (!placer_place_on(&a->hosts, config, &job->limits, host, on_placed,
                             &pass))
            keeps_put_back(a, &keep);
        job_config_unref(config);
    }
}

/* Every group once; how many tasks were placed. */
static uint32_t place_round(struct aurora *a, uint32_t budget, int64_t now_ms)
{
    struct job_config *next;
    uint32_t placed = 0;

    for (struct job_config *c = a->group_first; c && placed < budget;
         c = next) {
        next = c->group_next;
        uint32_t quantum = budget - placed;
        if (quantum > GROUP_QUANTUM)
            quantum = GROUP_QUANTUM;
        placed += place_group(a, c, quantum, now_ms);
    }
    return placed;
}

/* Groups that got something and wait for more go behind their equals. */
static void rotate(struct aurora *a)
{
    struct job_config *first = a->group_first;

    if (first && first->tried != 0)
        group_rotate(a, first);
}

void aurora_place(struct aurora *a, int64_t now_ms)
{
    uint32_t budget = TASKS_PER_PASS_MAX, placed;

    if (!a->place_wanted)
        return;
    a->place_wanted = false;
    if (a->waiting_count == 0)
        return;
    place_kept(a, now_ms);
    do {
        placed = place_round(a, budget, now_ms);
        budget -= placed;
    } while (placed > 0 && budget > 0);
    for (uint32_t i = 0; i < a->work.launches.count; i++)
        if (a->work.launches.item[i].host->launch_at == i + 1)
            close_launch(a, &a->work.launches.item[i]);
    if (budget == 0) {
        a->place_wanted = true;
    } else {
        rotate(a);
        preempt_use(a, now_ms);
    }
    preempt_arm(a, now_ms);
    if (a->waiting_count > 0 && a->revive_useful) {
        a->revive_useful = false;
        a->work.revive = true;
    }
}
