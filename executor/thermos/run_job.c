#include "executor/thermos/run_job.h"

#include "base/text.h"
#include "executor/thermos/runner.h"
#include "executor/thermos/task_config.h"
#include "sys/file.h"
#include "wire/codec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TASK_FILE_MAX = 16 << 20 };

static bool is_json(const char *file)
{
    size_t size = strlen(file);
    return size > 5 && strcmp(file + size - 5, ".json") == 0;
}

static void name_job(struct run_job *out, const Perigee__Job *job)
{
    (void)snprintf(out->key, sizeof out->key, "%s/%s/%s/%s",
                   job->cluster ? job->cluster : "", job->role ? job->role : "",
                   job->environment ? job->environment : "",
                   job->name ? job->name : "");
    (void)snprintf(out->role, sizeof out->role, "%s",
                   job->role ? job->role : "");
}

static int read_json(struct run_job *job, struct err *err)
{
    struct buf text = {0};
    struct arena arena;
    ProtobufCMessage *message;
    int rc = file_read(job->file, TASK_FILE_MAX, &text, err);

    arena_init(&arena);
    if (rc == 0)
        rc = codec_decode(&perigee__assigned_task__descriptor, "AssignedTask",
                          MEDIA_JSON, buf_bytes(&text), &arena, &message, err);
    if (rc == 0) {
        const Perigee__AssignedTask *task = (const void *)message;
        if (task->job != NULL)
            name_job(job, task->job);
        codec_encode(message, MEDIA_PROTOBUF, &job->assigned);
    }
    arena_release(&arena);
    buf_release(&text);
    return rc;
}

static int no_such_job(const struct run_job *job, struct err *err)
{
    struct buf keys = {0};
    for (size_t i = 0; i < job->evaluation->n_jobs; i++) {
        struct run_job other = {.key = ""};
        name_job(&other, job->evaluation->jobs[i]);
        buf_addf(&keys, "%s%s", i ? ", " : "", other.key);
    }
    int rc = job->wanted_key != NULL
                 ? err_set(err, ERR_NOT_FOUND, "'%s' has no job '%s'",
                           job->file, job->wanted_key)
                 : err_set(err, ERR_INVALID, "'%s' has %zu jobs: name one",
                           job->file, job->evaluation->n_jobs);
    err_hint(err, "its jobs: %s", buf_text(&keys));
    buf_release(&keys);
    return rc;
}

static int choose(struct run_job *job, struct err *err)
{
    const Perigee__Evaluation *evaluation = job->evaluation;
    for (size_t i = 0; i < evaluation->n_jobs; i++) {
        name_job(job, evaluation->jobs[i]);
        if (job->wanted_key != NULL ? strcmp(job->key, job->wanted_key) == 0
                                    : evaluation->n_jobs == 1) {
            job->job = evaluation->jobs[i];
            return 0;
        }
    }
    return no_such_job(job, err);
}

/* By hand a task runs on this machine as it is. */
static void warn_container(const struct run_job *job)
{
    const Perigee__Container *container = job->job->container;
    if (container != NULL &&
        (container->docker != NULL || container->image != NULL ||
         container->n_volumes > 0))
        (void)fprintf(stderr,
                      "warning: %s: container: left out, the processes run "
                      "on this machine as it is\n",
                      job->file);
}

static int read_lua(struct run_job *job, bool colour, struct err *err)
{
    struct buf text = {0};
    int rc = script_evaluate_file(job->file, NULL, job->parameter,
                                  job->parameter_count, &SCRIPT_LIMITS,
                                  &job->evaluation, err);
    if (rc != 0)
        return rc;
    if (job->evaluation->n_problems > 0) {
        script_print_problems(job->evaluation, colour, &text);
        (void)fputs(buf_text(&text), stderr);
        buf_release(&text);
        return err_set(err, ERR_INVALID, "'%s' cannot be used as it is",
                       job->file);
    }
    rc = choose(job, err);
    if (rc == 0)
        warn_container(job);
    return rc;
}

int run_job_read(struct run_job *job, bool colour, struct err *err)
{
    if (access(job->file, R_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "'%s': %s", job->file,
                       strerror(errno));
    return is_json(job->file) ? read_json(job, err)
                              : read_lua(job, colour, err);
}

/* --- what was chosen by hand --- */

static bool is_one_of(const char *name, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

int run_job_only(struct run_job *job, const char *process, struct err *err)
{
    if (job->only_count == RUN_ONLY_MAX)
        return err_set(err, ERR_LIMIT, "--only: at most %d processes",
                       RUN_ONLY_MAX);
    job->only[job->only_count++] = process;
    return 0;
}

int run_job_port(struct run_job *job, char *text, struct err *err)
{
    char *equals = strchr(text, '=');
    int64_t number;

    if (equals == NULL || equals == text)
        return err_set(err, ERR_INVALID, "--port '%.100s': want NAME=NUMBER",
                       text);
    if (job->port_count == RUN_PORTS_MAX)
        return err_set(err, ERR_LIMIT, "--port: at most %d", RUN_PORTS_MAX);
    *equals = '\0';
    if (text_int(equals + 1, 1, 65535, &number, err) != 0)
        return err_wrap(err, "--port %s", text);
    job->port[job->port_count++] = (struct run_port){text, (uint32_t)number};
    return 0;
}

static bool is_chosen(const struct run_job *job, const char *process)
{
    bool chosen = job->only_count == 0;
    for (uint32_t i = 0; i < job->only_count && !chosen; i++)
        chosen = strcmp(job->only[i], process) == 0;
    return chosen;
}

static int no_such_name(const char *option, const char *name, const char *what,
                        char *const *names, size_t count, struct err *err)
{
    struct buf list = {0};
    int rc = err_set(err, ERR_NOT_FOUND, "%s: the task has no %s '%s'", option,
                     what, name);
    for (size_t i = 0; i < count; i++)
        buf_addf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    if (count > 0)
        err_hint(err, "it has: %s", buf_text(&list));
    buf_release(&list);
    return rc;
}

/* Every name of --only and --port is one of the task. */
static int check_choices(const struct run_job *job, struct err *err)
{
    const Perigee__TaskConfig *task = job->job->task;
    struct arena arena;
    int rc = 0;

    arena_init(&arena);
    char **name = arena_zalloc(&arena, (task->n_processes + 1) * sizeof *name);
    for (size_t i = 0; i < task->n_processes; i++)
        name[i] = task->processes[i]->name;
    for (uint32_t i = 0; rc == 0 && i < job->only_count; i++)
        if (!is_one_of(job->only[i], name, task->n_processes))
            rc = no_such_name("--only", job->only[i], "process", name,
                              task->n_processes, err);
    for (uint32_t i = 0; rc == 0 && i < job->port_count; i++)
        if (!is_one_of(job->port[i].name, job->job->port_names,
                       job->job->n_port_names))
            rc =
                no_such_name("--port", job->port[i].name, "port",
                             job->job->port_names, job->job->n_port_names, err);
    arena_release(&arena);
    return rc;
}

/* A chain of the processes that are left; NULL when it says nothing then. */
static Perigee__OrderChain *chosen_chain(const struct run_job *job,
                                         const Perigee__OrderChain *from,
                                         struct arena *arena)
{
    Perigee__OrderChain *chain = arena_memdup(arena, from, sizeof *from);
    chain->order = arena_zalloc(arena, (from->n_order + 1) * sizeof(char *));
    chain->n_order = 0;
    for (size_t i = 0; i < from->n_order; i++)
        if (is_chosen(job, from->order[i]))
            chain->order[chain->n_order++] = from->order[i];
    return chain->n_order > 1 ? chain : NULL;
}

/* The job with nothing but the chosen processes. */
static Perigee__Job *chosen_job(const struct run_job *job, struct arena *arena)
{
    Perigee__Job *out = arena_memdup(arena, job->job, sizeof *out);
    const Perigee__TaskConfig *from = job->job->task;
    Perigee__TaskConfig *task = arena_memdup(arena, from, sizeof *task);

    out->task = task;
    task->processes =
        arena_zalloc(arena, (from->n_processes + 1) * sizeof(void *));
    task->constraints =
        arena_zalloc(arena, (from->n_constraints + 1) * sizeof(void *));
    task->n_processes = task->n_constraints = 0;
    for (size_t i = 0; i < from->n_processes; i++)
        if (is_chosen(job, from->processes[i]->name))
            task->processes[task->n_processes++] = from->processes[i];
    for (size_t i = 0; i < from->n_constraints; i++) {
        Perigee__OrderChain *chain =
            chosen_chain(job, from->constraints[i], arena);
        if (chain != NULL)
            task->constraints[task->n_constraints++] = chain;
    }
    return out;
}

/* --- the assigned task --- */

/* The kernel chooses; all are held until the last is chosen. */
static int free_ports(size_t count, uint32_t *out, struct err *err)
{
    int fd[RUN_PORTS_MAX];
    size_t n = 0;
    int rc = 0;

    if (count > RUN_PORTS_MAX)
        return err_set(err, ERR_LIMIT, "ports: at most %d", RUN_PORTS_MAX);
    for (; n < count && rc == 0; n++) {
        struct sockaddr_in at = {.sin_family = AF_INET};
        socklen_t size = sizeof at;
        fd[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd[n] < 0 || bind(fd[n], (struct sockaddr *)&at, size) != 0 ||
            getsockname(fd[n], (struct sockaddr *)&at, &size) != 0)
            rc = err_set(err, ERR_IO, "no free port: %s", strerror(errno));
        out[n] = ntohs(at.sin_port);
    }
    while (n > 0)
        if (fd[--n] >= 0)
            (void)close(fd[n]);
    return rc;
}

/* Assets travel in the bundle; here they lie beside the checkpoint, by their
 * hash, as a scheduler would serve them. */
static int put_assets(const struct run_job *job, const char *folder,
                      struct err *err)
{
    const ProtobufCBinaryData *bytes = &job->evaluation->bundle;
    struct arena arena;
    ProtobufCMessage *message;

    arena_init(&arena);
    int rc = dir_make(folder, 0755, err);
    if (rc == 0)
        rc = codec_decode(&perigee__bundle__descriptor, "Bundle",
                          MEDIA_PROTOBUF, bytes_of(bytes->data, bytes->len),
                          &arena, &message, err);
    const Perigee__Bundle *bundle = rc == 0 ? (const void *)message : NULL;
    for (size_t i = 0; rc == 0 && i < bundle->n_files; i++) {
        const Perigee__BundleFile *file = bundle->files[i];
        if (!file->asset || file->sha256 == NULL)
            continue;
        rc = file_write(arena_printf(&arena, "%s/%s", folder, file->sha256),
                        bytes_of(file->content.data, file->content.len), 0644,
                        false, err);
    }
    arena_release(&arena);
    return rc;
}

static void pack(struct run_job *job, const char *assets,
                 const uint32_t *number)
{
    struct arena arena;
    Perigee__AssignedTask task = PERIGEE__ASSIGNED_TASK__INIT;
    size_t count = job->job->n_port_names;

    arena_init(&arena);
    task.ports = arena_zalloc(&arena, (count + 1) * sizeof *task.ports);
    for (size_t i = 0; i < count; i++) {
        task.ports[i] = arena_alloc(&arena, sizeof **task.ports);
        perigee__assigned_port__init(task.ports[i]);
        task.ports[i]->name = job->job->port_names[i];
        task.ports[i]->has_port = 1;
        task.ports[i]->port = number[i];
        for (uint32_t k = 0; k < job->port_count; k++)
            if (strcmp(job->port[k].name, job->job->port_names[i]) == 0)
                task.ports[i]->port = job->port[k].number;
    }
    task.n_ports = count;
    task.task_id = arena_printf(&arena, "%s-%s-%s-%u-%d", job->job->role,
                                job->job->environment, job->job->name,
                                job->instance, (int)getpid());
    task.job = chosen_job(job, &arena);
    task.has_instance = 1;
    task.instance = job->instance;
    task.hostname = arena_strdup(&arena, runner_hostname());
    task.asset_url = arena_printf(&arena, "file://%s/", assets);
    codec_encode(&task.base, MEDIA_PROTOBUF, &job->assigned);
    arena_release(&arena);
}

static int same_job(const struct run_job *job, struct bytes saved,
                    struct err *err)
{
    struct arena arena;
    struct run_job other = {.key = ""};
    ProtobufCMessage *message;

    arena_init(&arena);
    int rc = codec_decode(&perigee__assigned_task__descriptor, "AssignedTask",
                          MEDIA_PROTOBUF, saved, &arena, &message, err);
    if (rc == 0 && ((const Perigee__AssignedTask *)message)->job != NULL)
        name_job(&other, ((const Perigee__AssignedTask *)message)->job);
    arena_release(&arena);
    if (rc != 0 || strcmp(other.key, job->key) == 0)
        return rc;
    rc = err_set(err, ERR_CONFLICT,
                 "the directory holds an unfinished task of %s", other.key);
    err_hint(err, "use another --directory, or remove its .thermos");
    return rc;
}

static int take_up(struct run_job *job, struct bytes saved, struct err *err)
{
    int rc = same_job(job, saved, err);
    if (rc != 0)
        return rc;
    buf_clear(&job->assigned);
    buf_add_bytes(&job->assigned, saved);
    job->is_taken_up = true;
    return 0;
}

static int assign(struct run_job *job, const char *path, const char *folder,
                  struct err *err)
{
    uint32_t number[RUN_PORTS_MAX] = {0};
    char assets[PATH_MAX + 16];
    int rc = dir_make(folder, 0755, err);

    (void)snprintf(assets, sizeof assets, "%s/assets", folder);
    if (rc == 0 && job->job != NULL) {
        rc = check_choices(job, err);
        if (rc == 0)
            rc = put_assets(job, assets, err);
        if (rc == 0)
            rc = free_ports(job->job->n_port_names, number, err);
        if (rc == 0)
            pack(job, assets, number);
    }
    return rc == 0
               ? file_write(path, buf_bytes(&job->assigned), 0644, false, err)
               : rc;
}

int run_job_assign(struct run_job *job, const char *directory, struct err *err)
{
    char folder[PATH_MAX], path[PATH_MAX + 8];
    struct buf saved = {0};
    int rc;

    (void)snprintf(folder, sizeof folder, "%s/.thermos", directory);
    (void)snprintf(path, sizeof path, "%s/task", folder);
    if (file_read(path, TASK_FILE_MAX, &saved, NULL) == 0)
        rc = take_up(job, buf_bytes(&saved), err);
    else
        rc = assign(job, path, folder, err);
    buf_release(&saved);
    return rc;
}

void run_job_release(struct run_job *job)
{
    if (job->evaluation != NULL)
        perigee__evaluation__free_unpacked(job->evaluation, NULL);
    buf_release(&job->assigned);
}
