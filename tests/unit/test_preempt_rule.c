/* Preemption: who may push whom aside, and which victims are taken. */
#include "aurora/core/aurora.h"
#include "aurora/core/preempt_rule.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- the rule --- */

struct side {
    const char *role;
    bool is_preemptible;
    int32_t priority;
};

static struct job_config *side_new(const struct side *side)
{
    struct job_key key = {"c", "", "prod", "x"};

    (void)snprintf(key.role, sizeof key.role, "%s", side->role);
    struct job_config *config = job_config_new(&key, bytes_of_text("x"));
    config->is_preemptible = side->is_preemptible;
    config->priority = side->priority;
    return config;
}

/* Case 84: testProductionPreemptingNonproductionAcrossUsers,
 * testProductionUsersDoNotPreemptEachOther, testHigherPriorityRunning, and the
 * rest of the table. */
static void test_84_who_may_push_whom(void **unused)
{
    static const struct {
        struct side pending, victim;
        bool may;
    } row[] = {
        {{"a", false, -1000}, {"b", true, 100}, true},
        {{"a", false, -1000}, {"a", true, 100}, true},
        {{"a", false, 1000}, {"b", false, 0}, false},
        {{"a", false, 5}, {"a", false, 10}, false},
        {{"a", false, 10}, {"a", false, 10}, false},
        {{"a", false, 11}, {"a", false, 10}, true},
        {{"a", true, 11}, {"a", true, 10}, true},
        {{"a", true, 10}, {"a", true, 10}, false},
        {{"a", true, 9}, {"a", true, 10}, false},
        {{"a", true, 1000}, {"b", true, 0}, false},
        {{"a", true, 1000}, {"a", false, 0}, false},
        {{"a", true, 1000}, {"b", false, 0}, false},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct job_config *pending = side_new(&row[i].pending);
        struct job_config *victim = side_new(&row[i].victim);
        if (preempt_allows(pending, victim) != row[i].may)
            fail_msg("row %zu", i);
        job_config_unref(pending);
        job_config_unref(victim);
    }
}

/* --- the choice --- */

static void test_the_smallest_set_that_is_enough(void **unused)
{
    static const struct {
        struct amounts lack;
        int64_t gift[4][2]; /* cpus, mem */
        const char *taken;
    } row[] = {
        {{2, 2, 0, 0}, {{1, 1}, {4, 4}, {2, 2}, {3, 3}}, "--+-"},
        {{5, 5, 0, 0}, {{1, 1}, {4, 4}, {2, 2}, {3, 3}}, "++--"},
        {{10, 1, 0, 0}, {{1, 1}, {4, 4}, {2, 2}, {3, 3}}, "++++"},
        {{11, 1, 0, 0}, {{1, 1}, {4, 4}, {2, 2}, {3, 3}}, "----"},
        {{0, 3, 0, 0}, {{8, 1}, {0, 3}, {8, 3}, {8, 8}}, "-+--"},
        {{4, 4, 0, 0}, {{4, 0}, {0, 4}, {3, 3}, {0, 0}}, "++--"},
        {{-1, 0, 0, 0}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}}, "----"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct preempt_gift gift[4];
        struct preempt_lack lack = {row[i].lack, 0};
        char taken[5] = "----";
        uint32_t count = 0;
        for (int g = 0; g < 4; g++)
            gift[g] = (struct preempt_gift){
                .amounts = {row[i].gift[g][0], row[i].gift[g][1], 0, 0}};
        count = preempt_choose(&lack, gift, 4);
        for (int g = 0; g < 4; g++) {
            taken[g] = gift[g].is_taken ? '+' : '-';
            count -= gift[g].is_taken;
        }
        if (strcmp(taken, row[i].taken) != 0)
            fail_msg("row %zu: %s", i, taken);
        assert_int_equal(count, 0);
    }
}

static void test_of_equals_the_least_loved_goes(void **unused)
{
    struct preempt_gift gift[] = {
        {.amounts = {4, 4, 0, 0}, .priority = 3, .age = 9},
        {.amounts = {4, 4, 0, 0}, .priority = 1, .age = 5},
        {.amounts = {4, 4, 0, 0}, .priority = 1, .age = 6},
        {.amounts = {4, 4, 0, 0}, .priority = 2, .age = 7},
    };
    struct preempt_lack lack = {{3, 1, 0, 0}, 0};

    (void)unused;
    assert_int_equal(preempt_choose(&lack, gift, 4), 1);
    assert_true(gift[2].is_taken);
    lack.ports = 1; /* nobody has any */
    assert_int_equal(preempt_choose(&lack, gift, 4), 0);
    gift[0].ports = 2;
    assert_int_equal(preempt_choose(&lack, gift, 4), 1);
    assert_true(gift[0].is_taken);
    /* Huge lacks and small gifts: every little helps. */
    lack = (struct preempt_lack){{INT64_MAX / 4, 0, 0, 0}, 0};
    for (int i = 0; i < 4; i++)
        gift[i].amounts.cpus = i == 0 ? INT64_MAX / 4 - 3 : 1;
    assert_int_equal(preempt_choose(&lack, gift, 4), 4);
}

static bool covers(const struct preempt_lack *lack,
                   const struct preempt_gift *gift, uint32_t count,
                   uint32_t set)
{
    int64_t left[5] = {lack->amounts.cpus, lack->amounts.mem,
                       lack->amounts.disk, lack->amounts.gpus, lack->ports};

    for (uint32_t i = 0; i < count; i++) {
        if (!(set >> i & 1))
            continue;
        left[0] -= gift[i].amounts.cpus;
        left[1] -= gift[i].amounts.mem;
        left[2] -= gift[i].amounts.disk;
        left[3] -= gift[i].amounts.gpus;
        left[4] -= gift[i].ports;
    }
    for (int d = 0; d < 5; d++)
        if (left[d] > 0)
            return false;
    return true;
}

/* The least that is enough, by trying all sets. */
static int fewest(const struct preempt_lack *lack,
                  const struct preempt_gift *gift, uint32_t count)
{
    int best = -1;

    for (uint32_t set = 0; set < 1u << count; set++) {
        int size = __builtin_popcount(set);
        if ((best < 0 || size < best) && covers(lack, gift, count, set))
            best = size;
    }
    return best;
}

/* Whatever they are: found when there is any, no victim could stay, one that is
 * enough goes alone, and nearly always they are as few as can be. */
static void test_all_sets_are_no_better(void **unused)
{
    enum { ROUNDS = 3000, GIFTS = 8 };
    struct rng rng;
    int more = 0, found = 0;

    (void)unused;
    rng_seed(&rng, 7);
    for (int round = 0; round < ROUNDS; round++) {
        struct preempt_gift gift[GIFTS];
        struct preempt_lack lack = {{(int64_t)rng_below(&rng, 30),
                                     (int64_t)rng_below(&rng, 30),
                                     (int64_t)rng_below(&rng, 9), 0},
                                    (int64_t)rng_below(&rng, 4) - 1};
        for (int i = 0; i < GIFTS; i++)
            gift[i] = (struct preempt_gift){
                .amounts = {(int64_t)rng_below(&rng, 12),
                            (int64_t)rng_below(&rng, 12),
                            (int64_t)rng_below(&rng, 4), 0},
                .ports = (uint32_t)rng_below(&rng, 2),
                .priority = (int32_t)rng_below(&rng, 3),
                .age = (uint64_t)i};
        int least = fewest(&lack, gift, GIFTS);
        int taken = (int)preempt_choose(&lack, gift, GIFTS);
        uint32_t set = 0;
        for (uint32_t i = 0; i < GIFTS; i++)
            set |= (uint32_t)gift[i].is_taken << i;
        assert_int_equal(taken, __builtin_popcount(set));
        if (least <= 0) {
            assert_int_equal(taken, 0);
            continue;
        }
        found++;
        more += taken > least;
        assert_true(covers(&lack, gift, GIFTS, set));
        assert_true(least > 1 || taken == 1);
        assert_true(taken <= least + 2);
        for (uint32_t i = 0; i < GIFTS; i++)
            assert_true(!(set >> i & 1) ||
                        !covers(&lack, gift, GIFTS, set & ~(1u << i)));
    }
    assert_true(found > ROUNDS / 2);
    print_message("%d of %d are more than the fewest\n", more, found);
    assert_true(more * 10 < found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_84_who_may_push_whom),
        cmocka_unit_test(test_the_smallest_set_that_is_enough),
        cmocka_unit_test(test_of_equals_the_least_loved_goes),
        cmocka_unit_test(test_all_sets_are_no_better),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
