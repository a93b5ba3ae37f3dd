/* fcntl.h would declare an open() that cannot be looked behind; none is needed:
 * a file is known by its inode when it is first written or its directory
 * synced. */
#include "tests/tools/crash_record.h"
#include "base/vec.h"
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { O_DSYNC_BIT = 010000, GET_FLAGS = 3 };

static struct {
    pthread_mutex_t mutex;
    char dir[PATH_MAX]; /* "" while nothing is written down */
    struct crash_events events;
    VEC(uint64_t) known; /* inodes */
} record = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* --- the shim --- */

static struct crash_event *add(enum crash_kind kind)
{
    struct crash_event *event = vec_add(&record.events);

    *event = (struct crash_event){.kind = kind};
    return event;
}

/* The name below the directory, or NULL: none of ours. Locked. */
static const char *name_below(const char *path)
{
    size_t size = strlen(record.dir);

    if (size == 0 || strncmp(path, record.dir, size) != 0 || path[size] != '/')
        return NULL;
    path += size + 1;
    return strcmp(path, "store.lock") == 0 ? NULL : path;
}

static void know(uint64_t inode, const char *name)
{
    for (uint32_t i = 0; i < record.known.count; i++)
        if (record.known.item[i] == inode)
            return;
    *vec_add(&record.known) = inode;
    struct crash_event *event = add(CRASH_CREATE);
    event->file = inode;
    event->name = xstrdup(name);
}

/* Whose descriptor is it? NULL: none of ours. */
static const char *name_of(int fd, char path[PATH_MAX], struct stat *st)
{
    char link[64];

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0 || fstat(fd, st) < 0)
        return NULL;
    path[size] = 0;
    return strcmp(path, record.dir) == 0 ? "" : name_below(path);
}

static void note_write(int fd, const void *data, size_t size, uint64_t offset)
{
    char path[PATH_MAX];
    struct stat st;

    pthread_mutex_lock(&record.mutex);
    const char *name = name_of(fd, path, &st);
    if (name != NULL) {
        know(st.st_ino, name);
        struct crash_event *event = add(CRASH_WRITE);
        event->file = st.st_ino;
        event->offset = offset;
        event->data = bytes_of(xmemdup(data, size + 1 - 1), size);
        event->is_durable =
            (syscall(SYS_fcntl, fd, GET_FLAGS) & O_DSYNC_BIT) != 0;
    }
    pthread_mutex_unlock(&record.mutex);
}

/* Files that came into the directory are in it when it is synced. */
static void note_entries(int fd, const char *name)
{
    char path[PATH_MAX + NAME_MAX + 2], below[PATH_MAX];
    struct dirent *entry;
    struct stat st;

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    DIR *dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (fstatat(fd, entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
            strcmp(entry->d_name, "store.lock") == 0)
            continue;
        (void)snprintf(below, sizeof below, "%.2000s%s%s", name,
                       *name ? "/" : "", entry->d_name);
        know(st.st_ino, below);
    }
    if (dir != NULL)
        closedir(dir);
}

static void note_sync(int fd)
{
    char path[PATH_MAX];
    struct stat st;

    pthread_mutex_lock(&record.mutex);
    const char *name = name_of(fd, path, &st);
    if (name != NULL && S_ISDIR(st.st_mode)) {
        note_entries(fd, name);
        add(CRASH_SYNC_DIR)->name = xstrdup(name);
    } else if (name != NULL) {
        know(st.st_ino, name);
        add(CRASH_SYNC)->file = st.st_ino;
    }
    pthread_mutex_unlock(&record.mutex);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t done = syscall(SYS_pwrite64, fd, data, size, offset);

    if (done > 0)
        note_write(fd, data, (size_t)done, (uint64_t)offset);
    return done;
}

ssize_t writev(int fd, const struct iovec *part, int count)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_writev, fd, part, count), left = done;

    for (int i = 0; i < count && left > 0; i++) {
        size_t size = part[i].iov_len;
        if (size > (size_t)left)
            size = (size_t)left;
        note_write(fd, part[i].iov_base, size, (uint64_t)at);
        at += (off_t)size;
        left -= (ssize_t)size;
    }
    return done;
}

int fdatasync(int fd)
{
    int status = (int)syscall(SYS_fdatasync, fd);

    if (status == 0)
        note_sync(fd);
    return status;
}

int fsync(int fd)
{
    int status = (int)syscall(SYS_fsync, fd);

    if (status == 0)
        note_sync(fd);
    return status;
}

int rename(const char *from, const char *to)
{
    int status = (int)syscall(SYS_rename, from, to);

    pthread_mutex_lock(&record.mutex);
    const char *a = name_below(from), *b = name_below(to);
    if (status == 0 && a != NULL && b != NULL) {
        struct crash_event *event = add(CRASH_RENAME);
        event->name = xstrdup(a);
        event->to = xstrdup(b);
    }
    pthread_mutex_unlock(&record.mutex);
    return status;
}

int unlink(const char *path)
{
    int status = (int)syscall(SYS_unlink, path);

    pthread_mutex_lock(&record.mutex);
    const char *name = name_below(path);
    if (status == 0 && name != NULL)
        add(CRASH_UNLINK)->name = xstrdup(name);
    pthread_mutex_unlock(&record.mutex);
    return status;
}

/* --- beginning and end --- */

static void know_those_below(const char *dir)
{
    struct dirent *entry;
    char path[PATH_MAX];
    struct stat st;
    DIR *open_dir = opendir(dir);

    while (open_dir != NULL && (entry = readdir(open_dir)) != NULL) {
        (void)snprintf(path, sizeof path, "%.2000s/%s", dir, entry->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            *vec_add(&record.known) = st.st_ino;
    }
    if (open_dir != NULL)
        closedir(open_dir);
}

void crash_record_begin(const char *dir)
{
    char log[PATH_MAX];

    pthread_mutex_lock(&record.mutex);
    (void)snprintf(record.dir, sizeof record.dir, "%s", dir);
    (void)snprintf(log, sizeof log, "%.2000s/log", dir);
    know_those_below(dir);
    know_those_below(log);
    pthread_mutex_unlock(&record.mutex);
}

void crash_record_ack(uint64_t number)
{
    pthread_mutex_lock(&record.mutex);
    if (record.dir[0])
        add(CRASH_ACK)->number = number;
    pthread_mutex_unlock(&record.mutex);
}

struct crash_events crash_record_end(void)
{
    struct crash_events events;

    pthread_mutex_lock(&record.mutex);
    events = record.events;
    record.events = (struct crash_events){0};
    record.dir[0] = 0;
    vec_free(&record.known);
    pthread_mutex_unlock(&record.mutex);
    return events;
}
