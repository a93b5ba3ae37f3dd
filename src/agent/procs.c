#include "agent/procs.h"
#include "base/alloc.h"
#include "base/vec.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENVIRON_MAX = 128 * 1024 };

struct proc {
    pid_t pid, parent, group, session;
    uint64_t born;
    char state;
    bool is_member;
};

static ssize_t read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    ssize_t n = 0;
    while (used < size - 1 && (n = read(fd, out + used, size - 1 - used)) > 0)
        used += (size_t)n;
    close(fd);
    out[used] = '\0';
    return n < 0 ? -1 : (ssize_t)used;
}

static bool proc_read(pid_t pid, struct proc *out)
{
    char text[1024];
    int parent, group, session;
    unsigned long long born;
    if (read_proc(pid, "stat", text, sizeof text) <= 0)
        return false;
    /* "pid (name) state ppid pgrp session ..."; the name may hold ')' */
    const char *rest = strrchr(text, ')');
    if (rest == NULL ||
        sscanf(rest + 1,
               " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
               "%*d %*d %*d %llu",
               &out->state, &parent, &group, &session, &born) != 5)
        return false;
    out->pid = pid;
    out->parent = parent;
    out->group = group;
    out->session = session;
    out->born = born;
    out->is_member = false;
    return true;
}

static bool is_gone(const struct proc *proc)
{
    return proc->state == 'Z' || proc->state == 'X';
}

uint64_t proc_born(pid_t pid)
{
    struct proc proc;
    return pid > 0 && proc_read(pid, &proc) ? proc.born : 0;
}

bool proc_is_alive(pid_t pid)
{
    struct proc proc;
    return pid > 0 && proc_read(pid, &proc) && !is_gone(&proc);
}

/* Was it started with MESOS_SANDBOX or MESOS_DIRECTORY naming this sandbox? */
static bool has_sandbox(pid_t pid, const char *sandbox, char *buffer)
{
    ssize_t size = read_proc(pid, "environ", buffer, ENVIRON_MAX);
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(buffer + at) + 1) {
        const char *entry = buffer + at;
        const char *value = strchr(entry, '=');
        if (value != NULL && strcmp(value + 1, sandbox) == 0 &&
            (strncmp(entry, "MESOS_SANDBOX=", 14) == 0 ||
             strncmp(entry, "MESOS_DIRECTORY=", 16) == 0))
            return true;
    }
    return false;
}

typedef VEC(struct proc) procs;

static void read_all(procs *all)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    struct proc proc;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) ||
            all->count == PROCS_MAX)
            continue;
        if (proc_read((pid_t)atoi(entry->d_name), &proc) && !is_gone(&proc) &&
            proc.pid != getpid())
            *vec_add(all) = proc;
    }
    if (directory != NULL)
        closedir(directory);
}

/* What descends from a member is one; until nothing changes. */
static void add_descendants(procs *all)
{
    bool has_changed = true;
    while (has_changed) {
        has_changed = false;
        for (uint32_t i = 0; i < all->count; i++)
            for (uint32_t j = 0; !all->item[i].is_member && j < all->count; j++)
                if (all->item[j].is_member &&
                    all->item[j].pid == all->item[i].parent)
                    has_changed = all->item[i].is_member = true;
    }
}

/* A pid stays taken while a group or session bears it, so when another process
 * has it now, nothing is left of the executor's. */
static pid_t still_named(const procs *all, pid_t executor, uint64_t born)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (all->item[i].pid == executor && all->item[i].born != born)
            return 0;
    return executor;
}

int procs_of_container(pid_t executor, uint64_t born, const char *sandbox,
                       pid_t *out, int max)
{
    procs all = {0};
    char *buffer = xmalloc(ENVIRON_MAX);
    int count = 0;
    read_all(&all);
    executor = still_named(&all, executor, born);
    for (uint32_t i = 0; i < all.count; i++) {
        struct proc *proc = &all.item[i];
        proc->is_member = (executor > 0 &&
                           (proc->pid == executor || proc->group == executor ||
                            proc->session == executor)) ||
                          has_sandbox(proc->pid, sandbox, buffer);
    }
    add_descendants(&all);
    for (uint32_t i = 0; i < all.count && count < max; i++)
        if (all.item[i].is_member)
            out[count++] = all.item[i].pid;
    free(buffer);
    vec_free(&all);
    return count;
}

pid_t procs_oldest(const pid_t *pid, int count)
{
    pid_t oldest = 0;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < count; i++) {
        uint64_t born = proc_born(pid[i]);
        if (born != 0 && born < least) {
            least = born;
            oldest = pid[i];
        }
    }
    return oldest;
}
