/* Containers with real processes: started, watched, and ended without a trace,
 * by control groups (as root, where they are) and by process groups. */
#include "agent_stage.h"
#include "agent/procs.h"
#include "agent/sandbox.h"
#include <sys/wait.h>

static void test_an_executor_runs_and_its_status_is_told(void **state)
{
    struct stage *stage = *state;
    struct buf out = {0};
    struct agent_launch launch =
        launch_of(stage, "pwd; echo \"$PERIGEE_HOME\"; echo oops >&2; exit 3");
    char link[600], wanted[700];
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->started_count, 1);
    assert_true(stage->started.pid > 0 && stage->started.born > 0);
    assert_int_equal(stage->exited_count, 1);
    assert_true(stage->exited.has_status);
    assert_int_equal(WEXITSTATUS(stage->exited.status), 3);
    read_file(stage, "stdout", &out);
    snprintf(wanted, sizeof wanted, "%s\n", sandbox(stage));
    assert_memory_equal(buf_text(&out), wanted, strlen(wanted));
    buf_clear(&out);
    read_file(stage, "stderr", &out);
    assert_string_equal(buf_text(&out), "oops\n");
    buf_release(&out);
    struct stat st;
    assert_int_equal(stat(sandbox(stage), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    snprintf(link, sizeof link, "%.*slatest", (int)(strlen(sandbox(stage)) - 2),
             sandbox(stage));
    assert_int_equal(access(link, F_OK), 0);
}

static void test_a_program_that_is_missing_fails_the_launch(void **state)
{
    struct stage *stage = *state;
    struct agent_launch launch = launch_of(stage, "");
    launch.path = "/no/such/program";
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->failed_count, 1);
    assert_int_equal(stage->started_count, 0);
    assert_non_null(strstr(stage->failed.text, "Failed to launch container: "));
    assert_non_null(strstr(stage->failed.text, "/no/such/program"));
}

/* Waits until a pid is written, so that the orphan surely exists. */
static const char ORPHAN[] =
    "(setsid sh -c 'echo $$ >orphan.tmp; mv orphan.tmp orphan; exec sleep "
    "1000' &) ; while [ ! -e orphan ]; do :; done; ";

static pid_t orphan_of(struct stage *stage)
{
    struct buf out = {0};
    read_file(stage, "orphan", &out);
    pid_t pid = (pid_t)atoi(buf_text(&out));
    buf_release(&out);
    return pid;
}

static void test_orphans_of_a_dead_executor_are_ended(void **state)
{
    struct stage *stage = *state;
    char script[512];
    snprintf(script, sizeof script, "%s exit 7", ORPHAN);
    struct agent_launch launch = launch_of(stage, script);
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(WEXITSTATUS(stage->exited.status), 7);
    assert_false(proc_is_alive(orphan_of(stage)));
}

static void test_destroy_ends_what_ignores_signals(void **state)
{
    struct stage *stage = *state;
    struct agent_launch launch =
        launch_of(stage, "trap '' TERM INT HUP; while :; do sleep 1; done");
    stage->destroys = true;
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->exited_count, 1);
    assert_true(WIFSIGNALED(stage->exited.status));
    assert_false(proc_is_alive((pid_t)stage->started.pid));
}

static void test_a_failed_fetch_is_told(void **state)
{
    struct stage *stage = *state;
    struct agent_uri uri = {.value = "file:///no/such/file", .extract = true};
    struct agent_launch launch = launch_of(stage, "exit 0");
    char fetcher[512];
    launch.uri = &uri;
    launch.uri_count = 1;
    snprintf(fetcher, sizeof fetcher, "%s/fetcher", stage->work_dir);
    assert_int_equal(
        file_write(fetcher,
                   bytes_of_text("#!/bin/sh\necho \"no $5\" >&2\nexit 1\n"),
                   0755, false, NULL),
        0);
    play(stage, AGENT_ACT_LAUNCH, &launch, fetcher);
    assert_int_equal(stage->failed_count, 1);
    assert_string_equal(
        stage->failed.text,
        "Failed to launch container: Failed to fetch all URIs for container "
        "'c1': exited with status 1: no file:///no/such/file");
}

static void test_what_was_fetched_is_there_before_the_start(void **state)
{
    struct stage *stage = *state;
    struct agent_uri uri[2] = {{.value = "one"}, {.value = "two"}};
    struct agent_launch launch =
        launch_of(stage, "[ \"$(cat got)\" = onetwo ]");
    char fetcher[512];
    launch.uri = uri;
    launch.uri_count = 2;
    snprintf(fetcher, sizeof fetcher, "%s/fetcher", stage->work_dir);
    assert_int_equal(
        file_write(fetcher,
                   bytes_of_text("#!/bin/sh\nprintf %s \"$4\" >>\"$2/got\"\n"),
                   0755, false, NULL),
        0);
    play(stage, AGENT_ACT_LAUNCH, &launch, fetcher);
    assert_int_equal(stage->failed_count, 0);
    assert_int_equal(stage->exited.status, 0);
}

/* An agent opens stdout and stderr as itself, and gives them away: only what is
 * the user's alone. A pipe without a reader must not hold it up either. */
static void refuse_planted(struct stage *stage, const char *script)
{
    struct agent_uri uri = {.value = "one"};
    struct agent_launch launch = launch_of(stage, "exit 0");
    char fetcher[512];
    launch.uri = &uri;
    launch.uri_count = 1;
    snprintf(fetcher, sizeof fetcher, "%s/fetcher", stage->work_dir);
    assert_int_equal(
        file_write(fetcher, bytes_of_text(script), 0755, false, NULL), 0);
    play(stage, AGENT_ACT_LAUNCH, &launch, fetcher);
    assert_int_equal(stage->started_count, 0);
    assert_int_equal(stage->failed_count, 1);
    assert_non_null(strstr(stage->failed.text, "/stdout': "));
}

static void test_a_second_name_for_a_file_is_not_given_away(void **state)
{
    refuse_planted(*state, "#!/bin/sh\ncd $2 && touch a && ln a stdout\n");
}

static void test_a_link_in_the_place_of_stdout_is_not_followed(void **state)
{
    refuse_planted(*state, "#!/bin/sh\ncd $2 && ln -s /etc/hosts stdout\n");
}

static void test_a_pipe_in_the_place_of_stdout_holds_nobody_up(void **state)
{
    refuse_planted(*state, "#!/bin/sh\ncd $2 && mkfifo stdout\n");
}

static void test_the_memory_limit_grows_with_the_tasks(void **state)
{
    struct stage *stage = *state;
    char script[1024];
    if (!stage->has_cgroups || stage->cgroups.version != 1)
        skip();
    snprintf(script, sizeof script,
             "until [ \"$(cat %s/c1/memory.limit_in_bytes)\" = 134217728 ]; "
             "do :; done",
             stage->cgroups.base[CGROUP_MEMORY]);
    struct agent_launch launch = launch_of(stage, script);
    stage->grows = true;
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->exited.status, 0);
}

static void test_over_the_memory_limit_is_told_with_peak(void **state)
{
    struct stage *stage = *state;
    struct agent_launch launch = launch_of(
        stage, "x=x; while :; do x=$x$x; done"); /* grows without end */
    launch.mem_bytes = 32 << 20;
    if (!stage->has_cgroups)
        skip();
    play(stage, AGENT_ACT_LAUNCH, &launch, "/bin/false");
    assert_int_equal(stage->limited_count, 1);
    assert_int_equal(stage->limited.mem_limit_bytes, 32 << 20);
    assert_non_null(strstr(stage->limited.text,
                           "Memory limit exceeded: Requested: 32MB Maximum "
                           "Used: 3"));
}

/* A process that is not our child, as after a restart of the agent. */
static pid_t stranger(struct stage *stage, const char *script)
{
    char path[600];
    int pipefd[2];
    pid_t pid = 0;
    struct sandbox_user self;
    sandbox_user_self(&self);
    assert_int_equal(sandbox_make(sandbox(stage), &self, NULL), 0);
    assert_int_equal(pipe(pipefd), 0);
    if (stage->has_cgroups)
        assert_int_equal(cgroup_make(&stage->cgroups, "c1", NULL), 0);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t child = fork();
        if (child == 0) {
            char files[CGROUP_CONTROLLERS][CGROUP_PATH_MAX];
            const char *file[CGROUP_CONTROLLERS + 1] = {NULL};
            setsid();
            if (stage->has_cgroups)
                cgroup_join_files(&stage->cgroups, "c1", files, file);
            for (int i = 0; file[i] != NULL; i++) {
                int fd = open(file[i], O_WRONLY);
                if (write(fd, "0", 1) != 1)
                    _exit(1);
                close(fd);
            }
            snprintf(path, sizeof path, "MESOS_SANDBOX=%s", sandbox(stage));
            char *envp[] = {path, NULL};
            child = getpid();
            if (write(pipefd[1], &child, sizeof child) < 0)
                _exit(1);
            execle("/bin/sh", "sh", "-c", script, NULL, envp);
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    assert_int_equal(read(pipefd[0], &pid, sizeof pid), sizeof pid);
    close(pipefd[0]);
    close(pipefd[1]);
    return pid;
}

static void test_a_living_executor_is_found_again_and_watched(void **state)
{
    struct stage *stage = *state;
    pid_t pid = stranger(stage, "sleep 1000");
    struct agent_recover recover = {.container_id = "c1",
                                    .sandbox = sandbox(stage),
                                    .pid = pid,
                                    .born = proc_born(pid),
                                    .mem_bytes = 64 << 20};
    play(stage, AGENT_ACT_RECOVER, &recover, "/bin/false");
    assert_int_equal(stage->alive_count, 1); /* then it was killed */
    assert_int_equal(stage->exited_count, 1);
    assert_false(stage->exited.has_status);
    assert_false(proc_is_alive(pid));
}

static void test_an_executor_without_a_noted_pid_is_searched(void **state)
{
    struct stage *stage = *state;
    pid_t pid = stranger(stage, "sleep 1000");
    struct agent_recover recover = {.container_id = "c1",
                                    .sandbox = sandbox(stage)};
    /* Until the exec, the search by its environment cannot find it. */
    while (procs_of_container(0, 0, sandbox(stage), &pid, 1) == 0)
        continue;
    play(stage, AGENT_ACT_RECOVER, &recover, "/bin/false");
    assert_int_equal(stage->alive_count, 1);
    assert_int_equal(stage->started.pid, pid);
}

static void test_a_pid_in_use_again_is_not_the_executor(void **state)
{
    struct stage *stage = *state;
    struct agent_recover recover = {.container_id = "c1",
                                    .sandbox = sandbox(stage),
                                    .pid = getpid(),
                                    .born = proc_born(getpid()) + 1};
    play(stage, AGENT_ACT_RECOVER, &recover, "/bin/false");
    assert_int_equal(stage->alive_count, 0);
    assert_int_equal(stage->exited_count, 1);
}

int main(void)
{
#define BOTH(name)                                                       \
    {#name " (process groups)", name, set_up_posix, tear_down, NULL},    \
    {                                                                    \
#name " (control groups)", name, set_up_cgroups, tear_down, NULL \
    }
#define ONE(name) \
    cmocka_unit_test_setup_teardown(name, set_up_cgroups, tear_down)
    const struct CMUnitTest tests[] = {
        BOTH(test_an_executor_runs_and_its_status_is_told),
        BOTH(test_a_program_that_is_missing_fails_the_launch),
        BOTH(test_orphans_of_a_dead_executor_are_ended),
        BOTH(test_destroy_ends_what_ignores_signals),
        BOTH(test_a_failed_fetch_is_told),
        BOTH(test_what_was_fetched_is_there_before_the_start),
        ONE(test_a_second_name_for_a_file_is_not_given_away),
        ONE(test_a_link_in_the_place_of_stdout_is_not_followed),
        ONE(test_a_pipe_in_the_place_of_stdout_holds_nobody_up),
        BOTH(test_a_living_executor_is_found_again_and_watched),
        BOTH(test_an_executor_without_a_noted_pid_is_searched),
        BOTH(test_a_pid_in_use_again_is_not_the_executor),
        ONE(test_the_memory_limit_grows_with_the_tasks),
        ONE(test_over_the_memory_limit_is_told_with_peak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
