#include "sys/http_reader.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

void http_reader_init(struct http_reader *reader)
{
    *reader = (struct http_reader){0};
    arena_init(&reader->arena);
}

void http_reader_release(struct http_reader *reader)
{
    arena_release(&reader->arena);
}

void http_reader_clear(struct http_reader *reader)
{
    struct arena arena = reader->arena;

    arena_clear(&arena);
    *reader = (struct http_reader){.arena = arena};
}

/* Cut a line off the front; 1, 0 when it has not come whole, or -ERR_. */
static int take_line(struct http_reader *reader, struct bytes *in,
                     struct bytes *line, struct err *err)
{
    const uint8_t *end = in->size ? memchr(in->data, '\n', in->size) : NULL;
    size_t size;

    if (end == NULL && in->size < HTTP_READER_LINE_MAX)
        return 0;
    size = end == NULL ? in->size : (size_t)(end - in->data);
    reader->head_size += size + 1;
    if (size >= HTTP_READER_LINE_MAX ||
        reader->head_size > HTTP_READER_HEAD_MAX)
        return err_set(err, ERR_LIMIT, "answer: its head is too long");
    *line = (struct bytes){in->data, size};
    *in = (struct bytes){in->data + size + 1, in->size - size - 1};
    if (size > 0 && line->data[size - 1] == '\r')
        line->size--;
    return 1;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static int read_status(struct http_reader *reader, struct bytes line,
                       struct err *err)
{
    const uint8_t *c = line.data;

    if (line.size < 12 || !bytes_starts_with(line, "HTTP/1.") ||
        !is_digit(c[7]) || c[8] != ' ' || !is_digit(c[9]) || !is_digit(c[10]) ||
        !is_digit(c[11]) || (line.size > 12 && c[12] != ' '))
        return err_set(err, ERR_INVALID,
                       "answer: want a status line of HTTP/1.1");
    reader->response.status =
        (c[9] - '0') * 100 + (c[10] - '0') * 10 + (c[11] - '0');
    if (reader->response.status < 100)
        return err_set(err, ERR_INVALID, "answer: status %d",
                       reader->response.status);
    reader->is_1_0 = c[7] == '0';
    reader->is_keep_alive = !reader->is_1_0;
    reader->state = HTTP_READER_HEADERS;
    return 0;
}

static struct bytes trim(struct bytes text)
{
    while (text.size && (*text.data == ' ' || *text.data == '\t'))
        text.data++, text.size--;
    while (text.size && (text.data[text.size - 1] == ' ' ||
                         text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static int read_header(struct http_reader *reader, struct bytes line,
                       struct err *err)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    struct http_response *response = &reader->response;
    struct http_header *header;

    if (colon == NULL || colon == line.data || memchr(line.data, 0, line.size))
        return err_set(err, ERR_INVALID, "answer: want 'Name: value' lines");
    if (response->header_count == HTTP_HEADERS_MAX)
        return err_set(err, ERR_LIMIT, "answer: more than %d header lines",
                       HTTP_HEADERS_MAX);
    struct bytes value = trim(
        (struct bytes){colon + 1, line.size - (size_t)(colon + 1 - line.data)});
    header = &reader->header[response->header_count++];
    header->name = arena_strndup(&reader->arena, (const char *)line.data,
                                 (size_t)(colon - line.data));
    header->value =
        arena_strndup(&reader->arena, (const char *)value.data, value.size);
    return 0;
}

static const char *find_header(const struct http_reader *reader,
                               const char *name)
{
    for (uint32_t i = 0; i < reader->response.header_count; i++)
        if (strcasecmp(reader->header[i].name, name) == 0)
            return reader->header[i].value;
    return NULL;
}

static int parse_length(const char *text, uint64_t *out, struct err *err)
{
    uint64_t value = 0;
    const char *c = text;

    for (; is_digit((uint8_t)*c) && c - text < 18; c++)
        value = value * 10 + (uint64_t)(*c - '0');
    if (c == text || *c != 0)
        return err_set(err, ERR_INVALID, "answer: Content-Length '%.32s'",
                       text);
    *out = value;
    return 0;
}

/* The head is complete: how will the body come? (RFC 9112, section 6.3) */
static int plan_body(struct http_reader *reader, struct err *err)
{
    int status = reader->response.status;
    const char *encoding = find_header(reader, "Transfer-Encoding");
    const char *length = find_header(reader, "Content-Length");
    const char *connection = find_header(reader, "Connection");

    if (connection != NULL && strcasecmp(connection, "close") == 0)
        reader->is_keep_alive = false;
    if (connection != NULL && strcasecmp(connection, "keep-alive") == 0)
        reader->is_keep_alive = true;
    if (reader->is_head_request || status == 204 || status == 304) {
        reader->state = HTTP_READER_DONE;
    } else if (encoding != NULL) {
        if (strcasecmp(encoding, "chunked") != 0)
            return err_set(err, ERR_UNSUPPORTED,
                           "answer: Transfer-Encoding '%.32s'", encoding);
        reader->state = HTTP_READER_CHUNK_SIZE;
    } else if (length != NULL) {
        reader->state = HTTP_READER_BODY;
        return parse_length(length, &reader->left, err);
    } else {
        reader->state = HTTP_READER_BODY_CLOSE;
        reader->is_keep_alive = false;
    }
    return 0;
}

static int end_head(struct http_reader *reader, struct err *err)
{
    int status;

    if (reader->response.status < 200) {
        bool is_head_request = reader->is_head_request;
        http_reader_clear(reader);
        reader->is_head_request = is_head_request;
        return HTTP_READ_MORE;
    }
    status = plan_body(reader, err);
    if (status < 0)
        return status;
    reader->response.header = reader->header;
    reader->response.type =
        media_type_parse(find_header(reader, "Content-Type"));
    return HTTP_READ_HEAD;
}

/* "1a3;name=value": the size in hexadecimal, extensions are skipped. */
static int read_chunk_size(struct http_reader *reader, struct bytes line,
                           struct err *err)
{
    uint64_t size = 0;
    size_t i = 0;

    reader->head_size = 0; /* the bound of a head is per line here */
    for (; i < line.size && i < 15; i++) {
        uint8_t c = line.data[i];
        if (is_digit(c))
            size = size << 4 | (uint64_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            size = size << 4 | (uint64_t)((c | 32) - 'a' + 10);
        else
            break;
    }
    if (i == 0 || (i < line.size && line.data[i] != ';' && line.data[i] != ' '))
        return err_set(err, ERR_INVALID, "answer: want the size of a chunk");
    reader->left = size;
    reader->state = size ? HTTP_READER_CHUNK : HTTP_READER_TRAILERS;
    return 0;
}

static int take_piece(struct http_reader *reader, struct bytes *in,
                      struct bytes *piece)
{
    size_t size = in->size;

    if (reader->state != HTTP_READER_BODY_CLOSE && size > reader->left)
        size = (size_t)reader->left;
    *piece = (struct bytes){in->data, size};
    *in = (struct bytes){in->data + size, in->size - size};
    if (reader->state != HTTP_READER_BODY_CLOSE)
        reader->left -= size;
    return HTTP_READ_PIECE;
}

/* Lines of every kind; returns what the line meant, or MORE to go on. */
static int read_line(struct http_reader *reader, struct bytes line,
                     struct err *err)
{
    switch (reader->state) {
    case HTTP_READER_STATUS:
        return read_status(reader, line, err);
    case HTTP_READER_HEADERS:
        return line.size ? read_header(reader, line, err)
                         : end_head(reader, err);
    case HTTP_READER_CHUNK_SIZE:
        return read_chunk_size(reader, line, err);
    case HTTP_READER_CHUNK_END:
        if (line.size)
            return err_set(err, ERR_INVALID,
                           "answer: want a line break behind a chunk");
        reader->state = HTTP_READER_CHUNK_SIZE;
        return 0;
    default:
        assert(reader->state == HTTP_READER_TRAILERS);
        if (line.size == 0)
            reader->state = HTTP_READER_DONE;
        return 0;
    }
}

int http_reader_next(struct http_reader *reader, struct bytes *in,
                     struct bytes *piece, struct err *err)
{
    for (;;) {
        bool is_body = reader->state == HTTP_READER_BODY ||
                       reader->state == HTTP_READER_CHUNK ||
                       reader->state == HTTP_READER_BODY_CLOSE;
        if (reader->state == HTTP_READER_BODY && reader->left == 0)
            reader->state = HTTP_READER_DONE;
        else if (reader->state == HTTP_READER_CHUNK && reader->left == 0)
            reader->state = HTTP_READER_CHUNK_END;
        else if (is_body)
            return in->size ? take_piece(reader, in, piece) : HTTP_READ_MORE;
        if (reader->state == HTTP_READER_DONE)
            return HTTP_READ_END;

        struct bytes line = {0};
        int status = take_line(reader, in, &line, err);
        if (status <= 0)
            return status;
        status = read_line(reader, line, err);
        if (status != 0)
            return status;
    }
}

int http_reader_eof(struct http_reader *reader, struct err *err)
{
    if (reader->state == HTTP_READER_BODY_CLOSE)
        return HTTP_READ_END;
    if (reader->state == HTTP_READER_STATUS && reader->head_size == 0)
        return err_set(err, ERR_NETWORK,
                       "connection closed before an answer came");
    return err_set(err, ERR_NETWORK, "connection closed within the answer");
}
