/* The scheduler as a program in a glass box: requests and a played master go
 * in, effects come out. No socket, no disk, no clock: the store is a list,
 * time is a number, and every step is followed by the program's own check. */
#pragma once
#include "aurora/core/aurora.h"
#include "aurora/program.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "perigee/aurora.pb-c.h"
#include "perigee/job.pb-c.h"
#include "perigee/script.pb-c.h"
#include "base/alloc.h"
#include "wire/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef Mesos__V1__Scheduler__Call MasterCall;
typedef Mesos__V1__Scheduler__Event MasterEvent;
typedef Perigee__Aurora__Answer Answer;

enum { RECORDS_MAX = 512 };

/* A world of one scheduler and a master that we play. */
struct world {
    struct aurora_program *p;
    struct effects fx;
    struct arena arena; /* decoded messages */
    int64_t now_ms;
    exchange_id stream, next_exchange;
    MasterCall *subscribe; /* that opened the stream */
    uint64_t next_offer, seed;
    struct {
        char table[24], key[300];
        struct buf value;
        bool is_used;
    } record[RECORDS_MAX];
    /* What came out since the last look. */
    struct {
        MasterCall *item[64];
        exchange_id exchange[64];
        int count;
    } calls;
    struct http_response reply;         /* the newest */
    Perigee__Aurora__Event *last_words; /* of the newest stream */
    exchange_id replied;
    bool is_api; /* the answer is an Answer */
    Answer *answer;
    struct {
        Perigee__Aurora__Event *item[256];
        int count;
    } events;
    struct aurora_evaluate act;
    int acts;
    uint32_t backup_act; /* the newest about backups */
    int backup_acts;
    uint64_t backup_ticket; /* of the newest LIST_BACKUPS */
    struct {                /* the newest question to a coordinator */
        uint64_t ticket;
        char url[300];
        struct bytes body;
        int count;
    } coordinate;
    struct { /* the newest question about hosts */
        uint64_t ticket;
        struct bytes bundle, stdlib;
        Perigee__Judgement *judgement;
        int count;
    } question;
    struct aurora_decode decode; /* the last one asked for */
    struct {                     /* what is told, the newest last */
        uint64_t ticket;
        char to[300]; /* URL or address */
        struct bytes body;
    } told[64];
    int told_count;
    bool is_mute; /* the master answers nothing that is asked after tasks */
    const char *mail_from; /* of the next life */
};

static inline void keep_record(struct world *w, const struct effect *e)
{
    int free_at = -1;

    for (int i = 0; i < RECORDS_MAX; i++) {
        if (!w->record[i].is_used) {
            free_at = free_at < 0 ? i : free_at;
            continue;
        }
        if (strcmp(w->record[i].table, e->persist.table) == 0 &&
            bytes_equal_text(e->persist.key, w->record[i].key)) {
            free_at = i;
            buf_release(&w->record[i].value);
            w->record[i].is_used = false;
            break;
        }
    }
    if (!e->bytes.data)
        return;
    assert_true(free_at >= 0);
    snprintf(w->record[free_at].table, 24, "%s", e->persist.table);
    snprintf(w->record[free_at].key, 300, "%.*s", (int)e->persist.key.size,
             (const char *)e->persist.key.data);
    w->record[free_at].value = (struct buf){0};
    buf_add_bytes(&w->record[free_at].value, e->bytes);
    w->record[free_at].is_used = true;
}

static inline void *decode(struct world *w,
                           const ProtobufCMessageDescriptor *type,
                           enum media_type media, struct bytes bytes)
{
    ProtobufCMessage *message;
    struct err err = {0};

    if (codec_decode(type, "Message", media, bytes, &w->arena, &message, &err) <
        0)
        fail_msg("%s", err.text);
    return message;
}

static inline void keep_question(struct world *w,
                                 const struct aurora_judge *act)
{
    w->question.ticket = act->ticket;
    w->question.bundle =
        bytes_of(arena_memdup(&w->arena, act->bundle.data, act->bundle.size),
                 act->bundle.size);
    w->question.stdlib =
        bytes_of(arena_memdup(&w->arena, act->stdlib.data, act->stdlib.size),
                 act->stdlib.size);
    w->question.judgement = decode(w, &perigee__judgement__descriptor,
                                   MEDIA_PROTOBUF, act->judgement);
    w->question.count++;
}

static inline void keep_coordinate(struct world *w,
                                   const struct aurora_coordinate *act)
{
    w->coordinate.ticket = act->ticket;
    snprintf(w->coordinate.url, sizeof w->coordinate.url, "%s", act->url);
    w->coordinate.body =
        bytes_of(arena_memdup(&w->arena, act->body.data, act->body.size),
                 act->body.size);
    w->coordinate.count++;
}

static inline void keep_told(struct world *w, const struct aurora_notify *act)
{
    assert_true(w->told_count < 64);
    w->told[w->told_count].ticket = act->ticket;
    snprintf(w->told[w->told_count].to, sizeof w->told->to, "%s",
             act->url ? act->url : act->to);
    w->told[w->told_count].body =
        bytes_of(arena_memdup(&w->arena, act->body.data, act->body.size),
                 act->body.size);
    w->told_count++;
}

static inline void keep_evaluation(struct world *w,
                                   const struct aurora_evaluate *act)
{
    w->act = *act;
    w->act.bundle =
        bytes_of(arena_memdup(&w->arena, act->bundle.data, act->bundle.size),
                 act->bundle.size);
    w->acts++;
}

static inline void keep_act(struct world *w, uint32_t kind, const void *data)
{
    switch (kind) {
    case AURORA_ACT_JUDGE:
        keep_question(w, data);
        break;
    case AURORA_ACT_DECODE:
        w->decode = *(const struct aurora_decode *)data;
        break;
    case AURORA_ACT_COORDINATE:
        keep_coordinate(w, data);
        break;
    case AURORA_ACT_NOTIFY:
        keep_told(w, data);
        break;
    case AURORA_ACT_EVALUATE:
        keep_evaluation(w, data);
        break;
    default:
        w->backup_act = kind; /* the last one about backups */
        w->backup_acts++;
        if (kind == AURORA_ACT_LIST_BACKUPS)
            w->backup_ticket =
                ((const struct aurora_list_backups *)data)->ticket;
    }
}

static inline void look(struct world *w)
{
    AURORA_PROGRAM.check(w->p);
    for (uint32_t i = 0; i < w->fx.count; i++) {
        const struct effect *e = &w->fx.item[i];
        switch (e->kind) {
        case EFFECT_PERSIST:
            keep_record(w, e);
            break;
        case EFFECT_FOLLOW:
            w->stream = e->exchange;
            w->subscribe = decode(w, &mesos__v1__scheduler__call__descriptor,
                                  MEDIA_PROTOBUF, e->bytes);
            break;
        case EFFECT_CALL:
            assert_true(w->calls.count < 64);
            w->calls.exchange[w->calls.count] = e->exchange;
            w->calls.item[w->calls.count++] =
                decode(w, &mesos__v1__scheduler__call__descriptor,
                       MEDIA_PROTOBUF, e->bytes);
            break;
        case EFFECT_REPLY:
            w->reply = e->response;
            w->replied = e->exchange;
            w->reply.body =
                bytes_of(arena_memdup(&w->arena, e->bytes.data, e->bytes.size),
                         e->bytes.size);
            if (e->response.type == MEDIA_JSON && w->is_api)
                w->answer = decode(w, &perigee__aurora__answer__descriptor,
                                   MEDIA_JSON, e->bytes);
            break;
        case EFFECT_STREAM:
            w->last_words = decode(w, &perigee__aurora__event__descriptor,
                                   MEDIA_JSON, e->response.body);
            break;
        case EFFECT_RECORD:
            assert_true(w->events.count < 256);
            w->events.item[w->events.count++] = decode(
                w, &perigee__aurora__event__descriptor, MEDIA_JSON, e->bytes);
            break;
        case EFFECT_ACT:
            keep_act(w, e->act.kind, e->act.data);
            break;
        default:
            break;
        }
    }
    effects_clear(&w->fx);
}

/* Time passes; everything due happens. */
static inline void pass(struct world *w, int64_t ms)
{
    int64_t end = w->now_ms + ms, next;

    while ((next = AURORA_PROGRAM.next_ms(w->p)) <= end) {
        if (next > w->now_ms)
            w->now_ms = next;
        AURORA_PROGRAM.on_time(w->p, w->now_ms, &w->fx);
        look(w);
    }
    w->now_ms = end;
}

static inline void event_in(struct world *w, MasterEvent *event)
{
    struct buf out = {0};

    codec_encode(&event->base, MEDIA_PROTOBUF, &out);
    AURORA_PROGRAM.on_record(w->p, w->stream, buf_bytes(&out), w->now_ms,
                             &w->fx);
    buf_release(&out);
    look(w);
}

/* The master is asked after what should run, and says that it does. */
static inline void answer_running(struct world *w)
{
    const struct aurora *core = aurora_program_core(w->p);
    VEC(const struct task *) list = {0};

    for (const struct task *t = core->task_by_number; t; t = t->hh_number.next)
        if (t->state == TASK_RUNNING)
            *vec_add(&list) = t;
    for (uint32_t i = 0; i < list.count; i++) {
        MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
        Mesos__V1__Scheduler__Event__Update u =
            MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT;
        Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
        Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
        id.value =
            arena_strndup(&w->arena, (const char *)list.item[i]->id->data,
                          list.item[i]->id->size);
        status.task_id = &id;
        status.state = MESOS__V1__TASK_STATE__TASK_RUNNING;
        u.status = &status;
        event.has_type = true;
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE;
        event.update = &u;
        event_in(w, &event);
    }
    vec_free(&list);
}

static inline void subscribed(struct world *w, const char *framework)
{
    static const struct http_header header = {"Mesos-Stream-Id", "s-1"};
    struct http_response head = {.status = 200,
                                 .type = MEDIA_PROTOBUF,
                                 .header = &header,
                                 .header_count = 1};
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Subscribed s =
        MESOS__V1__SCHEDULER__EVENT__SUBSCRIBED__INIT;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;

    AURORA_PROGRAM.on_answer(w->p, w->stream, &head, w->now_ms, &w->fx);
    id.value = (char *)framework;
    s.framework_id = &id;
    s.has_heartbeat_interval_seconds = true;
    s.heartbeat_interval_seconds = 15;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED;
    event.subscribed = &s;
    event_in(w, &event);
    if (!w->is_mute)
        answer_running(w);
}

static inline struct aurora_program *program_with_mail(uint64_t seed,
                                                       const char *mail_from)
{
    struct aurora_options options = AURORA_OPTIONS;

    options.seed = seed;
    options.mail_from = mail_from;
    options.offer_jitter_ms = 0;
    options.sla_instances_min = 3;
    options.endpoint = "10.0.0.1:8081";
    options.stdlib_hash = seed % 2 != 0 ? "release-1" : "release-2";
    options.stdlib_release = bytes_of_text(options.stdlib_hash);
    return aurora_program_new(&options);
}

static inline struct aurora_program *new_program(uint64_t seed)
{
    return program_with_mail(seed, NULL);
}

static inline struct world *world_with_mail(const char *mail_from)
{
    struct world *w = xcalloc(1, sizeof *w);

    w->mail_from = mail_from;
    effects_init(&w->fx);
    arena_init(&w->arena);
    w->now_ms = 1700000000000;
    w->p = program_with_mail(++w->seed, w->mail_from);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
    subscribed(w, "fw-1");
    return w;
}

static inline struct world *world_new(void)
{
    return world_with_mail(NULL);
}

/* kill -9 and a new life on the same store. */
static inline void reborn(struct world *w)
{
    struct err err = {0};
    /* As a store lists them: by table, then key. */
    static const char *const order[] = {
        "asset",  "bundle",       "bundle_release", "config",  "firing",
        "group",  "group_member", "host",           "job",     "maintenance",
        "notice", "quota",        "release",        "request", "scheduler",
        "task",   "update",       "update_instance"};

    aurora_program_free(w->p);
    w->p = program_with_mail(++w->seed, w->mail_from);
    w->calls.count = w->events.count = 0;
    for (size_t t = 0; t < sizeof order / sizeof *order; t++)
        for (int i = 0; i < RECORDS_MAX; i++)
            if (w->record[i].is_used &&
                strcmp(w->record[i].table, order[t]) == 0 &&
                AURORA_PROGRAM.on_stored(
                    w->p, w->record[i].table, bytes_of_text(w->record[i].key),
                    buf_bytes(&w->record[i].value), &err) < 0)
                fail_msg("%s", err.text);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
}

static inline void world_free(struct world *w)
{
    aurora_program_free(w->p);
    for (int i = 0; i < RECORDS_MAX; i++)
        if (w->record[i].is_used)
            buf_release(&w->record[i].value);
    effects_release(&w->fx);
    arena_release(&w->arena);
    free(w);
}
