#include "sys/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 4096, /* longer lines are cut; a pipe takes them whole */
    VALUE_MAX = 1024,      /* longer values end in "..." */
    VALUE_SLOTS = 8        /* values that may live at once, in one line */
};

static const char *const level_name[] = {"error", "warn", "info", "debug"};

/* One log per process: the only writable static data of this module. */
static char daemon_name[32] = "perigee";
static enum log_level level_now = LOG_LEVEL_INFO;

void log_open(const char *daemon, enum log_level level)
{
    snprintf(daemon_name, sizeof daemon_name, "%s", daemon);
    level_now = level;
}

enum log_level log_level(void)
{
    return level_now;
}

static size_t stamp(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    return (size_t)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                            utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                            utc.tm_hour, utc.tm_min, utc.tm_sec,
                            (int)(now.tv_nsec / 1000000));
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    size_t size;
    va_list args;

    if (level > level_now)
        return;
    size = stamp(line, sizeof line);
    size += (size_t)snprintf(line + size, sizeof line - size, " %s %s ",
                             level_name[level], daemon_name);
    va_start(args, format);
    int more = vsnprintf(line + size, sizeof line - size, format, args);
    va_end(args);
    size += more > 0 ? (size_t)more : 0;
    if (size > sizeof line - 1)
        size = sizeof line - 1;
    /* One event is one line, whatever a careless caller put in. */
    for (size_t i = 0; i < size; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[size++] = '\n';
    /* One write, so that lines of several processes do not mix. A log that
     * cannot be written has nowhere to be reported. */
    while (write(STDERR_FILENO, line, size) < 0 && errno == EINTR)
        ;
}

static bool needs_quotes(const char *text)
{
    if (*text == 0)
        return true;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || *c == 127)
            return true;
    return false;
}

/* Escape one byte into at most 4 characters; returns how many. */
static size_t escape(unsigned char c, char *out)
{
    if (c == '"' || c == '\\')
        return (size_t)sprintf(out, "\\%c", c);
    if (c == '\n')
        return (size_t)sprintf(out, "\\n");
    if (c == '\t')
        return (size_t)sprintf(out, "\\t");
    if (c < ' ' || c == 127)
        return (size_t)sprintf(out, "\\x%02x", c);
    *out = (char)c;
    return 1;
}

const char *log_value(const char *text)
{
    static char slot[VALUE_SLOTS][VALUE_MAX];
    static unsigned next;
    char *out = slot[next++ % VALUE_SLOTS];
    size_t size = 0;

    if (text == NULL)
        return "null";
    if (!needs_quotes(text) && strlen(text) < VALUE_MAX)
        return memcpy(out, text, strlen(text) + 1);
    out[size++] = '"';
    for (const char *c = text; *c; c++) {
        if (size + 4 + sizeof "...\"" > VALUE_MAX) {
            memcpy(out + size, "...", 3);
            size += 3;
            break;
        }
        size += escape((unsigned char)*c, out + size);
    }
    out[size++] = '"';
    out[size] = 0;
    return out;
}

int log_level_parse(const char *name, enum log_level *out)
{
    for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
        if (strcasecmp(name, level_name[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    return -1;
}
