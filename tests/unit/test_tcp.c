/* What every connection of ours does about a peer that is gone. */
#include "sys/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void check(int fd)
{
    assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY));
    assert_true(option(fd, SOL_SOCKET, SO_KEEPALIVE));
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), TCP_IDLE_S);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), TCP_ASK_S);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), TCP_ASKED_MAX);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), TCP_GONE_MS);
}

static void test_what_a_listener_accepts_is_as_it_is(void **unused)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)unused;
    tcp_prepare(listener);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    tcp_prepare(caller);
    assert_int_equal(connect(caller, (struct sockaddr *)&at, size), 0);
    int called = accept(listener, NULL, NULL);
    assert_true(called >= 0);
    check(caller);
    check(called);
    close(called);
    close(caller);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_listener_accepts_is_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
