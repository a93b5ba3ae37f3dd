/* What the server does with requests of every kind, spoken over raw sockets. */
#include "daemon_fixture.h"

#include "sys/http_server.h"

#include <dirent.h>

static int dial(struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Read until the text appears; fails when the connection ends before. */
static void hear(int fd, const char *text)
{
    char got[16384] = "";
    size_t size = 0;

    while (strstr(got, text) == NULL) {
        ssize_t more = recv(fd, got + size, sizeof got - 1 - size, 0);
        if (more <= 0)
            fail_msg("wanted '%s', got '%s'", text, got);
        size += (size_t)more;
        got[size] = 0;
    }
}

static void hear_end(int fd)
{
    char got[4096];
    ssize_t more;
    while ((more = recv(fd, got, sizeof got, 0)) > 0)
        ;
    assert_true(more == 0 || errno == ECONNRESET);
}

static void raw(struct fixture *f, const char *request, const char *answer)
{
    int fd = dial(f);
    say(fd, request);
    hear(fd, answer);
    close(fd);
}

static void test_odd_requests_get_clear_answers(void **state)
{
    struct fixture *f = *state;
    struct buf huge = {0};

    raw(f,
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "POST /echo? 5");
    raw(f,
        "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\n"
        "Content-Length: 3\r\n\r\n",
        "HTTP/1.1 100 Continue");
    raw(f, "GET /echo HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK");
    raw(f, "GET http://h:1/echo?x HTTP/1.1\r\n\r\n", "GET /echo?x 0");
    raw(f, "PATCH /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "PATCH /echo? 0");
    raw(f,
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n"
        "Content-Length: 4\r\n\r\nabcd",
        "given more than once");
    raw(f,
        "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nDate: ");
    raw(f, "POST /echo HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 413");
    raw(f, "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400");
    raw(f, "NONSENSE\r\n\r\n", "request: want well-formed HTTP/1.1");
    raw(f, "BREW /echo HTTP/1.1\r\n\r\n", "HTTP/1.1 501");
    raw(f, "PATCH /echo HTTP/1.1\r\n\r\n", "PATCH /echo? 0");
    raw(f,
        "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\n"
        "Content-Length: 99999999\r\n\r\n",
        "request body: too long, want at most 8388608 bytes");
    buf_add_text(&huge, "GET /echo?");
    for (int i = 0; i < 5000; i++)
        buf_add_char(&huge, 'q');
    buf_add_text(&huge, " HTTP/1.1\r\n\r\n");
    raw(f, buf_text(&huge), "HTTP/1.1 414");
    buf_release(&huge);
    expect(f, "/echo", "", 200, "GET /echo? 0");
}

static void test_a_long_body_is_refused_while_it_is_sent(void **state)
{
    struct fixture *f = *state;
    size_t size = 100 << 20;
    char *body = xcalloc(1, size);
    struct http_response r;

    r = ask(f, HTTP_POST, "/put/long", bytes_of(body, size));
    assert_int_equal(r.status, 413);
    assert_string_equal((const char *)r.body.data,
                        "request body: too long, want at most 8388608 bytes\n");
    free(body);
    expect(f, "/get/long", "", 404, "none");
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);

    say(fd, "POST /put/p HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
            "GET /get/p HTTP/1.1\r\n\r\n"
            "GET /echo HTTP/1.1\r\n\r\n");
    hear(fd, "GET /echo? 0");
    close(fd);
}

static void test_a_body_cut_short_changes_nothing(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);

    say(fd, "POST /put/cut HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
    shutdown(fd, SHUT_WR);
    hear_end(fd);
    close(fd);
    expect(f, "/get/cut", "", 404, "none");
}

static void wait_gone(struct fixture *f, const char *want)
{
    for (int64_t end = clock_wall_ms() + WAIT_MS; clock_wall_ms() < end;) {
        struct http_response r = ask(f, HTTP_GET, "/gone", bytes_of("", 0));
        if (strcmp((const char *)r.body.data, want) == 0)
            return;
    }
    fail_msg("nobody noticed that the other side left");
}

static void test_who_leaves_is_noticed(void **state)
{
    struct fixture *f = *state;
    int held = dial(f), stream = dial(f);

    say(held, "GET /hold HTTP/1.1\r\n\r\n");
    say(stream, "POST /follow HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    hear(stream, "5\nhello");
    close(held);
    wait_gone(f, "1");
    close(stream);
    wait_gone(f, "2");
}

static void test_a_slow_reader_is_dropped(void **state)
{
    struct fixture *f = *state;
    int stream = dial(f);

    say(stream, "POST /follow HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    hear(stream, "5\nhello");
    expect(f, "/flood", "", 200, "flooded");
    wait_gone(f, "1");
    hear_end(stream);
    close(stream);
}

static void test_a_slow_reader_gets_its_last_words(void **state)
{
    struct fixture *f = *state;
    int stream = dial(f);
    char tail[64] = "", in[65536];
    ssize_t got;

    say(stream, "POST /warned HTTP/1.1\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n");
    hear(stream, "5\nhello");
    expect(f, "/flood", "", 200, "flooded");
    wait_gone(f, "1");
    while ((got = recv(stream, in, sizeof in, 0)) > 0) {
        size_t keep = got < 40 ? (size_t)got : 40;
        memmove(tail, tail + keep, sizeof tail - keep);
        memcpy(tail + sizeof tail - keep, in + got - (ssize_t)keep, keep);
    }
    assert_non_null(memmem(tail, sizeof tail, "4\nslow\r\n0\r\n\r\n", 13));
    close(stream);
}

static void test_http_1_0_streams_end_with_the_connection(void **state)
{
    struct fixture *f = *state;
    int stream = dial(f);

    say(stream, "POST /follow HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    hear(stream, "\r\n\r\n5\nhello");
    expect(f, "/unfollow", "", 200, "bye");
    hear_end(stream);
    close(stream);
}

static int count_descriptors(pid_t pid)
{
    char path[64];
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2;
}

/* Those beyond the limit are served when others have left. */
static void test_connections_are_bounded(void **state)
{
    struct fixture *f = *state;
    enum { MORE = CONNECTIONS_MAX + HTTP_DESCRIPTORS_SPARE + 50 };
    int fd[MORE];

    for (int i = 0; i < MORE; i++)
        fd[i] = dial(f);
    say(fd[0], "GET /echo HTTP/1.1\r\n\r\n");
    hear(fd[0], "GET /echo? 0");
    assert_true(count_descriptors(f->pid) <=
                CONNECTIONS_MAX + HTTP_DESCRIPTORS_SPARE + 2);
    say(fd[MORE - 1], "GET /echo HTTP/1.1\r\n\r\n");
    for (int i = 0; i < MORE / 2; i++)
        close(fd[i]);
    hear(fd[MORE - 1], "GET /echo? 0");
    for (int i = MORE / 2; i < MORE; i++)
        close(fd[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_odd_requests_get_clear_answers),
        TEST(test_a_long_body_is_refused_while_it_is_sent),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_a_body_cut_short_changes_nothing),
        TEST(test_connections_are_bounded),
        TEST(test_who_leaves_is_noticed),
        TEST(test_a_slow_reader_is_dropped),
        TEST(test_a_slow_reader_gets_its_last_words),
        TEST(test_http_1_0_streams_end_with_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
