#include "sys/turn.h"
#include "base/alloc.h"
#include "sys/clock.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPARE_MAX = 16 }; /* turns kept for reuse */

void turns_init(struct turns *turns)
{
    *turns = (struct turns){0};
    turns->last = &turns->first;
}

static void turn_free(struct turn *turn)
{
    effects_release(&turn->fx);
    free(turn->op);
    free(turn);
}

static void free_all(struct turn *turn)
{
    while (turn != NULL) {
        struct turn *next = turn->next;
        turn_free(turn);
        turn = next;
    }
}

void turns_release(struct turns *turns)
{
    free_all(turns->first);
    free_all(turns->now);
    free_all(turns->spare);
    turns_init(turns);
}

struct turn *turns_begin(struct turns *turns)
{
    assert(turns->now == NULL);
    if (turns->spare != NULL) {
        turns->now = turns->spare;
        turns->spare = turns->now->next;
        turns->spare_count--;
    } else {
        turns->now = xcalloc(1, sizeof *turns->now);
        effects_init(&turns->now->fx);
    }
    turns->now->next = NULL;
    return turns->now;
}

static void recycle(struct turns *turns, struct turn *turn)
{
    if (turns->spare_count == SPARE_MAX) {
        turn_free(turn);
        return;
    }
    effects_clear(&turn->fx);
    turn->op_count = 0;
    turn->next = turns->spare;
    turns->spare = turn;
    turns->spare_count++;
}

void turns_end(struct turns *turns)
{
    struct turn *turn = turns->now;

    turns->now = NULL;
    if (turn->fx.count == 0) {
        recycle(turns, turn);
        return;
    }
    *turns->last = turn;
    turns->last = &turn->next;
    turns->waiting++;
}

struct turn *turns_first(const struct turns *turns)
{
    return turns->first;
}

void turns_done(struct turns *turns)
{
    struct turn *turn = turns->first;

    turns->first = turn->next;
    if (turns->first == NULL)
        turns->last = &turns->first;
    turns->waiting--;
    recycle(turns, turn);
}

void turn_collect(struct turn *turn)
{
    for (uint32_t i = 0; i < turn->fx.count; i++) {
        const struct effect *effect = &turn->fx.item[i];
        if (effect->kind != EFFECT_PERSIST)
            continue;
        if (turn->op_count == turn->op_capacity) {
            turn->op_capacity = turn->op_capacity ? turn->op_capacity * 2 : 8;
            turn->op =
                xreallocarray(turn->op, turn->op_capacity, sizeof *turn->op);
        }
        turn->op[turn->op_count++] = (struct store_op){
            effect->persist.table, effect->persist.key, effect->bytes};
    }
}

static double resident_bytes(void)
{
    char text[128] = "";
    unsigned long long pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof text - 1) > 0)
        (void)sscanf(text, "%*u %llu", &pages);
    close(fd);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

struct figure {
    enum metric_kind kind;
    const char *suffix, *help;
    double value;
};

void daemon_figures_report(const struct daemon_figures *figures,
                           const struct committer_figures *commits,
                           const char *name, struct metrics *out)
{
    const struct figure figure[] = {
        {METRIC_COUNTER, "turns_total", "Turns of the loop.",
         (double)figures->turns},
        {METRIC_GAUGE, "turn_seconds_max", "The longest turn so far.",
         (double)figures->turn_ns_max / 1e9},
        {METRIC_COUNTER, "inputs_total", "Inputs decided.",
         (double)figures->inputs},
        {METRIC_GAUGE, "open_streams", "Event streams being served.",
         figures->streams},
        {METRIC_COUNTER, "commits_total", "Batches made durable.",
         (double)commits->batches},
        {METRIC_COUNTER, "commit_syncs_total", "Syncs of the log.",
         (double)commits->syncs},
        {METRIC_COUNTER, "commit_seconds_total", "Time spent in those syncs.",
         (double)commits->sync_ns / 1e9},
        {METRIC_GAUGE, "commit_seconds_max", "The longest of those syncs.",
         (double)commits->sync_ns_max / 1e9},
        {METRIC_GAUGE, "resident_bytes", "Resident memory.", resident_bytes()},
        {METRIC_GAUGE, "process_uptime_seconds", "Time since the start.",
         (double)(clock_monotonic_ns() - figures->started_ns) / 1e9},
    };

    for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) {
        char full[128];
        snprintf(full, sizeof full, "%s_%s", name, figure[i].suffix);
        metrics_add(out, figure[i].kind, full, NULL, figure[i].help, NULL,
                    figure[i].value);
    }
}
