/* Case 19 of docs/thermos-cases.md: a fault at every write, every fork and
 * every other call by which a runner changes the world, in turn. The runner
 * dies before the call, after it, or in the middle of a write; or the call
 * fails. Whatever happens, the task ends as it should, and no process that ran
 * to its end runs again.
 *
 * The linker puts the calls of the runner through the functions below (--wrap,
 * see the Makefile); the runner itself knows nothing of it. */
#include "runner_kit.h"

#include "tests/support/history.h"

#include <sys/mman.h>

enum call {
    CALL_WRITE,
    CALL_CLONE,
    CALL_SENDMSG,
    CALL_MKDIR,
    CALL_PIPE,
    CALL_SPLICE,
    CALL_RENAME,
    CALLS
};
enum mode {
    KILL_BEFORE,
    KILL_AFTER,
    KILL_HALF,
    KILL_CHILD, /* half-way, and only where a child makes the call */
    FAIL,
    FAIL_HALF
};

static const char *const call_names[] = {"write", "clone",  "sendmsg", "mkdir",
                                         "pipe2", "splice", "rename"};
static const char *const mode_names[] = {"killed before",   "killed after",
                                         "killed half-way", "its child's death",
                                         "failing",         "failing half-way"};

struct fault { /* call number `at` (from 1) of its kind, in one runner */
    enum call call;
    enum mode mode;
    uint32_t at; /* 0: never */
};

/* Shared with the runner: what to do, and how often each call was made. */
static struct plan {
    struct fault first, second; /* of the first and the second runner */
    uint32_t made[2][CALLS];
    int runners;
} * plan;

static int me;                  /* which runner this process is; 0: none */
static pid_t runner_id;         /* its children are meant until they begin: */
static bool is_child_beginning; /* in memory that both have */

static const struct fault *due(enum call call)
{
    const struct fault *fault = me == 1 ? &plan->first : &plan->second;
    if (me == 0 || me > 2 || (getpid() != runner_id && !is_child_beginning))
        return NULL;
    uint32_t number = ++plan->made[me - 1][call];
    return fault->at == number && fault->call == call ? fault : NULL;
}

static void die(void)
{
    (void)kill(runner_id, SIGKILL);
}

static bool is_half(const struct fault *fault)
{
    return fault != NULL &&
           (fault->mode == KILL_HALF || fault->mode == FAIL_HALF ||
            (fault->mode == KILL_CHILD && is_child_beginning));
}

/* It sees the death of its runner, or dies in the middle of the call. */
static void die_half(const struct fault *fault)
{
    if (fault != NULL && fault->mode == KILL_HALF)
        die();
    if (fault != NULL && fault->mode == KILL_CHILD && is_child_beginning)
        (void)kill(getpid(), SIGKILL);
}

/* True: the call is not to be made, and fails. */
static bool before(const struct fault *fault)
{
    if (fault != NULL && fault->mode == KILL_BEFORE)
        die();
    return fault != NULL && fault->mode == FAIL;
}

static void after(const struct fault *fault)
{
    if (fault != NULL && fault->mode == KILL_AFTER)
        die();
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __real_clone(int (*run)(void *), void *stack, int flags, void *context,
                 ...);
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *context,
                 ...);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_pipe2(int fd[2], int flags);
int __wrap_pipe2(int fd[2], int flags);
ssize_t __real_splice(int from, off64_t *from_at, int to, off64_t *to_at,
                      size_t size, unsigned flags);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at,
                      size_t size, unsigned flags);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_runner_main(const struct runner_options *options);
int __wrap_runner_main(const struct runner_options *options);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    const struct fault *fault = due(CALL_WRITE);
    if (before(fault)) {
        errno = ENOSPC;
        return -1;
    }
    if (is_half(fault))
        size /= 2;
    ssize_t n = __real_write(fd, data, size);
    die_half(fault);
    after(fault);
    return n;
}

int __wrap_clone(int (*run)(void *), void *stack, int flags, void *context, ...)
{
    const struct fault *fault = due(CALL_CLONE);
    if (before(fault)) {
        errno = EAGAIN;
        return -1;
    }
    is_child_beginning = true;
    pid_t pid = __real_clone(run, stack, flags, context);
    is_child_beginning = false;
    after(fault);
    return pid;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    const struct fault *fault = due(CALL_SENDMSG);
    if (before(fault)) {
        errno = ENOBUFS;
        return -1;
    }
    ssize_t n = __real_sendmsg(fd, message, flags);
    after(fault);
    return n;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    const struct fault *fault = due(CALL_MKDIR);
    if (before(fault)) {
        errno = ENOSPC;
        return -1;
    }
    int rc = __real_mkdir(path, mode);
    after(fault);
    return rc;
}

int __wrap_pipe2(int fd[2], int flags)
{
    const struct fault *fault = due(CALL_PIPE);
    if (before(fault)) {
        errno = EMFILE;
        return -1;
    }
    int rc = __real_pipe2(fd, flags);
    after(fault);
    return rc;
}

ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at,
                      size_t size, unsigned flags)
{
    const struct fault *fault = due(CALL_SPLICE);
    if (before(fault)) {
        errno = ENOSPC;
        return -1;
    }
    if (fault != NULL && fault->mode >= KILL_HALF && size > 1)
        size /= 2;
    ssize_t n = __real_splice(from, from_at, to, to_at, size, flags);
    if (fault != NULL && fault->mode == KILL_HALF)
        die();
    after(fault);
    return n;
}

int __wrap_rename(const char *from, const char *to)
{
    const struct fault *fault = due(CALL_RENAME);
    if (before(fault)) {
        errno = ENOSPC;
        return -1;
    }
    int rc = __real_rename(from, to);
    after(fault);
    return rc;
}

int __wrap_runner_main(const struct runner_options *options)
{
    me = ++plan->runners;
    runner_id = getpid();
    return __real_runner_main(options);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* --- the task and what must hold --- */

static void begin(struct rig *r, struct fault first, struct fault second)
{
    struct script script[] = {
        {.name = "a", .cmdline = "echo x >>a; echo a says"},
        {.name = "b", .cmdline = "echo x >>b; echo b says; exit 1"},
        {.name = "c", .cmdline = "echo x >>c; echo c says", .final = true}};
    char *name[] = {(char *)(uintptr_t) "a", (char *)(uintptr_t) "b"};

    *plan = (struct plan){.first = first, .second = second};
    rig_init(r);
    struct written *w = write_task(script, 3, false);
    w->chain.order = name;
    w->chain.n_order = 2;
    w->config.constraints = w->chain_list;
    w->config.n_constraints = 1;
    w->config.has_max_failures = 1;
    w->config.max_failures = 0;
    give(r, w);
    start(r);
}

static uint32_t last_run(const struct history *h, uint32_t process)
{
    for (uint32_t i = h->runs.count; i-- > 0;)
        if (h->runs.item[i].process == process)
            return h->runs.item[i].run;
    return 0;
}

/* The last run is as it should be. Those before it did nothing: nobody saw them
 * begin, or they were told to go by nobody. */
static void check_process(const struct rig *r, const struct history *h,
                          uint32_t at, char last)
{
    static const char *const names[] = {"a", "b", "c"};
    char runs[128] = "", path[64], want[16];
    size_t size = strlen(history_letters(h, at, runs, sizeof runs));
    assert_int_equal(size > 0 ? runs[size - 1] : 0, last);
    assert_int_equal(strspn(runs, "kl"), size - 1);
    assert_content(r, names[at], "x\n");
    if (plan->first.mode == FAIL || plan->first.mode == FAIL_HALF)
        return; /* output that cannot be written is lost */
    (void)snprintf(path, sizeof path, ".logs/%s/%u/stdout", names[at],
                   last_run(h, at));
    (void)snprintf(want, sizeof want, "%s says\n", names[at]);
    assert_content(r, path, want);
}

static bool is_refused(const struct rig *r)
{
    return r->state == THERMOS_FAILED &&
           (strstr(r->text, "checkpoint") || strstr(r->text, "sandbox"));
}

/* A sandbox that takes not even the header of a checkpoint is a reason to say
 * so and to run nothing. */
static void check(const struct rig *r)
{
    struct history h;
    char path[100];
    if (plan->first.mode >= FAIL && is_refused(r)) {
        assert_false(exists(r, "a"));
        return;
    }
    assert_int_equal(r->state, THERMOS_FINISHED);
    (void)snprintf(path, sizeof path, "%s/.thermos/stream", r->dir);
    history_read(&h, path);
    assert_int_equal(h.state, PERIGEE__THERMOS__TASK__STATE__SUCCESS);
    check_process(r, &h, 0, 's');
    check_process(r, &h, 1, 'f');
    check_process(r, &h, 2, 's');
    history_release(&h);
}

static void run_with(struct fault first, struct fault second)
{
    struct rig r;
    begin(&r, first, second);
    finish(&r);
    if (getenv("TEST_VERBOSE") != NULL)
        print_message("%s %s %u: %d runners, %s\n", call_names[first.call],
                      mode_names[first.mode], first.at, plan->runners, r.text);
    check(&r);
    rig_release(&r);
}

static const struct fault never;

/* How often each call is made when nothing goes wrong. */
static void count_calls(uint32_t made[CALLS])
{
    run_with(never, never);
    memcpy(made, plan->made[0], CALLS * sizeof *made);
    for (int call = 0; call < CALL_RENAME; call++) /* no log is so long */
        assert_true(made[call] > 0);
}

static void at_every_call(const enum mode *mode, size_t modes)
{
    uint32_t made[CALLS];
    count_calls(made);
    for (int call = 0; call < CALLS; call++)
        for (uint32_t at = 1; at <= made[call]; at++)
            for (size_t i = 0; i < modes; i++)
                run_with((struct fault){(enum call)call, mode[i], at}, never);
}

static void test_case_19_death_at_every_call(void **unused)
{
    (void)unused;
    static const enum mode modes[] = {KILL_BEFORE, KILL_AFTER, KILL_HALF,
                                      KILL_CHILD};
    at_every_call(modes, 4);
}

static void test_case_19_failure_of_every_call(void **unused)
{
    (void)unused;
    static const enum mode modes[] = {FAIL, FAIL_HALF};
    at_every_call(modes, 2);
}

/* The one that takes over dies as well, at each of its own calls. */
static void test_case_19_death_at_every_call_of_a_takeover(void **unused)
{
    (void)unused;
    uint32_t made[CALLS];
    count_calls(made);
    for (uint32_t first = 3; first < made[CALL_WRITE]; first += 4)
        for (int call = 0; call < CALLS; call++) {
            uint32_t at = 0, count;
            do {
                run_with((struct fault){CALL_WRITE, KILL_HALF, first},
                         (struct fault){(enum call)call, KILL_AFTER, ++at});
                count = plan->made[1][call];
            } while (count >= at && at < 30);
        }
}

/* --- logs --- */

enum { LINES = 1500, LOG_BYTES = 1000, FILES = 12 };

static void begin_log(struct rig *r, struct fault first)
{
    struct script script = {
        .name = "a", .log_size = LOG_BYTES, .cmdline = "seq 1 1500"};
    *plan = (struct plan){.first = first};
    rig_init(r);
    struct written *w = write_task(&script, 1, false);
    w->logger[0].backups = FILES;
    give(r, w);
    start(r);
}

/* Every line once, in order, from the oldest file to the newest; each but the
 * newest full, with a whole line at its end. */
static void check_log(const struct rig *r)
{
    struct buf have = {0}, want = {0};
    char name[64], *text;
    for (int i = 1; i <= LINES; i++)
        buf_addf(&want, "%d\n", i);
    for (int i = FILES; i >= 0; i--) {
        (void)snprintf(name, sizeof name, ".logs/a/0/stdout%s%.0d",
                       i ? "." : "", i);
        if (!exists(r, name))
            continue;
        text = content(r, name);
        size_t size = strlen(text);
        assert_true(i == 0 || (size >= LOG_BYTES && size < LOG_BYTES + 10));
        assert_true(size < LOG_BYTES + 10);
        assert_true(i == 0 || text[size - 1] == '\n');
        buf_add_text(&have, text);
        free(text);
    }
    assert_int_equal(have.size, want.size);
    assert_memory_equal(have.data, want.data, want.size);
    buf_release(&have);
    buf_release(&want);
}

static void log_with(struct fault first)
{
    struct rig r;
    begin_log(&r, first);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    check_log(&r);
    rig_release(&r);
}

static void test_case_19_logs_are_exact_whenever_it_dies(void **unused)
{
    (void)unused;
    static const enum call calls[] = {CALL_SPLICE, CALL_RENAME, CALL_PIPE};
    static const enum mode modes[] = {KILL_BEFORE, KILL_AFTER, KILL_HALF};
    uint32_t made[CALLS];
    log_with(never);
    memcpy(made, plan->made[0], sizeof made);
    for (int call = 0; call < 3; call++) {
        assert_true(made[calls[call]] > 2);
        for (uint32_t at = 1; at <= made[calls[call]]; at++)
            for (int mode = 0; mode < 3; mode++)
                log_with((struct fault){calls[call], modes[mode], at});
    }
}

/* As Aurora tests it: every write is the last one with one chance in ten. */
static void test_case_19_death_by_chance(void **unused)
{
    (void)unused;
    struct rng rng;
    rng_seed(&rng, 19);
    for (int round = 0; round < 20; round++)
        run_with((struct fault){CALL_WRITE, KILL_HALF,
                                1 + (uint32_t)rng_below(&rng, 10)},
                 (struct fault){CALL_WRITE, KILL_BEFORE,
                                1 + (uint32_t)rng_below(&rng, 10)});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_19_death_at_every_call),
        cmocka_unit_test(test_case_19_failure_of_every_call),
        cmocka_unit_test(test_case_19_death_at_every_call_of_a_takeover),
        cmocka_unit_test(test_case_19_death_by_chance),
        cmocka_unit_test(test_case_19_logs_are_exact_whenever_it_dies),
    };
    plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
