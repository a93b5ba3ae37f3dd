/* What asking for a permission costs, against comparing a key with a list of
 * keys byte by byte: each request asks once, each thing in a list and each
 * event for each follower once more. */
#include "base/permission.h"
#include "bench/kit.h"

#include <stdio.h>
#include <string.h>

enum { RULES = 20, ROUNDS = 5, QUESTIONS = 2000000, ROLES = 64 };

static struct rule rule_of(const char *actions, const char *role,
                           const char *env, const char *name)
{
    struct rule rule = {0};
    struct err err = {0};

    if (action_set_parse(&rule.actions, actions, &err) < 0 ||
        pattern_parse(&rule.part[1], role, &err) < 0 ||
        pattern_parse(&rule.part[2], env, &err) < 0 ||
        pattern_parse(&rule.part[3], name, &err) < 0)
        bench_fail("%s", err.text);
    return rule;
}

/* Exact roles, and every fourth with patterns. */
static struct user *user_of(struct users *users, bool has_globs)
{
    struct user *user;
    char role[64];

    if (users_add(users, has_globs ? "globs" : "exact", &user, NULL) < 0)
        bench_fail("no user");
    for (int i = 0; i < RULES; i++) {
        struct rule rule;
        snprintf(role, sizeof role, has_globs ? "team-%d-*" : "team-%d-web", i);
        rule = has_globs ? rule_of("job.*", role, "pro?", "*-front*")
                         : rule_of("job.*", role, NULL, NULL);
        if (user_add_rule(user, &rule, NULL) < 0)
            bench_fail("no rule");
    }
    return user;
}

/* The dearest answer is no: every rule is asked. */
static double ns_each(const struct user *user, enum action action,
                      struct object *object, uint32_t *allowed)
{
    uint32_t questions = bench_is_quick() ? QUESTIONS / 10 : QUESTIONS;
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = bench_ns();
        for (uint32_t i = 0; i < questions; i++)
            *allowed += user_may(user, action, &object[i % ROLES]);
        int64_t took = bench_ns() - began;
        if (took < best)
            best = took;
    }
    return (double)best / questions;
}

static double compare_ns(char key[ROLES][64], uint32_t *same)
{
    uint32_t questions = bench_is_quick() ? QUESTIONS / 10 : QUESTIONS;
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = bench_ns();
        for (uint32_t i = 0; i < questions; i++)
            for (int k = 0; k < RULES; k++)
                *same += strcmp(key[i % ROLES], key[k]) == 0;
        int64_t took = bench_ns() - began;
        if (took < best)
            best = took;
    }
    return (double)best / questions;
}

int main(int argc, char **argv)
{
    static char role[ROLES][64];
    static struct object denied[ROLES];
    struct users *users = users_new();
    uint32_t allowed = 0, same = 0;

    bench_open(argc, argv, "permission");
    bench_leans_on(BENCH_MEMORY);
    for (int i = 0; i < ROLES; i++) {
        snprintf(role[i], sizeof role[i], "team-%d-webs", i % RULES);
        denied[i] = (struct object){"cluster", role[i], "prod", "a-back-0"};
    }
    struct user *exact = user_of(users, false), *globs = user_of(users, true);
    double compare = compare_ns(role, &same);
    double exact_ns = ns_each(exact, ACTION_JOB_READ, denied, &allowed);
    double globs_ns = ns_each(globs, ACTION_JOB_READ, denied, &allowed);
    double other_ns = ns_each(globs, ACTION_QUOTA_SET, denied, &allowed);
    if (allowed != 0 || same == 0)
        bench_fail("%u were allowed, %u the same", allowed, same);
    bench_figure("permission_exact_20_rules", exact_ns, "ns",
                 exact_ns / compare, "20 string comparisons");
    bench_figure("permission_globs_20_rules", globs_ns, "ns",
                 globs_ns / compare, "20 string comparisons");
    bench_figure("permission_action_never_granted", other_ns, "ns",
                 other_ns / compare, "20 string comparisons");
    users_unref(users);
    return bench_close();
}
