/* From the pipe into the file, and from file to file when one is full.
 *
 * Bytes leave the pipe in the same call that puts them into the file (splice):
 * a runner that is killed at any instant loses none and doubles none. Where
 * they must be looked at, for the console or for the end of a line, a copy is
 * (tee). */
#include "executor/thermos/task_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BACKUP_PATH_MAX = LOG_PATH_MAX + 16,
    PUMP_BYTES = 64 * 1024,
    PEEK_BYTES = 16 * 1024,
    PUMP_ROUNDS = 4,        /* pieces in one go */
    DRAIN_ROUNDS = 64,      /* the most a pipe holds, several times */
    LINE_SLACK = 64 * 1024, /* how far past its size a file may grow to end
                               with a whole line */
    NOTHING = -1,           /* empty, but somebody may write */
};

/* Number 0 is the file itself. */
static const char *name_backup(const struct task_log *log, uint32_t number,
                               char room[BACKUP_PATH_MAX])
{
    if (number == 0)
        return log->path;
    (void)snprintf(room, BACKUP_PATH_MAX, "%s.%u", log->path, number);
    return room;
}

/* stdout -> stdout.1 -> stdout.2 ...; the oldest goes. A gap in the row is what
 * an interrupted rotation left: it is filled, and nothing goes. True: the file
 * has become stdout.1. */
static bool move_backups(const struct task_log *log)
{
    char from[BACKUP_PATH_MAX], to[BACKUP_PATH_MAX];
    uint32_t last = 1;
    bool is_moved = false;

    for (; last < log->rule.backups; last++)
        if (access(name_backup(log, last, to), F_OK) != 0)
            break;
    for (uint32_t i = last; i > 0 && log->rule.backups > 0; i--)
        is_moved =
            rename(name_backup(log, i - 1, from), name_backup(log, i, to)) == 0;
    return is_moved;
}

/* A file that cannot be moved is emptied: a full log must not grow for ever.
 * One that cannot be followed by another is written on, under its own name,
 * until it can: it still is ours. */
static void rotate(struct task_log *log)
{
    char moved[BACKUP_PATH_MAX];
    int old = log->file;
    bool is_moved = move_backups(log);

    if (task_log_open_file(log, O_TRUNC, NULL) == 0) {
        (void)close(old);
        return;
    }
    log->file = old;
    if (is_moved)
        (void)rename(name_backup(log, 1, moved), log->path);
}

static bool ends_a_line(const struct task_log *log, uint64_t size)
{
    char last = 0;
    return pread(log->file, &last, 1, (off_t)size - 1) == 1 && last == '\n';
}

static uint64_t size_of(const struct task_log *log)
{
    struct stat st;
    return fstat(log->file, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void task_log_rotate_full(struct task_log *log)
{
    uint64_t limit = log->rule.size;
    if (limit == 0 || log->file < 0)
        return;
    uint64_t size = size_of(log);
    if (size >= limit && (size >= limit + LINE_SLACK || ends_a_line(log, size)))
        rotate(log);
}

/* How much of a piece still belongs into a file of this size: up to the end of
 * the line that makes it full. */
static size_t share(const struct log_rule *rule, uint64_t file,
                    const char *data, size_t size)
{
    uint64_t limit = rule->size;
    if (limit == 0 || file + size < limit)
        return size;
    size_t room = file < limit ? (size_t)(limit - file) : 0;
    size_t from = room > 0 ? room - 1 : 0;
    const char *line = memchr(data + from, '\n', size - from);
    return line != NULL ? (size_t)(line - data) + 1 : size;
}

static void write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
    }
}

/* What cannot be spliced: the disk is full, or the file system knows no
 * splicing; and what no file is for is thrown away. A full disk loses output;
 * it must not stop the task. */
static ssize_t copy(struct task_log *log, size_t size)
{
    char data[PEEK_BYTES];
    ssize_t n = read(log->pipe, data, size < sizeof data ? size : sizeof data);
    if (n > 0 && log->file >= 0) {
        (void)lseek(log->file, 0, SEEK_END);
        write_all(log->file, data, (size_t)n);
    }
    return n;
}

/* Move up to `size` bytes to the end of the file. Their number; 0: the pipe is
 * at its end; NOTHING. */
static ssize_t move(struct task_log *log, size_t size)
{
    ssize_t n;
    do {
        off_t end = (off_t)size_of(log);
        n = splice(log->pipe, NULL, log->file, &end, size, SPLICE_F_NONBLOCK);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            n = copy(log, size);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* A copy of what the pipe holds; as move(). */
static ssize_t peek(const struct task_log *log, char out[PEEK_BYTES])
{
    int copy_fd[2];
    ssize_t n;
    if (pipe2(copy_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return NOTHING; /* later */
    do
        n = tee(log->pipe, copy_fd[1], PEEK_BYTES, SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        n = read(copy_fd[0], out, (size_t)n);
    (void)close(copy_fd[0]);
    (void)close(copy_fd[1]);
    return n;
}

/* Look at a piece before it goes; as move(). */
static ssize_t move_seen(struct task_log *log)
{
    char data[PEEK_BYTES];
    ssize_t n = peek(log, data);
    if (n <= 0)
        return n;
    if (log->console >= 0)
        write_all(log->console, data, (size_t)n);
    if (log->reader.read != NULL)
        log->reader.read(log->reader.context, log->id.process, log->id.stream,
                         bytes_of(data, (size_t)n));
    for (size_t at = 0; at < (size_t)n;) {
        size_t part =
            share(&log->rule, size_of(log), data + at, (size_t)n - at);
        ssize_t moved = move(log, part);
        if (moved <= 0)
            return moved;
        at += (size_t)moved;
        task_log_rotate_full(log);
    }
    return n;
}

static ssize_t pump_piece(struct task_log *log)
{
    uint64_t limit = log->rule.size;
    if (log->console >= 0 || log->reader.read != NULL ||
        (limit != 0 && size_of(log) + PUMP_BYTES >= limit))
        return move_seen(log);
    return move(log, PUMP_BYTES);
}

bool task_log_pump(struct task_log *log)
{
    if (task_log_make_file(log, NULL) != 0)
        return false; /* it waits */
    for (int round = 0; round < PUMP_ROUNDS && log->pipe >= 0; round++) {
        ssize_t n = pump_piece(log);
        if (n < 0)
            return false;
        if (n == 0)
            task_log_end_pipe(log);
    }
    return log->pipe >= 0;
}

void task_log_drain(struct task_log *log)
{
    for (int round = 0; round < DRAIN_ROUNDS && task_log_pump(log); round++)
        ;
}
