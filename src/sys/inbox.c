#include "sys/inbox.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){0};
    inbox->last = &inbox->first;
}

void inbox_release(struct inbox *inbox)
{
    struct input *input;

    while ((input = inbox_take(inbox)) != NULL)
        input_free(input);
}

struct input *inbox_take(struct inbox *inbox)
{
    struct input *input = inbox->first;

    if (input == NULL)
        return NULL;
    inbox->first = input->next;
    if (inbox->first == NULL)
        inbox->last = &inbox->first;
    inbox->count--;
    return input;
}

/* What a client proves itself with shall not lie about in freed memory. */
static void wipe_secrets(struct input *input)
{
    for (uint32_t i = 0; i < input->request.header_count; i++) {
        const struct http_header *header = &input->request.header[i];
        if (strcasecmp(header->name, "Authorization") == 0)
            explicit_bzero((char *)(uintptr_t)header->value,
                           strlen(header->value));
    }
}

void input_free(struct input *input)
{
    if (input->kind == INPUT_REQUEST)
        wipe_secrets(input);
    arena_release(&input->arena);
    free(input);
}

static struct input *add(struct inbox *inbox, enum input_kind kind,
                         exchange_id exchange)
{
    struct input *input = xcalloc(1, sizeof *input);

    input->kind = kind;
    input->exchange = exchange;
    arena_init(&input->arena);
    *inbox->last = input;
    inbox->last = &input->next;
    inbox->count++;
    return input;
}

/* Bytes are followed by a NUL, so that text may be read as a string. */
static struct bytes copy(struct arena *arena, struct bytes bytes)
{
    uint8_t *data = arena_alloc(arena, bytes.size + 1);

    if (bytes.size > 0)
        memcpy(data, bytes.data, bytes.size);
    data[bytes.size] = 0;
    return (struct bytes){data, bytes.size};
}

static const struct http_header *copy_headers(struct arena *arena,
                                              const struct http_header *header,
                                              uint32_t count)
{
    struct http_header *out = arena_alloc(arena, (count + 1) * sizeof *out);

    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct http_header){arena_strdup(arena, header[i].name),
                                      arena_strdup(arena, header[i].value)};
    return out;
}

void inbox_request(struct inbox *inbox, exchange_id exchange,
                   const struct http_request *request)
{
    struct input *input = add(inbox, INPUT_REQUEST, exchange);
    struct arena *arena = &input->arena;

    input->request = *request;
    input->request.method_name = arena_strdup(arena, request->method_name);
    input->request.path = arena_strdup(arena, request->path);
    input->request.query = arena_strdup(arena, request->query);
    input->request.header =
        copy_headers(arena, request->header, request->header_count);
    input->request.body = copy(arena, request->body);
    input->request.peer = arena_strdup(arena, request->peer);
    if (request->certificate != NULL)
        input->request.certificate = arena_strdup(arena, request->certificate);
    if (request->principal != NULL)
        input->request.principal = arena_strdup(arena, request->principal);
}

void inbox_gone(struct inbox *inbox, exchange_id exchange)
{
    (void)add(inbox, INPUT_GONE, exchange);
}

void inbox_answer(struct inbox *inbox, exchange_id exchange,
                  const struct http_response *response)
{
    struct input *input = add(inbox, INPUT_ANSWER, exchange);

    input->response = *response;
    input->response.header =
        copy_headers(&input->arena, response->header, response->header_count);
    input->response.body = copy(&input->arena, response->body);
}

void inbox_record(struct inbox *inbox, exchange_id exchange,
                  struct bytes record)
{
    struct input *input = add(inbox, INPUT_RECORD, exchange);

    input->record = copy(&input->arena, record);
}

void inbox_broken(struct inbox *inbox, exchange_id exchange, const char *why)
{
    struct input *input = add(inbox, INPUT_BROKEN, exchange);

    input->why = arena_strdup(&input->arena, why);
}

void inbox_fact(struct inbox *inbox, uint32_t kind, const void *data,
                size_t size, size_t extra_at, struct bytes extra)
{
    struct input *input = add(inbox, INPUT_FACT, 0);

    input->fact.kind = kind;
    input->fact.data = arena_alloc(&input->arena, size + 1);
    if (size > 0)
        memcpy(input->fact.data, data, size);
    if (extra_at < size) {
        struct bytes kept = copy(&input->arena, extra);
        assert(extra_at + sizeof kept <= size);
        memcpy((char *)input->fact.data + extra_at, &kept, sizeof kept);
    }
}
