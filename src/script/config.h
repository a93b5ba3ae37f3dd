/* Daemon configuration: a Lua file that assigns names (master.lua), the same
 * names as command-line flags (--work_dir=, --work-dir) and as PERIGEE_<NAME>
 * variables; flag over variable over file over default. Validated against one
 * table; a wrong name is refused with file, line and the nearest known one.
 * --help is generated from the table. The file sees env("NAME") and
 * host = {hostname, cpus, mem_mb} besides plain Lua without I/O. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_STRING,   /* char *, owned */
    CONFIG_BOOL,     /* bool */
    CONFIG_INT,      /* int64_t within [min, max] */
    CONFIG_DURATION, /* int64_t milliseconds; "15secs" or seconds */
    CONFIG_SIZE      /* int64_t bytes; "64MB" */
};

struct config_option {
    const char *name; /* "work_dir" */
    enum config_type type;
    size_t offset;       /* offsetof(struct x_config, work_dir) */
    const char *initial; /* default as text; NULL: none */
    const char *help;    /* one line */
    int64_t min, max;    /* CONFIG_INT; both 0: unbounded */
    bool is_required;
};

struct config_schema {
    const char *program;     /* "perigee-master" */
    const char *summary;     /* one sentence for --help */
    const char *file_option; /* "config": --config=FILE; also the default file
                                in /etc/perigee/<x>.lua when it exists */
    const char *default_file;
    const struct config_option *option;
    size_t option_count;
    /* NULL, or what is to be said of a value before it is taken: refusals are
     * told with the place of the value. */
    int (*check)(const char *name, const char *text, struct err *err);
};

/* Fill *config. Returns 1 when --help or --version was printed (exit 0), 0 to
 * go on, negative with a text that says what to do. Resources and attributes
 * may be Lua tables in the file: { cpus = 4, mem = 4096 } becomes
 * "cpus:4;mem:4096". */
int config_load(const struct config_schema *schema, int argc, char **argv,
                void *config, struct err *err);
void config_release(const struct config_schema *schema, void *config);
