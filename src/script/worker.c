/* The child's side: limits, a clock that ends it, one evaluation, one answer,
 * and out by _exit. */
#include "base/job_key.h"
#include "script/cpu_budget.h"
#include "script/evaluation.h"
#include "script/honour.h"
#include "script/judge.h"
#include "script/nursery.h"
#include "script/tests.h"
#include "script/worker_process.h"
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The address sanitizer reserves terabytes of addresses. */
#if defined(__SANITIZE_ADDRESS__)
enum { HAS_SHADOW = 1 };
#else
enum { HAS_SHADOW = 0 };
#endif

enum {
    FILES_MAX = 32,
    AFTER_S = 8 /* for questions, which have budgets of their own */
};

/* --- the answer --- */

static void write_all(const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, at, size);
        if (done < 0 && errno != EINTR)
            _exit(1); /* the parent has gone */
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
}

static void answer(const Perigee__Evaluation *evaluation)
{
    size_t size = perigee__evaluation__get_packed_size(evaluation);
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        _exit(1);
    bytes[0] = 'E';
    (void)perigee__evaluation__pack(evaluation, bytes + 1);
    write_all(bytes, size + 1);
    _exit(0);
}

/* --- the clock --- */

static void on_time_in_lua(lua_State *L, void *context)
{
    (void)L;
    char why[128];
    struct evaluation *e = context;
    cpu_budget_extend();
    worker_time_text(e->limits.cpu_ms, why, sizeof why);
    answer(evaluation_stop(e, why));
}

/* The text of a line of a file that was read; looks only at memory. */
static struct bytes source_line(const struct evaluation *e, const char *path,
                                int line)
{
    for (uint32_t i = 0; i < e->files.list.count; i++) {
        const struct bundle_file *file = e->files.list.item[i];
        if (!file->is_asset && strcmp(file->path, path) == 0)
            return locator_line(buf_bytes(&file->text), (uint32_t)line);
    }
    return bytes_of("", 0);
}

/* Reading the line allocates nothing. */
static void on_time_in_c(void *context)
{
    static char text[SANDBOX_FILE_MAX + 512];
    const struct evaluation *e = context;
    char file[SANDBOX_FILE_MAX] = "";
    int line = 0;
    if (e->sandbox.L != NULL)
        sandbox_where(e->sandbox.L, file, &line);
    struct bytes source = source_line(e, file, line);
    int shown = source.size < 400 ? (int)source.size : 400;
    int size = snprintf(text, sizeof text, "T%d %s\n%.*s", line, file, shown,
                        (const char *)source.data);
    (void)!write(STDOUT_FILENO, text, (size_t)size);
}

static void start_clock(struct evaluation *e)
{
    static struct cpu_budget budget;
    budget = (struct cpu_budget){.sandbox = &e->sandbox,
                                 .cpu_ms = e->limits.cpu_ms,
                                 .in_lua = on_time_in_lua,
                                 .in_c = on_time_in_c,
                                 .context = e};
    if (!cpu_budget_open())
        _exit(1);
    cpu_budget_start(&budget);
}

/* --- limits --- */

static void limit(__rlimit_resource_t which, int64_t value)
{
    struct rlimit both = {(rlim_t)value, (rlim_t)value};
    (void)setrlimit(which, &both);
}

/* Whoever started us: without it nobody waits for an answer. */
static pid_t parent;

static void end_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* gone before we asked to be told */
        _exit(1);
}

static void set_limits(const struct script_limits *limits, size_t request)
{
    /* The sandbox counts Lua's memory; around it are this program, the files,
     * the jobs as messages and the packed answer. */
    static const int64_t AROUND = INT64_C(512) << 20;
    end_with_parent();
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_CPU, limits->cpu_ms / 1000 + 2 + AFTER_S);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, FILES_MAX);
    limit(RLIMIT_NPROC, 0);
    if (!HAS_SHADOW)
        limit(RLIMIT_AS, limits->memory_bytes + AROUND + 2 * (int64_t)request);
}

/* --- one request --- */

static Perigee__WorkRequest *read_request(size_t *size)
{
    struct stat status;
    if (fstat(STDIN_FILENO, &status) < 0 || status.st_size <= 0)
        return NULL;
    *size = (size_t)status.st_size;
    uint8_t *bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    return perigee__work_request__unpack(NULL, *size, bytes);
}

/* The result of a bundle that is none. */
static Perigee__Evaluation *refuse(struct evaluation *e, const struct err *err)
{
    struct problem_report report = {.message = err->text};
    Perigee__Evaluation *out = arena_alloc(&e->arena, sizeof *out);
    perigee__evaluation__init(out);
    (void)problem_add(e, &report);
    problems_pack(e, out);
    return out;
}

/* A bundle needs no file of this machine: a scheduler that runs as root
 * evaluates it as nobody. */
static void drop_rights(void)
{
    enum { NOBODY = 65534 };
    if (geteuid() != 0)
        return;
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        _exit(1);
    end_with_parent(); /* which was forgotten with the user */
}

static Perigee__Evaluation *run(struct evaluation *e,
                                const Perigee__WorkRequest *request)
{
    struct err err = {0};
    if (request->has_bundle) {
        drop_rights();
        struct bytes bundle =
            bytes_of(request->bundle.data, request->bundle.len);
        if (evaluation_open_bundle(e, bundle, &err) < 0)
            return refuse(e, &err);
        return evaluation_run(e);
    }
    e->files.limits = &e->limits;
    e->files.root = strdup(request->root);
    snprintf(e->entry, sizeof e->entry, "%s", request->entry);
    evaluation_set_parameters(e, request->n_parameters, request->parameters);
    Perigee__Evaluation *out = evaluation_run(e);
    if (request->test != NULL)
        out->test = tests_run(e, request->test);
    return out;
}

static bool is_picked(const Perigee__Job *job, const char *pick)
{
    char key[JOB_KEY_TEXT_MAX];
    snprintf(key, sizeof key, "%s/%s/%s/%s", job->cluster, job->role,
             job->environment, job->name);
    return strcmp(key, pick) == 0;
}

/* Leave nothing of the job but its key. */
static void strip(Perigee__Job *job)
{
    const Perigee__Job whole = *job;
    perigee__job__init(job);
    job->cluster = whole.cluster;
    job->role = whole.role;
    job->environment = whole.environment;
    job->name = whole.name;
}

/* The jobs of one group alone, and of the groups that one. */
static bool pick_group(Perigee__Evaluation *out, const char *name)
{
    Perigee__Evaluation one = PERIGEE__EVALUATION__INIT;
    size_t at = 0, count = 0;
    while (at < out->n_groups && strcmp(out->groups[at]->name, name) != 0)
        at++;
    if (at == out->n_groups)
        return false;
    out->groups[0] = out->groups[at];
    out->n_groups = one.n_groups = 1;
    one.groups = out->groups;
    for (size_t i = 0; i < out->n_jobs; i++)
        if (honour_group(&one, out->jobs[i]) != NULL)
            out->jobs[count++] = out->jobs[i];
    out->n_jobs = count;
    return true;
}

static void pick(Perigee__Evaluation *out, const char *wanted)
{
    static const char group[] = "group:";
    size_t at = 0;
    out->has_jobs_in_all = true;
    out->jobs_in_all = (uint32_t)out->n_jobs;
    if (strncmp(wanted, group, sizeof group - 1) == 0 &&
        pick_group(out, wanted + sizeof group - 1))
        return;
    while (at < out->n_jobs && !is_picked(out->jobs[at], wanted))
        at++;
    if (at < out->n_jobs) {
        out->jobs[0] = out->jobs[at];
        out->n_jobs = 1;
        return;
    }
    if (out->n_jobs > WORKER_KEYS_MAX)
        out->n_jobs = WORKER_KEYS_MAX;
    for (size_t i = 0; i < out->n_jobs; i++)
        strip(out->jobs[i]);
}

/* What a daemon gets of a result: its loop must have read it in a moment. */
static Perigee__Evaluation *cut(struct evaluation *e,
                                const Perigee__WorkRequest *request,
                                Perigee__Evaluation *out)
{
    struct err err = {0};
    if (!request->has_bundle)
        return out;
    if (request->pick != NULL)
        pick(out, request->pick);
    if (out->n_problems > WORKER_KEYS_MAX)
        out->n_problems = WORKER_KEYS_MAX;
    size_t size = perigee__evaluation__get_packed_size(out);
    if (size <= WORKER_RESULT_MAX)
        return out;
    err_set(&err, ERR_LIMIT, "the jobs are %zu KiB: want at most %d KiB",
            size >> 10, WORKER_RESULT_MAX >> 10);
    return refuse(e, &err);
}

/* One question about hosts, answered once the bundle has been evaluated. */
static _Noreturn void judge(struct evaluation *e,
                            const Perigee__WorkRequest *request)
{
    Perigee__Judgement *judgement =
        judge_unpack(bytes_of(request->judgement.data, request->judgement.len));
    const char *problem = NULL;
    if (judgement == NULL)
        _exit(1);
    if (request->has_stdlib)
        e->stdlib = perigee__release__unpack(NULL, request->stdlib.len,
                                             request->stdlib.data);
    if (request->has_bundle) {
        const Perigee__Evaluation *result = run(e, request);
        if (result->n_problems > 0)
            problem = result->problems[0]->message;
    } else {
        drop_rights();
    }
    cpu_budget_stop();
    _exit(judge_run(e, judgement, problem, STDOUT_FILENO) ? 0 : 1);
}

/* The whole life of one worker. */
static int serve(void)
{
    static struct evaluation evaluation;
    struct evaluation *e = &evaluation;
    size_t size = 0;
    parent = getppid();
    Perigee__WorkRequest *request = read_request(&size);
    if (request == NULL)
        return 1;
    evaluation_init(e);
    e->limits = (struct script_limits){request->cpu_ms, request->memory_bytes,
                                       request->bundle_bytes, request->files,
                                       request->asset_bytes};
    set_limits(&e->limits, size);
    start_clock(e);
    if (request->has_judgement)
        judge(e, request);
    answer(cut(e, request, run(e, request)));
    return 0;
}

int script_worker_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return serve();
    if (argc == 2 && strcmp(argv[1], NURSERY_ARGUMENT) == 0)
        return nursery_main(serve);
    return -1;
}
