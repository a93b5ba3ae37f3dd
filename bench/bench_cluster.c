/* The whole house, driven as a person drives it: a dev cluster of one agent,
 * clusterctl for every step. What the figures stand beside is starting
 * /bin/true on the same machine: nothing can run a task faster than that.
 *
 *   ready       clusterctl dev start, until it returns
 *   running     clusterctl create of a service of one process, until RUNNING;
 *               median of 20, client included
 *   throughput  a batch job of 1000 times `true`, 64 at a time, from create to
 *               FINISHED
 *   CPU         of one of these tasks: time of the daemons, and of everything
 *               below the agent; steadier than the rate on a busy machine
 *   memory      master + agent + aurora; one task's executor and runner */
#include "bench/kit.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CREATES = 20, TASKS = 1000, PORT = 28050 };

static char bin[PATH_MAX]; /* where clusterctl is */
static char root[1024];    /* of all we write; absolute, as the daemons' */

static void find_bin(void)
{
    ssize_t size = readlink("/proc/self/exe", bin, sizeof bin - 1);
    if (size < 0)
        bench_fail("no /proc/self/exe");
    bin[size] = '\0';
    *strrchr(bin, '/') = '\0';
}

/* Daemons are found by their command line, which holds the whole path. */
static void find_root(void)
{
    char path[PATH_MAX];

    if (realpath(bench_dir(), path) == NULL || strlen(path) >= sizeof root)
        bench_fail("cannot resolve '%s'", bench_dir());
    memcpy(root, path, strlen(path) + 1);
    if (chmod(root, 0755) < 0) /* tasks run as their role's user */
        bench_fail("cannot open '%s' to others", root);
}

/* Run clusterctl; its status. */
static int clusterctl(const char *words)
{
    char line[2 * PATH_MAX + sizeof root * 3 + 512];

    (void)snprintf(line, sizeof line,
                   "HOME=%s XDG_CONFIG_HOME=%s %s/clusterctl %s >%s/out 2>&1",
                   root, root, bin, words, root);
    /* The shell is the smallest part of what is measured. */
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void stop(void)
{
    char words[PATH_MAX];

    (void)snprintf(words, sizeof words, "dev stop --dir %s/dev", root);
    if (clusterctl(words) != 0)
        fprintf(stderr, "bench-cluster: the cluster did not stop\n");
}

/* A command that has to succeed; else the cluster is ended, and so are we. */
static void must(const char *words)
{
    char path[PATH_MAX], said[2048] = "";

    if (clusterctl(words) == 0)
        return;
    (void)snprintf(path, sizeof path, "%s/out", root);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        said[fread(said, 1, sizeof said - 1, file)] = '\0';
        (void)fclose(file);
    }
    stop();
    bench_fail("clusterctl %s: %s", words, said);
}

static void write_job(const char *name, const char *cmdline, const char *kind,
                      int instances)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s.lua", root, name);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        bench_fail("cannot write '%s'", path);
    /* 0.05 cpu and the executor's 0.01: 64 and a few fit into 4. */
    fprintf(file,
            "return { %s { cluster = 'devcluster', role = 'www-data', "
            "environment = 'test', name = '%s', instances = %d, task = Task { "
            "processes = { Process { name = 'p', cmdline = '%s' } }, resources "
            "= Resources { cpu = 0.05, ram = 16*MB, disk = 1*MB } } } }\n",
            kind, name, instances, cmdline);
    (void)fclose(file);
}

/* The command line of a process, its words parted by spaces. */
static void read_words(const char *pid, char *out, size_t max)
{
    char path[300];

    (void)snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(out, 1, max - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    for (size_t i = 0; i + 1 < size; i++)
        if (out[i] == '\0')
            out[i] = ' ';
    out[size] = '\0';
}

/* Resident or proportional kilobytes of every process of this cluster whose
 * command line begins as given; counts them. */
static long memory_kb(const char *what, const char *field, int *count)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    long sum = 0;

    *count = 0;
    while ((entry = readdir(proc)) != NULL) {
        char path[300], text[4096];
        FILE *file;
        read_words(entry->d_name, text, sizeof text);
        if (strstr(text, what) == NULL)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%s/smaps_rollup",
                       entry->d_name);
        if ((file = fopen(path, "re")) == NULL)
            continue;
        while (fgets(text, sizeof text, file) != NULL)
            if (strncmp(text, field, strlen(field)) == 0) {
                sum += strtol(text + strlen(field), NULL, 10);
                ++*count;
            }
        (void)fclose(file);
    }
    (void)closedir(proc);
    return sum;
}

/* What the daemons and their ended children have computed so far. */
struct cpu_ms {
    double daemons, below;
};

static void add_cpu(struct cpu_ms *cpu, const char *pid)
{
    char path[300], text[1024] = "";
    unsigned long long user, system, children_user, children_system;

    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    const char *fields = strrchr(text, ')'); /* names hold anything */
    if (fields == NULL ||
        sscanf(fields, /* the 14th of proc(5) and on */
               ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
               " %llu %llu %llu %llu",
               &user, &system, &children_user, &children_system) != 4)
        return;
    double tick_ms = 1e3 / (double)sysconf(_SC_CLK_TCK);
    cpu->daemons += (double)(user + system) * tick_ms;
    cpu->below += (double)(children_user + children_system) * tick_ms;
}

static struct cpu_ms cpu_of_cluster(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    struct cpu_ms cpu = {0};
    char what[PATH_MAX], text[4096];

    (void)snprintf(what, sizeof what, "--work_dir=%s/dev", root);
    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        read_words(entry->d_name, text, sizeof text);
        if (strstr(text, what) != NULL)
            add_cpu(&cpu, entry->d_name);
    }
    if (proc != NULL)
        (void)closedir(proc);
    return cpu;
}

/* Of clusterctl and the shells that start it. */
static double cpu_of_client_ms(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double seconds_since(int64_t began)
{
    return (double)(bench_ns() - began) / 1e9;
}

static void measure_start(void)
{
    char words[PATH_MAX];

    (void)snprintf(words, sizeof words,
                   "dev start --dir %s/dev --agents 1 --port %d", root, PORT);
    int64_t began = bench_ns();
    must(words);
    bench_figure("dev start to ready", seconds_since(began) * 1e3, "ms", 0,
                 NULL);
}

static void measure_running(double spawn_ms)
{
    int64_t sample[CREATES];

    write_job("one", "exec sleep 1000", "Service", 1);
    for (int i = 0; i < CREATES; i++) {
        char words[PATH_MAX];
        (void)snprintf(words, sizeof words,
                       "create devcluster/www-data/test/one %s/one.lua "
                       "--wait-until RUNNING --timeout 20",
                       root);
        int64_t began = bench_ns();
        must(words);
        sample[i] = bench_ns() - began;
        must("killall devcluster/www-data/test/one --timeout 20");
    }
    double median = (double)bench_percentile(sample, CREATES, 50) / 1e6;
    bench_figure("create to RUNNING, median", median, "ms", median / spawn_ms,
                 "spawn of /bin/true");
}

static void measure_memory(void)
{
    int count;
    char words[PATH_MAX];

    (void)snprintf(words, sizeof words,
                   "create devcluster/www-data/test/one %s/one.lua "
                   "--wait-until RUNNING --timeout 20",
                   root);
    must(words);
    (void)snprintf(words, sizeof words, "--work_dir=%s/dev", root);
    bench_figure("master + agent + aurora, resident",
                 (double)memory_kb(words, "Rss:", &count) / 1024, "MiB", 0,
                 NULL);
    long task = memory_kb("thermos executor", "Rss:", &count);
    int executors = count;
    task += memory_kb("thermos runner", "Rss:", &count);
    if (executors > 0)
        bench_figure("executor + runner of a task, resident",
                     (double)task / 1024 / executors, "MiB", 0, NULL);
    must("killall devcluster/www-data/test/one --timeout 20");
}

/* The last executors end after their tasks did. */
static void wait_for_ends(void)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    int count = 1;

    for (int i = 0; i < 1000 && count > 0; i++) {
        (void)memory_kb("thermos executor", "Rss:", &count);
        (void)nanosleep(&pause, NULL);
    }
}

static void measure_throughput(double spawn_ms)
{
    int tasks = bench_is_quick() ? TASKS / 10 : TASKS;
    char words[PATH_MAX];

    write_job("many", "true", "Job", tasks);
    (void)snprintf(words, sizeof words,
                   "create devcluster/www-data/test/many %s/many.lua "
                   "--wait-until FINISHED --timeout 300",
                   root);
    struct cpu_ms before = cpu_of_cluster();
    double client_ms = cpu_of_client_ms();
    int64_t began = bench_ns();
    must(words);
    double rate = tasks / seconds_since(began);
    bench_figure("tasks of `true`, 64 at a time", rate, "1/s",
                 rate * spawn_ms / 1e3, "spawns of /bin/true");
    client_ms = cpu_of_client_ms() - client_ms;
    wait_for_ends();
    struct cpu_ms after = cpu_of_cluster();
    bench_figure("CPU of a task, daemons",
                 (after.daemons - before.daemons) / tasks, "ms", 0, NULL);
    bench_figure("CPU of a task, executor and below",
                 (after.below - before.below) / tasks, "ms", 0, NULL);
    bench_figure("CPU of a task, client", client_ms / tasks, "ms", 0, NULL);
}

static double measure_spawn(void)
{
    enum { SPAWNS = 200 };
    int64_t began = bench_ns();

    for (int i = 0; i < SPAWNS; i++) {
        pid_t pid =
            vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
        if (pid == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(127);
        }
        (void)waitpid(pid, NULL, 0);
    }
    return seconds_since(began) * 1e3 / SPAWNS;
}

int main(int argc, char **argv)
{
    bench_open(argc, argv, "cluster");
    bench_leans_on(BENCH_SPAWN | BENCH_DISK);
    find_bin();
    find_root();
    double spawn_ms = measure_spawn();
    bench_figure("spawn of /bin/true", spawn_ms, "ms", 0, NULL);
    measure_start();
    measure_running(spawn_ms);
    measure_memory();
    measure_throughput(spawn_ms);
    stop();
    return bench_close();
}
