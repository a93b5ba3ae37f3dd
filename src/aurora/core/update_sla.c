/* Kills of an update that ask the job's policy first. What is refused is tried
 * again, later and later; what a coordinator allows is done at once. */
#include "aurora/core/updating.h"

/* The task that stands for the slot's instance: in a surge the old one, until
 * it goes. */
static bool stands_for_it(const struct job *job, const struct task *task)
{
    const struct slot *slot =
        job->update ? update_slot(job->update, task->instance) : NULL;

    return !slot || !slot->other || slot->other->state == TASK_KILLING ||
           task == slot->other;
}

struct sla_facts sla_facts_of(const struct aurora *a, const struct task *victim,
                              int64_t duration_ms, int64_t now_ms)
{
    const struct job *job = victim->job;
    struct sla_facts facts = {.active = 1};

    for (const struct task *t = job->active.first; t; t = t->next) {
        if (t->state == TASK_KILLING || t->instance == victim->instance ||
            !stands_for_it(job, t))
            continue;
        facts.active++;
        facts.there += t->state == TASK_RUNNING &&
                       now_ms - task_since_ms(t) > duration_ms &&
                       task_is_settled(a, t, now_ms);
    }
    return facts;
}

static void put_off(struct aurora *a, struct update *u, struct slot *slot,
                    enum slot_wait wait, int64_t now_ms)
{
    slot->wait = wait;
    slot->again_ms = now_ms + sla_again_ms(++slot->tries);
    updating_watch(a, u, slot, slot->again_ms);
}

bool updating_may_end(struct aurora *a, struct update *u, struct slot *slot,
                      const struct task *task, int64_t now_ms)
{
    struct job_config *config = u->config;

    if (!config->update.is_sla_aware || config->sla.kind == SLA_NONE ||
        !task_machine_is_assigned(task->state))
        return true;
    if (slot->allowed == task->number) {
        slot->allowed = 0;
        return true;
    }
    if (now_ms < slot->again_ms || coordinators_asked(a, task))
        return false;
    if (config->sla.kind != SLA_COORDINATOR &&
        !job_is_settled(a, u->job, now_ms))
        return false; /* it is looked at again when that is so */
    struct sla_facts facts =
        sla_facts_of(a, task, config->sla.duration_ms, now_ms);
    switch (sla_judge(&config->sla, &a->limits.sla, &facts)) {
    case SLA_ALLOW:
        slot->wait = SLOT_WAITS_FOR_NOBODY;
        slot->tries = 0;
        return true;
    case SLA_REFUSE:
        put_off(a, u, slot, SLOT_WAITS_FOR_POLICY, now_ms);
        return false;
    case SLA_ASK:
        slot->again_ms = 0;
        if (coordinators_ask(a, config, task))
            slot->wait = SLOT_WAITS_FOR_ANSWER;
        else
            put_off(a, u, slot, SLOT_WAITS_FOR_TURN, now_ms);
        return false;
    }
    return false;
}

/* Only what is still to end; after a pause it is asked for again. */
void updater_coordinated(struct aurora *a, struct task *task, bool may_end,
                         int64_t now_ms)
{
    struct update *u = task->job->update;
    struct slot *slot = u ? update_slot(u, task->instance) : NULL;

    if (!slot || (slot->task != task && slot->other != task))
        return;
    slot->wait = SLOT_WAITS_FOR_NOBODY;
    if (!may_end) {
        put_off(a, u, slot, SLOT_WAITS_FOR_COORDINATOR, now_ms);
        return;
    }
    slot->tries = 0;
    slot->again_ms = 0;
    if (!update_is_rolling(u->state) || slot->phase != SLOT_WORKING)
        return;
    slot->allowed = task->number;
    updating_set_changed(a, u, slot);
}
