/* What a real runner does with real processes, logs and fetched files, beside
 * the numbered cases of test_thermos_cases.c. */
#include "runner_kit.h"

/* --- running --- */

static void test_output_environment_and_names(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "setup",
         .cmdline = "printf 'export FOO=1\\nexport BAR=2\\n' "
                    ">.thermos_profile"},
        {.name = "show", .cmdline = "echo $FOO $BAR; echo bad >&2"},
        {.name = "names",
         .cmdline = "echo {{mesos.instance}} {{thermos.task_id}} "
                    "{{mesos.cluster}} $USER $LOGNAME $HOME $SHELL; pwd"}};
    struct rig r;
    char want[200];
    run_scripts(&r, script, 3, true);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/show/0/stdout", "1 2\n");
    assert_content(&r, ".logs/show/0/stderr", "bad\n");
    (void)snprintf(want, sizeof want,
                   "3 the-task c somebody somebody /nowhere /bin/bash\n%s\n",
                   r.dir);
    assert_content(&r, ".logs/names/0/stdout", want);
    rig_release(&r);
}

static void test_a_failure_says_who_how_and_why(void **unused)
{
    (void)unused;
    struct script script = {.name = "web",
                            .max_failures = 2,
                            .cmdline = "echo no such port >&2; exit 7"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_string_equal(r.text,
                        "process 'web' failed: it exited with status 7 (run "
                        "2, the last it may have); the end of its stderr:\n"
                        "no such port");
    rig_release(&r);
}

static void test_an_unbound_name_fails_before_anything_runs(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "a", .cmdline = "touch ran"},
        {.name = "b", .cmdline = "echo {{thermos.ports[http]}}"}};
    struct rig r;
    run_scripts(&r, script, 2, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    assert_false(exists(&r, "ran"));
    assert_non_null(strstr(r.text, "process 'b': '{{thermos.ports[http]}}': "
                                   "nothing binds this name"));
    rig_release(&r);
}

static void test_garbage_fails(void **unused)
{
    (void)unused;
    struct rig r;
    rig_init(&r);
    buf_add_text(&r.task, "\xff\xff\xffgarbage");
    r.is_assigned = true;
    start(&r);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    rig_release(&r);
}

static void test_what_outlives_its_process_is_ended(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .cmdline = "sleep 1000 & echo $! >>pids;"
                   "(setsid sleep 1000 & echo $! >>pids); wait %9; sleep 0.1"};
    struct rig r;
    long pid[2];
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FINISHED);
    char *text = content(&r, "pids");
    assert_int_equal(sscanf(text, "%ld %ld", &pid[0], &pid[1]), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kill((pid_t)pid[i], 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    free(text);
    rig_release(&r);
}

static void test_final_processes_run_when_killed(void **unused)
{
    (void)unused;
    struct script script[] = {
        {.name = "a", .cmdline = "touch up; exec sleep 1000"},
        {.name = "bye", .cmdline = "touch finalized", .final = true}};
    struct rig r;
    run_scripts(&r, script, 2, false);
    until_exists(&r, "up");
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 5000});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_true(exists(&r, "finalized"));
    rig_release(&r);
}

/* --- logs --- */

static void test_much_output_is_whole(void **unused)
{
    (void)unused;
    struct script script = {.name = "a",
                            .cmdline = "head -c 3000000 /dev/zero"};
    struct rig r;
    struct stat st;
    char path[200];
    run_scripts(&r, &script, 1, false);
    finish(&r);
    (void)snprintf(path, sizeof path, "%s/.logs/a/0/stdout", r.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3000000);
    rig_release(&r);
}

/* What a process said to the console of the runner, and to its files. */
static void say_to(const char *destination, const char *console,
                   const char *file)
{
    struct script script = {.name = "a",
                            .destination = destination,
                            .cmdline = "echo out; echo err >&2"};
    struct rig r;
    char path[100];
    rig_init(&r);
    (void)snprintf(path, sizeof path, "%s/console", r.dir);
    assert_int_equal(setenv("TEST_CONSOLE", path, 1), 0);
    give(&r, write_task(&script, 1, false));
    start(&r);
    finish(&r);
    assert_int_equal(unsetenv("TEST_CONSOLE"), 0);
    char *said = content(&r, "console");
    assert_int_equal(strlen(said), strlen(console));
    free(said);
    if (file == NULL) {
        assert_false(exists(&r, ".logs/a"));
    } else {
        assert_content(&r, ".logs/a/0/stdout", "out\n");
        assert_content(&r, ".logs/a/0/stderr", "err\n");
    }
    rig_release(&r);
}

static void test_case_24_where_output_goes(void **unused)
{
    (void)unused;
    say_to("none", "", NULL);
    say_to("console", "out\nerr\n", NULL);
    say_to("both", "out\nerr\n", "out\n");
    say_to("file", "", "out\n");
}

static void test_case_25_a_wrong_logger_runs_nothing(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a", .destination = "wrong", .cmdline = "touch ran"};
    struct rig r;
    run_scripts(&r, &script, 1, false);
    finish(&r);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    assert_false(exists(&r, "ran"));
    assert_non_null(strstr(r.text, "logger.destination 'wrong'"));
    rig_release(&r);
}

static long status_kib(pid_t pid, const char *key)
{
    char path[64], line[128];
    long kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtol(line + strlen(key), NULL, 10);
    (void)fclose(file);
    return kib;
}

/* As fast as it can, into files that rotate all the time: neither memory nor
 * disk grows with what was written, and the last line is the last. */
static void test_a_fast_writer_costs_no_memory(void **unused)
{
    (void)unused;
    struct script script = {
        .name = "a",
        .log_size = 1 << 20,
        .cmdline = "touch up; while ! test -e go; do sleep 0.01; done;"
                   "yes abcdefg | head -c 300000000; echo last;"
                   "touch written; exec sleep 1000"};
    struct rig r;
    char path[200];
    run_scripts(&r, &script, 1, false);
    until_exists(&r, "up");
    long before = status_kib(r.runner, "VmHWM:");
    (void)snprintf(path, sizeof path, "%s/go", r.dir);
    assert_int_equal(file_write(path, bytes_of("", 0), 0644, false, NULL), 0);
    until_exists(&r, "written");
    assert_true(status_kib(r.runner, "VmHWM:") < before + 1024);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 3000});
    finish(&r);
    assert_true(exists(&r, ".logs/a/0/stdout.2"));
    assert_false(exists(&r, ".logs/a/0/stdout.3"));
    char *text = content(&r, ".logs/a/0/stdout");
    size_t size = strlen(text);
    assert_true(size >= 13 && size < (1 << 20) + 8);
    assert_string_equal(text + size - 13, "abcdefg\nlast\n");
    free(text);
    rig_release(&r);
}

/* --- fetching --- */

static void fetch_asset(struct rig *r, const char *hash, bool executable)
{
    struct script script = {.name = "a", .cmdline = "./tool.sh"};
    struct bytes bytes = bytes_of_text("#!/bin/sh\necho fetched\n");
    char url[400], path[300], right[SHA256_TEXT_MAX];

    rig_init(r);
    (void)snprintf(path, sizeof path, "%s/from", r->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(url, sizeof url, "file://%s/", path);
    (void)sha256_text(bytes, right);
    hash = hash ? hash : right;
    (void)snprintf(path, sizeof path, "%s/from/%s", r->dir, hash);
    assert_int_equal(file_write(path, bytes, 0644, false, NULL), 0);
    struct written *w = write_task(&script, 1, false);
    w->fetch.uri = (char *)(uintptr_t) "tool.sh";
    w->fetch.has_asset = 1;
    w->fetch.asset = 1;
    w->fetch.has_executable = 1;
    w->fetch.executable = executable;
    w->fetch.sha256 = (char *)(uintptr_t)hash;
    w->task.asset_url = url;
    w->config.fetch = w->fetch_list;
    w->config.n_fetch = 1;
    give(r, w);
    start(r);
    finish(r);
}

static void test_an_asset_lands_in_the_sandbox(void **unused)
{
    (void)unused;
    struct rig r;
    fetch_asset(&r, NULL, true);
    assert_int_equal(r.state, THERMOS_FINISHED);
    assert_content(&r, ".logs/a/0/stdout", "fetched\n");
    rig_release(&r);
}

static void test_a_wrong_hash_fails_before_anything_runs(void **unused)
{
    (void)unused;
    struct rig r;
    fetch_asset(&r, "00", true);
    assert_int_equal(r.state, THERMOS_FAILED);
    assert_false(r.is_running);
    assert_non_null(strstr(r.text, "fetch 'tool.sh': its SHA-256 is "));
    assert_false(exists(&r, ".logs/a"));
    rig_release(&r);
}

/* A scheduler that takes the connection and says nothing. */
static void test_a_kill_while_fetching_runs_nothing(void **unused)
{
    (void)unused;
    struct script script = {.name = "a", .cmdline = "touch ran"};
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    char url[64];
    struct rig r;
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(silent, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(silent, 4), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    rig_init(&r);
    struct written *w = write_task(&script, 1, false);
    w->fetch.uri = (char *)(uintptr_t) "tool.sh";
    w->fetch.has_asset = 1;
    w->fetch.asset = 1;
    w->fetch.sha256 = (char *)(uintptr_t) "00";
    w->task.asset_url = url;
    w->config.fetch = w->fetch_list;
    w->config.n_fetch = 1;
    give(&r, w);
    start(&r);
    struct pollfd asked = {.fd = silent, .events = POLLIN};
    assert_int_equal(poll(&asked, 1, DEADLINE_MS), 1);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 3000});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_false(r.is_running);
    assert_false(exists(&r, "ran"));
    (void)close(silent);
    rig_release(&r);
}

/* --- plain commands --- */

static void command(struct rig *r, const char *value, bool shell)
{
    Mesos__V1__TaskInfo info = MESOS__V1__TASK_INFO__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__CommandInfo run = MESOS__V1__COMMAND_INFO__INIT;

    task_id.value = agent_id.value = (char *)(uintptr_t) "t1";
    info.name = (char *)(uintptr_t) "t1";
    info.task_id = &task_id;
    info.agent_id = &agent_id;
    info.command = &run;
    run.value = (char *)(uintptr_t)value;
    run.has_shell = 1;
    run.shell = shell;
    rig_init(r);
    codec_encode(&info.base, MEDIA_PROTOBUF, &r->task);
    start(r);
}

static void test_commands_end_in_mesos_words(void **unused)
{
    static const struct {
        const char *value;
        bool shell;
        enum thermos_state state;
        const char *text;
    } rows[] = {
        {"true", true, THERMOS_FINISHED, "Command exited with status 0"},
        {"exit 3", true, THERMOS_FAILED, "Command exited with status 3"},
        {"/no/such/binary", false, THERMOS_FAILED,
         "Command exited with status 1"},
        {"ulimit -c 0; kill -SEGV $$", true, THERMOS_FAILED,
         "Command terminated with signal Segmentation fault"},
        {"kill -KILL $$", true, THERMOS_FAILED,
         "Command terminated with signal Killed"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r;
        command(&r, rows[i].value, rows[i].shell);
        finish(&r);
        assert_string_equal(r.text, rows[i].text);
        assert_int_equal(r.state, rows[i].state);
        assert_false(exists(&r, ".logs"));
        rig_release(&r);
    }
}

static void test_a_killed_command_tells_its_signal(void **unused)
{
    (void)unused;
    struct rig r;
    command(&r, "sleep 1000", true);
    until_running(&r);
    tell(&r, (struct control_message){.kind = CONTROL_KILL, .number = 3000});
    finish(&r);
    assert_int_equal(r.state, THERMOS_KILLED);
    assert_string_equal(r.text, "Command terminated with signal Terminated");
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_environment_and_names),
        cmocka_unit_test(test_a_failure_says_who_how_and_why),
        cmocka_unit_test(test_an_unbound_name_fails_before_anything_runs),
        cmocka_unit_test(test_garbage_fails),
        cmocka_unit_test(test_what_outlives_its_process_is_ended),
        cmocka_unit_test(test_final_processes_run_when_killed),
        cmocka_unit_test(test_much_output_is_whole),
        cmocka_unit_test(test_a_fast_writer_costs_no_memory),
        cmocka_unit_test(test_case_24_where_output_goes),
        cmocka_unit_test(test_case_25_a_wrong_logger_runs_nothing),
        cmocka_unit_test(test_an_asset_lands_in_the_sandbox),
        cmocka_unit_test(test_a_wrong_hash_fails_before_anything_runs),
        cmocka_unit_test(test_a_kill_while_fetching_runs_nothing),
        cmocka_unit_test(test_commands_end_in_mesos_words),
        cmocka_unit_test(test_a_killed_command_tells_its_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
