/* Sandboxes: one directory per container, with a `latest` link beside it, and
 * their removal long after. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The user a container runs as. uid -1: the caller (no root). */
struct sandbox_user {
    int64_t uid, gid;
    char name[64];
    char home[256];
};
/* ERR_NOT_FOUND with what to do when there is no such user. */
int sandbox_user_find(const char *name, struct sandbox_user *out,
                      struct err *err);
void sandbox_user_self(struct sandbox_user *out);

/* Make <...>/runs/<container> with mode 0750, owned by the user, and point
 * runs/latest at it. */
int sandbox_make(const char *path, const struct sandbox_user *user,
                 struct err *err);
/* Write beside it whose it is, for who asks when nobody remembers: the text of
 * a link runs/.owner.<container>, in a folder that is the agent's own. It goes
 * with the sandbox. */
int sandbox_set_owner(const char *path, const char *owner, struct err *err);
/* What was written; false: nothing, or it does not fit. The path may end in
 * "latest". */
bool sandbox_owner(const char *path, char *out, size_t size);
/* Its age counts from now: the container ended. */
void sandbox_ended(const char *path);
/* Remove every sandbox under work_dir that ended before, and directories left
 * empty by that; `live` container ids (NULL-terminated) stay. Slow: for a
 * child process. Returns how many were removed. */
int sandbox_sweep(const char *work_dir, int64_t before_ms, char *const *live);
