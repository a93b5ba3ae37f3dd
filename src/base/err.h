/* The one error idiom. A fallible function returns 0 (or a positive number) on
 * success and -ERR_x on failure; where a person will read the cause, its last
 * parameter is a `struct err *`, which may be NULL.
 *
 * Texts: lower case, no full stop, the object first, then what was wanted:
 *     job key 'a/b': want cluster/role/env/name
 * Texts are cut at their limits and are always UTF-8; what is not, and control
 * characters other than line end and tab, become '?'.
 * `hint` says what to do next, `field` names the place in the input
 * ("task.processes[2].cmdline"), `place` the place in a file ("web.lua:12"). */
#pragma once
#include <stdarg.h>
#include <stddef.h>

enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,     /* bad input; the text names the field */
    ERR_NOT_FOUND,   /* the named thing does not exist */
    ERR_EXISTS,      /* it exists already, and must not */
    ERR_CONFLICT,    /* the request contradicts present state */
    ERR_LIMIT,       /* a documented limit was hit: too large, too many */
    ERR_BUSY,        /* full now, try again later */
    ERR_DENIED,      /* known, but not allowed */
    ERR_UNSUPPORTED, /* understood, but this build or cluster cannot do it */
    ERR_TIMEOUT,
    ERR_NETWORK, /* cannot connect, or the connection broke */
    ERR_IO,      /* a file or system call failed */
    ERR_NO_SPACE,
    ERR_DAMAGED, /* stored bytes fail their checksum */
    ERR_INTERNAL,
    ERR_JOB_UPDATING, /* an update of the job is under way */
    ERR_QUOTA,        /* more than the role's quota would be in use */
    ERR_CODE_COUNT
};

enum {
    ERR_TEXT_MAX = 512,
    ERR_HINT_MAX = 256,
    ERR_FIELD_MAX = 128,
    ERR_PLACE_MAX = 192
};

struct err {
    enum err_code code; /* ERR_NONE until something failed */
    char text[ERR_TEXT_MAX];
    char hint[ERR_HINT_MAX];   /* "" when there is nothing to advise */
    char field[ERR_FIELD_MAX]; /* "" when no field is to blame */
    char place[ERR_PLACE_MAX]; /* "" when no file is to blame */
};

/* Record a failure, replacing what was recorded before. Returns -code, so that
 * `return err_set(err, ERR_INVALID, ...)` is the whole failure path. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int err_setv(struct err *err, enum err_code code, const char *format,
             va_list args) __attribute__((format(printf, 3, 0)));

/* Put "<prefix>: " before the recorded text; returns -err->code. Without an
 * `err` the code is not known: -ERR_INTERNAL, so keep it where it matters. */
int err_wrap(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add advice, a field or a place to a recorded failure. */
void err_hint(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void err_field(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void err_place(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "INVALID", "NOT_FOUND", ...: the upper-case name used on the wire. */
const char *err_code_name(enum err_code code);

#ifdef __clang_analyzer__
/* The analyzer looks at one file at a time and would think that a failure may
 * return 0. */
void err_words(const struct err *err, ...);
#define err_set(err, code, ...) (err_words(err, __VA_ARGS__), -(int)(code))
#endif
