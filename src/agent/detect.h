/* What this machine has, when nobody says: all cpus, memory less 1 GB, the disk
 * under work_dir less 5 GB, ports 31000-32000 (Mesos' rules). */
#pragma once
#include "base/err.h"
#include "base/resources.h"

/* `given` (may be "") wins by name; what it does not name is detected. */
int detect_resources(const char *given, const char *work_dir,
                     struct resources *out, struct err *err);
/* Add "cpus:4;mem:1024" to `out`, all of it revocable: scalars that tasks often
 * leave unused. */
int detect_revocable(const char *given, struct resources *out, struct err *err);
/* "perigee-fetch" beside this very program; malloc'ed. */
char *detect_neighbour(const char *name);
