/* Asking scripts about hosts: which questions the waiting groups have, and
 * updates that are about to begin; and what the answers change. */
#include "aurora/core/internal.h"
#include "aurora/core/moving.h"

#include <assert.h>
#include <string.h>

/* Some may stand in it more than once. */
struct host_list {
    struct host **item;
    uint32_t count, capacity;
};

static void asking_release(struct asking *asking)
{
    for (uint32_t i = 0; i < asking->hosts.count; i++)
        blob_unref(asking->hosts.item[i].agent_id);
    vec_free(&asking->hosts);
    question_unref(asking->question);
}

void judging_release(struct aurora *a)
{
    for (uint32_t i = 0; i < a->askings.count; i++)
        asking_release(&a->askings.item[i]);
    vec_free(&a->askings);
    vec_free(&a->work.askings);
}

const struct asking *aurora_asking(const struct aurora *a, uint64_t ticket)
{
    for (uint32_t i = 0; i < a->askings.count; i++)
        if (a->askings.item[i].ticket == ticket)
            return &a->askings.item[i];
    return NULL;
}

void judging_share(struct aurora *a, struct job_config *config)
{
    questions_share(&a->questions, &config->place);
    questions_share(&a->questions, &config->rank);
    for (uint32_t i = 0; i < config->constraint_count; i++)
        questions_share(&a->questions, &config->constraint[i].question);
}

/* --- asking --- */

static void add_host(struct asking *asking, const struct host *host)
{
    struct asked_host *asked = vec_add(&asking->hosts);

    *asked = (struct asked_host){blob_ref(host->agent_id), host->number,
                                 host->description};
    question_ask(asking->question, host->number, host->description);
}

/* Hosts with offers that changed since the question last looked at all of
 * them. True when they were all looked at. */
static bool gather(const struct hosts *hosts, struct asking *asking)
{
    const struct question *q = asking->question;
    struct changes changes = hosts_changes(hosts, q->seen);
    const struct host *host;

    while ((host = hosts_next_change(&changes))) {
        if (!host->offers ||
            question_is_asked(q, host->number, host->description))
            continue;
        if (asking->hosts.count == ASKED_HOSTS_MAX)
            return false;
        add_host(asking, host);
    }
    return true;
}

static bool may_ask(const struct aurora *a, const struct question *question,
                    uint32_t askings_max, int64_t now_ms)
{
    return !question->is_under_way && question->busy_ms <= now_ms &&
           a->askings.count < askings_max;
}

static struct asking asking_of(struct aurora *a, struct question *question)
{
    question_trim(question, HASH_COUNT(a->hosts.by_agent));
    return (struct asking){.ticket = a->next_ticket + 1,
                           .question = question_ref(question)};
}

/* Nothing when it is about no host. */
static void send(struct aurora *a, struct asking *asking)
{
    if (asking->hosts.count == 0) {
        asking_release(asking);
        return;
    }
    asking->question->is_under_way = true;
    a->next_ticket = asking->ticket;
    *vec_add(&a->askings) = *asking;
    *vec_add(&a->work.askings) = asking->ticket;
    a->counters.questions++;
}

static void ask(struct aurora *a, struct question *question, int64_t now_ms)
{
    if (!question || question->seen == a->hosts.generation ||
        !may_ask(a, question, ASKINGS_MAX, now_ms))
        return;
    struct asking asking = asking_of(a, question);
    if (gather(&a->hosts, &asking))
        question->seen = a->hosts.generation;
    send(a, &asking);
}

void judging_ask(struct aurora *a, struct job_config *config, int64_t now_ms)
{
    ask(a, config->place, now_ms);
    ask(a, config->rank, now_ms);
    for (uint32_t i = 0; config->has_like && i < config->constraint_count; i++)
        ask(a, config->constraint[i].question, now_ms);
}

/* About hosts of tasks that run, which need no offers. Half of what may be
 * under way is left to those that wait for a place. */
static void ask_about(struct aurora *a, struct question *question,
                      const struct host_list *hosts, int64_t now_ms)
{
    if (!question || !may_ask(a, question, ASKINGS_MAX / 2, now_ms))
        return;
    struct asking asking = asking_of(a, question);
    for (uint32_t i = 0;
         i < hosts->count && asking.hosts.count < ASKED_HOSTS_MAX; i++) {
        const struct host *host = hosts->item[i];
        if (!question_is_asked(question, host->number, host->description))
            add_host(&asking, host);
    }
    send(a, &asking);
}

bool aurora_awaits_judging(struct aurora *a, struct job_config *config,
                           int64_t now_ms)
{
    const struct job *job = aurora_job(a, &config->key);
    struct host_list hosts = {0};

    if (!config->has_like || !job || job->update || job->is_killed)
        return false;
    judging_share(a, config);
    for (const struct task *t = job->active.first; t; t = t->next)
        if (moving_awaits(t, config))
            *vec_add(&hosts) = t->host;
    bool awaits = hosts.count > 0;
    for (uint32_t i = 0; awaits && i < config->constraint_count; i++)
        ask_about(a, config->constraint[i].question, &hosts, now_ms);
    vec_free(&hosts);
    return awaits;
}

/* Those that wait for answers look again. */
static void tell(struct aurora *a)
{
    a->place_wanted = true;
    a->judgements++;
    app_groups_judged(a);
}

/* --- answers --- */

/* Ask again what failed for a reason that may pass. */
static void ask_later(struct aurora *a, struct question *question,
                      int64_t delay_ms, int64_t now_ms, int64_t *at_ms)
{
    if (*at_ms != 0)
        return; /* the timer is armed */
    *at_ms = now_ms + delay_ms;
    heap_push(&a->timers, *at_ms, TIMER_QUESTION, question->number);
}

static void answer(struct aurora *a, const struct asking *asking,
                   const struct judged *judged, uint32_t count, int64_t now_ms)
{
    struct question *q = asking->question;

    for (uint32_t i = 0; i < asking->hosts.count; i++) {
        const struct asked_host *asked = &asking->hosts.item[i];
        const struct judged *j = &judged[i < count ? i : count - 1];
        struct host *host = hosts_find(&a->hosts, blob_bytes(asked->agent_id));
        if (!host || host->number != asked->number ||
            host->description != asked->description)
            continue; /* another one by now, or none */
        question_answer(q, host->number, host->description, j->value,
                        j->failure, j->is_passing);
        hosts_touch(&a->hosts, host);
        a->counters.verdicts++;
        a->counters.verdicts_failed += j->failure != NULL;
        if (j->failure && j->is_passing)
            ask_later(a, q, QUESTION_AGAIN_MS, now_ms, &q->again_ms);
    }
}

void aurora_judged(struct aurora *a, uint64_t ticket,
                   const struct judged *judged, uint32_t count, int64_t now_ms)
{
    uint32_t at = 0;

    while (at < a->askings.count && a->askings.item[at].ticket != ticket)
        at++;
    if (at == a->askings.count)
        return; /* asked in another life */
    struct asking asking = a->askings.item[at];
    memmove(&a->askings.item[at], &a->askings.item[at + 1],
            (a->askings.count - at - 1) * sizeof asking);
    a->askings.count--;
    asking.question->is_under_way = false;
    if (count > 0) {
        answer(a, &asking, judged, count, now_ms);
    } else {
        question_forget_passing(asking.question);
        ask_later(a, asking.question, QUESTION_BUSY_MS, now_ms,
                  &asking.question->busy_ms);
    }
    asking_release(&asking);
    tell(a);
    updater_go_on(a, now_ms);
}

/* What was asked and never answered is asked again, too. */
void judging_again(struct aurora *a, uint64_t number, int64_t now_ms)
{
    for (struct question *q = a->questions.by_text; q; q = q->hh.next) {
        if (q->number != number)
            continue;
        if (q->again_ms > 0 && q->again_ms <= now_ms)
            q->again_ms = 0;
        if (q->busy_ms > 0 && q->busy_ms <= now_ms)
            q->busy_ms = 0;
        if (q->again_ms == 0)
            question_forget_passing(q);
        tell(a);
        return;
    }
}
