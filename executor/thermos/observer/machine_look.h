/* Finding the tasks of a machine (machine.h). Whoever owns a folder below a
 * root may fill it with as much as the disk holds, so a look has bounds: of
 * names read, of sandboxes, of bytes read and of memory kept. What does not fit
 * is counted; those that run come before those that have ended, the newer ones
 * before the older ones. */
#pragma once
#include "executor/thermos/observer/machine.h"

enum {
    LOOK_NAMES_MAX = 500000,   /* in folders below one root */
    LOOK_FOUND_MAX = 200000,   /* sandboxes */
    LOOK_BYTES_MAX = 64 << 20, /* of changed checkpoints, read in one look */
    LOOK_PAUSE_FACTOR = 4,     /* how many times longer than a look we rest */
    LOOK_SHORT_MS = 20         /* shorter ones need no rest */
};

void machine_task_free(struct machine_task *task);
