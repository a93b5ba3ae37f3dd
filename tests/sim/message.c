#include "tests/sim/message.h"

#include <assert.h>
#include <string.h>

const char *message_split(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");

    assert(host != NULL);
    host += 3;
    const char *path = strchr(host, '/');
    size_t length = path != NULL ? (size_t)(path - host) : strlen(host);
    assert(length < size);
    memcpy(out, host, length);
    out[length] = '\0';
    return path != NULL ? path : "/";
}

const struct message_names *message_names(const char *path)
{
    static const struct message_names KNOWN[] = {
        {"/api/v1/agent", "agent.call", "", "agent.event"},
        {"/api/v1/scheduler", "scheduler.call", "", "scheduler.event"},
        {"/api/v1/executor", "executor.call", "", "executor.event"},
        {"/api/v1", "aurora.call", "aurora.answer", "aurora.event"},
    };
    static const struct message_names OTHER = {"", "", "", ""};

    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(path, KNOWN[i].path) == 0)
            return &KNOWN[i];
    return &OTHER;
}

static struct http_header *copy_headers(struct arena *arena,
                                        const struct http_header *from,
                                        uint32_t count)
{
    struct http_header *header =
        arena_alloc(arena, (count + 1) * sizeof *header);

    for (uint32_t i = 0; i < count; i++) {
        header[i].name = arena_strdup(arena, from[i].name);
        header[i].value = arena_strdup(arena, from[i].value);
    }
    return header;
}

static struct bytes copy_bytes(struct arena *arena, struct bytes bytes)
{
    return bytes_of(arena_memdup(arena, bytes.data, bytes.size), bytes.size);
}

struct input *message_request(const struct effect *effect, const char *path,
                              const char *peer, const char *authorization)
{
    struct input *input =
        input_new(INPUT_REQUEST, 0, message_names(path)->call);
    struct arena *arena = &input->arena;
    const char *query = strchr(path, '?');
    uint32_t count = effect->call.header_count;
    struct http_header *header =
        copy_headers(arena, effect->call.header, count);

    if (authorization != NULL) /* there is room for one more */
        header[count++] = (struct http_header){"Authorization", authorization};
    input->request = (struct http_request){
        .method = effect->call.method,
        .method_name = http_method_name(effect->call.method),
        .path = query != NULL
                    ? arena_strndup(arena, path, (size_t)(query - path))
                    : arena_strdup(arena, path),
        .query = query != NULL ? arena_strdup(arena, query + 1) : "",
        .header = header,
        .header_count = count,
        .body = copy_bytes(arena, effect->bytes),
        .peer = arena_strdup(arena, peer)};
    return input;
}

struct input *message_answer(exchange_id made,
                             const struct message_names *about,
                             const struct http_response *response,
                             struct bytes body)
{
    struct input *input = input_new(INPUT_ANSWER, made, about->answer);
    struct arena *arena = &input->arena;

    input->response = *response;
    input->response.header =
        copy_headers(arena, response->header, response->header_count);
    input->response.body = copy_bytes(arena, body);
    return input;
}

struct input *message_record(exchange_id made,
                             const struct message_names *about,
                             struct bytes record)
{
    struct input *input = input_new(INPUT_RECORD, made, about->event);

    input->record = copy_bytes(&input->arena, record);
    return input;
}
