/* Reads an HTTP/1.x response from bytes cut anywhere. Feed it what came; it
 * says what that meant, one thing at a time:
 *
 *   HTTP_READ_HEAD   status and headers are there
 *   HTTP_READ_PIECE  some bytes of the body
 *   HTTP_READ_END    the response is over
 *   HTTP_READ_MORE   feed more; unused bytes must be offered again in front
 *
 * Interim answers (1xx) are skipped. A wrong byte is an error, and there is no
 * way on from it. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire/http.h"

enum { HTTP_READER_LINE_MAX = 16 << 10, HTTP_READER_HEAD_MAX = 64 << 10 };

enum http_read {
    HTTP_READ_MORE,
    HTTP_READ_HEAD,
    HTTP_READ_PIECE,
    HTTP_READ_END
};

enum http_reader_state {
    HTTP_READER_STATUS,
    HTTP_READER_HEADERS,
    HTTP_READER_BODY,       /* `left` bytes to come */
    HTTP_READER_BODY_CLOSE, /* until the connection ends */
    HTTP_READER_CHUNK_SIZE,
    HTTP_READER_CHUNK,     /* `left` bytes to come */
    HTTP_READER_CHUNK_END, /* the line break behind a chunk */
    HTTP_READER_TRAILERS,
    HTTP_READER_DONE
};

struct http_reader {
    enum http_reader_state state;
    bool is_head_request; /* set by the caller: there will be no body */
    bool is_keep_alive;   /* another response may follow on the connection */
    bool is_1_0;
    uint64_t left;
    size_t head_size; /* bytes of head so far */
    struct arena arena;
    struct http_response response; /* body unused; lives in the arena */
    struct http_header header[HTTP_HEADERS_MAX];
};

void http_reader_init(struct http_reader *reader);
void http_reader_release(struct http_reader *reader);
/* Ready for the next response on the same connection. */
void http_reader_clear(struct http_reader *reader);

/* Takes what it understood from the front of *in. A piece points into it. */
int http_reader_next(struct http_reader *reader, struct bytes *in,
                     struct bytes *piece, struct err *err);
/* The connection ended: HTTP_READ_END when that ends the response in good
 * order, else ERR_NETWORK. */
int http_reader_eof(struct http_reader *reader, struct err *err);
