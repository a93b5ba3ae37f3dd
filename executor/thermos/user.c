#include "executor/thermos/user.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, FIELDS = 7 };

/* Split at colons in place; how many fields there are. */
static int split(char *line, char *field[FIELDS])
{
    int n = 0;
    line[strcspn(line, "\n")] = '\0';
    while (n < FIELDS) {
        field[n++] = line;
        line = strchr(line, ':');
        if (line == NULL)
            break;
        *line++ = '\0';
    }
    return n;
}

static bool read_user(FILE *file, const char *name, uid_t uid, struct user *out)
{
    char line[LINE_MAX_BYTES], *field[FIELDS];

    while (fgets(line, sizeof line, file) != NULL) {
        if (split(line, field) < 6)
            continue;
        uid_t id = (uid_t)strtoul(field[2], NULL, 10);
        if (name != NULL ? strcmp(field[0], name) != 0 : id != uid)
            continue;
        *out =
            (struct user){.uid = id, .gid = (gid_t)strtoul(field[3], NULL, 10)};
        (void)snprintf(out->name, sizeof out->name, "%s", field[0]);
        (void)snprintf(out->home, sizeof out->home, "%s", field[5]);
        return true;
    }
    return false;
}

static int find(const char *name, uid_t uid, struct user *out, struct err *err)
{
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL)
        return err_set(err, ERR_IO, "/etc/passwd: %s", strerror(errno));
    bool found = read_user(file, name, uid, out);
    (void)fclose(file);
    if (found)
        return 0;
    if (name == NULL)
        return err_set(err, ERR_NOT_FOUND, "user %u: not in /etc/passwd",
                       (unsigned)uid);
    int rc = err_set(err, ERR_NOT_FOUND,
                     "user '%.60s' does not exist on this machine", name);
    err_hint(err, "create it (useradd %.60s) or choose another role", name);
    return rc;
}

int user_by_name(const char *name, struct user *out, struct err *err)
{
    return find(name, 0, out, err);
}

int user_by_id(uid_t uid, struct user *out, struct err *err)
{
    return find(NULL, uid, out, err);
}

static bool is_listed(char *list, const char *name)
{
    char *rest = NULL;
    for (char *one = strtok_r(list, ",", &rest); one != NULL;
         one = strtok_r(NULL, ",", &rest))
        if (strcmp(one, name) == 0)
            return true;
    return false;
}

static size_t groups_of(const struct user *user, gid_t out[USER_GROUPS_MAX])
{
    char line[LINE_MAX_BYTES], *field[FIELDS];
    size_t n = 0;
    FILE *file = fopen("/etc/group", "re");

    out[n++] = user->gid;
    while (file != NULL && n < USER_GROUPS_MAX &&
           fgets(line, sizeof line, file) != NULL)
        if (split(line, field) >= 4 && is_listed(field[3], user->name))
            out[n++] = (gid_t)strtoul(field[2], NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return n;
}

static int refuse(const struct user *user, const char *why, struct err *err)
{
    int rc = err_set(err, ERR_DENIED, "cannot become user '%s': %s", user->name,
                     why);
    err_hint(err, "only root can run a task as somebody else");
    return rc;
}

int user_check(const struct user *user, struct err *err)
{
    if (user->uid == 0) {
        int rc = err_set(err, ERR_DENIED,
                         "user '%s': a task does not run as "
                         "root",
                         user->name);
        err_hint(err, "leave --as-role away to run it as the caller");
        return rc;
    }
    if (geteuid() != 0 && user->uid != geteuid())
        return refuse(user, strerror(EPERM), err);
    return 0;
}

int user_become(const struct user *user, struct err *err)
{
    gid_t groups[USER_GROUPS_MAX];
    size_t count = groups_of(user, groups);

    if (user->uid == geteuid() && user->uid != 0)
        return 0;
    if (setgroups(count, groups) == 0 && setgid(user->gid) == 0 &&
        setuid(user->uid) == 0)
        return 0;
    return refuse(user, strerror(errno), err);
}
