/* Headers, queries and media types as plain values. */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_headers_have_names_in_any_case(void **state)
{
    const struct http_header header[] = {
        {"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
    const struct http_request request = {.header = header, .header_count = 3};

    (void)state;
    assert_string_equal(http_header(&request, "content-type"), "text/plain");
    assert_string_equal(http_header(&request, "X-a"), "1");
    assert_null(http_header(&request, "X-"));
    assert_null(http_header(&(struct http_request){0}, "X-A"));
}

static void asks(const char *query, const char *name, const char *want)
{
    struct arena arena;
    const struct http_request request = {.query = query};

    arena_init(&arena);
    const char *got = http_query(&request, name, &arena);
    if (want == NULL ? got != NULL : got == NULL || strcmp(got, want) != 0)
        fail_msg("?%s: %s is %s, want %s", query ? query : "", name,
                 got ? got : "absent", want ? want : "absent");
    arena_release(&arena);
}

static void test_queries_are_decoded(void **state)
{
    (void)state;
    asks(NULL, "a", NULL);
    asks("", "a", NULL);
    asks("a", "a", "");
    asks("a=", "a", "");
    asks("a=1", "a", "1");
    asks("a=1&a=2", "a", "1");
    asks("b=1;a=2", "a", "2");
    asks("aa=1&a=2", "a", "2");
    asks("&&a=2", "a", "2");
    asks("=1", "a", NULL);
    asks("path=%2Ftmp%2fa+b%20c", "path", "/tmp/a b c");
    asks("%70ath=x", "path", "x");
    asks("a=b=c", "a", "b=c");
    asks("a=%", "a", "%");
    asks("a=%4", "a", "%4");
    asks("a=%4&b=1", "a", "%4");
    asks("a=%zz", "a", "%zz");
    asks("a=x%00y", "a", "x%00y");
    asks("a=%c3%a9", "a", "\xc3\xa9");
}

static void test_exact_media_types(void **state)
{
    (void)state;
    assert_int_equal(media_type_exact("application/json"), MEDIA_JSON);
    assert_int_equal(media_type_exact("application/json; charset=utf-8"),
                     MEDIA_OTHER);
    assert_int_equal(media_type_exact(NULL), MEDIA_NONE);
}

static void test_media_types(void **state)
{
    static const struct {
        const char *value;
        enum media_type type;
    } row[] = {
        {NULL, MEDIA_NONE},
        {"application/json", MEDIA_JSON},
        {"Application/JSON; charset=utf-8", MEDIA_JSON},
        {" application/json ;x=y", MEDIA_JSON},
        {"application/x-protobuf", MEDIA_PROTOBUF},
        {"application/recordio", MEDIA_RECORDIO},
        {"text/plain", MEDIA_TEXT},
        {"text/plain; version=0.0.4", MEDIA_METRICS},
        {"text/html", MEDIA_HTML},
        {"application/octet-stream", MEDIA_BYTES},
        {"application/jsonx", MEDIA_OTHER},
        {"application/jso", MEDIA_OTHER},
        {"", MEDIA_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (media_type_parse(row[i].value) != row[i].type)
            fail_msg("'%s' is %d", row[i].value ? row[i].value : "(none)",
                     media_type_parse(row[i].value));
    for (enum media_type type = MEDIA_JSON; type <= MEDIA_BYTES; type++)
        assert_int_equal(media_type_parse(media_type_name(type)), type);
    assert_null(media_type_name(MEDIA_NONE));
}

static void test_accept(void **state)
{
    static const struct {
        const char *accept;
        enum media_type type;
    } row[] = {
        {NULL, MEDIA_JSON},
        {"", MEDIA_JSON},
        {" , ", MEDIA_JSON},
        {"*/*", MEDIA_JSON},
        {"application/*", MEDIA_JSON},
        {"application/json", MEDIA_JSON},
        {"application/x-protobuf", MEDIA_PROTOBUF},
        {"APPLICATION/X-PROTOBUF", MEDIA_PROTOBUF},
        {"application/x-protobuf, application/json;q=0.1", MEDIA_JSON},
        {"application/json;q=0, */*;q=0", MEDIA_OTHER},
        {"application/json; q=0.000, application/x-protobuf", MEDIA_PROTOBUF},
        {"application/json;q=0.001", MEDIA_JSON},
        {"text/html", MEDIA_OTHER},
        {"text/html, application/xml;q=0.9, */*;q=0.8", MEDIA_JSON},
        {"application/jsonp", MEDIA_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (media_type_accepted(row[i].accept) != row[i].type)
            fail_msg("'%s' accepts %d",
                     row[i].accept ? row[i].accept : "(none)",
                     media_type_accepted(row[i].accept));
}

static void test_ranges(void **state)
{
    static const struct {
        const char *text;
        int rc;
        int64_t first, last;
    } row[] = {
        {NULL, 0, 7, 7},
        {"bytes=0-3", 1, 0, 3},
        {"bytes=4-", 1, 4, 9},
        {"bytes=9-9", 1, 9, 9},
        {"bytes=2-99999999999999999999", 1, 2, 9},
        {"bytes=-3", 1, 7, 9},
        {"bytes=-30", 1, 0, 9},
        {"bytes=10-", -1, 7, 7},
        {"bytes=99999999999999999999-", -1, 7, 7},
        {"bytes=-0", -1, 7, 7},
        {"bytes=3-2", 0, 7, 7},
        {"bytes=0-1,3-4", 0, 7, 7},
        {"bytes=-", 0, 7, 7},
        {"bytes=", 0, 7, 7},
        {"bytes= 1-2", 0, 7, 7},
        {"bytes=1--2", 0, 7, 7},
        {"lines=1-2", 0, 7, 7},
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int64_t first = 7, last = 7;
        int rc = http_range(row[i].text, 10, &first, &last);
        if (rc != row[i].rc || first != row[i].first || last != row[i].last)
            fail_msg("'%s' is %d: %d to %d", row[i].text ? row[i].text : "", rc,
                     (int)first, (int)last);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(http_method_name(HTTP_GET), "GET");
    assert_string_equal(http_method_name(HTTP_OPTIONS), "OPTIONS");
    assert_string_equal(http_method_name(HTTP_OTHER), "OTHER");
    assert_string_equal(http_status_text(202), "Accepted");
    assert_string_equal(http_status_text(599), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_have_names_in_any_case),
        cmocka_unit_test(test_queries_are_decoded),
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_exact_media_types),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
