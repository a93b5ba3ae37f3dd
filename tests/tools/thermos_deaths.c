/* thermos-deaths KIND COUNT [SEED]: run a task of twenty processes COUNT times,
 * with the real executor and runner, and SIGKILL at a random instant
 *
 *     runner     the runner: the next one takes over, nothing runs twice
 *     executor   the executor: the runner ends the task, nothing is left
 *     alone      the executor, while the agent is away: the runner goes on
 *     both       both: a new executor takes up what is there, and only what
 *                nobody saw end runs again
 *
 * Prints one line per KIND; what is wrong is said with the seed and the
 * sandbox, which is kept. */
#include "base/rng.h"
#include "perigee/job.pb-c.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "tests/support/fake_agent.h"
#include "tests/support/history.h"

#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum { PROCESSES = 20, FINAL = 2, WIDTH = 6, WAIT_MS = 30000 };

enum kind { KIND_RUNNER, KIND_EXECUTOR, KIND_ALONE, KIND_BOTH, KINDS };
static const char *const kind_names[] = {"runner", "executor", "alone", "both"};

static char sandbox[64];
static char thermos[PATH_MAX];
static uint64_t seed; /* of this run */

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    (void)printf("WRONG: %s (seed %llu, %s)\n", what, (unsigned long long)seed,
                 sandbox);
    exit(1);
}

/* --- the task --- */

/* Levels of up to six processes, each level after one of the one before; two
 * final ones. Each marks its begin and its end. */
static void write_task(struct rng *rng, struct buf *out)
{
    static char name[PROCESSES][8], cmdline[PROCESSES][160];
    static char *pair[PROCESSES][2];
    static Perigee__Process process[PROCESSES], *list[PROCESSES];
    static Perigee__OrderChain chain[PROCESSES], *chains[PROCESSES];
    Perigee__AssignedTask task = PERIGEE__ASSIGNED_TASK__INIT;
    Perigee__Job job = PERIGEE__JOB__INIT;
    Perigee__TaskConfig config = PERIGEE__TASK_CONFIG__INIT;
    size_t orders = 0;

    for (int i = 0; i < PROCESSES; i++) {
        perigee__process__init(&process[i]);
        (void)snprintf(name[i], sizeof name[i], "p%d", i);
        (void)snprintf(cmdline[i], sizeof cmdline[i],
                       "echo x >>p%d.begun; echo out %d; sleep 0.0%d; "
                       "echo x >>p%d.done",
                       i, i, (int)rng_below(rng, 9), i);
        process[i].name = name[i];
        process[i].cmdline = cmdline[i];
        process[i].has_min_duration = 1;
        process[i].has_final = 1;
        process[i].final = i >= PROCESSES - FINAL;
        list[i] = &process[i];
        if (i < WIDTH || process[i].final)
            continue;
        perigee__order_chain__init(&chain[orders]);
        pair[orders][0] = name[i - WIDTH + (int)rng_below(rng, WIDTH)];
        pair[orders][1] = name[i];
        chain[orders].order = pair[orders];
        chain[orders].n_order = 2;
        chains[orders] = &chain[orders];
        orders++;
    }
    config.processes = list;
    config.n_processes = PROCESSES;
    config.constraints = chains;
    config.n_constraints = orders;
    config.has_max_concurrency = 1;
    config.max_concurrency = (uint32_t)rng_below(rng, 8);
    job.task = &config;
    job.cluster = job.role = job.environment = job.name =
        (char *)(uintptr_t) "x";
    task.job = &job;
    task.task_id = (char *)(uintptr_t) "task";
    codec_encode(&task.base, MEDIA_PROTOBUF, out);
}

/* --- what is there --- */

static uint32_t lines_of(int process, const char *what)
{
    char path[128];
    struct buf text = {0};
    uint32_t lines = 0;
    (void)snprintf(path, sizeof path, "%s/p%d.%s", sandbox, process, what);
    (void)file_read(path, 1 << 16, &text, NULL);
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    buf_release(&text);
    return lines;
}

static void read_stream(struct history *h)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/.thermos/stream", sandbox);
    history_read(h, path);
}

static pid_t runner_of(pid_t executor)
{
    char path[64], text[256] = "", title[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children",
                   (int)executor, (int)executor);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    text[n] = '\0';
    for (char *at = text, *end; *at != '\0'; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
        file = fopen(path, "re");
        n = file ? fread(title, 1, sizeof title - 1, file) : 0;
        if (file != NULL)
            (void)fclose(file);
        title[n] = '\0';
        /* Just forked it still has the executor's title. */
        if (n > 8 && strcmp(title, "thermos") == 0)
            return (pid_t)pid;
    }
    return 0;
}

static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* Nothing of it lives: we are the subreaper of all. */
static void until_nothing_lives(struct fake_agent *agent)
{
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    for (;;) {
        reap();
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return;
        fake_agent_turn(agent, 5);
        must(clock_boot_ms() < until_ms, "something does not end");
    }
}

static void until_over(struct fake_agent *agent)
{
    int64_t until_ms = clock_boot_ms() + WAIT_MS;
    while (!agent->is_over) {
        reap();
        fake_agent_turn(agent, 20);
        must(clock_boot_ms() < until_ms, "the task does not end");
    }
}

/* --- what must hold --- */

/* Every process ended well in its last run; those before it are LOST or were
 * never let go; and it ended as often as that allows. */
static void check_success(const struct history *h, bool may_repeat)
{
    must(h->state == PERIGEE__THERMOS__TASK__STATE__SUCCESS,
         "the checkpoint does not say SUCCESS");
    for (int i = 0; i < PROCESSES; i++) {
        char runs[128];
        size_t size =
            strlen(history_letters(h, (uint32_t)i, runs, sizeof runs));
        uint32_t lost = 0, done = lines_of(i, "done");
        must(size > 0 && runs[size - 1] == 's', "a process did not succeed");
        must(strspn(runs, "kl") == size - 1, "a run of it failed");
        for (size_t k = 0; k < size; k++)
            lost += runs[k] == 'l';
        must(done >= 1, "a process did not run to its end");
        must(done <= 1 + (may_repeat ? lost : 0), "a process ran twice");
    }
}

static void check_ended(const struct history *h)
{
    must(h->state == PERIGEE__THERMOS__TASK__STATE__KILLED ||
             h->state == PERIGEE__THERMOS__TASK__STATE__SUCCESS,
         "the runner did not end the task");
    for (uint32_t i = 0; i < h->runs.count; i++)
        must(h->runs.item[i].ended_ms != 0, "a run has no end");
    if (h->state == PERIGEE__THERMOS__TASK__STATE__SUCCESS)
        check_success(h, false);
}

static void check(enum kind kind, const struct fake_agent *agent)
{
    struct history h;
    read_stream(&h);
    if (kind == KIND_EXECUTOR) {
        if (h.header != NULL) /* else it died before there was a runner */
            check_ended(&h);
    } else if (kind == KIND_ALONE) {
        if (h.header != NULL)
            check_success(&h, false);
    } else {
        must(agent->state == MESOS__V1__TASK_STATE__TASK_FINISHED,
             agent->message);
        check_success(&h, kind == KIND_BOTH);
    }
    history_release(&h);
}

/* --- deaths --- */

static void turn_until(struct fake_agent *agent, int64_t at_ns)
{
    while (clock_monotonic_ns() < at_ns && !agent->is_over)
        fake_agent_turn(agent, 1);
}

static bool is_asleep(pid_t pid)
{
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    bool is_read = file != NULL && fgets(text, sizeof text, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    const char *behind_name = is_read ? strrchr(text, ')') : NULL;
    return behind_name != NULL && behind_name[2] == 'S';
}

/* Until the other side has closed it, too. */
static void await_end(int fd)
{
    char piece[4096];
    struct pollfd end = {.fd = fd, .events = POLLIN};
    (void)shutdown(fd, SHUT_WR);
    do
        must(poll(&end, 1, WAIT_MS) == 1, "the executor keeps its connections");
    while (read(fd, piece, sizeof piece) > 0);
}

/* The executor has seen its agent go, and told the runner so in the same turn:
 * until that is over it does not sleep. */
static void hide_agent(struct fake_agent *agent)
{
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    (void)close(agent->listener);
    agent->listener = -1;
    for (uint32_t i = 0; i < agent->connections.count; i++)
        await_end(agent->connections.item[i].fd);
    while (agent->connections.count > 0)
        fake_hang_up(agent, 0);
    while (!is_asleep(agent->executor))
        must(clock_monotonic_ms() < until_ms, "the executor does not rest");
}

static void strike(enum kind kind, struct fake_agent *agent, struct rng *rng)
{
    /* At one instant: neither may see the other one's death. */
    if (kind == KIND_BOTH)
        (void)kill(agent->executor, SIGSTOP);
    pid_t runner = runner_of(agent->executor);
    if (kind == KIND_BOTH && runner != 0)
        (void)kill(runner, SIGSTOP);
    if (kind == KIND_ALONE)
        hide_agent(agent);
    if (kind == KIND_BOTH || kind == KIND_EXECUTOR || kind == KIND_ALONE)
        (void)kill(agent->executor, SIGKILL);
    if (runner != 0 && (kind == KIND_BOTH || kind == KIND_RUNNER))
        (void)kill(runner, SIGKILL);
    if (kind != KIND_BOTH)
        return;
    turn_until(agent, clock_monotonic_ns() + (int64_t)rng_below(rng, 60000000));
    reap();
    agent->is_launched = false;
    fake_agent_start(agent);
}

static void run_once(enum kind kind)
{
    struct rng rng;
    struct buf task = {0};
    struct fake_agent agent;

    rng_seed(&rng, seed);
    (void)snprintf(sandbox, sizeof sandbox, "/tmp/thermos_deaths.XXXXXX");
    must(mkdtemp(sandbox) != NULL, "no directory");
    write_task(&rng, &task);
    fake_agent_open(&agent, thermos, sandbox, buf_bytes(&task));
    fake_agent_start(&agent);
    turn_until(&agent,
               clock_monotonic_ns() + (int64_t)rng_below(&rng, 400000000));
    if (!agent.is_over)
        strike(kind, &agent, &rng);
    if (kind == KIND_RUNNER || kind == KIND_BOTH)
        until_over(&agent);
    until_nothing_lives(&agent);
    check(kind, &agent);
    fake_agent_close(&agent);
    buf_release(&task);
    must(dir_remove(sandbox, NULL) == 0, "the sandbox cannot be removed");
}

int main(int argc, char **argv)
{
    enum kind kind = KIND_RUNNER;
    ssize_t size = readlink("/proc/self/exe", thermos, sizeof thermos - 64);

    while (argc >= 3 && kind < KINDS && strcmp(argv[1], kind_names[kind]) != 0)
        kind++;
    if (argc < 3 || kind == KINDS || size < 0) {
        (void)fputs("usage: thermos-deaths runner|executor|alone|both COUNT "
                    "[SEED]\n",
                    stderr);
        return 5;
    }
    thermos[size] = '\0';
    (void)snprintf(strrchr(thermos, '/'), 16, "/thermos");
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    long count = strtol(argv[2], NULL, 10);
    uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    for (long i = 0; i < count; i++) {
        seed = first + (uint64_t)i;
        run_once(kind);
    }
    (void)printf("%s: %ld deaths, recovered each time\n", argv[1], count);
    return 0;
}
