#include "script/worker_process.h"
#include "base/text.h"
#include "sys/process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

void worker_request_limits(Perigee__WorkRequest *request,
                           const struct script_limits *limits)
{
    request->has_cpu_ms = request->has_memory_bytes = true;
    request->has_bundle_bytes = request->has_files = true;
    request->has_asset_bytes = true;
    request->cpu_ms = limits->cpu_ms;
    request->memory_bytes = limits->memory_bytes;
    request->bundle_bytes = limits->bundle_bytes;
    request->files = limits->files;
    request->asset_bytes = limits->asset_bytes;
}

/* Write all of both; a memory file takes what fits into memory. */
static int write_both(int fd, struct iovec *part)
{
    for (int i = 0; i < 2; i++) {
        for (size_t at = 0; at < part[i].iov_len;) {
            ssize_t done = write(fd, (const char *)part[i].iov_base + at,
                                 part[i].iov_len - at);
            if (done < 0 && errno != EINTR)
                return -1;
            at += done > 0 ? (size_t)done : 0;
        }
    }
    return 0;
}

/* The head of WorkRequest.bundle, whose bytes follow it: fields of a message
 * may stand in any order. */
static void add_bundle_head(size_t size, struct buf *out)
{
    enum { FIELD_BUNDLE = 4, LENGTH_DELIMITED = 2, MORE = 0x80 };
    if (size == 0)
        return;
    buf_add_char(out, FIELD_BUNDLE << 3 | LENGTH_DELIMITED);
    for (; size >= MORE; size >>= 7)
        buf_add_char(out, (char)(size | MORE));
    buf_add_char(out, (char)size);
}

int worker_request_fd(const Perigee__WorkRequest *request, struct bytes bundle,
                      struct err *err)
{
    struct buf head = {0};
    int rc = 0, fd = memfd_create("request", MFD_CLOEXEC);
    buf_reserve(&head, perigee__work_request__get_packed_size(request) + 16);
    head.size = perigee__work_request__pack(request, head.data);
    add_bundle_head(bundle.size, &head);
    struct iovec part[] = {{head.data, head.size},
                           {(void *)(uintptr_t)bundle.data, bundle.size}};
    if (fd < 0 || write_both(fd, part) < 0)
        rc = err_set(err, ERR_IO, "script worker: no memory file: %s",
                     strerror(errno));
    buf_release(&head);
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int worker_process_start(int request_fd, struct worker_process *out,
                         struct err *err)
{
    static const char *const argv[] = {"perigee-script", WORKER_ARGUMENT, NULL};
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "script worker: no pipe: %s",
                       strerror(errno));
    /* Fewer turns between both ends; a refusal leaves the usual size. */
    (void)fcntl(pipe_fd[0], F_SETPIPE_SZ, WORKER_PIPE_BYTES);
    struct process_spec spec = {.path = "/proc/self/exe",
                                .argv = argv,
                                .fd = {request_fd, pipe_fd[1], STDERR_FILENO},
                                .fd_count = 3,
                                .uid = -1,
                                .gid = -1};
    pid_t pid = 0;
    int rc = process_spawn(&spec, &pid, err);
    close(pipe_fd[1]);
    if (rc < 0) {
        close(pipe_fd[0]);
        return err_wrap(err, "script worker");
    }
    *out = (struct worker_process){pid, pipe_fd[0]};
    return 0;
}

/* --- answers --- */

static void pack_problem(const char *message, const char *file, uint32_t line,
                         const char *source, struct buf *out)
{
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Problem problem = PERIGEE__PROBLEM__INIT;
    Perigee__Problem *problems[] = {&problem};
    problem.message = (char *)message;
    problem.file = *file != '\0' ? (char *)file : NULL;
    problem.has_line = line > 0;
    problem.line = line;
    problem.source = (char *)source;
    problem.has_runtime = problem.runtime = true;
    problem.has_count = true;
    problem.count = 1;
    evaluation.problems = problems;
    evaluation.n_problems = 1;
    size_t size = perigee__evaluation__get_packed_size(&evaluation);
    buf_reserve(out, size);
    out->size += perigee__evaluation__pack(&evaluation, out->data + out->size);
}

char *worker_time_text(int64_t cpu_ms, char *out, size_t size)
{
    bool is_whole = cpu_ms % 1000 == 0;
    snprintf(out, size, "runs longer than %lld %s of CPU time",
             (long long)(is_whole ? cpu_ms / 1000 : cpu_ms),
             is_whole ? "s" : "ms");
    return out;
}

static void answer_time(struct bytes answer, const struct script_limits *limits,
                        struct buf *out)
{
    char message[128], text[1024], file[256] = "";
    unsigned line = 0;
    worker_time_text(limits->cpu_ms, message, sizeof message);
    snprintf(text, sizeof text, "%.*s", (int)answer.size,
             (const char *)answer.data);
    if (sscanf(text, "%u %255[^\n]", &line, file) < 1)
        line = 0;
    const char *source = strchr(text, '\n');
    if (source == NULL ||
        !text_is_utf8((const uint8_t *)source, strlen(source)))
        source = "\n";
    pack_problem(message, file, line, source + 1, out);
}

void worker_answer(struct bytes answer, int wait_status, int64_t cpu_ms,
                   const struct script_limits *limits, struct buf *out)
{
    char message[256], status[128];
    bool has_ended = wait_status == 0 && answer.size > 0;
    if (has_ended && answer.data[0] == 'E') {
        buf_add(out, answer.data + 1, answer.size - 1);
    } else if (has_ended && answer.data[0] == 'T') {
        answer_time(bytes_of(answer.data + 1, answer.size - 1), limits, out);
    } else if (cpu_ms >= limits->cpu_ms) {
        worker_time_text(limits->cpu_ms, message, sizeof message);
        pack_problem(message, "", 0, "", out);
    } else {
        process_status_text(wait_status, status, sizeof status);
        snprintf(message, sizeof message,
                 "the evaluation died (%s): it may need more than %lld MiB of "
                 "memory",
                 status, (long long)(limits->memory_bytes >> 20));
        pack_problem(message, "", 0, "", out);
    }
}

/* The first problem of an evaluation that ended badly. */
static void pack_failure(struct bytes packed, struct buf *out)
{
    char text[512] = "the script worker gave no verdict";
    Perigee__Verdict verdict = PERIGEE__VERDICT__INIT;
    Perigee__Verdict *list[] = {&verdict};
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;
    Perigee__Evaluation *evaluation =
        perigee__evaluation__unpack(NULL, packed.size, packed.data);
    if (evaluation != NULL && evaluation->n_problems > 0) {
        const Perigee__Problem *first = evaluation->problems[0];
        bool has_line = first->file != NULL && first->line > 0;
        if (has_line)
            snprintf(text, sizeof text, "%.200s:%u: %.200s", first->file,
                     first->line, first->message);
        else
            snprintf(text, sizeof text, "%.200s", first->message);
    }
    verdict.failure = text;
    verdict.has_passing = verdict.passing = true;
    verdicts.n_verdicts = 1;
    verdicts.verdicts = list;
    buf_reserve(out, perigee__verdicts__get_packed_size(&verdicts));
    out->size += perigee__verdicts__pack(&verdicts, out->data + out->size);
    perigee__evaluation__free_unpacked(evaluation, NULL);
}

void worker_verdicts(struct bytes answer, int wait_status, int64_t cpu_ms,
                     const struct script_limits *limits, struct buf *out)
{
    struct buf packed = {0};
    if (wait_status == 0 && answer.size > 0 && answer.data[0] == 'V') {
        buf_add(out, answer.data + 1, answer.size - 1);
        return;
    }
    worker_answer(answer, wait_status, cpu_ms, limits, &packed);
    pack_failure(buf_bytes(&packed), out);
    buf_release(&packed);
}

void worker_unborn(bool is_question, struct buf *out)
{
    struct buf packed = {0};
    pack_problem("no script worker could be started: try again later", "", 0,
                 "", is_question ? &packed : out);
    if (is_question)
        pack_failure(buf_bytes(&packed), out);
    buf_release(&packed);
}
