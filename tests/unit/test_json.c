/* The JSON writer: exact text for every kind of value, and any tree it writes
 * is read back the same by jansson. */
#include "base/rng.h"
#include "wire/json.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_values(void **state)
{
    struct buf out = {0};
    struct json_writer w;

    (void)state;
    json_init(&w, &out, 0);
    json_begin_array(&w);
    json_int(&w, INT64_MIN);
    json_int(&w, 0);
    json_uint(&w, UINT64_MAX);
    json_milli(&w, 4000);
    json_milli(&w, 100);
    json_milli(&w, -1250);
    json_milli(&w, 1);
    json_milli(&w, INT64_MIN);
    json_double(&w, 15.0);
    json_double(&w, 0.1);
    json_double(&w, 1e300);
    json_double(&w, -0.0);
    json_double(&w, (double)NAN);
    json_double(&w, -(double)INFINITY);
    json_bool(&w, true);
    json_nothing(&w);
    json_text(&w, NULL);
    json_raw(&w, bytes_of_text("{\"a\":1}"));
    json_begin_object(&w);
    json_end_object(&w);
    json_end_array(&w);
    assert_string_equal(
        buf_text(&out),
        "[-9223372036854775808,0,18446744073709551615,4.0,0.1,-1.25,0.001,"
        "-9223372036854775.808,15.0,0.1,1.0e+300,-0.0,\"NaN\",\"-Infinity\","
        "true,null,null,{\"a\":1},{}]");
    buf_release(&out);
}

static void writes(struct bytes text, const char *want)
{
    struct buf out = {0};
    struct json_writer w;

    json_init(&w, &out, 0);
    json_text_n(&w, text);
    assert_string_equal(buf_text(&out), want);
    buf_release(&out);
}

static void test_texts_are_ascii(void **state)
{
    (void)state;
    writes(bytes_of_text(""), "\"\"");
    writes(bytes_of_text("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    writes(bytes_of_text("\b\f\n\r\t\x01\x7f"),
           "\"\\b\\f\\n\\r\\t\\u0001\\u007f\"");
    writes(bytes_of("a\0b", 3), "\"a\\u0000b\"");
    writes(bytes_of_text("\xc3\xa9\xe2\x82\xac"), "\"\xc3\xa9\xe2\x82\xac\"");
    writes(bytes_of_text("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"");
    /* Not UTF-8: cut short, overlong, a surrogate, beyond the last. */
    writes(bytes_of_text("\xc3"), "\"\\ufffd\"");
    writes(bytes_of_text("\xc0\x80"), "\"\\ufffd\\ufffd\"");
    writes(bytes_of_text("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
    writes(bytes_of_text("\xf4\x90\x80\x80"),
           "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    writes(bytes_of_text("\xffz"), "\"\\ufffdz\"");
}

static void test_indented(void **state)
{
    struct buf out = {0};
    struct json_writer w;

    (void)state;
    json_init(&w, &out, 2);
    json_begin_object(&w);
    json_put_string(&w, "a", "x");
    json_key(&w, "b");
    json_begin_array(&w);
    json_int(&w, 1);
    json_begin_object(&w);
    json_put_bool(&w, "c", false);
    json_put_milli(&w, "d", 1500);
    json_end_object(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_end_array(&w);
    json_end_object(&w);
    assert_string_equal(buf_text(&out), "{\n"
                                        "  \"a\": \"x\",\n"
                                        "  \"b\": [\n"
                                        "    1,\n"
                                        "    {\n"
                                        "      \"c\": false,\n"
                                        "      \"d\": 1.5\n"
                                        "    },\n"
                                        "    []\n"
                                        "  ]\n"
                                        "}");
    buf_release(&out);
}

/* --- any tree ----------------------------------------------------------------
 */

static json_t *grow(struct rng *rng, int depth);

static json_t *grow_text(struct rng *rng)
{
    struct buf text = {0};
    uint64_t length = rng_below(rng, 12);

    for (uint64_t i = 0; i < length; i++) {
        static const char *const piece[] = {
            "a",        "\"",   "\\",
            "\n",       "/",    "\x1f",
            "\xc3\xa9", "\x7f", "\xf0\x9f\x98\x80"};
        buf_add_text(&text, piece[rng_below(rng, 9)]);
    }
    json_t *json = json_stringn(buf_text(&text), text.size);
    buf_release(&text);
    return json;
}

static json_t *grow_leaf(struct rng *rng)
{
    switch (rng_below(rng, 5)) {
    case 0:
        return json_integer((json_int_t)rng_next(rng));
    case 1: /* any magnitude */
        return json_real(ldexp((double)(int64_t)rng_next(rng),
                               (int)rng_below(rng, 400) - 200));
    case 2:
        return json_boolean(rng_below(rng, 2));
    case 3:
        return json_null();
    default:
        return grow_text(rng);
    }
}

static json_t *grow(struct rng *rng, int depth)
{
    uint64_t kind = depth > 8 ? 2 : rng_below(rng, 3);

    if (kind == 2)
        return grow_leaf(rng);
    json_t *all = kind == 0 ? json_array() : json_object();
    uint64_t count = rng_below(rng, 5);
    for (uint64_t i = 0; i < count; i++) {
        if (kind == 0) {
            json_array_append_new(all, grow(rng, depth + 1));
            continue;
        }
        json_t *key = grow_text(rng);
        json_object_set_new(all, json_string_value(key), grow(rng, depth + 1));
        json_decref(key);
    }
    return all;
}

static void write_tree(struct json_writer *w, json_t *tree)
{
    const char *key;
    json_t *value;
    size_t i;

    switch (json_typeof(tree)) {
    case JSON_OBJECT:
        json_begin_object(w);
        json_object_foreach(tree, key, value)
        {
            json_key(w, key);
            write_tree(w, value);
        }
        json_end_object(w);
        break;
    case JSON_ARRAY:
        json_begin_array(w);
        json_array_foreach(tree, i, value) write_tree(w, value);
        json_end_array(w);
        break;
    case JSON_STRING:
        json_text_n(
            w, bytes_of(json_string_value(tree), json_string_length(tree)));
        break;
    case JSON_INTEGER:
        json_int(w, json_integer_value(tree));
        break;
    case JSON_REAL:
        json_double(w, json_real_value(tree));
        break;
    case JSON_NULL:
        json_nothing(w);
        break;
    default:
        json_bool(w, json_is_true(tree));
    }
}

static void test_any_tree_reads_back(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 3);
    for (int round = 0; round < 500; round++) {
        struct buf out = {0};
        struct json_writer w;
        json_error_t error;
        json_t *tree = grow(&rng, 0);

        json_init(&w, &out, round % 3);
        write_tree(&w, tree);
        json_t *back = json_loadb(out.text, out.size, JSON_DECODE_ANY, &error);
        if (back == NULL)
            fail_msg("%s: %s", error.text, buf_text(&out));
        assert_true(json_equal(tree, back));
        for (size_t i = 0; w.indent == 0 && i < out.size; i++)
            assert_true(out.data[i] >= 0x20); /* one line */
        json_decref(tree);
        json_decref(back);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_texts_are_ascii),
        cmocka_unit_test(test_indented),
        cmocka_unit_test(test_any_tree_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
