/* Places kept for instances that come back. When a restart or an update ends a
 * task, the room it leaves (as much of it as the next task of the instance
 * needs) is kept on its host for that task, KEEP_MS at most: it finds what it
 * left there, and nobody takes its place meanwhile. Until then it waits for
 * this host only. A keep ends when the task is placed or goes, when the host
 * is lost, and when its time is over: then the task goes where there is room.
 *
 * So it is with the room that others leave who are pushed aside for a task
 * (preempt.h).
 *
 * None is made when the new task needs more than the old one had, when its
 * constraints do not suit the host, or when the host is in trouble. Keeps are
 * not stored: after a restart of the scheduler tasks go where there is room. */
#pragma once
#include <stdint.h>

struct aurora;
struct host;
struct task;

enum { KEEPS_MAX = 4096, KEEP_MS = 3 * 60 * 1000 };

struct keep {
    uint64_t number; /* for the timer */
    int64_t until_ms;
    struct task *task;
    struct host *host;
    uint64_t tried; /* generation of the host when it did not fit; 0: not yet */
};

/* A task takes over from this one, which has ended. */
void keeps_note_started(struct aurora *a, struct task *task,
                        const struct task *ancestor, int64_t now_ms);
/* Keep what the task needs on that host, when it has come free: it waits for
 * it. Precondition: there are fewer than KEEPS_MAX. */
void keeps_hold(struct aurora *a, struct task *task, struct host *host,
                int64_t now_ms);
/* Take one out to try it; it is put back when it did not fit. */
struct keep keeps_take(struct aurora *a, uint32_t at);
void keeps_put_back(struct aurora *a, struct keep *keep);
/* The task does not wait any more. */
void keeps_drop(struct aurora *a, struct task *task);
/* Nothing is kept there any more. */
void keeps_drop_host(struct aurora *a, const struct host *host);
void keeps_timer(struct aurora *a, uint64_t number);
void keeps_check(const struct aurora *a);
