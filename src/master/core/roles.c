/* The roles of a FrameworkInfo; Mesos' rules and words. */
#include "master/core/master.h"
#include <stdio.h>

/* "{ dev, ops }" of what stands there twice; false when nothing does. */
static bool duplicates(const struct framework_head *head, struct buf *out)
{
    for (uint32_t i = 0; i < head->role_count; i++) {
        uint32_t before = 0;
        for (uint32_t k = 0; k < i; k++)
            before += strcmp(head->role[k], head->role[i]) == 0;
        if (before == 1)
            buf_addf(out, "%s%s", out->size ? ", " : "", head->role[i]);
    }
    return out->size > 0;
}

static bool multi_role_problem(const struct framework_head *head, char *text,
                               size_t size)
{
    struct err err = {0};
    struct buf twice = {0};
    bool has_duplicates = duplicates(head, &twice);
    if (has_duplicates)
        snprintf(text, size,
                 "'FrameworkInfo.roles' contains duplicate items: { %s }",
                 buf_text(&twice));
    buf_release(&twice);
    if (has_duplicates)
        return true;
    for (uint32_t i = 0; i < head->role_count; i++) {
        if (role_check(head->role[i], &err) < 0) {
            snprintf(text, size,
                     "'FrameworkInfo.roles' contains invalid role: %s",
                     err.text);
            return true;
        }
    }
    return false;
}

bool framework_roles_problem(const struct framework_head *head, bool has_role,
                             bool has_roles, char *text, size_t size)
{
    bool is_multi_role = head->flags & FRAMEWORK_MULTI_ROLE;
    if (is_multi_role && has_role) {
        snprintf(text, size,
                 "'FrameworkInfo.role' must not be set when the "
                 "framework is MULTI_ROLE capable");
        return true;
    }
    if (!is_multi_role && has_roles) {
        snprintf(text, size,
                 "'FrameworkInfo.roles' must not be set when the "
                 "framework is not MULTI_ROLE capable");
        return true;
    }
    if (head->role_count > MASTER_ROLES_MAX) {
        snprintf(text, size, "'FrameworkInfo.roles' has more than %d items",
                 MASTER_ROLES_MAX);
        return true;
    }
    if (is_multi_role)
        return multi_role_problem(head, text, size);
    struct err err = {0};
    if (role_check(head->role[0], &err) == 0)
        return false;
    snprintf(text, size, "'FrameworkInfo.role' is not a valid role: %s",
             err.text);
    return true;
}
