/* Runners and processes that are killed: nothing is lost, nothing runs twice.
 */
#include "runner_kit.h"

#include "executor/thermos/stream.h"
#include "tests/support/history.h"

static void test_a_killed_process_runs_again(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "test -e first && exit 0; touch first; kill -9 $$"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(exists(&r, ".logs/a/1/stdout"));
    assert_false(exists(&r, ".logs/a/2"));
    rig_release(&r);
}

/* In all its runs together: a run that was never let go says nothing. */
static void assert_said_out(const struct rig *r, const char *process)
{
    struct buf all = {0};
    for (int run = 0; run < 8; run++) {
        char name[64];
        (void)snprintf(name, sizeof name, ".logs/%s/%d/stdout", process, run);
        if (!exists(r, name))
            break;
        char *text = content(r, name);
        buf_add_text(&all, text);
        free(text);
    }
    assert_string_equal(buf_text(&all), "out\n");
    buf_release(&all);
}

/* Killed at any instant, as often as one likes: nothing is lost, nothing runs
 * twice, and all output is there. */
static void test_a_killed_runner_is_followed_by_another(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "one", .cmdline = "echo x >>one; echo out; sleep 0.02"},
        {.name = "two", .cmdline = "echo x >>two; echo out; sleep 0.02"},
        {.name = "three", .cmdline = "echo x >>three; echo out"}};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 25; round++) {
        struct rig r;
        run_scripts(&r, script, 3, true);
        for (int deaths = 0; deaths < 3 && !r.is_over; deaths++) {
            int64_t at_ns =
                clock_monotonic_ns() + (int64_t)rng_below(&rng, 30000000);
            while (clock_monotonic_ns() < at_ns && !r.is_over)
                turn(&r, 1);
            if (!r.is_over && r.runner != 0)
                (void)kill(r.runner, SIGKILL);
        }
        finish(&r);
        assert_int_equal(r.state, THERMOS_FINISHED);
        assert_content(&r, "one", "x\n");
        assert_content(&r, "two", "x\n");
        assert_content(&r, "three", "x\n");
        assert_said_out(&r, "one");
        assert_said_out(&r, "two");
        rig_release(&r);
    }
}

static void test_runner_and_process_killed_together(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "test -e pid && exit 0; echo $$ >pid.new; mv pid.new pid;"
                   " exec sleep 1000"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "pid");
    char *pid = content(&r, "pid");
    (void)kill(r.runner, SIGKILL);
    (void)kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
    free(pid);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(exists(&r, ".logs/a/1/stdout"));
    rig_release(&r);
}

static void test_an_adopted_process_ends_as_it_did(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "touch up; while ! test -e go; do sleep 0.02; done;"
                   " echo said by an orphan >&2; exit 9"};
    struct rig r;
    char path[100];
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    (void)kill(r.runner, SIGKILL);
    while (r.runners < 2)
        turn(&r, 5);
    (void)snprintf(path, sizeof path, "%s/go", r.dir);
    assert_int_equal(file_write(path, bytes_of("", 0), 0644, false, NULL), 0);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_string_equal(r.text, "process 'a' failed: it exited with status 9; "
                                "the end of its stderr:\nsaid by an orphan");
    rig_release(&r);
}

static void test_a_kill_survives_the_runner(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "trap '' TERM; touch up; while :; do sleep 0.05; done"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 500});
    for (int i = 0; i < 20; i++)
        turn(&r, 5);
    (void)kill(r.runner, SIGKILL);
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    rig_release(&r);
}

static void until_runner_gone(struct rig *r)
{
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    while (r->runner != 0) {
        reap(r, false);
        (void)poll(NULL, 0, 5);
        assert_true(clock_wall_ms() < until_ms);
    }
}

static void test_without_executor_the_task_ends(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .cmdline = "touch up; exec sleep 1000"};
    for (int later = 0; later < 2; later++) {
        struct rig r;
        run_scripts(&r, &script, 1, false);
        int64_t until_ms = later ? clock_boot_ms() + 700 : 0;
        tell(&r, (struct control_message){.kind = CONTROL_LINK,
                                          .number = until_ms});
        until_exists(&r, "up");
        (void)close(r.control);
        r.control = -1;
        until_runner_gone(&r);
        assert_true(clock_boot_ms() >= until_ms);
        rig_release(&r);
    }
}

/* The checkpoint as it would be had the machine booted since. */
static void pretend_boot(const struct rig *r)
{
    struct buf file = {0}, changed = {0};
    struct bytes record;
    size_t at = 0;
    char path[400];

    (void)snprintf(path, sizeof path, "%s/.thermos/stream", r->dir);
    assert_int_equal(file_read(path, 1 << 20, &file, NULL), 0);
    while (stream_frame_next(buf_bytes(&file), &at, &record, NULL) == 1) {
        uint8_t *boot_id;
        struct buf body = {0};
        char id[CLOCK_BOOT_ID_MAX];
        clock_boot_id(id);
        buf_add_bytes(&body, record);
        boot_id = memmem(body.data, body.size, id, strlen(id));
        if (boot_id != NULL)
            *boot_id = *boot_id == '0' ? '1' : '0';
        stream_frame(buf_bytes(&body), &changed);
        buf_release(&body);
    }
    assert_int_equal(file_write(path, buf_bytes(&changed), 0600, false, NULL),
                     0);
    buf_release(&file);
    buf_release(&changed);
}

static void test_nothing_lives_through_a_boot(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "test -e up && exit 0; touch up; exec sleep 1000"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    (void)kill(r.runner, SIGKILL);
    until_runner_gone(&r);
    pretend_boot(&r);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_true(exists(&r, ".logs/a/1"));
    assert_false(exists(&r, ".logs/a/2"));
    rig_release(&r);
}

/* Nothing can make logs below a file: no try of a hundred would help. */
static void test_what_can_never_start_fails_with_its_reason(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "spoil", .cmdline = "rm -rf .logs; touch .logs"},
        {.name = "b", .cmdline = "touch ran"}};
    struct rig r;
    struct history h;
    char path[100], runs[16];
    run_scripts(&r, script, 2, true);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_string_equal(r.text, "process 'b' failed: it could not be started: "
                                "log '.logs/b': Not a directory");
    assert_false(exists(&r, "ran"));
    (void)snprintf(path, sizeof path, "%s/.thermos/stream", r.dir);
    history_read(&h, path);
    assert_string_equal(history_letters(&h, 1, runs, sizeof runs), "f");
    assert_int_equal(history_run_of(&h, 1, 0)->pid, 0);
    history_release(&h);
    rig_release(&r);
}

/* What never began counts as before when another runner reads of it. */
static void test_who_takes_over_knows_what_never_began(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "spoil", .cmdline = "rm -rf .logs; touch .logs"},
        {.name = "b", .cmdline = "touch ran", .max_failures = 2}};
    struct rig r;
    rig_init(&r);
    struct written *w = write_task(script, 2, true);
    w->process[1].min_duration = 1;
    give(&r, w);
    start(&r);
    struct history h;
    char path[100], runs[16];
    (void)snprintf(path, sizeof path, "%s/.thermos/stream", r.dir);
    int64_t until_ms = clock_wall_ms() + DEADLINE_MS;
    do { /* until its first run has failed */
        turn(&r, 5);
        history_read(&h, path);
        (void)history_letters(&h, 1, runs, sizeof runs);
        history_release(&h);
        assert_true(clock_wall_ms() < until_ms);
    } while (strcmp(runs, "f") != 0);
    (void)kill(r.runner, SIGKILL);
    finish(&r);
    assert_int_equal(r.runners, 2);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_non_null(strstr(r.text, "(run 2, the last it may have)"));
    rig_release(&r);
}

/* The header of a checkpoint names every process with its command line: of many
 * long ones it takes as much as another runner can read. */
static void test_many_long_command_lines_are_taken_over(void **unused)
{
    enum { MANY = 300, LONG = 6000 };
    static char name[MANY][8], text[LONG + 1] = "exit 0 #";
    static Perigee__Process process[MANY], *list[MANY];
    struct script script = {
        .name = "p0", .cmdline = "echo $$ >>pids; touch up; exec sleep 1000"};
    struct rig r;

    (void)unused;
    rig_init(&r);
    struct written *w = write_task(&script, 1, false);
    memset(text + strlen(text), 'x', LONG - strlen(text));
    for (int i = 0; i < MANY; i++) {
        process[i] = w->process[0];
        (void)snprintf(name[i], sizeof name[i], "p%d", i);
        process[i].name = name[i];
        if (i > 0)
            process[i].cmdline = text;
        list[i] = &process[i];
    }
    w->config.processes = list;
    w->config.n_processes = MANY;
    w->config.has_max_concurrency = 1;
    w->config.max_concurrency = 1;
    give(&r, w);
    start(&r);
    until_exists(&r, "up");
    r.is_running = false;
    (void)kill(r.runner, SIGKILL);
    until_running(&r);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 0});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_int_equal(r.runners, 2);
    char *pids = content(&r, "pids");
    assert_ptr_equal(strchr(pids, '\n') + 1, strrchr(pids, '\n') + 1);
    free(pids);
    rig_release(&r);
}

/* One string of a program's arguments and environment has 128 KiB at most. */
static void test_a_command_line_too_long_is_told_as_such(void **unused)
{
    enum { LONG = 200000 };
    (void)unused;
    char *text = xmalloc(LONG + 1);
    struct script script = {.name = "a", .cmdline = text};
    struct rig r;

    memset(text, ' ', LONG);
    text[LONG] = '\0';
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_non_null(strstr(r.text, "process 'a' failed: it could not be "
                                   "started: cannot run '"));
    assert_non_null(strstr(r.text, "Argument list too long"));
    assert_non_null(strstr(r.text, "its command line has 200000 bytes"));
    rig_release(&r);
    free(text);
}

static void test_an_environment_too_large_is_told_as_such(void **unused)
{
    enum { LONG = 200000 };
    (void)unused;
    Perigee__EnvVar variable = PERIGEE__ENV_VAR__INIT, *list[] = {&variable};
    struct script script = {.name = "a", .cmdline = "touch ran"};
    char *text = xmalloc(LONG + 1);
    struct rig r;

    memset(text, 'x', LONG);
    text[LONG] = '\0';
    variable.name = (char *)(uintptr_t) "LARGE";
    variable.value = text;
    rig_init(&r);
    struct written *w = write_task(&script, 1, false);
    w->job.env = list;
    w->job.n_env = 1;
    give(&r, w);
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_non_null(strstr(r.text, "Argument list too long"));
    assert_non_null(strstr(r.text, "its environment 200"));
    assert_false(exists(&r, "ran"));
    rig_release(&r);
    free(text);
}

/* Nobody plans while the runner stands still; nothing is lost by it. */
static void test_a_stopped_runner_goes_on_where_it_was(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "a",
         .cmdline = "touch up; until test -e go; do sleep 0.01; done; "
                    "seq 1 60000; touch said",
         .log_size = 100 << 20},
        {.name = "b", .cmdline = "test -e said && touch after"}};
    struct rig r;

    run_scripts(&r, script, 2, true);
    until_exists(&r, "up");
    assert_int_equal(kill(r.runner, SIGSTOP), 0);
    char path[100];
    (void)snprintf(path, sizeof path, "%s/go", r.dir);
    assert_int_equal(file_write(path, bytes_of("", 0), 0644, false, NULL), 0);
    int64_t until_ms = clock_boot_ms() + 300;
    while (clock_boot_ms() < until_ms)
        turn(&r, 10); /* the pipe is full, and its writer waits */
    assert_false(exists(&r, "said"));
    assert_int_equal(kill(r.runner, SIGCONT), 0);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_int_equal(r.runners, 1);
    assert_true(exists(&r, "after"));
    char *said = content(&r, ".logs/a/0/stdout");
    assert_int_equal(strlen(said),
                     9 * 2 + 90 * 3 + 900 * 4 + 9000 * 5 + (60000 - 9999) * 6);
    free(said);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_process_runs_again),
        cmocka_unit_test(test_a_killed_runner_is_followed_by_another),
        cmocka_unit_test(test_runner_and_process_killed_together),
        cmocka_unit_test(test_an_adopted_process_ends_as_it_did),
        cmocka_unit_test(test_a_kill_survives_the_runner),
        cmocka_unit_test(test_without_executor_the_task_ends),
        cmocka_unit_test(test_nothing_lives_through_a_boot),
        cmocka_unit_test(test_what_can_never_start_fails_with_its_reason),
        cmocka_unit_test(test_who_takes_over_knows_what_never_began),
        cmocka_unit_test(test_many_long_command_lines_are_taken_over),
        cmocka_unit_test(test_a_command_line_too_long_is_told_as_such),
        cmocka_unit_test(test_an_environment_too_large_is_told_as_such),
        cmocka_unit_test(test_a_stopped_runner_goes_on_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
