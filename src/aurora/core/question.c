#include "aurora/core/question.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void verdict_free(struct question *question, struct verdict *verdict)
{
    HASH_DEL(question->verdicts, verdict);
    free(verdict->failure);
    free(verdict);
}

static void forget_all(struct question *question)
{
    while (question->verdicts)
        verdict_free(question, question->verdicts);
}

struct question *question_new_function(enum question_kind kind,
                                       const char *bundle, uint32_t ordinal)
{
    struct question *question = xcalloc(1, sizeof *question);
    struct buf text = {0};

    question->refs = 1;
    question->kind = kind;
    question->bundle = xstrdup(bundle);
    question->ordinal = ordinal;
    buf_addf(&text, "%d %s %u", (int)kind, bundle, ordinal);
    question->text = buf_take(&text);
    return question;
}

struct question *question_new_like(const char *attribute,
                                   const char *expression)
{
    struct question *question = xcalloc(1, sizeof *question);
    struct buf text = {0};

    question->refs = 1;
    question->kind = QUESTION_LIKE;
    question->attribute = xstrdup(attribute);
    question->expression = xstrdup(expression);
    buf_addf(&text, "%d %zu:%s %s", QUESTION_LIKE, strlen(attribute), attribute,
             expression);
    question->text = buf_take(&text);
    return question;
}

struct question *question_ref(struct question *question)
{
    question->refs++;
    return question;
}

void question_unref(struct question *question)
{
    if (!question || --question->refs > 0)
        return;
    if (question->all)
        HASH_DEL(question->all->by_text, question);
    forget_all(question);
    free(question->text);
    free(question->bundle);
    free(question->attribute);
    free(question->expression);
    free(question);
}

void questions_share(struct questions *all, struct question **question)
{
    struct question *known, *mine = *question;

    if (!mine || mine->all)
        return;
    HASH_FIND_STR(all->by_text, mine->text, known);
    if (known) {
        *question = question_ref(known);
        question_unref(mine);
        return;
    }
    mine->all = all;
    mine->number = ++all->next_number;
    HASH_ADD_KEYPTR(hh, all->by_text, mine->text, strlen(mine->text), mine);
}

/* --- verdicts --- */

static struct verdict *find(const struct question *question, uint64_t host)
{
    struct verdict *verdict;

    HASH_FIND(hh, question->verdicts, &host, sizeof host, verdict);
    return verdict;
}

const struct verdict *question_verdict(const struct question *question,
                                       uint64_t host, uint64_t description)
{
    const struct verdict *verdict = find(question, host);
    bool is_it =
        verdict && verdict->is_known && verdict->description == description;

    return is_it ? verdict : NULL;
}

bool question_is_asked(const struct question *question, uint64_t host,
                       uint64_t description)
{
    const struct verdict *verdict = find(question, host);

    return verdict && verdict->description == description;
}

static struct verdict *renew(struct question *question, uint64_t host,
                             uint64_t description)
{
    struct verdict *verdict = find(question, host);

    if (!verdict) {
        verdict = xcalloc(1, sizeof *verdict);
        verdict->host = host;
        HASH_ADD(hh, question->verdicts, host, sizeof verdict->host, verdict);
    }
    free(verdict->failure);
    verdict->failure = NULL;
    verdict->description = description;
    verdict->is_known = verdict->is_passing = false;
    verdict->value = 0;
    return verdict;
}

void question_ask(struct question *question, uint64_t host,
                  uint64_t description)
{
    (void)renew(question, host, description);
}

void question_answer(struct question *question, uint64_t host,
                     uint64_t description, int64_t value, const char *failure,
                     bool is_passing)
{
    struct verdict *verdict = renew(question, host, description);

    verdict->is_known = true;
    verdict->value = value;
    verdict->is_passing = is_passing;
    if (failure)
        verdict->failure = xstrndup(failure, QUESTION_FAILURE_MAX);
}

void question_forget_passing(struct question *question)
{
    for (struct verdict *v = question->verdicts, *next; v; v = next) {
        next = v->hh.next;
        if (!v->is_known || v->is_passing)
            verdict_free(question, v);
    }
    question->seen = 0;
}

void question_trim(struct question *question, uint32_t hosts)
{
    if (HASH_COUNT(question->verdicts) <= 2 * hosts + QUESTION_STALE_MAX)
        return;
    forget_all(question);
    question->seen = 0;
}
