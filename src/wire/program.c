#include "wire/program.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void effects_init(struct effects *fx)
{
    *fx = (struct effects){0};
    arena_init(&fx->arena);
}

void effects_release(struct effects *fx)
{
    arena_release(&fx->arena);
    vec_free(fx);
}

void effects_clear(struct effects *fx)
{
    arena_clear(&fx->arena);
    fx->count = 0;
}

static struct effect *effect_new(struct effects *fx, enum effect_kind kind,
                                 exchange_id exchange)
{
    struct effect *effect = vec_add(fx);
    *effect = (struct effect){.kind = kind, .exchange = exchange};
    return effect;
}

/* An empty value is not an absent one: data stays non-NULL. */
static struct bytes keep_bytes(struct effects *fx, struct bytes bytes)
{
    if (!bytes.size)
        return (struct bytes){(const uint8_t *)"", 0};
    return (struct bytes){arena_memdup(&fx->arena, bytes.data, bytes.size),
                          bytes.size};
}

static const struct http_header *keep_headers(struct effects *fx,
                                              const struct http_header *header,
                                              uint32_t count)
{
    if (!count)
        return NULL;
    struct http_header *kept =
        arena_alloc(&fx->arena, count * sizeof(struct http_header));
    for (uint32_t i = 0; i < count; i++) {
        kept[i].name = arena_strdup(&fx->arena, header[i].name);
        kept[i].value = arena_strdup(&fx->arena, header[i].value);
    }
    return kept;
}

static void persist(struct effects *fx, const char *table, struct bytes key,
                    struct bytes value)
{
    struct effect *effect = effect_new(fx, EFFECT_PERSIST, 0);
    effect->persist.table = table;
    effect->persist.key = keep_bytes(fx, key);
    effect->bytes = value;
}

void effect_persist(struct effects *fx, const char *table, struct bytes key,
                    struct bytes value)
{
    persist(fx, table, key, keep_bytes(fx, value));
}

void effect_persist_kept(struct effects *fx, const char *table,
                         struct bytes key, struct bytes value)
{
    assert(value.data);
    persist(fx, table, key, value);
}

void effect_forget(struct effects *fx, const char *table, struct bytes key)
{
    persist(fx, table, key, (struct bytes){NULL, 0});
}

static void respond(struct effects *fx, enum effect_kind kind,
                    exchange_id exchange, const struct http_response *response)
{
    struct effect *effect = effect_new(fx, kind, exchange);
    effect->response = *response;
    effect->response.header =
        keep_headers(fx, response->header, response->header_count);
    effect->bytes = keep_bytes(fx, response->body);
    effect->response.body = effect->bytes;
}

void effect_reply_full(struct effects *fx, exchange_id exchange,
                       const struct http_response *response)
{
    respond(fx, EFFECT_REPLY, exchange, response);
}

void effect_reply(struct effects *fx, exchange_id exchange, int status,
                  enum media_type type, struct bytes body)
{
    respond(
        fx, EFFECT_REPLY, exchange,
        &(struct http_response){.status = status, .type = type, .body = body});
}

/* printf into the arena; the text's length without the NUL is in the bytes. */
static struct bytes keep_format(struct effects *fx, const char *format,
                                va_list args)
    __attribute__((format(printf, 2, 0)));

static struct bytes keep_format(struct effects *fx, const char *format,
                                va_list args)
{
    char small[512] = "";
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(small, sizeof small, format, args);
    if (size < 0)
        size = 0;
    char *text = arena_alloc(&fx->arena, (size_t)size + 1);
    if ((size_t)size < sizeof small)
        memcpy(text, small, (size_t)size + 1);
    else
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return (struct bytes){(const uint8_t *)text, (size_t)size};
}

void effect_reply_text(struct effects *fx, exchange_id exchange, int status,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes text = keep_format(fx, format, args);
    va_end(args);
    struct effect *effect = effect_new(fx, EFFECT_REPLY, exchange);
    effect->response = (struct http_response){
        .status = status, .type = MEDIA_TEXT, .body = text};
    effect->bytes = text;
}

void effect_stream(struct effects *fx, exchange_id exchange,
                   const struct http_response *head)
{
    respond(fx, EFFECT_STREAM, exchange, head);
}

void effect_record(struct effects *fx, exchange_id exchange,
                   struct bytes record)
{
    effect_new(fx, EFFECT_RECORD, exchange)->bytes = keep_bytes(fx, record);
}

void effect_close(struct effects *fx, exchange_id exchange)
{
    effect_new(fx, EFFECT_CLOSE, exchange);
}

void effect_metrics(struct effects *fx, exchange_id exchange, const char *path)
{
    struct effect *effect = effect_new(fx, EFFECT_METRICS, exchange);

    effect->bytes = bytes_of_text(arena_strdup(&fx->arena, path));
}

static struct effect *request(struct effects *fx, enum effect_kind kind,
                              exchange_id exchange, const char *url,
                              const struct http_header *header,
                              uint32_t header_count, struct bytes body)
{
    struct effect *effect = effect_new(fx, kind, exchange);
    effect->call.url = arena_strdup(&fx->arena, url);
    effect->call.method = HTTP_POST;
    effect->call.header = keep_headers(fx, header, header_count);
    effect->call.header_count = header_count;
    effect->bytes = keep_bytes(fx, body);
    return effect;
}

void effect_call(struct effects *fx, exchange_id exchange, const char *url,
                 const struct http_header *header, uint32_t header_count,
                 struct bytes body, int64_t timeout_ms)
{
    struct effect *effect =
        request(fx, EFFECT_CALL, exchange, url, header, header_count, body);
    effect->call.timeout_ms = timeout_ms;
}

void effect_follow(struct effects *fx, exchange_id exchange, const char *url,
                   const struct http_header *header, uint32_t header_count,
                   struct bytes body)
{
    request(fx, EFFECT_FOLLOW, exchange, url, header, header_count, body);
}

void effect_hangup(struct effects *fx, exchange_id exchange)
{
    effect_new(fx, EFFECT_HANGUP, exchange);
}

void effect_act(struct effects *fx, uint32_t kind, const void *data,
                size_t size)
{
    struct effect *effect = effect_new(fx, EFFECT_ACT, 0);
    effect->act.kind = kind;
    effect->act.data = size ? arena_memdup(&fx->arena, data, size) : NULL;
    effect->bytes = (struct bytes){effect->act.data, size};
}

void effect_log(struct effects *fx, int level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes line = keep_format(fx, format, args);
    va_end(args);
    struct effect *effect = effect_new(fx, EFFECT_LOG, 0);
    effect->level = level;
    effect->bytes = line;
}

void effect_stop(struct effects *fx, int status)
{
    effect_new(fx, EFFECT_STOP, 0)->status = status;
}
