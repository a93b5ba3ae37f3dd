/* Evaluating job files. A small file against starting /bin/true, since both
 * are mostly the birth of a process; a file of 100,000 jobs against the same
 * tables built in plain Lua, which know no schema and become no messages. */
#include "bench/kit.h"
#include "script/evaluation.h"
#include "script/evaluate.h"
#include "sys/file.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL_TURNS = 200, BIG_TURNS = 5, BIG_JOBS = 100000 };

static const char SMALL[] =
    "local hello = Process { name = 'hello', cmdline = 'echo hello' }\n"
    "return { Service { cluster = 'devcluster', environment = 'devel',\n"
    "  role = 'www-data', name = 'hello', task = SequentialTask {\n"
    "    processes = { hello },\n"
    "    resources = Resources { cpu = 1, ram = 1*MB, disk = 8*MB } } } }\n";

/* %s: a constructor's name, or nothing. */
static const char BIG[] =
    "local MB, GB = 1 << 20, 1 << 30\n"
    "local jobs = {}\n"
    "for i = 1, %d do\n"
    "  jobs[i] = %s { cluster = 'devcluster', role = 'www-data',\n"
    "    environment = 'prod', name = 'web' .. i, instances = 2,\n"
    "    task = %s { processes = { %s { name = 'server',\n"
    "        cmdline = 'exec ./server {{thermos.ports[http]}}' } },\n"
    "      resources = %s { cpu = 0.5, ram = 256*MB, disk = 1*GB } } }\n"
    "end\n"
    "return jobs\n";

static void write_file(const char *path, const char *text)
{
    struct err err = {0};
    if (file_write(path, bytes_of_text(text), 0600, false, &err) < 0)
        bench_fail("%s", err.text);
}

/* --- small --- */

static int64_t evaluate_small(const char *path)
{
    struct err err = {0};
    Perigee__Evaluation *out = NULL;
    int64_t began = bench_ns();
    if (script_evaluate_file(path, NULL, NULL, 0, NULL, &out, &err) < 0)
        bench_fail("%s", err.text);
    int64_t took = bench_ns() - began;
    if (out->n_jobs != 1)
        bench_fail("the small file gave %zu jobs", out->n_jobs);
    perigee__evaluation__free_unpacked(out, NULL);
    return took;
}

static int64_t run_true(void)
{
    char *argv[] = {(char *)"/bin/true", NULL};
    char *envp[] = {NULL};
    pid_t pid;
    int64_t began = bench_ns();
    int rc = posix_spawn(&pid, argv[0], NULL, NULL, argv, envp);
    if (rc != 0)
        bench_fail("cannot run /bin/true: %s", strerror(rc));
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return bench_ns() - began;
}

static void measure_small(void)
{
    int64_t small[SMALL_TURNS], bare[SMALL_TURNS];
    int turns = bench_is_quick() ? SMALL_TURNS / 10 : SMALL_TURNS;
    char path[4200];
    snprintf(path, sizeof path, "%s/small.lua", bench_dir());
    write_file(path, SMALL);
    for (int i = 0; i < turns; i++) {
        small[i] = evaluate_small(path);
        bare[i] = run_true();
    }
    double one = (double)bench_percentile(small, (size_t)turns, 50) / 1e6;
    double other = (double)bench_percentile(bare, (size_t)turns, 50) / 1e6;
    bench_figure("evaluate_small", one, "ms", one / other, "run /bin/true");
    bench_figure("evaluate_small_p99",
                 (double)bench_percentile(small, (size_t)turns, 99) / 1e6, "ms",
                 0, NULL);
}

/* --- big --- */

static int64_t evaluate_big(int jobs)
{
    struct evaluation e;
    evaluation_init(&e);
    e.limits = SCRIPT_LIMITS;
    e.limits.memory_bytes = INT64_C(4) << 30;
    e.files.limits = &e.limits;
    e.files.root = strdup(bench_dir());
    snprintf(e.entry, sizeof e.entry, "big.lua");
    int64_t began = bench_ns();
    const Perigee__Evaluation *out = evaluation_run(&e);
    int64_t took = bench_ns() - began;
    if (out->n_jobs != (size_t)jobs)
        bench_fail("the big file gave %zu jobs", out->n_jobs);
    evaluation_release(&e);
    return took;
}

static int64_t run_plain(const char *text)
{
    struct sandbox sandbox;
    struct sandbox_failure failure;
    struct err err = {0};
    int64_t began = bench_ns();
    if (sandbox_open(&sandbox, (size_t)4 << 30, &err) < 0)
        bench_fail("%s", err.text);
    sandbox_push_environment(sandbox.L);
    if (sandbox_load(&sandbox, "plain.lua", text, strlen(text), &failure) < 0 ||
        sandbox_call(&sandbox, 0, 1, &failure) < 0)
        bench_fail("plain.lua:%d: %s", failure.line, failure.text);
    int64_t took = bench_ns() - began;
    sandbox_close(&sandbox);
    return took;
}

static void measure_big(void)
{
    int64_t big[BIG_TURNS], plain[BIG_TURNS];
    int jobs = bench_is_quick() ? BIG_JOBS / 10 : BIG_JOBS;
    char path[4200], text[1024];
    snprintf(path, sizeof path, "%s/big.lua", bench_dir());
    snprintf(text, sizeof text, BIG, jobs, "Job", "Task", "Process",
             "Resources");
    write_file(path, text);
    snprintf(text, sizeof text, BIG, jobs, "", "", "", "");
    for (int i = 0; i < BIG_TURNS; i++) {
        big[i] = evaluate_big(jobs);
        plain[i] = run_plain(text);
    }
    double one = (double)bench_percentile(big, BIG_TURNS, 50) / 1e6;
    double other = (double)bench_percentile(plain, BIG_TURNS, 50) / 1e6;
    bench_figure("evaluate_100k_jobs", one, "ms", one / other,
                 "plain Lua tables");
    bench_figure("plain_tables", other, "ms", 0, NULL);
}

/* --- memory of the whole way: child, file, messages, packed answer --- */

static void measure_peak(void)
{
    struct err err = {0};
    Perigee__Evaluation *out = NULL;
    struct rusage usage;
    int jobs = bench_is_quick() ? BIG_JOBS / 10 : BIG_JOBS;
    char path[4200], text[1024];
    snprintf(path, sizeof path, "%s/peak.lua", bench_dir());
    snprintf(text, sizeof text, BIG, jobs, "Job", "Task", "Process",
             "Resources");
    write_file(path, text);
    int64_t began = bench_ns();
    if (script_evaluate_file(path, NULL, NULL, 0, NULL, &out, &err) < 0)
        bench_fail("%s", err.text);
    int64_t took = bench_ns() - began;
    if (out->n_jobs != (size_t)jobs)
        bench_fail("the file gave %zu jobs: %s", out->n_jobs,
                   out->n_problems > 0 ? out->problems[0]->message : "");
    perigee__evaluation__free_unpacked(out, NULL);
    getrusage(RUSAGE_CHILDREN, &usage);
    bench_figure("child_100k_jobs", (double)took / 1e6, "ms", 0, NULL);
    bench_figure("child_100k_peak", (double)usage.ru_maxrss / 1024, "MiB", 0,
                 NULL);
}

/* --- clusterctl check, as people run it --- */

static int64_t run_program(char *const *argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int64_t began = bench_ns();
    int rc = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
    if (rc != 0)
        bench_fail("cannot run %s: %s", argv[0], strerror(rc));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    int64_t took = bench_ns() - began;
    posix_spawn_file_actions_destroy(&actions);
    if (status != 0)
        bench_fail("%s ended with status %d", argv[0], status);
    return took;
}

static void measure_check(void)
{
    int64_t check[SMALL_TURNS], bare[SMALL_TURNS];
    int turns = bench_is_quick() ? SMALL_TURNS / 10 : SMALL_TURNS;
    char path[4200], program[4200];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 16);
    if (size < 0)
        bench_fail("no /proc/self/exe");
    program[size] = '\0';
    snprintf(strrchr(program, '/'), 16, "/clusterctl");
    snprintf(path, sizeof path, "%s/small.lua", bench_dir());
    write_file(path, SMALL);
    char *argv[] = {program, (char *)"check", path, NULL};
    for (int i = 0; i < turns; i++) {
        check[i] = run_program(argv);
        bare[i] = run_true();
    }
    double one = (double)bench_percentile(check, (size_t)turns, 50) / 1e6;
    double other = (double)bench_percentile(bare, (size_t)turns, 50) / 1e6;
    bench_figure("clusterctl_check", one, "ms", one / other, "run /bin/true");
}

/* --- hostile files: CPU time beyond the budget --- */

static const char *const HOSTILE[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "return (('a'):rep(40)):find(('a*'):rep(20) .. 'b')",
    "local t = {} for i = 1, math.huge do t[i] = { i } end",
    "local s = 'x' while true do s = (s .. s):sub(1, 1 << 24) end",
    "local function f() return f() end return f()",
    ("local t = {} for i = 1, 1 << 20 do t[i] = -i end\n"
     "while true do table.sort(t, function() return true end) end"),
    "while true do string.rep('x', 1 << 26) end",
    ("local t = {} for i = 1, 1 << 22 do t[i] = i end\n"
     "while true do table.concat(t) end"),
    "while true do ('%s'):rep(1000):format(table.unpack({}, 1, 1000)) end",
};

static int64_t children_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
               1000000000 +
           (int64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static void measure_hostile(void)
{
    enum { BUDGET_MS = 100, COUNT = sizeof HOSTILE / sizeof *HOSTILE };
    struct script_limits limits = SCRIPT_LIMITS;
    int64_t beyond[COUNT];
    char path[4200];
    limits.cpu_ms = BUDGET_MS;
    snprintf(path, sizeof path, "%s/hostile.lua", bench_dir());
    for (size_t i = 0; i < COUNT; i++) {
        struct err err = {0};
        Perigee__Evaluation *out = NULL;
        write_file(path, HOSTILE[i]);
        int64_t began = children_cpu_ns();
        if (script_evaluate_file(path, NULL, NULL, 0, &limits, &out, &err) < 0)
            bench_fail("%s", err.text);
        beyond[i] = children_cpu_ns() - began - (int64_t)BUDGET_MS * 1000000;
        if (out->n_problems == 0)
            bench_fail("hostile file %zu was fine", i);
        perigee__evaluation__free_unpacked(out, NULL);
    }
    bench_figure("hostile_beyond_budget",
                 (double)bench_percentile(beyond, COUNT, 100) / 1e6, "ms", 0,
                 NULL);
}

int main(int argc, char **argv)
{
    int status = script_worker_main(argc, argv);
    if (status >= 0)
        return status;
    bench_open(argc, argv, "script");
    bench_leans_on(BENCH_MEMORY | BENCH_SPAWN);
    measure_peak(); /* first: a child's peak counts its parent's memory */
    measure_small();
    measure_check();
    measure_big();
    measure_hostile();
    return bench_close();
}
