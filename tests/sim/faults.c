/* What goes wrong, when, and how everybody comes back. */
#include "tests/sim/cluster.h"

#include "base/alloc.h"

#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

struct fault_event {
    struct event event;
    struct cluster *c;
    struct node *node;
};

static void fault_at(struct cluster *c, int64_t delay_ms, struct node *node,
                     void (*run)(struct world *, struct event *))
{
    struct fault_event *e = xcalloc(1, sizeof *e);

    *e = (struct fault_event){{run, NULL}, c, node};
    world_at(c->w, c->w->now_ms + delay_ms, &e->event);
}

/* --- back again --- */

static void on_restart(struct world *w, struct event *event)
{
    struct fault_event *e = (struct fault_event *)event;

    (void)w;
    if (e->node->self == NULL && !e->node->is_buried)
        node_start(e->node);
}

/* Mostly soon, as a supervisor would; sometimes so late that others give up. */
static int64_t downtime_ms(struct world *w)
{
    if (w->is_quiet)
        return world_between(w, 100, 2 * SECOND);
    switch (world_between(w, 0, 9)) {
    case 0:
        return world_between(w, 1, 20);
    case 1:
        return world_between(w, 1 * MINUTE, 4 * MINUTE);
    case 2:
    case 3:
        return world_between(w, 5 * SECOND, 1 * MINUTE);
    default:
        return world_between(w, 100, 5 * SECOND);
    }
}

void cluster_on_down(struct cluster *c, struct node *node, const char *why)
{
    (void)why;
    fault_at(c, downtime_ms(c->w), node, on_restart);
}

static void on_untimely(struct world *w, struct event *event)
{
    (void)w;
    node_crash(((struct fault_event *)event)->node, "crash");
}

void cluster_on_persist(struct cluster *c, struct node *node, int64_t took_ms)
{
    static const uint64_t once_in[] = {2000, 600, 300, 200}; /* by fault rate */

    if (!c->w->is_quiet && world_once_in(c->w, once_in[c->fault_rate]))
        fault_at(c, world_between(c->w, 0, took_ms + 2), node, on_untimely);
}

/* --- going wrong --- */

static struct machine *some_machine(struct cluster *c)
{
    struct machine *m = &c->machine[rng_below(&c->w->rng, c->machine_count)];

    return m->is_dead ? &c->machine[0] : m;
}

static struct node *some_daemon(struct cluster *c)
{
    switch (world_between(c->w, 0, 7)) {
    case 0:
    case 1:
        return &c->master;
    case 2:
        return &c->plain;
    case 3:
    case 4:
        return &c->aurora;
    default:
        return &some_machine(c)->agent;
    }
}

/* A client of the master. */
static struct node *some_client(struct cluster *c)
{
    switch (world_between(c->w, 0, 4)) {
    case 0:
        return &c->plain;
    case 1:
        return &c->aurora;
    default:
        return &some_machine(c)->agent;
    }
}

static void crash_all(struct cluster *c)
{
    node_crash(&c->master, "crash");
    node_crash(&c->plain, "crash");
    node_crash(&c->aurora, "crash");
    for (uint32_t i = 0; i < c->machine_count; i++)
        node_crash(&c->machine[i].agent, "crash");
}

static int64_t cut_ms(struct world *w)
{
    return world_once_in(w, 4) ? world_between(w, 1 * MINUTE, 5 * MINUTE)
                               : world_between(w, 100, 40 * SECOND);
}

static int64_t jump_ms(struct world *w)
{
    return world_once_in(w, 6) ? world_between(w, 0, 2 * MINUTE)
                               : world_between(w, -5 * SECOND, 5 * SECOND);
}

/* Chance is drawn in statements of their own: the order in which arguments are
 * evaluated is the compiler's. */
static void cut_somebody(struct cluster *c)
{
    struct node *client = some_client(c);
    int64_t for_ms = cut_ms(c->w);

    if (world_once_in(c->w, 8))
        network_partition(&c->network, &c->user, &c->aurora, for_ms);
    else
        network_partition(&c->network, client, &c->master, for_ms);
}

static void jump_somewhere(struct cluster *c)
{
    struct node *node = some_daemon(c);
    int64_t by_ms = jump_ms(c->w);

    node_clock_jump(node, by_ms);
}

static int64_t pause_ms(struct world *w)
{
    return world_once_in(w, 4) ? world_between(w, 0, 2 * MINUTE)
                               : world_between(w, 0, 10 * SECOND);
}

static void pause_somebody(struct cluster *c)
{
    struct node *node = some_daemon(c);
    int64_t for_ms = pause_ms(c->w);

    node_pause(node, for_ms);
}

static void on_death(struct world *w, struct event *event)
{
    struct cluster *c = ((struct fault_event *)event)->c;

    (void)w;
    machine_die(&c->machine[c->machine_count - 1]);
}

/* Two draws, one after the other: as arguments of one call, each compiler would
 * have its own order. */
static void pause_executor(struct cluster *c)
{
    struct machine *machine = some_machine(c);

    machine_pause_executor(machine, pause_ms(c->w));
}

static void something_happens(struct cluster *c)
{
    struct world *w = c->w;

    switch (world_between(w, 0, 24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        node_crash(some_daemon(c), "crash");
        break;
    case 5:
        node_crash(some_daemon(c), "disk");
        break;
    case 6:
    case 7:
    case 8:
        machine_crash_executor(some_machine(c));
        break;
    case 9:
    case 10:
    case 11:
        machine_crash_runner(some_machine(c));
        break;
    case 12:
        if (world_once_in(w, 3))
            machine_reboot(some_machine(c));
        break;
    case 13:
        if (world_once_in(w, 4))
            crash_all(c);
        break;
    case 20:
        if (world_once_in(w, 3))
            machine_replace(some_machine(c));
        break;
    case 21:
    case 22:
        pause_somebody(c);
        break;
    case 23:
        pause_executor(c);
        break;
    case 14:
    case 15:
    case 16:
    case 17:
        cut_somebody(c);
        break;
    case 18:
        c->slow_disk = some_daemon(c);
        c->slow_disk_until = w->now_ms + world_between(w, 0, 1 * MINUTE);
        break;
    default:
        jump_somewhere(c);
        break;
    }
}

static void on_fault(struct world *w, struct event *event)
{
    struct cluster *c = ((struct fault_event *)event)->c;
    static const int64_t apart_ms[] = {5 * MINUTE, 80 * SECOND, 30 * SECOND,
                                       10 * SECOND};

    if (w->is_quiet)
        return;
    something_happens(c);
    fault_at(c, world_between(w, 0, 2 * apart_ms[c->fault_rate]), NULL,
             on_fault);
}

/* One host alone: what starts on it fails, for a while. */
static void on_breaking(struct world *w, struct event *event)
{
    struct cluster *c = ((struct fault_event *)event)->c;
    const struct machine *machine = some_machine(c);

    broken_begin(c, machine, world_between(w, 3 * MINUTE, 10 * MINUTE));
}

/* The scheduler alone, again and again, at any instant. */
static void on_scheduler_death(struct world *w, struct event *event)
{
    struct cluster *c = ((struct fault_event *)event)->c;

    if (w->is_quiet)
        return;
    node_crash(&c->aurora, "crash");
    fault_at(c, world_between(w, 0, 15 * SECOND), NULL, on_scheduler_death);
}

static void on_weather(struct world *w, struct event *event)
{
    struct cluster *c = ((struct fault_event *)event)->c;
    static const uint32_t worst[] = {1, 4, 10, 30}; /* by fault rate */

    if (w->is_quiet)
        return;
    c->network.weather = (struct weather){0};
    if (!world_once_in(w, 3)) {
        struct weather *weather = &c->network.weather;
        weather->loss = (uint32_t)world_between(w, 0, worst[c->fault_rate]);
        weather->slow = (uint32_t)world_between(w, 0, 100);
        weather->slow_ms = world_between(w, 10, 3 * SECOND);
    }
    fault_at(c, world_between(w, 20 * SECOND, 5 * MINUTE), NULL, on_weather);
}

static void on_quiet(struct world *w, struct event *event)
{
    struct cluster *c = ((struct fault_event *)event)->c;

    w->is_quiet = true;
    c->network.weather = (struct weather){0};
    for (int i = 0; i < PARTITIONS_MAX; i++)
        c->network.partition[i].until_ms = w->now_ms;
    world_note(w, "world", "quiet", 0, bytes_of_text(""), "%s",
               "no more faults");
}

void faults_begin(struct cluster *c)
{
    fault_at(c, 10 * SECOND, NULL, on_weather);
    fault_at(c, world_between(c->w, 10 * SECOND, 1 * MINUTE), NULL, on_fault);
    fault_at(c, FAULTS_END_MS, NULL, on_quiet);
    if (c->w->restarts_often)
        fault_at(c, MINUTE, NULL, on_scheduler_death);
    if (world_once_in(c->w, 3))
        fault_at(c, world_between(c->w, 5 * MINUTE, FAULTS_END_MS / 2), NULL,
                 on_breaking);
    if (c->machine_count > MACHINES_MIN && world_once_in(c->w, 3))
        fault_at(c, world_between(c->w, 5 * MINUTE, FAULTS_END_MS - MINUTE),
                 NULL, on_death);
}
