/* Numeric internet addresses, as our edges use them: no resolver, so that
 * nothing blocks and a static binary needs no shared libraries. "localhost" is
 * understood as 127.0.0.1. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    ADDRESS_HOST_MAX = 64,
    ADDRESS_NAME_MAX = 256, /* of a host in a url, which may be a name */
    ADDRESS_SOCKET_MAX = 108
};

/* A host and a port. */
int address_parse(const char *host, int port, struct sockaddr_storage *out,
                  socklen_t *out_size, struct err *err);

/* "host:port,host:port": at least one, at most `max`, each an address. */
int address_check_list(const char *list, uint32_t max, struct err *err);

/* "http://host:port/path?query" in parts, or "https://"; the path is borrowed
 * from `url`. The port is 80 (443) when absent, the path "/" when absent.
 * "http://unix:/run/agent.sock:/path" is a socket of this machine; its host is
 * "localhost". */
struct url {
    char host[ADDRESS_NAME_MAX];
    char socket[ADDRESS_SOCKET_MAX]; /* "": an internet address */
    int port;
    bool is_tls;
    const char *path;
};
int url_parse(const char *url, struct url *out, struct err *err);

/* Does what is sent to the host, as a url has it, stay on this machine? */
bool address_is_loopback(const char *host);

/* The socket at `path`; ERR_LIMIT when it does not fit (107 bytes). */
int address_of_socket(const char *path, struct sockaddr_storage *out,
                      socklen_t *out_size, struct err *err);

/* What goes in front of a daemon's address to make a url of it: people name it
 * "host:port", which means http, or "https://host:port", which needs nothing.
 */
const char *address_scheme(const char *address);
bool address_is_tls(const char *address);
/* Is it such an address? `field` names it in the error. */
int address_check(const char *address, const char *field, struct err *err);
