/* Users for tests of ports: each NAME with ACTIONS on a role. */
#pragma once
#include "base/access.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct access_user {
    const char *name, *actions, *role; /* role NULL: every one */
};

static inline struct users *access_users(const struct access_user *item,
                                         size_t count)
{
    struct users *users = users_new();
    for (size_t i = 0; i < count; i++) {
        struct rule rule = {0};
        struct user *user;
        assert_int_equal(users_add(users, item[i].name, &user, NULL), 0);
        assert_int_equal(action_set_parse(&rule.actions, item[i].actions, NULL),
                         0);
        assert_int_equal(pattern_parse(&rule.part[1], item[i].role, NULL), 0);
        assert_int_equal(user_add_rule(user, &rule, NULL), 0);
    }
    assert_int_equal(users_seal(users, NULL), 0);
    return users;
}

static inline struct access access_all(struct users *users)
{
    struct access access = {.users = users};
    for (int i = REALM_OPEN + 1; i < REALM_COUNT; i++)
        access.asks[i] = true;
    return access;
}
