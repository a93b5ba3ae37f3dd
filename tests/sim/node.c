#include "tests/sim/node.h"
#include "tests/sim/cluster.h"
#include "tests/sim/network.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS_MAX = 1000 };

struct turn {
    struct turn *next;
    struct effects fx;
    uint64_t batch; /* that must be durable first; 0: none */
};

struct node_event { /* something for one life of a node */
    struct event event;
    struct node *node;
    uint64_t life, number;
    struct input *input; /* owned, may be NULL */
};

/* --- inputs --- */

struct input *input_new(enum input_kind kind, exchange_id exchange,
                        const char *about)
{
    struct input *input = xcalloc(1, sizeof *input);

    input->kind = kind;
    input->exchange = exchange;
    input->about = about;
    arena_init(&input->arena);
    return input;
}

void input_free(struct input *input)
{
    arena_release(&input->arena);
    free(input);
}

static void event_release(struct event *event)
{
    struct node_event *e = (struct node_event *)event;

    if (e->input != NULL)
        input_free(e->input);
}

static void node_at(struct node *node, int64_t at_ms, uint64_t number,
                    struct input *input,
                    void (*run)(struct world *, struct event *))
{
    struct node_event *e = xcalloc(1, sizeof *e);

    *e = (struct node_event){
        {run, event_release}, node, node->life, number, input};
    world_at(node->w, at_ms, &e->event);
}

static bool is_of_this_life(const struct node_event *e)
{
    return e->node->self != NULL && e->node->life == e->life;
}

static void run_turn(struct world *w, struct event *event);

static void wake(struct node *node, int64_t at_ms)
{
    if (at_ms < node->w->now_ms)
        at_ms = node->w->now_ms;
    if (at_ms >= node->turn_at_ms)
        return;
    node->turn_at_ms = at_ms;
    node_at(node, at_ms, ++node->turn_number, NULL, run_turn);
}

void node_input_take(struct node *node, struct input *input)
{
    if (node->self == NULL || node->is_stopping) {
        input_free(input);
        return;
    }
    *node->last = input;
    node->last = &input->next;
    node->spins = 0;
    wake(node, node->w->now_ms);
}

static struct input *fact_input(uint32_t kind, const void *data, size_t size,
                                const char *about)
{
    struct input *input = input_new(INPUT_FACT, 0, "");

    input->fact_kind = kind;
    input->fact = arena_memdup(&input->arena, data, size);
    input->why = arena_strdup(&input->arena, about);
    return input;
}

void node_fact(struct node *node, uint32_t kind, const void *data, size_t size,
               const char *about)
{
    node_input_take(node, fact_input(kind, data, size, about));
}

static void run_fact(struct world *w, struct event *event)
{
    struct node_event *e = (struct node_event *)event;
    struct input *input = e->input;

    (void)w;
    if (!is_of_this_life(e))
        return;
    e->input = NULL;
    node_input_take(e->node, input);
}

void node_fact_later(struct node *node, int64_t delay_ms, uint32_t kind,
                     const void *data, size_t size, const char *about)
{
    node_at(node, node->w->now_ms + delay_ms, 0,
            fact_input(kind, data, size, about), run_fact);
}

void node_fact_with(struct node *node, int64_t delay_ms, uint32_t kind,
                    const void *data, size_t size, size_t at, const char *about)
{
    struct input *input = fact_input(kind, data, size, about);
    struct bytes *bytes = (void *)((uint8_t *)input->fact + at);

    *bytes = bytes_of(arena_memdup(&input->arena, bytes->data, bytes->size),
                      bytes->size);
    node_at(node, node->w->now_ms + delay_ms, 0, input, run_fact);
}

static void feed(struct node *node, const struct input *input,
                 struct effects *fx)
{
    const struct program *p = node->kind->program;
    struct world *w = node->w;
    exchange_id exchange = input->exchange;
    int64_t now_ms = node_wall_ms(node);
    uint32_t from = fx->count;

    switch (input->kind) {
    case INPUT_REQUEST:
        world_note(w, node->name, "request", exchange, input->request.body,
                   "%s %s", input->about, input->request.path);
        assert(p->on_request != NULL);
        p->on_request(node->self, exchange, &input->request, now_ms, fx);
        cluster_on_served(w->cluster, node, input->request.peer, fx, from);
        break;
    case INPUT_GONE:
        world_note(w, node->name, "gone", exchange, bytes_of_text(""), "%s",
                   "");
        if (p->on_gone != NULL)
            p->on_gone(node->self, exchange, now_ms, fx);
        break;
    case INPUT_ANSWER:
        world_note(w, node->name, "answer", exchange, input->response.body,
                   "%s %d", input->about, input->response.status);
        if (p->on_answer != NULL)
            p->on_answer(node->self, exchange, &input->response, now_ms, fx);
        break;
    case INPUT_RECORD:
        world_note(w, node->name, "record", exchange, input->record, "%s",
                   input->about);
        cluster_on_record(w->cluster, node, input);
        if (p->on_record != NULL)
            p->on_record(node->self, exchange, input->record, now_ms, fx);
        break;
    case INPUT_BROKEN:
        world_note(w, node->name, "broken", exchange, bytes_of_text(""), "%s",
                   input->why);
        if (p->on_broken != NULL)
            p->on_broken(node->self, exchange, input->why, now_ms, fx);
        break;
    case INPUT_FACT:
        world_note(w, node->name, "fact", 0, bytes_of_text(""), "%s",
                   input->why);
        if (p->on_fact != NULL)
            p->on_fact(node->self, input->fact_kind, input->fact, now_ms, fx);
        break;
    }
}

/* --- effects --- */

static const char *const EFFECT_NAMES[] = {
    [EFFECT_PERSIST] = "persist", [EFFECT_REPLY] = "reply",
    [EFFECT_STREAM] = "stream",   [EFFECT_RECORD] = "send",
    [EFFECT_CLOSE] = "close",     [EFFECT_METRICS] = "metrics",
    [EFFECT_CALL] = "call",       [EFFECT_FOLLOW] = "follow",
    [EFFECT_HANGUP] = "hangup",   [EFFECT_ACT] = "act",
    [EFFECT_LOG] = "log",         [EFFECT_STOP] = "stop"};

/* What is sent is in the trace when it arrives; here it counts for the hash
 * that it left, and how long it was. */
static void note_effect(struct node *node, const struct effect *effect)
{
    struct world *w = node->w;
    const char *what = EFFECT_NAMES[effect->kind];
    struct bytes nothing = bytes_of_text("");

    switch (effect->kind) {
    case EFFECT_REPLY:
    case EFFECT_STREAM:
        world_note(w, node->name, what, effect->exchange, effect->bytes, "%d",
                   effect->response.status);
        break;
    case EFFECT_CALL:
    case EFFECT_FOLLOW:
        world_note(w, node->name, what, effect->exchange, nothing, "%s %zu",
                   effect->call.url, effect->bytes.size);
        break;
    case EFFECT_RECORD:
        world_note(w, node->name, what, effect->exchange, nothing, "%zu",
                   effect->bytes.size);
        break;
    case EFFECT_LOG:
        world_note(w, node->name, what, 0, effect->bytes, "level %d",
                   effect->level);
        break;
    default:
        world_note(w, node->name, what, effect->exchange, nothing, "%s", "");
        break;
    }
}

static void perform(struct node *node, const struct effect *effect)
{
    struct network *net = &node->w->cluster->network;

    if (effect->kind == EFFECT_PERSIST)
        return;
    note_effect(node, effect);
    switch (effect->kind) {
    case EFFECT_REPLY:
    case EFFECT_STREAM:
    case EFFECT_RECORD:
    case EFFECT_CLOSE:
        network_serve(net, node, effect);
        break;
    case EFFECT_CALL:
    case EFFECT_FOLLOW:
        network_begin(net, node, effect);
        break;
    case EFFECT_HANGUP:
        network_hangup(net, node, effect->exchange);
        break;
    case EFFECT_ACT:
        assert(node->kind->act != NULL);
        node->kind->act(node, effect->act.kind, effect->act.data);
        break;
    case EFFECT_STOP:
        node->is_stopping = true;
        node->stop_status = effect->status;
        break;
    default:
        break;
    }
}

static void free_turn(struct node *node)
{
    struct turn *turn = node->turns;

    node->turns = turn->next;
    if (node->turns == NULL)
        node->turns_end = &node->turns;
    effects_release(&turn->fx);
    free(turn);
}

static void end_life(struct node *node, const char *why, uint32_t kept);

/* Perform what the disk allows. */
static void release(struct node *node)
{
    uint64_t life = node->life;

    if (node->w->now_ms < node->paused_until_ms)
        return;
    while (node->turns != NULL && node->turns->batch <= node->disk.durable) {
        for (uint32_t i = 0; i < node->turns->fx.count; i++)
            perform(node, &node->turns->fx.item[i]);
        if (node->self == NULL || node->life != life)
            return; /* an act of its own ended it */
        free_turn(node);
    }
    if (node->is_stopping && node->turns == NULL)
        end_life(node, "stop", UINT32_MAX);
}

static void on_durable(struct world *w, struct event *event)
{
    struct node_event *e = (struct node_event *)event;

    (void)w;
    if (!is_of_this_life(e))
        return;
    disk_commit(&e->node->disk);
    release(e->node);
}

static bool has_records(const struct effects *fx)
{
    for (uint32_t i = 0; i < fx->count; i++)
        if (fx->item[i].kind == EFFECT_PERSIST)
            return true;
    return false;
}

static void note_records(struct node *node, const struct effects *fx)
{
    for (uint32_t i = 0; i < fx->count; i++) {
        const struct effect *effect = &fx->item[i];
        if (effect->kind == EFFECT_PERSIST)
            world_note(node->w, node->name,
                       effect->bytes.data != NULL ? "persist" : "forget",
                       node->last_batch, effect->bytes, "%s %.*s",
                       effect->persist.table, (int)effect->persist.key.size,
                       (const char *)effect->persist.key.data);
    }
}

static void persist(struct node *node, struct turn *turn)
{
    struct world *w = node->w;

    if (has_records(&turn->fx)) {
        int64_t took_ms = cluster_disk_ms(w->cluster, node);
        int64_t from_ms = node->disk.free_at_ms > w->now_ms
                              ? node->disk.free_at_ms
                              : w->now_ms;
        disk_push(&node->disk, ++node->last_batch, &turn->fx);
        note_records(node, &turn->fx);
        node->disk.free_at_ms = from_ms + took_ms;
        node_at(node, node->disk.free_at_ms, 0, NULL, on_durable);
        cluster_on_persist(w->cluster, node, took_ms);
    }
    turn->batch = node->last_batch;
}

/* --- the turn --- */

/* `from`: the step's effects begin there. */
static void check(struct node *node, const struct effects *fx, uint32_t from)
{
    bool is_due = ++node->unchecked >= NODE_CHECK_EACH;

    for (uint32_t i = from; i < fx->count && !is_due; i++)
        is_due = fx->item[i].kind == EFFECT_PERSIST;
    if (is_due && node->kind->program->check != NULL) {
        node->kind->program->check(node->self);
        node->unchecked = 0;
    }
    cluster_check(node->w->cluster, node);
}

static int64_t next_ms(const struct node *node)
{
    const struct program *p = node->kind->program;

    return p->next_ms != NULL ? p->next_ms(node->self) : INT64_MAX;
}

static void arm(struct node *node)
{
    int64_t at_ms = next_ms(node);
    int64_t wall_ms = node_wall_ms(node);

    if (at_ms == INT64_MAX)
        return;
    /* A daemon's alarm rings again at once when something is still due; that
     * must not go on for ever. */
    if (at_ms > wall_ms)
        node->spins = 0;
    else if (++node->spins > SPINS_MAX)
        world_fail(node->w, "%s: a deadline stays in the past", node->name);
    wake(node, node->w->now_ms + (at_ms > wall_ms ? at_ms - wall_ms : 1));
}

static void feed_all(struct node *node, struct effects *fx)
{
    const struct program *p = node->kind->program;
    struct input *input;
    uint32_t from = fx->count;

    while ((input = node->first) != NULL) {
        node->first = input->next;
        if (node->first == NULL)
            node->last = &node->first;
        feed(node, input, fx);
        input_free(input);
        check(node, fx, from);
        from = fx->count;
    }
    if (p->on_time != NULL && next_ms(node) <= node_wall_ms(node)) {
        world_note(node->w, node->name, "time", 0, bytes_of_text(""), "%s", "");
        p->on_time(node->self, node_wall_ms(node), fx);
        check(node, fx, from);
    }
}

static struct turn *turn_begin(struct node *node)
{
    struct turn *turn = xcalloc(1, sizeof *turn);

    (void)node;
    effects_init(&turn->fx);
    return turn;
}

static void turn_end(struct node *node, struct turn *turn)
{
    persist(node, turn);
    *node->turns_end = turn;
    node->turns_end = &turn->next;
    release(node);
    if (node->self != NULL)
        arm(node);
}

static void run_turn(struct world *w, struct event *event)
{
    struct node_event *e = (struct node_event *)event;
    struct node *node = e->node;

    if (!is_of_this_life(e) || e->number != node->turn_number ||
        node->is_stopping)
        return;
    node->turn_at_ms = INT64_MAX;
    if (w->now_ms < node->paused_until_ms) {
        wake(node, node->paused_until_ms);
        return;
    }
    struct turn *turn = turn_begin(node);
    feed_all(node, &turn->fx);
    turn_end(node, turn);
}

/* --- life and death --- */

void node_init(struct node *node, struct world *w, const struct node_kind *kind,
               const char *name, const char *address, void *context)
{
    *node = (struct node){.w = w,
                          .kind = kind,
                          .context = context,
                          .turn_at_ms = INT64_MAX,
                          .seed = rng_next(&w->rng)};
    (void)snprintf(node->name, sizeof node->name, "%s", name);
    (void)snprintf(node->address, sizeof node->address, "%s", address);
    (void)snprintf(node->host, sizeof node->host, "%.*s",
                   (int)strcspn(address, ":"), address);
    node->last = &node->first;
    node->turns_end = &node->turns;
    disk_init(&node->disk);
}

bool node_is_up(const struct node *node)
{
    return node->self != NULL && !node->is_stopping;
}

int64_t node_wall_ms(const struct node *node)
{
    return WALL_START_MS + node->w->now_ms + node->clock_off_ms;
}

static void replay_disk(struct node *node)
{
    const struct program *p = node->kind->program;
    struct err err = {0};

    for (uint32_t i = 0; i < node->disk.count; i++) {
        const struct disk_record *record = &node->disk.record[i];
        if (p->on_stored != NULL &&
            p->on_stored(node->self, record->table, buf_bytes(&record->key),
                         buf_bytes(&record->value), &err) < 0)
            world_fail(node->w, "%s refuses its store: %s", node->name,
                       err.text);
    }
}

void node_start(struct node *node)
{
    const struct program *p = node->kind->program;

    assert(node->self == NULL);
    node->life++;
    node->is_stopping = false;
    node->spins = 0;
    node->paused_until_ms = 0;
    node->disk.free_at_ms = node->w->now_ms;
    world_note(node->w, node->name, "start", node->life, bytes_of_text(""),
               "%s", "");
    node->self = node->kind->begin(node);
    replay_disk(node);
    struct turn *turn = turn_begin(node);
    if (p->on_start != NULL)
        p->on_start(node->self, node_wall_ms(node), &turn->fx);
    node->unchecked = NODE_CHECK_EACH;
    check(node, &turn->fx, 0);
    turn_end(node, turn);
}

static void end_life(struct node *node, const char *why, uint32_t kept)
{
    void *self = node->self;
    struct input *input;

    world_note(node->w, node->name, "down", node->life, bytes_of_text(""), "%s",
               why);
    disk_lose(&node->disk, kept);
    node->last_batch = node->disk.durable;
    while (node->turns != NULL)
        free_turn(node);
    while ((input = node->first) != NULL) {
        node->first = input->next;
        input_free(input);
    }
    node->last = &node->first;
    node->turn_at_ms = INT64_MAX;
    node->self = NULL;
    network_node_down(&node->w->cluster->network, node);
    node->kind->end(self);
    if (node->kind->on_down != NULL)
        node->kind->on_down(node, why, node->stop_status);
}

static void run_thaw(struct world *w, struct event *event)
{
    struct node_event *e = (struct node_event *)event;

    (void)w;
    if (is_of_this_life(e))
        release(e->node);
}

void node_pause(struct node *node, int64_t for_ms)
{
    if (node->self == NULL)
        return;
    world_note(node->w, node->name, "pause", 0, bytes_of_text(""),
               "for %lld ms", (long long)for_ms);
    node->paused_until_ms = node->w->now_ms + for_ms;
    node_at(node, node->paused_until_ms, 0, NULL, run_thaw);
    wake(node, node->paused_until_ms);
}

void node_crash(struct node *node, const char *why)
{
    if (node->self == NULL)
        return;
    uint32_t pending = disk_pending(&node->disk);
    end_life(node, why,
             strcmp(why, "disk") == 0
                 ? 0
                 : (uint32_t)world_between(node->w, 0, pending));
}

void node_release(struct node *node)
{
    if (node->self != NULL) {
        node->stop_status = 0;
        node->is_stopping = true;
        void *self = node->self;
        struct input *input;
        while (node->turns != NULL)
            free_turn(node);
        while ((input = node->first) != NULL) {
            node->first = input->next;
            input_free(input);
        }
        node->self = NULL;
        network_node_down(&node->w->cluster->network, node);
        node->kind->end(self);
    }
    disk_release(&node->disk);
}

void node_clock_jump(struct node *node, int64_t by_ms)
{
    node->clock_off_ms += by_ms;
    world_note(node->w, node->name, "clock", 0, bytes_of_text(""),
               "jumps by %lld ms", (long long)by_ms);
    if (node->self == NULL)
        return;
    node->turn_at_ms = INT64_MAX;
    arm(node);
}
