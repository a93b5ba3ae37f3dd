#include "sys/address.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

int address_parse(const char *host, int port, struct sockaddr_storage *out,
                  socklen_t *out_size, struct err *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port)};

    if (port < 0 || port > 65535)
        return err_set(err, ERR_INVALID, "port %d: want 0 to 65535", port);
    if (strcasecmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(out, &v4, sizeof v4);
        *out_size = sizeof v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(out, &v6, sizeof v6);
        *out_size = sizeof v6;
        return 0;
    }
    return err_set(err, ERR_INVALID,
                   "address '%s': want a numeric address or localhost", host);
}

static int parse_port(const char *text, size_t size)
{
    int port = 0;

    if (size == 0 || size > 5)
        return -1;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        port = port * 10 + (text[i] - '0');
    }
    return port <= 65535 ? port : -1;
}

bool address_is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 &&
            host[strspn(host, "0123456789.")] == '\0');
}

int address_of_socket(const char *path, struct sockaddr_storage *out,
                      socklen_t *out_size, struct err *err)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    if (*path == '\0' || strlen(path) >= sizeof local.sun_path)
        return err_set(err, ERR_LIMIT,
                       "socket '%.200s': want a path of 1 to %zu bytes", path,
                       sizeof local.sun_path - 1);
    memcpy(local.sun_path, path, strlen(path) + 1);
    memcpy(out, &local, sizeof local);
    *out_size = sizeof local;
    return 0;
}

const char *address_scheme(const char *address)
{
    return strstr(address, "://") != NULL ? "" : "http://";
}

bool address_is_tls(const char *address)
{
    return strncasecmp(address, "https://", 8) == 0;
}

int address_check(const char *address, const char *field, struct err *err)
{
    char text[ADDRESS_NAME_MAX + 32];
    const char *scheme = address_scheme(address);
    const char *host = *scheme == '\0' ? strstr(address, "://") + 3 : address;
    struct url url;

    (void)snprintf(text, sizeof text, "%s%s", scheme, address);
    if (strlen(address) <= ADDRESS_NAME_MAX && strchr(host, ':') != NULL &&
        strpbrk(host, "/? ") == NULL && url_parse(text, &url, NULL) == 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "%s '%s': want host:port or https://host:port", field,
                   address);
}

/* "unix:/path/of/socket:/path", behind the scheme. */
static int parse_socket(const char *url, const char *at, struct url *out,
                        struct err *err)
{
    const char *end = strchr(at, ':');

    if (end == NULL || end == at || (size_t)(end - at) >= sizeof out->socket ||
        *at != '/')
        return err_set(err, ERR_INVALID,
                       "url '%s': want http://unix:/socket:/path", url);
    memcpy(out->socket, at, (size_t)(end - at));
    memcpy(out->host, "localhost", sizeof "localhost");
    out->path = end[1] != '\0' ? end + 1 : "/";
    return 0;
}

int url_parse(const char *url, struct url *out, struct err *err)
{
    struct url parsed = {.port = 80};
    const char *at = url, *host_end, *end;

    parsed.is_tls = strncasecmp(at, "https://", 8) == 0;
    if (parsed.is_tls)
        parsed.port = 443;
    else if (strncasecmp(at, "http://", 7) != 0)
        return err_set(err, ERR_INVALID, "url '%s': want http://host:port/path",
                       url);
    at += parsed.is_tls ? 8 : 7;
    if (!parsed.is_tls && strncmp(at, "unix:", 5) == 0) {
        int rc = parse_socket(url, at + 5, &parsed, err);
        if (rc == 0)
            *out = parsed;
        return rc;
    }
    end = at + strcspn(at, "/?");
    bool is_v6 = *at == '[';
    if (is_v6) {
        at++;
        host_end = memchr(at, ']', (size_t)(end - at));
    } else {
        host_end = memchr(at, ':', (size_t)(end - at));
        if (host_end == NULL)
            host_end = end;
    }
    if (host_end == NULL || host_end == at ||
        (size_t)(host_end - at) >= sizeof parsed.host)
        return err_set(err, ERR_INVALID, "url '%s': want a host", url);
    memcpy(parsed.host, at, (size_t)(host_end - at));
    at = host_end + (is_v6 ? 1 : 0);
    if (at < end && (*at != ':' || (parsed.port = parse_port(
                                        at + 1, (size_t)(end - at - 1))) < 0))
        return err_set(err, ERR_INVALID, "url '%s': want a port, 0 to 65535",
                       url);
    parsed.path = *end != 0 ? end : "/";
    *out = parsed;
    return 0;
}

static int check_one(const char *from, size_t size, struct err *err)
{
    char text[ADDRESS_HOST_MAX + 8], *colon;
    struct sockaddr_storage address;
    socklen_t length;
    int64_t port;

    if (size >= sizeof text)
        return err_set(err, ERR_INVALID, "'%.80s': want host:port", from);
    memcpy(text, from, size);
    text[size] = '\0';
    colon = strrchr(text, ':');
    if (colon == NULL || colon == text)
        return err_set(err, ERR_INVALID, "'%s': want host:port", text);
    *colon = '\0';
    int rc = text_int(colon + 1, 1, 65535, &port, err);
    return rc == 0 ? address_parse(text, (int)port, &address, &length, err)
                   : rc;
}

int address_check_list(const char *list, uint32_t max, struct err *err)
{
    uint32_t count = 0;

    for (const char *at = list;; at++) {
        size_t size = strcspn(at, ",");
        int rc = check_one(at, size, err);
        if (rc != 0)
            return rc;
        if (++count > max)
            return err_set(err, ERR_LIMIT, "at most %u addresses", max);
        at += size;
        if (*at == '\0')
            return 0;
    }
}
