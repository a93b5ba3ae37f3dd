/* One field of a small JSON text from outside, where no message describes it.
 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>

/* The text must be an object and `key` a boolean of it: ERR_INVALID says what
 * is there instead. */
int json_read_bool(struct bytes text, const char *key, bool *out,
                   struct err *err);
