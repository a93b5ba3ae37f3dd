/* thermos tail: the end of what processes have written, and what they go on to
 * write. Follows a process over its runs and its logs over their rotations. */
#include "executor/thermos/observer/command.h"

#include "executor/thermos/task_config.h"
#include "sys/beneath.h"
#include "sys/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    PIECE = 64 << 10,
    TAIL_BYTES_MAX = 16 << 20, /* looked through for --lines */
    LOOK_AGAIN_MS = 1000,      /* runs and ends are seen this late at most */
    ROTATION_MS = 5            /* between a file's move and the next one */
};

/* One process that is followed. */
struct followed {
    char *name; /* owned */
    uint32_t run;
    int fd; /* of its file; -1: none yet */
    ino_t inode;
    bool is_at_line; /* the next byte begins a line */
};

struct tail {
    struct request *request;
    int sandbox;
    int watch;     /* inotify; -1 when not following */
    bool is_named; /* lines get the name of their process */
    VEC(struct followed) processes;
};

/* --- output --- */

static void put(struct tail *t, struct followed *f, const char *text,
                size_t size)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t part = end != NULL ? (size_t)(end - text) + 1 : size;
        if (t->is_named && f->is_at_line)
            (void)printf("%s%s |%s ", command_paint(t->request, "\033[36m"),
                         f->name, command_paint(t->request, "\033[0m"));
        (void)fwrite(text, 1, part, stdout);
        f->is_at_line = end != NULL;
        text += part;
        size -= part;
    }
}

static void pump(struct tail *t, struct followed *f)
{
    char piece[PIECE];
    ssize_t n;
    while (f->fd >= 0 && (n = read(f->fd, piece, sizeof piece)) > 0)
        put(t, f, piece, (size_t)n);
    (void)fflush(stdout);
}

/* Place the file where its last `lines` lines begin. */
static void seek_lines(int fd, int64_t lines)
{
    char piece[4096];
    off_t end = lseek(fd, 0, SEEK_END), at = end;
    off_t limit = end > TAIL_BYTES_MAX ? end - TAIL_BYTES_MAX : 0;
    int64_t seen = 0;

    while (at > limit && seen <= lines) {
        off_t from = at - (off_t)sizeof piece;
        if (from < limit)
            from = limit;
        ssize_t n = pread(fd, piece, (size_t)(at - from), from);
        if (n <= 0)
            break;
        for (ssize_t i = n - 1; i >= 0 && seen <= lines; i--)
            if (piece[i] == '\n' && from + i + 1 < end && ++seen >= lines) {
                (void)lseek(fd, from + i + 1, SEEK_SET);
                return;
            }
        at = from;
    }
    (void)lseek(fd, lines == 0 ? end : at, SEEK_SET);
}

/* --- files --- */

/* The log of a run, or what it was `age` rotations ago. */
static int open_log(const struct tail *t, const struct followed *f,
                    uint32_t age, struct stat *st)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, ".logs/%s/%u/%s", f->name, f->run,
                        t->request->use_stderr ? "stderr" : "stdout");
    if (age > 0 && size > 0 && size < PATH_MAX)
        (void)snprintf(path + size, sizeof path - (size_t)size, ".%u", age);
    int fd = beneath_open(t->sandbox, path);
    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        (void)close(fd);
        return -1;
    }
    return fd < 0 ? -1 : fd;
}

/* Watched by the descriptor: nobody can put another file under its name. */
static void watch_file(const struct tail *t, int fd)
{
    char path[64];
    if (t->watch < 0)
        return;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)inotify_add_watch(t->watch, path, IN_MODIFY | IN_MOVE_SELF);
}

/* A log without backups is emptied where it stands. */
static void rewind_emptied(const struct followed *f, const struct stat *st)
{
    if (st->st_size < lseek(f->fd, 0, SEEK_CUR))
        (void)lseek(f->fd, 0, SEEK_SET);
}

/* Read to its end what was read until now, and go on with the next. */
static void take_file(struct tail *t, struct followed *f, int fd, ino_t inode)
{
    pump(t, f);
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = fd;
    f->inode = inode;
    watch_file(t, fd);
    pump(t, f);
}

/* The files of the present run, from the one that we have to the newest. They
 * may be moved while we look: a file then shows under two names, or a name is
 * missing, and what came in between is seen the next time. */
static void reopen(struct tail *t, struct followed *f)
{
    struct stat st;
    int fd[LOG_BACKUPS_MAX + 1];
    ino_t inode[LOG_BACKUPS_MAX + 1];
    uint32_t count = 0, missing = 0;

    for (uint32_t age = 0; age <= LOG_BACKUPS_MAX && missing < 2; age++) {
        int next = open_log(t, f, age, &st);
        missing = next < 0 ? missing + 1 : 0;
        if (next < 0)
            continue;
        if (f->fd >= 0 && f->inode == st.st_ino) {
            if (age == 0)
                rewind_emptied(f, &st);
            (void)close(next);
            break;
        }
        if (count > 0 && inode[count - 1] == st.st_ino) {
            (void)close(next);
            continue;
        }
        fd[count] = next;
        inode[count++] = st.st_ino;
    }
    while (count > 0) {
        count--;
        take_file(t, f, fd[count], inode[count]);
    }
}

/* The newest file of the present run, from its last lines on. */
static void open_first(struct tail *t, struct followed *f, int64_t lines)
{
    struct stat st;
    int fd = open_log(t, f, 0, &st);
    if (fd < 0)
        return;
    seek_lines(fd, lines);
    take_file(t, f, fd, st.st_ino);
}

static uint32_t newest_run(const struct history_process *process)
{
    return process->runs.count > 0 ? process->runs.count - 1 : 0;
}

/* --- following --- */

/* Runs that began since the last look; true when the task goes on. */
static bool look_again(struct tail *t)
{
    struct err err = {0};
    const struct machine_task *task;
    struct request *r = t->request;

    machine_look_again(&r->machine);
    if (machine_find(&r->machine, r->arg[0], &task, &err) != 0)
        return false;
    r->task = task;
    for (uint32_t i = 0; i < t->processes.count; i++) {
        struct followed *f = &t->processes.item[i];
        const struct history_process *p =
            history_process(&task->history, f->name);
        reopen(t, f);
        while (p != NULL && f->run < newest_run(p)) {
            f->run++;
            reopen(t, f);
        }
    }
    return !history_is_over(&task->history);
}

/* What inotify tells; true when a file was moved away: a log was rotated. */
static bool take_events(const struct tail *t)
{
    char events[4096]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    bool is_moved = false;
    ssize_t n = read(t->watch, events, sizeof events);

    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(events + at);
        is_moved |= (event->mask & IN_MOVE_SELF) != 0;
        at += (ssize_t)(sizeof *event + event->len);
    }
    return is_moved;
}

static void pump_all(struct tail *t, bool is_moved)
{
    for (uint32_t i = 0; i < t->processes.count; i++) {
        if (is_moved)
            reopen(t, &t->processes.item[i]);
        pump(t, &t->processes.item[i]);
    }
}

/* A process that writes without a pause must not keep us from seeing the next
 * run of another one: we look again by the clock, not when all is quiet. */
static void follow(struct tail *t)
{
    int64_t look_ms = clock_monotonic_ms() + LOOK_AGAIN_MS;
    bool goes_on = true;

    while (goes_on) {
        struct pollfd polled = {.fd = t->watch, .events = POLLIN};
        int64_t left_ms = look_ms - clock_monotonic_ms();
        int n = poll(&polled, 1, left_ms > 0 ? (int)left_ms : 0);
        bool is_moved = n > 0 && take_events(t);
        if (n > 0)
            pump_all(t, is_moved);
        if (is_moved) /* the new file may not be there yet */
            look_ms = clock_monotonic_ms() + ROTATION_MS;
        if (clock_monotonic_ms() >= look_ms) {
            goes_on = look_again(t);
            look_ms = clock_monotonic_ms() + LOOK_AGAIN_MS;
        }
    }
    pump_all(t, true); /* what was rotated since the last look, too */
}

static int add_process(struct tail *t, const char *name)
{
    const struct history *h = &t->request->task->history;
    for (uint32_t i = 0; i < h->count; i++) {
        const struct history_process *p = &h->process[i];
        if (name != NULL && strcmp(p->name, name) != 0)
            continue;
        *vec_add(&t->processes) = (struct followed){.name = xstrdup(p->name),
                                                    .run = newest_run(p),
                                                    .fd = -1,
                                                    .is_at_line = true};
    }
    if (t->processes.count > 0)
        return COMMAND_OK;
    struct err err = {0};
    struct buf names = {0};
    for (uint32_t i = 0; i < h->count; i++)
        buf_addf(&names, "%s%s", i > 0 ? ", " : "", h->process[i].name);
    err_set(&err, ERR_NOT_FOUND, "the task has no process '%s'", name);
    err_hint(&err, "its processes: %s", buf_text(&names));
    buf_release(&names);
    return command_fail(&err, COMMAND_BAD_NAME);
}

static void tail_release(struct tail *t)
{
    for (uint32_t i = 0; i < t->processes.count; i++) {
        free(t->processes.item[i].name);
        if (t->processes.item[i].fd >= 0)
            (void)close(t->processes.item[i].fd);
    }
    vec_free(&t->processes);
    if (t->watch >= 0)
        (void)close(t->watch);
    (void)close(t->sandbox);
}

int command_tail(struct request *r)
{
    struct err err = {0};
    struct tail t = {.request = r, .watch = -1};

    t.sandbox = machine_open_sandbox(r->task);
    if (t.sandbox < 0) {
        err_set(&err, ERR_IO, "'%s': %s", r->task->sandbox,
                strerror(-t.sandbox));
        return command_fail(&err, COMMAND_FAILED);
    }
    if (r->follow)
        t.watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int status = add_process(&t, r->arg_count > 1 ? r->arg[1] : NULL);
    t.is_named = t.processes.count > 1;
    for (uint32_t i = 0; i < t.processes.count; i++)
        open_first(&t, &t.processes.item[i], r->lines);
    if (status == COMMAND_OK && r->follow)
        follow(&t);
    tail_release(&t);
    return status;
}
