/* One host that is broken for a while: what starts there fails at once. The
 * scheduler must notice, and send it nothing but a probe now and then, or it
 * swallows one service after the other. What it should have noticed is counted
 * here once more, with some slack, from what it was told. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct machine;
struct run;

enum { BROKEN_KEPT = 64 };

struct broken {
    const struct machine *machine; /* NULL: none */
    int64_t until_ms;
    uint32_t starts; /* that failed */
    /* Failures that were told, newest at count - 1, modulo BROKEN_KEPT. */
    struct broken_failure {
        int64_t at_ms; /* by the scheduler's clock */
        uint64_t job;
    } failure[BROKEN_KEPT];
    uint64_t count;
    uint64_t life; /* of the scheduler */
    int64_t clock_off_ms;
    bool was_in_trouble;
};

void broken_begin(struct cluster *c, const struct machine *m, int64_t for_ms);
/* Does a task that starts there now fail at once? */
bool broken_is(const struct cluster *c, const struct machine *m);
/* It starts, and will fail: ought it to have been placed there? */
void broken_on_start(struct cluster *c, const struct run *run);
/* The scheduler is about to be told that a task failed. */
void broken_on_failed(struct cluster *c, const struct run *run);
/* After a step of the scheduler. */
void broken_check(struct cluster *c);
