/* Idempotency-Key: a change asked twice under one key is made once, and the
 * second asker gets the first answer. Kept for 24 hours, over restarts. */
#include "aurora/api.h"

#include "perigee/aurora_store.pb-c.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 200 };

static struct remembered *find(struct aurora_program *p, const char *key)
{
    struct remembered *it;

    HASH_FIND_STR(p->remembered, key, it);
    return it;
}

static void drop(struct aurora_program *p, struct remembered *it)
{
    HASH_DEL(p->remembered, it);
    blob_unref(it->answer);
    free(it->key);
    free(it);
}

static struct remembered *add(struct aurora_program *p, const char *key,
                              uint64_t fingerprint, int64_t at_ms)
{
    struct remembered *it = xcalloc(1, sizeof *it);

    it->key = xstrdup(key);
    it->fingerprint = fingerprint;
    it->at_ms = at_ms;
    HASH_ADD_KEYPTR(hh, p->remembered, it->key, strlen(it->key), it);
    return it;
}

/* Jobs are shown as they are, not kept with every key. */
static void show_job(struct request *r, Perigee__Aurora__Answer *answer)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    Perigee__Aurora__JobKey wire = PERIGEE__AURORA__JOB_KEY__INIT;
    struct job_key key;

    if (r->call->type != PERIGEE__AURORA__CALL__TYPE__CREATE_JOB || !create)
        return;
    if (create->job && !create->key) {
        wire.cluster = create->job->cluster;
        wire.role = create->job->role;
        wire.environment = create->job->environment;
        wire.name = create->job->name;
    }
    if (key_decode(r->p, create->key ? create->key : &wire, &key, NULL) < 0)
        return;
    const struct job *job = aurora_job(&r->p->core, &key);
    if (!job || job->is_removed)
        return;
    answer->n_jobs = 1;
    answer->jobs = arena_alloc(&r->arena, sizeof(void *));
    answer->jobs[0] = view_job(r->p, job, &r->arena);
}

/* The answer of the first time; true when it could be given. */
static bool repeat_answer(struct request *r, const struct remembered *it,
                          int64_t now_ms, struct effects *fx)
{
    struct bytes bytes = blob_bytes(it->answer);
    ProtobufCAllocator allocator = codec_arena_allocator(&r->arena);
    Perigee__Aurora__Answer *answer =
        perigee__aurora__answer__unpack(&allocator, bytes.size, bytes.data);

    if (!answer)
        return false;
    r->idempotency_key = NULL;
    r->is_repeat = true;
    show_job(r, answer);
    api_answer(r, answer, now_ms, fx);
    return true;
}

static int refuse_under_way(struct request *r, int64_t now_ms,
                            struct effects *fx)
{
    struct err err = {0};

    (void)err_set(&err, ERR_BUSY,
                  "a request with this Idempotency-Key is "
                  "being worked on");
    err_hint(&err, "ask again in a second");
    r->idempotency_key = NULL;
    api_refuse_with(r, 503, &err, NULL, 0, now_ms, fx);
    return 1;
}

static void sweep(struct aurora_program *p, int64_t kept_ms, int64_t now_ms,
                  struct effects *fx)
{
    struct remembered *it, *next;

    for (it = p->remembered; it; it = next) {
        next = it->hh.next;
        if (it->status == 0 || now_ms - it->at_ms < kept_ms)
            continue;
        effect_forget(fx, "request", bytes_of_text(it->key));
        drop(p, it);
    }
}

/* Else one user's changes of a minute would keep all others from theirs for a
 * day. Who asks again does so soon. */
static bool is_full(struct aurora_program *p, int64_t now_ms,
                    struct effects *fx)
{
    if (HASH_COUNT(p->remembered) < REQUESTS_MAX)
        return false;
    if (now_ms >= p->room_at_ms) {
        p->room_at_ms = now_ms + 1000; /* a look at all of them */
        sweep(p, REQUEST_CROWDED_MS, now_ms, fx);
    }
    return HASH_COUNT(p->remembered) >= REQUESTS_MAX;
}

/* Users do not share them: the answer of one is nobody else's. */
const char *keys_of(struct request *r)
{
    if (!r->given_key || !r->user)
        return r->given_key;
    return arena_printf(&r->arena, "%s:%s", r->user->name, r->given_key);
}

int keys_begin(struct request *r, int64_t now_ms, struct effects *fx,
               struct err *err)
{
    struct aurora_program *p = r->p;
    size_t size = strlen(r->given_key);
    struct remembered *it = find(p, r->idempotency_key);

    if (size == 0 || size > KEY_MAX) {
        r->idempotency_key = NULL;
        return err_set(err, ERR_INVALID,
                       "Idempotency-Key: want 1 to %d characters", KEY_MAX);
    }
    if (!it && is_full(p, now_ms, fx)) {
        r->idempotency_key = NULL;
        return err_set(err, ERR_BUSY,
                       "%d Idempotency-Keys came within ten minutes: "
                       "want fewer changes",
                       REQUESTS_MAX);
    }
    if (!it) {
        (void)add(p, r->idempotency_key, r->fingerprint, now_ms);
        return 0;
    }
    if (it->fingerprint != r->fingerprint) {
        r->idempotency_key = NULL;
        return err_set(err, ERR_CONFLICT,
                       "this Idempotency-Key came with "
                       "another request before");
    }
    if (it->status == 0)
        return refuse_under_way(r, now_ms, fx);
    if (repeat_answer(r, it, now_ms, fx))
        return 1;
    drop(p, it);
    (void)add(p, r->idempotency_key, r->fingerprint, now_ms);
    return 0;
}

void keys_forget(struct request *r)
{
    struct remembered *it;

    if (!r->idempotency_key)
        return;
    it = find(r->p, r->idempotency_key);
    if (it && it->status == 0)
        drop(r->p, it);
}

void keys_end(struct request *r, int status,
              const Perigee__Aurora__Answer *answer, int64_t now_ms,
              struct effects *fx)
{
    Perigee__Aurora__RequestRecord record =
        PERIGEE__AURORA__REQUEST_RECORD__INIT;
    struct remembered *it;

    if (!r->idempotency_key)
        return;
    it = find(r->p, r->idempotency_key);
    assert(it && it->status == 0);
    Perigee__Aurora__Answer kept = *answer;
    kept.n_jobs = 0;
    size_t size = perigee__aurora__answer__get_packed_size(&kept);
    uint8_t *packed = arena_alloc(&fx->arena, size + 1);
    perigee__aurora__answer__pack(&kept, packed);
    it->status = status;
    it->at_ms = now_ms;
    it->answer = blob_new(bytes_of(packed, size));
    record.key = it->key;
    record.has_fingerprint = record.has_status = true;
    record.fingerprint = it->fingerprint;
    record.status = (uint32_t)status;
    record.has_answer = record.has_at_ms = true;
    record.answer.data = packed;
    record.answer.len = size;
    record.at_ms = (uint64_t)now_ms;
    size = perigee__aurora__request_record__get_packed_size(&record);
    uint8_t *value = arena_alloc(&fx->arena, size + 1);
    perigee__aurora__request_record__pack(&record, value);
    effect_persist(fx, "request", bytes_of_text(it->key),
                   bytes_of(value, size));
}

void keys_restore(struct aurora_program *p,
                  const Perigee__Aurora__RequestRecord *record)
{
    struct remembered *it = find(p, record->key);

    if (it)
        drop(p, it);
    it = add(p, record->key, record->fingerprint, (int64_t)record->at_ms);
    it->status = record->status ? (int)record->status : 200;
    it->answer = blob_new(bytes_of(record->answer.data, record->answer.len));
}

void keys_sweep(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    sweep(p, REQUEST_KEPT_MS, now_ms, fx);
}

void keys_release(struct aurora_program *p)
{
    struct remembered *it, *next;

    for (it = p->remembered; it; it = next) {
        next = it->hh.next;
        drop(p, it);
    }
}
