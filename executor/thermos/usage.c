#include "executor/thermos/usage.h"

#include "base/alloc.h"
#include "executor/thermos/process_tree.h"
#include "wire/json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 512 /* of st_blocks, whatever the file system */ };

/* --- processes --- */

static bool read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static int64_t count_descriptors(pid_t pid)
{
    char path[64];
    int64_t count = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -1;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count - 2; /* "." and ".." */
}

/* Fields of /proc/PID/stat behind the name, which may hold anything: 14 utime,
 * 15 stime, 16 cutime, 17 cstime, 20 threads, 24 resident pages. */
static bool usage_of_one(pid_t pid, struct usage *out)
{
    char path[64], text[1024];
    long long utime, stime, cutime, cstime, threads, pages;
    int64_t hertz = sysconf(_SC_CLK_TCK);

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_text(path, text, sizeof text))
        return false;
    const char *at = strrchr(text, ')');
    if (at == NULL ||
        sscanf(at + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld "
               "%lld %*d %*d %lld %*d %*u %*u %lld",
               &utime, &stime, &cutime, &cstime, &threads, &pages) != 6)
        return false;
    *out = (struct usage){.cpu_ms = (utime + stime + cutime + cstime) * 1000 /
                                    (hertz > 0 ? hertz : 100),
                          .memory_bytes = pages * sysconf(_SC_PAGESIZE),
                          .processes = 1,
                          .threads = threads,
                          .descriptors = count_descriptors(pid)};
    return true;
}

void usage_add(struct usage *to, const struct usage *more)
{
    to->cpu_ms += more->cpu_ms;
    to->memory_bytes += more->memory_bytes;
    to->processes += more->processes;
    to->threads += more->threads;
    to->descriptors = to->descriptors < 0 || more->descriptors < 0
                          ? -1
                          : to->descriptors + more->descriptors;
}

void usage_of_tree(pid_t root, struct usage *out)
{
    pid_t *pid = xcalloc(USAGE_PROCESSES_MAX, sizeof *pid);
    size_t count = 1;
    struct usage one;

    *out = (struct usage){0};
    pid[0] = root;
    for (size_t at = 0; at < count; at++) {
        if (!usage_of_one(pid[at], &one))
            continue;
        usage_add(out, &one);
        count +=
            tree_children(pid[at], pid + count, USAGE_PROCESSES_MAX - count);
    }
    free(pid);
}

void usage_json(const struct usage *usage, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out, 0);
    json_begin_object(&w);
    json_put_int(&w, "cpu_ms", usage->cpu_ms);
    json_put_int(&w, "memory_bytes", usage->memory_bytes);
    json_put_int(&w, "processes", usage->processes);
    json_put_int(&w, "threads", usage->threads);
    json_key(&w, "descriptors");
    if (usage->descriptors < 0)
        json_nothing(&w);
    else
        json_int(&w, usage->descriptors);
    json_end_object(&w);
}

/* --- the disk --- */

struct walk {
    DIR *dir[USAGE_DEPTH_MAX]; /* open ones, the outermost first */
    int depth;
    dev_t device;
    int64_t bytes;
};

/* Go into a directory; what cannot be entered counts as itself only. */
static void enter(struct walk *w, int parent, const char *name)
{
    if (w->depth == USAGE_DEPTH_MAX)
        return;
    int fd =
        openat(parent, name,
               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir != NULL)
        w->dir[w->depth++] = dir;
    else if (fd >= 0)
        (void)close(fd);
}

static void count(struct walk *w, DIR *dir, const char *name)
{
    struct stat st;
    if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        st.st_dev != w->device)
        return;
    int64_t bytes = (int64_t)st.st_blocks * BLOCK_BYTES;
    if (S_ISDIR(st.st_mode)) {
        w->bytes += bytes;
        enter(w, dirfd(dir), name);
    } else {
        w->bytes += bytes / (st.st_nlink > 0 ? (int64_t)st.st_nlink : 1);
    }
}

int64_t usage_of_disk(const char *directory)
{
    struct walk w = {0};
    struct stat st;

    enter(&w, AT_FDCWD, directory);
    if (w.depth == 0 || fstat(dirfd(w.dir[0]), &st) != 0)
        return -1;
    w.device = st.st_dev;
    w.bytes = (int64_t)st.st_blocks * BLOCK_BYTES;
    while (w.depth > 0) {
        DIR *dir = w.dir[w.depth - 1];
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            (void)closedir(dir);
            w.depth--;
        } else if (strcmp(entry->d_name, ".") != 0 &&
                   strcmp(entry->d_name, "..") != 0) {
            count(&w, dir, entry->d_name);
        }
    }
    return w.bytes;
}
