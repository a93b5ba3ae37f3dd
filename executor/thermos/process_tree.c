#include "executor/thermos/process_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STAT_MAX = 1024 };

static ssize_t read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t have = 0;
    ssize_t n;
    while (have < size - 1 && (n = read(fd, out + have, size - 1 - have)) > 0)
        have += (size_t)n;
    (void)close(fd);
    out[have] = '\0';
    return (ssize_t)have;
}

/* Fields of /proc/pid/stat behind the name, which may hold anything. */
static const char *stat_fields(pid_t pid, char *buffer)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_small(path, buffer, STAT_MAX) <= 0)
        return NULL;
    const char *close = strrchr(buffer, ')');
    return close != NULL && close[1] == ' ' ? close + 2 : NULL;
}

/* Field `number` as in proc(5); the first one behind the name is 3. */
static uint64_t stat_number(const char *fields, int number)
{
    for (int i = 3; i < number && fields != NULL; i++) {
        fields = strchr(fields, ' ');
        fields = fields ? fields + 1 : NULL;
    }
    return fields ? strtoull(fields, NULL, 10) : 0;
}

uint64_t tree_start_ticks(pid_t pid)
{
    char buffer[STAT_MAX];
    const char *fields = stat_fields(pid, buffer);
    return fields ? stat_number(fields, 22) : 0;
}

uint64_t tree_ticks_now(void)
{
    const int64_t second_ns = 1000000000;
    int64_t hertz = sysconf(_SC_CLK_TCK);
    struct timespec now;
    if (hertz <= 0 || second_ns % hertz != 0 ||
        clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    return (uint64_t)((now.tv_sec * second_ns + now.tv_nsec) /
                      (second_ns / hertz));
}

pid_t tree_parent(pid_t pid)
{
    char buffer[STAT_MAX];
    const char *fields = stat_fields(pid, buffer);
    return fields ? (pid_t)stat_number(fields, 4) : 0;
}

/* Where the kernel keeps no list of children, all processes are asked. */
static size_t children_by_scan(pid_t parent, pid_t *out, size_t max)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while (dir != NULL && count < max && (entry = readdir(dir)) != NULL) {
        char buffer[STAT_MAX];
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        const char *fields = stat_fields(pid, buffer);
        if (fields != NULL && stat_number(fields, 4) == (uint64_t)parent)
            out[count++] = pid;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

size_t tree_children(pid_t parent, pid_t *out, size_t max)
{
    char path[64], text[16 * 1024];
    size_t count = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent,
                   (int)parent);
    if (read_small(path, text, sizeof text) < 0)
        return children_by_scan(parent, out, max);
    for (char *at = text, *end; count < max; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        out[count++] = (pid_t)pid;
    }
    return count;
}

void tree_signal(pid_t pid, int signal)
{
    pid_t group = getpgid(pid);
    if (group > 1 && group != getpgrp())
        (void)kill(-group, signal); /* gone already is fine */
    (void)kill(pid, signal);
}
