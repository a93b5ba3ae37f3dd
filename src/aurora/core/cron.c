#include "aurora/core/cron.h"
#include "base/alloc.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct cron *cron_new(struct job *job)
{
    struct cron *cron = xcalloc(1, sizeof *cron);

    cron->job = job;
    return cron;
}

void cron_free(struct cron *cron)
{
    if (!cron)
        return;
    for (uint32_t i = 0; i < cron->firings.count; i++)
        free(cron->firings.item[i]);
    assert(cron->parent_count == 0 && cron->children.count == 0);
    vec_free(&cron->firings);
    vec_free(&cron->children);
    free(cron->parent);
    free(cron->expected);
    free(cron);
}

const char *firing_state_name(enum firing_state state)
{
    static const char *const name[FIRING_STATE_COUNT] = {
        [FIRING_WAITING] = "WAITING",     [FIRING_ACTIVE] = "ACTIVE",
        [FIRING_SUCCEEDED] = "SUCCEEDED", [FIRING_FAILED] = "FAILED",
        [FIRING_KILLED] = "KILLED",       [FIRING_CANCELLED] = "CANCELLED",
        [FIRING_MISSED] = "MISSED"};

    return name[state];
}

bool firing_is_over(const struct firing *firing)
{
    return firing->state != FIRING_WAITING && firing->state != FIRING_ACTIVE;
}

struct firing *cron_firing(const struct cron *cron, int64_t id)
{
    uint32_t low = 0, high = cron->firings.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cron->firings.item[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < cron->firings.count && cron->firings.item[low]->id == id)
        return cron->firings.item[low];
    return NULL;
}

struct firing *cron_waiting(const struct cron *cron)
{
    for (uint32_t i = 0; i < cron->firings.count; i++)
        if (cron->firings.item[i]->state == FIRING_WAITING)
            return cron->firings.item[i];
    return NULL;
}

struct firing *cron_add_firing(struct cron *cron, int64_t id)
{
    struct firing *firing = xcalloc(1, sizeof *firing);

    firing->id = id;
    firing->job = cron->job;
    (void)*vec_add(&cron->firings);
    uint32_t at = cron->firings.count - 1;
    for (; at > 0 && cron->firings.item[at - 1]->id >= id; at--) {
        assert(cron->firings.item[at - 1]->id != id);
        cron->firings.item[at] = cron->firings.item[at - 1];
    }
    cron->firings.item[at] = firing;
    return firing;
}

char *firing_store_key(const struct firing *firing, char *out, size_t size)
{
    const struct job_key *key = &firing->job->key;

    assert(size >= JOB_KEY_TEXT_MAX + FIRING_ID_TEXT_MAX);
    char *to = stpcpy(out, key->role);
    *to++ = '/';
    to = stpcpy(to, key->env);
    *to++ = '/';
    to = stpcpy(to, key->name);
    *to++ = '@';
    to = text_put_int(to, firing->at);
    (void)stpcpy(to, firing->id % 2 != 0 ? "m" : "");
    return out;
}

int64_t cron_clock_ms(const struct job *job, int64_t now_ms)
{
    const struct cron_rule *rule = job->config->cron;
    return rule ? now_ms - cron_due_ms(&rule->schedule) : now_ms;
}

int64_t cron_late_ms(const struct firing *f, int64_t now_ms)
{
    return cron_clock_ms(f->job, now_ms) - f->at * 1000;
}

static void count_time(struct cron_stats *stats, const struct firing *f)
{
    int64_t duration = f->ended_ms - f->started_ms;
    int64_t lateness = cron_late_ms(f, f->started_ms);

    if (lateness < 0) /* one that follows others twice within a second */
        lateness = 0;

    stats->runs++;
    stats->duration_last_ms = duration;
    stats->duration_sum_ms += duration;
    if (duration > stats->duration_max_ms)
        stats->duration_max_ms = duration;
    stats->lateness_last_ms = lateness;
    stats->lateness_sum_ms += lateness;
    if (lateness > stats->lateness_max_ms)
        stats->lateness_max_ms = lateness;
}

void cron_count(struct cron_stats *stats, const struct firing *firing)
{
    switch (firing->state) {
    case FIRING_SUCCEEDED:
        stats->successes++;
        stats->errors_since_success = 0;
        stats->last_success_ms = firing->ended_ms;
        count_time(stats, firing);
        break;
    case FIRING_FAILED:
        stats->errors++;
        stats->errors_since_success++;
        stats->last_error_ms = firing->ended_ms;
        count_time(stats, firing);
        break;
    case FIRING_CANCELLED:
        stats->cancelled++;
        break;
    case FIRING_MISSED:
        stats->missed++;
        break;
    default:
        break;
    }
}

/* --- jobs that wait for others --- */

void cron_expect_parents(struct cron *cron, const uint64_t *seen,
                         uint32_t count)
{
    assert(count <= CRON_PARENTS_MAX);
    free(cron->expected);
    cron->expected = count > 0 ? xmemdup(seen, count * sizeof *seen) : NULL;
    cron->expected_count = count;
}

void cron_add_parent(struct cron *cron, struct cron *parent)
{
    assert(cron->parent_count < CRON_PARENTS_MAX);
    cron->parent = xreallocarray(cron->parent, cron->parent_count + 1,
                                 sizeof *cron->parent);
    cron->parent[cron->parent_count++] =
        (struct cron_parent){parent, parent->stats.successes};
    *vec_add(&parent->children) = cron;
}

void cron_drop_parents(struct cron *cron)
{
    for (uint32_t i = 0; i < cron->parent_count; i++) {
        struct cron *parent = cron->parent[i].cron;
        uint32_t at = 0;
        while (parent->children.item[at] != cron)
            at++;
        vec_remove(&parent->children, at);
    }
    cron->parent_count = 0;
}

static bool is_in(const struct cron_circle *list, const struct cron *cron)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->item[i] == cron)
            return true;
    return false;
}

/* Depth first, without recursion: `circle` is the way so far, `dead` what leads
 * nowhere. */
bool cron_closes_circle(const struct cron *cron, const struct cron *parent,
                        struct cron_circle *circle)
{
    struct cron_circle dead = {0};

    *circle = (struct cron_circle){0};
    *vec_add(circle) = parent;
    while (circle->count > 0) {
        const struct cron *top = circle->item[circle->count - 1], *up = NULL;
        if (top == cron)
            break;
        for (uint32_t i = 0; i < top->parent_count && !up; i++)
            if (!is_in(&dead, top->parent[i].cron))
                up = top->parent[i].cron;
        if (up) {
            *vec_add(circle) = up;
        } else {
            *vec_add(&dead) = top;
            circle->count--;
        }
    }
    vec_free(&dead);
    if (circle->count > 0)
        return true;
    vec_free(circle);
    return false;
}

enum cron_block cron_blocked_by(const struct cron *cron,
                                const struct cron **parent)
{
    for (uint32_t i = 0; i < cron->parent_count; i++) {
        *parent = cron->parent[i].cron;
        if ((*parent)->stats.errors_since_success > 0)
            return CRON_PARENT_FAILED;
        if ((*parent)->stats.successes <= cron->parent[i].seen)
            return CRON_PARENT_OLD;
    }
    *parent = NULL;
    return CRON_READY;
}
