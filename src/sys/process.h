/* Children: spawned without copying the parent, every descriptor close-on-exec
 * unless named, reaped by the loop (SIGCHLD as an event, "reap until none"). */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct rusage;

struct process_spec {
    const char *path;        /* program */
    const char *const *argv; /* NULL-terminated */
    const char *const *envp; /* NULL-terminated; NULL inherits */
    const char *cwd;         /* NULL: unchanged */
    int fd[8];               /* child's 0, 1, 2, ...; -1: /dev/null */
    int fd_count;            /* at least 3 */
    bool new_session;        /* setsid */
    int64_t uid, gid;        /* -1: unchanged; groups are cleared when set */
    const char *cgroup_procs[8]; /* files the child writes "0" into before
                                    exec; NULL-terminated */
    uint64_t cpu_seconds_max;    /* RLIMIT_CPU, 0: unchanged */
    uint64_t memory_bytes_max;   /* RLIMIT_AS, 0: unchanged */
};

/* ERR_IO with the failing step ("cannot run '/x': No such file"). A child whose
 * exec failed is reported here, not as an exit. */
int process_spawn(const struct process_spec *spec, pid_t *out, struct err *err);

typedef void process_exited(void *context, pid_t pid, int wait_status);
/* Reap children of this process through the loop. One watcher per loop;
 * children nobody asked for go to `other` when it is set (a subreaper's). */
struct process_watch;
struct process_watch *process_watch_open(struct event_base *base,
                                         process_exited *other, void *context);
void process_watch_close(struct process_watch *watch);
void process_watch_add(struct process_watch *watch, pid_t pid,
                       process_exited *exited, void *context);
/* Raise this process' own limit of open files to the hard limit; children get
 * the limit back that this process was started with. Call once, early. */
void process_raise_files(void);
/* This thread is a loop that others wait for: when it wakes up, it gets the
 * processor from whoever computes at a lower priority, at once and not at the
 * next tick. Children and threads do not inherit it. A kernel before 6.12 takes
 * no notice. */
void process_wake_promptly(void);
/* Of wait4: user and system time. */
int64_t process_cpu_ms(const struct rusage *usage);
/* "exited with status 3", "terminated by signal 9 (Killed)". */
const char *process_status_text(int wait_status, char *out, size_t size);
