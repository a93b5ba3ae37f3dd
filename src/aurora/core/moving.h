/* A changed job whose tasks need not all be restarted: what differs is nothing
 * that they see, or constraints that their hosts suit all the same. Which tasks
 * stay is decided here; the others are the update's. */
#pragma once
#include "aurora/core/hosts.h"
#include "aurora/core/task.h"

/* What a new configuration means to a task. */
enum moving {
    MOVING_SAME,   /* it runs the same */
    MOVING_STAYS,  /* and stands where the new constraints allow it */
    MOVING_MOVES,  /* but not where it stands */
    MOVING_RESTART /* it runs something else */
};

struct moving_list {
    struct moving_task {
        struct task *task;
        enum moving what;
    } * item; /* by instance; those being killed left out */
    uint32_t count, capacity;
};

/* Must a script judge its host before it is known whether it may stay? What is
 * not judged in time moves (aurora_awaits_judging). */
bool moving_awaits(const struct task *task, const struct job_config *config);
/* Constraints that count tasks allow as many as they can of those that stay,
 * the lowest instances first. Free with vec_free. */
void moving_list_of(const struct job *job, const struct job_config *config,
                    const struct hosts *hosts, struct moving_list *out);
