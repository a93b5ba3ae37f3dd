#include "wire/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is open at a level, and what may come next. */
enum json_state {
    JSON_DONE,         /* top level, a value was written */
    JSON_START = 1,    /* top level, nothing yet */
    JSON_ARRAY_FIRST,  /* behind '[' */
    JSON_ARRAY_NEXT,   /* behind an element */
    JSON_OBJECT_FIRST, /* behind '{' */
    JSON_OBJECT_NEXT,  /* behind a member */
    JSON_MEMBER_VALUE  /* behind a key and its colon */
};

void json_init(struct json_writer *w, struct buf *out, int indent)
{
    *w = (struct json_writer){.out = out, .indent = indent};
    w->state[0] = JSON_START;
}

static void new_line(struct json_writer *w, int depth)
{
    if (!w->indent)
        return;
    buf_add_char(w->out, '\n');
    for (int i = 0; i < w->indent * depth; i++)
        buf_add_char(w->out, ' ');
}

/* Whatever has to stand in front of a value. */
static void before_value(struct json_writer *w)
{
    uint8_t *state = &w->state[w->depth];
    switch (*state) {
    case JSON_START:
        *state = JSON_DONE;
        return;
    case JSON_ARRAY_NEXT:
        buf_add_char(w->out, ',');
        break;
    case JSON_MEMBER_VALUE:
        *state = JSON_OBJECT_NEXT;
        return;
    default:
        assert(*state == JSON_ARRAY_FIRST);
    }
    *state = JSON_ARRAY_NEXT;
    new_line(w, w->depth);
}

static void begin(struct json_writer *w, char bracket, enum json_state state)
{
    before_value(w);
    assert(w->depth + 1 < JSON_DEPTH_MAX);
    w->state[++w->depth] = (uint8_t)state;
    buf_add_char(w->out, bracket);
}

static void end(struct json_writer *w, char bracket, enum json_state empty)
{
    assert(w->depth > 0);
    uint8_t state = w->state[w->depth--];
    assert(state == empty || state == empty + 1);
    if (state != empty)
        new_line(w, w->depth);
    buf_add_char(w->out, bracket);
}

void json_begin_object(struct json_writer *w)
{
    begin(w, '{', JSON_OBJECT_FIRST);
}

void json_end_object(struct json_writer *w)
{
    end(w, '}', JSON_OBJECT_FIRST);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, '[', JSON_ARRAY_FIRST);
}

void json_end_array(struct json_writer *w)
{
    end(w, ']', JSON_ARRAY_FIRST);
}

/* One code point of UTF-8, and how many bytes it took. What is not UTF-8
 * (overlong, a surrogate, cut short) is U+FFFD and one byte. */
static uint32_t code_point(struct bytes in, size_t *taken)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = in.data[0];
    size_t size = first >= 0xf0 && first < 0xf8   ? 4
                  : first >= 0xe0 && first < 0xf0 ? 3
                  : first >= 0xc0 && first < 0xe0 ? 2
                                                  : 0;
    *taken = 1;
    if (!size || in.size < size)
        return 0xfffd;
    uint32_t point = first & (0xffU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((in.data[i] & 0xc0) != 0x80)
            return 0xfffd;
        point = point << 6 | (in.data[i] & 0x3fU);
    }
    if (point < LEAST[size] || point > 0x10ffff ||
        (point >= 0xd800 && point < 0xe000))
        return 0xfffd;
    *taken = size;
    return point;
}

static void add_escape(struct buf *out, uint32_t unit)
{
    static const char HEX[] = "0123456789abcdef";
    char text[6] = {'\\',
                    'u',
                    HEX[unit >> 12 & 15],
                    HEX[unit >> 8 & 15],
                    HEX[unit >> 4 & 15],
                    HEX[unit & 15]};
    buf_add(out, text, sizeof text);
}

static void add_special(struct buf *out, uint32_t point)
{
    static const char SHORT[] = "b\bf\fn\nr\rt\t\"\"\\\\";
    for (const char *s = SHORT; *s; s += 2)
        if (point == (uint32_t)s[1]) {
            buf_add(out, (char[]){'\\', s[0]}, 2);
            return;
        }
    add_escape(out, point);
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_quoted(struct buf *out, struct bytes in)
{
    buf_add_char(out, '"');
    size_t at = 0;
    while (at < in.size) {
        size_t run = at;
        while (run < in.size && is_plain(in.data[run]))
            run++;
        buf_add(out, in.data + at, run - at);
        at = run;
        if (at == in.size)
            break;
        uint32_t point = in.data[at];
        size_t taken = 1;
        if (point >= 0x80)
            point = code_point(bytes_of(in.data + at, in.size - at), &taken);
        if (taken > 1)
            buf_add(out, in.data + at, taken);
        else
            add_special(out, point);
        at += taken;
    }
    buf_add_char(out, '"');
}

void json_key(struct json_writer *w, const char *key)
{
    uint8_t *state = &w->state[w->depth];
    assert(*state == JSON_OBJECT_FIRST || *state == JSON_OBJECT_NEXT);
    if (*state == JSON_OBJECT_NEXT)
        buf_add_char(w->out, ',');
    *state = JSON_MEMBER_VALUE;
    new_line(w, w->depth);
    add_quoted(w->out, bytes_of_text(key));
    buf_add_char(w->out, ':');
    if (w->indent)
        buf_add_char(w->out, ' ');
}

void json_text_n(struct json_writer *w, struct bytes value)
{
    before_value(w);
    add_quoted(w->out, value);
}

void json_text(struct json_writer *w, const char *value)
{
    if (value)
        json_text_n(w, bytes_of_text(value));
    else
        json_nothing(w);
}

static void add_uint(struct buf *out, uint64_t value)
{
    char digit[20];
    size_t at = sizeof digit;
    do {
        digit[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(out, digit + at, sizeof digit - at);
}

static void add_int(struct buf *out, int64_t value)
{
    if (value < 0)
        buf_add_char(out, '-');
    add_uint(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_int(struct json_writer *w, int64_t value)
{
    before_value(w);
    add_int(w->out, value);
}

void json_uint(struct json_writer *w, uint64_t value)
{
    before_value(w);
    add_uint(w->out, value);
}

void json_milli(struct json_writer *w, int64_t milli)
{
    before_value(w);
    uint64_t size = milli < 0 ? -(uint64_t)milli : (uint64_t)milli;
    uint64_t rest = size % 1000;
    if (milli < 0)
        buf_add_char(w->out, '-');
    add_uint(w->out, size / 1000);
    char text[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                    (char)('0' + rest % 10)};
    size_t length = rest % 10 ? 4 : rest % 100 ? 3 : 2;
    buf_add(w->out, text, length);
}

/* The shortest text that reads back as the same double, always with a
 * fraction. What JSON cannot say is a string, as readers of Mesos expect. */
static void add_double(struct buf *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        buf_add_text(out, isnan(value) ? "\"NaN\""
                          : value > 0  ? "\"Infinity\""
                                       : "\"-Infinity\"");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t mantissa = strcspn(text, "e");
    buf_add(out, text, mantissa);
    if (!memchr(text, '.', mantissa))
        buf_add_text(out, ".0");
    buf_add_text(out, text + mantissa);
}

void json_double(struct json_writer *w, double value)
{
    before_value(w);
    add_double(w->out, value);
}

void json_bool(struct json_writer *w, bool value)
{
    before_value(w);
    buf_add_text(w->out, value ? "true" : "false");
}

void json_nothing(struct json_writer *w)
{
    before_value(w);
    buf_add_text(w->out, "null");
}

void json_raw(struct json_writer *w, struct bytes json)
{
    before_value(w);
    buf_add_bytes(w->out, json);
}

void json_put_string(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_text(w, value);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

void json_put_milli(struct json_writer *w, const char *key, int64_t milli)
{
    json_key(w, key);
    json_milli(w, milli);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_bool(w, value);
}
