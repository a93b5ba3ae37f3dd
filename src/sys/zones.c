#include "sys/zones.h"
#include "base/timezone.h"
#include "sys/file.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unknown(const char *name, struct err *err)
{
    const char *nearest = timezone_nearest(name);
    int rc = err_set(err, ERR_INVALID,
                     "'%s': want a time zone as in Europe/Paris", name);

    if (nearest)
        err_hint(err, "did you mean '%s'?", nearest);
    return rc;
}

int zone_load(const char *name, struct zone **out, struct err *err)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX];
    struct buf file = {0};

    if (strcmp(name, "UTC") == 0) {
        *out = zone_fixed(0);
        return 0;
    }
    if (!timezone_is_known(name))
        return unknown(name, err);
    (void)snprintf(path, sizeof path, "%s/%s",
                   folder ? folder : "/usr/share/zoneinfo", name);
    int rc = file_read(path, ZONE_FILE_MAX, &file, err);
    if (rc == 0)
        rc = zone_parse(buf_bytes(&file), out, err);
    buf_release(&file);
    if (rc < 0) {
        err_wrap(err, "time zone %s", name);
        err_hint(err, "is the package tzdata installed?");
    }
    return rc;
}
