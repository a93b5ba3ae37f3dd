/* The client against servers that say exactly what a script tells them. */
#include "sys/http_client.h"
#include "base/alloc.h"
#include "sys/client.h"
#include "sys/clock.h"
#include "sys/http_reader.h"
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { WAIT_MS = 10000 };

/* --- the reader alone --- */

/* Read a whole response given in pieces of `step` bytes; what was understood,
 * as "status type|body|end". */
static char *understand(const char *text, size_t size, size_t step)
{
    struct http_reader reader;
    struct buf pending = {0}, out = {0};
    struct err err = {0};
    size_t fed = 0;
    int what = HTTP_READ_MORE;

    http_reader_init(&reader);
    while (what >= 0 && what != HTTP_READ_END) {
        struct bytes in = buf_bytes(&pending), piece;
        what = http_reader_next(&reader, &in, &piece, &err);
        if (what == HTTP_READ_HEAD)
            buf_addf(&out, "%d %d|", reader.response.status,
                     reader.response.type);
        else if (what == HTTP_READ_PIECE)
            buf_add_bytes(&out, piece);
        buf_drop(&pending, pending.size - in.size);
        if (what == HTTP_READ_MORE && fed < size) {
            size_t more = size - fed < step ? size - fed : step;
            buf_add(&pending, text + fed, more);
            fed += more;
        } else if (what == HTTP_READ_MORE) {
            what = http_reader_eof(&reader, &err);
        }
    }
    if (what < 0)
        buf_addf(&out, "!%s", err.text);
    else
        buf_addf(&out, "|%s", reader.is_keep_alive ? "kept" : "closed");
    http_reader_release(&reader);
    buf_release(&pending);
    return buf_take(&out);
}

static void reads_as(const char *text, const char *want)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        char *got = understand(text, strlen(text), step);
        if (strcmp(got, want) != 0)
            fail_msg("in steps of %zu: got '%s', want '%s'", step, got, want);
        free(got);
    }
}

static void test_reader_understands_every_framing(void **state)
{
    (void)state;
    reads_as("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
             "Content-Type: application/json\r\n\r\nhello",
             "200 1|hello|kept");
    reads_as("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
             "202 0||kept");
    reads_as("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
             "3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n",
             "200 0|abc0123456789|kept");
    reads_as("HTTP/1.1 204 No Content\r\n\r\n", "204 0||kept");
    reads_as("HTTP/1.0 200 OK\r\n\r\nall of it", "200 0|all of it|closed");
    reads_as("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n"
             "Connection: close\r\nContent-Length: 2\r\n\r\nno",
             "404 0|no|closed");
}

static void test_reader_refuses_what_is_wrong(void **state)
{
    (void)state;
    reads_as("HTTP/2 200\r\n\r\n", "!answer: want a status line of HTTP/1.1");
    reads_as("HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
             "!answer: want 'Name: value' lines");
    reads_as("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
             "!answer: Content-Length '5x'");
    reads_as("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
             "200 0|he!connection closed within the answer");
    reads_as("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
             "200 0|!answer: want the size of a chunk");
    reads_as(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "200 0|a!answer: want a line break behind a chunk");
    reads_as("", "!connection closed before an answer came");
}

static void test_reader_bounds_the_head(void **state)
{
    struct buf text = {0};
    char *got;

    (void)state;
    buf_add_text(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++)
        buf_addf(&text, "X-%d: y\r\n", i);
    got = understand(text.text, text.size, 1000);
    assert_string_equal(got, "!answer: more than 64 header lines");
    free(got);
    buf_clear(&text);
    buf_add_text(&text, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 20000; i++)
        buf_add_char(&text, 'y');
    got = understand(text.text, text.size, 1000);
    assert_string_equal(got, "!answer: its head is too long");
    free(got);
    buf_release(&text);
}

/* --- a scripted server --- */

struct server {
    int listener;
    int port;
    char url[64];
    pid_t pid;
};

/* Each script entry answers one request; NULL closes the connection. */
static void serve(int listener, const char *const *script)
{
    char got[65536];
    int fd = -1;

    for (; *script != NULL || fd >= 0; script++) {
        if (*script == NULL) {
            close(fd);
            _exit(0);
        }
        if (strcmp(*script, "close") == 0) {
            close(fd);
            fd = -1;
            continue;
        }
        if (fd < 0)
            fd = accept(listener, NULL, NULL);
        size_t size = 0;
        memset(got, 0, sizeof got);
        while (strstr(got, "\r\n\r\n") == NULL) {
            ssize_t more = recv(fd, got + size, sizeof got - 1 - size, 0);
            if (more <= 0)
                _exit(1);
            size += (size_t)more;
        }
        if (strcmp(*script, "silence") == 0)
            pause();
        if (strcmp(*script, "quote") == 0) {
            char answer[70000];
            int length = snprintf(answer, sizeof answer,
                                  "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
                                  "\r\n%s",
                                  size, got);
            (void)!send(fd, answer, (size_t)length, MSG_NOSIGNAL);
            continue;
        }
        (void)!send(fd, *script, strlen(*script), MSG_NOSIGNAL);
    }
    _exit(0);
}

static struct server begin(const char *const *script)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    struct server server = {.listener = socket(AF_INET, SOCK_STREAM, 0)};

    assert_int_equal(bind(server.listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(server.listener, 16), 0);
    getsockname(server.listener, (struct sockaddr *)&at, &size);
    server.port = ntohs(at.sin_port);
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/x",
             server.port);
    server.pid = fork();
    if (server.pid == 0)
        serve(server.listener, script);
    close(server.listener);
    return server;
}

static void end(struct server *server)
{
    kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

#define OK_(body) "HTTP/1.1 200 OK\r\nContent-Length: " body

static struct http_response call(struct client *client, const char *url,
                                 struct arena *arena, int64_t timeout_ms,
                                 struct err *err)
{
    struct http_header header = {"X-Test", "yes"};
    struct http_response response = {0};

    (void)client_call(client, HTTP_POST, url, &header, 1, bytes_of_text("body"),
                      timeout_ms, arena, &response, err);
    return response;
}

static void test_calls_share_a_connection(void **state)
{
    static const char *const script[] = {"quote", OK_("3\r\n\r\ntwo"),
                                         OK_("5\r\n\r\nthree"), NULL};
    struct server server = begin(script);
    struct client *client = client_open();
    struct arena arena;
    struct http_response r;
    struct err err = {0};
    char want[256];

    (void)state;
    arena_init(&arena);
    r = call(client, server.url, &arena, WAIT_MS, &err);
    snprintf(want, sizeof want,
             "POST /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Test: yes\r\n"
             "Content-Length: 4\r\n\r\nbody",
             server.port);
    assert_string_equal((const char *)r.body.data, want);
    r = call(client, server.url, &arena, WAIT_MS, &err);
    assert_string_equal((const char *)r.body.data, "two");
    r = call(client, server.url, &arena, WAIT_MS, &err);
    assert_string_equal((const char *)r.body.data, "three");
    client_close(client);
    arena_release(&arena);
    end(&server);
}

static void test_a_closed_connection_is_made_again(void **state)
{
    static const char *const script[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
        "close", OK_("1\r\n\r\n2"), NULL};
    struct server server = begin(script);
    struct client *client = client_open();
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_int_equal(call(client, server.url, &arena, WAIT_MS, &err).status,
                     200);
    assert_int_equal(call(client, server.url, &arena, WAIT_MS, &err).status,
                     200);
    client_close(client);
    arena_release(&arena);
    end(&server);
}

static void breaks(const char *const *script, int64_t timeout_ms,
                   enum err_code code, const char *text)
{
    struct server server = begin(script);
    struct client *client = client_open();
    struct arena arena;
    struct err err = {0};

    arena_init(&arena);
    (void)call(client, server.url, &arena, timeout_ms, &err);
    assert_int_equal(err.code, code);
    if (strstr(err.text, text) == NULL)
        fail_msg("'%s' lacks '%s'", err.text, text);
    client_close(client);
    arena_release(&arena);
    end(&server);
}

static void test_broken_answers_are_errors(void **state)
{
    static const char *const cut[] = {OK_("9\r\n\r\nhalf"), NULL};
    static const char *const silent[] = {"silence", NULL};
    static const char *const none[] = {"", NULL};
    static const char *const other[] = {"SSH-2.0-x\r\n\r\n", NULL};

    (void)state;
    breaks(cut, WAIT_MS, ERR_NETWORK, "connection closed within the answer");
    breaks(silent, 50, ERR_TIMEOUT, "no answer: timed out");
    breaks(none, WAIT_MS, ERR_NETWORK, "connection closed before an answer");
    breaks(other, WAIT_MS, ERR_NETWORK, "want a status line of HTTP/1.1");
}

static bool gather(void *context, struct bytes record)
{
    buf_add_bytes(context, record);
    buf_add_char(context, ';');
    return true;
}

static void test_records_may_be_cut_anywhere(void **state)
{
    static const char *const script[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\n5\nh\r\n4\r\nello\r\n1\r\n1\r\n3\r\n0\n0\r\n9\r\n123456789\r\n"
        "0\r\n\r\n",
        NULL};
    struct server server = begin(script);
    struct client *client = client_open();
    struct http_response r;
    struct buf seen = {0};
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_int_equal(client_follow(client, server.url, NULL, 0, bytes_of("", 0),
                                   WAIT_MS, gather, &seen, &arena, &r, &err),
                     0);
    assert_string_equal(buf_text(&seen), "hello;0123456789;");
    buf_release(&seen);
    client_close(client);
    arena_release(&arena);
    end(&server);
}

static void test_a_refused_stream_gives_its_answer(void **state)
{
    static const char *const script[] = {
        "HTTP/1.1 403 Forbidden\r\nX-Why: because\r\n"
        "Content-Length: 2\r\n\r\nno",
        NULL};
    struct server server = begin(script);
    struct client *client = client_open();
    struct http_response r;
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_int_equal(client_follow(client, server.url, NULL, 0, bytes_of("", 0),
                                   WAIT_MS, gather, NULL, &arena, &r, &err),
                     0);
    assert_int_equal(r.status, 403);
    assert_string_equal((const char *)r.body.data, "no");
    assert_string_equal(r.header[0].value, "because");
    client_close(client);
    arena_release(&arena);
    end(&server);
}

static void test_a_silent_stream_can_be_bounded(void **state)
{
    static const char *const script[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "silence",
        NULL};
    struct server server = begin(script);
    struct client *client = client_open();
    struct http_response r;
    struct buf seen = {0};
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_int_equal(client_follow(client, server.url, NULL, 0, bytes_of("", 0),
                                   50, gather, &seen, &arena, &r, &err),
                     -ERR_TIMEOUT);
    client_close(client);
    arena_release(&arena);
    end(&server);
}

static bool expect_more(void *context, struct bytes record)
{
    assert_int_equal(record.size, 5);
    client_expect(context, 50);
    return true;
}

/* Its head and one record came; then nothing, not even an end. */
static void test_a_stream_that_falls_silent_ends(void **state)
{
    static const char *const script[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "7\r\n5\nhello\r\n",
        "silence", NULL};
    struct server server = begin(script);
    struct client *client = client_open();
    struct http_response r;
    struct arena arena;
    struct err err = {0};

    (void)state;
    arena_init(&arena);
    assert_int_equal(client_follow(client, server.url, NULL, 0, bytes_of("", 0),
                                   0, expect_more, client, &arena, &r, &err),
                     -ERR_TIMEOUT);
    assert_non_null(strstr(err.text, "no heartbeat"));
    client_close(client);
    arena_release(&arena);
    end(&server);
}

/* --- many at once --- */

struct tally {
    struct event_base *base;
    char order[64];
    int broken, left;
};

static void on_answer(void *context, exchange_id exchange,
                      const struct http_response *response)
{
    struct tally *tally = context;
    size_t used = strlen(tally->order);

    snprintf(tally->order + used, sizeof tally->order - used, "%d:%.*s ",
             (int)exchange, (int)response->body.size,
             (const char *)response->body.data);
    if (--tally->left == 0)
        event_base_loopbreak(tally->base);
}

static void on_record(void *context, exchange_id exchange, struct bytes record)
{
    (void)context;
    (void)exchange;
    (void)record;
}

static void on_broken(void *context, exchange_id exchange, const char *why)
{
    struct tally *tally = context;

    (void)exchange;
    (void)why;
    tally->broken++;
    if (--tally->left == 0)
        event_base_loopbreak(tally->base);
}

static void test_calls_keep_their_order_and_can_be_dropped(void **state)
{
    static const char *const script[] = {OK_("1\r\n\r\na"), OK_("1\r\n\r\nb"),
                                         OK_("1\r\n\r\nc"), NULL};
    struct server server = begin(script);
    struct tally tally = {.base = event_base_new(), .left = 3};
    struct http_client *client = http_client_open(
        tally.base, &(struct http_client_config){.on_answer = on_answer,
                                                 .on_record = on_record,
                                                 .on_broken = on_broken,
                                                 .context = &tally,
                                                 .body_max = 1000});
    struct http_call get = {.method = HTTP_GET, .url = server.url};

    (void)state;
    for (get.exchange = 1; get.exchange <= 4; get.exchange++)
        http_client_begin(client, &get);
    http_client_hangup(client, 3);
    http_client_hangup(client, 99);
    assert_int_equal(http_client_pending(client), 3);
    event_base_dispatch(tally.base);
    assert_string_equal(tally.order, "1:a 2:b 4:c ");
    assert_int_equal(http_client_pending(client), 0);
    http_client_close(client);
    event_base_free(tally.base);
    end(&server);
}

static void test_nobody_there_breaks_every_call(void **state)
{
    struct tally tally = {.base = event_base_new(), .left = 100};
    struct http_client *client = http_client_open(
        tally.base, &(struct http_client_config){.on_answer = on_answer,
                                                 .on_record = on_record,
                                                 .on_broken = on_broken,
                                                 .context = &tally,
                                                 .body_max = 1000});
    struct http_call get = {.method = HTTP_GET, .url = "http://127.0.0.1:1/x"};

    (void)state;
    for (get.exchange = 1; get.exchange <= 100; get.exchange++)
        http_client_begin(client, &get);
    event_base_dispatch(tally.base);
    assert_int_equal(tally.broken, 100);
    http_client_close(client);
    event_base_free(tally.base);
}

static void test_an_answer_over_the_bound_breaks(void **state)
{
    static const char *const script[] = {OK_("5\r\n\r\n12345"), NULL};
    struct server server = begin(script);
    struct tally tally = {.base = event_base_new(), .left = 2};
    struct http_client *client = http_client_open(
        tally.base, &(struct http_client_config){.on_answer = on_answer,
                                                 .on_record = on_record,
                                                 .on_broken = on_broken,
                                                 .context = &tally,
                                                 .body_max = 4});
    struct http_call get = {.exchange = 1, .url = server.url};
    struct http_header evil = {"X", "a\r\nY: b"};

    (void)state;
    http_client_begin(client, &get);
    get.exchange = 2;
    get.header = &evil;
    get.header_count = 1;
    http_client_begin(client, &get);
    event_base_dispatch(tally.base);
    assert_int_equal(tally.broken, 2);
    http_client_close(client);
    event_base_free(tally.base);
    end(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_understands_every_framing),
        cmocka_unit_test(test_reader_refuses_what_is_wrong),
        cmocka_unit_test(test_reader_bounds_the_head),
        cmocka_unit_test(test_calls_share_a_connection),
        cmocka_unit_test(test_a_closed_connection_is_made_again),
        cmocka_unit_test(test_broken_answers_are_errors),
        cmocka_unit_test(test_records_may_be_cut_anywhere),
        cmocka_unit_test(test_a_refused_stream_gives_its_answer),
        cmocka_unit_test(test_a_silent_stream_can_be_bounded),
        cmocka_unit_test(test_a_stream_that_falls_silent_ends),
        cmocka_unit_test(test_calls_keep_their_order_and_can_be_dropped),
        cmocka_unit_test(test_nobody_there_breaks_every_call),
        cmocka_unit_test(test_an_answer_over_the_bound_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
