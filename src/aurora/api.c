/* POST /api/v1: one Call in, one Answer out (or a stream). */
#include "aurora/state.h"

#include "base/hash.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call Call;

/* A row: the type; what it is; who works it off; which field of Call it is
 * about; which fields of Answer it fills (besides sequence), each name followed
 * by a space. The schema at /api/v1/schema is made of these rows. */
// clang-format off
#define TYPE(name) PERIGEE__AURORA__CALL__TYPE__##name
static const struct api_route ROUTES[] = {
    {TYPE(CREATE_JOB), API_CHANGES | API_NEEDS_FIELD, api_create, "create_job", "jobs "},
    {TYPE(START_UPDATE), API_CHANGES | API_NEEDS_FIELD, api_create, "create_job", "updates note "},
    {TYPE(PAUSE_UPDATE), API_CHANGES | API_NEEDS_FIELD, api_update_act, "update", "updates note "},
    {TYPE(RESUME_UPDATE), API_CHANGES | API_NEEDS_FIELD, api_update_act, "update", "updates note "},
    {TYPE(ABORT_UPDATE), API_CHANGES | API_NEEDS_FIELD, api_update_act, "update", "updates note "},
    {TYPE(ROLLBACK_UPDATE), API_CHANGES | API_NEEDS_FIELD, api_update_act, "update", "updates note "},
    {TYPE(PULSE_UPDATE), API_CHANGES | API_NEEDS_FIELD, api_update_pulse, "update", "pulse "},
    {TYPE(LIST_UPDATES), 0, api_update_list, "update", "updates cursor "},
    {TYPE(GET_UPDATE), API_NEEDS_FIELD, api_update_get, "update", "updates "},
    {TYPE(KILL_JOB), API_CHANGES | API_NEEDS_FIELD, api_target, "target", "instances note "},
    {TYPE(RESTART_JOB), API_CHANGES | API_NEEDS_FIELD, api_target, "target", "instances note "},
    {TYPE(SCALE_JOB), API_CHANGES | API_NEEDS_FIELD, api_scale, "scale", "instances note "},
    {TYPE(ADD_INSTANCES), API_CHANGES | API_NEEDS_FIELD, api_scale, "scale", "instances note "},
    {TYPE(PUT_ASSET), API_CHANGES | API_NEEDS_FIELD, api_put_asset, "put_asset", ""},
    {TYPE(EVALUATE), API_NEEDS_FIELD, api_evaluate, "create_job", "jobs "},
    {TYPE(LIST_JOBS), 0, api_list, "list", "jobs cursor "},
    {TYPE(GET_JOB), API_NEEDS_FIELD, api_get_job, "tasks", "jobs tasks configs cursor "},
    {TYPE(GET_TASKS), API_NEEDS_FIELD, api_get_tasks, "tasks", "tasks cursor "},
    {TYPE(WHY), API_NEEDS_FIELD, api_why, "why", "why "},
    {TYPE(GET_VERSION), 0, api_version, NULL, "version "},
    {TYPE(GET_BUNDLE), API_NEEDS_FIELD, api_get_bundle, "get_bundle", "bundle "},
    {TYPE(SUBSCRIBE), API_STREAMS, stream_subscribe, "subscribe", ""},
};
// clang-format on

const struct api_route *api_routes(uint32_t *count)
{
    *count = sizeof ROUTES / sizeof *ROUTES;
    return ROUTES;
}

int api_status(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return 200;
    case ERR_INVALID:
    case ERR_UNSUPPORTED:
        return 400;
    case ERR_DENIED:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_EXISTS:
    case ERR_CONFLICT:
    case ERR_JOB_UPDATING:
        return 409;
    case ERR_LIMIT:
        return 413;
    case ERR_BUSY:
        return 429;
    case ERR_NO_SPACE:
        return 507;
    default:
        return 500;
    }
}

void request_free(struct request *r)
{
    arena_release(&r->arena);
    free(r);
}

Answer *api_answer_new(struct request *r)
{
    Answer *answer = arena_alloc(&r->arena, sizeof *answer);

    perigee__aurora__answer__init(answer);
    answer->has_sequence = true;
    answer->sequence = r->p->core.events.next - 1;
    return answer;
}

/* --- answering --- */

static void reply(struct request *r, int status, const Answer *answer,
                  struct effects *fx)
{
    static const struct http_header later = {"Retry-After", "1"};
    struct buf body = {0};
    struct http_response response = {.status = status, .type = r->media};

    if (r->is_gone)
        return;
    codec_encode(&answer->base, r->media, &body);
    response.body = buf_bytes(&body);
    if (status == 429 || status == 503) {
        response.header = &later;
        response.header_count = 1;
    }
    effect_reply_full(fx, r->exchange, &response);
    buf_release(&body);
}

void api_answer(struct request *r, Answer *answer, int64_t now_ms,
                struct effects *fx)
{
    keys_end(r, 200, answer, now_ms, fx);
    reply(r, 200, answer, fx);
    request_free(r);
}

static char *or_null(char *text)
{
    return *text ? text : NULL;
}

void api_refuse_with(struct request *r, int status, const struct err *err,
                     char **detail, size_t detail_count, int64_t now_ms,
                     struct effects *fx)
{
    Answer answer = PERIGEE__AURORA__ANSWER__INIT;
    Perigee__Aurora__Error error = PERIGEE__AURORA__ERROR__INIT;
    struct err copy = *err;

    (void)now_ms;
    r->p->refusals++;
    if (status == 0)
        status = api_status(err->code);
    error.code = status == 410 ? "GONE" : (char *)err_code_name(err->code);
    error.message = copy.text;
    error.field = or_null(copy.field);
    error.place = or_null(copy.place);
    error.hint = or_null(copy.hint);
    error.details = detail;
    error.n_details = detail_count;
    if (status == 410) {
        error.has_first_sequence = true;
        error.first_sequence = event_log_first(&r->p->core.events);
    }
    answer.error = &error;
    keys_forget(r);
    reply(r, status, &answer, fx);
    request_free(r);
}

void api_refuse(struct request *r, const struct err *err, int64_t now_ms,
                struct effects *fx)
{
    api_refuse_with(r, 0, err, NULL, 0, now_ms, fx);
}

/* --- the request --- */

static struct request *request_new(struct aurora_program *p,
                                   exchange_id exchange)
{
    struct request *r = xcalloc(1, sizeof *r);

    r->p = p;
    r->exchange = exchange;
    r->media = MEDIA_JSON;
    arena_init(&r->arena);
    return r;
}

struct request *request_of_get(struct aurora_program *p, exchange_id exchange,
                               const struct http_request *http)
{
    struct request *r = request_new(p, exchange);

    if (media_type_accepted(http_header(http, "Accept")) == MEDIA_PROTOBUF)
        r->media = MEDIA_PROTOBUF;
    r->call = arena_alloc(&r->arena, sizeof *r->call);
    perigee__aurora__call__init(r->call);
    return r;
}

/* Media types first, then the body. */
static int decode(struct request *r, const struct http_request *http,
                  int *status, struct err *err)
{
    enum media_type body = media_type_parse(http_header(http, "Content-Type"));
    enum media_type accepted = media_type_accepted(http_header(http, "Accept"));
    ProtobufCMessage *message;

    if (accepted == MEDIA_OTHER) {
        *status = 406;
        return err_set(err, ERR_INVALID,
                       "Accept: want application/json or "
                       "application/x-protobuf");
    }
    r->media = accepted;
    if (body != MEDIA_JSON && body != MEDIA_PROTOBUF) {
        *status = 415;
        return err_set(err, ERR_INVALID,
                       "Content-Type: want application/json "
                       "or application/x-protobuf");
    }
    int rc = codec_decode_strictly(&perigee__aurora__call__descriptor, "Call",
                                   body, http->body, &r->arena, &message, err);
    if (rc < 0) {
        *status = 400;
        return rc;
    }
    r->call = (Call *)message;
    return 0;
}

static int refuse_type(struct err *err)
{
    const ProtobufCEnumDescriptor *type =
        &perigee__aurora__call__type__descriptor;
    struct buf names = {0};

    for (unsigned i = 0; i < type->n_values; i++)
        if (type->values[i].value != 0)
            buf_addf(&names, names.size > 0 ? ", %s" : "%s",
                     type->values[i].name);
    (void)err_set(err, ERR_INVALID, "type: want one of %s", buf_text(&names));
    err_field(err, "type");
    buf_release(&names);
    return -ERR_INVALID;
}

static int find_route(const Call *call, const struct api_route **out,
                      struct err *err)
{
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++)
        if (call->has_type && ROUTES[i].type == call->type) {
            *out = &ROUTES[i];
            return 0;
        }
    return refuse_type(err);
}

/* Which field of a call is set. */
static bool has_field(const Call *call, const ProtobufCFieldDescriptor *field)
{
    return *(void *const *)((const char *)call + field->offset) != NULL;
}

/* A call holds what it is about, and nothing else. */
static int check_fields(const Call *call, const struct api_route *route,
                        struct err *err)
{
    const ProtobufCMessageDescriptor *type = call->base.descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool is_its_own =
            route->field != NULL && strcmp(field->name, route->field) == 0;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE ||
            has_field(call, field) == is_its_own ||
            (is_its_own && !(route->flags & API_NEEDS_FIELD)))
            continue;
        (void)err_set(err, ERR_INVALID,
                      is_its_own ? "%s: missing"
                                 : "%s: this call is not about it",
                      field->name);
        err_field(err, "%s", field->name);
        return -ERR_INVALID;
    }
    return 0;
}

static void note_key(struct request *r, const struct http_request *http)
{
    const char *key = http_header(http, "Idempotency-Key");

    if (!key)
        return;
    r->idempotency_key = arena_strdup(&r->arena, key);
    r->fingerprint = hash64(http->body, 0);
}

static void serve_post(struct request *r, const struct http_request *http,
                       int64_t now_ms, struct effects *fx)
{
    struct err err = {0};
    int status = 0;

    if (decode(r, http, &status, &err) < 0) {
        api_refuse_with(r, status, &err, NULL, 0, now_ms, fx);
        return;
    }
    const struct api_route *route;
    if (find_route(r->call, &route, &err) < 0 ||
        check_fields(r->call, route, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (route->flags & API_CHANGES) {
        note_key(r, http);
        int rc = r->idempotency_key ? keys_begin(r, now_ms, fx, &err) : 0;
        if (rc < 0)
            api_refuse(r, &err, now_ms, fx);
        if (rc != 0)
            return;
    }
    route->call(r, now_ms, fx);
}

static void refuse_method(struct aurora_program *p, exchange_id exchange,
                          const struct http_request *http, struct effects *fx)
{
    static const struct http_header allow = {"Allow", "POST"};
    static const char text[] = "want POST";
    struct http_response response = {.status = 405,
                                     .type = MEDIA_TEXT,
                                     .header = &allow,
                                     .header_count = 1,
                                     .body = bytes_of_text(text)};
    (void)http;
    p->refusals++;
    effect_reply_full(fx, exchange, &response);
}

void api_request(struct aurora_program *p, exchange_id exchange,
                 const struct http_request *http, int64_t now_ms,
                 struct effects *fx)
{
    p->requests++;
    if (strcmp(http->path, "/api/v1") != 0) {
        rest_request(p, exchange, http, now_ms, fx);
        return;
    }
    if (http->method != HTTP_POST) {
        refuse_method(p, exchange, http, fx);
        return;
    }
    serve_post(request_new(p, exchange), http, now_ms, fx);
}

void api_gone(struct aurora_program *p, exchange_id exchange)
{
    if (stream_gone(p, exchange))
        return;
    for (uint32_t i = 0; i < p->evaluating.count; i++)
        if (p->evaluating.item[i]->exchange == exchange)
            p->evaluating.item[i]->is_gone = true;
}
