/* The daemon's shell from outside: turns, the store, streams, timers, calls. */
#include "daemon_fixture.h"

static void test_what_was_acknowledged_survives_kill(void **state)
{
    struct fixture *f = *state;

    expect(f, "/put/a", "one", 202, "");
    expect(f, "/put/b", "two", 202, "");
    expect(f, "/put/a", "three", 202, "");
    stop(f, SIGKILL);
    start(f);
    expect(f, "/get/a", "", 200, "three");
    expect(f, "/get/b", "", 200, "two");
    assert_int_equal(stop(f, SIGTERM), 0);
    start(f);
    expect(f, "/get/a", "", 200, "three");
}

static void test_stop_effect_gives_the_status_and_the_answer(void **state)
{
    struct fixture *f = *state;

    expect(f, "/stop", "", 200, "stopping");
    int status = 0;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

struct following {
    struct fixture *f;
    char seen[256];
    int count, want;
};

static bool on_record(void *context, struct bytes record)
{
    struct following *following = context;
    size_t used = strlen(following->seen);

    snprintf(following->seen + used, sizeof following->seen - used, "%.*s;",
             (int)record.size, (const char *)record.data);
    if (++following->count == 1) { /* from another connection, while we read */
        struct client *other = client_open();
        struct http_response r;
        struct arena arena;
        char url[128];
        arena_init(&arena);
        for (int i = 0; i < 3; i++) {
            snprintf(url, sizeof url, "%s/put/k%d", following->f->root, i);
            assert_int_equal(client_call(other, HTTP_POST, url, NULL, 0,
                                         bytes_of_text("value"), WAIT_MS,
                                         &arena, &r, NULL),
                             0);
        }
        snprintf(url, sizeof url, "%s/unfollow", following->f->root);
        assert_int_equal(client_call(other, HTTP_POST, url, NULL, 0,
                                     bytes_of("", 0), WAIT_MS, &arena, &r,
                                     NULL),
                         0);
        arena_release(&arena);
        client_close(other);
    }
    return following->count != following->want;
}

static int follow(struct fixture *f, struct following *following)
{
    struct http_response response = {0};
    char url[128];
    struct err err = {0};

    following->f = f;
    snprintf(url, sizeof url, "%s/follow", f->root);
    int status =
        client_follow(f->client, url, NULL, 0, bytes_of("", 0), WAIT_MS,
                      on_record, following, &f->arena, &response, &err);
    assert_int_equal(response.status, 200);
    return status;
}

static void test_a_stream_carries_records_and_ends(void **state)
{
    struct following following = {.want = -1};

    assert_int_equal(follow(*state, &following), 0);
    assert_string_equal(following.seen, "hello;value;value;value;");
}

static void test_a_follower_may_stop(void **state)
{
    struct fixture *f = *state;
    struct following following = {.want = 2};

    assert_int_equal(follow(f, &following), 0);
    assert_string_equal(following.seen, "hello;value;");
    expect(f, "/get/k0", "", 200, "value");
}

static void test_timers_ring(void **state)
{
    int64_t began = clock_monotonic_ns();
    expect(*state, "/alarm", "", 200, "rang");
    assert_true(clock_monotonic_ns() - began >= 25000000);
}

static void test_the_program_can_call(void **state)
{
    struct fixture *f = *state;
    char url[128];

    snprintf(url, sizeof url, "%s/put/relay", f->root);
    expect(f, "/relay", url, 200, "answer 202 ");
    expect(f, "/get/relay", "", 200, "relayed");
    expect(f, "/relay", "http://127.0.0.1:1/x", 200,
           "broken: cannot connect: Connection refused");
    expect(f, "/relay", "ftp://x", 200,
           "broken: url 'ftp://x': want http://host:port/path");
}

static void test_paths_and_queries_come_decoded(void **state)
{
    struct fixture *f = *state;

    expect(f, "/echo?a=%20b&c", "", 200, "GET /echo?a=%20b&c 0");
    expect(f, "/%65cho", "12345", 200, "POST /echo? 5");
    expect(f, "/%zz", "", 400, "path: want two hexadecimal digits behind '%'");
    expect(f, "/%00", "", 400, "path: a zero byte is not allowed");
}

static void test_metrics_are_served(void **state)
{
    struct fixture *f = *state;
    struct http_response r;

    expect(f, "/put/a", "one", 202, "");
    r = ask(f, HTTP_GET, "/metrics", bytes_of("", 0));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.type, MEDIA_METRICS);
    assert_non_null(strstr((const char *)r.body.data, "pad_commits_total 1"));
    r = ask(f, HTTP_GET, "/metrics/snapshot", bytes_of("", 0));
    assert_int_equal(r.type, MEDIA_JSON);
}

static void test_a_file_region_is_sent(void **state)
{
    struct fixture *f = *state;
    struct http_response r = ask(f, HTTP_GET, "/files/self", bytes_of("", 0));
    struct buf self = {0};

    assert_int_equal(r.status, 200);
    assert_int_equal(file_read("/proc/self/exe", 100 << 20, &self, NULL), 0);
    assert_int_equal(r.body.size, 200000);
    assert_memory_equal(r.body.data, self.data + 4, 200000);
    buf_release(&self);
    expect(f, "/files/other", "", 404, "no /files/other");
}

static void test_a_full_disk_stops_the_daemon_in_words(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small = {0, 0};
    struct http_response r = {0};
    char url[128];
    int status;

    /* A file that may not grow stands for a disk that is full. */
    stop(f, SIGTERM);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){3 << 20, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    start(f);
    setrlimit(RLIMIT_FSIZE, &before);
    expect(f, "/put/a", "one", 202, "");
    char *big = xcalloc(1, 4 << 20);
    snprintf(url, sizeof url, "%s/put/big", f->root);
    assert_int_equal(client_call(f->client, HTTP_POST, url, NULL, 0,
                                 bytes_of(big, 4 << 20), WAIT_MS, &f->arena, &r,
                                 NULL),
                     -ERR_NETWORK); /* not acknowledged */
    free(big);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    start(f);
    expect(f, "/get/a", "", 200, "one");
    expect(f, "/get/big", "", 404, "none");
}

static void test_a_port_in_use_is_named(void **state)
{
    struct fixture *f = *state;
    struct daemon_config config = {.ip = "127.0.0.1", .port = f->port};
    struct daemon *d;
    struct err err = {0};
    char want[128];

    snprintf(want, sizeof want,
             "cannot listen on 127.0.0.1:%d: Address already in use", f->port);
    assert_true(daemon_open(&d, &config, &pad_program, NULL, &err) < 0);
    assert_string_equal(err.text, want);
    assert_non_null(strstr(err.hint, "--port"));
}

static void test_a_store_in_use_is_named(void **state)
{
    struct fixture *f = *state;
    struct daemon_config config = {.ip = "127.0.0.1", .store_dir = f->store};
    struct daemon *d;
    struct err err = {0};

    assert_int_equal(daemon_open(&d, &config, &pad_program, NULL, &err),
                     -ERR_BUSY);
    assert_non_null(strstr(err.text, "has it open"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_acknowledged_survives_kill),
        TEST(test_stop_effect_gives_the_status_and_the_answer),
        TEST(test_a_stream_carries_records_and_ends),
        TEST(test_a_follower_may_stop),
        TEST(test_timers_ring),
        TEST(test_the_program_can_call),
        TEST(test_paths_and_queries_come_decoded),
        TEST(test_metrics_are_served),
        TEST(test_a_file_region_is_sent),
        TEST(test_a_full_disk_stops_the_daemon_in_words),
        TEST(test_a_port_in_use_is_named),
        TEST(test_a_store_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
