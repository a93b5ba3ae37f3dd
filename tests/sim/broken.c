#include "tests/sim/broken.h"
#include "tests/sim/broken_look.h"
#include "tests/sim/cluster.h"

#include "base/hash.h"

#include <string.h>

enum {
    ENOUGH = 5,      /* failures; the rule wants three */
    ENOUGH_JOBS = 3, /* the rule wants two */
    HOSTS_MIN = 3,   /* with fewer none is left out */
    WINDOW_MS = 30 * 1000
};

void broken_begin(struct cluster *c, const struct machine *m, int64_t for_ms)
{
    c->broken.machine = m;
    c->broken.until_ms = c->w->now_ms + for_ms;
    world_note(c->w, m->agent.name, "broken", 0, bytes_of_text(""),
               "for %lld ms", (long long)for_ms);
}

bool broken_is(const struct cluster *c, const struct machine *m)
{
    return c->broken.machine == m && c->w->now_ms < c->broken.until_ms;
}

/* "role/env/name/3" without the number. */
static uint64_t job_of(const struct run *run)
{
    const char *end = strrchr(run->instance, '/');

    return hash64(bytes_of(run->instance, (size_t)(end - run->instance)), 1);
}

void broken_on_failed(struct cluster *c, const struct run *run)
{
    struct broken *b = &c->broken;
    int64_t now_ms = node_wall_ms(&c->aurora);

    if (run->is_broken && run->status == 0 && run->instance[0] != '\0' &&
        broken_look_counts(c->aurora.self, run->task_id, now_ms))
        b->failure[b->count++ % BROKEN_KEPT] =
            (struct broken_failure){now_ms, job_of(run)};
}

/* Were so many told in the half minute before that nothing more should have
 * been placed? */
static bool was_enough(const struct broken *b, int64_t placed_ms)
{
    uint64_t first = b->count > BROKEN_KEPT ? b->count - BROKEN_KEPT : 0;
    uint64_t job[ENOUGH_JOBS];
    uint32_t jobs = 0, failures = 0;

    for (uint64_t i = first; i < b->count; i++) {
        const struct broken_failure *f = &b->failure[i % BROKEN_KEPT];
        bool is_new = true;
        if (f->at_ms >= placed_ms || f->at_ms <= placed_ms - WINDOW_MS)
            continue;
        failures++;
        for (uint32_t j = 0; j < jobs; j++)
            is_new &= job[j] != f->job;
        if (is_new && jobs < ENOUGH_JOBS)
            job[jobs++] = f->job;
    }
    return failures >= ENOUGH && jobs == ENOUGH_JOBS;
}

void broken_on_start(struct cluster *c, const struct run *run)
{
    struct broken_look look;

    c->broken.starts++;
    if (c->aurora.self == NULL || c->broken.life != c->aurora.life ||
        run->instance[0] == '\0')
        return;
    int64_t placed_ms = broken_look_placed_ms(c->aurora.self, run->task_id);
    broken_look(c->aurora.self, run->container->machine->agent.host, &look);
    if (look.avoided_ms > 0 && placed_ms > look.avoided_ms)
        world_fail(c->w, "%s is placed on a host that is left out",
                   run->task_id);
    if (look.is_known && !look.is_in_trouble &&
        was_enough(&c->broken, placed_ms))
        world_fail(c->w, "%s is placed where everything fails", run->task_id);
}

/* What makes the rule begin anew, or keeps it from leaving out one more. */
void broken_check(struct cluster *c)
{
    struct broken *b = &c->broken;
    struct broken_look look;

    if (b->machine == NULL || c->w->now_ms > b->until_ms)
        return;
    broken_look(c->aurora.self, b->machine->agent.host, &look);
    if (b->life != c->aurora.life ||
        b->clock_off_ms != c->aurora.clock_off_ms || !look.is_known ||
        look.hosts < HOSTS_MIN || look.others > 0 ||
        (b->was_in_trouble && !look.is_in_trouble))
        b->count = 0;
    b->life = c->aurora.life;
    b->clock_off_ms = c->aurora.clock_off_ms;
    b->was_in_trouble = look.is_in_trouble;
}
