#include "wire/http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const METHOD_NAMES[] = {"GET",  "POST",    "PUT",  "DELETE",
                                           "HEAD", "OPTIONS", "OTHER"};

const char *http_method_name(enum http_method method)
{
    return METHOD_NAMES[method <= HTTP_OTHER ? method : HTTP_OTHER];
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } TEXTS[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        if (TEXTS[i].status == status)
            return TEXTS[i].text;
    return "Unknown";
}

const char *http_header(const struct http_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->header_count; i++)
        if (!strcasecmp(request->header[i].name, name))
            return request->header[i].value;
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* %XX and '+'. What is no escape stays as it is, and so does %00, which would
 * cut the text short. */
static char *percent_decode(const char *text, size_t size, struct arena *arena)
{
    char *out = arena_alloc(arena, size + 1);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '+')
            c = ' ';
        if (c == '%' && size - i > 2) {
            int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high >= 0 && low >= 0 && high + low > 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        out[used++] = c;
    }
    out[used] = 0;
    return out;
}

const char *http_query(const struct http_request *request, const char *name,
                       struct arena *arena)
{
    const char *at = request->query ? request->query : "";
    while (*at) {
        size_t size = strcspn(at, "&;");
        size_t key = strcspn(at, "=&;");
        if (!strcmp(percent_decode(at, key, arena), name)) {
            size_t skip = key < size ? key + 1 : size;
            return percent_decode(at + skip, size - skip, arena);
        }
        at += size;
        at += *at != 0;
    }
    return NULL;
}

/* Digits, as many as there are; what is too much is INT64_MAX. Behind them, or
 * NULL when there are none. */
static const char *read_offset(const char *text, int64_t *out)
{
    size_t count = strspn(text, "0123456789");

    *out = 0;
    for (size_t i = 0; i < count; i++)
        *out = *out < (INT64_MAX - 9) / 10 ? *out * 10 + (text[i] - '0')
                                           : INT64_MAX;
    return count > 0 ? text + count : NULL;
}

int http_range(const char *text, int64_t size, int64_t *first, int64_t *last)
{
    int64_t from, to = INT64_MAX;

    if (!text || strncmp(text, "bytes=", 6) != 0)
        return 0;
    text += 6;
    bool is_tail = *text == '-'; /* so many from the end */
    const char *end = read_offset(text + is_tail, &from);
    if (!end || (is_tail ? *end != '\0' : *end++ != '-'))
        return 0;
    if (!is_tail && *end != '\0' &&
        (!(end = read_offset(end, &to)) || *end != '\0' || to < from))
        return 0;
    if (is_tail)
        from = from == 0 ? size : from < size ? size - from : 0;
    if (from >= size)
        return -1;
    *first = from;
    *last = to < size ? to : size - 1;
    return 1;
}

static const struct {
    const char *match, *print;
} MEDIA[] = {
    [MEDIA_NONE] = {NULL, NULL},
    [MEDIA_JSON] = {"application/json", "application/json"},
    [MEDIA_PROTOBUF] = {"application/x-protobuf", "application/x-protobuf"},
    [MEDIA_RECORDIO] = {"application/recordio", "application/recordio"},
    [MEDIA_TEXT] = {"text/plain", "text/plain; charset=utf-8"},
    [MEDIA_HTML] = {"text/html", "text/html; charset=utf-8"},
    [MEDIA_METRICS] = {NULL, "text/plain; version=0.0.4; charset=utf-8"},
    [MEDIA_BYTES] = {"application/octet-stream", "application/octet-stream"},
    [MEDIA_OTHER] = {NULL, "application/octet-stream"},
};

const char *media_type_name(enum media_type type)
{
    return MEDIA[type <= MEDIA_OTHER ? type : MEDIA_OTHER].print;
}

/* The type/subtype at the front of `text`, parameters left aside. */
static struct bytes media_range(const char *text, size_t size)
{
    size_t end = 0;
    while (end < size && text[end] != ';')
        end++;
    while (end && isspace((unsigned char)text[end - 1]))
        end--;
    return bytes_of(text, end);
}

static bool range_is(struct bytes range, const char *name)
{
    return range.size == strlen(name) &&
           !strncasecmp((const char *)range.data, name, range.size);
}

static enum media_type media_lookup(struct bytes range)
{
    for (enum media_type type = MEDIA_JSON; type < MEDIA_OTHER; type++)
        if (MEDIA[type].match && range_is(range, MEDIA[type].match))
            return type;
    return MEDIA_OTHER;
}

enum media_type media_type_parse(const char *value)
{
    if (!value)
        return MEDIA_NONE;
    value += strspn(value, " \t");
    enum media_type type = media_lookup(media_range(value, strlen(value)));
    if (type == MEDIA_TEXT && strstr(value, "version=0.0.4"))
        return MEDIA_METRICS;
    return type;
}

enum media_type media_type_exact(const char *value)
{
    return value && strchr(value, ';') ? MEDIA_OTHER : media_type_parse(value);
}

/* Is the range switched off by a weight of zero: "; q=0", "; q=0.000"? */
static bool weight_is_zero(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != ';')
            continue;
        size_t at = i + 1;
        while (at < size && isspace((unsigned char)text[at]))
            at++;
        if (size - at < 3 || tolower((unsigned char)text[at]) != 'q' ||
            text[at + 1] != '=')
            continue;
        for (at += 2; at < size && !isspace((unsigned char)text[at]); at++)
            if (text[at] != '0' && text[at] != '.')
                return false;
        return true;
    }
    return false;
}

enum { ACCEPT_JSON = 1, ACCEPT_PROTOBUF = 2 };

static int accepted_by(const char *text, size_t size)
{
    struct bytes range = media_range(text, size);
    if (weight_is_zero(text, size))
        return 0;
    if (range_is(range, "*/*") || range_is(range, "application/*"))
        return ACCEPT_JSON | ACCEPT_PROTOBUF;
    enum media_type type = media_lookup(range);
    return type == MEDIA_JSON       ? ACCEPT_JSON
           : type == MEDIA_PROTOBUF ? ACCEPT_PROTOBUF
                                    : 0;
}

enum media_type media_type_accepted(const char *accept)
{
    if (!accept || !accept[strspn(accept, " \t,")])
        return MEDIA_JSON;
    int accepted = 0;
    while (*accept) {
        accept += strspn(accept, " \t,");
        size_t size = strcspn(accept, ",");
        accepted |= accepted_by(accept, size);
        accept += size;
    }
    if (accepted & ACCEPT_JSON)
        return MEDIA_JSON;
    return accepted & ACCEPT_PROTOBUF ? MEDIA_PROTOBUF : MEDIA_OTHER;
}
