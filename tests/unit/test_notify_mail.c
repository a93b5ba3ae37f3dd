/* Mails: what stands in headers and body, and what never can. */
#include "aurora/notify_mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct buf compose(const char *subject, const char *text)
{
    struct buf out = {0};
    struct mail mail = {.from = "perigee@here",
                        .to = "web@there",
                        .id = "7-1",
                        .subject = subject,
                        .text = bytes_of_text(text),
                        .at_ms = INT64_C(1700000000000)};

    mail_compose(&mail, &out);
    return out;
}

/* Every line ends with CRLF, and has at most 998 bytes; so long is no header
 * and no body of ours. */
static void check_lines(const struct buf *mail, size_t most)
{
    const char *line = mail->text;

    while (*line) {
        const char *end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true((size_t)(end - line) <= most);
        assert_null(memchr(line, '\n', (size_t)(end - line)));
        line = end + 2;
    }
}

static void expect_body(const char *text, const char *body)
{
    struct buf mail = compose("x", text);
    const char *begin = strstr(mail.text, "\r\n\r\n");

    check_lines(&mail, 78);
    assert_string_equal(begin + 4, body);
    buf_release(&mail);
}

static void test_the_body_is_quoted(void **unused)
{
    (void)unused;
    expect_body("hello", "hello\r\n");
    expect_body("a\nb\r\nc", "a\r\nb\r\nc\r\n");
    expect_body("1 = 1", "1 =3D 1\r\n");
    expect_body("caf\xc3\xa9", "caf=C3=A9\r\n");
    expect_body("end \nnext\t", "end=20\r\nnext=09\r\n");
    /* What SMTP and mailboxes would take for something else. */
    expect_body(".\n.\nFrom me", "=2E\r\n=2E\r\n=46rom me\r\n");
    expect_body("a\rb", "a=0Db\r\n");
    expect_body("0123456789012345678901234567890123456789012345678901234567890"
                "12345678901234567890",
                "012345678901234567890123456789012345678901234567890123456789"
                "012345678901234=\r\n56"
                "7890\r\n");
}

static void test_a_subject_is_one_header(void **unused)
{
    static const struct {
        const char *subject, *header;
    } row[] = {
        {"plain text", "\r\nSubject: plain text\r\n"},
        {"a\r\nBcc: all@there", "\r\nSubject: a  Bcc: all@there\r\n"},
        {"caf\xc3\xa9", "\r\nSubject: =?UTF-8?B?Y2Fmw6k=?=\r\n"},
        {"=?UTF-8?Q?x?=", "\r\nSubject: =?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?=\r\n"},
        {"", "\r\nSubject: \r\n"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct buf mail = compose(row[i].subject, "x");
        check_lines(&mail, 998);
        assert_non_null(strstr(mail.text, row[i].header));
        assert_null(strstr(mail.text, "\r\nBcc:"));
        buf_release(&mail);
    }
}

/* Words of at most 75 characters, none with half a character. */
static void test_a_long_subject_is_folded(void **unused)
{
    struct buf subject = {0};

    (void)unused;
    for (int i = 0; i < 400; i++)
        buf_add_text(&subject, "\xe2\x82\xac");
    struct buf mail = compose(buf_text(&subject), "x");
    check_lines(&mail, 90);
    assert_non_null(strstr(mail.text, "?=\r\n =?UTF-8?B?4oKs"));
    buf_release(&mail);
    buf_release(&subject);
}

static void test_addresses(void **unused)
{
    static const char *const fine[] = {"a@b", "a.b+c@d-e.org", "x_y@[1"};
    static const char *const bad[] = {
        "",           "a",     "@b",   "a@",    "a@b@c",
        "a b@c",      "a@b>",  "<a@b", "a,b@c", "a@b\r\nRCPT",
        "a@\xc3\xa9", "a\"@b", "a:@b", "a;x@b", "a@b\x7f"};

    (void)unused;
    for (size_t i = 0; i < 2; i++)
        assert_true(mail_address_ok(fine[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(mail_address_ok(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_body_is_quoted),
        cmocka_unit_test(test_a_subject_is_one_header),
        cmocka_unit_test(test_a_long_subject_is_folded),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
