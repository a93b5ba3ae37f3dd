/* The tasks of this machine: every sandbox with a checkpoint below some
 * folders. A root may be an agent's work_dir, a folder of such (clusterctl
 * dev), a folder of `thermos run` sandboxes (in one that nobody named, only
 * those with its own names), or one sandbox.
 *
 * Where `thermos run` has ended a task, its checkpoint is .thermos/stream.old.
 *
 * Nothing is watched: looking is a walk along known paths, done when somebody
 * asks. A checkpoint is read again only when it has changed. What a look may
 * cost is bounded (machine_look.h), whatever the owners of sandboxes do. */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include "executor/thermos/observer/history.h"
#include <stdint.h>

enum {
    MACHINE_ROOTS_MAX = 64,
    MACHINE_TASKS_MAX = 5000,      /* those that run, then the newest */
    MACHINE_MEMORY_MAX = 256 << 20 /* bytes of histories */
};

struct machine_task {
    char *sandbox;          /* owned; as found below its root */
    const char *stream;     /* its checkpoint's path in the sandbox */
    const char *id;         /* in the history */
    int64_t changed_ns;     /* the checkpoint, last written */
    int64_t size;           /* of it */
    bool is_kept;           /* found by the present look */
    struct history history; /* owned */
};

struct machine {
    VEC(char *) roots; /* owned */
    bool has_default_roots;
    VEC(struct machine_task *) tasks; /* owned; newest first */
    uint32_t unreadable;              /* checkpoints that are damaged */
    uint32_t left_out;                /* tasks that did not fit */
    bool is_cut;     /* there were more folders than a look reads */
    uint32_t denied; /* sandboxes and roots we may not see */
    int64_t looked_ms, look_took_ms; /* clock_monotonic_ms(); 0: never */
};

/* Takes a copy. ERR_LIMIT. A root that does not exist has no tasks. */
int machine_add_root(struct machine *machine, const char *path,
                     struct err *err);
/* When nobody named any: /var/lib/perigee, the cluster of `clusterctl dev`
 * (below it, or in XDG_DATA_HOME), the sandboxes of `thermos run` (TMPDIR or
 * /tmp). */
int machine_add_default_roots(struct machine *machine, struct err *err);
void machine_release(struct machine *machine);

/* Find what is there now. */
void machine_look(struct machine *machine);
/* The same, unless the last look took long and was a moment ago: who asks often
 * must not keep us looking. */
void machine_look_again(struct machine *machine);
/* What the look could not show, as one line without its end; "" when it showed
 * all. */
void machine_add_gaps(const struct machine *machine, struct buf *out);
/* By task id, by a prefix of one that fits only one, or by the folder of the
 * sandbox. ERR_NOT_FOUND, ERR_INVALID (several). */
int machine_find(const struct machine *machine, const char *name,
                 const struct machine_task **out, struct err *err);
/* Its sandbox as a folder to open things below: a descriptor, or -errno. */
int machine_open_sandbox(const struct machine_task *task);
/* A live runner of the task: a pidfd, or -1. */
int machine_runner(const struct machine_task *task);
