/* LIST_AUDIT: who changed what; GET_SECURITY: who asks, and what holds. */
#include "aurora/api.h"
#include "aurora/audit.h"
#include "aurora/security.h"

#include "base/text.h"
#include "wire/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__AuditView View;
typedef Perigee__Aurora__Call__Audit Query;

static bool matches(const char *wanted, const char *has)
{
    return !wanted || !*wanted || text_glob(wanted, has ? has : "");
}

static bool is_result(const char *wanted, const char *has)
{
    if (!wanted || !*wanted)
        return true;
    if (strcmp(wanted, "REFUSED") == 0)
        return strcmp(has, "OK") != 0;
    return strcmp(wanted, has) == 0;
}

static const char *const RESULTS[] = {"OK", "REFUSED", "UNAUTHENTICATED",
                                      "GONE"};

static bool is_known(const char *result)
{
    for (size_t i = 0; i < sizeof RESULTS / sizeof *RESULTS; i++)
        if (strcmp(RESULTS[i], result) == 0)
            return true;
    for (int code = 1; code < ERR_CODE_COUNT; code++)
        if (strcmp(err_code_name((enum err_code)code), result) == 0)
            return true;
    return false;
}

/* One that is misspelt would look as if there were nothing. */
static int check_result(const char *result, struct err *err)
{
    struct buf names = {0};

    if (!result || !*result || is_known(result))
        return 0;
    for (size_t i = 0; i < sizeof RESULTS / sizeof *RESULTS; i++)
        buf_addf(&names, i > 0 ? ", %s" : "%s", RESULTS[i]);
    for (int code = 1; code < ERR_CODE_COUNT; code++)
        buf_addf(&names, ", %s", err_code_name((enum err_code)code));
    (void)err_set(err, ERR_INVALID, "result '%.60s': want one of %s", result,
                  buf_text(&names));
    err_field(err, "audit.result");
    buf_release(&names);
    return -ERR_INVALID;
}

/* "web,ads": all of them; a text that may have been cut is not one. */
static bool sees_roles(const struct request *r, const char *roles)
{
    char role[JOB_KEY_PART_MAX];
    bool is_seen = strlen(roles) < AUDIT_TEXT_MAX;

    for (const char *at = roles; is_seen; at++) {
        size_t size = strcspn(at, ",");
        is_seen = size > 0 && size < sizeof role;
        (void)snprintf(role, sizeof role, "%.*s", (int)size, at);
        is_seen = is_seen && security_may_role(r, ACTION_AUDIT_READ, role);
        at += size;
        if (!*at)
            break;
    }
    return is_seen;
}

/* Those of one role see what was done to its jobs, and to its quota. */
static bool sees(const struct request *r, const View *view)
{
    struct job_key key;

    if (security_may_cluster(r, ACTION_AUDIT_READ))
        return true;
    if (view->key && view->call && strcmp(view->call, "SET_QUOTA") == 0)
        return sees_roles(r, view->key);
    return view->key && job_key_parse(view->key, &key, NULL) == 0 &&
           security_may_job(r, ACTION_AUDIT_READ, &key);
}

static bool is_listed(const struct request *r, const Query *q, const View *view)
{
    return matches(q->user, view->user) && matches(q->action, view->action) &&
           matches(q->key, view->key) && is_result(q->result, view->result) &&
           sees(r, view);
}

/* The newest entry of either list behind which the cursor stands. */
struct reader {
    const struct audit_list *list;
    uint32_t left; /* entries older than those seen */
};

static const struct audit_entry *newest(const struct reader *reader)
{
    const struct audit_list *list = reader->list;

    return reader->left == 0
               ? NULL
               : &list->item[(list->first + reader->left - 1) % list->capacity];
}

static const struct audit_entry *next_entry(struct reader reader[2])
{
    const struct audit_entry *a = newest(&reader[0]), *b = newest(&reader[1]);

    if (!a && !b)
        return NULL;
    bool is_first = a && (!b || a->number > b->number);
    reader[is_first ? 0 : 1].left--;
    return is_first ? a : b;
}

static int read_cursor(const Query *q, uint64_t *before, struct err *err)
{
    int64_t number = INT64_MAX;

    *before = UINT64_MAX;
    if (!q->cursor || !*q->cursor)
        return 0;
    if (text_int(q->cursor, 1, INT64_MAX, &number, NULL) < 0)
        return api_refuse_cursor(err, "audit.cursor", q->cursor);
    *before = (uint64_t)number;
    return 0;
}

static void fill(struct request *r, const Query *q, uint64_t before,
                 Answer *answer)
{
    struct audit *a = &r->p->audit;
    struct reader reader[2] = {{&a->changes, a->changes.count},
                               {&a->refusals, a->refusals.count}};
    uint32_t size = api_page_size(q->limit), looked_at = 0;
    ProtobufCAllocator allocator = codec_arena_allocator(&r->arena);
    const struct audit_entry *entry;
    uint64_t last = 0;

    answer->audit = arena_alloc(&r->arena, (size + 1) * sizeof(void *));
    while ((entry = next_entry(reader))) {
        if (entry->number >= before)
            continue;
        if (q->has_since_ms && entry->at_ms < (int64_t)q->since_ms)
            break;
        if (answer->n_audit == size || looked_at++ >= AUDIT_LOOKED_AT_MAX) {
            answer->cursor = arena_printf(&r->arena, "%" PRIu64, last);
            break;
        }
        last = entry->number;
        if (q->has_until_ms && entry->at_ms >= (int64_t)q->until_ms)
            continue;
        struct bytes bytes = blob_bytes(entry->packed);
        View *view = perigee__aurora__audit_view__unpack(&allocator, bytes.size,
                                                         bytes.data);
        if (view && is_listed(r, q, view))
            answer->audit[answer->n_audit++] = view;
    }
}

void api_audit(struct request *r, int64_t now_ms, struct effects *fx)
{
    static const Query all = PERIGEE__AURORA__CALL__AUDIT__INIT;
    const Query *q = r->call->audit ? r->call->audit : &all;
    struct err err = {0};
    uint64_t before;

    if (check_result(q->result, &err) < 0 ||
        read_cursor(q, &before, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Answer *answer = api_answer_new(r);
    fill(r, q, before, answer);
    api_answer(r, answer, now_ms, fx);
}

/* --- the rules --- */

static void fill_actions(struct request *r, Perigee__Aurora__SecurityView *view)
{
    view->actions = arena_alloc(&r->arena, ACTION_COUNT * sizeof(char *));
    for (int i = 1; i < ACTION_COUNT; i++)
        if (user_may_somewhere(r->user, (enum action)i))
            view->actions[view->n_actions++] =
                (char *)(uintptr_t)action_name((enum action)i);
}

void api_security(struct request *r, int64_t now_ms, struct effects *fx)
{
    const struct sign_in *s = &r->p->sign_in;
    Answer *answer = api_answer_new(r);
    Perigee__Aurora__SecurityView *view = arena_alloc(&r->arena, sizeof *view);

    perigee__aurora__security_view__init(view);
    answer->security = view;
    if (r->users) {
        view->has_on = view->on = true;
        view->user = r->user->name;
        fill_actions(r, view);
        if (security_may_cluster(r, ACTION_SECURITY_READ)) {
            view->file = s->file;
            view->has_users = view->has_loaded_ms = true;
            view->users = s->users->all.count;
            view->loaded_ms = (uint64_t)s->loaded_ms;
            view->has_failed_ms = s->failed_ms != 0;
            view->failed_ms = (uint64_t)s->failed_ms;
            view->failure = s->failure;
        }
    }
    api_answer(r, answer, now_ms, fx);
}
