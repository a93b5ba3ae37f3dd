#include "sys/tcp.h"
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static_assert(TCP_IDLE_S + TCP_ASK_S * TCP_ASKED_MAX == TCP_GONE_MS / 1000,
              "idle or not, a peer is gone after the same time");

void tcp_prepare(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, TCP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, TCP_ASK_S},
        {IPPROTO_TCP, TCP_KEEPCNT, TCP_ASKED_MAX},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_GONE_MS},
    };

    /* Without one of them a connection works as well, with the system's times.
     */
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++)
        (void)setsockopt(fd, options[i].level, options[i].name,
                         &options[i].value, sizeof options[i].value);
}
