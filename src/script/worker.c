/* The child's side: limits, a clock that ends it, one evaluation, one answer,
 * and out by _exit. */
#include "script/evaluation.h"
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
#include <time.h>
#include <unistd.h>

/* The address sanitizer reserves terabytes of addresses. */
#if defined(__SANITIZE_ADDRESS__)
enum { HAS_SHADOW = 1 };
#else
enum { HAS_SHADOW = 0 };
#endif

enum {
    STEP_MS = 20, /* between asking Lua to stop and stopping in its stead */
    KILL_MS = 50, /* and the end without a word */
    FILES_MAX = 32
};

/* What the signal handler sees. */
static struct {
    struct evaluation *evaluation;
    volatile sig_atomic_t rings;
    timer_t kill_timer;
} watch;

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

static void set_timer(timer_t timer, int64_t first_ms, int64_t again_ms)
{
    struct itimerspec at = {
        .it_value = {first_ms / 1000, first_ms % 1000 * 1000000},
        .it_interval = {again_ms / 1000, again_ms % 1000 * 1000000}};
    timer_settime(timer, 0, &at, NULL);
}

/* Lua at its next instruction, in a state where everything may be called. */
static void on_time_in_lua(lua_State *L, lua_Debug *frame)
{
    (void)L;
    (void)frame;
    char why[128];
    struct evaluation *e = watch.evaluation;
    signal(SIGXCPU, SIG_IGN);
    set_timer(watch.kill_timer, 1000, 0); /* to say what was found so far */
    worker_time_text(e->limits.cpu_ms, why, sizeof why);
    answer(evaluation_stop(e, why));
}

/* The text of a line of a file that was read; looks only at memory. */
static struct bytes source_line(const char *path, int line)
{
    const struct evaluation *e = watch.evaluation;
    for (uint32_t i = 0; i < e->files.list.count; i++) {
        const struct bundle_file *file = e->files.list.item[i];
        if (!file->is_asset && strcmp(file->path, path) == 0)
            return locator_line(buf_bytes(&file->text), (uint32_t)line);
    }
    return bytes_of("", 0);
}

/* First ring: ask Lua. Second: it sits in C (a pattern, a long string); read
 * the line, which allocates nothing, and go. */
static void on_time(int signo)
{
    (void)signo;
    static char text[SANDBOX_FILE_MAX + 512];
    char file[SANDBOX_FILE_MAX] = "";
    int line = 0;
    lua_State *L = watch.evaluation->sandbox.L;
    if (++watch.rings == 1 && L != NULL) {
        lua_sethook(L, on_time_in_lua, LUA_MASKCOUNT, 1);
        return;
    }
    if (L != NULL)
        sandbox_where(L, file, &line);
    struct bytes source = source_line(file, line);
    int shown = source.size < 400 ? (int)source.size : 400;
    int size = snprintf(text, sizeof text, "T%d %s\n%.*s", line, file, shown,
                        (const char *)source.data);
    (void)!write(STDOUT_FILENO, text, (size_t)size);
    _exit(0);
}

static void start_clock(struct evaluation *e)
{
    struct sigaction action = {.sa_handler = on_time};
    struct sigevent ring = {.sigev_notify = SIGEV_SIGNAL,
                            .sigev_signo = SIGXCPU};
    struct sigevent kill = {.sigev_notify = SIGEV_SIGNAL,
                            .sigev_signo = SIGKILL};
    timer_t timer;
    watch.evaluation = e;
    sigaction(SIGXCPU, &action, NULL);
    if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &ring, &timer) < 0 ||
        timer_create(CLOCK_PROCESS_CPUTIME_ID, &kill, &watch.kill_timer) < 0)
        _exit(1);
    set_timer(timer, e->limits.cpu_ms, STEP_MS);
    set_timer(watch.kill_timer, e->limits.cpu_ms + KILL_MS, 0);
}

/* --- limits --- */

static void limit(__rlimit_resource_t which, int64_t value)
{
    struct rlimit both = {(rlim_t)value, (rlim_t)value};
    (void)setrlimit(which, &both);
}

static void set_limits(const struct script_limits *limits, size_t request)
{
    /* The sandbox counts Lua's memory; around it are this program, the files,
     * the jobs as messages and the packed answer. */
    static const int64_t AROUND = INT64_C(512) << 20;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    limit(RLIMIT_CPU, limits->cpu_ms / 1000 + 2);
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

static void take_parameters(struct evaluation *e, size_t count,
                            Perigee__EnvVar *const *from)
{
    struct script_parameter *parameter =
        arena_alloc(&e->arena, (count + 1) * sizeof *parameter);
    for (size_t i = 0; i < count; i++)
        parameter[i] = (struct script_parameter){from[i]->name, from[i]->value};
    e->parameter = parameter;
    e->parameter_count = count;
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
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* forgotten with the user */
}

static Perigee__Evaluation *run_bundle(struct evaluation *e,
                                       const Perigee__WorkRequest *request)
{
    struct err err = {0};
    drop_rights();
    Perigee__Bundle *bundle = perigee__bundle__unpack(NULL, request->bundle.len,
                                                      request->bundle.data);
    if (bundle == NULL) {
        err_set(&err, ERR_INVALID, "bundle: not a perigee.Bundle");
        return refuse(e, &err);
    }
    if (bundle_check(bundle, &e->limits, &err) < 0)
        return refuse(e, &err);
    e->files.bundle = bundle;
    snprintf(e->entry, sizeof e->entry, "%s", bundle->entry);
    take_parameters(e, bundle->n_parameters, bundle->parameters);
    return evaluation_run(e);
}

static Perigee__Evaluation *run(struct evaluation *e,
                                const Perigee__WorkRequest *request)
{
    e->files.limits = &e->limits;
    if (request->has_bundle)
        return run_bundle(e, request);
    e->files.root = strdup(request->root);
    snprintf(e->entry, sizeof e->entry, "%s", request->entry);
    take_parameters(e, request->n_parameters, request->parameters);
    return evaluation_run(e);
}

int script_worker_main(int argc, char **argv)
{
    static struct evaluation evaluation;
    struct evaluation *e = &evaluation;
    size_t size = 0;
    if (argc != 2 || strcmp(argv[1], WORKER_ARGUMENT) != 0)
        return -1;
    Perigee__WorkRequest *request = read_request(&size);
    if (request == NULL)
        return 1;
    evaluation_init(e);
    e->limits = (struct script_limits){request->cpu_ms, request->memory_bytes,
                                       request->bundle_bytes, request->files,
                                       request->asset_bytes};
    set_limits(&e->limits, size);
    start_clock(e);
    answer(run(e, request));
    return 0;
}
