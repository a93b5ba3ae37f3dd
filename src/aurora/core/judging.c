/* Asking scripts about hosts: which questions the waiting groups have, and what
 * the answers change. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <string.h>

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

static void ask(struct aurora *a, struct question *question, int64_t now_ms)
{
    if (!question || question->is_under_way || question->busy_ms > now_ms ||
        question->seen == a->hosts.generation ||
        a->askings.count >= ASKINGS_MAX)
        return;
    question_trim(question, HASH_COUNT(a->hosts.by_agent));
    struct asking asking = {.ticket = a->next_ticket + 1,
                            .question = question_ref(question)};
    if (gather(&a->hosts, &asking))
        question->seen = a->hosts.generation;
    if (asking.hosts.count == 0) {
        asking_release(&asking);
        return;
    }
    question->is_under_way = true;
    a->next_ticket = asking.ticket;
    *vec_add(&a->askings) = asking;
    *vec_add(&a->work.askings) = asking.ticket;
    a->counters.questions++;
}

void judging_ask(struct aurora *a, struct job_config *config, int64_t now_ms)
{
    ask(a, config->place, now_ms);
    ask(a, config->rank, now_ms);
    for (uint32_t i = 0; config->has_like && i < config->constraint_count; i++)
        ask(a, config->constraint[i].question, now_ms);
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
    a->place_wanted = true;
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
        a->place_wanted = true;
        return;
    }
}
