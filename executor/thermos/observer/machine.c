#include "executor/thermos/observer/machine.h"

#include "sys/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The second is what `thermos run` leaves of a task that has ended. */
static const char *const streams[] = {".thermos/stream", ".thermos/stream.old"};

/* Where sandboxes lie below a root; each text is one folder deeper. */
enum { STEPS_MAX = 9 };
static const char *const paths[][STEPS_MAX] = {
    {NULL},
    {"thermos.*", NULL},
    {"slaves", "*", "frameworks", "*", "executors", "*", "runs", "*", NULL},
    {"*", "slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"},
    {"*", NULL}, /* not in /tmp, where everybody has folders */
};
enum { PATH_COUNT = sizeof paths / sizeof *paths };

int machine_add_root(struct machine *machine, const char *path, struct err *err)
{
    if (machine->roots.count == MACHINE_ROOTS_MAX)
        return err_set(err, ERR_LIMIT, "--root: at most %d folders",
                       MACHINE_ROOTS_MAX);
    char *whole = realpath(path, NULL);
    *vec_add(&machine->roots) = whole != NULL ? whole : xstrdup(path);
    return 0;
}

int machine_add_default_roots(struct machine *machine, struct err *err)
{
    char path[PATH_MAX];
    const char *tmp = getenv("TMPDIR"), *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int rc = machine_add_root(machine, "/var/lib/perigee", err);
    machine->has_default_roots = true;

    if (rc == 0)
        rc = machine_add_root(machine, "/var/lib/perigee/dev", err);
    if (rc == 0)
        rc = machine_add_root(machine, tmp && *tmp ? tmp : "/tmp", err);
    if (data != NULL && *data != '\0')
        (void)snprintf(path, sizeof path, "%s/perigee/dev", data);
    else
        (void)snprintf(path, sizeof path, "%s/.local/share/perigee/dev",
                       home ? home : "");
    return rc == 0 ? machine_add_root(machine, path, err) : rc;
}

static void task_free(struct machine_task *task)
{
    history_release(&task->history);
    free(task->sandbox);
    free(task);
}

void machine_release(struct machine *machine)
{
    for (uint32_t i = 0; i < machine->roots.count; i++)
        free(machine->roots.item[i]);
    for (uint32_t i = 0; i < machine->tasks.count; i++)
        task_free(machine->tasks.item[i]);
    vec_free(&machine->roots);
    vec_free(&machine->tasks);
}

/* --- looking --- */

struct look {
    struct machine *machine;
    struct machine_task **known; /* of the last look, by sandbox */
    uint32_t known_count;
};

static int by_sandbox(const void *a, const void *b)
{
    const struct machine_task *const *x = a, *const *y = b;
    return strcmp((*x)->sandbox, (*y)->sandbox);
}

static int64_t nanoseconds(struct timespec at)
{
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* The task as the last look knew it; NULL when there was none. */
static struct machine_task *known_task(const struct look *look,
                                       const char *sandbox)
{
    uint32_t low = 0, high = look->known_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct machine_task *task = look->known[middle];
        int order = strcmp(task->sandbox, sandbox);
        if (order == 0)
            return task;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The checkpoint's path below an open sandbox; NULL when it has none. */
static const char *find_stream(struct machine *machine, int sandbox,
                               struct stat *out)
{
    int fd = beneath_open(sandbox, streams[0]);
    const char *path = streams[0];
    if (fd == -ENOENT)
        fd = beneath_open(sandbox, path = streams[1]);
    machine->denied += fd == -EACCES;
    if (fd < 0)
        return NULL;
    bool is_file = fstat(fd, out) == 0 && S_ISREG(out->st_mode);
    (void)close(fd);
    return is_file ? path : NULL;
}

static struct machine_task *read_task(struct machine *machine, int sandbox,
                                      const char *path, const char *stream,
                                      const struct stat *st)
{
    struct buf file = {0};
    struct history history;
    struct machine_task *task = NULL;
    struct err err = {0};
    int rc = beneath_read(sandbox, stream, STREAM_FILE_MAX, &file, &err);

    if (rc == 0)
        rc = history_read(buf_bytes(&file), &history, &err);
    buf_release(&file);
    if (rc == 0) {
        task = xcalloc(1, sizeof *task);
        task->sandbox = xstrdup(path);
        task->stream = stream;
        task->history = history;
        task->id =
            history.header->task_id != NULL ? history.header->task_id : "";
        task->changed_ns = nanoseconds(st->st_mtim);
        task->size = st->st_size;
    } else if (rc != -ERR_NOT_FOUND) {
        machine->unreadable++;
    }
    return task;
}

static void look_at(struct look *look, int sandbox, const char *path)
{
    struct stat st;
    const char *stream = find_stream(look->machine, sandbox, &st);
    if (stream == NULL)
        return;
    struct machine_task *task = known_task(look, path);
    if (task != NULL && task->is_kept)
        return; /* by another root */
    if (task != NULL && task->stream == stream && task->size == st.st_size &&
        task->changed_ns == nanoseconds(st.st_mtim))
        task->is_kept = true;
    else
        task = read_task(look->machine, sandbox, path, stream, &st);
    if (task != NULL)
        *vec_add(&look->machine->tasks) = task;
}

/* Follow the steps that are left; at most STEPS_MAX deep. */
static void walk(struct look *look, int folder, const char *path,
                 const char *const *step, int left)
{
    char inner[PATH_MAX];
    struct folder list;
    int copy;

    if (left == 0 || *step == NULL) {
        look_at(look, folder, path);
        return;
    }
    copy = beneath_open(folder, ""); /* with an offset of its own */
    if (copy < 0)
        return;
    folder_list(copy, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        const char *name = list.item[i].name;
        if (!S_ISDIR(list.item[i].stat.st_mode) ||
            fnmatch(*step, name, 0) != 0 ||
            snprintf(inner, sizeof inner, "%s/%s", path, name) >=
                (int)sizeof inner)
            continue;
        int fd = beneath_open(folder, name);
        if (fd >= 0) {
            walk(look, fd, inner, step + 1, left - 1);
            (void)close(fd);
        } else if (fd == -EACCES && (left == 1 || step[1] == NULL)) {
            look->machine->denied++;
        }
    }
    folder_release(&list);
}

static int newest_first(const void *a, const void *b)
{
    const struct machine_task *const *x = a, *const *y = b;
    if ((*x)->changed_ns != (*y)->changed_ns)
        return (*x)->changed_ns < (*y)->changed_ns ? 1 : -1;
    return strcmp((*x)->sandbox, (*y)->sandbox);
}

/* Roots may lie one in the other: a sandbox counts once. */
static void settle(struct machine *machine)
{
    uint32_t kept = 0, count = machine->tasks.count;
    struct machine_task **task = machine->tasks.item;

    if (count == 0)
        return;
    qsort(task, count, sizeof *task, newest_first);
    for (uint32_t i = 0; i < count; i++)
        if (kept < MACHINE_TASKS_MAX &&
            (kept == 0 ||
             strcmp(task[kept - 1]->sandbox, task[i]->sandbox) != 0))
            task[kept++] = task[i];
        else
            task_free(task[i]);
    machine->tasks.count = kept;
}

void machine_look(struct machine *machine)
{
    struct look look = {machine, machine->tasks.item, machine->tasks.count};
    struct machine_task **old = machine->tasks.item;

    for (uint32_t i = 0; i < look.known_count; i++)
        old[i]->is_kept = false;
    if (look.known_count > 0)
        qsort(old, look.known_count, sizeof *old, by_sandbox);
    memset(&machine->tasks, 0, sizeof machine->tasks);
    machine->unreadable = machine->denied = 0;
    int path_count = machine->has_default_roots ? PATH_COUNT - 1 : PATH_COUNT;
    for (uint32_t i = 0; i < machine->roots.count; i++) {
        const char *root = machine->roots.item[i];
        int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        machine->denied += fd < 0 && errno == EACCES;
        for (int p = 0; fd >= 0 && p < path_count; p++)
            walk(&look, fd, root, paths[p], STEPS_MAX);
        if (fd >= 0)
            (void)close(fd);
    }
    for (uint32_t i = 0; i < look.known_count; i++)
        if (!old[i]->is_kept)
            task_free(old[i]);
    free(old);
    settle(machine);
}

/* --- one task --- */

static bool is_sandbox(const struct machine_task *task, const char *name)
{
    char *whole =
        strchr(name, '/') || *name == '.' ? realpath(name, NULL) : NULL;
    bool same = whole != NULL && strcmp(task->sandbox, whole) == 0;
    free(whole);
    return same;
}

int machine_find(const struct machine *machine, const char *name,
                 const struct machine_task **out, struct err *err)
{
    size_t size = strlen(name);
    uint32_t found = 0;

    for (uint32_t i = 0; i < machine->tasks.count && size > 0; i++) {
        const struct machine_task *task = machine->tasks.item[i];
        if (strcmp(task->id, name) == 0 || is_sandbox(task, name)) {
            *out = task;
            return 0;
        }
        if (strncmp(task->id, name, size) == 0) {
            *out = task;
            found++;
        }
    }
    if (found == 1)
        return 0;
    if (found > 1)
        return err_set(err, ERR_INVALID, "'%s' is the beginning of %u task ids",
                       name, found);
    err_set(err, ERR_NOT_FOUND, "there is no task '%s' on this machine", name);
    if (machine->denied > 0)
        err_hint(err, "sandboxes that you may not see: %u; root sees all",
                 machine->denied);
    else
        err_hint(err, "see: thermos status --all");
    return -ERR_NOT_FOUND;
}

int machine_open_sandbox(const struct machine_task *task)
{
    int fd =
        open(task->sandbox, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A pid alone may be somebody else's by now; a runner stands in its sandbox. */
int machine_runner(const struct machine_task *task)
{
    char link[64], folder[PATH_MAX];
    int pid = task->history.runner_pid;

    if (pid <= 0 || history_is_over(&task->history))
        return -1;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    (void)snprintf(link, sizeof link, "/proc/%d/cwd", pid);
    ssize_t n = fd < 0 ? -1 : readlink(link, folder, sizeof folder - 1);
    if (n > 0) {
        folder[n] = '\0';
        if (strcmp(folder, task->sandbox) == 0)
            return fd;
    }
    if (fd >= 0)
        (void)close(fd);
    return -1;
}
