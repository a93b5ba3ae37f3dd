/* Effects own what they carry: whatever the caller does with its memory
 * afterwards, the list says the same. */
#include "wire/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int set_up(void **state)
{
    static struct effects fx; /* one test at a time */

    effects_init(&fx);
    *state = &fx;
    return 0;
}

static int tear_down(void **state)
{
    effects_release(*state);
    return 0;
}

static bool says(struct bytes bytes, const char *text)
{
    return bytes_equal_text(bytes, text);
}

static void test_records_are_copied(void **state)
{
    struct effects *fx = *state;
    char key[] = "key", value[] = "value", record[] = "record";

    effect_persist(fx, "table", bytes_of_text(key), bytes_of_text(value));
    effect_persist(fx, "table", bytes_of_text(key), (struct bytes){NULL, 0});
    effect_forget(fx, "table", bytes_of_text(key));
    effect_record(fx, 7, bytes_of_text(record));
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    memset(record, 'x', 6);
    assert_int_equal(fx->count, 4);
    assert_int_equal(fx->item[0].kind, EFFECT_PERSIST);
    assert_string_equal(fx->item[0].persist.table, "table");
    assert_true(says(fx->item[0].persist.key, "key"));
    assert_true(says(fx->item[0].bytes, "value"));
    /* An empty value is kept, no value deletes. */
    assert_non_null(fx->item[1].bytes.data);
    assert_int_equal(fx->item[1].bytes.size, 0);
    assert_null(fx->item[2].bytes.data);
    assert_true(says(fx->item[2].persist.key, "key"));
    assert_int_equal(fx->item[3].kind, EFFECT_RECORD);
    assert_int_equal(fx->item[3].exchange, 7);
    assert_true(says(fx->item[3].bytes, "record"));
}

static void test_responses_are_copied(void **state)
{
    struct effects *fx = *state;
    char name[] = "X-A", value[] = "1", body[] = "body";
    struct http_header header = {name, value};
    struct http_response response = {.status = 200,
                                     .type = MEDIA_JSON,
                                     .header = &header,
                                     .header_count = 1,
                                     .body = bytes_of_text(body)};

    effect_reply_full(fx, 1, &response);
    effect_stream(fx, 2, &response);
    effect_reply(fx, 3, 202, MEDIA_NONE, (struct bytes){NULL, 0});
    memset(name, 'x', 3);
    memset(value, 'x', 1);
    memset(body, 'x', 4);
    header = (struct http_header){NULL, NULL};
    for (int i = 0; i < 2; i++) {
        const struct effect *e = &fx->item[i];
        assert_int_equal(e->kind, i == 0 ? EFFECT_REPLY : EFFECT_STREAM);
        assert_int_equal(e->response.status, 200);
        assert_int_equal(e->response.header_count, 1);
        assert_string_equal(e->response.header[0].name, "X-A");
        assert_string_equal(e->response.header[0].value, "1");
        assert_true(says(e->response.body, "body"));
        assert_true(says(e->bytes, "body"));
    }
    assert_int_equal(fx->item[2].response.status, 202);
    assert_int_equal(fx->item[2].response.body.size, 0);
}

static void test_calls_are_copied(void **state)
{
    struct effects *fx = *state;
    char url[] = "http://h:1/p", body[] = "body";
    struct http_header header[2] = {{"A", "1"}, {"B", "2"}};

    effect_call(fx, 4, url, header, 2, bytes_of_text(body), 5000);
    effect_follow(fx, 5, url, NULL, 0, bytes_of_text(body));
    effect_hangup(fx, 5);
    effect_close(fx, 6);
    memset(url, 'x', sizeof url - 1);
    memset(body, 'x', 4);
    memset(header, 0, sizeof header);
    assert_int_equal(fx->item[0].kind, EFFECT_CALL);
    assert_string_equal(fx->item[0].call.url, "http://h:1/p");
    assert_int_equal(fx->item[0].call.method, HTTP_POST);
    assert_string_equal(fx->item[0].call.header[1].name, "B");
    assert_int_equal(fx->item[0].call.timeout_ms, 5000);
    assert_true(says(fx->item[0].bytes, "body"));
    assert_int_equal(fx->item[1].kind, EFFECT_FOLLOW);
    assert_int_equal(fx->item[1].call.header_count, 0);
    assert_int_equal(fx->item[1].call.timeout_ms, 0);
    assert_int_equal(fx->item[2].kind, EFFECT_HANGUP);
    assert_int_equal(fx->item[3].kind, EFFECT_CLOSE);
    assert_int_equal(fx->item[3].exchange, 6);
}

/* Short texts and those longer than any buffer on the way. */
static void test_texts_have_any_length(void **state)
{
    struct effects *fx = *state;
    char text[2000];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t size = 505; size < 520; size++) {
        effect_log(fx, 1, "%.*s", (int)size, text);
        assert_int_equal(fx->item[fx->count - 1].bytes.size, size);
        assert_memory_equal(fx->item[fx->count - 1].bytes.data, text, size);
        assert_int_equal(fx->item[fx->count - 1].bytes.data[size], 0);
    }
    effect_reply_text(fx, 9, 400, "no '%s'", text);
    const struct effect *e = &fx->item[fx->count - 1];
    assert_int_equal(e->response.type, MEDIA_TEXT);
    assert_int_equal(e->response.body.size, sizeof text - 1 + 5);
    effect_log(fx, 2, "%s", "");
    assert_int_equal(fx->item[fx->count - 1].bytes.size, 0);
}

static void test_acts_are_copied(void **state)
{
    struct effects *fx = *state;
    struct {
        int a;
        long b;
    } data = {1, 2};

    effect_act(fx, 3, &data, sizeof data);
    data.a = 9;
    effect_act(fx, 4, NULL, 0);
    effect_stop(fx, 2);
    assert_int_equal(fx->item[0].act.kind, 3);
    assert_int_equal(*(const int *)fx->item[0].act.data, 1);
    assert_null(fx->item[1].act.data);
    assert_int_equal(fx->item[2].kind, EFFECT_STOP);
    assert_int_equal(fx->item[2].status, 2);
}

static void test_a_cleared_list_begins_anew(void **state)
{
    struct effects *fx = *state;

    for (int round = 0; round < 50; round++) {
        char text[32];
        for (int i = 0; i < 100; i++) {
            snprintf(text, sizeof text, "%d/%d", round, i);
            effect_record(fx, (exchange_id)i, bytes_of_text(text));
        }
        assert_int_equal(fx->count, 100);
        snprintf(text, sizeof text, "%d/57", round);
        assert_true(says(fx->item[57].bytes, text));
        effects_clear(fx);
        assert_int_equal(fx->count, 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_records_are_copied), TEST(test_responses_are_copied),
        TEST(test_calls_are_copied),   TEST(test_texts_have_any_length),
        TEST(test_acts_are_copied),    TEST(test_a_cleared_list_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
