/* The behaviour cases of Aurora's Thermos, by their numbers
 * (docs/thermos-cases.md), with a real runner and real processes. */
#include "runner_kit.h"

#include "tests/support/history.h"

enum { RUNS_MAX = 128 };

static void read_back(const struct rig *r, struct history *h)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/.thermos/stream", r->dir);
    history_read(h, path);
}

/* The runs of every process, as letters, are these. */
static void assert_runs(const struct rig *r, const char *const *want,
                        size_t count)
{
    struct history h;
    char have[RUNS_MAX];
    read_back(r, &h);
    for (uint32_t i = 0; i < count; i++)
        assert_string_equal(history_letters(&h, i, have, sizeof have), want[i]);
    history_release(&h);
}

/* Run to the end with max_failures of the task, and compare. */
static void expect(const struct script *script, size_t count, bool ordered,
                   uint32_t max_failures, enum thermos_state state,
                   const char *const *runs)
{
    struct rig r;
    rig_init(&r);
    struct written *w = write_task(script, count, ordered);
    w->config.has_max_failures = 1;
    w->config.max_failures = max_failures;
    give(&r, w);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, state);
    assert_runs(&r, runs, count);
    rig_release(&r);
}

/* --- 1 to 12: graphs, finalizers, failures --- */

static void add_orders(struct written *w, Perigee__OrderChain *chain,
                       Perigee__OrderChain **list, char *(*name)[2],
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        perigee__order_chain__init(&chain[i]);
        chain[i].order = name[i];
        chain[i].n_order = 2;
        list[i] = &chain[i];
    }
    w->config.constraints = list;
    w->config.n_constraints = count;
}

static void assert_after(const struct history *h, uint32_t before,
                         uint32_t after)
{
    const struct history_run *a = history_run_of(h, before, 0);
    const struct history_run *b = history_run_of(h, after, 0);
    assert_true(b->started_ms >= a->ended_ms);
}

static void test_case_01_six_processes_in_their_order(void **unused)
{
    (void)unused;
    static const char *const names[] = {"t1", "t2", "t3", "t4", "t5", "t6"};
    struct script script[6];
    for (int i = 0; i < 6; i++)
        script[i] = (struct script){
            .name = names[i], .cmdline = "echo {{thermos.ports[named_port]}}"};
    static const int pairs[][2] = {{0, 2}, {0, 3}, {1, 2}, {1, 3},
                                   {2, 4}, {2, 5}, {3, 4}, {3, 5}};
    char *name[8][2];
    Perigee__OrderChain chain[8], *list[8];
    Perigee__AssignedPort port = PERIGEE__ASSIGNED_PORT__INIT,
                          *ports[] = {&port};
    struct history h;
    struct rig r;

    rig_init(&r);
    struct written *w = write_task(script, 6, false);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 2; k++)
            name[i][k] = (char *)(uintptr_t)names[pairs[i][k]];
    add_orders(w, chain, list, name, 8);
    port.name = (char *)(uintptr_t) "named_port";
    port.has_port = 1;
    port.port = 8123;
    w->task.ports = ports;
    w->task.n_ports = 1;
    give(&r, w);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/t6/0/stdout", "8123\n");
    read_back(&r, &h);
    assert_string_equal(h.header->task_id, "the-task");
    assert_string_equal(h.header->sandbox, r.dir);
    assert_string_equal(h.header->hostname, runner_hostname());
    assert_true(h.header->started_ms > 0);
    assert_int_equal(h.header->n_ports, 1);
    assert_string_equal(h.header->ports[0]->name, "named_port");
    assert_int_equal(h.header->ports[0]->port, 8123);
    assert_int_equal(h.header->n_processes, 6);
    assert_int_equal(h.runs.count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        const struct history_run *run = history_run_of(&h, i, 0);
        assert_int_equal(run->state, PERIGEE__THERMOS__PROCESS__STATE__SUCCESS);
        assert_true(run->started_ms <= run->ended_ms);
    }
    for (int i = 0; i < 8; i++)
        assert_after(&h, (uint32_t)pairs[i][0], (uint32_t)pairs[i][1]);
    history_release(&h);
    rig_release(&r);
}

static void test_case_02_one_at_a_time(void **unused)
{
    (void)unused;
    struct script script[] = {{.name = "a", .cmdline = "sleep 0.2"},
                              {.name = "b", .cmdline = "sleep 0.2"},
                              {.name = "c", .cmdline = "sleep 0.2"}};
    struct history h;
    struct rig r;
    rig_init(&r);
    struct written *w = write_task(script, 3, false);
    w->config.has_max_concurrency = 1;
    w->config.max_concurrency = 1;
    give(&r, w);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    read_back(&r, &h);
    assert_int_equal(h.runs.count, 3);
    for (uint32_t i = 1; i < 3; i++)
        assert_true(h.runs.item[i].started_ms - h.runs.item[i - 1].started_ms >
                    200);
    history_release(&h);
    rig_release(&r);
}

static void test_case_03_a_profile_is_read_by_those_after_it(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "setup",
         .cmdline = "printf 'export FOO=1\nexport BAR=2\n' >.thermos_profile"},
        {.name = "show", .cmdline = "echo $FOO $BAR"}};
    struct rig r;
    run_scripts(&r, script, 2, true);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/show/0/stdout", "1 2\n");
    rig_release(&r);
}

static void test_case_04_a_finalizer_after_success(void **unused)
{
    (void)unused;
    expect((struct script[]){{.name = "main", .cmdline = "true"},
                             {.name = "f", .cmdline = "true", .final = true}},
           2, false, 1, THERMOS_FINISHED, (const char *const[]){"s", "s"});
}

static void test_case_05_an_endless_finalizer_is_ended(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "main", .cmdline = "true"},
        {.name = "f", .cmdline = "trap '' TERM; sleep 1000", .final = true}};
    struct rig r;
    rig_init(&r);
    struct written *w = write_task(script, 2, false);
    w->config.finalization_wait = 1;
    give(&r, w);
    int64_t began_ms = clock_boot_ms();
    start(&r);
    finish(&r);
    int64_t took_ms = clock_boot_ms() - began_ms;
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(took_ms >= 1000 && took_ms < 4000);
    assert_runs(&r, (const char *const[]){"s", "k"}, 2);
    rig_release(&r);
}

static void test_case_06_a_failed_finalizer_changes_nothing(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "main", .cmdline = "true"},
        {.name = "f1", .cmdline = "exit 1", .final = true},
        {.name = "f2", .cmdline = "true", .final = true}};
    char *name[1][2] = {{(char *)(uintptr_t) "f1", (char *)(uintptr_t) "f2"}};
    Perigee__OrderChain chain[1], *list[1];
    struct rig r;
    rig_init(&r);
    struct written *w = write_task(script, 3, false);
    add_orders(w, chain, list, name, 1);
    give(&r, w);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_runs(&r, (const char *const[]){"s", "f", ""}, 3);
    rig_release(&r);
}

static void test_case_07_a_finalizer_may_fail_twice(void **unused)
{
    (void)unused;
    expect((struct script[]){{.name = "main", .cmdline = "true"},
                             {.name = "f1",
                              .cmdline = "exit 1",
                              .max_failures = 2,
                              .final = true},
                             {.name = "f2", .cmdline = "true", .final = true}},
           3, false, 1, THERMOS_FINISHED,
           (const char *const[]){"s", "ff", "s"});
}

static void test_case_08_finalizers_run_after_a_failure(void **unused)
{
    (void)unused;
    expect((struct script[]){{.name = "main", .cmdline = "exit 1"},
                             {.name = "f", .cmdline = "true", .final = true}},
           2, false, 1, THERMOS_FAILED, (const char *const[]){"f", "s"});
}

static void test_case_09_each_succeeds_at_its_own_run(void **unused)
{
    (void)unused;
    expect(
        (struct script[]){{.name = "p1", .max_failures = 5, .cmdline = "true"},
                          {.name = "p2",
                           .max_failures = 5,
                           .cmdline = "echo >>p2; test $(wc -l <p2) -ge 2"},
                          {.name = "p3",
                           .max_failures = 5,
                           .cmdline = "echo >>p3; test $(wc -l <p3) -ge 3"}},
        3, false, 1, THERMOS_FINISHED, (const char *const[]){"s", "fs", "ffs"});
}

static void test_case_10_too_many_failures_fail_the_task(void **unused)
{
    (void)unused;
    expect(
        (struct script[]){
            {.name = "bad", .max_failures = 3, .cmdline = "exit 1"},
            {.name = "other", .cmdline = "exec sleep 1000"}},
        2, false, 1, THERMOS_FAILED, (const char *const[]){"fff", "k"});
}

static void test_case_11_max_failures_0_never_fails_the_task(void **unused)
{
    (void)unused;
    expect((struct script[]){{.name = "f1", .cmdline = "exit 1"},
                             {.name = "f2", .cmdline = "exit 1"},
                             {.name = "f3", .cmdline = "exit 1"},
                             {.name = "s1", .cmdline = "true"},
                             {.name = "s2", .cmdline = "true"},
                             {.name = "s3", .cmdline = "true"}},
           6, false, 0, THERMOS_FINISHED,
           (const char *const[]){"f", "f", "f", "s", "s", "s"});
}

static void test_case_12_an_ephemeral_process_is_not_waited_for(void **unused)
{
    (void)unused;
    int64_t began_ms = clock_boot_ms();
    expect(
        (struct script[]){
            {.name = "e", .ephemeral = true, .cmdline = "sleep 10"},
            {.name = "main", .cmdline = "sleep 0.3"}},
        2, false, 1, THERMOS_FINISHED, (const char *const[]){"k", "s"});
    int64_t took_ms = clock_boot_ms() - began_ms;
    assert_true(took_ms >= 300 && took_ms < 5000);
}

/* --- 13 to 18: kills from outside --- */

/* It waits the first time and succeeds the second. */
static const struct script waits_once = {
    .name = "p",
    .cmdline = "test -e up && exit 0; echo $$ >up.new; mv up.new up;"
               "exec sleep 1000"};

static pid_t pid_in(const struct rig *r, const char *file)
{
    char *text = content(r, file);
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    free(text);
    assert_true(pid > 1);
    return pid;
}

static void test_case_13_a_killed_process_runs_again(void **unused)
{
    (void)unused;
    struct history h;
    struct rig r;
    run_scripts(&r, &waits_once, 1, false);
    until_exists(&r, "up");
    (void)kill(pid_in(&r, "up"), SIGKILL);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_runs(&r, (const char *const[]){"ks"}, 1);
    read_back(&r, &h);
    int status = h.runs.item[0].wait_status;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    history_release(&h);
    rig_release(&r);
}

/* Nobody reaps for it, nobody tells: what ended is not known to the next. */
static void forget(struct rig *r)
{
    int64_t until_ms = clock_boot_ms() + DEADLINE_MS;
    while (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
        (void)poll(NULL, 0, 1);
        assert_true(clock_boot_ms() < until_ms);
    }
    r->runner = 0;
    r->exits.count = 0;
}

/* There is no coordinator here. What stands between a process and its task is
 * the runner, whose death hurts nobody; and when the executor, which could tell
 * how the process ended, knows nothing either, the run is LOST. */
static void test_case_14_what_nobody_saw_is_lost(void **unused)
{
    (void)unused;
    struct rig r;
    run_scripts(&r, &waits_once, 1, false);
    until_exists(&r, "up");
    pid_t pid = pid_in(&r, "up");
    (void)kill(r.runner, SIGKILL);
    (void)kill(pid, SIGKILL);
    forget(&r);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_runs(&r, (const char *const[]){"ls"}, 1);
    rig_release(&r);
}

static void test_case_15_a_killed_runner_is_replaced(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "p",
        .cmdline = "touch up; while ! test -e go; do sleep 0.02; done"};
    struct history h;
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    (void)kill(r.runner, SIGKILL);
    while (r.runners < 2)
        turn(&r, 5);
    char path[100];
    (void)snprintf(path, sizeof path, "%s/go", r.dir);
    assert_int_equal(file_write(path, bytes_of("", 0), 0644, false, NULL), 0);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_runs(&r, (const char *const[]){"s"}, 1);
    read_back(&r, &h);
    assert_int_equal(h.takeovers, 1);
    history_release(&h);
    rig_release(&r);
}

static void test_case_16_a_kill_of_what_died_unseen(void **unused)
{
    (void)unused;
    struct rig r;
    run_scripts(&r, &waits_once, 1, false);
    until_exists(&r, "up");
    pid_t pid = pid_in(&r, "up");
    (void)kill(r.runner, SIGKILL);
    (void)kill(pid, SIGKILL);
    forget(&r);
    int64_t began_ms = clock_boot_ms();
    start(&r);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 5000});
    finish(&r);
    assert_true(clock_boot_ms() - began_ms < 4000);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_runs(&r, (const char *const[]){"l"}, 1);
    rig_release(&r);
}

static void test_case_17_a_kill_takes_as_long_as_it_may(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "trap '' TERM; touch up; while :; do sleep 0.05; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    int64_t asked_ms = clock_boot_ms();
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 1000});
    finish(&r);
    int64_t took_ms = clock_boot_ms() - asked_ms;
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_true(took_ms >= 1000 && took_ms < 2500);
    rig_release(&r);
}

static void assert_gone(pid_t pid)
{
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void test_case_18_no_child_outlives_the_task(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .cmdline = "sleep 1000 & echo $! >child"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_gone(pid_in(&r, "child"));
    rig_release(&r);
}

static void test_case_20_a_daemon_of_its_own_gets_sigterm(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "(setsid bash -c 'trap \"touch termed; exit\" TERM;"
                   "echo $$ >child.new; mv child.new child;"
                   "while :; do sleep 0.02; done' &) ;"
                   "while ! test -e child; do sleep 0.02; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(exists(&r, "termed"));
    assert_gone(pid_in(&r, "child"));
    rig_release(&r);
}

/* --- 21 to 25: descriptors and logs --- */

static void test_case_21_no_descriptor_is_inherited(void **unused)
{
    (void)unused;
    struct script script = {.name = "a", .cmdline = "ls /proc/self/fd | wc -l"};
    struct rig r;
    /* As a shell that runs us might leave one behind. */
    assert_int_equal(setenv("TEST_LEAK", "1", 1), 0);
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(unsetenv("TEST_LEAK"), 0);
    assert_content(&r, ".logs/a/0/stdout", "4\n"); /* 0 1 2 and the listing */
    rig_release(&r);
}

static void test_case_22_logs_rotate_at_their_size(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .log_size = 70,
                            .cmdline =
                                "for i in $(seq 10 40); do echo line$i; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_content(&r, ".logs/a/0/stdout", "line40\n");
    assert_content(&r, ".logs/a/0/stdout.1",
                   "line30\nline31\nline32\nline33\nline34\n"
                   "line35\nline36\nline37\nline38\nline39\n");
    assert_content(&r, ".logs/a/0/stdout.2",
                   "line20\nline21\nline22\nline23\nline24\n"
                   "line25\nline26\nline27\nline28\nline29\n");
    assert_false(exists(&r, ".logs/a/0/stdout.3"));
    assert_content(&r, ".logs/a/0/stderr", "");
    rig_release(&r);
}

static off_t size_of_file(const struct rig *r, const char *name)
{
    struct stat st;
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void test_case_23_how_many_files_a_log_has(void **unused)
{
    (void)unused;
    enum { MB = 1024 * 1024 };
    static const struct {
        uint64_t log_size; /* 0: mode standard */
        const char *cmdline;
        off_t file[3]; /* stdout, .1, .2; -1: there is none */
    } rows[] = {
        {0, "head -c 20971520 /dev/zero", {20 * MB, -1, -1}},
        {MB, "yes | head -c 524288", {MB / 2, -1, -1}},
        {MB, "yes | head -c 1572864", {MB / 2, MB, -1}},
        {MB, "yes | head -c 3670016", {MB / 2, MB, -1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct script script = {.name = "a",
                                .log_size = rows[i].log_size,
                                .destination = "file",
                                .cmdline = rows[i].cmdline};
        struct rig r;
        rig_init(&r);
        struct written *w = write_task(&script, 1, false);
        w->logger[0].backups = 1;
        if (rows[i].log_size == 0)
            w->logger[0].mode = (char *)(uintptr_t) "standard";
        give(&r, w);
        start(&r);
        finish(&r);
        assert_int_equal(size_of_file(&r, ".logs/a/0/stdout"), rows[i].file[0]);
        assert_int_equal(size_of_file(&r, ".logs/a/0/stdout.1"),
                         rows[i].file[1]);
        assert_int_equal(size_of_file(&r, ".logs/a/0/stdout.2"),
                         rows[i].file[2]);
        assert_int_equal(size_of_file(&r, ".logs/a/0/stderr"), 0);
        rig_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_01_six_processes_in_their_order),
        cmocka_unit_test(test_case_02_one_at_a_time),
        cmocka_unit_test(test_case_03_a_profile_is_read_by_those_after_it),
        cmocka_unit_test(test_case_04_a_finalizer_after_success),
        cmocka_unit_test(test_case_05_an_endless_finalizer_is_ended),
        cmocka_unit_test(test_case_06_a_failed_finalizer_changes_nothing),
        cmocka_unit_test(test_case_07_a_finalizer_may_fail_twice),
        cmocka_unit_test(test_case_08_finalizers_run_after_a_failure),
        cmocka_unit_test(test_case_09_each_succeeds_at_its_own_run),
        cmocka_unit_test(test_case_10_too_many_failures_fail_the_task),
        cmocka_unit_test(test_case_11_max_failures_0_never_fails_the_task),
        cmocka_unit_test(test_case_12_an_ephemeral_process_is_not_waited_for),
        cmocka_unit_test(test_case_13_a_killed_process_runs_again),
        cmocka_unit_test(test_case_14_what_nobody_saw_is_lost),
        cmocka_unit_test(test_case_15_a_killed_runner_is_replaced),
        cmocka_unit_test(test_case_16_a_kill_of_what_died_unseen),
        cmocka_unit_test(test_case_17_a_kill_takes_as_long_as_it_may),
        cmocka_unit_test(test_case_18_no_child_outlives_the_task),
        cmocka_unit_test(test_case_20_a_daemon_of_its_own_gets_sigterm),
        cmocka_unit_test(test_case_21_no_descriptor_is_inherited),
        cmocka_unit_test(test_case_22_logs_rotate_at_their_size),
        cmocka_unit_test(test_case_23_how_many_files_a_log_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
