#include "agent/cgroup.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    SHARES_PER_CPU = 1024, /* version 1 */
    WEIGHT_PER_CPU = 100,  /* version 2 */
    PROCESSES_MAX = 32768,
    VALUE_MAX = 4096,
    TIDY_AGE_S = 600
};

static const char *const NAME[CGROUP_CONTROLLERS] = {"memory", "cpu", "pids",
                                                     "freezer", "cpuacct"};

/* --- files --- */

static bool file_of(const struct cgroups *c, enum cgroup_controller controller,
                    const char *id, const char *name, char *out)
{
    const char *base = c->base[c->version == 2 ? CGROUP_MEMORY : controller];
    if (base[0] == '\0')
        return false;
    int n = snprintf(out, CGROUP_PATH_MAX, "%s/%s%s%s", base, id,
                     name[0] != '\0' ? "/" : "", name);
    return n > 0 && n < CGROUP_PATH_MAX;
}

static int write_value(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n;
    do /* a limit may take the kernel long, and a child may end meanwhile */
        n = write(fd, value, strlen(value));
    while (n < 0 && errno == EINTR);
    int rc = n < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int put(const struct cgroups *c, enum cgroup_controller controller,
               const char *id, const char *name, int64_t value)
{
    char path[CGROUP_PATH_MAX], text[32];
    if (!file_of(c, controller, id, name, path))
        return 0;
    snprintf(text, sizeof text, "%lld", (long long)value);
    return write_value(path, text);
}

static bool get_text(const struct cgroups *c, enum cgroup_controller controller,
                     const char *id, const char *name, char *out, size_t size)
{
    char path[CGROUP_PATH_MAX];
    out[0] = '\0';
    if (!file_of(c, controller, id, name, path))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return false;
    out[n] = '\0';
    return true;
}

static int64_t get(const struct cgroups *c, enum cgroup_controller controller,
                   const char *id, const char *name)
{
    char text[64];
    if (!get_text(c, controller, id, name, text, sizeof text))
        return -1;
    if (strncmp(text, "max", 3) == 0)
        return INT64_MAX;
    return strtoll(text, NULL, 10);
}

/* The value of "key value" in a file of such lines; 0 when absent. */
static int64_t line_value(const char *text, const char *key)
{
    size_t size = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, size) == 0 && line[size] == ' ')
            return strtoll(line + size, NULL, 10);
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return 0;
}

/* --- finding the mounts --- */

static bool has_word(const char *list, const char *word, char separator)
{
    size_t size = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += size) {
        bool begins = at == list || at[-1] == separator || at[-1] == ' ';
        char end = at[size];
        if (begins &&
            (end == '\0' || end == separator || end == ' ' || end == '\n'))
            return true;
    }
    return false;
}

static void take_v1(struct cgroups *c, const char *directory,
                    const char *options)
{
    for (enum cgroup_controller i = 0; i < CGROUP_CONTROLLERS; i++)
        if (c->base[i][0] == '\0' && has_word(options, NAME[i], ','))
            snprintf(c->base[i], CGROUP_PATH_MAX, "%s", directory);
}

static bool offers_memory(const char *directory)
{
    char path[CGROUP_PATH_MAX], text[512];
    snprintf(path, sizeof path, "%s/cgroup.controllers", directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return has_word(text, "memory", ' ');
}

static void find_mounts(struct cgroups *c, FILE *mounts)
{
    char line[4096], directory[256], type[64], options[1024];
    while (fgets(line, sizeof line, mounts) != NULL) {
        if (sscanf(line, "%*s %255s %63s %1023s", directory, type, options) !=
            3)
            continue;
        if (strcmp(type, "cgroup") == 0)
            take_v1(c, directory, options);
        if (strcmp(type, "cgroup2") == 0 && c->version == 0 &&
            offers_memory(directory)) {
            c->version = 2;
            snprintf(c->base[CGROUP_MEMORY], CGROUP_PATH_MAX, "%s", directory);
        }
    }
    if (c->version == 0 && c->base[CGROUP_MEMORY][0] != '\0' &&
        c->base[CGROUP_FREEZER][0] != '\0')
        c->version = 1;
}

/* Version 2 hands controllers down one level at a time. */
static void delegate(const char *directory)
{
    char path[CGROUP_PATH_MAX];
    static const char *const enable[] = {"+memory", "+cpu", "+pids"};
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", directory);
    for (size_t i = 0; i < sizeof enable / sizeof enable[0]; i++)
        (void)write_value(path, enable[i]); /* what is missing stays so */
}

/* "perigee/agent-0" is made level by level below the mount point. */
static int make_path(struct cgroups *c, char *base, const char *root,
                     struct err *err)
{
    const char *rest = root;

    while (*rest != '\0') {
        size_t size = strlen(base), level = strcspn(rest, "/");
        if (c->version == 2)
            delegate(base);
        snprintf(base + size, CGROUP_PATH_MAX - size, "/%.*s", (int)level,
                 rest);
        if (mkdir(base, 0755) < 0 && errno != EEXIST)
            return err_set(err, ERR_UNSUPPORTED,
                           "control group '%s': cannot make: %s", base,
                           strerror(errno));
        rest += level + strspn(rest + level, "/");
    }
    if (c->version == 2)
        delegate(base);
    return 0;
}

static int make_root(struct cgroups *c, const char *root, struct err *err)
{
    for (enum cgroup_controller i = 0; i < CGROUP_CONTROLLERS; i++) {
        int rc =
            c->base[i][0] != '\0' ? make_path(c, c->base[i], root, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

int cgroups_open(struct cgroups *out, const char *mounts, const char *root,
                 struct err *err)
{
    struct cgroups c = {0};
    FILE *file = fopen(mounts, "re");
    if (file == NULL)
        return err_set(err, ERR_UNSUPPORTED, "'%s': cannot read: %s", mounts,
                       strerror(errno));
    find_mounts(&c, file);
    fclose(file);
    if (c.version == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "no control groups with a memory controller are "
                       "mounted");
    if (c.version == 2)
        for (enum cgroup_controller i = 1; i < CGROUP_CONTROLLERS; i++)
            c.base[i][0] = '\0';
    int rc = make_root(&c, root, err);
    if (rc == 0)
        *out = c;
    return rc;
}

void cgroups_tidy(const struct cgroups *c)
{
    time_t before = time(NULL) - TIDY_AGE_S;
    for (enum cgroup_controller i = 0; i < CGROUP_CONTROLLERS; i++) {
        char path[CGROUP_PATH_MAX];
        struct stat st;
        DIR *directory = c->base[i][0] != '\0' ? opendir(c->base[i]) : NULL;
        if (directory == NULL)
            continue;
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
            if (entry->d_name[0] != '.' &&
                file_of(c, i, entry->d_name, "", path) &&
                lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
                st.st_mtime < before)
                (void)rmdir(path); /* refused while a process is inside */
        closedir(directory);
    }
}

/* --- one container --- */

int cgroup_make(const struct cgroups *c, const char *id, struct err *err)
{
    char path[CGROUP_PATH_MAX];
    for (enum cgroup_controller i = 0; i < CGROUP_CONTROLLERS; i++) {
        if (c->base[i][0] == '\0' ||
            !file_of(c, (enum cgroup_controller)i, id, "", path))
            continue;
        if (mkdir(path, 0755) < 0 && errno != EEXIST) {
            err_set(err, ERR_IO, "control group '%s': cannot make: %s", path,
                    strerror(errno));
            (void)cgroup_remove(c, id);
            return -ERR_IO;
        }
    }
    (void)put(c, CGROUP_PIDS, id, "pids.max", PROCESSES_MAX);
    return 0;
}

bool cgroup_exists(const struct cgroups *c, const char *id)
{
    char path[CGROUP_PATH_MAX];
    return file_of(c, CGROUP_MEMORY, id, "", path) && access(path, F_OK) == 0;
}

int cgroup_limit(const struct cgroups *c, const char *id, int64_t cpu_milli,
                 int64_t mem_bytes, struct err *err)
{
    bool is_v2 = c->version == 2;
    const char *limit = is_v2 ? "memory.max" : "memory.limit_in_bytes";
    int64_t per_cpu = is_v2 ? WEIGHT_PER_CPU : SHARES_PER_CPU;
    int64_t least = is_v2 ? 1 : 2, most = is_v2 ? 10000 : 262144;
    int64_t share = cpu_milli * per_cpu / 1000;
    if (share < least)
        share = least;
    (void)put(c, CGROUP_CPU, id, is_v2 ? "cpu.weight" : "cpu.shares",
              share < most ? share : most);
    (void)put(c, CGROUP_MEMORY, id,
              is_v2 ? "memory.low" : "memory.soft_limit_in_bytes", mem_bytes);
    int64_t now = get(c, CGROUP_MEMORY, id, limit);
    bool is_unset = now < 0 || now > INT64_MAX / 2;
    if (!is_unset && now >= mem_bytes)
        return 0;
    int rc = put(c, CGROUP_MEMORY, id, limit, mem_bytes);
    if (rc < 0)
        return err_set(err, ERR_IO, "control group '%s': %s: %s", id, limit,
                       strerror(-rc));
    return 0;
}

void cgroup_join_files(const struct cgroups *c, const char *id,
                       char path[CGROUP_CONTROLLERS][CGROUP_PATH_MAX],
                       const char *file[CGROUP_CONTROLLERS + 1])
{
    const char *name = c->version == 2 ? "cgroup.procs" : "tasks";
    int count = 0;
    for (enum cgroup_controller i = 0; i < CGROUP_CONTROLLERS; i++) {
        bool is_again = false; /* cpu and cpuacct are often one mount */
        if (c->base[i][0] == '\0' ||
            !file_of(c, (enum cgroup_controller)i, id, name, path[i]))
            continue;
        for (int j = 0; j < count; j++)
            is_again |= strcmp(file[j], path[i]) == 0;
        if (!is_again)
            file[count++] = path[i];
    }
    file[count] = NULL;
}

int cgroup_remove(const struct cgroups *c, const char *id)
{
    char path[CGROUP_PATH_MAX];
    int rc = 0;
    for (enum cgroup_controller i = 0; i < CGROUP_CONTROLLERS; i++)
        if (c->base[i][0] != '\0' &&
            file_of(c, (enum cgroup_controller)i, id, "", path) &&
            rmdir(path) < 0 && errno != ENOENT)
            rc = -ERR_BUSY;
    return rc;
}

int cgroup_pids(const struct cgroups *c, const char *id, pid_t *out, int max)
{
    char path[CGROUP_PATH_MAX];
    enum cgroup_controller in =
        c->version == 2 ? CGROUP_MEMORY : CGROUP_FREEZER;
    if (!file_of(c, in, id, "cgroup.procs", path))
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    int count = 0, pid;
    while (count < max && fscanf(file, "%d", &pid) == 1)
        out[count++] = pid;
    fclose(file);
    return count;
}

static void freezer(const struct cgroups *c, const char *id, const char *state)
{
    char path[CGROUP_PATH_MAX];
    if (file_of(c, CGROUP_FREEZER, id, "freezer.state", path))
        (void)write_value(path, state);
}

void cgroup_kill(const struct cgroups *c, const char *id)
{
    char path[CGROUP_PATH_MAX];
    pid_t pid[CGROUP_PIDS_MAX];
    if (c->version == 2 && file_of(c, CGROUP_MEMORY, id, "cgroup.kill", path) &&
        write_value(path, "1") == 0)
        return;
    if (c->version == 1)
        freezer(c, id, "FROZEN"); /* nobody forks while we count */
    int count = cgroup_pids(c, id, pid, CGROUP_PIDS_MAX);
    for (int i = 0; i < count; i++)
        if (pid[i] > 1)
            (void)kill(pid[i], SIGKILL);
    if (c->version == 1)
        freezer(c, id, "THAWED");
}

/* --- memory --- */

static int watch_v1(const struct cgroups *c, const char *id)
{
    char path[CGROUP_PATH_MAX], text[64];
    if (!file_of(c, CGROUP_MEMORY, id, "memory.oom_control", path))
        return -1;
    int control = open(path, O_RDONLY | O_CLOEXEC);
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    snprintf(text, sizeof text, "%d %d", event, control);
    int rc = -1;
    if (control >= 0 && event >= 0 &&
        file_of(c, CGROUP_MEMORY, id, "cgroup.event_control", path))
        rc = write_value(path, text);
    if (control >= 0)
        close(control);
    if (rc < 0 && event >= 0) {
        close(event);
        event = -1;
    }
    return event;
}

static int watch_v2(const struct cgroups *c, const char *id)
{
    char path[CGROUP_PATH_MAX];
    if (!file_of(c, CGROUP_MEMORY, id, "memory.events", path))
        return -1;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int cgroup_watch_memory(const struct cgroups *c, const char *id)
{
    return c->version == 2 ? watch_v2(c, id) : watch_v1(c, id);
}

bool cgroup_is_out_of_memory(const struct cgroups *c, const char *id)
{
    char text[VALUE_MAX];
    if (c->version == 1) /* the alarm also rings when the group is removed */
        return cgroup_exists(c, id);
    return get_text(c, CGROUP_MEMORY, id, "memory.events", text, sizeof text) &&
           line_value(text, "oom_kill") > 0;
}

int64_t cgroup_memory_report(const struct cgroups *c, const char *id, char *out,
                             size_t size)
{
    char statistics[VALUE_MAX];
    bool is_v2 = c->version == 2;
    int64_t limit = get(c, CGROUP_MEMORY, id,
                        is_v2 ? "memory.max" : "memory.limit_in_bytes");
    int64_t peak = get(c, CGROUP_MEMORY, id,
                       is_v2 ? "memory.peak" : "memory.max_usage_in_bytes");
    (void)get_text(c, CGROUP_MEMORY, id, "memory.stat", statistics,
                   sizeof statistics);
    if (peak < 0) /* kernels before 5.19 keep no peak; it was the limit */
        peak = limit;
    snprintf(out, size,
             "Memory limit exceeded: Requested: %lldMB Maximum Used: "
             "%lldMB\n\nMEMORY STATISTICS: \n%s\n",
             (long long)(limit >> 20), (long long)(peak >> 20), statistics);
    return limit;
}

static void usage_v1(const struct cgroups *c, const char *id,
                     struct agent_usage *out)
{
    char text[VALUE_MAX];
    int64_t hertz = sysconf(_SC_CLK_TCK);
    out->mem_bytes = get(c, CGROUP_MEMORY, id, "memory.usage_in_bytes");
    out->mem_limit_bytes = get(c, CGROUP_MEMORY, id, "memory.limit_in_bytes");
    (void)get_text(c, CGROUP_MEMORY, id, "memory.stat", text, sizeof text);
    out->mem_rss_bytes = line_value(text, "total_rss");
    out->mem_cache_bytes = line_value(text, "total_cache");
    (void)get_text(c, CGROUP_CPUACCT, id, "cpuacct.stat", text, sizeof text);
    out->cpu_user_ms = line_value(text, "user") * 1000 / hertz;
    out->cpu_system_ms = line_value(text, "system") * 1000 / hertz;
}

static void usage_v2(const struct cgroups *c, const char *id,
                     struct agent_usage *out)
{
    char text[VALUE_MAX];
    out->mem_bytes = get(c, CGROUP_MEMORY, id, "memory.current");
    out->mem_limit_bytes = get(c, CGROUP_MEMORY, id, "memory.max");
    (void)get_text(c, CGROUP_MEMORY, id, "memory.stat", text, sizeof text);
    out->mem_rss_bytes = line_value(text, "anon");
    out->mem_cache_bytes = line_value(text, "file");
    (void)get_text(c, CGROUP_MEMORY, id, "cpu.stat", text, sizeof text);
    out->cpu_user_ms = line_value(text, "user_usec") / 1000;
    out->cpu_system_ms = line_value(text, "system_usec") / 1000;
}

bool cgroup_usage(const struct cgroups *c, const char *id,
                  struct agent_usage *out)
{
    if (!cgroup_exists(c, id))
        return false;
    *out = (struct agent_usage){0};
    if (c->version == 2)
        usage_v2(c, id, out);
    else
        usage_v1(c, id, out);
    return true;
}
