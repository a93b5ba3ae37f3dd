/* What `thermos run` shows while a task runs: its processes beginning and
 * ending, and every line they write. */
#pragma once
#include "base/bytes.h"
#include "base/vec.h"
#include "executor/thermos/runner.h"
#include <stdbool.h>
#include <stdint.h>

/* A line that is not at its end yet. */
struct run_line {
    char *process; /* owned */
    int stream;
    struct buf text; /* owned */
};

struct run_show {
    bool colour;
    bool is_quiet; /* nothing of what processes write */
    int64_t started_ms;
    enum thermos_state state; /* of the end; THERMOS_NONE before */
    VEC(struct run_line) lines;
};

/* A runner_listener; the context is a struct run_show. */
void run_show_event(void *show, const struct runner_event *event);
/* The read function of a task_log_reader, likewise. */
void run_show_text(void *show, const char *process, int stream,
                   struct bytes text);
/* Lines that never came to their end are shown as they are. */
void run_show_release(struct run_show *show);
