/* The insides of the executor program, shared by its files: program.c (inputs
 * and effects) and program_calls.c (what is sent to the agent). */
#pragma once
#include "executor/thermos/program.h"

struct executor_program {
    struct thermos core;
    char *url, *framework_id, *executor_id, *authorization; /* owned */
    exchange_id next_exchange;
    exchange_id follow;     /* the subscription; 0: none */
    exchange_id update;     /* the UPDATE in flight; 0: none */
    uint64_t update_number; /* which one */
    int64_t disk_interval_ms;
    int64_t (*wall_ms)(int64_t now_ms); /* NULL: as it is */
    struct thermos_effects todo;
};

void executor_subscribe(struct executor_program *p, struct effects *fx);
void executor_send_update(struct executor_program *p,
                          const struct thermos_update *update,
                          struct effects *fx);
