/* Resources and attributes between the wire and plain values: every format
 * there and back, and what is refused. */
#include "base/rng.h"
#include "wire/codec.h"
#include "wire/values.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

typedef Mesos__V1__Offer__Operation__Reserve List; /* of resources */

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static const void *message(const ProtobufCMessageDescriptor *type,
                           const char *json)
{
    ProtobufCMessage *out;
    struct err err = {0};

    if (codec_decode(type, "X", MEDIA_JSON, bytes_of_text(json), &arena, &out,
                     &err) < 0)
        fail_msg("%s", err.text);
    return out;
}

/* The resources of "[{...},...]". */
static int decode(const char *json, struct resources *out, struct err *err)
{
    const List *list =
        message(&mesos__v1__offer__operation__reserve__descriptor,
                arena_printf(&arena, "{\"resources\":%s}", json));

    return resources_decode(list->resources, list->n_resources, out, err);
}

static const char *encoded(const struct resources *r,
                           enum resource_format format)
{
    List list = MESOS__V1__OFFER__OPERATION__RESERVE__INIT;
    struct buf out = {0};

    list.resources = resources_encode(r, format, &arena, &list.n_resources);
    codec_encode(&list.base, MEDIA_JSON, &out);
    const char *text = arena_strdup(&arena, buf_text(&out));
    buf_release(&out);
    return text;
}

/* --- formats -----------------------------------------------------------------
 */

#define CPUS "\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5}"

static void becomes(const char *json, const char *print, const char *old,
                    const char *multi_role, const char *refined)
{
    struct resources r;
    struct err err = {0};
    struct buf out = {0};
    const char *const want[] = {old, multi_role, refined};

    if (decode(json, &r, &err) < 0)
        fail_msg("%s", err.text);
    resources_check(&r);
    resources_print(&r, &out);
    assert_string_equal(buf_text(&out), print);
    for (int format = RESOURCE_FORMAT_OLD; format <= RESOURCE_FORMAT_REFINED;
         format++)
        assert_string_equal(
            encoded(&r, (enum resource_format)format),
            arena_printf(&arena, "{\"resources\":[{%s}]}", want[format]));
    buf_release(&out);
    resources_release(&r);
}

static void test_a_resource_in_every_format(void **state)
{
    (void)state;
    becomes("[{" CPUS "}]", "cpus:1.5", CPUS ",\"role\":\"*\"",
            CPUS ",\"role\":\"*\"", CPUS);
    becomes("[{" CPUS ",\"allocation_info\":{\"role\":\"web\"}}]",
            "cpus(allocated: web):1.5", CPUS ",\"role\":\"*\"",
            CPUS ",\"role\":\"*\",\"allocation_info\":{\"role\":\"web\"}",
            CPUS ",\"allocation_info\":{\"role\":\"web\"}");
    becomes("[{" CPUS ",\"role\":\"web\"}]",
            "cpus(reservations: [(STATIC,web)]):1.5", CPUS ",\"role\":\"web\"",
            CPUS ",\"role\":\"web\"",
            CPUS ",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"web\"}]");
    becomes("[{" CPUS ",\"role\":\"web\",\"reservation\":{\"principal\":"
            "\"p\"}}]",
            "cpus(reservations: [(DYNAMIC,web,p)]):1.5",
            CPUS ",\"role\":\"web\",\"reservation\":{\"principal\":\"p\"}",
            CPUS ",\"role\":\"web\",\"reservation\":{\"principal\":\"p\"}",
            CPUS ",\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\","
                 "\"principal\":\"p\"}]");
}

static void test_ports_come_first_and_sets_last(void **state)
{
    struct resources r;
    struct err err = {0};

    (void)state;
    assert_int_equal(resources_parse("zone:{b,a};mem:32;cpus:1;ports:[5-9,1-2]",
                                     NULL, &r, &err),
                     0);
    assert_string_equal(
        encoded(&r, RESOURCE_FORMAT_REFINED),
        "{\"resources\":["
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":["
        "{\"begin\":1,\"end\":2},{\"begin\":5,\"end\":9}]}},"
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0}},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32.0}},"
        "{\"name\":\"zone\",\"type\":\"SET\",\"set\":{\"item\":[\"a\",\"b\"]}}"
        "]}");
    resources_release(&r);
}

/* --- any collection ----------------------------------------------------------
 */

/* One random entry as JSON; refined stacks only when asked for. */
static void grow(struct rng *rng, bool is_refined, struct buf *out)
{
    static const char *const scalar[] = {"cpus", "mem", "disk", "gpus", "x"};
    static const char *const role[] = {"web", "web/a", "ads"};

    switch (rng_below(rng, 4)) {
    case 0: {
        uint64_t begin = rng_below(rng, 60000);
        buf_addf(out,
                 "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{"
                 "\"range\":[{\"begin\":%" PRIu64 ",\"end\":%" PRIu64 "}]}",
                 begin, begin + rng_below(rng, 900));
        break;
    }
    case 1:
        buf_addf(out,
                 "{\"name\":\"zone\",\"type\":\"SET\",\"set\":{\"item\":["
                 "\"z%u\",\"y%u\"]}",
                 (unsigned)rng_below(rng, 9), (unsigned)rng_below(rng, 9));
        break;
    default:
        buf_addf(out,
                 "{\"name\":\"%s\",\"type\":\"SCALAR\",\"scalar\":{\"value\":"
                 "%.3f}",
                 scalar[rng_below(rng, 5)],
                 (double)rng_below(rng, 1000000000) / 1000.0);
    }
    const char *one = role[rng_below(rng, 3)];
    uint64_t kind = rng_below(rng, is_refined ? 4 : 3);
    if (kind == 1)
        buf_addf(out, ",\"role\":\"%s\"", one);
    else if (kind == 2)
        buf_addf(out, ",\"role\":\"%s\",\"reservation\":{\"principal\":\"p\"}",
                 one);
    else if (kind == 3)
        buf_add_text(out,
                     ",\"reservations\":[{\"type\":\"STATIC\",\"role\":"
                     "\"web\"},{\"type\":\"DYNAMIC\",\"role\":\"web/a\"}]");
    if (rng_below(rng, 2))
        buf_addf(out, ",\"allocation_info\":{\"role\":\"%s\"}", one);
    if (rng_below(rng, 4) == 0)
        buf_add_text(out, ",\"revocable\":{}");
    buf_add_char(out, '}');
}

/* What a format shows is read back the same: all of it when it is refined, all
 * of stacks of one when there are roles. */
static void test_any_collection_comes_back(void **state)
{
    struct rng rng;

    (void)state;
    rng_seed(&rng, 11);
    for (int round = 0; round < 500; round++) {
        bool is_refined = round % 2;
        enum resource_format format =
            is_refined ? RESOURCE_FORMAT_REFINED : RESOURCE_FORMAT_MULTI_ROLE;
        struct resources r, back;
        struct err err = {0};
        struct buf json = {0};
        uint64_t count = rng_below(&rng, 12);
        size_t n;

        buf_add_char(&json, '[');
        for (uint64_t i = 0; i < count; i++) {
            if (i > 0)
                buf_add_char(&json, ',');
            grow(&rng, is_refined, &json);
        }
        buf_add_char(&json, ']');
        if (decode(buf_text(&json), &r, &err) < 0)
            fail_msg("%s: %s", err.text, buf_text(&json));
        resources_check(&r);
        Mesos__V1__Resource **list = resources_encode(&r, format, &arena, &n);
        assert_int_equal(resources_decode(list, n, &back, &err), 0);
        resources_check(&back);
        assert_true(resources_equal(&r, &back));
        resources_release(&r);
        resources_release(&back);
        buf_release(&json);
        arena_clear(&arena);
    }
}

/* --- refusals ----------------------------------------------------------------
 */

static void refuses(const char *json, int code, const char *part)
{
    struct resources out = {.count = 77};
    struct err err = {0};

    assert_int_equal(decode(json, &out, &err), -code);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
    assert_int_equal(out.count, 77); /* written on success only */
}

#define RANGES(list)                                       \
    "[{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":" \
    "{\"range\":[" list "]}}]"
#define SCALAR(number)                                     \
    "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{" \
    "\"value\":" number "}}]"
/* Three ranges do not fit inline: what is refused later must be given back. */
#define LARGE                                                                 \
    "\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":["          \
    "{\"begin\":1,\"end\":2},{\"begin\":4,\"end\":5},{\"begin\":7,\"end\":8}" \
    "]}"

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuses("[{\"name\":\"cpus\",\"type\":\"SCALAR\"}]", ERR_INVALID,
            "missing value");
    refuses("[{\"name\":\"cpus\",\"type\":\"SET\"}]", ERR_INVALID,
            "missing value");
    refuses("[{\"name\":\"cpus\",\"type\":\"RANGES\"}]", ERR_INVALID,
            "want 1 to");
    refuses("[{\"name\":\"cpus\",\"type\":\"TEXT\"}]", ERR_INVALID,
            "Unsupported resource type");
    refuses("[{\"name\":\"\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}}]",
            ERR_INVALID, "Empty resource name");
    refuses(SCALAR("-1"), ERR_INVALID, "value <= 0");
    refuses(SCALAR("0.0001"), ERR_INVALID, "smaller than 0.001");
    refuses(SCALAR("1e300"), ERR_INVALID, "not a number it can be");
    refuses(SCALAR("\"NaN\""), ERR_INVALID, "not a number it can be");
    refuses(SCALAR("\"Infinity\""), ERR_INVALID, "not a number it can be");
    refuses(RANGES("{\"begin\":5,\"end\":4}"), ERR_INVALID, "begin > end");
    refuses(RANGES("{\"begin\":0,\"end\":18446744073709551615}"), ERR_INVALID,
            "begin > end");
    refuses(RANGES("{\"begin\":1,\"end\":5},{\"begin\":5,\"end\":6}"),
            ERR_INVALID, "overlapping");
    refuses("[{\"name\":\"z\",\"type\":\"SET\",\"set\":{\"item\":[\"a\","
            "\"a\"]}}]",
            ERR_INVALID, "duplicated");
    refuses("[{" CPUS ",\"disk\":{}}]", ERR_UNSUPPORTED, "disk source");
    refuses("[{" CPUS ",\"provider_id\":{\"value\":\"x\"}}]", ERR_UNSUPPORTED,
            "resource provider");
    refuses("[{" CPUS ",\"reservations\":[{\"role\":\"a\",\"labels\":{}}]}]",
            ERR_UNSUPPORTED, "labels");
}

static void test_bad_roles_are_refused_and_leave_nothing(void **state)
{
    (void)state;
    refuses("[{" LARGE ",\"role\":\"a b\"}]", ERR_INVALID, "a b");
    refuses("[{" LARGE ",\"role\":\"../x\"}]", ERR_INVALID, "");
    refuses("[{" LARGE ",\"allocation_info\":{\"role\":\"-x\"}}]", ERR_INVALID,
            "-x");
    refuses("[{" LARGE ",\"reservations\":[{\"role\":\"*\"}]}]", ERR_INVALID,
            "cannot be reserved");
    refuses("[{" LARGE ",\"role\":\"a\",\"reservation\":{\"principal\":"
            "\"p),(STATIC,b\"}}]",
            ERR_INVALID, "principal");
    refuses("[{\"name\":\"z\",\"type\":\"SET\",\"set\":{\"item\":[\"a\"]},"
            "\"role\":\"a b\"}]",
            ERR_INVALID, "a b");
    refuses("[{" LARGE "},{" CPUS ",\"role\":\"a b\"}]", ERR_INVALID, "a b");
    refuses("[{" LARGE ",\"disk\":{}}]", ERR_UNSUPPORTED, "disk source");
}

static void test_more_than_there_can_be(void **state)
{
    struct buf json = {0};

    (void)state;
    refuses("["
            "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":"
            "900000000000}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{"
            "\"value\":900000000000}}]",
            ERR_LIMIT, "more than there can be");
    buf_add_char(&json, '[');
    for (int i = 0; i < RESOURCES_MAX + 1; i++)
        buf_addf(&json, "%s{" CPUS "}", i > 0 ? "," : "");
    buf_add_char(&json, ']');
    refuses(buf_text(&json), ERR_LIMIT, "more than 1024 resources");
    buf_clear(&json);
    buf_add_text(&json, "[{" CPUS ",\"reservations\":[{\"role\":\"a\"}");
    for (int i = 0; i < 16; i++)
        buf_add_text(&json, ",{\"role\":\"a\"}");
    buf_add_text(&json, "]}]");
    refuses(buf_text(&json), ERR_LIMIT, "more than 16 reservations");
    buf_release(&json);
}

/* --- attributes, thousandths -------------------------------------------------
 */

static void test_attributes_come_back(void **state)
{
    struct attributes a, back;
    struct err err = {0};
    size_t n;

    (void)state;
    assert_int_equal(attributes_parse("rack:r1;gen:7.25;below:-0.5;"
                                      "slots:[1-4,8-8];rack:r2;ten:10;nil:0",
                                      &a, &err),
                     0);
    Mesos__V1__Attribute **list = attributes_encode(&a, &arena, &n);
    assert_int_equal(n, 7);
    assert_int_equal(attributes_decode(list, n, &back, &err), 0);
    assert_true(attributes_equal(&a, &back));
    assert_string_equal(back.item[2].text, "-0.5");
    assert_string_equal(back.item[5].text, "10");
    assert_string_equal(back.item[6].text, "0");
    attributes_release(&back);
    /* A value that its type does not announce. */
    list[3]->ranges = NULL;
    back.count = 77;
    assert_int_equal(attributes_decode(list, n, &back, &err), -ERR_INVALID);
    assert_string_equal(err.text,
                        "attribute 'slots': want text, a number or ranges");
    assert_int_equal(back.count, 77);
    attributes_release(&a);
}

static void test_thousandths(void **state)
{
    struct rng rng;
    int64_t milli;

    (void)state;
    rng_seed(&rng, 5);
    for (int i = 0; i < 100000; i++) {
        int64_t value = (int64_t)rng_below(&rng, 2 * RESOURCE_MILLI_MAX) -
                        RESOURCE_MILLI_MAX;
        value /= (int64_t)1 << rng_below(&rng, 40);
        assert_int_equal(milli_from_double(milli_to_double(value), &milli), 0);
        assert_int_equal(milli, value);
    }
    assert_int_equal(milli_from_double(0.1 + 0.2, &milli), 0);
    assert_int_equal(milli, 300);
    assert_true(milli_from_double((double)NAN, &milli) < 0);
    assert_true(milli_from_double(-(double)INFINITY, &milli) < 0);
    assert_true(milli_from_double(1e13, &milli) < 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_resource_in_every_format),
        TEST(test_ports_come_first_and_sets_last),
        TEST(test_any_collection_comes_back),
        TEST(test_what_cannot_be_is_refused),
        TEST(test_bad_roles_are_refused_and_leave_nothing),
        TEST(test_more_than_there_can_be),
        TEST(test_attributes_come_back),
        TEST(test_thousandths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
