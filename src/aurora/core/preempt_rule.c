#include "aurora/core/preempt_rule.h"

#include <assert.h>
#include <string.h>

bool preempt_allows(const struct job_config *pending,
                    const struct job_config *victim)
{
    if (!pending->is_preemptible && victim->is_preemptible)
        return true;
    return pending->is_preemptible == victim->is_preemptible &&
           strcmp(pending->key.role, victim->key.role) == 0 &&
           pending->priority > victim->priority;
}

/* --- choosing --- */

enum { DIMENSIONS = 5, WHOLE = 1024 };

/* The same by dimension. */
struct lacks {
    int64_t of[DIMENSIONS];
};

static struct lacks lacks_of(const struct amounts *amounts, int64_t ports)
{
    return (struct lacks){
        {amounts->cpus, amounts->mem, amounts->disk, amounts->gpus, ports}};
}

static bool is_covered(const struct lacks *lack)
{
    for (int d = 0; d < DIMENSIONS; d++)
        if (lack->of[d] > 0)
            return false;
    return true;
}

static void change(struct lacks *lack, const struct preempt_gift *gift,
                   int64_t sign)
{
    const struct lacks has = lacks_of(&gift->amounts, gift->ports);

    for (int d = 0; d < DIMENSIONS; d++)
        lack->of[d] += sign * has.of[d];
}

/* part / whole in 1/1024; part <= whole. */
static int64_t share(int64_t part, int64_t whole)
{
    return whole > INT64_MAX / WHOLE ? part / (whole / WHOLE)
                                     : part * WHOLE / whole;
}

/* How much of each lack it covers, in sum. */
static int64_t cover(const struct lacks *lack, const struct preempt_gift *gift)
{
    const struct lacks has = lacks_of(&gift->amounts, gift->ports);
    int64_t sum = 0;

    for (int d = 0; d < DIMENSIONS; d++)
        if (lack->of[d] > 0 && has.of[d] > 0) /* the least counts, too */
            sum += 1 + share(has.of[d] < lack->of[d] ? has.of[d] : lack->of[d],
                             lack->of[d]);
    return sum;
}

/* Both cover as much: which one would rather go? */
static bool goes_before(const struct preempt_gift *a,
                        const struct preempt_gift *b)
{
    if (a->amounts.cpus != b->amounts.cpus)
        return a->amounts.cpus < b->amounts.cpus;
    if (a->amounts.mem != b->amounts.mem)
        return a->amounts.mem < b->amounts.mem;
    if (a->amounts.disk != b->amounts.disk)
        return a->amounts.disk < b->amounts.disk;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->age > b->age;
}

static struct preempt_gift *best_of(const struct lacks *lack,
                                    struct preempt_gift *gift, uint32_t count)
{
    struct preempt_gift *best = NULL;
    int64_t best_cover = 0;

    for (uint32_t i = 0; i < count; i++) {
        int64_t covers = gift[i].is_taken ? 0 : cover(lack, &gift[i]);
        if (covers == 0 || covers < best_cover ||
            (covers == best_cover && best && !goes_before(&gift[i], best)))
            continue;
        best = &gift[i];
        best_cover = covers;
    }
    return best;
}

static bool are_enough(struct lacks lack, const struct preempt_gift *gift,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        change(&lack, &gift[i], -1);
    return is_covered(&lack);
}

static bool is_needed(struct lacks lack, const struct preempt_gift *gift)
{
    change(&lack, gift, 1);
    return !is_covered(&lack);
}

/* Of what is taken and not needed, that which would rather stay. */
static struct preempt_gift *to_give_back(const struct lacks *lack,
                                         struct preempt_gift *gift,
                                         uint32_t count)
{
    struct preempt_gift *found = NULL;

    for (uint32_t i = 0; i < count; i++)
        if (gift[i].is_taken && !is_needed(*lack, &gift[i]) &&
            (!found || goes_before(found, &gift[i])))
            found = &gift[i];
    return found;
}

uint32_t preempt_choose(const struct preempt_lack *wanted,
                        struct preempt_gift *gift, uint32_t count)
{
    struct lacks lack = lacks_of(&wanted->amounts, wanted->ports);
    uint32_t taken = 0;

    for (uint32_t i = 0; i < count; i++)
        gift[i].is_taken = false;
    if (is_covered(&lack) || !are_enough(lack, gift, count))
        return 0;
    while (!is_covered(&lack)) {
        struct preempt_gift *best = best_of(&lack, gift, count);
        assert(best);
        best->is_taken = true;
        change(&lack, best, -1);
        taken++;
    }
    for (struct preempt_gift *g;
         taken > 1 && (g = to_give_back(&lack, gift, count)); taken--) {
        g->is_taken = false;
        change(&lack, g, 1);
    }
    return taken;
}
