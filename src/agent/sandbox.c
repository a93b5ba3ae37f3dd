#include "agent/sandbox.h"
#include "sys/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LEN = 4096, SANDBOX_MODE = 0750 };

static void set_user(const struct passwd *entry, struct sandbox_user *out)
{
    out->uid = entry->pw_uid;
    out->gid = entry->pw_gid;
    snprintf(out->name, sizeof out->name, "%s", entry->pw_name);
    snprintf(out->home, sizeof out->home, "%s", entry->pw_dir);
}

int sandbox_user_find(const char *name, struct sandbox_user *out,
                      struct err *err)
{
    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        err_set(err, ERR_NOT_FOUND,
                "user '%s' does not exist on this agent; create it (useradd "
                "%s) or choose another role",
                name, name);
        return -ERR_NOT_FOUND;
    }
    set_user(entry, out);
    return 0;
}

void sandbox_user_self(struct sandbox_user *out)
{
    const struct passwd *entry = getpwuid(geteuid());
    *out = (struct sandbox_user){0};
    if (entry != NULL)
        set_user(entry, out);
    else
        snprintf(out->home, sizeof out->home, "/");
    out->uid = out->gid = -1;
}

static void point_latest(const char *path)
{
    char link[PATH_LEN], fresh[PATH_LEN];
    const char *name = strrchr(path, '/');
    int folder = (int)(name - path);
    if (snprintf(link, sizeof link, "%.*s/latest", folder, path) >=
            (int)sizeof link ||
        snprintf(fresh, sizeof fresh, "%.*s/.latest.%s", folder, path,
                 name + 1) >= (int)sizeof fresh)
        return;
    /* A convenience for people: nothing depends on it. */
    if (symlink(path, link) == 0 || errno != EEXIST)
        return;
    if (symlink(path, fresh) == 0 && rename(fresh, link) < 0)
        (void)unlink(fresh);
}

/* The sandboxes in this folder have nothing to do with each other. Said so,
 * ext2 to ext4 spread them over the disk; else all lie in one block group, and
 * without a journal whatever was removed from that one in the last minutes is
 * searched past for every new file. Other file systems refuse; no harm done. */
static void spread_children(const char *folder)
{
    int flags = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    (void)close(fd);
}

/* The folder of all executors of a framework, above EXECUTOR/runs. */
static int make_folder(const char *runs, struct err *err)
{
    char folder[PATH_LEN];
    snprintf(folder, sizeof folder, "%s", runs);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder)
            return 0;
        *slash = '\0';
    }
    if (access(folder, F_OK) == 0)
        return 0;
    int rc = dir_make(folder, 0755, err);
    if (rc == 0)
        spread_children(folder);
    return rc;
}

int sandbox_make(const char *path, const struct sandbox_user *user,
                 struct err *err)
{
    char parent[PATH_LEN];
    const char *name = strrchr(path, '/');
    if (snprintf(parent, sizeof parent, "%.*s", (int)(name - path), path) >=
        (int)sizeof parent)
        return err_set(err, ERR_LIMIT, "sandbox '%s': path too long", path);
    int rc = make_folder(parent, err);
    if (rc == 0)
        rc = dir_make(parent, 0755, err);
    if (rc < 0)
        return rc;
    if (mkdir(path, SANDBOX_MODE) < 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "sandbox '%s': cannot make: %s", path,
                       strerror(errno));
    if ((user->uid >= 0 &&
         chown(path, (uid_t)user->uid, (gid_t)user->gid) < 0) ||
        chmod(path, SANDBOX_MODE) < 0) /* whatever the umask */
        return err_set(err, ERR_IO, "sandbox '%s': cannot hand over: %s", path,
                       strerror(errno));
    point_latest(path);
    return 0;
}

/* The link beside the sandbox; false: too long. */
static bool owner_link(const char *path, char out[PATH_LEN])
{
    const char *slash = strrchr(path, '/');
    return slash != NULL &&
           snprintf(out, PATH_LEN, "%.*s/.owner.%s", (int)(slash - path), path,
                    slash + 1) < PATH_LEN;
}

int sandbox_set_owner(const char *path, const char *owner, struct err *err)
{
    char link[PATH_LEN];
    if (!owner_link(path, link))
        return err_set(err, ERR_LIMIT, "sandbox '%s': path too long", path);
    (void)unlink(link);
    if (symlink(owner, link) < 0)
        return err_set(err, ERR_IO, "'%s': cannot make: %s", link,
                       strerror(errno));
    return 0;
}

bool sandbox_owner(const char *path, char *out, size_t size)
{
    char real[PATH_LEN], link[PATH_LEN];
    ssize_t n = readlink(path, real, sizeof real - 1);
    if (n > 0)
        real[n] = '\0';
    if (!owner_link(n > 0 ? real : path, link))
        return false;
    n = readlink(link, out, size);
    if (n <= 0 || (size_t)n >= size)
        return false;
    out[n] = '\0';
    return true;
}

void sandbox_ended(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

/* --- removal --- */

struct sweep {
    int64_t before_ms;
    char *const *live;
    int removed;
};

static bool is_live(const struct sweep *sweep, const char *id)
{
    for (char *const *live = sweep->live; *live != NULL; live++)
        if (strcmp(*live, id) == 0)
            return true;
    return false;
}

static bool is_directory(const char *path, int64_t *changed_ms)
{
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return false;
    *changed_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    return true;
}

static void sweep_run(struct sweep *sweep, const char *path, const char *id)
{
    int64_t changed_ms;
    if (is_live(sweep, id) || !is_directory(path, &changed_ms) ||
        changed_ms >= sweep->before_ms)
        return;
    if (dir_remove(path, NULL) < 0)
        return;
    sweep->removed++;
    char link[PATH_LEN];
    if (owner_link(path, link))
        (void)unlink(link);
}

/* Level 0 is slaves/, then <agent>/frameworks/<id>/executors/<id>/runs/: the
 * sandboxes are what the last one holds. */
static void sweep_level(struct sweep *sweep, const char *path, int level)
{
    static const char *const fixed[] = {NULL, "frameworks", NULL, "executors",
                                        NULL, "runs",       NULL};
    char child[PATH_LEN];
    int64_t unused;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return;
    for (struct dirent *e; (e = readdir(directory)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            (fixed[level] != NULL && strcmp(e->d_name, fixed[level]) != 0) ||
            snprintf(child, sizeof child, "%s/%s", path, e->d_name) >=
                (int)sizeof child ||
            !is_directory(child, &unused))
            continue;
        if (level == 6) {
            sweep_run(sweep, child, e->d_name);
            continue;
        }
        sweep_level(sweep, child, level + 1);
        if (level == 5) { /* only the link is left: the run it named is gone */
            char link[PATH_LEN + 8];
            struct stat st;
            snprintf(link, sizeof link, "%s/latest", child);
            if (stat(link, &st) < 0 && errno == ENOENT)
                (void)unlink(link);
        }
        (void)rmdir(child); /* when it became empty */
    }
    closedir(directory);
}

int sandbox_sweep(const char *work_dir, int64_t before_ms, char *const *live)
{
    char path[PATH_LEN];
    struct sweep sweep = {.before_ms = before_ms, .live = live};
    snprintf(path, sizeof path, "%s/slaves", work_dir);
    sweep_level(&sweep, path, 0);
    return sweep.removed;
}
