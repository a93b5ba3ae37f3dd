/* security.lua: users, roles and permissions (security.lua(5)); and roles.lua:
 * which user of the operating system the tasks of a role run as. Both are
 * written in the language of the daemons' configuration, and their fields are
 * those of SecurityFile and RolesFile in lua/stdlib/schema.
 *
 *     roles = {
 *       admin = { actions = "*" },
 *       web = { { actions = { "job.*", "update.*" }, role = "www-data" } },
 *     }
 *     users = {
 *       ada = { password = "$argon2id$...", roles = "web" },
 *       ci = { token = "blake2b$...", roles = { "web" },
 *              limits = { requests_per_second = 50, tasks = 100 } },
 *     }
 */
#pragma once
#include "base/permission.h"

enum { OS_USER_MAX = 33, OS_USERS_MAX = 10000 };

/* Sealed. ERR_INVALID says where in the file, and what it wants. */
int security_file_load(const char *path, struct users **out, struct err *err);
/* The same; all that is wrong is in `e`, as script/object_file.h says. */
struct evaluation;
int security_file_look(struct evaluation *e, const char *path,
                       struct users **out, struct err *err);

/* Who may write such a file may do everything: ERR_DENIED when others may. */
int security_file_check_mode(const char *path, struct err *err);

struct os_users {
    VEC(struct os_user {
        char role[64];
        char user[OS_USER_MAX];
    })
    by_role; /* by role */
};
int roles_file_load(const char *path, struct os_users *out, struct err *err);
int roles_file_look(struct evaluation *e, const char *path,
                    struct os_users *out, struct err *err);
/* NULL: the role's own name. */
const char *os_user_of(const struct os_users *users, const char *role);
