/* What the checkpoint of one task tells people: the task, its processes and
 * every run of them. Read without its lock, while the runner may be writing: a
 * torn tail is what has not happened yet. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/vec.h"
#include "executor/thermos/stream.h"
#include "executor/thermos/usage.h"
#include "perigee/thermos.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

/* The streams' own states; 0 is none yet. */
typedef Perigee__Thermos__Process__State process_state;
typedef Perigee__Thermos__Task__State task_state_t;

enum { HISTORY_REASON_MAX = 500, HISTORY_MESSAGE_MAX = 4000 };

struct history_run {
    process_state state;
    int64_t started_ms, ended_ms; /* 0: not known, not yet */
    int pid;                      /* 0: none */
    uint64_t start_ticks;
    int wait_status;    /* -1: unknown */
    const char *reason; /* why it never began, cut to HISTORY_REASON_MAX; in
                           the arena, NULL: it did */
};

struct history_process {
    const char *name, *cmdline, *kind; /* in the arena; never NULL */
    VEC(struct history_run) runs;      /* by their number */
};

struct history {
    struct arena arena;
    const Perigee__Thermos__Header *header; /* in the arena */
    task_state_t state;
    bool is_killed; /* somebody asked */
    int runner_pid; /* the newest; 0: none yet */
    int64_t ended_ms;
    const char *message; /* of the end, "" before; HISTORY_MESSAGE_MAX */
    struct history_process *process;
    uint32_t count;
};

/* From the bytes of a stream. ERR_DAMAGED names the place, ERR_NOT_FOUND when
 * not even the header is there yet; *out is unset then. */
int history_read(struct bytes file, struct history *out, struct err *err);
void history_release(struct history *history);
/* Bytes on the heap. */
size_t history_memory(const struct history *history);

bool history_is_over(const struct history *history);
/* The newest run's state; 0 (never ran). */
process_state history_process_state(const struct history_process *process);
const struct history_process *history_process(const struct history *history,
                                              const char *name);
/* "RUNNING", "WAITING" for one that never ran, "ACTIVE", ... */
const char *history_process_state_name(process_state state);
const char *history_task_state_name(task_state_t state);
/* Does the process of that run still live? (Same pid, same start.) */
bool history_run_lives(const struct history_run *run);
/* What the live run of a process uses now, with all that descends from it;
 * false when none lives. */
bool history_usage(const struct history_process *process, struct usage *out);

/* The task as one JSON object: what inspect and /j/task print. What live
 * processes use is sampled for it. */
struct json_writer;
void history_json(const struct history *history, struct json_writer *w);
void history_process_json(const struct history_process *process,
                          struct json_writer *w);
