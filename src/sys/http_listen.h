/* The socket of an HTTP server. */
#pragma once
#include "sys/http_server.h"

struct evconnlistener;

/* Bound to config->socket, or to its ip and port. Nothing is accepted yet. */
int http_listen(struct event_base *base,
                const struct http_server_config *config,
                struct evconnlistener **out, struct err *err);
/* 0 for one in the file system. */
int http_listen_port(struct evconnlistener *listener);
