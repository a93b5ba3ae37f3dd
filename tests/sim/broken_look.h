/* A look into the scheduler at hosts in trouble, and at what ran there. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct aurora_program;

struct broken_look {
    bool is_known, is_in_trouble;
    int64_t avoided_ms; /* since when nothing is placed there; 0: it may be */
    uint32_t hosts;     /* that there are */
    uint32_t others;    /* in trouble */
};

void broken_look(const struct aurora_program *aurora, const char *host,
                 struct broken_look *out);
/* When the task was placed, by the scheduler's clock; -1: not known. */
int64_t broken_look_placed_ms(const struct aurora_program *aurora,
                              const char *task_id);
/* Would a failure of it, told now, be one that speaks against its host? */
bool broken_look_counts(const struct aurora_program *aurora,
                        const char *task_id, int64_t now_ms);
