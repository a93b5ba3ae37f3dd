#include "tests/sim/pushes.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

#include <stdio.h>
#include <string.h>

enum {
    MINUTE = 60 * 1000,
    /* A place is kept for three minutes, and a victim lost after five. */
    PLACED_MS = 10 * MINUTE
};

/* By the rule as Aurora's manual has it, not by our table. */
static bool may_push(const struct task *winner, const struct task *victim)
{
    bool high = winner->config->is_production;
    bool low = !victim->config->is_production;

    if (winner->job == victim->job)
        return false;
    if (high && low)
        return true;
    return high == !low &&
           strcmp(winner->job->key.role, victim->job->key.role) == 0 &&
           winner->config->priority > victim->config->priority;
}

/* "gives way to task ID of role 'ROLE'" */
static bool name_winner(const struct event *event, char winner[ID_MAX],
                        char role[64])
{
    char text[TASK_MESSAGE_MAX + 1];
    struct bytes bytes =
        event->message ? blob_bytes(event->message) : (struct bytes){0};

    (void)snprintf(text, sizeof text, "%.*s", (int)bytes.size,
                   (const char *)bytes.data);
    return sscanf(text, "gives way to task %255s of role '%63[^']'", winner,
                  role) == 2;
}

static void check_push(struct pushes *pushes, const struct aurora *a,
                       const struct event *event, int64_t now_ms)
{
    struct pushed *pushed = vec_add(&pushes->list);
    const char *wrong = NULL;
    char role[64];

    *pushed = (struct pushed){.at_ms = now_ms};
    pushes->count++;
    if (!name_winner(event, pushed->winner, role))
        wrong = "is not told for whom it gives way";
    const struct task *winner = aurora_task(a, bytes_of_text(pushed->winner));
    const struct task *victim = aurora_task(a, blob_bytes(event->task_id));
    if (!wrong && (!winner || winner->state != TASK_PENDING))
        wrong = "gives way to one that does not wait";
    else if (!wrong && !winner->is_kept)
        wrong = "gives way, and its room is not kept";
    else if (!wrong && strcmp(winner->job->key.role, role) != 0)
        wrong = "gives way to one of another role than it is told";
    else if (!wrong && victim && !may_push(winner, victim))
        wrong = "gives way to one that may not push it";
    if (wrong)
        (void)snprintf(pushes->problem, sizeof pushes->problem, "%.*s %s: %s",
                       (int)event->task_id->size,
                       (const char *)event->task_id->data, wrong,
                       pushed->winner);
}

const char *pushes_check(struct pushes *pushes,
                         const struct aurora_program *aurora, int64_t now_ms)
{
    const struct aurora *a = aurora_program_core(aurora);
    uint64_t at = pushes->seen + 1;

    if (at < event_log_first(&a->events))
        at = event_log_first(&a->events);
    for (; at < a->events.next; at++) {
        const struct event *event = event_log_get(&a->events, at);
        if (event->kind == EVENT_TASK_CHANGED &&
            event->state == TASK_PREEMPTING)
            check_push(pushes, a, event, now_ms);
        pushes->seen = at;
    }
    return pushes->problem[0] ? pushes->problem : NULL;
}

const char *pushes_final(struct pushes *pushes,
                         const struct aurora_program *aurora, int64_t now_ms)
{
    const struct aurora *a = aurora_program_core(aurora);

    for (uint32_t i = 0; i < pushes->list.count; i++) {
        const struct pushed *pushed = &pushes->list.item[i];
        const struct task *winner =
            aurora_task(a, bytes_of_text(pushed->winner));
        if (!winner || winner->state != TASK_PENDING ||
            now_ms - pushed->at_ms < PLACED_MS)
            continue;
        (void)snprintf(pushes->problem, sizeof pushes->problem,
                       "%s pushed others, and waits still", pushed->winner);
        return pushes->problem;
    }
    return NULL;
}

void pushes_release(struct pushes *pushes)
{
    vec_free(&pushes->list);
}
