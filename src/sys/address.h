/* Numeric internet addresses, as our edges use them: no resolver, so that
 * nothing blocks and a static binary needs no shared libraries. "localhost" is
 * understood as 127.0.0.1. */
#pragma once
#include "base/err.h"
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_HOST_MAX = 64 };

/* A host and a port. */
int address_parse(const char *host, int port, struct sockaddr_storage *out,
                  socklen_t *out_size, struct err *err);

/* "host:port,host:port": at least one, at most `max`, each an address. */
int address_check_list(const char *list, uint32_t max, struct err *err);

/* "http://host:port/path?query" in parts; the path is borrowed from `url`. The
 * port is 80 when absent, the path "/" when absent. */
struct url {
    char host[ADDRESS_HOST_MAX];
    int port;
    const char *path;
};
int url_parse(const char *url, struct url *out, struct err *err);
