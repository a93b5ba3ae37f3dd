/* One task on one machine: the real executor under an agent as small as can be,
 * beside a bare loop of vfork and exec, and beside supervisors of Debian where
 * they are installed (`make deps-test`).
 *
 *   start     executor spawned, until its first process was forked
 *   up        500 processes, each `bash -c` of one command, until all have said
 *             so; the bare loop starts the same command as often
 *   restart   kill -9 of a process, until its next run says so
 *   idle      context switches of executor and runner of an idle task, a minute
 *   memory    private memory (smaps_rollup) of executor and runner, and what
 *             each further process adds */
#include "agent/sandbox.h"
#include "bench/kit.h"
#include "bench/peers.h"
#include "perigee/job.pb-c.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "tests/support/fake_agent.h"
#include "tests/support/history.h"

#include <dirent.h>
#include <time.h>
#include <sys/resource.h>

enum {
    PROCESSES = 500,
    FURTHER = 101, /* processes of the task whose memory is divided */
    STARTS = 51,
    ROUNDS = 5,
    RESTARTS_A_TASK = 90, /* a process may run 100 times */
    WAIT_MS = 60000,
    COUNT_MS = 2
};

static char bin[PATH_MAX], root[PATH_MAX];
static char command[PATH_MAX + 64]; /* of every process */
static int said;                    /* our end of the fifo */

/* --- the machine --- */

static void find_bin(void)
{
    ssize_t size = readlink("/proc/self/exe", bin, sizeof bin - 64);
    if (size < 0)
        bench_fail("no /proc/self/exe");
    bin[size] = '\0';
    (void)snprintf(strrchr(bin, '/'), 64, "/thermos");
}

static void open_fifo(void)
{
    char fifo[PATH_MAX + 8];
    if (realpath(bench_dir(), root) == NULL)
        bench_fail("cannot resolve '%s'", bench_dir());
    (void)snprintf(fifo, sizeof fifo, "%s/said", root);
    if (mkfifo(fifo, 0666) != 0)
        bench_fail("cannot make '%s'", fifo);
    said = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    (void)snprintf(command, sizeof command, "echo $$ >%s/said; exec sleep 1000",
                   root);
}

/* How many lines came; the last of them into *pid. */
static int take_said(pid_t *pid)
{
    char text[4096 + 1];
    int lines = 0;
    ssize_t n;
    while ((n = read(said, text, sizeof text - 1)) > 0) {
        text[n] = '\0';
        for (char *at = text; (at = strchr(at, '\n')) != NULL; at++)
            lines++;
        char *last = text + n - 1;
        while (last > text && last[-1] != '\n')
            last--;
        *pid = (pid_t)strtol(last, NULL, 10);
    }
    return lines;
}

/* One is seen at once. Who counts many looks now and then: woken by each of
 * them it would compete with them, here and there in different ways. */
static void wait_said(int count, pid_t *pid, struct fake_agent *agent)
{
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    const struct timespec pause = {.tv_nsec = COUNT_MS * 1000000};
    bool is_one = count == 1;
    while (count > 0) {
        struct pollfd in = {.fd = said, .events = POLLIN};
        if (agent != NULL)
            fake_agent_turn(agent, is_one ? 100 : COUNT_MS);
        else if (is_one)
            (void)poll(&in, 1, 100);
        else
            (void)nanosleep(&pause, NULL);
        if (agent != NULL && agent->is_over)
            bench_fail("the task ended: %s", agent->message);
        count -= take_said(pid);
        if (clock_boot_ms() > until_ms)
            bench_fail("%d processes did not come up", count);
    }
}

/* All that descends from us: we are the subreaper of what is killed. */
static void end_all(void)
{
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    for (;;) {
        char path[64], text[65536] = "";
        struct timespec pause = {.tv_nsec = 1000000};
        (void)snprintf(path, sizeof path, "/proc/self/task/%d/children",
                       (int)getpid());
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
        if (file != NULL)
            (void)fclose(file);
        text[n] = '\0';
        for (char *at = text, *end; *at != '\0'; at = end) {
            long pid = strtol(at, &end, 10);
            if (end == at)
                break;
            (void)kill((pid_t)pid, SIGKILL);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            break;
        if (clock_boot_ms() > until_ms)
            bench_fail("something does not end");
        (void)nanosleep(&pause, NULL);
    }
    pid_t pid;
    (void)take_said(&pid);
}

/* --- a task --- */

static int64_t boot_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static char sandbox[PATH_MAX + 64];
static int64_t spawned_ns; /* since the boot, as the checkpoint's times */

/* Where an agent puts it, made as an agent makes it; no name comes twice. */
static const char *make_sandbox(void)
{
    struct sandbox_user self;
    long long number = boot_ns();
    sandbox_user_self(&self);
    (void)snprintf(sandbox, sizeof sandbox, "%s/executors/%lld/runs/%lld", root,
                   number, number);
    if (sandbox_make(sandbox, &self, NULL) != 0)
        bench_fail("cannot make '%s'", sandbox);
    return sandbox;
}

static void start_task(struct fake_agent *agent, uint32_t count)
{
    Perigee__AssignedTask task = PERIGEE__ASSIGNED_TASK__INIT;
    Perigee__Job job = PERIGEE__JOB__INIT;
    Perigee__TaskConfig config = PERIGEE__TASK_CONFIG__INIT;
    Perigee__Process *process = xcalloc(count, sizeof *process);
    Perigee__Process **list = xcalloc(count, sizeof *list);
    char(*name)[16] = xcalloc(count, sizeof *name);
    struct buf packed = {0};

    (void)make_sandbox();
    for (uint32_t i = 0; i < count; i++) {
        perigee__process__init(&process[i]);
        (void)snprintf(name[i], sizeof name[i], "p%u", i);
        process[i].name = name[i];
        process[i].cmdline = command;
        process[i].has_min_duration = 1;
        list[i] = &process[i];
    }
    config.processes = list;
    config.n_processes = count;
    job.task = &config;
    job.cluster = job.role = job.environment = job.name =
        (char *)(uintptr_t) "bench";
    task.job = &job;
    task.task_id = (char *)(uintptr_t) "task";
    codec_encode(&task.base, MEDIA_PROTOBUF, &packed);
    fake_agent_open(agent, bin, sandbox, buf_bytes(&packed));
    agent->also = count == 1 ? said : -1;
    buf_release(&packed);
    free(process);
    free(list);
    free(name);
    spawned_ns = boot_ns();
    fake_agent_start(agent);
}

/* The sandbox stays: some file systems make a new file look through all that
 * were removed a moment ago, which is no part of this. */
static void end_task(struct fake_agent *agent)
{
    end_all();
    fake_agent_close(agent);
}

static double median(int64_t *sample, size_t count)
{
    return (double)bench_percentile(sample, count, 50);
}

/* --- who is who --- */

static long number_after(const char *path, const char *key)
{
    char line[256];
    long sum = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            sum += strtol(strchr(line, ':') + 1, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return sum;
}

static bool title_is(const char *pid, const char *first, const char *second)
{
    char path[300], text[64] = "";
    (void)snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    return n > strlen(first) && strcmp(text, first) == 0 &&
           (second == NULL || strcmp(text + strlen(first) + 1, second) == 0);
}

static pid_t parent_of(const char *pid)
{
    char path[300];
    (void)snprintf(path, sizeof path, "/proc/%s/status", pid);
    return (pid_t)number_after(path, "PPid");
}

/* The child of a process whose title begins with these words. */
static pid_t child_titled(pid_t parent, const char *first, const char *second)
{
    pid_t found = 0;
    const struct dirent *entry;
    DIR *dir = opendir("/proc");
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            title_is(entry->d_name, first, second) &&
            parent_of(entry->d_name) == parent)
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    if (dir != NULL)
        (void)closedir(dir);
    return found;
}

static pid_t runner_of(const struct fake_agent *agent)
{
    pid_t runner = child_titled(agent->executor, "thermos", "runner");
    if (runner == 0)
        bench_fail("the runner is not to be found");
    return runner;
}

/* Time on a processor so far; what a busy machine does to others is not in
 * it. */
static int64_t cpu_ns(pid_t pid)
{
    char path[64];
    long long ns = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%lld", &ns) != 1)
        ns = 0;
    if (file != NULL)
        (void)fclose(file);
    return ns;
}

/* --- start --- */

static void measure_start(void)
{
    int64_t sample[STARTS], cpu[STARTS];
    for (int i = 0; i < STARTS; i++) {
        struct fake_agent agent;
        struct history h;
        char path[sizeof sandbox + 32];
        pid_t pid;
        start_task(&agent, 1);
        wait_said(1, &pid, &agent);
        int64_t by_sight_ns = boot_ns() - spawned_ns;
        cpu[i] = cpu_ns(agent.executor) + cpu_ns(runner_of(&agent));
        (void)snprintf(path, sizeof path, "%s/.thermos/stream", sandbox);
        history_read(&h, path);
        /* The record has whole milliseconds: half of one is what they lose on
         * average. It was seen later than it was. */
        int64_t by_record_ns =
            h.runs.item[0].started_ms * 1000000 + 500000 - spawned_ns;
        sample[i] = by_record_ns < by_sight_ns ? by_record_ns : by_sight_ns;
        history_release(&h);
        end_task(&agent);
    }
    bench_figure("executor start to first fork, p50",
                 median(sample, STARTS) / 1e6, "ms", 0, NULL);
    bench_figure("the same, CPU time of executor and runner",
                 median(cpu, STARTS) / 1e6, "ms", 0, NULL);
}

/* --- up --- */

/* How long it took, and processor time of everybody who had to do with it,
 * their end included: that hardly grows with what else the machine does. */
struct up {
    double ms, cpu_ms;
};

static double used_ms(int who)
{
    struct rusage used;
    (void)getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

static double all_used_ms(void)
{
    return used_ms(RUSAGE_SELF) + used_ms(RUSAGE_CHILDREN);
}

static struct up bare_up(void)
{
    char *const argv[] = {(char *)(uintptr_t) "bash", (char *)(uintptr_t) "-c",
                          command, NULL};
    char *const envp[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", NULL};
    struct up up = {.cpu_ms = -all_used_ms()};
    int64_t began_ns = bench_ns();
    pid_t pid;
    for (int i = 0; i < PROCESSES; i++) {
        pid = vfork(); /* NOLINT: it is the yardstick */
        if (pid == 0) {
            (void)execve("/bin/bash", argv, envp);
            _exit(127);
        }
    }
    wait_said(PROCESSES, &pid, NULL);
    up.ms = (double)(bench_ns() - began_ns) / 1e6;
    end_all();
    up.cpu_ms += all_used_ms();
    return up;
}

static struct up task_up(void)
{
    struct fake_agent agent;
    struct up up = {.cpu_ms = -all_used_ms()};
    pid_t pid;
    int64_t began_ns = bench_ns();
    start_task(&agent, PROCESSES);
    wait_said(PROCESSES, &pid, &agent);
    up.ms = (double)(bench_ns() - began_ns) / 1e6;
    end_task(&agent);
    up.cpu_ms += all_used_ms();
    return up;
}

static double peer_up(enum peer_kind kind)
{
    struct peer peer;
    pid_t pid;
    peer_make(&peer, kind, make_sandbox(), PROCESSES, command);
    int64_t began_ns = bench_ns();
    peer_start(&peer);
    wait_said(PROCESSES, &pid, NULL);
    double took = (double)(bench_ns() - began_ns) / 1e6;
    end_all();
    return took;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median_of(double sample[ROUNDS])
{
    qsort(sample, ROUNDS, sizeof *sample, compare);
    return sample[ROUNDS / 2];
}

static void measure_up(void)
{
    double bare[ROUNDS], ours[ROUNDS], bare_cpu[ROUNDS], cpu[ROUNDS];
    char name[64];
    for (int i = 0; i < ROUNDS; i++) {
        struct up up = bare_up();
        bare[i] = up.ms;
        bare_cpu[i] = up.cpu_ms;
        up = task_up();
        ours[i] = up.ms;
        cpu[i] = up.cpu_ms;
    }
    double yardstick = median_of(bare), took = median_of(ours);
    bench_figure("500 processes, bare vfork and exec", yardstick, "ms", 0,
                 NULL);
    bench_figure("500 processes of a task", took, "ms", took / yardstick,
                 "bare vfork and exec");
    took = median_of(cpu);
    bench_figure("the same, CPU time of all", took, "ms",
                 took / median_of(bare_cpu), "bare vfork and exec");
    for (int kind = 0; kind < PEER_COUNT; kind++) {
        if (!peer_is_here((enum peer_kind)kind))
            continue;
        (void)snprintf(name, sizeof name, "500 processes, %s",
                       peer_names[kind]);
        took = peer_up((enum peer_kind)kind);
        bench_figure(name, took, "ms", took / yardstick, "bare vfork and exec");
    }
}

/* --- restart --- */

static int64_t restart_once(pid_t *pid, struct fake_agent *agent)
{
    int64_t began_ns = bench_ns();
    (void)kill(*pid, SIGKILL);
    for (;;) {
        struct pollfd in = {.fd = said, .events = POLLIN};
        (void)poll(&in, 1, WAIT_MS);
        if (take_said(pid) > 0)
            return bench_ns() - began_ns;
        fake_agent_turn(agent, 0);
    }
}

static void measure_restart(void)
{
    enum { TASKS = 3 };
    int tasks = bench_is_quick() ? 1 : TASKS;
    int64_t sample[TASKS * RESTARTS_A_TASK];
    size_t count = 0;
    for (int i = 0; i < tasks; i++) {
        struct fake_agent agent;
        pid_t pid;
        start_task(&agent, 1);
        wait_said(1, &pid, &agent);
        for (int k = 0; k < RESTARTS_A_TASK; k++)
            sample[count++] = restart_once(&pid, &agent);
        end_task(&agent);
    }
    bench_figure("restart after kill -9, p50",
                 (double)bench_percentile(sample, count, 50) / 1e6, "ms", 0,
                 NULL);
    bench_figure("restart after kill -9, p99",
                 (double)bench_percentile(sample, count, 99) / 1e6, "ms", 0,
                 NULL);
}

/* Supervisors wait a second before they start again what ran for less. */
static void measure_peer_restart(enum peer_kind kind)
{
    enum { TIMES = 5 };
    struct timespec second = {.tv_sec = 1, .tv_nsec = 100000000};
    struct peer peer;
    int64_t sample[TIMES];
    char name[64];
    pid_t pid;
    peer_make(&peer, kind, make_sandbox(), 1, command);
    peer_start(&peer);
    wait_said(1, &pid, NULL);
    for (int i = 0; i < TIMES; i++) {
        (void)nanosleep(&second, NULL);
        int64_t began_ns = bench_ns();
        (void)kill(pid, SIGKILL);
        wait_said(1, &pid, NULL);
        sample[i] = bench_ns() - began_ns;
    }
    (void)snprintf(name, sizeof name, "restart after kill -9, %s, p50",
                   peer_names[kind]);
    bench_figure(name, median(sample, TIMES) / 1e6, "ms", 0, NULL);
    end_all();
}

/* --- memory and idleness --- */

static long private_kib(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return number_after(path, "Private_");
}

static long switches(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return number_after(path, "voluntary_ctxt") +
           number_after(path, "nonvoluntary_ctxt");
}

/* Let what was begun be finished: answers, acknowledgements, and once in its
 * life the idle connection that is closed after half a minute. */
static void let_settle(struct fake_agent *agent, int ms)
{
    int64_t until_ms = clock_boot_ms() + ms;
    while (clock_boot_ms() < until_ms)
        fake_agent_turn(agent, 20);
}

static void measure_idle(struct fake_agent *agent, pid_t runner)
{
    int seconds = bench_is_quick() ? 6 : 60;
    struct timespec pause = {.tv_sec = seconds};
    long before = switches(runner) + switches(agent->executor);
    (void)nanosleep(&pause, NULL);
    long after = switches(runner) + switches(agent->executor);
    bench_figure("wake-ups of an idle task", (double)(after - before),
                 bench_is_quick() ? "1/6 s" : "1/min", 0, NULL);
}

static long memory_of(uint32_t processes, bool idle)
{
    struct fake_agent agent;
    pid_t pid;
    start_task(&agent, processes);
    wait_said((int)processes, &pid, &agent);
    let_settle(&agent, idle && !bench_is_quick() ? 32000 : 300);
    pid_t runner = runner_of(&agent);
    long kib = private_kib(agent.executor) + private_kib(runner);
    if (idle)
        measure_idle(&agent, runner);
    end_task(&agent);
    return kib;
}

static void measure_peer_memory(enum peer_kind kind)
{
    static const char *const helpers[] = {"s6-supervise", "runsv", NULL};
    struct peer peer;
    char name[64];
    pid_t pid;
    peer_make(&peer, kind, make_sandbox(), 1, command);
    peer_start(&peer);
    wait_said(1, &pid, NULL);
    long kib = private_kib(peer.pid);
    pid_t helper =
        helpers[kind] ? child_titled(peer.pid, helpers[kind], NULL) : 0;
    kib += helper ? private_kib(helper) : 0;
    (void)snprintf(name, sizeof name, "private memory, %s", peer_names[kind]);
    bench_figure(name, (double)kib / 1024, "MiB", 0, NULL);
    end_all();
}

static void measure_memory(void)
{
    long one = memory_of(1, true);
    long few = memory_of(1, false), many = memory_of(FURTHER, false);
    bench_figure("private memory, executor and runner", (double)one / 1024,
                 "MiB", 0, NULL);
    bench_figure("private memory, a further process",
                 (double)(many - few) / (FURTHER - 1), "KiB", 0, NULL);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    bench_open(argc, argv, "thermos");
    bench_leans_on(BENCH_SPAWN);
    find_bin();
    open_fifo();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    measure_start();
    measure_up();
    measure_restart();
    measure_memory();
    for (int kind = 0; kind < PEER_COUNT; kind++) {
        if (!peer_is_here((enum peer_kind)kind)) {
            (void)fprintf(stderr, "bench-thermos: %s is not installed\n",
                          peer_names[kind]);
            continue;
        }
        measure_peer_restart((enum peer_kind)kind);
        measure_peer_memory((enum peer_kind)kind);
    }
    return bench_close();
}
