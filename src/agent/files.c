#include "agent/files.h"
#include "agent/sandbox.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/text.h"
#include "sys/beneath.h"
#include "wire/json.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_LEN = 4096,
    OWNER_LEN = 1024,
    READ_MAX = 64 * 1024, /* of one /files/read, as Mesos */
    SANDBOX_PARTS = 7     /* <agent>/frameworks/<f>/executors/<e>/runs/<c> */
};

struct files {
    struct daemon *daemon;
    const struct agent_program *program;
    const char *work_dir;
};

/* --- paths --- */

/* The part of a path behind "<work_dir>/slaves/", or NULL. */
static const char *below_slaves(const char *work_dir, const char *agent_id,
                                const char *path, char *buffer)
{
    size_t size = strlen(work_dir);
    if (strncmp(path, "/frameworks/", 12) == 0 && agent_id[0] != '\0') {
        int n = snprintf(buffer, PATH_LEN, "%s%s", agent_id, path);
        return n < PATH_LEN ? buffer : NULL;
    }
    if (strncmp(path, work_dir, size) == 0 &&
        strncmp(path + size, "/slaves/", 8) == 0)
        return path + size + 8;
    return NULL;
}

static bool is_plain_name(const char *name, size_t size)
{
    return size > 0 && !(size == 1 && name[0] == '.') &&
           !(size == 2 && name[0] == '.' && name[1] == '.');
}

/* Length of the sandbox's own path, or 0 when there are too few parts. */
static size_t sandbox_size(const char *path)
{
    static const char *const fixed[SANDBOX_PARTS] = {
        NULL, "frameworks", NULL, "executors", NULL, "runs", NULL};
    const char *at = path;
    for (int i = 0; i < SANDBOX_PARTS; i++) {
        size_t size = strcspn(at, "/");
        if (!is_plain_name(at, size) ||
            (fixed[i] != NULL &&
             (strlen(fixed[i]) != size || strncmp(at, fixed[i], size) != 0)))
            return 0;
        at += size;
        if (i + 1 < SANDBOX_PARTS && *at++ != '/')
            return 0;
    }
    return (size_t)(at - path);
}

/* runs/latest is ours and points at a neighbour; anything else is no link. */
static int open_sandbox(const char *path)
{
    char target[PATH_LEN], real[2 * PATH_LEN];
    ssize_t n = readlink(path, target, sizeof target - 1);
    const char *open_as = path;
    if (n > 0) {
        target[n] = '\0';
        const char *name = strrchr(target, '/');
        const char *slash = strrchr(path, '/');
        name = name != NULL ? name + 1 : target;
        if (!is_plain_name(name, strlen(name)))
            return -EXDEV;
        snprintf(real, sizeof real, "%.*s/%s", (int)(slash - path), path, name);
        open_as = real;
    }
    int fd = open(open_as, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* A part of a path between slashes, as text. */
static char *part_of(const char *path, int number, struct arena *arena)
{
    for (; number > 0; number--)
        path += strcspn(path, "/") + 1;
    return arena_strndup(arena, path, strcspn(path, "/"));
}

/* May who asks read what lies there, if it does? */
static bool may_read(const struct files *files, const char *principal,
                     const char *path, struct arena *arena)
{
    const char *agent_id = agent_program_id(files->program);
    char buffer[PATH_LEN], owner[OWNER_LEN];
    const char *below = below_slaves(files->work_dir, agent_id, path, buffer);
    size_t size = below != NULL ? sandbox_size(below) : 0;
    if (size == 0)
        return true; /* there is no such sandbox */
    /* Who we were before is forgotten: what that one ran, too. */
    bool is_ours = strcmp(part_of(below, 0, arena), agent_id) == 0;
    const struct agent_run_name run = {
        .framework = is_ours ? part_of(below, 2, arena) : "",
        .executor = part_of(below, 4, arena),
        .container = part_of(below, 6, arena)};
    enum agent_reading reading =
        agent_program_reads(files->program, principal, &run);
    if (reading != AGENT_READS_UNKNOWN)
        return reading == AGENT_READS;
    return sandbox_owner(arena_printf(arena, "%s/slaves/%.*s", files->work_dir,
                                      (int)size, below),
                         owner, sizeof owner) &&
           agent_program_owner_may(files->program, principal, owner);
}

int files_resolve(const char *work_dir, const char *agent_id, const char *path)
{
    char buffer[PATH_LEN], sandbox[2 * PATH_LEN];
    const char *below = below_slaves(work_dir, agent_id, path, buffer);
    size_t size = below != NULL ? sandbox_size(below) : 0;
    if (size == 0)
        return -ENOENT;
    if (snprintf(sandbox, sizeof sandbox, "%s/slaves/%.*s", work_dir, (int)size,
                 below) >= (int)sizeof sandbox)
        return -ENOENT;
    int root = open_sandbox(sandbox);
    if (root < 0)
        return root == -ENOTDIR ? -ENOENT : root;
    const char *rest = below + size;
    rest += strspn(rest, "/");
    int rc = beneath_open(root, rest);
    close(root);
    return rc == -ENOTDIR ? -ENOENT : rc;
}

/* --- replies --- */

static void reply_text(struct files *files, exchange_id exchange, int status,
                       const char *text)
{
    struct http_response response = {
        .status = status, .type = MEDIA_TEXT, .body = bytes_of_text(text)};
    daemon_reply(files->daemon, exchange, &response);
}

static void reply_json(struct files *files, exchange_id exchange,
                       struct buf *body)
{
    struct http_response response = {
        .status = 200, .type = MEDIA_JSON, .body = buf_bytes(body)};
    daemon_reply(files->daemon, exchange, &response);
    buf_release(body);
}

/* --- browse --- */

static void put_owner(struct json_writer *w, const struct stat *st)
{
    char number[24];
    const struct group *group = getgrgid(st->st_gid);
    snprintf(number, sizeof number, "%u", (unsigned)st->st_gid);
    json_put_string(w, "gid", group ? group->gr_name : number);
}

static void put_file(struct json_writer *w, const char *path, const char *name,
                     const struct stat *st)
{
    char mode[11], number[24], whole[2 * PATH_LEN];
    size_t size = strlen(path);
    const struct passwd *user = getpwuid(st->st_uid);
    while (size > 1 && path[size - 1] == '/')
        size--;
    snprintf(whole, sizeof whole, "%.*s/%s", (int)size, path, name);
    beneath_mode_text(st->st_mode, mode);
    snprintf(number, sizeof number, "%u", (unsigned)st->st_uid);
    json_begin_object(w);
    put_owner(w, st);
    json_put_string(w, "mode", mode);
    json_key(w, "mtime");
    json_double(w, (double)st->st_mtim.tv_sec);
    json_put_int(w, "nlink", (int64_t)st->st_nlink);
    json_put_string(w, "path", whole);
    json_put_int(w, "size", st->st_size);
    json_put_string(w, "uid", user ? user->pw_name : number);
    json_end_object(w);
}

static void browse(struct files *files, exchange_id exchange, const char *path,
                   int fd)
{
    struct buf body = {0};
    struct json_writer w;
    struct folder folder;

    folder_list(fd, &folder);
    json_init(&w, &body, 0);
    json_begin_array(&w);
    for (uint32_t i = 0; i < folder.count; i++)
        put_file(&w, path, folder.item[i].name, &folder.item[i].stat);
    json_end_array(&w);
    folder_release(&folder);
    reply_json(files, exchange, &body);
}

/* --- read --- */

static bool number(struct files *files, exchange_id exchange,
                   const struct http_request *request, const char *name,
                   struct arena *arena, int64_t *out)
{
    const char *text = http_query(request, name, arena);
    *out = -1;
    if (text == NULL || text_int(text, INT64_MIN, INT64_MAX, out, NULL) >= 0)
        return true;
    reply_text(files, exchange, 400,
               arena_printf(arena,
                            "Failed to parse %s: Failed to convert '%s' to "
                            "number.\n",
                            name, text));
    return false;
}

static void read_part(struct files *files, exchange_id exchange,
                      const struct http_request *request, int fd,
                      const struct stat *st, struct arena *arena)
{
    struct buf body = {0};
    struct json_writer w;
    int64_t offset, length;
    ssize_t n = 0;
    if (!number(files, exchange, request, "offset", arena, &offset) ||
        !number(files, exchange, request, "length", arena, &length))
        return;
    if (offset < 0) { /* how large is it? */
        offset = st->st_size;
        length = 0;
    }
    if (length < 0 || length > READ_MAX)
        length = READ_MAX;
    uint8_t *data = arena_alloc(arena, (size_t)length + 1);
    if (length > 0)
        n = pread(fd, data, (size_t)length, offset);
    if (n < 0) {
        reply_text(
            files, exchange, 500,
            arena_printf(arena, "Failed to read: %s.\n", strerror(errno)));
        return;
    }
    size_t size =
        n == length ? text_whole_characters(data, (size_t)n) : (size_t)n;
    json_init(&w, &body, 0);
    json_begin_object(&w);
    json_key(&w, "data");
    json_text_n(&w, (struct bytes){data, size});
    json_put_int(&w, "offset", offset);
    json_end_object(&w);
    reply_json(files, exchange, &body);
}

/* --- download --- */

/* The name that a browser stores it under. */
static char *safe_name(const char *path, struct arena *arena)
{
    const char *name = strrchr(path, '/');
    char *safe = arena_strdup(arena, name ? name + 1 : path);

    for (char *c = safe; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '"')
            *c = '_';
    return safe;
}

/* Who follows a log asks for what he has not seen yet. */
static void refuse_range(struct files *files, exchange_id exchange,
                         int64_t whole, struct arena *arena)
{
    struct http_header header = {
        "Content-Range", arena_printf(arena, "bytes */%lld", (long long)whole)};
    struct http_response response = {.status = 416,
                                     .type = MEDIA_TEXT,
                                     .header = &header,
                                     .header_count = 1,
                                     .body = bytes_of_text("")};

    daemon_reply(files->daemon, exchange, &response);
}

static void download(struct files *files, exchange_id exchange,
                     const struct http_request *request, const char *path,
                     int fd, const struct stat *st, struct arena *arena)
{
    int64_t first = 0, last = st->st_size - 1;
    int range =
        http_range(http_header(request, "Range"), st->st_size, &first, &last);

    if (range < 0) {
        refuse_range(files, exchange, st->st_size, arena);
        close(fd);
        return;
    }
    struct http_header header[] = {
        {"Accept-Ranges", "bytes"},
        {"Content-Disposition", arena_printf(arena, "attachment; filename=%s",
                                             safe_name(path, arena))},
        {"Content-Range",
         arena_printf(arena, "bytes %lld-%lld/%lld", (long long)first,
                      (long long)last, (long long)st->st_size)}};
    struct http_response head = {.status = range == 1 ? 206 : 200,
                                 .type = MEDIA_BYTES,
                                 .header = header,
                                 .header_count = range == 1 ? 3 : 2};
    daemon_reply_file(files->daemon, exchange, fd, first, last - first + 1,
                      &head);
}

/* --- the route --- */

enum operation { BROWSE, READ, DOWNLOAD, UNKNOWN };

static enum operation operation_of(const char *path)
{
    const char *at = strstr(path, "/files/");
    if (at == NULL)
        return UNKNOWN;
    at += strlen("/files/");
    size_t size = strcspn(at, "/");
    if (size == 6 && strncmp(at, "browse", 6) == 0)
        return BROWSE;
    if (size == 4 && strncmp(at, "read", 4) == 0)
        return READ;
    if (size == 8 && strncmp(at, "download", 8) == 0)
        return DOWNLOAD;
    return UNKNOWN;
}

/* Answers what cannot be served; true when fd may be. */
static bool is_servable(struct files *files, exchange_id exchange,
                        enum operation operation, int fd, struct stat *st)
{
    if (fstat(fd, st) < 0) {
        reply_text(files, exchange, 500, "Failed to stat the file.\n");
        return false;
    }
    if (operation == BROWSE)
        return true;
    if (S_ISDIR(st->st_mode))
        reply_text(files, exchange, 400,
                   operation == READ ? "Cannot read a directory.\n"
                                     : "Cannot download a directory.\n");
    else if (!S_ISREG(st->st_mode))
        reply_text(files, exchange, 400,
                   operation == READ ? "Cannot read a special file.\n"
                                     : "Cannot download a special file.\n");
    return S_ISREG(st->st_mode);
}

static void serve(struct files *files, exchange_id exchange,
                  const struct http_request *request, enum operation operation,
                  struct arena *arena)
{
    struct stat st;
    const char *path = http_query(request, "path", arena);
    if (path == NULL || path[0] == '\0') {
        reply_text(files, exchange, 400, "Expecting 'path=value' in query.\n");
        return;
    }
    int fd = may_read(files, request->principal, path, arena)
                 ? files_resolve(files->work_dir,
                                 agent_program_id(files->program), path)
                 : -ENOENT;
    if (fd == -ENOENT) {
        reply_text(files, exchange, 404,
                   operation == DOWNLOAD ? "404 Not Found." : "");
        return;
    }
    if (fd < 0) {
        reply_text(files, exchange, 400,
                   arena_printf(arena, "'%s' is inaccessible.\n", path));
        return;
    }
    bool may = is_servable(files, exchange, operation, fd, &st);
    if (may && operation == BROWSE) {
        browse(files, exchange, path, fd);
        return; /* it closed the descriptor */
    }
    if (may && operation == DOWNLOAD) {
        download(files, exchange, request, path, fd, &st, arena);
        return; /* the daemon closes it */
    }
    if (may)
        read_part(files, exchange, request, fd, &st, arena);
    close(fd);
}

bool files_route(void *context, exchange_id exchange,
                 const struct http_request *request)
{
    struct files *files = context;
    enum operation operation = operation_of(request->path);
    struct arena arena;
    if (operation == UNKNOWN)
        return false;
    arena_init(&arena);
    serve(files, exchange, request, operation, &arena);
    arena_release(&arena);
    return true;
}

struct files *files_open(struct daemon *daemon,
                         const struct agent_program *program,
                         const char *work_dir)
{
    struct files *files = xcalloc(1, sizeof *files);
    *files = (struct files){daemon, program, work_dir};
    return files;
}

void files_close(struct files *files)
{
    free(files);
}
