#include "bench/kit.h"
#include "sys/file.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS = 7, /* of a calibrator; the median counts */
    CALIBRATORS = 4,
    FIGURES_MAX = 64,
    MEMORY_BYTES = 32 << 20,
    SYNCS = 40,
    SPAWNS = 20,
    PINGS = 500
};
static const long TMPFS = 0x01021994, RAMFS = 0x858458f6;

struct figure {
    char name[64], unit[16], against[64];
    double value, ratio;
};

/* One benchmark per process. */
static struct {
    const char *name;
    char dir[PATH_MAX];
    bool is_json, is_quick;
    unsigned uses;
    int64_t before[CALIBRATORS];
    struct figure figure[FIGURES_MAX];
    int count;
} bench = {.uses = BENCH_MEMORY | BENCH_DISK | BENCH_SPAWN | BENCH_LOOPBACK};

void bench_fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "bench-%s: ", bench.name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (bench.dir[0])
        (void)dir_remove(bench.dir, NULL);
    exit(1);
}

int64_t bench_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int64_t bench_percentile(int64_t *sample, size_t count, int percent)
{
    qsort(sample, count, sizeof *sample, by_value);
    return sample[(count - 1) * (size_t)percent / 100];
}

/* --- calibrators: nanoseconds for a fixed piece of work --- */

static int64_t copy_memory(void)
{
    static char *from, *to;
    int64_t began;

    if (from == NULL) {
        from = malloc(MEMORY_BYTES);
        to = malloc(MEMORY_BYTES);
        if (from == NULL || to == NULL)
            bench_fail("no memory");
        memset(from, 1, MEMORY_BYTES);
        memset(to, 2, MEMORY_BYTES);
    }
    began = bench_ns();
    memcpy(to, from, MEMORY_BYTES);
    __asm__ volatile("" : : "r"(to) : "memory");
    return bench_ns() - began;
}

static int64_t sync_disk(void)
{
    static const char block[4096] = "x";
    char path[PATH_MAX + 16];
    int64_t began;
    int fd;

    snprintf(path, sizeof path, "%s/calibrate", bench.dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    began = bench_ns();
    for (int i = 0; i < SYNCS; i++)
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) < 0)
            bench_fail("cannot write in '%s': %s", bench.dir, strerror(errno));
    began = bench_ns() - began;
    close(fd);
    unlink(path);
    return began;
}

static int64_t spawn_processes(void)
{
    static char name[] = "true";
    char *argv[] = {name, NULL}, *envp[] = {NULL};
    int64_t began = bench_ns();

    for (int i = 0; i < SPAWNS; i++) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp) != 0 ||
            waitpid(pid, &status, 0) != pid)
            bench_fail("cannot run /bin/true");
    }
    return bench_ns() - began;
}

static void connect_pair(int pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(listener, (struct sockaddr *)&at, size) < 0 ||
        listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) < 0)
        bench_fail("cannot listen: %s", strerror(errno));
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(pair[0], (struct sockaddr *)&at, size) < 0)
        bench_fail("cannot connect: %s", strerror(errno));
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int64_t ping_loopback(void)
{
    int pair[2];
    char byte = 'p';
    int64_t began;

    connect_pair(pair);
    began = bench_ns();
    for (int i = 0; i < PINGS; i++)
        for (int side = 0; side < 2; side++)
            if (write(pair[side], &byte, 1) != 1 ||
                read(pair[!side], &byte, 1) != 1)
                bench_fail("loopback broke");
    began = bench_ns() - began;
    close(pair[0]);
    close(pair[1]);
    return began;
}

static const struct calibrator {
    const char *name;
    unsigned use;
    int64_t (*run)(void);
} calibrator[CALIBRATORS] = {
    {"memory copy", BENCH_MEMORY, copy_memory},
    {"disk sync", BENCH_DISK, sync_disk},
    {"process start", BENCH_SPAWN, spawn_processes},
    {"loopback", BENCH_LOOPBACK, ping_loopback},
};

static void calibrate(int64_t out[CALIBRATORS])
{
    int64_t sample[ROUNDS];

    for (int c = 0; c < CALIBRATORS; c++) {
        for (int i = 0; i < ROUNDS; i++)
            sample[i] = calibrator[c].run();
        out[c] = bench_percentile(sample, ROUNDS, 50);
    }
}

/* --- opening --- */

static void make_dir(const char *parent)
{
    struct statfs fs;

    snprintf(bench.dir, sizeof bench.dir, "%s/bench-%s.XXXXXX", parent,
             bench.name);
    if (mkdtemp(bench.dir) == NULL) {
        bench.dir[0] = 0;
        bench_fail("cannot make a directory in '%s': %s", parent,
                   strerror(errno));
    }
    if (statfs(bench.dir, &fs) < 0)
        bench_fail("cannot look at '%s': %s", bench.dir, strerror(errno));
    if ((long)fs.f_type == TMPFS || (long)fs.f_type == RAMFS)
        bench_fail("'%s' is memory, not a disk: name another place with --dir",
                   parent);
}

void bench_open(int argc, char **argv, const char *name)
{
    const char *parent = "build";

    bench.name = name;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            bench.is_json = true;
        else if (strcmp(argv[i], "--quick") == 0)
            bench.is_quick = true;
        else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc)
            parent = argv[++i];
        else
            bench_fail("'%s': want --json, --quick or --dir DIR", argv[i]);
    }
    if (strcmp(parent, "build") == 0 && access(parent, W_OK) < 0)
        parent = ".";
    make_dir(parent);
    calibrate(bench.before);
}

void bench_leans_on(unsigned uses)
{
    bench.uses = uses;
}

const char *bench_dir(void)
{
    return bench.dir;
}

bool bench_is_quick(void)
{
    return bench.is_quick;
}

void bench_figure(const char *name, double value, const char *unit,
                  double ratio, const char *against)
{
    struct figure *figure = &bench.figure[bench.count];

    if (bench.count == FIGURES_MAX)
        bench_fail("more than %d figures", FIGURES_MAX);
    bench.count++;
    figure->value = value;
    figure->ratio = ratio;
    snprintf(figure->name, sizeof figure->name, "%s", name);
    snprintf(figure->unit, sizeof figure->unit, "%s", unit);
    snprintf(figure->against, sizeof figure->against, "%s",
             against != NULL ? against : "");
}

/* --- closing --- */

static void print_json(bool is_void)
{
    for (int i = 0; i < bench.count; i++) {
        const struct figure *f = &bench.figure[i];
        printf("{\"name\":\"%s.%s\",\"value\":%.6g,\"unit\":\"%s\"", bench.name,
               f->name, f->value, f->unit);
        if (f->against[0])
            printf(",\"ratio\":%.4g,\"against\":\"%s\"", f->ratio, f->against);
        else
            printf(",\"ratio\":null,\"against\":null");
        puts(is_void ? ",\"void\":true}" : "}");
    }
}

static void print_table(bool is_void)
{
    printf("%s%s\n", bench.name, is_void ? " (VOID: the machine drifted)" : "");
    for (int i = 0; i < bench.count; i++) {
        const struct figure *f = &bench.figure[i];
        printf("  %-34s %12.5g %-6s", f->name, f->value, f->unit);
        if (f->against[0])
            printf(" %6.2f of %s", f->ratio, f->against);
        putchar('\n');
    }
}

static bool has_drifted(void)
{
    int64_t after[CALIBRATORS];
    bool is_void = false;

    calibrate(after);
    for (int c = 0; c < CALIBRATORS; c++) {
        int64_t drift = (after[c] - bench.before[c]) * 100 / bench.before[c];
        if (llabs(drift) <= BENCH_DRIFT_MAX_PERCENT)
            continue;
        bool counts = (bench.uses & calibrator[c].use) != 0;
        fprintf(stderr, "bench-%s: %s drifted by %lld %%%s\n", bench.name,
                calibrator[c].name, (long long)drift,
                counts ? "" : ", which does not matter here");
        is_void = is_void || counts;
    }
    return is_void;
}

int bench_close(void)
{
    bool is_void = has_drifted();

    if (bench.is_json)
        print_json(is_void);
    else
        print_table(is_void);
    fflush(stdout);
    (void)dir_remove(bench.dir, NULL);
    return is_void ? BENCH_VOID : 0;
}
