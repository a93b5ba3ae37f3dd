#include "script/evaluate.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "script/stdlib.h"
#include "script/worker_process.h"
#include "sys/clock.h"
#include "sys/process.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const struct script_limits SCRIPT_LIMITS = {.cpu_ms = 2000,
                                            .memory_bytes = INT64_C(512) << 20,
                                            .bundle_bytes = 4 << 20,
                                            .files = 256,
                                            .asset_bytes = 4 << 20};

const char *script_stdlib_hash(void)
{
    return STDLIB_HASH;
}

void script_stdlib_release(struct buf *out)
{
    struct arena arena;
    Perigee__Release release = PERIGEE__RELEASE__INIT;
    size_t count = 0;
    arena_init(&arena);
    while (STDLIB[count].name != NULL)
        count++;
    release.hash = (char *)(uintptr_t)STDLIB_HASH;
    release.modules = arena_alloc(&arena, (count + 1) * sizeof(void *));
    for (; release.n_modules < count; release.n_modules++) {
        const struct stdlib_module *from = &STDLIB[release.n_modules];
        Perigee__ReleaseModule *module = arena_alloc(&arena, sizeof *module);
        perigee__release_module__init(module);
        module->name = (char *)(uintptr_t)from->name;
        module->has_code = true;
        module->code.data = (uint8_t *)(uintptr_t)from->code;
        module->code.len = from->size;
        release.modules[release.n_modules] = module;
    }
    buf_reserve(out, perigee__release__get_packed_size(&release));
    out->size += perigee__release__pack(&release, out->data + out->size);
    arena_release(&arena);
}

/* --- which file --- */

/* Make root and entry: the file below the root, or its own folder. */
static int split_path(const char *path, const char *root, char **out_root,
                      char **out_entry, struct err *err)
{
    char real[PATH_MAX], real_root[PATH_MAX];
    if (realpath(path, real) == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       "job file '%s': %s", path, strerror(errno));
    if (root == NULL) {
        char *slash = strrchr(real, '/');
        *out_entry = xstrdup(slash + 1);
        *out_root = slash == real ? xstrdup("/")
                                  : xstrndup(real, (size_t)(slash - real));
        return 0;
    }
    if (realpath(root, real_root) == NULL)
        return err_set(err, ERR_NOT_FOUND, "root '%s': %s", root,
                       strerror(errno));
    size_t size = strlen(real_root);
    if (strcmp(real_root, "/") == 0)
        size = 0;
    if (strncmp(real, real_root, size) != 0 || real[size] != '/')
        return err_set(err, ERR_INVALID, "job file '%s' is not below root '%s'",
                       path, root);
    *out_entry = xstrdup(real + size + 1);
    *out_root = xstrdup(real_root);
    return 0;
}

/* --- waiting --- */

/* Read until the child closes its end, for at most WORKER_WALL_MS. */
static void read_answer(const struct worker_process *worker, struct buf *out)
{
    int64_t end_ms = clock_monotonic_ms() + WORKER_WALL_MS;
    for (;;) {
        struct pollfd ready = {.fd = worker->fd, .events = POLLIN};
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (left_ms <= 0 || out->size > WORKER_ANSWER_MAX) {
            kill(worker->pid, SIGKILL);
            return;
        }
        if (poll(&ready, 1, (int)left_ms) <= 0)
            continue;
        buf_reserve(out, WORKER_PIPE_BYTES);
        ssize_t size =
            read(worker->fd, out->data + out->size, WORKER_PIPE_BYTES);
        if (size == 0 || (size < 0 && errno != EINTR))
            return;
        out->size += size > 0 ? (size_t)size : 0;
    }
}

/* A whole answer is megabytes: read in place. Anything else is told of. */
static Perigee__Evaluation *unpack_answer(struct bytes answer, int status,
                                          int64_t cpu_ms,
                                          const struct script_limits *limits)
{
    struct buf packed = {0};
    if (status == 0 && answer.size > 0 && answer.data[0] == 'E')
        return perigee__evaluation__unpack(NULL, answer.size - 1,
                                           answer.data + 1);
    worker_answer(answer, status, cpu_ms, limits, &packed);
    Perigee__Evaluation *out =
        perigee__evaluation__unpack(NULL, packed.size, packed.data);
    buf_release(&packed);
    return out;
}

static int run_worker(const Perigee__WorkRequest *request,
                      const struct script_limits *limits,
                      Perigee__Evaluation **out, struct err *err)
{
    struct worker_process worker;
    struct buf answer = {0};
    struct rusage usage = {0};
    int status = 0;
    int fd = worker_request_fd(request, bytes_of("", 0), err);
    if (fd < 0)
        return fd;
    int rc = worker_process_start(fd, &worker, err);
    close(fd);
    if (rc < 0)
        return rc;
    read_answer(&worker, &answer);
    close(worker.fd);
    while (wait4(worker.pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    *out = unpack_answer(buf_bytes(&answer), status, process_cpu_ms(&usage),
                         limits);
    if (*out == NULL)
        rc =
            err_set(err, ERR_INTERNAL, "script worker: cannot read its answer");
    buf_release(&answer);
    return rc;
}

char *script_test_path(const char *path)
{
    size_t size = strlen(path);
    struct buf out = {0};

    if (size > 4 && strcmp(path + size - 4, ".lua") == 0)
        size -= 4;
    buf_add(&out, path, size);
    buf_add_text(&out, "_test.lua");
    return buf_take(&out);
}

static int evaluate(const char *path, const char *root, bool with_tests,
                    const struct script_parameter *parameter,
                    size_t parameter_count, const struct script_limits *limits,
                    Perigee__Evaluation **out, struct err *err)
{
    Perigee__WorkRequest request = PERIGEE__WORK_REQUEST__INIT;
    int rc = split_path(path, root, &request.root, &request.entry, err);
    if (rc < 0)
        return rc;
    Perigee__EnvVar *given = xcalloc(parameter_count + 1, sizeof *given);
    Perigee__EnvVar **list = xcalloc(parameter_count + 1, sizeof *list);
    for (size_t i = 0; i < parameter_count; i++) {
        perigee__env_var__init(&given[i]);
        given[i].name = (char *)parameter[i].name;
        given[i].value = (char *)parameter[i].value;
        list[i] = &given[i];
    }
    request.parameters = list;
    request.n_parameters = parameter_count;
    request.test = with_tests ? script_test_path(request.entry) : NULL;
    worker_request_limits(&request, limits);
    rc = run_worker(&request, limits, out, err);
    free(list);
    free(given);
    free(request.root);
    free(request.entry);
    free(request.test);
    return rc;
}

int script_evaluate_file(const char *path, const char *root,
                         const struct script_parameter *parameter,
                         size_t parameter_count,
                         const struct script_limits *limits,
                         Perigee__Evaluation **out, struct err *err)
{
    return evaluate(path, root, false, parameter, parameter_count,
                    limits != NULL ? limits : &SCRIPT_LIMITS, out, err);
}

int script_test_file(const char *path, const char *root,
                     const struct script_parameter *parameter,
                     size_t parameter_count, Perigee__Evaluation **out,
                     struct err *err)
{
    struct script_limits limits = SCRIPT_LIMITS;

    limits.cpu_ms *= 2;
    return evaluate(path, root, true, parameter, parameter_count, &limits, out,
                    err);
}
