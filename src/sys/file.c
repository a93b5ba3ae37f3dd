#include "sys/file.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_STEP = 64 << 10,
    TREE_DEPTH_MAX = 1000 /* open directories at once while removing */
};

static int io_error(struct err *err, const char *verb, const char *path)
{
    int code = errno == ENOENT                      ? ERR_NOT_FOUND
               : errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE
               : errno == EACCES || errno == EPERM  ? ERR_DENIED
                                                    : ERR_IO;
    return err_set(err, (enum err_code)code, "cannot %s '%s': %s", verb, path,
                   strerror(errno));
}

static int read_all(int fd, const char *path, size_t max, struct buf *out,
                    struct err *err)
{
    size_t before = out->size;

    for (;;) {
        buf_reserve(out, READ_STEP);
        ssize_t got = read(fd, out->data + out->size, READ_STEP);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_error(err, "read", path);
        if (got == 0)
            return 0;
        out->size += (size_t)got;
        if (out->size - before > max)
            return err_set(err, ERR_LIMIT, "file '%s': larger than %zu bytes",
                           path, max);
    }
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    struct buf text = {0};
    int status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return io_error(err, "open", path);
    status = read_all(fd, path, max, &text, err);
    if (status == 0)
        buf_add_bytes(out, buf_bytes(&text));
    buf_release(&text);
    close(fd);
    return status;
}

static int write_all(int fd, struct bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t put = write(fd, bytes.data, bytes.size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes.data += put;
        bytes.size -= (size_t)put;
    }
    return 0;
}

/* The rename itself is durable once the directory is. */
static int sync_parent(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    int fd, status;

    if (size >= sizeof dir) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (slash == NULL)
        strcpy(dir, ".");
    else
        snprintf(dir, sizeof dir, "%.*s", size ? (int)size : 1, path);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    status = fsync(fd);
    close(fd);
    return status;
}

int file_write(const char *path, struct bytes bytes, mode_t mode, bool sync,
               struct err *err)
{
    char temp[PATH_MAX];
    int fd, status;

    if (snprintf(temp, sizeof temp, "%s.XXXXXX", path) >= (int)sizeof temp) {
        errno = ENAMETOOLONG;
        return io_error(err, "write", path);
    }
    fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return io_error(err, "write", path);
    if (write_all(fd, bytes) < 0 || fchmod(fd, mode) < 0 ||
        (sync && fsync(fd) < 0) || rename(temp, path) < 0)
        goto fail;
    close(fd);
    if (sync && sync_parent(path) < 0)
        return io_error(err, "sync the directory of", path);
    return 0;

fail:
    status = io_error(err, "write", path);
    unlink(temp);
    close(fd);
    return status;
}

static int make_one(const char *path, mode_t mode, struct err *err)
{
    struct stat st;

    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        errno = ENOTDIR;
    }
    int code = errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    return err_set(err, (enum err_code)code, "cannot make directory '%s': %s",
                   path, strerror(errno));
}

/* How much of the path is there already: most callers lack the last part or
 * two of a deep one, so looking from the end asks least. */
static size_t existing_part(const char *path, size_t size)
{
    char part[PATH_MAX];
    struct stat st;

    memcpy(part, path, size + 1);
    while (size > 0 && !(stat(part, &st) == 0 && S_ISDIR(st.st_mode))) {
        while (size > 0 && part[size - 1] != '/')
            size--;
        while (size > 0 && part[size - 1] == '/')
            size--;
        part[size] = '\0';
    }
    return size;
}

int dir_make(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof part) {
        errno = size == 0 ? ENOENT : ENAMETOOLONG;
        return err_set(err, ERR_IO, "cannot make directory '%s': %s", path,
                       strerror(errno));
    }
    memcpy(part, path, size + 1);
    size_t there = existing_part(path, size);
    if (there == size)
        return 0;
    for (char *c = part + there + 1; *c; c++)
        if (*c == '/' && c[-1] != '/') {
            *c = 0;
            int status = make_one(part, 0755, err);
            if (status < 0)
                return status;
            *c = '/';
        }
    return make_one(part, mode, err);
}

/* Removing a tree walks it with an explicit stack of open directories, so that
 * a deep tree costs neither stack nor long paths, and never follows a link. */
struct tree_level {
    DIR *dir;
    char name[NAME_MAX + 1]; /* in the parent, to remove when empty */
};

static const char *next_name(DIR *dir)
{
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    return NULL;
}

static DIR *dir_open_at(int parent, const char *name)
{
    int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

/* Empty the topmost directory until it is empty (returns 0), holds a directory
 * that must be entered first (returns 1, name in *down), or fails (-1). */
static int empty_level(struct tree_level *level, char down[NAME_MAX + 1])
{
    const char *name;

    while ((name = next_name(level->dir)) != NULL) {
        if (unlinkat(dirfd(level->dir), name, 0) == 0 || errno == ENOENT)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return -1;
        snprintf(down, NAME_MAX + 1, "%s", name);
        return 1;
    }
    return 0;
}

static int remove_levels(struct tree_level *level, int *depth)
{
    char down[NAME_MAX + 1];

    while (*depth > 0) {
        struct tree_level *top = &level[*depth - 1];
        int more = empty_level(top, down);
        if (more < 0)
            return -1;
        if (more == 1) {
            if (*depth == TREE_DEPTH_MAX) {
                errno = ELOOP;
                return -1;
            }
            DIR *dir = dir_open_at(dirfd(top->dir), down);
            if (dir == NULL)
                return -1;
            memcpy(level[*depth].name, down, sizeof down);
            level[(*depth)++].dir = dir;
            continue;
        }
        closedir(top->dir);
        if (--*depth > 0 &&
            unlinkat(dirfd(level[*depth - 1].dir), top->name, AT_REMOVEDIR) < 0)
            return -1;
    }
    return 0;
}

int dir_remove(const char *path, struct err *err)
{
    struct tree_level *level;
    int depth = 1, status;
    DIR *dir = dir_open_at(AT_FDCWD, path);

    if (dir == NULL && (errno == ENOTDIR || errno == ELOOP))
        return unlink(path) == 0 ? 0 : io_error(err, "remove", path);
    if (dir == NULL)
        return io_error(err, "remove", path);
    level = calloc(TREE_DEPTH_MAX, sizeof *level);
    assert(level != NULL);
    level[0].dir = dir;
    status = remove_levels(level, &depth);
    if (status == 0 && rmdir(path) < 0)
        status = -1;
    if (status < 0)
        status = io_error(err, "remove", path);
    while (depth > 0)
        closedir(level[--depth].dir);
    free(level);
    return status;
}
