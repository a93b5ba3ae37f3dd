/* The adapter without any ZooKeeper, and with one that hangs up; what a real
 * one does is tests/e2e/announcer_spec.lua's. */
#include "sys/zookeeper.h"

#include "sys/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

struct rig {
    struct event_base *base;
    struct zk *zk;
    int listener, port;
    int answers, states;
    enum zk_result result;
    enum zk_state state;
    bool stop_at_answer;
};

static void on_state(void *context, enum zk_state state)
{
    struct rig *r = context;
    r->states++;
    r->state = state;
}

static void on_watch(void *context, const char *path)
{
    (void)context;
    fail_msg("nobody watches %s", path);
}

static void on_answer(void *context, const struct zk_answer *answer)
{
    struct rig *r = context;
    r->answers++;
    r->result = answer->result;
    if (r->stop_at_answer)
        (void)event_base_loopbreak(r->base);
}

/* A port that is bound; nobody listens on it unless `listens`. */
static void open_rig(struct rig *r, bool listens)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char servers[64];
    struct err err = {0};

    *r = (struct rig){.base = event_base_new(), .state = ZK_CONNECTING};
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&at, &size),
                     0);
    if (listens)
        assert_int_equal(listen(r->listener, 5), 0);
    (void)snprintf(servers, sizeof servers, "localhost:%d", ntohs(at.sin_port));
    struct zk_config config = {.servers = servers,
                               .session_ms = 2000,
                               .on_state = on_state,
                               .on_watch = on_watch,
                               .context = r};
    assert_int_equal(zk_open(&r->zk, r->base, &config, &err), 0);
}

static void close_rig(struct rig *r)
{
    zk_close(r->zk);
    event_base_free(r->base);
    (void)close(r->listener);
}

static void run_for(struct rig *r, int ms)
{
    struct timeval limit = {ms / 1000, ms % 1000 * 1000};
    (void)event_base_loopexit(r->base, &limit);
    (void)event_base_dispatch(r->base);
}

static void test_what_nobody_takes_is_lost_once(void **unused)
{
    (void)unused;
    struct rig r;
    open_rig(&r, false);
    r.stop_at_answer = true;
    zk_create(r.zk, "/x", bytes_of_text("y"), true, true, on_answer, &r);
    assert_int_equal(r.answers, 0); /* never from within the call */
    run_for(&r, 10000);
    assert_int_equal(r.answers, 1);
    assert_int_equal(r.result, ZK_LOST);
    assert_int_equal(r.state, ZK_CONNECTING);
    close_rig(&r);
}

static void test_calls_of_a_closed_handle_are_forgotten(void **unused)
{
    (void)unused;
    struct rig r;
    open_rig(&r, true); /* connects, and hears nothing */
    for (int i = 0; i < 20; i++)
        zk_watch(r.zk, "/x", on_answer, &r);
    zk_children(r.zk, "/x", on_answer, &r);
    zk_delete(r.zk, "/x", on_answer, &r);
    run_for(&r, 50);
    close_rig(&r);
    assert_int_equal(r.answers, 0);
}

static void test_too_many_calls_are_lost(void **unused)
{
    (void)unused;
    struct rig r;
    open_rig(&r, true);
    for (int i = 0; i < ZK_PENDING_MAX + 3; i++)
        zk_delete(r.zk, "/x", on_answer, &r);
    run_for(&r, 20);
    assert_int_equal(r.answers, 3);
    assert_int_equal(r.result, ZK_LOST);
    close_rig(&r);
}

static void test_it_does_not_spin_without_a_server(void **unused)
{
    (void)unused;
    struct rig r;
    open_rig(&r, false);
    int64_t turns = 0;
    struct timeval limit = {0, 300000};
    (void)event_base_loopexit(r.base, &limit);
    while (!event_base_got_exit(r.base) && turns < 100000) {
        (void)event_base_loop(r.base, EVLOOP_ONCE);
        turns++;
    }
    assert_true(turns < 100);
    close_rig(&r);
}

static void test_servers_are_addresses(void **unused)
{
    (void)unused;
    static const char *const good[] = {
        "127.0.0.1:2181", "10.0.0.1:2181,10.0.0.2:2182", "localhost:1"};
    static const char *const bad[] = {
        "",          "zk.example:2181", "127.0.0.1",       "127.0.0.1:0",
        "a:b",       "127.0.0.1:99999", "127.0.0.1:2181,", ":2181",
        ",1.2.3.4:5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(address_check_list(good[i], 2, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(address_check_list(bad[i], 2, NULL) < 0);
    assert_true(address_check_list("1.1.1.1:1,1.1.1.1:1,1.1.1.1:1", 2, NULL) <
                0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_nobody_takes_is_lost_once),
        cmocka_unit_test(test_calls_of_a_closed_handle_are_forgotten),
        cmocka_unit_test(test_too_many_calls_are_lost),
        cmocka_unit_test(test_it_does_not_spin_without_a_server),
        cmocka_unit_test(test_servers_are_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
