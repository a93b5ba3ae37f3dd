#include "executor/thermos/observer/machine.h"

#include "executor/thermos/observer/machine_look.h"
#include "sys/beneath.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int machine_add_root(struct machine *machine, const char *path, struct err *err)
{
    if (machine->roots.count == MACHINE_ROOTS_MAX)
        return err_set(err, ERR_LIMIT, "--root: at most %d folders",
                       MACHINE_ROOTS_MAX);
    *vec_add(&machine->roots) = xstrdup(path);
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

void machine_release(struct machine *machine)
{
    for (uint32_t i = 0; i < machine->roots.count; i++)
        free(machine->roots.item[i]);
    for (uint32_t i = 0; i < machine->tasks.count; i++)
        machine_task_free(machine->tasks.item[i]);
    vec_free(&machine->roots);
    vec_free(&machine->tasks);
}

void machine_add_gaps(const struct machine *machine, struct buf *out)
{
    if (machine->unreadable > 0)
        buf_addf(out, "%u checkpoints are damaged", machine->unreadable);
    if (machine->left_out > 0)
        buf_addf(out, "%s%u tasks are left out: more than is shown at once",
                 out->size > 0 ? "; " : "", machine->left_out);
    if (machine->is_cut)
        buf_addf(out, "%sthere are more folders than are looked into",
                 out->size > 0 ? "; " : "");
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
    return folder_open(task->sandbox);
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
