/* Our event streams: SUBSCRIBE, replays, heartbeats. */
#include "aurora/api.h"
#include "aurora/security.h"

#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>

/* Events sent to a late subscriber at a time, and those looked at for it. */
enum { REPLAY_CHUNK = 500, REPLAY_LOOK = 4000 };

typedef Perigee__Aurora__Event Event;

static void send_event(const struct subscriber *s, const Event *event,
                       struct effects *fx)
{
    struct buf out = {0};

    codec_encode(&event->base, s->media, &out);
    effect_record(fx, s->exchange, buf_bytes(&out));
    buf_release(&out);
}

/* Events that the client wants are not here: older than those that are kept,
 * or, of a store that was put back, not made yet. */
static void say_gone(struct aurora_program *p, uint64_t from, struct err *err)
{
    uint64_t first = event_log_first(&p->core.events);
    uint64_t next = p->core.events.next;

    if (from < first)
        (void)err_set(err, ERR_NOT_FOUND,
                      "event %llu is gone: the first still here is %llu",
                      (unsigned long long)from, (unsigned long long)first);
    else
        (void)err_set(err, ERR_NOT_FOUND,
                      "event %llu was never told here: the next one is %llu",
                      (unsigned long long)from, (unsigned long long)next);
    err_field(err, "subscribe.from_sequence");
    err_hint(err, "read the present state, then follow from its sequence");
}

static void refuse_gone(struct request *r, uint64_t from, int64_t now_ms,
                        struct effects *fx)
{
    struct err err = {0};

    say_gone(r->p, from, &err);
    api_refuse_with(r, 410, &err, NULL, 0, now_ms, fx);
}

static int refuse_scope(struct err *err, const char *field, const char *text)
{
    (void)err_set(err, ERR_INVALID, "%s: %s", field, text);
    err_field(err, "subscribe.%s", field);
    return -ERR_INVALID;
}

/* Of which jobs: what their keys begin with. */
static int read_scope(struct request *r,
                      const Perigee__Aurora__Call__Subscribe *s,
                      struct blob **out, struct err *err)
{
    const char *env = s->environment && *s->environment ? s->environment : NULL;
    bool has_role = s->role && *s->role;
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    struct buf scope = {0};

    if (!s->key && !has_role)
        return env ? refuse_scope(err, "environment", "want it with a role")
                   : 0;
    if (s->key && has_role)
        return refuse_scope(err, "role", "want a key or a role, not both");
    if (!s->key) {
        buf_addf(&scope, "%s/%s/", r->p->options.cluster, s->role);
        if (env)
            buf_addf(&scope, "%s/", env);
        *out = blob_new(buf_bytes(&scope));
        buf_release(&scope);
        return 0;
    }
    int rc = key_decode(r->p, s->key, &key, err);
    if (rc == 0)
        *out = blob_new(bytes_of_text(job_key_text(&key, text)));
    return rc;
}

static int read_filter(struct request *r, struct subscriber *out,
                       struct err *err)
{
    const Perigee__Aurora__Call__Subscribe *s = r->call->subscribe;

    if (!s)
        return 0;
    if (s->n_types > EVENT_TYPES_MAX)
        return refuse_scope(err, "types", "too many");
    for (size_t i = 0; i < s->n_types; i++)
        out->type[out->type_count++] = (int)s->types[i];
    return read_scope(r, s, &out->scope, err);
}

/* What a client gets as its last event when it does not read. */
static void last_words(enum media_type media, struct buf *out)
{
    Event event = PERIGEE__AURORA__EVENT__INIT;
    Perigee__Aurora__Error error = PERIGEE__AURORA__ERROR__INIT;

    event.has_type = true;
    event.type = PERIGEE__AURORA__EVENT__TYPE__ERROR;
    event.error = &error;
    error.code = (char *)err_code_name(ERR_LIMIT);
    error.message = "events wait that this client does not read";
    error.hint = "subscribe again from the sequence behind the last one read";
    codec_encode(&event.base, media, out);
}

static void begin(struct request *r, struct subscriber *s, int64_t now_ms,
                  struct effects *fx)
{
    struct http_response head = {.status = 200, .type = r->media};
    Event event = PERIGEE__AURORA__EVENT__INIT;
    struct buf last = {0};

    last_words(r->media, &last);
    head.body = buf_bytes(&last);
    effect_stream(fx, s->exchange, &head);
    buf_release(&last);
    event.has_type = event.has_sequence = event.has_at_ms = true;
    event.type = PERIGEE__AURORA__EVENT__TYPE__SUBSCRIBED;
    event.sequence = r->p->core.events.next - 1;
    event.at_ms = (uint64_t)now_ms;
    event.has_heartbeat_ms = true;
    event.heartbeat_ms = (uint32_t)r->p->options.heartbeat_ms;
    send_event(s, &event, fx);
}

static uint64_t address_of(const char *peer)
{
    const char *end = strrchr(peer, ':');

    return hash64(bytes_of(peer, end ? (size_t)(end - peer) : strlen(peer)), 0);
}

/* One client, or one user, shall not take the streams of all others. */
static int check_room(const struct aurora_program *p,
                      const struct subscriber *s, struct err *err)
{
    uint32_t same = 0;

    for (uint32_t i = 0; i < p->subscribers.count; i++) {
        const struct subscriber *other = &p->subscribers.item[i];
        same += s->user ? other->user == s->user : other->address == s->address;
    }
    if (p->subscribers.count >= SUBSCRIBERS_MAX)
        return err_set(err, ERR_BUSY, "%d clients follow events: want fewer",
                       SUBSCRIBERS_MAX);
    if (same >= SUBSCRIBERS_OF_ONE_MAX)
        return err_set(err, ERR_BUSY,
                       "%d clients of one %s follow events: want fewer",
                       SUBSCRIBERS_OF_ONE_MAX, s->user ? "user" : "address");
    return 0;
}

void stream_end_denied(struct aurora_program *p, uint32_t at,
                       struct effects *fx)
{
    struct subscriber *s = &p->subscribers.item[at];
    Event event = PERIGEE__AURORA__EVENT__INIT;
    Perigee__Aurora__Error error = PERIGEE__AURORA__ERROR__INIT;

    event.has_type = true;
    event.type = PERIGEE__AURORA__EVENT__TYPE__ERROR;
    event.error = &error;
    error.code = (char *)err_code_name(ERR_DENIED);
    error.message = "this user or its secret is not known here any more";
    send_event(s, &event, fx);
    effect_close(fx, s->exchange);
    blob_unref(s->scope);
    vec_remove(&p->subscribers, at);
}

void stream_subscribe(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct aurora_program *p = r->p;
    struct event_log *log = &p->core.events;
    uint64_t from = r->call->subscribe ? r->call->subscribe->from_sequence : 0;
    struct subscriber s = {.exchange = r->exchange,
                           .media = r->media,
                           .user = r->user,
                           .secret = r->secret,
                           .address = address_of(r->peer)};
    struct err err = {0};

    if (security_check_rules(r, &err) < 0 || check_room(p, &s, &err) < 0 ||
        read_filter(r, &s, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (from > 0 && (from < event_log_first(log) || from > log->next)) {
        blob_unref(s.scope);
        refuse_gone(r, from, now_ms, fx);
        return;
    }
    /* From now, or from there. */
    s.next = from > 0 ? from : log->next;
    begin(r, &s, now_ms, fx);
    *vec_add(&p->subscribers) = s;
    request_free(r);
}

/* A scope ends with '/', or is the whole key of one job. */
static bool is_in_scope(struct blob *scope, struct blob *key)
{
    if (!scope || scope == key)
        return true;
    if (!key || scope->size > key->size ||
        memcmp(scope->data, key->data, scope->size) != 0)
        return false;
    return scope->size == key->size || scope->data[scope->size - 1] == '/';
}

static bool concerns(const struct aurora_program *p, const struct subscriber *s,
                     const struct event *event)
{
    bool is_wanted = s->type_count == 0;

    for (uint32_t i = 0; i < s->type_count; i++)
        is_wanted |= s->type[i] == (int)event->kind;
    return is_wanted && is_in_scope(s->scope, event->key_text) &&
           security_sees_event(p, s->user, event);
}

/* More happened at once than is kept: a stream with a hole would be believed,
 * so it ends, and says from where on it can be had again. */
static void end_with_gap(struct aurora_program *p, const struct subscriber *s,
                         struct effects *fx)
{
    Event event = PERIGEE__AURORA__EVENT__INIT;
    Perigee__Aurora__Error error = PERIGEE__AURORA__ERROR__INIT;
    struct err err = {0};

    say_gone(p, s->next, &err);
    event.has_type = true;
    event.type = PERIGEE__AURORA__EVENT__TYPE__ERROR;
    event.error = &error;
    error.code = "GONE";
    error.message = err.text;
    error.hint = err.hint;
    error.has_first_sequence = true;
    error.first_sequence = event_log_first(&p->core.events);
    send_event(s, &event, fx);
    effect_close(fx, s->exchange);
}

/* Up to a chunk of events for one subscriber; true when it has all. */
static bool catch_up(struct aurora_program *p, struct subscriber *s,
                     struct effects *fx)
{
    const struct event_log *log = &p->core.events;
    struct arena arena;
    uint32_t sent = 0, looked = 0;

    if (s->next >= log->next)
        return true;
    arena_init(&arena);
    while (s->next < log->next && sent < REPLAY_CHUNK &&
           looked++ < REPLAY_LOOK) {
        const struct event *event = event_log_get(log, s->next++);
        if (!concerns(p, s, event))
            continue;
        send_event(s, view_event(p, event, &arena), fx);
        sent++;
        arena_clear(&arena);
    }
    arena_release(&arena);
    return s->next >= log->next;
}

bool stream_send(struct aurora_program *p, struct effects *fx)
{
    uint64_t first = event_log_first(&p->core.events);
    bool all = true;

    for (uint32_t i = 0; i < p->subscribers.count;) {
        struct subscriber *s = &p->subscribers.item[i];
        if (s->next < first) { /* overtaken by the ring */
            end_with_gap(p, s, fx);
            blob_unref(s->scope);
            vec_remove(&p->subscribers, i);
            continue;
        }
        all = catch_up(p, s, fx) && all;
        i++;
    }
    return all;
}

void stream_heartbeat(struct aurora_program *p, int64_t now_ms,
                      struct effects *fx)
{
    Event event = PERIGEE__AURORA__EVENT__INIT;

    event.has_type = event.has_sequence = event.has_at_ms = true;
    event.type = PERIGEE__AURORA__EVENT__TYPE__HEARTBEAT;
    event.at_ms = (uint64_t)now_ms;
    for (uint32_t i = 0; i < p->subscribers.count; i++) {
        /* What this client has been told so far. */
        event.sequence = p->subscribers.item[i].next - 1;
        send_event(&p->subscribers.item[i], &event, fx);
    }
}

bool stream_gone(struct aurora_program *p, exchange_id exchange)
{
    for (uint32_t i = 0; i < p->subscribers.count; i++) {
        if (p->subscribers.item[i].exchange != exchange)
            continue;
        blob_unref(p->subscribers.item[i].scope);
        vec_remove(&p->subscribers, i);
        return true;
    }
    return false;
}

void stream_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->subscribers.count; i++)
        blob_unref(p->subscribers.item[i].scope);
    vec_free(&p->subscribers);
}
