/* See planner.h. Edges are a list: graphs are small, and every edge is looked
 * at once per finished process. */
#include "executor/thermos/core/planner.h"

#include "base/alloc.h"

#include <assert.h>
#include <string.h>

void planner_init(struct planner *planner, uint32_t count)
{
    assert(count <= PLAN_PROCESSES_MAX);
    *planner = (struct planner){.count = count};
    planner->node = xcalloc(count ? count : 1, sizeof *planner->node);
}

void planner_release(struct planner *planner)
{
    free(planner->node);
    vec_free(&planner->edges);
    *planner = (struct planner){0};
}

void planner_add(struct planner *planner, uint32_t process)
{
    assert(process < planner->count);
    planner->node[process].is_member = true;
}

static bool has_edge(const struct planner *planner, uint32_t before,
                     uint32_t after)
{
    for (uint32_t i = 0; i < planner->edges.count; i++)
        if (planner->edges.item[i].before == before &&
            planner->edges.item[i].after == after)
            return true;
    return false;
}

int planner_order(struct planner *planner, uint32_t before, uint32_t after,
                  struct err *err)
{
    assert(before < planner->count && planner->node[before].is_member);
    assert(after < planner->count && planner->node[after].is_member);
    if (has_edge(planner, before, after))
        return 0;
    if (planner->edges.count == PLAN_EDGES_MAX)
        return err_set(err, ERR_LIMIT, "constraints: at most %d pairs",
                       PLAN_EDGES_MAX);
    *vec_add(&planner->edges) = (struct plan_edge){before, after};
    planner->node[after].blockers++;
    return 0;
}

/* Kahn's algorithm on a copy of the counts: what is never free is in, or
 * behind, a circle. */
bool planner_has_cycle(const struct planner *planner, uint32_t *out)
{
    uint32_t n = planner->count, head = 0, tail = 0;
    uint32_t *left = xcalloc(n ? n : 1, sizeof *left);
    uint32_t *queue = xcalloc(n ? n : 1, sizeof *queue);
    bool found = false;

    for (uint32_t i = 0; i < planner->edges.count; i++)
        left[planner->edges.item[i].after]++;
    for (uint32_t i = 0; i < n; i++)
        if (left[i] == 0)
            queue[tail++] = i;
    while (head < tail) {
        uint32_t done = queue[head++];
        for (uint32_t i = 0; i < planner->edges.count; i++) {
            const struct plan_edge *edge = &planner->edges.item[i];
            if (edge->before == done && --left[edge->after] == 0)
                queue[tail++] = edge->after;
        }
    }
    for (uint32_t i = 0; i < n && !found; i++)
        if (left[i] > 0) {
            *out = i;
            found = true;
        }
    free(left);
    free(queue);
    return found;
}

bool planner_is_runnable(const struct planner *planner, uint32_t process)
{
    assert(process < planner->count);
    const struct plan_node *node = &planner->node[process];
    return node->is_member && node->state == PLAN_WAITING &&
           node->blockers == 0;
}

enum plan_state planner_state(const struct planner *planner, uint32_t process)
{
    assert(process < planner->count && planner->node[process].is_member);
    return planner->node[process].state;
}

void planner_run(struct planner *planner, uint32_t process)
{
    assert(planner_is_runnable(planner, process));
    planner->node[process].state = PLAN_RUNNING;
}

void planner_finish(struct planner *planner, uint32_t process)
{
    assert(planner_state(planner, process) == PLAN_RUNNING);
    planner->node[process].state = PLAN_FINISHED;
    for (uint32_t i = 0; i < planner->edges.count; i++)
        if (planner->edges.item[i].before == process)
            planner->node[planner->edges.item[i].after].blockers--;
}

void planner_fail(struct planner *planner, uint32_t process)
{
    assert(planner_state(planner, process) == PLAN_RUNNING);
    planner->node[process].state = PLAN_FAILED;
}

void planner_reset(struct planner *planner, uint32_t process)
{
    assert(planner_state(planner, process) == PLAN_RUNNING);
    planner->node[process].state = PLAN_WAITING;
}

static uint32_t blockers_of(const struct planner *planner, uint32_t process)
{
    uint32_t blockers = 0;
    for (uint32_t i = 0; i < planner->edges.count; i++) {
        const struct plan_edge *edge = &planner->edges.item[i];
        if (edge->after == process &&
            planner->node[edge->before].state != PLAN_FINISHED)
            blockers++;
    }
    return blockers;
}

void planner_check(const struct planner *planner)
{
    for (uint32_t i = 0; i < planner->count; i++) {
        assert(planner->node[i].blockers == blockers_of(planner, i));
        if (planner->node[i].state != PLAN_WAITING)
            assert(planner->node[i].is_member &&
                   planner->node[i].blockers == 0);
    }
}
