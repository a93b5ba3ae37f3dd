/* TLS: what is served and to whom, what our own connections believe, and what
 * becomes of files that are wrong or change. Certificates are made by openssl,
 * once for all tests. */
#include "daemon_fixture.h"

#include "sys/http_server.h"
#include "sys/tls.h"

#include <poll.h>
#include <sys/stat.h>

static char folder[] = "/tmp/perigee-tls.XXXXXX";

static const char *in(const char *name)
{
    static char path[8][128];
    static unsigned next;
    char *out = path[next++ % 8];

    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void shell(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char line[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (system(line) != 0)
        fail_msg("failed: %s", line);
}

static void make_ca(const char *name)
{
    shell("cd %s && openssl req -x509 -newkey ec -pkeyopt "
          "ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.pem -days 30 "
          "-subj '/CN=%s' 2>/dev/null",
          folder, name, name, name);
}

static void make(const char *name, const char *subject, const char *san,
                 const char *ca, int days)
{
    shell("cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
          "-nodes -keyout %s.key -out %s.csr -subj '%s' 2>/dev/null && "
          "printf 'subjectAltName=%s\n' >%s.ext && openssl x509 -req -in "
          "%s.csr -CA %s.pem -CAkey %s.key -CAcreateserial -out %s.pem -days "
          "%d -extfile %s.ext 2>/dev/null",
          folder, name, name, subject, san, name, name, ca, ca, name, days,
          name);
}

static int make_all(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    make_ca("ca");
    make_ca("other");
    make("server", "/CN=server", "IP:127.0.0.1,DNS:localhost", "ca", 30);
    make("stale", "/CN=stale", "IP:127.0.0.1,DNS:localhost", "ca", -1);
    make("elsewhere", "/CN=127.0.0.1", "IP:10.9.8.7,DNS:elsewhere", "ca", 30);
    make("alice", "/CN=alice", "DNS:alice", "ca", 30);
    make("late", "/CN=late", "DNS:late", "ca", -1);
    make("foreign", "/CN=alice", "DNS:alice", "other", 30);
    make("twins", "/CN=alice/CN=root", "DNS:twins", "ca", 30);
    make("nameless", "/O=Nobody", "DNS:nameless", "ca", 30);
    return 0;
}

static int drop_all(void **state)
{
    (void)state;
    return dir_remove(folder, NULL);
}

/* --- a server, and clients of every kind --- */

static int setup_tls(void **state)
{
    fixture_tls = (struct daemon_tls){.files = {xstrdup(in("server.pem")),
                                                xstrdup(in("server.key")),
                                                xstrdup(in("ca.pem"))}};
    return setup(state);
}

static int setup_strict(void **state)
{
    fixture_tls = (struct daemon_tls){.files = {xstrdup(in("server.pem")),
                                                xstrdup(in("server.key")),
                                                xstrdup(in("ca.pem"))},
                                      .wants_client = true,
                                      .open_path = "/get/"};
    return setup(state);
}

static int teardown_tls(void **state)
{
    int rc = teardown(state);

    free((char *)fixture_tls.files.cert);
    free((char *)fixture_tls.files.key);
    free((char *)fixture_tls.files.ca);
    fixture_tls = (struct daemon_tls){0};
    return rc;
}

/* Ask as `who` (NULL: nobody), believing `ca`. NULL when it was answered, with
 * the body in *f's arena, else why not. */
static const char *asks(struct fixture *f, const char *who, const char *ca,
                        const char *url, struct http_response *out)
{
    char cert[128] = "", key[128] = "";
    static struct err err;
    struct tls *tls = NULL;
    struct client *client = client_open();

    if (who != NULL) {
        snprintf(cert, sizeof cert, "%s/%s.pem", folder, who);
        snprintf(key, sizeof key, "%s/%s.key", folder, who);
    }
    struct tls_files files = {cert, key, ca};
    assert_int_equal(tls_open_client(&tls, &files, NULL), 0);
    client_set_tls(client, tls);
    err = (struct err){0};
    int rc = client_call(client, HTTP_GET, url, NULL, 0, bytes_of("", 0),
                         WAIT_MS, &f->arena, out, &err);
    client_close(client);
    tls_close(tls);
    return rc < 0 ? err.text : NULL;
}

static const char *url_of(const struct fixture *f, const char *path)
{
    static char url[160];

    snprintf(url, sizeof url, "%s%s", f->root, path);
    return url;
}

static void is_known_as(struct fixture *f, const char *who, const char *name)
{
    struct http_response r = {0};
    const char *why = asks(f, who, in("ca.pem"), url_of(f, "/who"), &r);

    if (why != NULL)
        fail_msg("%s", why);
    assert_int_equal(r.status, 200);
    assert_string_equal((const char *)r.body.data, name);
}

static void fails(struct fixture *f, const char *who, const char *ca,
                  const char *why)
{
    struct http_response r = {0};
    const char *said = asks(f, who, ca, url_of(f, "/who"), &r);

    assert_non_null(said);
    if (strstr(said, why) == NULL)
        fail_msg("wanted '%s', got '%s'", why, said);
}

static void test_a_client_is_known_by_its_certificate(void **state)
{
    struct fixture *f = *state;

    is_known_as(f, NULL, "nobody");
    is_known_as(f, "alice", "alice");
    is_known_as(f, "nameless", "nobody");
    is_known_as(f, "twins", "nobody"); /* which of them? */
}

static void test_a_certificate_that_does_not_stand_up_ends_it(void **state)
{
    struct fixture *f = *state;

    fails(f, "late", in("ca.pem"), "our certificate has expired");
    fails(f, "foreign", in("ca.pem"), "does not know the CA of our");
    is_known_as(f, NULL, "nobody");
}

static void test_the_server_is_checked(void **state)
{
    struct fixture *f = *state;
    struct http_response r = {0};
    char url[128];

    fails(f, NULL, in("other.pem"), "TLS: certificate of 127.0.0.1:");
    fails(f, NULL, NULL, "TLS: certificate of 127.0.0.1:");
    snprintf(url, sizeof url, "https://localhost:%d/who", f->port);
    assert_null(asks(f, NULL, in("ca.pem"), url, &r));
}

/* Files of a running daemon are changed, and seen without a signal. */
static void swap_in(struct fixture *f, const char *name, int signo)
{
    shell("cd %s && cp %s.key new && mv new server.key && cp %s.pem new && mv "
          "new server.pem",
          folder, name, name);
    if (signo != 0)
        kill(f->pid, signo);
}

static const char *becomes(struct fixture *f, const char *want)
{
    const char *said = "";

    for (int64_t end = clock_wall_ms() + WAIT_MS; clock_wall_ms() < end;) {
        struct http_response r = {0};
        said = asks(f, NULL, in("ca.pem"), url_of(f, "/who"), &r);
        if (said == NULL)
            said = "answered";
        if (strstr(said, want) != NULL)
            return NULL;
        poll(NULL, 0, 50);
    }
    return said;
}

static void test_changed_files_are_taken_and_bad_ones_are_not(void **state)
{
    struct fixture *f = *state;

    shell("cd %s && cp server.pem keep.pem && cp server.key keep.key", folder);
    is_known_as(f, NULL, "nobody");
    swap_in(f, "stale", 0);
    assert_null(becomes(f, "certificate has expired"));
    swap_in(f, "elsewhere", SIGHUP);
    assert_null(becomes(f, "IP address mismatch"));
    swap_in(f, "keep", SIGHUP);
    assert_null(becomes(f, "answered"));
    shell("echo nonsense >%s", in("server.pem"));
    kill(f->pid, SIGHUP);
    poll(NULL, 0, 1200); /* past the pause between two looks */
    assert_null(becomes(f, "answered"));
    swap_in(f, "keep", 0);
    is_known_as(f, "alice", "alice");
}

static void test_who_must_show_a_certificate(void **state)
{
    struct fixture *f = *state;
    struct http_response r = {0};

    assert_null(asks(f, NULL, in("ca.pem"), url_of(f, "/who"), &r));
    assert_int_equal(r.status, 403);
    assert_non_null(strstr((const char *)r.body.data, "client certificate"));
    assert_null(asks(f, NULL, in("ca.pem"), url_of(f, "/get/x"), &r));
    assert_int_equal(r.status, 404); /* an open path */
    assert_null(asks(f, NULL, in("ca.pem"), url_of(f, "/get"), &r));
    assert_int_equal(r.status, 403);
    assert_null(asks(f, "twins", in("ca.pem"), url_of(f, "/who"), &r));
    assert_int_equal(r.status, 403);
    is_known_as(f, "alice", "alice");
}

/* --- other tongues --- */

static int dial(struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 2 * TLS_HANDSHAKE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void test_plain_http_is_told_so(void **state)
{
    struct fixture *f = *state;
    struct http_response r = {0};
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%d/who", f->port);
    assert_null(asks(f, NULL, NULL, url, &r));
    assert_int_equal(r.status, 400);
    assert_non_null(strstr((const char *)r.body.data, "https://"));
}

static void test_noise_and_silence_end(void **state)
{
    struct fixture *f = *state;
    char got[512];
    int noisy = dial(f), silent = dial(f);
    int64_t began = clock_monotonic_ms();

    assert_int_equal(send(noisy, "\1\2\3\4\5\6\7\10noise", 13, MSG_NOSIGNAL),
                     13);
    while (recv(noisy, got, sizeof got, 0) > 0)
        ;
    assert_true(clock_monotonic_ms() - began < TLS_HANDSHAKE_MS / 2);
    assert_int_equal(recv(silent, got, sizeof got, 0), 0);
    assert_in_range(clock_monotonic_ms() - began, TLS_HANDSHAKE_MS - 500,
                    2 * TLS_HANDSHAKE_MS);
    close(noisy);
    close(silent);
    is_known_as(f, "alice", "alice");
}

static void test_no_tls_where_https_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct http_response r = {0};
    char url[128];
    const char *said;

    snprintf(url, sizeof url, "https://127.0.0.1:%d/who", f->port);
    said = asks(f, NULL, in("ca.pem"), url, &r);
    assert_non_null(said);
    assert_non_null(strstr(said, "TLS: "));
    assert_true(client_call(f->client, HTTP_GET, url, NULL, 0, bytes_of("", 0),
                            WAIT_MS, &f->arena, &r, NULL) < 0);
    snprintf(url, sizeof url, "https://127.0.0.1:1/who");
    said = asks(f, NULL, in("ca.pem"), url, &r);
    assert_non_null(strstr(said, "cannot connect: Connection refused"));
}

/* --- everything else still works behind it --- */

static void test_bodies_files_and_refusals_pass(void **state)
{
    struct fixture *f = *state;
    struct tls *tls = NULL;
    struct tls_files files = {NULL, NULL, in("ca.pem")};
    size_t size = 3 << 20;
    char *body = xcalloc(1, size + 1);
    struct http_response r;

    assert_int_equal(tls_open_client(&tls, &files, NULL), 0);
    client_set_tls(f->client, tls);
    memset(body, 'x', size);
    expect(f, "/put/big", body, 202, "");
    r = ask(f, HTTP_GET, "/get/big", bytes_of("", 0));
    assert_int_equal(r.body.size, size);
    r = ask(f, HTTP_GET, "/files/self", bytes_of("", 0));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.size, 200000);
    expect(f, "/get/none", "", 404, "none");
    r = ask(f, HTTP_POST, "/put/long", bytes_of(xcalloc(1, 9 << 20), 9 << 20));
    assert_int_equal(r.status, 413);
    assert_string_equal((const char *)r.body.data,
                        "request body: too long, want at most 8388608 bytes\n");
    client_close(f->client);
    tls_close(tls);
    f->client = client_open();
    free(body);
}

/* --- files --- */

static void refuses(const char *cert, const char *key, const char *ca,
                    bool is_server, enum err_code code, const char *text)
{
    struct tls_files files = {cert, key, ca};
    struct tls *tls = NULL;
    struct err err = {0};
    int rc = is_server ? tls_open_server(&tls, &files, &err)
                       : tls_open_client(&tls, &files, &err);

    assert_int_equal(rc, -(int)code);
    if (strstr(err.text, text) == NULL)
        fail_msg("wanted '%s', got '%s'", text, err.text);
}

static void test_files_that_are_wrong_are_named(void **state)
{
    const char *cert = in("alice.pem"), *key = in("alice.key");

    (void)state;
    refuses(NULL, NULL, NULL, true, ERR_INVALID, "wants a certificate");
    refuses(cert, NULL, NULL, false, ERR_INVALID, "the key is missing");
    refuses(NULL, key, NULL, false, ERR_INVALID, "the certificate is missing");
    refuses("/nowhere", key, NULL, true, ERR_NOT_FOUND,
            "TLS certificate /nowhere: No such file");
    refuses(cert, folder, NULL, true, ERR_INVALID, "want a file");
    refuses(key, key, NULL, true, ERR_INVALID, "TLS certificate");
    refuses(cert, in("late.key"), NULL, true, ERR_INVALID,
            "key values mismatch");
    refuses(cert, key, in("alice.key"), true, ERR_INVALID, "TLS CA");
    shell("cd %s && cp alice.key loose.key && chmod 644 loose.key", folder);
    refuses(cert, in("loose.key"), NULL, true, ERR_DENIED, "everybody may use");
    shell("cd %s && openssl ec -in alice.key -aes128 -passout pass:x -out "
          "locked.key 2>/dev/null && chmod 600 locked.key",
          folder);
    refuses(cert, in("locked.key"), NULL, true, ERR_INVALID, "TLS key");
    shell("cd %s && truncate -s 2M huge.pem", folder);
    refuses(in("huge.pem"), key, NULL, true, ERR_LIMIT, "longer than");
}

#define TLS_TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup_tls, teardown_tls)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(test_a_client_is_known_by_its_certificate),
        TLS_TEST(test_a_certificate_that_does_not_stand_up_ends_it),
        TLS_TEST(test_the_server_is_checked),
        TLS_TEST(test_changed_files_are_taken_and_bad_ones_are_not),
        cmocka_unit_test_setup_teardown(test_who_must_show_a_certificate,
                                        setup_strict, teardown_tls),
        TLS_TEST(test_plain_http_is_told_so),
        TLS_TEST(test_noise_and_silence_end),
        TEST(test_no_tls_where_https_is_asked_for),
        TLS_TEST(test_bodies_files_and_refusals_pass),
        cmocka_unit_test(test_files_that_are_wrong_are_named),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
