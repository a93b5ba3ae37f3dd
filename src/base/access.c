#include "base/access.h"

#include <assert.h>

const char *realm_name(enum realm realm)
{
    static const char *const name[REALM_COUNT] = {
        [REALM_OPEN] = "open",           [REALM_READONLY] = "readonly",
        [REALM_READWRITE] = "readwrite", [REALM_SCHEDULER] = "scheduler",
        [REALM_AGENT] = "agent",         [REALM_EXECUTOR] = "executor"};

    return name[realm];
}

bool access_is_open(const struct access *access)
{
    for (int i = 0; i < REALM_COUNT; i++)
        if (access->asks[i])
            return false;
    return true;
}

static const struct user *find(const struct access *access, const char *name)
{
    return access->users && name ? users_find(access->users, name) : NULL;
}

bool access_may(const struct access *access, enum realm realm, const char *name,
                enum action action, const struct object *object)
{
    assert(!access->asks[REALM_OPEN]);
    if (!access->asks[realm])
        return true;
    const struct user *user = find(access, name);
    return user && user_may(user, action, object);
}

bool access_may_somewhere(const struct access *access, enum realm realm,
                          const char *name, enum action action)
{
    if (!access->asks[realm])
        return true;
    const struct user *user = find(access, name);
    return user && user_may_somewhere(user, action);
}

void access_take(struct access *access, struct users *users)
{
    users_unref(access->users);
    access->users = users;
}
