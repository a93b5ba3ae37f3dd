/* Time zones of this machine, read from its tz database: TZDIR or
 * /usr/share/zoneinfo. UTC needs no file. */
#pragma once
#include "base/zone.h"

/* The zone of that name (timezone.h), parsed anew; free it with zone_free.
 * ERR_INVALID for a name that is none, with the nearest one as a hint;
 * ERR_NOT_FOUND where the database lacks it: install tzdata. */
int zone_load(const char *name, struct zone **out, struct err *err);
