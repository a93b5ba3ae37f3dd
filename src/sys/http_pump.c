#include "sys/http_pump.h"
#include "base/alloc.h"
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10 };

struct http_pump {
    struct evhttp_request *request; /* evhttp's */
    int fd;                         /* owned */
    int64_t offset, left;
};

static void on_taken(struct evhttp_connection *connection, void *arg);

/* The next piece; false when the file has no more. */
static bool send_piece(struct http_pump *pump)
{
    char piece[PIECE_BYTES];
    size_t want = pump->left < PIECE_BYTES ? (size_t)pump->left : PIECE_BYTES;
    ssize_t got = pread(pump->fd, piece, want, pump->offset);

    if (got <= 0)
        return false;
    struct evbuffer *out = evbuffer_new();
    evbuffer_add(out, piece, (size_t)got);
    pump->offset += got;
    pump->left -= got;
    evhttp_send_reply_chunk_with_cb(pump->request, out, on_taken, pump);
    evbuffer_free(out);
    return true;
}

/* Neither branch touches the pump behind the call: both may free it. */
static void on_taken(struct evhttp_connection *connection, void *arg)
{
    struct http_pump *pump = arg;

    if (pump->left == 0)
        evhttp_send_reply_end(pump->request);
    else if (!send_piece(pump))
        evhttp_connection_free(connection);
}

struct http_pump *http_pump_new(struct evhttp_request *request, int fd,
                                int64_t offset, int64_t size)
{
    struct http_pump *pump = xcalloc(1, sizeof *pump);

    *pump = (struct http_pump){request, fd, offset, size};
    return pump;
}

void http_pump_start(struct http_pump *pump)
{
    if (!send_piece(pump))
        evhttp_connection_free(evhttp_request_get_connection(pump->request));
}

void http_pump_free(struct http_pump *pump)
{
    if (pump == NULL)
        return;
    close(pump->fd);
    free(pump);
}
