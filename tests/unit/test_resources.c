#include "base/resources.h"
#include "base/rng.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static struct resources parsed(const char *text)
{
    struct resources r;
    struct err err = {0};

    if (resources_parse(text, NULL, &r, &err) < 0)
        fail_msg("'%s': %s", text, err.text);
    resources_check(&r);
    return r;
}

static void expect(const struct resources *r, const char *text)
{
    struct buf buf = {0};

    resources_check(r);
    resources_print(r, &buf);
    assert_string_equal(buf_text(&buf), text);
    buf_release(&buf);
}

static void refuse(const char *text, const char *message)
{
    struct resources r = {.count = 77};
    struct err err = {0};

    assert_int_equal(resources_parse(text, "*", &r, &err), -ERR_INVALID);
    assert_string_equal(err.text, message);
    assert_int_equal(resources_parse(text, "*", &r, NULL), -ERR_INVALID);
    assert_int_equal(r.count, 77);
}

static void test_text_is_read_and_printed(void **unused)
{
    (void)unused;
    struct resources r = parsed("mem:4096; cpus : 4 ;ports:[31000-32000,5-9];"
                                "cpus(web):1;zone:{b, a};; cpus:0.5;");

    expect(&r, "cpus:4.5; cpus(reservations: [(STATIC,web)]):1; mem:4096; "
               "ports:[5-9, 31000-32000]; zone:{a, b}");
    assert_int_equal(resources_scalar(&r, "cpus"), 5500);
    assert_int_equal(resources_scalar(&r, "mem"), 4096000);
    assert_int_equal(resources_scalar(&r, "disk"), 0);
    assert_int_equal(resources_scalar(&r, "ports"), 0);
    resources_release(&r);
    expect(&r, "{}");
}

static void test_a_default_role_reserves(void **unused)
{
    (void)unused;
    struct resources r;

    assert_int_equal(
        resources_parse("cpus:1;mem(*):2;disk(b):3", "a", &r, NULL), 0);
    expect(&r, "cpus(reservations: [(STATIC,a)]):1; mem:2; "
               "disk(reservations: [(STATIC,b)]):3");
    assert_string_equal(resources_items(&r)[0].kind->role, "a");
    assert_string_equal(resources_items(&r)[1].kind->role, "*");
    resources_release(&r);
}

static void test_zero_vanishes(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:0;mem:0.000;ports:[];zone:{}");

    assert_true(resources_is_empty(&r));
    r = parsed("");
    assert_true(resources_is_empty(&r));
}

static void test_scalars_round_to_thousandths(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:1.5015;mem:1.5011");

    expect(&r, "cpus:1.502; mem:1.501");
    resources_release(&r);
    refuse("cpus:0.00001",
           "Invalid scalar resource: value <= 0 in 'cpus:0.00001'");
}

static void test_errors_name_the_part(void **unused)
{
    (void)unused;
    refuse("mem:1;cpus",
           "Bad value for resources, missing or extra ':' in 'cpus'");
    refuse("cpus:1:2",
           "Bad value for resources, missing or extra ':' in 'cpus:1:2'");
    refuse(":1", "Bad value for resources, missing or extra ':' in ':1'");
    refuse("cpus:", "Bad value for resources, missing or extra ':' in 'cpus:'");
    refuse(" :1", "Bad value for resources, missing or extra ':' in ' :1'");
    refuse("(web):1", "Empty resource name in '(web):1'");
    refuse("cpus(web:1",
           "Bad value for resources, mismatched parentheses in 'cpus(web:1'");
    refuse("cpus)web(:1",
           "Bad value for resources, mismatched parentheses in 'cpus)web(:1'");
    refuse("cpus(a)b:1",
           "Bad value for resources, mismatched parentheses in 'cpus(a)b:1'");
    refuse("cpus(/a):1", "Role '/a' cannot start with a slash in 'cpus(/a):1'");
    refuse("cpus(): 1", "Role names cannot be the empty string in 'cpus(): 1'");
    refuse("cpus:-1",
           "Bad type for resource cpus value -1 type TEXT in 'cpus:-1'");
    refuse("cpus:many",
           "Bad type for resource cpus value many type TEXT in 'cpus:many'");
    refuse("cpus:nan",
           "Bad type for resource cpus value nan type TEXT in 'cpus:nan'");
    refuse("ports:[5-1]",
           "Invalid ranges resource: begin > end in 'ports:[5-1]'");
    refuse("zone:{a,b,a}",
           "Invalid set resource: duplicated elements in 'zone:{a,b,a}'");
    refuse("zone:{a", "Mismatched brackets in 'zone:{a'");
    refuse("zone:{a}b", "Mismatched brackets in 'zone:{a}b'");
    refuse("zone:{{a}}", "Mismatched brackets in 'zone:{{a}}'");
    refuse("x:1;x:[1-2]", "Resources with the same name ('x') but different "
                          "types are not allowed");
    refuse("x(a):1;x(b):{c}", "Resources with the same name ('x') but "
                              "different types are not allowed");
}

static void test_limits_hold(void **unused)
{
    (void)unused;
    struct resources r = {0};
    struct buf buf = {0};

    assert_int_equal(resources_parse("cpus:1000000000001", "*", &r, NULL),
                     -ERR_LIMIT);
    assert_int_equal(
        resources_parse("cpus:1000000000000;cpus:1", "*", &r, NULL),
        -ERR_LIMIT);
    for (int i = 0; i <= RESOURCES_MAX; i++)
        buf_addf(&buf, "n%d:1;", i);
    assert_int_equal(resources_parse(buf_text(&buf), "*", &r, NULL),
                     -ERR_LIMIT);
    buf_clear(&buf);
    for (int i = 0; i < 8000; i++) /* no sum overflows before it is refused */
        buf_add_text(&buf, "a:1000000000000;");
    assert_int_equal(resources_parse(buf_text(&buf), "*", &r, NULL),
                     -ERR_LIMIT);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&buf, "a:1000000000000;");
    assert_int_equal(resources_parse(buf_text(&buf), "*", &r, NULL),
                     -ERR_LIMIT);
    buf_release(&buf);
}

static void test_a_hundred_thousand_fractions_return_exactly(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:3"), step = parsed("cpus:1.001");

    for (int i = 0; i < 100000; i++)
        resources_add(&r, &step);
    assert_int_equal(resources_scalar(&r, "cpus"), 100103000);
    for (int i = 0; i < 100000; i++)
        resources_subtract(&r, &step);
    expect(&r, "cpus:3");
    resources_release(&r);
    resources_release(&step);
}

static void test_ports_are_split(void **unused)
{
    (void)unused;
    struct resources r = parsed("ports:[1-10]"), less = parsed("ports:[3-5]");

    resources_subtract(&r, &less);
    expect(&r, "ports:[1-2, 6-10]");
    resources_add(&r, &less);
    expect(&r, "ports:[1-10]");
    resources_release(&r);
    resources_release(&less);
}

static void test_different_kinds_stay_apart(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:1;cpus(web):2"),
                     unreserved = parsed("cpus:2"), web = parsed("cpus(web):2");

    assert_false(resources_contain(&r, &unreserved));
    assert_true(resources_contain(&r, &web));
    assert_true(resources_contain_any(&r, &unreserved));
    resources_subtract(&r, &web);
    expect(&r, "cpus:1");
    assert_false(resources_contain(&r, &web));
    assert_false(resources_contain_any(&r, &web));
    assert_false(resources_contain_any(&r, &unreserved));
    resources_release(&r);
    resources_release(&unreserved);
    resources_release(&web);
}

static void test_marked_parts_are_counted_before_the_plain_ones(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:1;cpus(web):2;ports:[1-3];ports(web):"
                                "[4-6];zone:{a};zone(web):{b}");
    static const struct {
        const char *part;
        bool fits;
    } cases[] = {
        {"", true},
        {"cpus:3", true},
        {"cpus:3.001", false},
        {"cpus:2;cpus(web):1", true},
        {"cpus:2;cpus(web):2", false},
        {"cpus(web):3", false},
        {"cpus(db):0.1", false},
        {"ports:[2-5]", true},
        {"ports:[2-7]", false},
        {"ports:[2-5];ports(web):[5-5]", false},
        {"zone:{a,b}", true},
        {"zone:{a,c}", false},
        {"mem:1", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct resources part = parsed(cases[i].part);
        assert_int_equal(resources_contain_any(&r, &part), cases[i].fits);
        resources_release(&part);
    }
    resources_release(&r);
}

static void test_allocation_prints_as_mesos_prints_it(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:0.1;mem:32"), plain;

    resources_copy(&plain, &r);
    resources_allocate(&r, "dev");
    expect(&r, "cpus(allocated: dev):0.1; mem(allocated: dev):32");
    assert_false(resources_contain(&r, &plain));
    assert_false(resources_equal(&r, &plain));
    resources_allocate(&r, "dev");
    resources_allocate(&r, "ops");
    expect(&r, "cpus(allocated: ops):0.1; mem(allocated: ops):32");
    resources_allocate(&r, "");
    assert_true(resources_equal(&r, &plain));
    assert_ptr_equal(resources_items(&r)[0].kind, &RESOURCE_CPUS);
    resources_release(&r);
    resources_release(&plain);
}

static void test_mixed_allocations_merge(void **unused)
{
    (void)unused;
    struct resources r = parsed("cpus:1;mem:10;ports:[1-5];cpus(web):1"),
                     more = parsed("cpus:2;ports:[9-9]");

    resources_allocate(&more, "dev");
    resources_add(&r, &more);
    expect(&r, "cpus:1; cpus(allocated: dev):2; "
               "cpus(reservations: [(STATIC,web)]):1; mem:10; ports:[1-5]; "
               "ports(allocated: dev):[9-9]");
    resources_allocate(&r, "dev");
    expect(&r, "cpus(allocated: dev):3; "
               "cpus(allocated: dev)(reservations: [(STATIC,web)]):1; "
               "mem(allocated: dev):10; ports(allocated: dev):[1-5, 9-9]");
    resources_release(&r);
    resources_release(&more);
}

static void test_every_mark_is_printed(void **unused)
{
    (void)unused;
    const struct resource_kind like = {.type = RESOURCE_SCALAR,
                                       .name = "disk",
                                       .role = "web/blog",
                                       .allocation = "web",
                                       .reservation = "(STATIC,web),(DYNAMIC,"
                                                      "web/blog,alice)",
                                       .disk = "MOUNT:/mnt,id:data",
                                       .revocable = true,
                                       .shared = true};
    struct resource one = {.kind = resource_kind_make(&like), .milli = 1500};
    struct resources r = {0};

    resources_add_one(&r, &one);
    resource_kind_unref(one.kind);
    expect(&r, "disk(allocated: web)(reservations: [(STATIC,web),(DYNAMIC,"
               "web/blog,alice)])[MOUNT:/mnt,id:data]{REV}<SHARED>:1.5");
    resources_release(&r);
}

static void test_everyday_kinds_are_constants(void **unused)
{
    (void)unused;
    static const struct resource_kind *const constant[] = {
        &RESOURCE_CPUS, &RESOURCE_GPUS, &RESOURCE_MEM, &RESOURCE_DISK,
        &RESOURCE_PORTS};

    for (size_t i = 0; i < sizeof constant / sizeof *constant; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%s", constant[i]->name);
        const struct resource_kind like = {.type = constant[i]->type,
                                           .name = name};
        assert_ptr_equal(resource_kind_make(&like), constant[i]);
        resource_kind_unref(resource_kind_ref(constant[i]));
        for (size_t j = 0; j < i; j++) {
            assert_true(resource_kind_compare(constant[j], constant[i]) < 0);
            assert_true(resource_kind_compare(constant[i], constant[j]) > 0);
        }
    }
    resource_kind_unref(NULL);
}

/* Every way in which two kinds may differ keeps them apart. */
static void test_the_order_of_kinds_is_total(void **unused)
{
    (void)unused;
    const struct resource_kind like[] = {
        {.name = "cpus", .type = RESOURCE_SCALAR},
        {.name = "cpus", .type = RESOURCE_SET},
        {.name = "cpus", .role = "a"},
        {.name = "cpus", .allocation = "a"},
        {.name = "cpus", .reservation = "a"},
        {.name = "cpus", .disk = "a"},
        {.name = "cpus", .revocable = true},
        {.name = "cpus", .shared = true},
        {.name = "bandwidth"},
        {.name = "zebras"},
        {.name = "mem"},
    };
    enum { COUNT = sizeof like / sizeof *like };
    const struct resource_kind *kind[COUNT];

    for (int i = 0; i < COUNT; i++)
        kind[i] = resource_kind_make(&like[i]);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            int order = resource_kind_compare(kind[i], kind[j]);
            int back = resource_kind_compare(kind[j], kind[i]);
            assert_int_equal(order == 0, i == j);
            assert_int_equal(order<0, back> 0);
            for (int k = 0; k < COUNT; k++)
                if (order < 0 && resource_kind_compare(kind[j], kind[k]) < 0)
                    assert_true(resource_kind_compare(kind[i], kind[k]) < 0);
        }
    for (int i = 0; i < COUNT; i++)
        resource_kind_unref(kind[i]);
}

static void test_scalars_are_added_by_name(void **unused)
{
    (void)unused;
    struct resources r = {0};

    resources_add_scalar(&r, "mem", 32000);
    resources_add_scalar(&r, "cpus", 100);
    resources_add_scalar(&r, "cpus", 0);
    resources_add_scalar(&r, "widgets", 1000);
    expect(&r, "cpus:0.1; mem:32; widgets:1");
    resources_add_scalar(&r, "mem", -12000);
    resources_add_scalar(&r, "cpus", -100);
    resources_add_scalar(&r, "widgets", -1000);
    expect(&r, "mem:20");
    resources_release(&r);
}

static void test_ports_of_all_kinds_are_joined(void **unused)
{
    (void)unused;
    struct resources r = parsed("ports:[1-3,9-9];ports(web):[4-5];cpus:1");
    struct ranges ports;
    struct buf buf = {0};

    resources_ranges(&r, "ports", &ports);
    ranges_print(&ports, &buf);
    assert_string_equal(buf_text(&buf), "[1-5, 9-9]");
    ranges_release(&ports);
    resources_ranges(&r, "cpus", &ports);
    assert_int_equal(ports.count, 0);
    ranges_release(&ports);
    buf_release(&buf);
    resources_release(&r);
}

static void test_a_set_may_come_unsorted(void **unused)
{
    (void)unused;
    char c[] = "c", a[] = "a", b[] = "b";
    char *item[] = {c, a, b, a};
    const struct resource_kind like = {.type = RESOURCE_SET, .name = "zone"};
    struct resource one = {.kind = resource_kind_make(&like), .set = {4, item}};
    struct resources r = {0}, less = parsed("zone:{b}");

    resources_add_one(&r, &one);
    resource_kind_unref(one.kind);
    expect(&r, "zone:{a, b, c}");
    resources_subtract(&r, &less);
    expect(&r, "zone:{a, c}");
    assert_false(resources_contain(&r, &less));
    resources_release(&r);
    resources_release(&less);
}

/* Names and kinds from a small choice, so that they meet often. */
static struct resources random_resources(struct rng *rng)
{
    static const char *const names[] = {"cpus",  "mem",   "disk", "gpus",
                                        "ports", "slots", "a",    "zone"};
    static const char *const roles[] = {"", "(web)", "(db)", "(eng/x)"};
    struct buf buf = {0};

    for (uint64_t left = rng_below(rng, 10); left > 0; left--) {
        uint64_t name = rng_below(rng, 8), value = rng_below(rng, 5000);
        buf_addf(&buf, "%s%s:", names[name], roles[rng_below(rng, 4)]);
        if (name == 7)
            buf_addf(&buf, "{i%d};", (int)value % 4);
        else if (name == 4 || name == 5)
            buf_addf(&buf, "[%d-%d];", (int)value, (int)value + 20);
        else
            buf_addf(&buf, "%d.%03d;", (int)value / 7, (int)value % 1000);
    }
    struct resources r = parsed(buf_text(&buf));
    if (rng_below(rng, 3) == 0)
        resources_allocate(&r, "web");
    buf_release(&buf);
    return r;
}

/* What `b` has in ranges and sets and `a` has too would not return. */
static bool is_disjoint(const struct resources *a, const struct resources *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct resource *y = &resources_items(b)[i];
        for (uint32_t j = 0; j < a->count; j++) {
            const struct resource *x = &resources_items(a)[j];
            if (x->kind->type != RESOURCE_SCALAR &&
                resource_kind_compare(x->kind, y->kind) == 0)
                return false;
        }
    }
    return true;
}

static void test_what_is_added_can_be_taken_away(void **unused)
{
    (void)unused;
    struct rng rng;

    rng_seed(&rng, 21);
    for (int i = 0; i < 5000; i++) {
        struct resources a = random_resources(&rng), b = random_resources(&rng),
                         sum, other;
        resources_copy(&sum, &a);
        resources_copy(&other, &b);
        resources_add(&sum, &b);
        resources_add(&other, &a);
        resources_check(&sum);
        assert_true(resources_equal(&sum, &other));
        assert_true(resources_contain(&sum, &a));
        assert_true(resources_contain(&sum, &b));
        assert_true(resources_contain_any(&sum, &a));
        assert_int_equal(resources_contain(&a, &sum),
                         resources_equal(&a, &sum));
        resources_subtract(&sum, &b);
        resources_check(&sum);
        if (is_disjoint(&a, &b))
            assert_true(resources_equal(&sum, &a));
        else
            assert_true(resources_contain(&a, &sum));
        resources_release(&a);
        resources_release(&b);
        resources_release(&sum);
        resources_release(&other);
    }
}

/* Unreserved resources print in a form that is read again. */
static void test_printed_text_is_read_back(void **unused)
{
    (void)unused;
    struct rng rng;

    rng_seed(&rng, 22);
    for (int i = 0; i < 2000; i++) {
        struct resources a = random_resources(&rng), plain = {0}, back;
        struct buf buf = {0};
        resources_allocate(&a, "");
        for (uint32_t j = 0; j < a.count; j++)
            if (!resources_items(&a)[j].kind->reservation[0])
                resources_add_one(&plain, &resources_items(&a)[j]);
        resources_print(&plain, &buf);
        back = parsed(plain.count ? buf_text(&buf) : "");
        assert_true(resources_equal(&plain, &back));
        buf_release(&buf);
        resources_release(&a);
        resources_release(&plain);
        resources_release(&back);
    }
}

static void test_moving_leaves_nothing_behind(void **unused)
{
    (void)unused;
    struct resources a = parsed("cpus:1;mem:2;disk:3;gpus:4;ports:[1-2];x:6"),
                     b;

    resources_move(&b, &a);
    assert_true(resources_is_empty(&a));
    assert_int_equal(b.count, 6);
    resources_release(&a);
    resources_move(&a, &b);
    expect(&a, "cpus:1; gpus:4; mem:2; disk:3; ports:[1-2]; x:6");
    resources_release(&a);
}

static void test_what_may_be_taken_back_stays_apart(void **state)
{
    struct resources all = {0}, spare = {0}, firm;
    (void)state;
    assert_int_equal(resources_parse("cpus:1;mem:512", "*", &all, NULL), 0);
    assert_int_equal(resources_parse("cpus:3;mem:64", "*", &spare, NULL), 0);
    assert_false(resources_any_revocable(&spare));
    resources_make_revocable(&spare);
    resources_check(&spare);
    assert_true(resources_any_revocable(&spare));
    resources_add(&all, &spare);
    assert_int_equal(resources_scalar(&all, "cpus"), 4000);
    resources_firm(&all, &firm);
    assert_int_equal(resources_scalar(&firm, "cpus"), 1000);
    assert_int_equal(resources_scalar(&firm, "mem"), 512000);
    assert_false(resources_contain(&firm, &spare));
    resources_subtract(&all, &spare);
    assert_true(resources_equal(&all, &firm));
    resources_release(&all);
    resources_release(&spare);
    resources_release(&firm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_read_and_printed),
        cmocka_unit_test(test_a_default_role_reserves),
        cmocka_unit_test(test_zero_vanishes),
        cmocka_unit_test(test_scalars_round_to_thousandths),
        cmocka_unit_test(test_errors_name_the_part),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_a_hundred_thousand_fractions_return_exactly),
        cmocka_unit_test(test_ports_are_split),
        cmocka_unit_test(test_different_kinds_stay_apart),
        cmocka_unit_test(test_marked_parts_are_counted_before_the_plain_ones),
        cmocka_unit_test(test_allocation_prints_as_mesos_prints_it),
        cmocka_unit_test(test_mixed_allocations_merge),
        cmocka_unit_test(test_every_mark_is_printed),
        cmocka_unit_test(test_everyday_kinds_are_constants),
        cmocka_unit_test(test_the_order_of_kinds_is_total),
        cmocka_unit_test(test_scalars_are_added_by_name),
        cmocka_unit_test(test_ports_of_all_kinds_are_joined),
        cmocka_unit_test(test_a_set_may_come_unsorted),
        cmocka_unit_test(test_what_is_added_can_be_taken_away),
        cmocka_unit_test(test_printed_text_is_read_back),
        cmocka_unit_test(test_moving_leaves_nothing_behind),
        cmocka_unit_test(test_what_may_be_taken_back_stays_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
