/* Tiers: those that are always there, and what operators write. */
#include "aurora/core/tier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct tiers parse(const char *text)
{
    struct tiers tiers = {0};
    struct err err = {0};

    if (tiers_parse(text, &tiers, &err) < 0)
        fail_msg("%s", err.text);
    return tiers;
}

static void test_three_are_always_there(void **unused)
{
    static const char *const none[] = {NULL, ""};

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct tiers tiers = parse(none[i]);
        assert_int_equal(tiers.count, 3);
        const struct tier *preferred = tiers_find(&tiers, "preferred");
        const struct tier *preemptible = tiers_find(&tiers, "preemptible");
        const struct tier *revocable = tiers_find(&tiers, "revocable");
        assert_true(!preferred->is_preemptible && !preferred->is_revocable);
        assert_true(preemptible->is_preemptible && !preemptible->is_revocable);
        assert_true(revocable->is_preemptible && revocable->is_revocable);
        assert_true(tier_is_production(preferred));
        assert_false(tier_is_production(preemptible) ||
                     tier_is_production(revocable));
    }
}

static void test_an_operator_adds_his_own(void **unused)
{
    struct tiers tiers = parse("batch:preemptible=true;gold:preemptible=false,"
                               "revocable=false;none:;"
                               "spot:revocable=true,preemptible=true");
    struct buf names = {0};

    (void)unused;
    assert_int_equal(tiers.count, 7);
    assert_true(tier_is_production(tiers_find(&tiers, "gold")));
    assert_true(tier_is_production(tiers_find(&tiers, "none")));
    assert_true(tiers_find(&tiers, "batch")->is_preemptible);
    assert_true(tiers_find(&tiers, "spot")->is_revocable);
    assert_null(tiers_find(&tiers, "platinum"));
    tiers_list(&tiers, &names);
    assert_string_equal(buf_text(&names), "preferred, preemptible, revocable, "
                                          "batch, gold, none, spot");
    buf_release(&names);
}

static void test_what_is_wrong_is_named(void **unused)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"preferred:preemptible=true", "tier 'preferred': it is always there"},
        {"revocable:", "tier 'revocable': it is always there"},
        {"a:;a:", "tier 'a': it is there twice"},
        {"a:premptible=true", "tier 'a': unknown 'premptible': want "
                              "preemptible or revocable"},
        {"a:preemptible=yes",
         "tier 'a': preemptible: 'yes': want true or false"},
        {"a:preemptible", "tier 'a': preemptible: '': want true or false"},
        {"a:true", "tier 'a': unknown 'true'"},
        {"a:revocable=true", "tier 'a': what is revocable is preemptible, too"},
        {":preemptible=true", "tier '': want a name of letters"},
        {"a b:", "tier 'a b': want a name of letters"},
        {";", "tier '': want a name"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tiers tiers = {.count = 99};
        struct err err = {0};
        assert_int_equal(tiers_parse(wrong[i].text, &tiers, &err),
                         -ERR_INVALID);
        if (strncmp(err.text, wrong[i].why, strlen(wrong[i].why)) != 0)
            fail_msg("'%s': %s", wrong[i].text, err.text);
        assert_int_equal(tiers.count, 99);
    }
}

static void test_names_and_tiers_have_limits(void **unused)
{
    struct buf text = {0};
    struct tiers tiers;
    struct err err = {0};

    (void)unused;
    buf_addf(&text, "%063d:", 7);
    assert_int_equal(tiers_parse(buf_text(&text), &tiers, &err), 0);
    buf_clear(&text);
    buf_addf(&text, "%064d:", 7);
    assert_int_equal(tiers_parse(buf_text(&text), &tiers, &err), -ERR_INVALID);
    buf_clear(&text);
    for (int i = 3; i < TIERS_MAX; i++)
        buf_addf(&text, "t%d:;", i);
    assert_int_equal(tiers_parse(buf_text(&text), &tiers, &err), 0);
    buf_add_text(&text, "more:");
    assert_int_equal(tiers_parse(buf_text(&text), &tiers, &err), -ERR_LIMIT);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_are_always_there),
        cmocka_unit_test(test_an_operator_adds_his_own),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_names_and_tiers_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
