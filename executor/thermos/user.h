/* Users of this machine, read from /etc/passwd and /etc/group: a static program
 * cannot ask the name service. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

enum { USER_NAME_MAX = 64, USER_HOME_MAX = 256, USER_GROUPS_MAX = 64 };

struct user {
    char name[USER_NAME_MAX];
    char home[USER_HOME_MAX];
    uid_t uid;
    gid_t gid;
};

int user_by_name(const char *name, struct user *out, struct err *err);
int user_by_id(uid_t uid, struct user *out, struct err *err);
/* May a task of this user's be run from here? Nobody's may as root, and only
 * root may run somebody else's (ERR_DENIED). */
int user_check(const struct user *user, struct err *err);
/* Become the user for good: groups, gid, uid. */
int user_become(const struct user *user, struct err *err);
