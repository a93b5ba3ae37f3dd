#include "executor/thermos/observer/machine_look.h"

#include "sys/beneath.h"
#include "sys/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* A sandbox with a checkpoint. */
struct found {
    char *sandbox;      /* owned, until a task has it */
    const char *stream; /* its checkpoint's path in the sandbox */
    int64_t changed_ns, size;
    bool runs; /* a runner has the checkpoint locked */
};

struct look {
    struct machine *machine;
    struct machine_task **known; /* of the last look, by sandbox */
    uint32_t known_count;
    VEC(struct found) found;
    uint32_t names_left; /* of the present root */
    int64_t bytes_left;
    size_t memory_left;
};

void machine_task_free(struct machine_task *task)
{
    history_release(&task->history);
    free(task->sandbox);
    free(task);
}

/* --- what is there --- */

static int64_t nanoseconds(struct timespec at)
{
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static bool is_locked(int fd)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type == F_WRLCK;
}

/* The sandbox that is open here, if it has a checkpoint. */
static void look_at(struct look *look, int sandbox, const char *path)
{
    struct stat st;
    struct found found = {.stream = streams[0]};
    int fd = beneath_open(sandbox, streams[0]);

    if (fd == -ENOENT)
        fd = beneath_open(sandbox, found.stream = streams[1]);
    look->machine->denied += fd == -EACCES;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        found.changed_ns = nanoseconds(st.st_mtim);
        found.size = st.st_size;
        found.runs = is_locked(fd);
        found.sandbox = xstrdup(path);
        *vec_add(&look->found) = found;
    }
    (void)close(fd);
}

static void walk(struct look *look, int folder, const char *path,
                 const char *const *step, int left);

static void walk_into(struct look *look, int folder, const char *path,
                      const char *name, const char *const *step, int left)
{
    char inner[PATH_MAX];
    if (snprintf(inner, sizeof inner, "%s/%s", path, name) >= (int)sizeof inner)
        return;
    int fd = beneath_open(folder, name);
    if (fd >= 0) {
        walk(look, fd, inner, step + 1, left - 1);
        (void)close(fd);
    } else if (fd == -EACCES && (left == 1 || step[1] == NULL)) {
        look->machine->denied++;
    }
}

static bool is_folder(DIR *dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

/* Follow the steps that are left; at most STEPS_MAX deep. */
static void walk(struct look *look, int folder, const char *path,
                 const char *const *step, int left)
{
    const struct dirent *entry;

    if (left == 0 || *step == NULL) {
        look_at(look, folder, path);
        return;
    }
    if (strpbrk(*step, "*?[") == NULL) {
        walk_into(look, folder, path, *step, step, left);
        return;
    }
    int copy = beneath_open(folder, ""); /* with an offset of its own */
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        if (copy >= 0)
            (void)close(copy);
        return;
    }
    while (look->found.count < LOOK_FOUND_MAX && look->names_left > 0 &&
           (entry = readdir(dir)) != NULL) {
        look->names_left--;
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0 &&
            fnmatch(*step, entry->d_name, 0) == 0 && is_folder(dir, entry))
            walk_into(look, folder, path, entry->d_name, step, left);
    }
    if (look->names_left == 0 || look->found.count == LOOK_FOUND_MAX)
        look->machine->is_cut = true;
    (void)closedir(dir);
}

static void look_below(struct look *look, const char *root)
{
    int path_count =
        look->machine->has_default_roots ? PATH_COUNT - 1 : PATH_COUNT;
    char *whole = realpath(root, NULL);
    int fd = whole != NULL ? folder_open(whole) : -errno;

    look->machine->denied += fd == -EACCES;
    look->names_left = LOOK_NAMES_MAX;
    for (int p = 0; whole != NULL && fd >= 0 && p < path_count; p++)
        walk(look, fd, strcmp(whole, "/") == 0 ? "" : whole, paths[p],
             STEPS_MAX);
    if (fd >= 0)
        (void)close(fd);
    free(whole);
}

/* --- what of it is kept --- */

static int by_sandbox(const void *a, const void *b)
{
    const struct machine_task *const *x = a, *const *y = b;
    return strcmp((*x)->sandbox, (*y)->sandbox);
}

static int found_by_sandbox(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return strcmp(x->sandbox, y->sandbox);
}

static int found_by_worth(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->runs != y->runs)
        return x->runs ? -1 : 1;
    if (x->changed_ns != y->changed_ns)
        return x->changed_ns < y->changed_ns ? 1 : -1;
    return strcmp(x->sandbox, y->sandbox);
}

static int newest_first(const void *a, const void *b)
{
    const struct machine_task *const *x = a, *const *y = b;
    if ((*x)->changed_ns != (*y)->changed_ns)
        return (*x)->changed_ns < (*y)->changed_ns ? 1 : -1;
    return strcmp((*x)->sandbox, (*y)->sandbox);
}

/* Roots may lie one in the other: a sandbox counts once. */
static void sort_found(struct look *look)
{
    struct found *found = look->found.item;
    uint32_t kept = 0, count = look->found.count;

    if (count == 0)
        return;
    qsort(found, count, sizeof *found, found_by_sandbox);
    for (uint32_t i = 0; i < count; i++)
        if (kept > 0 && strcmp(found[kept - 1].sandbox, found[i].sandbox) == 0)
            free(found[i].sandbox);
        else
            found[kept++] = found[i];
    look->found.count = kept;
    qsort(found, kept, sizeof *found, found_by_worth);
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

static struct machine_task *make_task(struct found *found,
                                      const struct history *history)
{
    struct machine_task *task = xcalloc(1, sizeof *task);
    task->sandbox = found->sandbox;
    found->sandbox = NULL;
    task->stream = found->stream;
    task->changed_ns = found->changed_ns;
    task->size = found->size;
    task->history = *history;
    task->id = history->header->task_id != NULL ? history->header->task_id : "";
    return task;
}

static struct machine_task *read_task(struct look *look, struct found *found)
{
    struct buf file = {0};
    struct history history;
    struct err err = {0};
    int sandbox = folder_open(found->sandbox);

    if (sandbox < 0)
        return NULL; /* gone meanwhile, or no longer what it was */
    int rc = beneath_read(sandbox, found->stream, STREAM_FILE_MAX, &file, &err);
    (void)close(sandbox);
    look->bytes_left -= (int64_t)file.size;
    if (rc == 0)
        rc = history_read(buf_bytes(&file), &history, &err);
    buf_release(&file);
    if (rc == 0)
        return make_task(found, &history);
    look->machine->unreadable += rc != -ERR_NOT_FOUND;
    return NULL;
}

static bool is_unchanged(const struct machine_task *task,
                         const struct found *found)
{
    return task->stream == found->stream && task->size == found->size &&
           task->changed_ns == found->changed_ns;
}

/* What is known of it, or NULL: it did not fit, or says nothing. What has
 * changed and cannot be read now stays as it was known. */
static struct machine_task *take(struct look *look, struct found *found)
{
    struct machine_task *known = known_task(look, found->sandbox);
    bool may_read =
        look->bytes_left >= found->size || look->bytes_left == LOOK_BYTES_MAX;

    if (look->machine->tasks.count == MACHINE_TASKS_MAX ||
        look->memory_left == 0 || (known == NULL && !may_read)) {
        look->machine->left_out++;
        return NULL;
    }
    if (known != NULL && (!may_read || is_unchanged(known, found))) {
        known->is_kept = true;
        return known;
    }
    return read_task(look, found);
}

static void keep(struct look *look)
{
    for (uint32_t i = 0; i < look->found.count; i++) {
        struct found *found = &look->found.item[i];
        struct machine_task *task = take(look, found);
        free(found->sandbox);
        if (task == NULL)
            continue;
        size_t size = history_memory(&task->history);
        look->memory_left -=
            size < look->memory_left ? size : look->memory_left;
        *vec_add(&look->machine->tasks) = task;
    }
    vec_free(&look->found);
}

void machine_look(struct machine *machine)
{
    struct look look = {.machine = machine,
                        .known = machine->tasks.item,
                        .known_count = machine->tasks.count,
                        .bytes_left = LOOK_BYTES_MAX,
                        .memory_left = MACHINE_MEMORY_MAX};
    struct machine_task **known = look.known;
    int64_t began_ms = clock_monotonic_ms();

    for (uint32_t i = 0; i < look.known_count; i++)
        known[i]->is_kept = false;
    if (look.known_count > 0)
        qsort(known, look.known_count, sizeof *known, by_sandbox);
    memset(&machine->tasks, 0, sizeof machine->tasks);
    machine->unreadable = machine->denied = machine->left_out = 0;
    machine->is_cut = false;
    for (uint32_t i = 0; i < machine->roots.count; i++)
        look_below(&look, machine->roots.item[i]);
    sort_found(&look);
    keep(&look);
    for (uint32_t i = 0; i < look.known_count; i++)
        if (!known[i]->is_kept)
            machine_task_free(known[i]);
    free(known);
    if (machine->tasks.count > 0)
        qsort(machine->tasks.item, machine->tasks.count,
              sizeof *machine->tasks.item, newest_first);
    machine->looked_ms = clock_monotonic_ms();
    machine->look_took_ms = machine->looked_ms - began_ms;
}

void machine_look_again(struct machine *machine)
{
    int64_t rest_ms = machine->look_took_ms < LOOK_SHORT_MS
                          ? 0
                          : machine->look_took_ms * LOOK_PAUSE_FACTOR;
    if (machine->looked_ms == 0 ||
        clock_monotonic_ms() - machine->looked_ms >= rest_ms)
        machine_look(machine);
}
