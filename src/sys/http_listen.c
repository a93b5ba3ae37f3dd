#include "sys/http_listen.h"
#include "sys/address.h"
#include "sys/tcp.h"
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024 };

int http_listen_port(struct evconnlistener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof address;

    if (getsockname(evconnlistener_get_fd(listener), &address.any, &size) < 0)
        return -1;
    if (address.any.sa_family == AF_UNIX)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
                                                   : address.v4.sin_port);
}

int http_listen(struct event_base *base,
                const struct http_server_config *config,
                struct evconnlistener **out, struct err *err)
{
    struct evconnlistener *listener;
    struct sockaddr_storage address = {0};
    socklen_t size = 0;
    struct stat st;
    int status;

    if (config->socket != NULL) {
        status = address_of_socket(config->socket, &address, &size, err);
        if (stat(config->socket, &st) == 0 && S_ISSOCK(st.st_mode))
            (void)unlink(config->socket); /* of an earlier life */
    } else {
        status = address_parse(config->ip, config->port, &address, &size, err);
    }
    if (status < 0)
        return status;
    listener = evconnlistener_new_bind(
        base, NULL, NULL,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        LISTEN_BACKLOG, (struct sockaddr *)&address, (int)size);
    if (listener == NULL) {
        bool is_taken = errno == EADDRINUSE;
        status = err_set(err, is_taken ? ERR_BUSY : ERR_NETWORK,
                         "cannot listen on %s:%d: %s",
                         config->socket != NULL ? config->socket : config->ip,
                         config->port, strerror(errno));
        if (is_taken)
            err_hint(err, "another process has this port; choose one with "
                          "--port, or end that process");
        return status;
    }
    if (config->socket != NULL) {
        (void)chmod(config->socket, 0666);
        *out = listener;
        return 0;
    }
    tcp_prepare(evconnlistener_get_fd(listener));
    *out = listener;
    return 0;
}
