/* Small questions about text: numbers with limits, Mesos durations, the
 * nearest known name for an error message. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal integer in [min, max], the whole string; else ERR_INVALID. */
int text_int(const char *text, int64_t min, int64_t max, int64_t *out,
             struct err *err);
/* "15secs", "1.5mins", "250ms", "1hrs", "2days", "1weeks", "100us", "5ns"
 * (Mesos' spelling) or a bare number of seconds; result in milliseconds,
 * rounded up. */
int text_duration_ms(const char *text, int64_t *out, struct err *err);
/* The largest unit that divides evenly, as Mesos prints it: 5000 -> "5secs". */
char *text_duration(int64_t ms, char *out, size_t size);
/* "12s", "5m", "3h", "2d": a length of time for a table; negative ones are 0.
 */
enum { TEXT_AGE_MAX = 24 };
const char *text_age(int64_t ms, char out[TEXT_AGE_MAX]);
/* "512", "64KB", "1GB": bytes, powers of 1024. */
int text_size_bytes(const char *text, int64_t *out, struct err *err);
/* Thousandths from decimal text, exact: "1.5" -> 1500; more than 3 decimals
 * are rounded half away from zero (Mesos' rule). */
int text_milli(const char *text, int64_t *out, struct err *err);
/* "1.5" from 1500, no trailing zeros. */
char *text_from_milli(int64_t milli, char *out, size_t size);

/* The number in decimal, for text that is made very often; the NUL's place. The
 * caller has room for TEXT_INT_MAX. */
enum { TEXT_INT_MAX = 21 };
char *text_put_int(char *to, int64_t value);

/* The candidate with the smallest edit distance (transposition counts 1), or
 * NULL when none is within a third of its length. NULL-terminated list. */
const char *text_nearest(const char *name, const char *const *candidates);
/* Shell-style '*' and '?' match of the whole text. */
bool text_glob(const char *pattern, const char *text);
/* How much of a piece of UTF-8 text there is without a character that is cut in
 * two at its end: its rest comes with the next piece. */
size_t text_whole_characters(const uint8_t *data, size_t size);
bool text_is_utf8(const uint8_t *data, size_t size);
