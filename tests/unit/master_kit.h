/* A master program in a glass box: requests go in, effects come out, time is a
 * number, the store is a list. Records are kept per stream and read in order.
 * Every step is followed by the program's own check of its state. */
#pragma once
#include "master/program.h"
#include "wire/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct kit_record {
    exchange_id exchange;
    char *text;
    size_t size;
    bool is_read;
};
struct kit_stored {
    char *table, *key;
    struct blob *value;
};
struct kit_agent {
    exchange_id stream;
    char id[128];
    char epoch[32];
    int port;
};
struct kit {
    struct master_options options;
    struct master_program *p;
    struct effects fx;
    int64_t now_ms;
    exchange_id last;
    VEC(struct kit_record) records;
    VEC(struct kit_stored) stored;
    VEC(exchange_id) closed;
    VEC(struct kit_agent) agents;  /* that answer pings */
    bool is_deaf;                  /* they do not */
    const char *principal;         /* who asks; NULL: nobody */
    uint32_t heard;                /* records looked at for pings */
    int status;                    /* of the last reply or stream head */
    char *body;                    /* of the last reply */
    char stream_id[64];            /* of the last stream head */
    char *last_words;              /* the same, for a reader too slow */
    char allow[64], location[256]; /* headers of the last reply */
};

/* --- effects --- */

static inline void kit_store(struct kit *k, const struct effect *e)
{
    char *key =
        xstrndup((const char *)e->persist.key.data, e->persist.key.size);
    for (uint32_t i = 0; i < k->stored.count; i++) {
        struct kit_stored *s = &k->stored.item[i];
        if (strcmp(s->table, e->persist.table) != 0 || strcmp(s->key, key) != 0)
            continue;
        free(s->table);
        free(s->key);
        blob_unref(s->value);
        vec_remove(&k->stored, i);
        break;
    }
    if (e->bytes.data)
        *vec_add(&k->stored) = (struct kit_stored){xstrdup(e->persist.table),
                                                   key, blob_new(e->bytes)};
    else
        free(key);
}

static inline void kit_headers(struct kit *k, const struct http_response *r)
{
    k->stream_id[0] = k->allow[0] = k->location[0] = '\0';
    for (uint32_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->header[i];
        if (strcmp(h->name, "Mesos-Stream-Id") == 0)
            snprintf(k->stream_id, sizeof k->stream_id, "%s", h->value);
        if (strcmp(h->name, "Allow") == 0)
            snprintf(k->allow, sizeof k->allow, "%s", h->value);
        if (strcmp(h->name, "Location") == 0)
            snprintf(k->location, sizeof k->location, "%s", h->value);
    }
}

static inline void kit_take(struct kit *k, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_PERSIST:
        kit_store(k, e);
        break;
    case EFFECT_REPLY:
        k->status = e->response.status;
        free(k->body);
        k->body = xstrndup(
            e->response.body.data ? (const char *)e->response.body.data : "",
            e->response.body.size);
        kit_headers(k, &e->response);
        break;
    case EFFECT_STREAM:
        k->status = e->response.status;
        free(k->last_words);
        k->last_words = xstrndup((const char *)e->response.body.data,
                                 e->response.body.size);
        kit_headers(k, &e->response);
        break;
    case EFFECT_RECORD:
        *vec_add(&k->records) =
            (struct kit_record){.exchange = e->exchange,
                                .text = memcpy(xcalloc(1, e->bytes.size + 1),
                                               e->bytes.data, e->bytes.size),
                                .size = e->bytes.size};
        break;
    case EFFECT_CLOSE:
        *vec_add(&k->closed) = e->exchange;
        break;
    default:
        break;
    }
}

static inline void kit_settle(struct kit *k)
{
    for (uint32_t i = 0; i < k->fx.count; i++)
        kit_take(k, &k->fx.item[i]);
    effects_clear(&k->fx);
    MASTER_PROGRAM.check(k->p);
}

/* Everything that is due now. */
static inline void kit_run(struct kit *k)
{
    kit_settle(k);
    while (MASTER_PROGRAM.next_ms(k->p) <= k->now_ms) {
        MASTER_PROGRAM.on_time(k->p, k->now_ms, &k->fx);
        kit_settle(k);
    }
}

static inline void kit_pong(struct kit *k);

/* Let time pass, deadline by deadline. */
static inline void kit_wait(struct kit *k, int64_t ms)
{
    int64_t end_ms = k->now_ms + ms;
    for (;;) {
        int64_t next_ms = MASTER_PROGRAM.next_ms(k->p);
        if (next_ms > end_ms)
            break;
        if (next_ms > k->now_ms)
            k->now_ms = next_ms;
        kit_run(k);
        kit_pong(k);
    }
    k->now_ms = end_ms;
}

/* --- beginning and ending --- */

static inline void kit_start(struct kit *k)
{
    assert_int_equal(master_options_check(&k->options, NULL), 0);
    k->p = master_program_new(&k->options);
    for (uint32_t i = 0; i < k->stored.count; i++) {
        struct kit_stored *s = &k->stored.item[i];
        assert_int_equal(MASTER_PROGRAM.on_stored(k->p, s->table,
                                                  bytes_of_text(s->key),
                                                  blob_bytes(s->value), NULL),
                         0);
    }
    MASTER_PROGRAM.on_start(k->p, k->now_ms, &k->fx);
    kit_run(k);
}

static inline int kit_set_up(void **state)
{
    struct kit *k = xcalloc(1, sizeof *k);
    effects_init(&k->fx);
    master_options_init(&k->options);
    k->options.core.seed = 42;
    k->now_ms = 1700000000000;
    kit_start(k);
    *state = k;
    return 0;
}

static inline void kit_forget_records(struct kit *k)
{
    for (uint32_t i = 0; i < k->records.count; i++)
        free(k->records.item[i].text);
    k->records.count = 0;
    k->closed.count = 0;
    k->agents.count = 0;
    k->heard = 0;
}

/* Drop the older half of what was recorded. */
static inline void kit_trim(struct kit *k)
{
    uint32_t gone = k->records.count / 2;
    for (uint32_t i = 0; i < gone; i++)
        free(k->records.item[i].text);
    k->records.count -= gone;
    memmove(k->records.item, k->records.item + gone,
            k->records.count * sizeof *k->records.item);
    k->heard = k->heard > gone ? k->heard - gone : 0;
}

/* kill -9 and start again: only the store survives. */
static inline void kit_restart(struct kit *k)
{
    master_program_free(k->p);
    kit_forget_records(k);
    kit_start(k);
}

static inline int kit_tear_down(void **state)
{
    struct kit *k = *state;
    master_program_free(k->p);
    effects_release(&k->fx);
    kit_forget_records(k);
    vec_free(&k->records);
    vec_free(&k->closed);
    vec_free(&k->agents);
    for (uint32_t i = 0; i < k->stored.count; i++) {
        free(k->stored.item[i].table);
        free(k->stored.item[i].key);
        blob_unref(k->stored.item[i].value);
    }
    vec_free(&k->stored);
    free(k->body);
    free(k->last_words);
    free(k);
    return 0;
}

/* --- requests --- */

/* headers: "Name: value" texts, NULL at the end. Returns the exchange. */
static inline exchange_id kit_request(struct kit *k, const char *method,
                                      const char *path, const char *body,
                                      const char *const *header)
{
    static const char *const NAME[] = {"GET",    "POST", "PUT",
                                       "DELETE", "HEAD", "OPTIONS"};
    struct http_header headers[8];
    char name[8][64];
    struct http_request request = {.method = HTTP_OTHER,
                                   .method_name = method,
                                   .path = path,
                                   .query = "",
                                   .header = headers,
                                   .body = bytes_of_text(body),
                                   .peer = "127.0.0.1:1",
                                   .principal = k->principal};
    for (int i = 0; i < 6; i++)
        if (strcmp(NAME[i], method) == 0)
            request.method = (enum http_method)i;
    for (uint32_t i = 0; header[i]; i++) {
        size_t size = strcspn(header[i], ":");
        snprintf(name[i], sizeof name[i], "%.*s", (int)size, header[i]);
        headers[i] = (struct http_header){name[i], header[i] + size + 2};
        request.header_count++;
    }
    k->status = 0;
    MASTER_PROGRAM.on_request(k->p, ++k->last, &request, k->now_ms, &k->fx);
    kit_run(k);
    return k->last;
}

static inline exchange_id kit_post(struct kit *k, const char *path,
                                   const char *stream_id, const char *body)
{
    char stream_header[128];
    const char *const header[] = {"Content-Type: application/json",
                                  "Accept: application/json",
                                  stream_id ? stream_header : NULL, NULL};
    snprintf(stream_header, sizeof stream_header, "Mesos-Stream-Id: %s",
             stream_id ? stream_id : "");
    return kit_request(k, "POST", path, body, header);
}

static inline void kit_get(struct kit *k, const char *path)
{
    const char *const header[] = {"Accept: application/json", NULL};
    (void)kit_request(k, "GET", path, "", header);
}

static inline void kit_hang_up(struct kit *k, exchange_id exchange)
{
    MASTER_PROGRAM.on_gone(k->p, exchange, k->now_ms, &k->fx);
    kit_run(k);
}

static inline bool kit_is_closed(const struct kit *k, exchange_id exchange)
{
    for (uint32_t i = 0; i < k->closed.count; i++)
        if (k->closed.item[i] == exchange)
            return true;
    return false;
}

/* --- records --- */

static inline struct kit_record *kit_unread(struct kit *k, exchange_id exchange)
{
    for (uint32_t i = 0; i < k->records.count; i++)
        if (k->records.item[i].exchange == exchange &&
            !k->records.item[i].is_read)
            return &k->records.item[i];
    return NULL;
}

/* The next record of the stream that is no heartbeat or ping; it has to hold
 * `part`. */
static inline const char *kit_next(struct kit *k, exchange_id exchange,
                                   const char *part)
{
    struct kit_record *record;
    while ((record = kit_unread(k, exchange))) {
        record->is_read = true;
        if (strcmp(record->text, "{\"type\":\"HEARTBEAT\"}") == 0 ||
            strcmp(record->text, "{\"type\":\"PING\"}") == 0)
            continue;
        if (!strstr(record->text, part))
            fail_msg("want a record with\n  %s\nhave\n  %s", part,
                     record->text);
        return record->text;
    }
    fail_msg("no record with %s", part);
    return "";
}

static inline void kit_nothing(struct kit *k, exchange_id exchange)
{
    struct kit_record *record;
    while ((record = kit_unread(k, exchange))) {
        record->is_read = true;
        if (strcmp(record->text, "{\"type\":\"HEARTBEAT\"}") != 0 &&
            strcmp(record->text, "{\"type\":\"PING\"}") != 0)
            fail_msg("want no record, have\n  %s", record->text);
    }
}

static inline uint32_t kit_count(const struct kit *k, exchange_id exchange,
                                 const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < k->records.count; i++)
        count += k->records.item[i].exchange == exchange &&
                 strcmp(k->records.item[i].text, text) == 0;
    return count;
}

/* What stands between `before` and the next quote. */
static inline char *kit_pick(const char *text, const char *before, char *out,
                             size_t size)
{
    const char *at = strstr(text, before);
    if (!at) {
        fail_msg("no %s in\n  %s", before, text);
        return out;
    }
    at += strlen(before);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    return out;
}

/* --- people on the wire --- */

struct kit_framework {
    exchange_id stream;
    char stream_id[64];
    char id[128];
};

/* `info`: members of FrameworkInfo besides user and name, e.g.
 * ",\"checkpoint\":true"; `more`: members of subscribe. */
static inline struct kit_framework kit_subscribe(struct kit *k,
                                                 const char *info,
                                                 const char *more)
{
    struct kit_framework f = {0};
    char body[2048];
    snprintf(body, sizeof body,
             "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{"
             "\"user\":\"root\",\"name\":\"rec\"%s}%s}}",
             info, more);
    f.stream = kit_post(k, "/api/v1/scheduler", NULL, body);
    assert_int_equal(k->status, 200);
    snprintf(f.stream_id, sizeof f.stream_id, "%s", k->stream_id);
    const char *text = kit_next(k, f.stream, "\"type\":\"SUBSCRIBED\"");
    kit_pick(text, "\"framework_id\":{\"value\":\"", f.id, sizeof f.id);
    return f;
}

/* The same framework again; `info` as before. */
static inline struct kit_framework kit_resubscribe(
    struct kit *k, const struct kit_framework *old, const char *info)
{
    struct kit_framework f = *old;
    char body[2048];
    snprintf(body, sizeof body,
             "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"%s\"},"
             "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":"
             "\"rec\",\"id\":{\"value\":\"%s\"}%s}}}",
             old->id, old->id, info);
    f.stream = kit_post(k, "/api/v1/scheduler", NULL, body);
    assert_int_equal(k->status, 200);
    snprintf(f.stream_id, sizeof f.stream_id, "%s", k->stream_id);
    return f;
}

/* A call of a framework: `rest` follows the framework_id. */
static inline void kit_call(struct kit *k, const struct kit_framework *f,
                            const char *type, const char *rest)
{
    struct buf body = {0};
    buf_addf(&body, "{\"framework_id\":{\"value\":\"%s\"},\"type\":\"%s\"%s}",
             f->id, type, rest);
    (void)kit_post(k, "/api/v1/scheduler", f->stream_id, buf_text(&body));
    buf_release(&body);
}

static inline const char *kit_resources(void)
{
    return "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}},"
           "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4096}}"
           ",{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":8192"
           "}},{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":"
           "[{\"begin\":31000,\"end\":31999}]}}]";
}

/* `more`: further members of subscribe (frameworks, executors, tasks). */
static inline void kit_agent_subscribe(struct kit *k, struct kit_agent *agent,
                                       const char *more)
{
    struct buf body = {0};
    buf_addf(&body,
             "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"agent_info\":{"
             "\"hostname\":\"localhost\",\"resources\":%s",
             kit_resources());
    if (agent->id[0])
        buf_addf(&body, ",\"id\":{\"value\":\"%s\"}", agent->id);
    buf_addf(&body,
             "},\"version\":\"1.12.0\",\"endpoint\":\"127.0.0.1:%d\"%s}}",
             agent->port, more);
    agent->stream = kit_post(k, "/api/v1/agent", NULL, buf_text(&body));
    buf_release(&body);
    assert_int_equal(k->status, 200);
    const char *text = kit_next(k, agent->stream, "\"type\":\"SUBSCRIBED\"");
    kit_pick(text, "\"agent_id\":{\"value\":\"", agent->id, sizeof agent->id);
    const char *epoch = strstr(text, "\"epoch\":") + 8;
    snprintf(agent->epoch, sizeof agent->epoch, "%.*s",
             (int)strspn(epoch, "0123456789"), epoch);
    *vec_add(&k->agents) = *agent;
}

static inline struct kit_agent kit_new_agent(struct kit *k, int port)
{
    struct kit_agent agent = {.port = port};
    kit_agent_subscribe(k, &agent, "");
    return agent;
}

static inline void kit_report(struct kit *k, const struct kit_agent *agent,
                              const char *type, const char *rest)
{
    struct buf body = {0};
    buf_addf(&body,
             "{\"type\":\"%s\",\"agent_id\":{\"value\":\"%s\"},\"epoch\":%s%s}",
             type, agent->id, agent->epoch, rest);
    (void)kit_post(k, "/api/v1/agent", NULL, buf_text(&body));
    buf_release(&body);
}

/* Answer what came since the last time, as agents do. */
static inline void kit_pong(struct kit *k)
{
    for (; k->heard < k->records.count; k->heard++) {
        const struct kit_record *record = &k->records.item[k->heard];
        if (k->is_deaf || strcmp(record->text, "{\"type\":\"PING\"}") != 0)
            continue;
        for (uint32_t i = 0; i < k->agents.count; i++) {
            struct kit_agent agent = k->agents.item[i];
            if (agent.stream == record->exchange)
                kit_report(k, &agent, "PONG", "");
        }
    }
}

/* `uuid` is one letter, repeated to 16 bytes ("A" is "QUFB..."). */
static inline const char *kit_uuid(char letter, char out[32])
{
    static const char DIGIT[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t raw[18] = {0};
    memset(raw, letter, 16);
    for (int i = 0; i < 6; i++) {
        uint32_t v = (uint32_t)raw[3 * i] << 16 |
                     (uint32_t)raw[3 * i + 1] << 8 | raw[3 * i + 2];
        for (int d = 0; d < 4; d++)
            out[4 * i + d] = DIGIT[v >> (18 - 6 * d) & 63];
    }
    out[22] = out[23] = '=';
    out[24] = '\0';
    return out;
}

static inline void kit_update(struct kit *k, const struct kit_agent *agent,
                              const struct kit_framework *f,
                              const char *task_id, const char *task_state,
                              char uuid)
{
    char rest[1024], text[32];
    snprintf(rest, sizeof rest,
             ",\"update\":{\"framework_id\":{\"value\":\"%s\"},\"status\":{"
             "\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\",\"source\":"
             "\"SOURCE_EXECUTOR\",\"agent_id\":{\"value\":\"%s\"},"
             "\"executor_id\":{\"value\":\"%s\"},\"timestamp\":1700000000.5,"
             "\"uuid\":\"%s\"},\"latest_state\":\"%s\"}",
             f->id, task_id, task_state, agent->id, task_id,
             kit_uuid(uuid, text), task_state);
    kit_report(k, agent, "UPDATE", rest);
    assert_int_equal(k->status, 202);
}

static inline void kit_acknowledge(struct kit *k, const struct kit_framework *f,
                                   const struct kit_agent *agent,
                                   const char *task_id, char uuid)
{
    char rest[512], text[32];
    snprintf(rest, sizeof rest,
             ",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{"
             "\"value\":\"%s\"},\"uuid\":\"%s\"}",
             agent->id, task_id, kit_uuid(uuid, text));
    kit_call(k, f, "ACKNOWLEDGE", rest);
    assert_int_equal(k->status, 202);
}

/* A task of 0.1 cpus and 32 MB; `what`: its command or executor. */
static inline char *kit_task(char *out, size_t size, const char *id,
                             const char *agent_id, const char *what)
{
    snprintf(out, size,
             "{\"name\":\"%s\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{"
             "\"value\":\"%s\"},\"resources\":[{\"name\":\"cpus\",\"type\":"
             "\"SCALAR\",\"scalar\":{\"value\":0.1}},{\"name\":\"mem\","
             "\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}],%s}",
             id, id, agent_id, what);
    return out;
}

/* ACCEPT of one offer with LAUNCH of `tasks` (a list without brackets). */
static inline void kit_launch(struct kit *k, const struct kit_framework *f,
                              const char *offer_id, const char *tasks,
                              const char *filters)
{
    struct buf rest = {0};
    buf_addf(&rest,
             ",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":["
             "{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[%s]}}]%s}",
             offer_id, tasks, filters);
    kit_call(k, f, "ACCEPT", buf_text(&rest));
    buf_release(&rest);
    assert_int_equal(k->status, 202);
}

/* The next record must be one offer; its id. */
static inline char *kit_offer(struct kit *k, const struct kit_framework *f,
                              char *out, size_t size)
{
    return kit_pick(kit_next(k, f->stream, "\"type\":\"OFFERS\""),
                    "\"offers\":[{\"id\":{\"value\":\"", out, size);
}
