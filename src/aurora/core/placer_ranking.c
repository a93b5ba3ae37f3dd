#include "aurora/core/placer_ranking.h"
#include "aurora/core/placer.h"

static bool is_better(const struct ranked *a, const struct ranked *b)
{
    if (a->host->later != b->host->later)
        return a->host->later < b->host->later;
    if (a->rank != b->rank)
        return a->rank > b->rank;
    if (a->cost != b->cost)
        return a->cost < b->cost;
    return a->host->order < b->host->order;
}

/* Judge the host, and put it where it belongs when it may have the task. */
static void push(struct ranking *ranking, struct host *host)
{
    struct ranked it = {.host = host};

    if (!placer_allows(ranking->hosts, ranking->config, ranking->counts, host,
                       &it.cost))
        return;
    it.rank =
        question_verdict(ranking->config->rank, host->number, host->description)
            ->value;
    (void)*vec_add(&ranking->heap);
    struct ranked *heap = ranking->heap.item;
    uint32_t at = ranking->heap.count - 1;
    while (at > 0 && is_better(&it, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = it;
}

static struct ranked pop(struct ranking *ranking)
{
    struct ranked *heap = ranking->heap.item, best = heap[0];
    struct ranked last = heap[--ranking->heap.count];
    uint32_t count = ranking->heap.count, at = 0;

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
    return best;
}

void ranking_open(struct ranking *ranking, struct hosts *hosts,
                  struct job_config *config, struct limit_counts *counts,
                  uint64_t since)
{
    struct changes changes = hosts_changes(hosts, since);
    struct host *host;

    *ranking =
        (struct ranking){.hosts = hosts, .config = config, .counts = counts};
    while ((host = hosts_next_change(&changes)))
        push(ranking, host);
}

/* Counts may have changed since a host was judged, so it is judged again
 * before it is taken; and after that, since it changes then. */
struct host *ranking_next(struct ranking *ranking)
{
    int64_t cost;

    if (ranking->taken)
        push(ranking, ranking->taken);
    ranking->taken = NULL;
    while (ranking->heap.count > 0) {
        struct host *host = pop(ranking).host;
        if (!placer_allows(ranking->hosts, ranking->config, ranking->counts,
                           host, &cost))
            continue;
        ranking->taken = host;
        return host;
    }
    return NULL;
}

void ranking_close(struct ranking *ranking)
{
    vec_free(&ranking->heap);
}
