/* Quotas as a pure noun: sums in a tree, what is allowed, what may be set, each
 * held against slow arithmetic of its own over random histories. */
#include "aurora/core/quota.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct quota_use NOTHING = {0};

static struct quota_use cores(int64_t cpu)
{
    struct quota_use use = {0};

    for (int p = 0; p < QUOTA_POOLS; p++)
        use.pool[p].item[QUOTA_CPU] = cpu;
    return use;
}

static struct quota bounded(const char *role, const char *parent, int64_t cpu)
{
    struct quota quota = {.has_production = true};

    snprintf(quota.role, sizeof quota.role, "%s", role);
    snprintf(quota.parent, sizeof quota.parent, "%s", parent);
    quota.limit[QUOTA_PRODUCTION].set = 1 << QUOTA_CPU;
    quota.limit[QUOTA_PRODUCTION].most.item[QUOTA_CPU] = cpu;
    return quota;
}

static int set(struct quotas *q, struct quota quota, struct err *err)
{
    uint32_t index;
    int rc = quotas_set(q, &quota, 1, false, &index, err);

    quotas_check(q);
    return rc;
}

static bool allows(const struct quotas *q, const char *role, int64_t cpu)
{
    struct quota_shortage ignored;
    struct quota_use to = cores(cpu);

    return quotas_allow(q, role, &NOTHING, &to, &ignored);
}

static void test_without_a_quota(void **unused)
{
    struct quotas q = {0};
    struct quota_shortage shortage;
    struct quota_use to = cores(1);

    (void)unused;
    assert_false(quotas_allow(&q, "a", &NOTHING, &to, &shortage));
    assert_int_equal(shortage.pool, QUOTA_PRODUCTION);
    assert_int_equal(shortage.set, 1 << QUOTA_CPU);
    to.pool[QUOTA_PRODUCTION].item[QUOTA_CPU] = 0;
    assert_true(quotas_allow(&q, "a", &NOTHING, &to, &shortage));
    quotas_release(&q);
}

static void test_every_ancestor_is_asked(void **unused)
{
    struct quotas q = {0};
    struct err err = {0};

    (void)unused;
    assert_int_equal(set(&q, bounded("a", "", 10), &err), 0);
    assert_int_equal(set(&q, bounded("b", "a", 20), &err), 0);
    assert_int_equal(set(&q, bounded("c", "b", 30), &err), 0);
    assert_true(allows(&q, "c", 10));
    assert_false(allows(&q, "c", 11));
    struct quota_role *c = quotas_hold(&q, "c");
    struct quota_use six = cores(6);
    quotas_change(c, &NOTHING, &six);
    quotas_check(&q);
    assert_true(allows(&q, "b", 4));
    assert_false(allows(&q, "b", 5));
    assert_false(allows(&q, "a", 5));
    quotas_change(c, &six, &NOTHING);
    quotas_let_go(&q, c);
    assert_true(allows(&q, "a", 10));
    quotas_release(&q);
}

/* A quota that names a parent and nothing else has what that has. */
static void test_the_parents_production(void **unused)
{
    struct quotas q = {0};
    struct quota child = {.role = "b", .parent = "a"};

    (void)unused;
    assert_int_equal(set(&q, bounded("a", "", 10), NULL), 0);
    assert_int_equal(set(&q, child, NULL), 0);
    assert_true(allows(&q, "b", 10));
    assert_false(allows(&q, "b", 11));
    quotas_release(&q);
}

static void test_trees_that_are_none(void **unused)
{
    struct quotas q = {0};
    struct err err = {0};
    char name[2] = "a", parent[2] = "";

    (void)unused;
    assert_int_equal(set(&q, bounded("x", "y", 1), &err), -ERR_INVALID);
    assert_string_equal(err.text,
                        "quota of role 'x': its parent 'y' has no quota");
    assert_null(quotas_find(&q, "x"));
    assert_int_equal(set(&q, bounded("x", "x", 1), &err), -ERR_INVALID);
    for (int i = 0; i < QUOTA_DEPTH_MAX; i++) {
        name[0] = (char)('a' + i);
        assert_int_equal(set(&q, bounded(name, parent, 5), &err), 0);
        memcpy(parent, name, sizeof parent);
    }
    assert_int_equal(set(&q, bounded("z", parent, 5), &err), -ERR_INVALID);
    assert_int_equal(set(&q, bounded("a", parent, 5), &err), -ERR_INVALID);
    struct quota none = {.role = "a"};
    assert_int_equal(set(&q, none, &err), -ERR_INVALID); /* b needs it */
    assert_int_equal(q.count, QUOTA_DEPTH_MAX);
    quotas_release(&q);
}

static void test_no_sum_overflows(void **unused)
{
    struct quota_use sum = {0}, one = cores(INT64_C(1) << 45);
    struct quotas q = {0};

    (void)unused;
    quota_use_add_times(&sum, &one, 1000000);
    assert_int_equal(sum.pool[QUOTA_ALL].item[QUOTA_CPU], QUOTA_SUM_MAX + 1);
    sum.pool[QUOTA_PRODUCTION].item[QUOTA_CPU] = 0;
    struct quota_shortage shortage;
    assert_false(quotas_allow(&q, "a", &NOTHING, &sum, &shortage));
    assert_int_equal(shortage.pool, QUOTA_ALL);
    sum = NOTHING;
    quota_use_add_times(&sum, &one, UINT64_MAX);
    assert_int_equal(sum.pool[QUOTA_ALL].item[QUOTA_CPU], QUOTA_SUM_MAX + 1);
    quotas_release(&q);
}

static void test_amounts_in_words(void **unused)
{
    struct buf out = {0};

    (void)unused;
    quota_amount_text(QUOTA_CPU, 2500, &out);
    buf_add_char(&out, ' ');
    quota_amount_text(QUOTA_RAM, 512, &out);
    buf_add_char(&out, ' ');
    quota_amount_text(QUOTA_DISK, 3072, &out);
    buf_add_char(&out, ' ');
    quota_amount_text(QUOTA_TASKS, -7, &out);
    assert_string_equal(buf_text(&out), "2.5 512 MB 3 GB -7");
    buf_release(&out);
}

/* --- random histories --- */

enum { ROLES = 12, STEPS = 4000 };

/* The same by slow means: what each role has, and its quota. */
struct model {
    int64_t own[ROLES], bound[ROLES]; /* bound -1: none of its own */
    int parent[ROLES];                /* -1: none */
    bool has_quota[ROLES];
};

static const char *name_of(int role)
{
    static const char *const name[ROLES] = {"a", "b", "c", "d", "e", "f",
                                            "g", "h", "i", "j", "k", "l"};
    return name[role];
}

static bool is_below(const struct model *m, int role, int above)
{
    for (int depth = 0; role >= 0 && depth <= ROLES;
         depth++, role = m->parent[role])
        if (role == above)
            return true;
    return false;
}

static int64_t tree_of(const struct model *m, int role)
{
    int64_t sum = 0;

    for (int i = 0; i < ROLES; i++)
        sum += is_below(m, i, role) ? m->own[i] : 0;
    return sum;
}

/* -1: no bound there. */
static int64_t bound_of(const struct model *m, int role)
{
    if (m->has_quota[role] && m->bound[role] >= 0)
        return m->bound[role];
    return m->has_quota[role] && m->parent[role] >= 0 ? -1 : 0;
}

static bool model_allows(const struct model *m, int role, int64_t more)
{
    for (; role >= 0; role = m->has_quota[role] ? m->parent[role] : -1)
        if (bound_of(m, role) >= 0 &&
            tree_of(m, role) + more > bound_of(m, role))
            return more <= 0;
    return true;
}

static bool is_tree(const struct model *m)
{
    for (int i = 0; i < ROLES; i++) {
        int depth = 0;
        for (int up = i; m->parent[up] >= 0; up = m->parent[up])
            if (!m->has_quota[m->parent[up]] || ++depth >= QUOTA_DEPTH_MAX)
                return false;
    }
    return true;
}

/* One role is set anew: nobody may stand above a bound who did not. */
static bool model_may_set(const struct model *old, const struct model *now,
                          int role)
{
    for (int i = 0; i < ROLES; i++) {
        int64_t over =
            bound_of(now, i) < 0 ? 0 : tree_of(now, i) - bound_of(now, i);
        int64_t was =
            bound_of(old, i) < 0 ? 0 : tree_of(old, i) - bound_of(old, i);
        if (over > 0 && (i == role || over > (was > 0 ? was : 0)))
            return false;
    }
    return true;
}

static void change_use(struct quotas *q, struct model *m,
                       struct quota_role **held, struct rng *rng)
{
    int role = (int)rng_below(rng, ROLES);
    int64_t wanted = (int64_t)rng_below(rng, 12);
    struct quota_use from = cores(m->own[role]), to = cores(wanted);
    struct quota_shortage ignored;

    assert_int_equal(quotas_allow(q, name_of(role), &from, &to, &ignored),
                     model_allows(m, role, wanted - m->own[role]));
    if (wanted > m->own[role] && !model_allows(m, role, wanted - m->own[role]))
        return;
    quotas_change(held[role], &from, &to);
    m->own[role] = wanted;
}

static void change_quota(struct quotas *q, struct model *m, struct rng *rng)
{
    struct model next = *m;
    int role = (int)rng_below(rng, ROLES);
    int parent = (int)rng_below(rng, ROLES + 4);
    int64_t most = (int64_t)rng_below(rng, 40) - 4;
    bool is_forced = rng_below(rng, 8) == 0;
    uint32_t index;

    next.parent[role] = parent < ROLES ? parent : -1;
    next.bound[role] = most < 0 ? -1 : most;
    next.has_quota[role] = parent < ROLES || most >= 0;
    struct quota quota = {.has_production = most >= 0};
    if (most >= 0)
        quota = bounded(name_of(role), "", most);
    snprintf(quota.role, sizeof quota.role, "%s", name_of(role));
    snprintf(quota.parent, sizeof quota.parent, "%s",
             parent < ROLES ? name_of(parent) : "");
    bool is_same = next.parent[role] == m->parent[role] &&
                   next.bound[role] == m->bound[role] &&
                   next.has_quota[role] == m->has_quota[role];
    bool is_fine = is_tree(&next) &&
                   (is_forced || is_same || model_may_set(m, &next, role));
    int rc = quotas_set(q, &quota, 1, is_forced, &index, NULL);
    assert_int_equal(rc == 0, is_fine);
    if (rc < 0)
        return;
    *m = next;
    quotas_saved(q, quotas_find(q, name_of(role)));
}

static void test_random_histories(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct quotas q = {0};
        struct model m = {0};
        struct quota_role *held[ROLES];
        struct rng rng;

        rng_seed(&rng, seed);
        for (int i = 0; i < ROLES; i++) {
            held[i] = quotas_hold(&q, name_of(i));
            m.parent[i] = -1;
            m.bound[i] = -1;
        }
        for (int step = 0; step < STEPS; step++) {
            if (rng_below(&rng, 4) == 0)
                change_quota(&q, &m, &rng);
            else
                change_use(&q, &m, held, &rng);
            quotas_check(&q);
            for (int i = 0; i < ROLES; i++)
                assert_int_equal(
                    held[i]->tree.pool[QUOTA_PRODUCTION].item[QUOTA_CPU],
                    tree_of(&m, i));
        }
        quotas_release(&q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_quota),
        cmocka_unit_test(test_every_ancestor_is_asked),
        cmocka_unit_test(test_the_parents_production),
        cmocka_unit_test(test_trees_that_are_none),
        cmocka_unit_test(test_no_sum_overflows),
        cmocka_unit_test(test_amounts_in_words),
        cmocka_unit_test(test_random_histories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
