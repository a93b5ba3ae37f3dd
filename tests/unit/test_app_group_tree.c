/* What waits for what in a group, and what follows for each member. */
#include "aurora/core/app_group_machine.h"
#include "aurora/core/app_group_tree.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A tree from text: "a b( c d ) e( ) | b>a e>b": jobs, groups with brackets
 * apart, and who needs whom below the root. */
static struct group_tree tree_of(const char *text)
{
    struct group_tree tree = {0};
    uint32_t stack[32], depth = 0, node;
    char copy[1000], *save = NULL;
    bool is_needs = false;

    snprintf(copy, sizeof copy, "%s", text);
    assert_int_equal(
        group_tree_begin(&tree, TREE_NONE, "root", &stack[depth++], NULL), 0);
    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        size_t size = strlen(word);
        if (strcmp(word, "|") == 0) {
            is_needs = true;
            group_tree_end(&tree, 0);
        } else if (is_needs) {
            char *other = strchr(word, '>');
            *other++ = '\0';
            assert_int_equal(
                group_tree_need(&tree, group_tree_child(&tree, 0, word),
                                group_tree_child(&tree, 0, other), NULL),
                0);
        } else if (strcmp(word, ")") == 0) {
            group_tree_end(&tree, stack[--depth]);
        } else if (word[size - 1] == '(') {
            word[size - 1] = '\0';
            assert_int_equal(group_tree_begin(&tree, stack[depth - 1], word,
                                              &stack[depth], NULL),
                             0);
            depth++;
        } else {
            assert_int_equal(
                group_tree_add_job(&tree, stack[depth - 1], word, &node, NULL),
                0);
        }
    }
    group_tree_end(&tree, 0);
    return tree;
}

/* Members for which the flag is set, by their names. */
static const char *names(const struct group_tree *tree, const bool *flag)
{
    static char out[500];
    size_t size = 0;

    out[0] = '\0';
    for (uint32_t m = 0; m < tree->members; m++)
        if (flag[m])
            size += (size_t)snprintf(
                out + size, sizeof out - size, "%s%s", size ? " " : "",
                tree->item[group_tree_node_of(tree, m)].name);
    return out;
}

static void set(const struct group_tree *tree, const char *which, bool *flag)
{
    for (uint32_t m = 0; m < tree->members; m++) {
        const char *name = tree->item[group_tree_node_of(tree, m)].name;
        flag[m] = strstr(which, name) != NULL;
    }
}

static void may_start(const struct group_tree *tree, const char *up,
                      const char *want)
{
    bool flag[64] = {0}, out[64] = {0};

    set(tree, up, flag);
    group_tree_may_start(tree, flag, out);
    assert_string_equal(names(tree, out), want);
}

static void may_stop(const struct group_tree *tree, const char *gone,
                     const char *want)
{
    bool flag[64] = {0}, out[64] = {0};

    set(tree, gone, flag);
    group_tree_may_stop(tree, flag, out);
    assert_string_equal(names(tree, out), want);
}

static void test_what_is_needed_starts_first_and_ends_last(void **unused)
{
    struct group_tree tree = tree_of("a b( c d ) e( f ) | b>a e>b");

    (void)unused;
    assert_int_equal(group_tree_seal(&tree, NULL), 0);
    may_start(&tree, "", "a");
    may_start(&tree, "a", "a c d");
    may_start(&tree, "a c", "a c d");
    may_start(&tree, "a c d", "a c d f");
    may_start(&tree, "c d", "a f"); /* only what is needed at first hand */
    may_stop(&tree, "", "f");
    may_stop(&tree, "f", "c d f");
    may_stop(&tree, "f c", "c d f");
    may_stop(&tree, "f c d", "a c d f");
    group_tree_release(&tree);
}

static void test_levels_are_longest_ways(void **unused)
{
    struct group_tree tree =
        tree_of("a b( c ) d( e ) f( g h ) | b>a d>b d>a f>d");

    (void)unused;
    assert_int_equal(group_tree_seal(&tree, NULL), 0);
    for (uint32_t n = 0; n < tree.count; n++) {
        static const char *const at = "aceg";
        if (tree.item[n].member != TREE_NONE && tree.item[n].name[0] != 'h')
            assert_int_equal(tree.item[n].level,
                             strchr(at, tree.item[n].name[0]) - at + 1);
    }
    group_tree_release(&tree);
}

static void test_groups_without_jobs_are_passed_through(void **unused)
{
    struct group_tree tree = tree_of("a x( ) y( z( ) ) b( c ) | x>a y>x b>y");

    (void)unused;
    assert_int_equal(group_tree_seal(&tree, NULL), 0);
    may_start(&tree, "", "a");
    may_start(&tree, "a", "a c");
    may_stop(&tree, "", "c");
    group_tree_release(&tree);
}

static void test_circles_are_shown(void **unused)
{
    static const struct {
        const char *text, *circle;
    } rows[] = {
        {"a( b ) | a>a", "a -> a"},
        {"a( b ) c( d ) | a>c c>a", "a -> c -> a"},
        {"x( y ) a( b ) c( d ) e( f ) | x>a a>c c>e e>a", "a -> c -> e -> a"},
        {"a( ) c( ) | a>c c>a", "a -> c -> a"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct group_tree tree = tree_of(rows[i].text);
        struct err err = {0};
        assert_int_equal(group_tree_seal(&tree, &err), -ERR_INVALID);
        assert_non_null(strstr(err.text, rows[i].circle));
        group_tree_release(&tree);
    }
}

static void test_what_is_missing_is_told(void **unused)
{
    struct group_tree tree = tree_of("a b( c d ) e( f ) | b>a e>b e>a");
    bool up[8] = {0};
    uint32_t out[8];
    struct buf path = {0};

    (void)unused;
    assert_int_equal(group_tree_seal(&tree, NULL), 0);
    assert_int_equal(group_tree_waits(&tree, 3, up, out, 8), 3);
    assert_int_equal(group_tree_waits(&tree, 3, up, out, 2), 2);
    up[0] = up[2] = true;
    assert_int_equal(group_tree_waits(&tree, 3, up, out, 8), 1);
    assert_int_equal(out[0], 1);
    group_tree_path(&tree, group_tree_node_of(&tree, out[0]), &path);
    assert_string_equal(buf_text(&path), "b/c");
    buf_release(&path);
    group_tree_release(&tree);
}

static void test_trees_have_limits(void **unused)
{
    struct group_tree tree = {0};
    struct err err = {0};
    uint32_t node = TREE_NONE, deep = 0, child;

    (void)unused;
    while (group_tree_begin(&tree, node, "g", &node, &err) == 0)
        deep++;
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(deep, TREE_DEPTH_MAX + 1);
    group_tree_release(&tree);

    assert_int_equal(group_tree_begin(&tree, TREE_NONE, "g", &node, NULL), 0);
    for (uint32_t i = 0; i < TREE_MEMBERS_MAX; i++)
        assert_int_equal(group_tree_add_job(&tree, 0, "j", &child, NULL), 0);
    assert_int_equal(group_tree_add_job(&tree, 0, "j", &child, &err),
                     -ERR_LIMIT);
    while (group_tree_begin(&tree, 0, "h", &child, &err) == 0)
        group_tree_end(&tree, child);
    assert_int_equal(tree.count, TREE_NODES_MAX);
    group_tree_release(&tree);
}

/* Random trees: following the order brings every member up, and takes it down
 * again, and never one before what it needs. */
static void test_every_order_comes_to_its_end(void **unused)
{
    struct rng rng;

    (void)unused;
    rng_seed(&rng, 7);
    for (int round = 0; round < 300; round++) {
        struct group_tree tree = {0};
        uint32_t child, job, groups = 1 + (uint32_t)rng_below(&rng, 12);
        bool up[64] = {0}, ok[64] = {0};
        uint32_t first[16];
        assert_int_equal(group_tree_begin(&tree, TREE_NONE, "r", &child, NULL),
                         0);
        for (uint32_t g = 0; g < groups; g++) {
            assert_int_equal(group_tree_begin(&tree, 0, "g", &child, NULL), 0);
            first[g] = child;
            for (uint64_t j = rng_below(&rng, 4); j > 0; j--)
                assert_int_equal(
                    group_tree_add_job(&tree, child, "j", &job, NULL), 0);
            group_tree_end(&tree, child);
        }
        group_tree_end(&tree, 0);
        for (uint32_t g = 1; g < groups; g++)
            for (uint32_t k = 0; k < g; k++)
                if (rng_below(&rng, 3) == 0)
                    assert_int_equal(
                        group_tree_need(&tree, first[g], first[k], NULL), 0);
        assert_int_equal(group_tree_seal(&tree, NULL), 0);
        for (int way = 0; way < 2; way++) {
            uint32_t left = tree.members;
            memset(up, 0, sizeof up);
            for (uint32_t turn = 0; turn <= tree.members; turn++) {
                if (way == 0)
                    group_tree_may_start(&tree, up, ok);
                else
                    group_tree_may_stop(&tree, up, ok);
                for (uint32_t m = 0; m < tree.members; m++) {
                    left -= ok[m] && !up[m];
                    up[m] |= ok[m];
                }
            }
            assert_int_equal(left, 0);
        }
        group_tree_release(&tree);
    }
}

/* --- the rules --- */

static void test_the_states_of_a_group(void **unused)
{
    static const char *const next[] = {
        [APP_GROUP_NONE] = "DEPLOYING",
        [APP_GROUP_DEPLOYING] = "DEPLOYING RUNNING FAILED REMOVING",
        [APP_GROUP_RUNNING] = "DEPLOYING REMOVING",
        [APP_GROUP_FAILED] = "DEPLOYING REMOVING",
        [APP_GROUP_REMOVING] = "REMOVED FAILED",
        [APP_GROUP_REMOVED] = "",
    };

    (void)unused;
    for (int from = 0; from < APP_GROUP_STATE_COUNT; from++)
        for (int to = 1; to < APP_GROUP_STATE_COUNT; to++)
            assert_int_equal(
                app_group_machine((enum app_group_state)from,
                                  (enum app_group_state)to),
                strstr(next[from],
                       app_group_state_name((enum app_group_state)to)) != NULL);
}

/* The rule said again, in other words, over all facts. */
static enum member_act expected(const struct member_facts *f)
{
    bool is_over = f->phase == MEMBER_DONE || f->phase == MEMBER_FAILED;
    bool is_bad = !f->is_here || f->is_broken;

    if (is_over)
        return ACT_WAIT;
    if (f->action == MEMBER_REMOVE) {
        if (f->is_gone)
            return ACT_DONE;
        if (f->phase == MEMBER_WAITING)
            return f->is_clear ? ACT_BEGIN : ACT_WAIT;
        return f->is_here ? ACT_BEGIN : ACT_WAIT;
    }
    if (f->phase == MEMBER_WAITING) {
        if (f->action == MEMBER_CREATE && !f->is_here)
            return ACT_FAIL;
        return f->is_clear ? ACT_BEGIN : ACT_WAIT;
    }
    if (is_bad)
        return ACT_FAIL;
    if (f->update == UPDATE_ROLLING_FORWARD)
        return ACT_WAIT;
    if (f->update == UPDATE_ROLLED_BACK)
        return ACT_FAIL;
    return f->is_up ? ACT_DONE : ACT_WAIT;
}

static void test_what_a_member_does_next(void **unused)
{
    static const enum update_state update[] = {
        UPDATE_NONE, UPDATE_ROLLING_FORWARD, UPDATE_ROLLED_FORWARD,
        UPDATE_ROLLED_BACK};

    (void)unused;
    for (int action = MEMBER_KEEP; action < MEMBER_ACTION_COUNT; action++)
        for (int phase = MEMBER_WAITING; phase < MEMBER_PHASE_COUNT; phase++)
            for (int bits = 0; bits < 32; bits++)
                for (int u = 0; u < 4; u++) {
                    struct member_facts facts = {
                        .action = (enum member_action)action,
                        .phase = (enum member_phase)phase,
                        .is_clear = bits & 1,
                        .is_here = bits & 2,
                        .is_gone = bits & 4,
                        .is_up = bits & 8,
                        .is_broken = bits & 16,
                        .update = update[u]};
                    if (facts.is_here && facts.is_gone)
                        continue;
                    assert_int_equal(member_rule(&facts), expected(&facts));
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_needed_starts_first_and_ends_last),
        cmocka_unit_test(test_levels_are_longest_ways),
        cmocka_unit_test(test_groups_without_jobs_are_passed_through),
        cmocka_unit_test(test_circles_are_shown),
        cmocka_unit_test(test_what_is_missing_is_told),
        cmocka_unit_test(test_trees_have_limits),
        cmocka_unit_test(test_every_order_comes_to_its_end),
        cmocka_unit_test(test_the_states_of_a_group),
        cmocka_unit_test(test_what_a_member_does_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
