/* POST /api/v1: one Call in, one Answer out (or a stream). */
#include "aurora/api.h"
#include "aurora/security.h"
#include "aurora/user_limits.h"

#include "wire/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__Call Call;

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
    case ERR_QUOTA:
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
    body_release(&r->body);
    users_unref(r->users);
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

/* Is the tag, or "*", in the list? A weak one is as good as ours: equal bytes
 * is what we promise. */
static bool has_tag(const char *list, const char *tag)
{
    size_t size = strlen(tag);

    for (const char *at = list; at && *at;) {
        at += strspn(at, " \t,");
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t length = strcspn(at, " \t,");
        if ((length == 1 && *at == '*') ||
            (length == size && strncmp(at, tag, size) == 0))
            return true;
        at += length;
    }
    return false;
}

static void reply_bytes(struct request *r, int status, enum media_type type,
                        struct bytes body, struct effects *fx)
{
    struct http_response response = {.status = status, .type = type};
    struct http_header header[4];
    char tag[24];

    if (r->is_gone)
        return;
    response.header = header;
    response.body = body;
    if (status == 429 || status == 503)
        header[response.header_count++] =
            (struct http_header){"Retry-After", "1"};
    if (status == 401) {
        header[response.header_count++] = (struct http_header){
            "WWW-Authenticate", "Basic realm=\"perigee\", charset=\"UTF-8\""};
        header[response.header_count++] =
            (struct http_header){"WWW-Authenticate", "Bearer"};
    }
    if (r->is_get && status == 200) {
        snprintf(tag, sizeof tag, "\"%016llx\"",
                 (unsigned long long)hash64(body, (uint64_t)type));
        header[response.header_count++] = (struct http_header){"ETag", tag};
        if (has_tag(r->if_none_match, tag)) {
            response.status = 304;
            response.type = MEDIA_NONE;
            response.body = bytes_of("", 0);
        }
    }
    effect_reply_full(fx, r->exchange, &response);
}

void api_answer_ready(struct request *r, enum media_type type,
                      struct bytes body, struct effects *fx)
{
    reply_bytes(r, 200, type, body, fx);
    request_free(r);
}

static void reply(struct request *r, int status, const Answer *answer,
                  struct effects *fx)
{
    struct buf body = {0};

    if (r->is_gone)
        return;
    codec_encode(&answer->base, r->media, &body);
    reply_bytes(r, status, r->media, buf_bytes(&body), fx);
    buf_release(&body);
}

void api_answer(struct request *r, Answer *answer, int64_t now_ms,
                struct effects *fx)
{
    security_hide_relatives(r, answer);
    keys_end(r, 200, answer, now_ms, fx);
    audit_request(r, "OK", NULL, fx);
    reply(r, 200, answer, fx);
    request_free(r);
}

static char *or_null(char *text)
{
    return *text ? text : NULL;
}

/* Which field of a call is set. */
static bool has_field(const Call *call, const ProtobufCFieldDescriptor *field)
{
    return *(void *const *)((const char *)call + field->offset) != NULL;
}

/* Is the call about the job that its `key` names? */
static bool names_job(const Call *call)
{
    const ProtobufCMessageDescriptor *type = call->base.descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && has_field(call, field))
            return protobuf_c_message_descriptor_get_field_by_name(
                       field->descriptor, "key") != NULL;
    }
    return false;
}

/* What is to blame when nobody says so. */
static const char *usual_field(const Call *call, enum err_code code)
{
    if (call->get_bundle && code == ERR_NOT_FOUND)
        return "sha256";
    if (call->put_asset)
        return code == ERR_LIMIT ? "content" : "sha256";
    if (call->create_job)
        return code == ERR_INVALID ? "bundle" : "";
    return code == ERR_NOT_FOUND && names_job(call) ? "key" : "";
}

/* Those who refuse say the field as they know it: of the job, of the part of
 * the call. The client is told its path in the call that it sent; of a GET, the
 * name of the parameter. */
static char *field_path(struct request *r, const struct err *err)
{
    const Perigee__Aurora__Call__CreateJob *create = r->call->create_job;
    const char *part = r->route ? r->route->field : NULL;
    const char *field = err->field;
    size_t size = part ? strlen(part) : 0;

    if (*field == '\0')
        field = usual_field(r->call, err->code);
    if (r->is_get) {
        const char *dot = strchr(field, '.');
        return or_null(arena_strdup(&r->arena, dot ? dot + 1 : field));
    }
    if (!part || *field == '\0' ||
        (strncmp(field, part, size) == 0 &&
         (field[size] == '.' || field[size] == '\0')))
        return or_null(arena_strdup(&r->arena, field));
    bool is_of_call =
        strcmp(field, "key") == 0 || strncmp(field, "key.", 4) == 0;
    is_of_call |= strcmp(field, "bundle") == 0;
    if (create && !is_of_call && create->bundle.len > 0)
        return arena_strdup(&r->arena, field); /* of the job in the file */
    return arena_printf(&r->arena, "%s.%s%s", part,
                        create && !is_of_call && create->job ? "job." : "",
                        field);
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
    error.field = field_path(r, err);
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
    audit_request(r, error.code, copy.text, fx);
    reply(r, status, &answer, fx);
    request_free(r);
}

void api_refuse(struct request *r, const struct err *err, int64_t now_ms,
                struct effects *fx)
{
    char **detail = NULL;
    size_t count = err->code == ERR_QUOTA ? api_quota_lines(r, &detail) : 0;

    api_refuse_with(r, 0, err, detail, count, now_ms, fx);
}

/* --- the request --- */

static struct request *request_new(struct aurora_program *p,
                                   exchange_id exchange)
{
    struct request *r = xcalloc(1, sizeof *r);
    const struct caller *caller = &p->sign_in.caller;

    r->p = p;
    r->exchange = exchange;
    r->media = MEDIA_JSON;
    arena_init(&r->arena);
    r->call = arena_alloc(&r->arena, sizeof *r->call);
    perigee__aurora__call__init(r->call);
    arena_init(&r->body.arena);
    r->users = p->sign_in.users ? users_ref(p->sign_in.users) : NULL;
    r->user = caller->user;
    r->secret = caller->secret;
    r->peer = arena_strdup(&r->arena, caller->peer ? caller->peer : "");
    return r;
}

static int check_accept(struct request *r, const struct http_request *http,
                        int *status, struct err *err)
{
    enum media_type accepted = media_type_accepted(http_header(http, "Accept"));

    if (accepted != MEDIA_OTHER) {
        r->media = accepted;
        return 0;
    }
    *status = 406;
    return err_set(err, ERR_UNSUPPORTED,
                   "Accept: want application/json or application/x-protobuf");
}

struct request *request_of_get(struct aurora_program *p, exchange_id exchange,
                               const struct http_request *http,
                               struct effects *fx)
{
    struct request *r = request_new(p, exchange);
    const char *tag = http_header(http, "If-None-Match");
    struct err err = {0};
    int status;

    r->is_get = true;
    if (check_accept(r, http, &status, &err) < 0) {
        api_refuse_with(r, status, &err, NULL, 0, 0, fx);
        return NULL;
    }
    if (tag)
        r->if_none_match = arena_strdup(&r->arena, tag);
    return r;
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

static const struct api_route *find_route(const Call *call, struct err *err)
{
    const struct api_route *route =
        call->has_type ? api_route(call->type) : NULL;

    if (!route)
        (void)refuse_type(err);
    return route;
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

/* The body was read. */
static void serve_call(struct request *r, int64_t now_ms, struct effects *fx)
{
    struct err err = r->body.refusal;

    if (err.code) {
        api_refuse_with(r, err.code == ERR_LIMIT ? 413 : 400, &err, NULL, 0,
                        now_ms, fx);
        return;
    }
    const struct api_route *route = find_route(r->call, &err);
    if (!route || check_fields(r->call, route, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    r->route = route;
    if (security_check_rules(r, &err) < 0 || security_permit(r, &err) < 0 ||
        user_limits_check_bytes(r, &err) < 0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    if (route->flags & API_CHANGES) {
        r->idempotency_key = keys_of(r);
        int rc = r->idempotency_key ? keys_begin(r, now_ms, fx, &err) : 0;
        if (rc < 0)
            api_refuse(r, &err, now_ms, fx);
        if (rc != 0)
            return;
    }
    struct aurora_program *p = r->p;
    security_look_as(p, r);
    r->route->call(r, now_ms, fx); /* it may be gone then */
    security_look_as(p, NULL);
}

void api_perform(struct request *r, Perigee__Aurora__Call__Type type,
                 int64_t now_ms, struct effects *fx)
{
    struct err err = {0};

    r->route = api_route(type);
    if (security_permit(r, &err) < 0)
        api_refuse(r, &err, now_ms, fx);
    else
        r->route->call(r, now_ms, fx);
}

static void serve_post(struct request *r, const struct http_request *http,
                       int64_t now_ms, struct effects *fx)
{
    const char *key = http_header(http, "Idempotency-Key");
    struct err err = {0};
    int status = 0;

    r->given_key = key ? arena_strdup(&r->arena, key) : NULL;
    int rc = check_accept(r, http, &status, &err);
    if (rc == 0)
        rc = body_media(r, http, &status, &err);
    if (rc == 0)
        rc = body_read(r, http->body, now_ms, fx, &err);
    if (rc < 0)
        api_refuse_with(r, status, &err, NULL, 0, now_ms, fx);
    else if (rc == 0)
        serve_call(r, now_ms, fx);
}

void api_decoded(struct aurora_program *p, const struct aurora_decoded *fact,
                 int64_t now_ms, struct effects *fx)
{
    struct request *r = body_done(p, fact->ticket);

    if (r)
        serve_call(r, now_ms, fx);
}

void api_refuse_method(struct aurora_program *p, exchange_id exchange,
                       const char *wanted, struct effects *fx)
{
    const struct http_header allow = {"Allow", wanted};
    Answer answer = PERIGEE__AURORA__ANSWER__INIT;
    Perigee__Aurora__Error error = PERIGEE__AURORA__ERROR__INIT;
    struct http_response response = {
        .status = 405, .type = MEDIA_JSON, .header = &allow, .header_count = 1};
    struct buf body = {0};

    p->refusals++;
    error.code = (char *)err_code_name(ERR_UNSUPPORTED);
    error.message = arena_printf(&fx->arena, "method: want %s", wanted);
    answer.error = &error;
    codec_encode(&answer.base, MEDIA_JSON, &body);
    response.body = buf_bytes(&body);
    effect_reply_full(fx, exchange, &response);
    buf_release(&body);
}

/* Who checks our health and who fetches assets is not counted: the one must
 * not be refused, the others start with their tasks, all at once. */
static bool is_counted(const char *path)
{
    return strcmp(path, "/health") != 0 && strncmp(path, "/assets/", 8) != 0;
}

/* Nobody is asked who they are, or not for this. */
static void serve_open(struct aurora_program *p, exchange_id exchange,
                       const struct http_request *http, int64_t now_ms,
                       struct effects *fx)
{
    p->sign_in.caller = (struct caller){.peer = http->peer};
    api_serve(p, exchange, http, now_ms, fx);
    p->sign_in.caller = (struct caller){0};
}

void api_refuse_early(struct aurora_program *p, exchange_id exchange,
                      int status, const struct err *err, int64_t now_ms,
                      struct effects *fx)
{
    api_refuse_with(request_new(p, exchange), status, err, NULL, 0, now_ms, fx);
}

void api_request(struct aurora_program *p, exchange_id exchange,
                 const struct http_request *http, int64_t now_ms,
                 struct effects *fx)
{
    struct err err = {0};

    p->requests++;
    if (is_counted(http->path) && rate_take(p, http->peer, now_ms, &err) < 0)
        api_refuse_early(p, exchange, 429, &err, now_ms, fx);
    else if (p->sign_in.users && !rest_is_public(p, http, &fx->arena))
        sign_in_request(p, exchange, http, now_ms, fx);
    else
        serve_open(p, exchange, http, now_ms, fx);
}

void api_serve(struct aurora_program *p, exchange_id exchange,
               const struct http_request *http, int64_t now_ms,
               struct effects *fx)
{
    if (strcmp(http->path, "/api/v1") != 0) {
        rest_request(p, exchange, http, now_ms, fx);
        return;
    }
    if (http->method != HTTP_POST) {
        api_refuse_method(p, exchange, "POST", fx);
        return;
    }
    serve_post(request_new(p, exchange), http, now_ms, fx);
}

void api_gone(struct aurora_program *p, exchange_id exchange)
{
    if (stream_gone(p, exchange) || backups_gone(p, exchange) ||
        sign_in_gone(p, exchange))
        return;
    for (uint32_t i = 0; i < p->decoding.count; i++)
        if (p->decoding.item[i]->exchange == exchange)
            p->decoding.item[i]->is_gone = true;
    for (uint32_t i = 0; i < p->evaluating.count; i++)
        if (p->evaluating.item[i]->exchange == exchange)
            p->evaluating.item[i]->is_gone = true;
    judgings_gone(p, exchange);
}
