/* An operator's small Lua file that returns a value (a list of clusters, ...):
 * evaluated in the configuration sandbox, with budgets. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* Append the file's value as compact JSON. A list is written as
 * {"<list>": [...]}; without a name for one, the value is one table. Errors:
 * ERR_NOT_FOUND, ERR_INVALID with file and line. */
int script_data_file(const char *path, const char *list, struct buf *json,
                     struct err *err);
