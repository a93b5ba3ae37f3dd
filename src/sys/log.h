/* The text log: logfmt to stderr, one line an event:
 *   2026-01-02T03:04:05.678Z info master offer_sent agent=a-17 offers=3
 * Values are quoted when needed and escaped; never multi-line; no secrets. */
#pragma once

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

void log_open(const char *daemon, enum log_level level);
enum log_level log_level(void);
/* `format` gives "event key=value ..."; use log_value() for unsafe values. */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Quote and escape into a rotating static buffer (main thread only). */
const char *log_value(const char *text);
int log_level_parse(const char *name, enum log_level *out);
