#include "base/err.h"
#undef err_set /* what the analyzer sees instead */
#include "base/text.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What may be quoted comes from outside. Readers of an error (JSON, protobuf,
 * terminals) want UTF-8 without control characters, so everything else becomes
 * '?'. Line ends stay: a traceback has several. */
static void make_readable(char *text)
{
    uint8_t *at = (uint8_t *)text;

    while (*at) {
        size_t left = strnlen((char *)at, 4), size = 1;
        while (size <= left && !text_is_utf8(at, size))
            size++;
        if (size > left ||
            ((*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f)) {
            *at++ = '?';
            continue;
        }
        at += size;
    }
}

/* Format first and copy then: an argument may point into the target. */
static void format_into(char *out, size_t size, const char *format,
                        va_list args) __attribute__((format(printf, 3, 0)));
static void format_into(char *out, size_t size, const char *format,
                        va_list args)
{
    char text[ERR_TEXT_MAX];

    assert(size <= sizeof text);
    (void)vsnprintf(text, size, format, args);
    make_readable(text);
    memcpy(out, text, strlen(text) + 1);
}

int err_setv(struct err *err, enum err_code code, const char *format,
             va_list args)
{
    assert(code > ERR_NONE && code < ERR_CODE_COUNT);
    if (!err)
        return -(int)code;
    format_into(err->text, sizeof err->text, format, args);
    err->code = code;
    err->hint[0] = err->field[0] = err->place[0] = '\0';
    return -(int)code;
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int rc = err_setv(err, code, format, args);
    va_end(args);
    return rc;
}

int err_wrap(struct err *err, const char *format, ...)
{
    va_list args;
    char before[ERR_TEXT_MAX], text[ERR_TEXT_MAX * 2 + 4];

    if (!err)
        return -ERR_INTERNAL;
    assert(err->code > ERR_NONE && err->code < ERR_CODE_COUNT);
    va_start(args, format);
    format_into(before, sizeof before, format, args);
    va_end(args);
    (void)snprintf(text, sizeof text, "%s: %s", before, err->text);
    text[sizeof err->text - 1] = '\0';
    make_readable(text); /* the cut may have split a character */
    memcpy(err->text, text, strlen(text) + 1);
    return -(int)err->code;
}

void err_hint(struct err *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    format_into(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

void err_field(struct err *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    format_into(err->field, sizeof err->field, format, args);
    va_end(args);
}

void err_place(struct err *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    format_into(err->place, sizeof err->place, format, args);
    va_end(args);
}

const char *err_code_name(enum err_code code)
{
    static const char *const name[ERR_CODE_COUNT] = {
        [ERR_NONE] = "NONE",
        [ERR_INVALID] = "INVALID",
        [ERR_NOT_FOUND] = "NOT_FOUND",
        [ERR_EXISTS] = "EXISTS",
        [ERR_CONFLICT] = "CONFLICT",
        [ERR_LIMIT] = "LIMIT",
        [ERR_BUSY] = "BUSY",
        [ERR_DENIED] = "DENIED",
        [ERR_UNSUPPORTED] = "UNSUPPORTED",
        [ERR_TIMEOUT] = "TIMEOUT",
        [ERR_NETWORK] = "NETWORK",
        [ERR_IO] = "IO",
        [ERR_NO_SPACE] = "NO_SPACE",
        [ERR_DAMAGED] = "DAMAGED",
        [ERR_INTERNAL] = "INTERNAL",
        [ERR_JOB_UPDATING] = "JOB_UPDATING",
        [ERR_QUOTA] = "QUOTA",
    };

    assert((unsigned)code < ERR_CODE_COUNT);
    return name[code];
}
