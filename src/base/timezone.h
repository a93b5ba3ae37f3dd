/* The names of the world's time zones: those of the tz database, compiled in,
 * so that a name is good or bad wherever a file is read. */
#pragma once
#include <stdbool.h>

extern const char *const TIMEZONES[]; /* sorted by byte, NULL-terminated */

bool timezone_is_known(const char *name);
/* The name that was meant, or NULL. */
const char *timezone_nearest(const char *name);
