/* The Lua file of a daemon's configuration, as a list of names with their
 * values as text and the lines that set them. What the values mean is the
 * business of script/config.c. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

enum {
    CONFIG_FILE_BYTES_MAX = 1 << 20,
    CONFIG_FILE_STEPS_MAX = 50000000,
    CONFIG_FILE_MEMORY_MAX = 64 << 20
};

typedef int config_assigned(void *context, const char *name, const char *value,
                            int line, struct err *err);

/* Run the file at `path`; then, in the order of names, tell every global name
 * it assigned. Stops at the first error. */
int config_file_run(const char *path, config_assigned *assigned, void *context,
                    struct err *err);

/* Run `text`, which stands at `path`, in a new sandbox; on success a table from
 * each assigned name to the line of its first assignment and the table of the
 * names themselves are left on the stack. */
struct sandbox;
struct sandbox_failure;
int config_file_execute(struct sandbox *sandbox, const char *path,
                        struct bytes text, struct sandbox_failure *failure);
