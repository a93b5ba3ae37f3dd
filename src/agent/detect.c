#include "agent/detect.h"
#include "base/alloc.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MEM_KEPT_MB = 1024, DISK_KEPT_MB = 5 * 1024 };

/* Mesos leaves half of what is smaller than twice its reserve. */
static int64_t less(int64_t total_mb, int64_t kept_mb)
{
    return total_mb >= 2 * kept_mb ? total_mb - kept_mb : total_mb / 2;
}

static bool names(const struct resources *r, const char *name)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (strcmp(resources_items(r)[i].kind->name, name) == 0)
            return true;
    return false;
}

static void detect_ports(struct resources *out)
{
    struct resource ports = {.kind = &RESOURCE_PORTS};
    ranges_add(&ports.ranges, (struct range){31000, 32000});
    resources_add_one(out, &ports);
    ranges_release(&ports.ranges);
}

int detect_resources(const char *given, const char *work_dir,
                     struct resources *out, struct err *err)
{
    struct resources found = {0};
    struct statvfs disk;
    int rc = given[0] != '\0' ? resources_parse(given, "*", &found, err) : 0;
    if (rc < 0)
        return rc;
    if (!names(&found, "cpus"))
        resources_add_scalar(&found, "cpus",
                             sysconf(_SC_NPROCESSORS_ONLN) * 1000);
    if (!names(&found, "mem")) {
        int64_t pages = sysconf(_SC_PHYS_PAGES);
        int64_t mb = pages * sysconf(_SC_PAGESIZE) / (1 << 20);
        resources_add_scalar(&found, "mem", less(mb, MEM_KEPT_MB) * 1000);
    }
    if (!names(&found, "disk") && statvfs(work_dir, &disk) == 0) {
        int64_t mb = (int64_t)(disk.f_blocks * disk.f_frsize / (1 << 20));
        resources_add_scalar(&found, "disk", less(mb, DISK_KEPT_MB) * 1000);
    }
    if (!names(&found, "ports"))
        detect_ports(&found);
    *out = found;
    return 0;
}

int detect_revocable(const char *given, struct resources *out, struct err *err)
{
    struct resources found = {0};
    int rc = given[0] != '\0' ? resources_parse(given, "*", &found, err) : 0;
    const struct resource *item = resources_items(&found);
    for (uint32_t i = 0; rc == 0 && i < found.count; i++)
        if (item[i].kind != &RESOURCE_CPUS && item[i].kind != &RESOURCE_MEM)
            rc = err_set(err, ERR_UNSUPPORTED,
                         "'%s': only cpus and mem, reserved to nobody, may be "
                         "taken back",
                         item[i].kind->name);
    if (rc == 0) {
        resources_make_revocable(&found);
        resources_add(out, &found);
    }
    resources_release(&found);
    return rc;
}

char *detect_neighbour(const char *name)
{
    char self[4096], path[4096 + 256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(path, sizeof path, "%s/%s", self, name);
    return xstrdup(path);
}
