#include "executor/thermos/task_log.h"

#include "executor/thermos/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *stream_name(int stream)
{
    return stream == 1 ? "stdout" : "stderr";
}

static int fail(struct err *err, const char *path)
{
    return err_set(err, fault_code(errno), "log '%s': %s", path,
                   strerror(errno));
}

static int make_directory(const char *path, struct err *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return fail(err, path);
    return 0;
}

bool task_log_is_pumped(const struct log_rule *rule)
{
    return rule->destination == LOG_BOTH ||
           (rule->destination == LOG_FILE && rule->size > 0);
}

int task_log_open_file(struct task_log *log, int flags, struct err *err)
{
    /* Whoever else writes it must append; we ourselves splice, which cannot. */
    int append = task_log_is_pumped(&log->rule) ? 0 : O_APPEND;
    log->file =
        open(log->path, O_RDWR | O_CREAT | O_CLOEXEC | append | flags, 0644);
    return log->file < 0 ? fail(err, log->path) : 0;
}

static void set_path(struct task_log *log)
{
    (void)snprintf(log->path, sizeof log->path, ".logs/%s/%u/%s",
                   log->id.process, log->id.run, stream_name(log->id.stream));
}

static void set_fifo_path(struct task_log *log)
{
    (void)snprintf(log->fifo_path, sizeof log->fifo_path, ".thermos/%s.%u.%s",
                   log->id.process, log->id.run, stream_name(log->id.stream));
}

static int make_process_directory(const char *process, struct err *err)
{
    char path[LOG_PATH_MAX];
    (void)snprintf(path, sizeof path, ".logs/%s", process);
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return 0; /* every process but the first */
    int rc = make_directory(".logs", err);
    return rc == 0 ? make_directory(path, err) : rc;
}

static int make_directories(const struct task_log *log, struct err *err)
{
    const struct task_log_id *id = &log->id;
    char path[LOG_PATH_MAX];
    (void)snprintf(path, sizeof path, ".logs/%s/%u", id->process, id->run);
    if (id->run > 0 && (mkdir(path, 0755) == 0 || errno == EEXIST))
        return 0; /* unless somebody removed those above it */
    int rc = make_process_directory(id->process, err);
    return rc == 0 ? make_directory(path, err) : rc;
}

/* The first log of a run finds no directory, the others do. */
static int make_file(struct task_log *log, bool is_first, struct err *err)
{
    if (!is_first && task_log_open_file(log, 0, NULL) == 0)
        return 0;
    int rc = make_directories(log, err);
    return rc == 0 ? task_log_open_file(log, 0, err) : rc;
}

int task_log_make_file(struct task_log *log, struct err *err)
{
    if (log->file >= 0 || log->path[0] == '\0')
        return 0;
    return make_file(log, false, err);
}

size_t task_log_waiting(const struct task_log *log)
{
    int size = 0;
    if (log->pipe < 0 || ioctl(log->pipe, FIONREAD, &size) != 0 || size < 0)
        return 0;
    return (size_t)size;
}

static int open_fifo(struct task_log *log, int *writer, struct err *err)
{
    (void)unlink(log->fifo_path); /* of a run that never came to be */
    if (mkfifo(log->fifo_path, 0600) != 0)
        return fail(err, log->fifo_path);
    log->pipe = open(log->fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    *writer = open(log->fifo_path, O_RDWR | O_CLOEXEC);
    return log->pipe < 0 || *writer < 0 ? fail(err, log->fifo_path) : 0;
}

/* The writer can read as well, so that it outlives all readers. Where there is
 * no /proc it lives as long as we or the executor do. */
static int open_pipe(struct task_log *log, int *writer, struct err *err)
{
    char path[64];
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) != 0)
        return fail(err, log->path);
    log->pipe = fd[0];
    (void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd[1]);
    *writer = open(path, O_RDWR | O_CLOEXEC);
    if (*writer < 0)
        *writer = fd[1];
    else
        (void)close(fd[1]);
    return 0;
}

static void set_empty(struct task_log *log, const struct log_rule *rule,
                      struct task_log_id id)
{
    *log = (struct task_log){
        .rule = *rule, .id = id, .pipe = -1, .file = -1, .console = -1};
}

int task_log_open(struct task_log *out, const struct log_rule *rule,
                  struct task_log_id id, bool is_named, int *writer,
                  struct err *err)
{
    set_empty(out, rule, id);
    *writer = LOG_WRITER_NULL;
    if (rule->destination == LOG_CONSOLE)
        *writer = LOG_WRITER_OURS;
    /* An image may have no devices: then we read, and nothing is written. */
    if (rule->destination == LOG_NONE && access("/dev/null", W_OK) != 0)
        return open_pipe(out, writer, err);
    if (rule->destination == LOG_CONSOLE || rule->destination == LOG_NONE)
        return 0;
    set_path(out);
    if (rule->destination == LOG_BOTH)
        out->console = id.stream;
    int rc = 0;
    if (!task_log_is_pumped(rule))
        rc = make_file(out, id.stream == 1, err);
    else if (id.stream == 1) /* the other one's are the same */
        rc = make_directories(out, err);
    if (rc == 0 && task_log_is_pumped(rule)) {
        if (is_named)
            set_fifo_path(out);
        rc = is_named ? open_fifo(out, writer, err)
                      : open_pipe(out, writer, err);
    } else if (rc == 0) {
        *writer = out->file;
        out->file = -1;
    }
    if (rc != 0)
        task_log_close(out);
    return rc;
}

void task_log_reopen(struct task_log *out, const struct log_rule *rule,
                     struct task_log_id id, int pipe)
{
    set_empty(out, rule, id);
    if (rule->destination == LOG_CONSOLE || rule->destination == LOG_NONE)
        return;
    set_path(out);
    if (rule->destination == LOG_BOTH)
        out->console = id.stream;
    if (!task_log_is_pumped(rule))
        return;
    out->pipe = pipe; /* one that is not there is not pumped */
    if (pipe < 0) {
        set_fifo_path(out);
        out->pipe = open(out->fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    (void)task_log_open_file(out, 0, NULL); /* else tried again by pumping */
    task_log_rotate_full(out); /* its writer died before it could */
}

void task_log_end_pipe(struct task_log *log)
{
    if (log->pipe >= 0)
        (void)close(log->pipe);
    log->pipe = -1;
    if (log->fifo_path[0] != '\0')
        (void)unlink(log->fifo_path);
}

void task_log_close(struct task_log *log)
{
    task_log_end_pipe(log);
    if (log->file >= 0)
        (void)close(log->file);
    log->file = -1;
}

size_t task_log_tail(const struct task_log *log, char *out, size_t size)
{
    struct stat st;
    int fd = log->path[0] != '\0' ? open(log->path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = 0;

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0) {
        off_t from = st.st_size > (off_t)size ? st.st_size - (off_t)size : 0;
        n = pread(fd, out, size, from);
        if (from > 0 && n > 0) {
            const char *line = memchr(out, '\n', (size_t)n);
            if (line != NULL && line + 1 < out + n) {
                n -= line + 1 - out;
                memmove(out, line + 1, (size_t)n);
            }
        }
    }
    (void)close(fd);
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
        n--;
    return n > 0 ? (size_t)n : 0;
}
