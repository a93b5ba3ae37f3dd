/* What must hold of preemption: only those give way who may be pushed by that
 * winner, at a time when it waits; and nobody is pushed for nothing: the winner
 * runs, or has gone, a while later. */
#pragma once
#include "base/id.h"
#include "base/vec.h"
#include <stdint.h>

struct aurora_program;

struct pushes {
    uint64_t seen;  /* events of the scheduler, so far */
    uint64_t count; /* victims */
    struct {
        struct pushed {
            char winner[ID_MAX];
            int64_t at_ms; /* of the world */
        } * item;          /* owned */
        uint32_t count, capacity;
    } list;
    char problem[3 * ID_MAX];
};

/* After every step of the scheduler: what is wrong; NULL: nothing. */
const char *pushes_check(struct pushes *pushes,
                         const struct aurora_program *aurora, int64_t now_ms);
/* The time is over. Likewise. */
const char *pushes_final(struct pushes *pushes,
                         const struct aurora_program *aurora, int64_t now_ms);
void pushes_release(struct pushes *pushes);
