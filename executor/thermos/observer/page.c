#include "executor/thermos/observer/page.h"

#include "base/text.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Pages show what others wrote: nothing in them may run or be framed. */
static const struct http_header guards[] = {
    {"Content-Security-Policy",
     "default-src 'none'; style-src 'self'; script-src 'self'; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; "
     "frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
};
enum { GUARD_COUNT = sizeof guards / sizeof *guards };

static void answer(struct page *p, int status, enum media_type type,
                   struct bytes body)
{
    struct http_response response = {.status = status,
                                     .type = type,
                                     .header = guards,
                                     .header_count = GUARD_COUNT,
                                     .body = body};
    daemon_reply(p->observer->daemon, p->exchange, &response);
}

void page_refuse_range(struct page *p, int64_t whole)
{
    struct http_header header[GUARD_COUNT + 1];
    for (uint32_t i = 0; i < GUARD_COUNT; i++)
        header[i] = guards[i];
    header[GUARD_COUNT] = (struct http_header){
        "Content-Range",
        arena_printf(&p->arena, "bytes */%lld", (long long)whole)};
    html_begin(p, http_status_text(416));
    buf_addf(&p->body, "<p>the file has %lld bytes</p>", (long long)whole);
    html_end(p);
    struct http_response response = {.status = 416,
                                     .type = MEDIA_HTML,
                                     .header = header,
                                     .header_count = GUARD_COUNT + 1,
                                     .body = buf_bytes(&p->body)};
    daemon_reply(p->observer->daemon, p->exchange, &response);
}

void page_html(struct page *p)
{
    answer(p, 200, MEDIA_HTML, buf_bytes(&p->body));
}

void page_json(struct page *p)
{
    answer(p, 200, MEDIA_JSON, buf_bytes(&p->body));
}

void page_static(struct page *p, const char *type, struct bytes content)
{
    struct http_header header[] = {
        {"Content-Type", type},
        {"X-Content-Type-Options", "nosniff"},
        {"Cache-Control", "no-cache"},
    };
    struct http_response response = {
        .status = 200, .header = header, .header_count = 3, .body = content};
    daemon_reply(p->observer->daemon, p->exchange, &response);
}

static bool wants_json(const struct page *p)
{
    const char *first = p->part_count > 0 ? p->part[0] : "";
    return strcmp(first, "j") == 0 || strcmp(first, "rawtask") == 0 ||
           strcmp(first, "logdata") == 0 || strcmp(first, "filedata") == 0;
}

void page_refuse(struct page *p, int status, const char *format, ...)
{
    struct buf why = {0};
    va_list args;

    va_start(args, format);
    buf_addfv(&why, format, args);
    va_end(args);
    buf_clear(&p->body);
    if (wants_json(p)) {
        struct json_writer w;
        json_init(&w, &p->body, 0);
        json_begin_object(&w);
        json_put_string(&w, "error", buf_text(&why));
        json_end_object(&w);
        answer(p, status, MEDIA_JSON, buf_bytes(&p->body));
    } else {
        html_begin(p, http_status_text(status));
        buf_add_text(&p->body, "<p>");
        html_text(p, buf_text(&why));
        buf_add_text(&p->body, "</p>");
        html_end(p);
        answer(p, status, MEDIA_HTML, buf_bytes(&p->body));
    }
    buf_release(&why);
}

void page_file(struct page *p, int fd, int64_t offset, int64_t size,
               int64_t whole, bool is_range)
{
    struct http_header header[GUARD_COUNT + 3];
    uint32_t count = 0;

    for (; count < GUARD_COUNT; count++)
        header[count] = guards[count];
    header[count++] = (struct http_header){"Accept-Ranges", "bytes"};
    header[count++] = (struct http_header){"Content-Disposition", "attachment"};
    if (is_range)
        header[count++] = (struct http_header){
            "Content-Range",
            arena_printf(&p->arena, "bytes %lld-%lld/%lld", (long long)offset,
                         (long long)(offset + size - 1), (long long)whole)};
    struct http_response head = {.status = is_range ? 206 : 200,
                                 .type = MEDIA_BYTES,
                                 .header = header,
                                 .header_count = count};
    daemon_reply_file(p->observer->daemon, p->exchange, fd, offset, size,
                      &head);
}

const struct machine_task *page_task(struct page *p)
{
    const struct machine_task *task = NULL;
    struct err err = {0};
    const char *id = p->part_count > 1 ? p->part[1] : "";

    machine_look_again(p->observer->machine);
    if (machine_find(p->observer->machine, id, &task, &err) != 0) {
        page_refuse(p, 404, "%s", err.text);
        return NULL;
    }
    return task;
}

bool page_number(struct page *p, const char *name, int64_t min, int64_t max,
                 int64_t otherwise, int64_t *out)
{
    struct err err = {0};
    const char *text = http_query(p->request, name, &p->arena);

    *out = otherwise;
    if (text == NULL || text_int(text, min, max, out, &err) == 0)
        return true;
    page_refuse(p, 400, "%s: %s", name, err.text);
    return false;
}

/* --- HTML --- */

void html_bytes(struct page *p, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        switch (c) {
        case '<':
            buf_add_text(&p->body, "&lt;");
            break;
        case '>':
            buf_add_text(&p->body, "&gt;");
            break;
        case '&':
            buf_add_text(&p->body, "&amp;");
            break;
        case '"':
            buf_add_text(&p->body, "&quot;");
            break;
        case '\'':
            buf_add_text(&p->body, "&#39;");
            break;
        case '\0':
            break;
        default:
            buf_add_char(&p->body, c);
        }
    }
}

void html_text(struct page *p, const char *text)
{
    html_bytes(p, bytes_of_text(text != NULL ? text : ""));
}

static void put_part(struct page *p, const char *part)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~";
    bool is_path = *part == '/';

    if (!is_path)
        buf_add_char(&p->body, '/');
    for (; *part != '\0'; part++)
        if (strchr(plain, *part) != NULL || (is_path && *part == '/'))
            buf_add_char(&p->body, *part);
        else
            buf_addf(&p->body, "%%%02X", (unsigned char)*part);
}

static void put_parts(struct page *p, va_list args)
{
    const char *part;
    while ((part = va_arg(args, const char *)) != NULL)
        put_part(p, part);
}

void html_path(struct page *p, ...)
{
    va_list args;
    va_start(args, p);
    put_parts(p, args);
    va_end(args);
}

void html_link(struct page *p, const char *text, ...)
{
    va_list args;

    buf_add_text(&p->body, "<a href=\"");
    va_start(args, text);
    put_parts(p, args);
    va_end(args);
    buf_add_text(&p->body, "\">");
    html_text(p, text);
    buf_add_text(&p->body, "</a>");
}

void html_begin(struct page *p, const char *title)
{
    buf_add_text(&p->body, "<!DOCTYPE html>\n<html lang=\"en\"><head>"
                           "<meta charset=\"utf-8\"><title>");
    html_text(p, title);
    buf_add_text(&p->body,
                 " · thermos</title><meta name=\"viewport\" "
                 "content=\"width=device-width, initial-scale=1\">"
                 "<link rel=\"stylesheet\" href=\"/static/style.css\">"
                 "</head>\n<body><nav><a href=\"/\">all tasks</a></nav>"
                 "<main><h1>");
    html_text(p, title);
    buf_add_text(&p->body, "</h1>\n");
}

void html_end(struct page *p)
{
    buf_add_text(&p->body, "</main></body></html>\n");
}
