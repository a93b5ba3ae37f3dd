/* Logs and sandboxes. Whoever owns a sandbox fills it: everything is opened
 * beneath it, and only regular files are read. */
#include "executor/thermos/observer/page.h"

#include "base/text.h"
#include "sys/beneath.h"
#include "sys/clock.h"
#include "wire/json.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE_MAX = 64 << 10, /* of one answer with file data */
    PAGE_BYTES = 32 << 10 /* of a file's end on its page */
};

/* --- opening --- */

/* Below the sandbox, any kind of file; -1 after a refusal. */
static int open_below(struct page *p, const struct machine_task *task,
                      const char *path, struct stat *st)
{
    int sandbox = machine_open_sandbox(task);
    int fd =
        sandbox < 0 ? sandbox : beneath_open(sandbox, path + strspn(path, "/"));
    if (sandbox >= 0)
        (void)close(sandbox);
    if (fd >= 0 && fstat(fd, st) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    bool is_outside = fd == -EXDEV || fd == -ELOOP;
    page_refuse(p, is_outside ? 403 : 404,
                is_outside ? "'%s' leads out of the sandbox"
                           : "there is no file '%s' in the sandbox",
                path);
    return -1;
}

static int open_file(struct page *p, const struct machine_task *task,
                     const char *path, struct stat *st)
{
    int fd = open_below(p, task, path, st);
    if (fd < 0 || S_ISREG(st->st_mode))
        return fd;
    (void)close(fd);
    page_refuse(p, 403, "'%s' is not a regular file", path);
    return -1;
}

/* The path of /logs/ID/PROCESS/RUN/STREAM; NULL after a refusal. */
static const char *log_path(struct page *p)
{
    int64_t run;
    if (p->part_count != 5 || strchr(p->part[2], '/') != NULL ||
        text_int(p->part[3], 0, UINT32_MAX, &run, NULL) < 0 ||
        (strcmp(p->part[4], "stdout") != 0 &&
         strcmp(p->part[4], "stderr") != 0)) {
        page_refuse(p, 404, "want .../TASK/PROCESS/RUN/stdout or stderr");
        return NULL;
    }
    return arena_printf(&p->arena, ".logs/%s/%lld/%s", p->part[2],
                        (long long)run, p->part[4]);
}

/* --- data --- */

static void put_data(struct page *p, int fd, const struct stat *st,
                     int64_t offset, int64_t length)
{
    struct json_writer w;
    uint8_t *data = arena_alloc(&p->arena, (size_t)length + 1);
    ssize_t n = length > 0 ? pread(fd, data, (size_t)length, offset) : 0;
    size_t size = n > 0 ? (size_t)n : 0;

    if (n == length)
        size = text_whole_characters(data, size);
    json_init(&w, &p->body, 0);
    json_begin_object(&w);
    json_key(&w, "data");
    json_text_n(&w, bytes_of(data, size));
    json_put_int(&w, "offset", offset);
    json_put_int(&w, "next", offset + (int64_t)size);
    json_put_int(&w, "size", st->st_size);
    json_end_object(&w);
    page_json(p);
}

/* ?offset= (none: only the size) and ?length=, as the agent's /files/read. */
static void answer_data(struct page *p, const struct machine_task *task,
                        const char *path)
{
    int64_t offset, length;
    struct stat st;
    int fd;

    if (!page_number(p, "offset", -1, INT64_MAX, -1, &offset) ||
        !page_number(p, "length", 0, INT64_MAX, PIECE_MAX, &length) ||
        (fd = open_file(p, task, path, &st)) < 0)
        return;
    if (offset < 0) {
        offset = st.st_size;
        length = 0;
    }
    put_data(p, fd, &st, offset, length < PIECE_MAX ? length : PIECE_MAX);
    (void)close(fd);
}

void pages_log_data(struct page *p)
{
    const char *path = log_path(p);
    const struct machine_task *task = path != NULL ? page_task(p) : NULL;
    if (task != NULL)
        answer_data(p, task, path);
}

void pages_file_data(struct page *p)
{
    const struct machine_task *task = page_task(p);
    if (task != NULL)
        answer_data(p, task, p->rest);
}

/* --- pages --- */

/* The end of a file, from the beginning of a line, and a script that goes on
 * from there; its data are at /route/TASK/path. */
static void show_end(struct page *p, int fd, const struct stat *st,
                     const char *route, const char *path)
{
    uint8_t *data = arena_alloc(&p->arena, PAGE_BYTES);
    int64_t offset = st->st_size > PAGE_BYTES ? st->st_size - PAGE_BYTES : 0;
    ssize_t n = pread(fd, data, PAGE_BYTES, offset);
    size_t size = n > 0 ? (size_t)n : 0, from = 0;
    const uint8_t *line = offset > 0 ? memchr(data, '\n', size) : NULL;
    int64_t end = offset + (int64_t)size;

    if (line != NULL)
        from = (size_t)(line - data) + 1;
    if (offset > 0)
        buf_addf(&p->body, "<p>the last %zu of %lld bytes</p>", size - from,
                 (long long)st->st_size);
    buf_add_text(&p->body, "<p id=\"status\"></p><pre id=\"log\" data-url=\"");
    html_path(p, route, p->part[1], path, NULL);
    buf_addf(&p->body, "\" data-offset=\"%lld\">", (long long)end);
    html_bytes(p, bytes_of(data + from, size - from));
    buf_add_text(&p->body, "</pre><script src=\"/static/follow.js\"></script>");
}

void pages_logs(struct page *p)
{
    struct stat st;
    const char *path = log_path(p);
    const struct machine_task *task = path != NULL ? page_task(p) : NULL;
    int fd = task != NULL ? open_file(p, task, path, &st) : -1;

    if (fd < 0)
        return;
    html_begin(p, arena_printf(&p->arena, "%s of %s, run %s", p->part[4],
                               p->part[2], p->part[3]));
    buf_add_text(&p->body, "<p>");
    html_link(p, task->id, "task", task->id, NULL);
    buf_add_char(&p->body, ' ');
    html_link(p, "download", "download", task->id,
              arena_printf(&p->arena, "/%s", path), NULL);
    buf_add_text(&p->body, "</p>");
    show_end(p, fd, &st, "logdata",
             arena_printf(&p->arena, "/%s/%s/%s", p->part[2], p->part[3],
                          p->part[4]));
    html_end(p);
    (void)close(fd);
    page_html(p);
}

void pages_file(struct page *p)
{
    struct stat st;
    const struct machine_task *task = page_task(p);
    int fd = task != NULL ? open_file(p, task, p->rest, &st) : -1;

    if (fd < 0)
        return;
    html_begin(p, p->rest);
    buf_add_text(&p->body, "<p>");
    html_link(p, task->id, "task", task->id, NULL);
    buf_add_char(&p->body, ' ');
    html_link(p, "download", "download", task->id, p->rest, NULL);
    buf_add_text(&p->body, "</p>");
    show_end(p, fd, &st, "filedata", p->rest);
    html_end(p);
    (void)close(fd);
    page_html(p);
}

/* --- browse --- */

static void entry_json(struct json_writer *w, const struct folder_entry *entry)
{
    char mode[11];
    beneath_mode_text(entry->stat.st_mode, mode);
    json_begin_object(w);
    json_put_string(w, "name", entry->name);
    json_put_string(w, "mode", mode);
    json_put_int(w, "size", entry->stat.st_size);
    json_put_int(w, "modified_ms", (int64_t)entry->stat.st_mtim.tv_sec * 1000);
    json_end_object(w);
}

static void folder_json(struct page *p, const struct folder *folder)
{
    struct json_writer w;
    json_init(&w, &p->body, 0);
    json_begin_array(&w);
    for (uint32_t i = 0; i < folder->count; i++)
        entry_json(&w, &folder->item[i]);
    json_end_array(&w);
    page_json(p);
}

static void entry_row(struct page *p, const struct machine_task *task,
                      const struct folder_entry *entry)
{
    char mode[11], age[TEXT_AGE_MAX];
    size_t size = strlen(p->rest);
    const char *path = arena_printf(
        &p->arena, "%s%s%s", *p->rest == '/' ? p->rest : "/",
        size > 0 && p->rest[size - 1] != '/' ? "/" : "", entry->name);

    beneath_mode_text(entry->stat.st_mode, mode);
    buf_addf(
        &p->body,
        "<tr><td><code>%s</code></td><td class=\"number\">%lld</td>"
        "<td class=\"number\">%s</td><td class=\"id\">",
        mode, (long long)entry->stat.st_size,
        text_age(clock_wall_ms() - (int64_t)entry->stat.st_mtim.tv_sec * 1000,
                 age));
    if (S_ISDIR(entry->stat.st_mode))
        html_link(p, entry->name, "browse", task->id, path, NULL);
    else if (S_ISREG(entry->stat.st_mode) || S_ISLNK(entry->stat.st_mode))
        html_link(p, entry->name, "file", task->id, path, NULL);
    else
        html_text(p, entry->name);
    buf_add_text(&p->body, "</td></tr>\n");
}

void pages_browse(struct page *p)
{
    struct folder folder;
    struct stat st;
    const struct machine_task *task = page_task(p);
    int fd = task != NULL ? open_below(p, task, p->rest, &st) : -1;

    if (fd < 0)
        return;
    if (!S_ISDIR(st.st_mode)) {
        (void)close(fd);
        page_refuse(p, 400, "'%s' is not a folder", p->rest);
        return;
    }
    folder_list(fd, &folder);
    if (http_query(p->request, "json", &p->arena) != NULL) {
        folder_json(p, &folder);
    } else {
        html_begin(p, *p->rest != '\0' ? p->rest : "/");
        buf_add_text(&p->body, "<p>in the sandbox of ");
        html_link(p, task->id, "task", task->id, NULL);
        buf_add_text(&p->body,
                     "</p><table><thead><tr><th>mode</th><th class=\"number\">"
                     "size</th><th class=\"number\">changed</th><th>name</th>"
                     "</tr></thead><tbody>\n");
        for (uint32_t i = 0; i < folder.count; i++)
            entry_row(p, task, &folder.item[i]);
        buf_add_text(&p->body, "</tbody></table>");
        html_end(p);
        page_html(p);
    }
    folder_release(&folder);
}

/* --- download --- */

void pages_download(struct page *p)
{
    struct stat st;
    const struct machine_task *task = page_task(p);
    int fd = task != NULL ? open_file(p, task, p->rest, &st) : -1;
    int64_t first = 0, last;

    if (fd < 0)
        return;
    last = st.st_size - 1;
    int range =
        http_range(http_header(p->request, "Range"), st.st_size, &first, &last);
    if (range < 0) {
        (void)close(fd);
        page_refuse_range(p, st.st_size);
        return;
    }
    page_file(p, fd, first, last - first + 1, st.st_size, range == 1);
}
