/* A region of a file as the body of an answer, read piece by piece as fast as
 * the other side takes it: for connections whose bytes pass through us, where
 * the kernel cannot send the file by itself. A file that became shorter ends
 * the connection, because its length was promised. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct evhttp_request;
struct http_pump;

/* The descriptor is the pump's now. */
struct http_pump *http_pump_new(struct evhttp_request *request, int fd,
                                int64_t offset, int64_t size);
/* After the head was sent. Ends the reply behind the last piece; may end the
 * connection at once, and with it whoever owns the pump. */
void http_pump_start(struct http_pump *pump);
/* Accepts NULL. Once the reply is over, or its connection. */
void http_pump_free(struct http_pump *pump);
