/* Dividing resources: fairness, refusals, reservations; and a random walk that
 * checks every invariant after every step. */
#include "master/core/allocator.h"
#include "master/core/drf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct bench { /* an allocator and a hand for it */
    struct allocator *a;
    struct rng rng;
    int64_t now_ms;
    struct allocations made;
};

static int set_up(void **state)
{
    struct bench *b = xcalloc(1, sizeof *b);
    struct allocator_options options = {.interval_ms = 1000,
                                        .min_allocatable = "cpus:0.01|mem:32"};
    rng_seed(&b->rng, 7);
    assert_int_equal(allocator_new(&b->a, &options, &b->rng, NULL), 0);
    allocator_set_start(b->a, 0);
    b->now_ms = 100;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    allocations_release(&b->made);
    allocator_free(b->a);
    free(b);
    return 0;
}

static struct resources of(const char *text)
{
    struct resources r = {0};
    assert_int_equal(resources_parse(text, "*", &r, NULL), 0);
    return r;
}

static void add_agent(struct bench *b, uint64_t number, const char *text)
{
    struct resources total = of(text);
    allocator_add_agent(b->a, number, &total);
    resources_release(&total);
}

static void set_framework(struct bench *b, uint64_t number, const char *role)
{
    char id[32];
    snprintf(id, sizeof id, "f%llu", (unsigned long long)number);
    struct allocator_framework f = {.number = number,
                                    .id = id,
                                    .role = (char *const *)&role,
                                    .role_count = 1};
    allocator_set_framework(b->a, &f);
    allocator_set_framework_active(b->a, number, true);
}

static uint32_t run(struct bench *b)
{
    allocations_release(&b->made);
    allocator_run(b->a, b->now_ms, &b->made);
    allocator_check(b->a);
    return b->made.count;
}

/* The one allocation of a run goes to this framework. */
static void expect_receiver(struct bench *b, uint64_t framework)
{
    assert_int_equal(run(b), 1);
    assert_int_equal(b->made.item[0].framework, framework);
}

static void give_back(struct bench *b, uint64_t framework, uint64_t agent,
                      const char *role, const char *text, enum refusal refusal,
                      int64_t refuse_ms)
{
    struct resources r = of(text);
    allocator_recover(b->a, framework, agent, role, &r, refusal, refuse_ms,
                      b->now_ms);
    resources_release(&r);
    allocator_check(b->a);
}

/* --- fairness --- */

static void test_the_smallest_dominant_share_takes_the_next_agent(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:2;mem:1024");
    set_framework(b, 1, "role1");
    expect_receiver(b, 1);
    set_framework(b, 2, "role2");
    assert_int_equal(run(b), 0);
    add_agent(b, 2, "cpus:1;mem:512");
    expect_receiver(b, 2); /* role1 has 0.67 */
    add_agent(b, 3, "cpus:3;mem:2048");
    expect_receiver(b, 2); /* role1 0.33, role2 0.17 */
    set_framework(b, 3, "role1");
    add_agent(b, 4, "cpus:4;mem:4096");
    expect_receiver(b, 3); /* role1 0.2, role2 0.4; in it f3 has nothing */
    set_framework(b, 4, "role1");
    add_agent(b, 5, "cpus:1;mem:512");
    expect_receiver(b, 2); /* role1 0.64, role2 0.36 */
}

static void test_weights_multiply_what_a_role_may_have(void **state)
{
    struct bench *b = *state;
    allocator_set_weight(b->a, "role2", 2000);
    set_framework(b, 1, "role1");
    set_framework(b, 2, "role2");
    for (uint64_t agent = 1; agent <= 6; agent++)
        add_agent(b, agent, "cpus:2;mem:1024");
    assert_int_equal(run(b), 6);
    int of_role2 = 0;
    for (int i = 0; i < 6; i++)
        of_role2 += b->made.item[i].framework == 2;
    assert_int_equal(of_role2, 4);
}

static void test_ties_go_to_the_one_given_less_often_then_by_id(void **state)
{
    (void)state;
    struct drf_amounts total = {{100000, 100000}};
    struct drf_amounts amounts = {{1000, 1000}};
    struct drf_client client[3] = {
        {.name = "a", .weight_milli = 1000},
        {.name = "b", .weight_milli = 1000},
        {.name = "c", .weight_milli = 1000},
    };
    struct drf_list list = {0};
    for (int i = 2; i >= 0; i--)
        drf_add(&list, &client[i]);
    drf_sort(&list, &total);
    assert_string_equal(list.item[0]->name, "a");
    drf_charge(&list, &client[0], &amounts, 1, &total);
    drf_charge(&list, &client[0], &amounts, -1, &total);
    drf_sort(&list, &total);
    assert_string_equal(list.item[0]->name, "b");
    assert_string_equal(list.item[2]->name, "a");
    drf_release(&list);
}

static void test_shares_follow_the_totals(void **state)
{
    (void)state;
    struct drf_amounts total = {{100000, 100000}};
    struct drf_client a = {.name = "a", .weight_milli = 1000};
    struct drf_client b = {.name = "b", .weight_milli = 1000};
    struct drf_amounts cpus = {{5000, 1000}}, mem = {{1000, 6000}};
    struct drf_list list = {0};
    drf_add(&list, &a);
    drf_add(&list, &b);
    drf_charge(&list, &a, &cpus, 1, &total);
    drf_charge(&list, &b, &mem, 1, &total);
    drf_sort(&list, &total);
    assert_string_equal(list.item[0]->name, "a");
    total.milli[1] = 200000; /* now a's 5 % of cpus is the larger share */
    list.is_stale = true;
    drf_sort(&list, &total);
    assert_string_equal(list.item[0]->name, "b");
    assert_int_equal(drf_share_millionths(&a, &total), 50000);
    drf_release(&list);
}

/* --- refusals --- */

static void test_a_refusal_ends_at_the_first_tick_after_its_time(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    expect_receiver(b, 1);
    b->now_ms = 1500;
    give_back(b, 1, 1, "*", "cpus:4;mem:4096", REFUSE_FOR_TIME, 3000);
    assert_int_equal(run(b), 0);
    b->now_ms = 4500; /* its time is over, the tick has not come */
    assert_int_equal(run(b), 0);
    assert_int_equal(allocator_next_ms(b->a), 5000);
    b->now_ms = 5000;
    expect_receiver(b, 1);
    assert_true(allocator_next_ms(b->a) == INT64_MAX);
}

static void test_a_refusal_of_no_length_holds_until_the_next_tick(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    expect_receiver(b, 1);
    b->now_ms = 1000; /* on a tick: the next one counts */
    give_back(b, 1, 1, "*", "cpus:4;mem:4096", REFUSE_UNTIL_TICK, 0);
    assert_int_equal(run(b), 0);
    assert_int_equal(allocator_next_ms(b->a), 2000);
    b->now_ms = 2000;
    expect_receiver(b, 1);
}

static void test_what_is_refused_goes_to_others_at_once(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    expect_receiver(b, 1);
    set_framework(b, 2, "*");
    assert_int_equal(run(b), 0);
    give_back(b, 1, 1, "*", "cpus:4;mem:4096", REFUSE_FOR_TIME, 60000);
    expect_receiver(b, 2);
}

static void test_more_than_was_refused_passes(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    expect_receiver(b, 1);
    give_back(b, 1, 1, "*", "cpus:3;mem:3072", REFUSE_FOR_TIME, 60000);
    assert_int_equal(run(b), 0);
    give_back(b, 1, 1, "*", "cpus:1;mem:1024", REFUSE_NOTHING, 0);
    expect_receiver(b, 1);
}

static void test_given_back_without_refusal_is_offered_at_once(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    expect_receiver(b, 1);
    give_back(b, 1, 1, "*", "cpus:1;mem:64", REFUSE_NOTHING, 0);
    assert_true(allocator_next_ms(b->a) == INT64_MIN);
    expect_receiver(b, 1);
}

static void test_revive_forgives(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    expect_receiver(b, 1);
    give_back(b, 1, 1, "*", "cpus:4;mem:4096", REFUSE_FOR_TIME,
              (int64_t)365 * 24 * 3600 * 1000);
    assert_int_equal(run(b), 0);
    allocator_revive(b->a, 1, NULL);
    assert_int_equal(allocator_counts(b->a).filters, 0);
    expect_receiver(b, 1);
}

static void test_many_forgiven_refusals_leave_no_trail(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus:4;mem:4096");
    set_framework(b, 1, "*");
    for (int i = 0; i < 1000; i++) {
        expect_receiver(b, 1);
        give_back(b, 1, 1, "*", "cpus:4;mem:4096", REFUSE_FOR_TIME, 900000000);
        allocator_revive(b->a, 1, "*");
    }
    expect_receiver(b, 1);
    assert_int_equal(allocator_counts(b->a).filters, 0);
    assert_true(allocator_counts(b->a).deadlines < 100);
}

/* --- who takes part --- */

static void test_suppressed_roles_get_nothing_until_revived(void **state)
{
    struct bench *b = *state;
    set_framework(b, 1, "*");
    allocator_suppress(b->a, 1, NULL);
    add_agent(b, 1, "cpus:4;mem:4096");
    assert_int_equal(run(b), 0);
    allocator_revive(b->a, 1, "*");
    expect_receiver(b, 1);
}

static void test_inactive_agents_and_frameworks_get_nothing(void **state)
{
    struct bench *b = *state;
    set_framework(b, 1, "*");
    allocator_set_framework_active(b->a, 1, false);
    add_agent(b, 1, "cpus:4;mem:4096");
    assert_int_equal(run(b), 0);
    allocator_set_agent_active(b->a, 1, false);
    allocator_set_framework_active(b->a, 1, true);
    assert_int_equal(run(b), 0);
    allocator_set_agent_active(b->a, 1, true);
    expect_receiver(b, 1);
}

static void test_too_little_is_not_worth_an_offer(void **state)
{
    struct bench *b = *state;
    set_framework(b, 1, "*");
    add_agent(b, 1, "cpus:0.009;mem:31");
    assert_int_equal(run(b), 0);
    add_agent(b, 2, "cpus:0.01");
    expect_receiver(b, 1);
    add_agent(b, 3, "mem:32");
    expect_receiver(b, 1);
}

static void test_bad_minimum_is_refused_by_name(void **state)
{
    (void)state;
    struct allocator *a;
    struct rng rng;
    struct err err = {0};
    struct allocator_options options = {.interval_ms = 1000,
                                        .min_allocatable = "cpus:x"};
    assert_true(allocator_new(&a, &options, &rng, &err) < 0);
    assert_non_null(strstr(err.text, "min_allocatable_resources"));
}

static void test_reservations_go_to_their_role_and_below(void **state)
{
    struct bench *b = *state;
    add_agent(b, 1, "cpus(eng):2;mem(eng):1024;cpus:1;mem:512");
    set_framework(b, 1, "a"); /* first by name: takes what is not reserved */
    set_framework(b, 2, "eng/web");
    set_framework(b, 3, "engine");
    assert_int_equal(run(b), 2);
    assert_int_equal(b->made.item[0].framework, 1);
    assert_int_equal(resources_scalar(&b->made.item[0].resources, "cpus"),
                     1000);
    assert_int_equal(b->made.item[1].framework, 2);
    assert_int_equal(resources_scalar(&b->made.item[1].resources, "cpus"),
                     2000);
}

static void test_gpu_agents_wait_for_who_takes_gpus(void **state)
{
    struct bench *b = *state;
    const char *role = "*";
    set_framework(b, 1, "*");
    add_agent(b, 1, "cpus:4;mem:4096;gpus:1");
    assert_int_equal(run(b), 0);
    struct allocator_framework f = {.number = 2,
                                    .id = "f2",
                                    .role = (char *const *)&role,
                                    .role_count = 1,
                                    .takes_gpus = true};
    allocator_set_framework(b->a, &f);
    allocator_set_framework_active(b->a, 2, true);
    expect_receiver(b, 2);
}

/* Whoever is first: the other gets what is left for him. */
static void test_only_who_takes_revocable_resources_gets_them(void **state)
{
    struct bench *b = *state;
    const char *role = "*";
    struct resources total = of("cpus:1;mem:512"), spare = of("cpus:3");
    resources_make_revocable(&spare);
    resources_add(&total, &spare);
    set_framework(b, 1, "*");
    struct allocator_framework f = {.number = 2,
                                    .id = "f2",
                                    .role = (char *const *)&role,
                                    .role_count = 1,
                                    .takes_revocable = true};
    allocator_set_framework(b->a, &f);
    allocator_set_framework_active(b->a, 2, true);
    allocator_add_agent(b->a, 1, &total);
    assert_int_equal(run(b), 2);
    assert_int_equal(b->made.item[0].framework, 1);
    assert_false(resources_any_revocable(&b->made.item[0].resources));
    assert_int_equal(b->made.item[1].framework, 2);
    assert_true(resources_equal(&b->made.item[1].resources, &spare));
    /* Alone it gets both in one. */
    allocator_recover(b->a, 1, 1, "*", &b->made.item[0].resources,
                      REFUSE_FOR_TIME, 60000, b->now_ms);
    allocator_recover(b->a, 2, 1, "*", &spare, REFUSE_NOTHING, 0, b->now_ms);
    expect_receiver(b, 2);
    assert_true(resources_equal(&b->made.item[0].resources, &total));
    resources_release(&total);
    resources_release(&spare);
}

static void test_use_takes_only_what_is_free(void **state)
{
    struct bench *b = *state;
    set_framework(b, 1, "*");
    add_agent(b, 1, "cpus:4;mem:4096");
    struct resources much = of("cpus:3;mem:100");
    assert_true(allocator_use(b->a, 1, 1, "*", &much));
    assert_false(allocator_use(b->a, 1, 1, "*", &much));
    expect_receiver(b, 1);
    assert_int_equal(resources_scalar(&b->made.item[0].resources, "cpus"),
                     1000);
    resources_release(&much);
}

/* --- everything at once --- */

enum { WALK_AGENTS = 6, WALK_FRAMEWORKS = 4, WALK_STEPS = 20000 };

struct held {
    uint64_t framework, agent;
    const char *role;
    struct resources resources;
};

static void walk_recover(struct bench *b, struct held *held)
{
    allocator_recover(b->a, held->framework, held->agent, held->role,
                      &held->resources, (enum refusal)rng_below(&b->rng, 3),
                      (int64_t)rng_below(&b->rng, 5000), b->now_ms);
    resources_release(&held->resources);
}

static void test_random_walk_never_promises_twice(void **state)
{
    struct bench *b = *state;
    static const char *const ROLE[] = {"*", "dev", "dev/web", "ops"};
    VEC(struct held) held = {0};
    for (uint64_t i = 0; i < WALK_FRAMEWORKS; i++)
        set_framework(b, i + 1, ROLE[i]);
    for (uint64_t i = 0; i < WALK_AGENTS; i++)
        add_agent(b, i + 1,
                  i % 2 ? "cpus:8;mem:8192;ports:[1-100]"
                        : "cpus:4;mem:2048;cpus(dev):2;mem(dev):64");
    for (int step = 0; step < WALK_STEPS; step++) {
        uint64_t dice = rng_below(&b->rng, 10);
        uint64_t framework = 1 + rng_below(&b->rng, WALK_FRAMEWORKS);
        b->now_ms += (int64_t)rng_below(&b->rng, 700);
        if (dice < 5 && held.count > 0) {
            uint32_t at = (uint32_t)rng_below(&b->rng, held.count);
            walk_recover(b, &held.item[at]);
            vec_remove(&held, at);
        } else if (dice == 5) {
            allocator_suppress(b->a, framework, NULL);
        } else if (dice == 6) {
            allocator_revive(b->a, framework, NULL);
        } else if (dice == 7) {
            allocator_set_agent_active(
                b->a, 1 + rng_below(&b->rng, WALK_AGENTS), dice & 1);
        }
        run(b);
        for (uint32_t i = 0; i < b->made.count; i++) {
            struct allocation *made = &b->made.item[i];
            struct held *new_held = vec_add(&held);
            *new_held =
                (struct held){made->framework, made->agent, made->role, {0}};
            resources_copy(&new_held->resources, &made->resources);
        }
    }
    assert_true(allocator_counts(b->a).runs > 100);
    while (held.count > 0) {
        walk_recover(b, &held.item[0]);
        vec_remove(&held, 0);
    }
    allocator_check(b->a);
    vec_free(&held);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_smallest_dominant_share_takes_the_next_agent),
        TEST(test_weights_multiply_what_a_role_may_have),
        TEST(test_ties_go_to_the_one_given_less_often_then_by_id),
        TEST(test_shares_follow_the_totals),
        TEST(test_a_refusal_ends_at_the_first_tick_after_its_time),
        TEST(test_a_refusal_of_no_length_holds_until_the_next_tick),
        TEST(test_what_is_refused_goes_to_others_at_once),
        TEST(test_more_than_was_refused_passes),
        TEST(test_given_back_without_refusal_is_offered_at_once),
        TEST(test_revive_forgives),
        TEST(test_only_who_takes_revocable_resources_gets_them),
        TEST(test_many_forgiven_refusals_leave_no_trail),
        TEST(test_suppressed_roles_get_nothing_until_revived),
        TEST(test_inactive_agents_and_frameworks_get_nothing),
        TEST(test_too_little_is_not_worth_an_offer),
        TEST(test_bad_minimum_is_refused_by_name),
        TEST(test_reservations_go_to_their_role_and_below),
        TEST(test_gpu_agents_wait_for_who_takes_gpus),
        TEST(test_use_takes_only_what_is_free),
        TEST(test_random_walk_never_promises_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
