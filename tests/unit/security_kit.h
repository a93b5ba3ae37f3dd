/* A scheduler with users, and requests in their names. */
#pragma once
#include "aurora_kit.h"

#include "aurora/api.h"
#include "sys/secret.h"

#include <strings.h>

enum { TEXT_MAX = 65536 };

static inline struct users *users_of_test(void)
{
    struct users *users = users_new();
    static const char *const names[] = {"alice", "bob", "root", "idle"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char token[64], hash[SECRET_HASH_MAX];
        struct user *user;
        struct rule rule = {0};
        assert_int_equal(users_add(users, names[i], &user, NULL), 0);
        snprintf(token, sizeof token, "token-of-%s", names[i]);
        secret_token_hash(token, hash);
        assert_int_equal(user_add_secret(user, SECRET_TOKEN, hash, NULL), 0);
        if (strcmp(names[i], "idle") == 0)
            continue;
        assert_int_equal(action_set_parse(&rule.actions, "*", NULL), 0);
        if (strcmp(names[i], "root") != 0)
            assert_int_equal(pattern_parse(&rule.part[1], names[i], NULL), 0);
        assert_int_equal(user_add_rule(user, &rule, NULL), 0);
    }
    struct user *pass;
    char hash[SECRET_HASH_MAX];
    struct err err = {0};
    assert_int_equal(users_add(users, "pass", &pass, NULL), 0);
    assert_int_equal(secret_hash_password("word", hash, &err), 0);
    assert_int_equal(user_add_secret(pass, SECRET_PASSWORD, hash, NULL), 0);
    assert_int_equal(user_add_secret(pass, SECRET_CERTIFICATE, "pass.cn", NULL),
                     0);
    assert_int_equal(users_seal(users, NULL), 0);
    return users;
}

static inline struct world *secure_world(void)
{
    struct world *w = world_new();
    struct os_users none = {0};

    aurora_program_set_security(w->p, users_of_test(), &none, "security.lua",
                                w->now_ms);
    return w;
}

/* --- asking --- */

static struct {
    int status;
    char text[TEXT_MAX], challenge[64];
    void *verify; /* work that waits */
    uint64_t ticket;
    bool is_stream;
} got;

static inline void take_answer(struct world *w)
{
    for (uint32_t i = 0; i < w->fx.count; i++) {
        struct effect *e = &w->fx.item[i];
        if (e->kind == EFFECT_ACT && e->act.kind == AURORA_ACT_VERIFY) {
            const struct aurora_verify *act = e->act.data;
            got.verify = act->work;
            got.ticket = act->ticket;
        }
        got.is_stream |= e->kind == EFFECT_STREAM;
        if (e->kind == EFFECT_STREAM)
            got.status = 200;
        if (e->kind != EFFECT_REPLY)
            continue;
        got.status = e->response.status;
        snprintf(got.text, sizeof got.text, "%.*s", (int)e->response.body.size,
                 (const char *)e->response.body.data);
        for (uint32_t k = 0; k < e->response.header_count; k++)
            if (strcasecmp(e->response.header[k].name, "WWW-Authenticate") == 0)
                snprintf(got.challenge, sizeof got.challenge, "%s",
                         e->response.header[k].value);
    }
}

static inline void send(struct world *w, enum http_method method,
                        const char *path, const char *authorization,
                        const char *certificate, const char *body)
{
    struct http_header header[3] = {{"Accept", "application/json"},
                                    {"Content-Type", "application/json"},
                                    {"Authorization", authorization}};
    struct http_request http = {.method = method,
                                .method_name = http_method_name(method),
                                .path = path,
                                .query = "",
                                .header = header,
                                .header_count = authorization ? 3 : 2,
                                .body = bytes_of_text(body),
                                .peer = "10.0.0.9:1234",
                                .certificate = certificate};

    memset(&got, 0, sizeof got);
    w->is_api = false;
    AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                              &w->fx);
    take_answer(w);
    look(w);
    pass(w, 0);
}

static inline void as(struct world *w, const char *user, const char *body)
{
    char authorization[80];

    snprintf(authorization, sizeof authorization, "Bearer token-of-%s", user);
    send(w, HTTP_POST, "/api/v1", user ? authorization : NULL, NULL, body);
}

static inline void get_as(struct world *w, const char *user, const char *path)
{
    char authorization[80];

    snprintf(authorization, sizeof authorization, "Bearer token-of-%s", user);
    send(w, HTTP_GET, path, authorization, NULL, "");
}

static inline void expect(int status, const char *part)
{
    if (got.status != status || (part && !strstr(got.text, part)))
        fail_msg("want %d with '%s', got %d: %s", status, part ? part : "",
                 got.status, got.text);
}

static inline const char *job(const char *role, const char *name)
{
    static char text[1024];

    snprintf(text, sizeof text,
             "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{"
             "\"cluster\":\"devcluster\",\"role\":\"%s\","
             "\"environment\":\"devel\",\"name\":\"%s\",\"instances\":2,"
             "\"task\":{\"name\":\"t\",\"processes\":[{\"name\":\"p\","
             "\"cmdline\":\"sleep 1\"}],\"resources\":{\"cpu_milli\":1000,"
             "\"ram_bytes\":67108864,\"disk_bytes\":67108864}}}}}",
             role, name);
    return text;
}

/* A call of the route's type about that job of alice's. */
static inline const char *call_of(const struct api_route *route,
                                  const char *name)
{
    static char text[2048];
    const ProtobufCEnumValue *type = protobuf_c_enum_descriptor_get_value(
        &perigee__aurora__call__type__descriptor, (int)route->type);
    const ProtobufCFieldDescriptor *field =
        route->field ? protobuf_c_message_descriptor_get_field_by_name(
                           &perigee__aurora__call__descriptor, route->field)
                     : NULL;
    const ProtobufCMessageDescriptor *part = field ? field->descriptor : NULL;
    const char *key =
        part && protobuf_c_message_descriptor_get_field_by_name(part, "key")
            ? "\"key\":{\"cluster\":\"devcluster\",\"role\":\"alice\","
              "\"environment\":\"devel\",\"name\":\"%s\"}"
            : "";
    const char *role =
        part && route->object == ON_ROLE &&
                protobuf_c_message_descriptor_get_field_by_name(part, "role")
            ? "\"role\":\"alice\""
            : "";
    char inside[512];

    snprintf(inside, sizeof inside,
             "\"key\":{\"cluster\":\"devcluster\",\"role\":\"alice\","
             "\"environment\":\"devel\",\"name\":\"%s\"}",
             name);
    if (!field)
        snprintf(text, sizeof text, "{\"type\":\"%s\"}", type->name);
    else
        snprintf(text, sizeof text, "{\"type\":\"%s\",\"%s\":{%s}}", type->name,
                 route->field, *key ? inside : role);
    return text;
}

static inline void replace(char *text, const char *from, const char *to)
{
    static char out[TEXT_MAX];
    char *at;

    while ((at = strstr(text, from))) {
        snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to,
                 at + strlen(from));
        memcpy(text, out, sizeof out);
    }
}

static inline int audited(struct world *w, const char *body_part)
{
    char body[512];
    int count = 0;

    snprintf(body, sizeof body,
             "{\"type\":\"LIST_AUDIT\",\"audit\":{\"limit\":2000%s}}",
             body_part);
    as(w, "root", body);
    expect(200, "");
    for (const char *at = got.text; (at = strstr(at, "\"number\"")); at++)
        count++;
    return count;
}
