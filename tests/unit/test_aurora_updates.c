/* Updates of jobs over the API, with the cases of Aurora's updater under their
 * numbers. We play the master: every instance runs, fails or stays away as the
 * test says. */
#include "aurora_kit.h"

#include "aurora/core/update_machine.h"

#include <stdbool.h>

typedef Perigee__Aurora__UpdateView View;

#define START(cmd, n, update)                                            \
    "{\"type\":\"START_UPDATE\",\"create_job\":{\"job\":{\"cluster\":"   \
    "\"devcluster\",\"role\":\"www\",\"environment\":\"prod\",\"name\":" \
    "\"web\",\"service\":true,\"instances\":" n ",\"update\":{" update   \
    "},\"task\":{\"name\":\"web\",\"processes\":[{\"name\":\"p\","       \
    "\"cmdline\":\"" cmd "\"}],\"resources\":{\"cpu_milli\":500,"        \
    "\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}}}"
#define ACT(type) "{\"type\":\"" type "\",\"update\":{" KEY "}}"
#define UPDATE_STATE(name) PERIGEE__AURORA__UPDATE_STATE__##name

/* --- a cluster that does what commands say --- */

static const char *command_of(struct world *w, const Mesos__V1__TaskInfo *info)
{
    Perigee__AssignedTask *data =
        decode(w, &perigee__assigned_task__descriptor, MEDIA_PROTOBUF,
               bytes_of(info->data.data, info->data.len));

    return data->job->task->processes[0]->cmdline;
}

/* Tasks were launched and killed: "bad" ones fail, all others run. One round;
 * true when something happened. */
static bool one_round(struct world *w)
{
    struct {
        char id[300], command[32];
        bool is_kill;
    } did[64];
    int count = 0;
    Mesos__V1__TaskInfo *info;
    MasterCall *kill;

    accept_calls(w); /* the next ones come out when these are answered */
    for (int i = 0; count < 64 && (kill = find_call(w, CALL(KILL), i)); i++) {
        did[count].is_kill = true;
        snprintf(did[count++].id, 300, "%s", kill->kill->task_id->value);
    }
    for (int i = 0; count < 64 && (info = launched(w, i)); i++) {
        did[count].is_kill = false;
        snprintf(did[count].command, 32, "%s", command_of(w, info));
        snprintf(did[count++].id, 300, "%s", info->task_id->value);
    }
    w->calls.count = 0;
    for (int i = 0; i < count; i++) {
        bool is_bad = strncmp(did[i].command, "bad", 3) == 0;
        update(w, did[i].id, "m-S0",
               did[i].is_kill ? STATE(KILLED)
               : is_bad       ? STATE(FAILED)
                              : STATE(RUNNING),
               NULL);
    }
    return count > 0;
}

/* Until nothing happens any more without the passing of time. */
static void settle(struct world *w)
{
    for (int quiet = 0, rounds = 0; quiet < 2; rounds++) {
        assert_true(rounds < 200);
        offer(w, "m-S0", 16);
        quiet = one_round(w) ? 0 : quiet + 1;
    }
}

static const View *get_update(struct world *w)
{
    post(w, ACT("GET_UPDATE"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 1);
    return w->answer->updates[0];
}

static void expect_state(struct world *w, Perigee__Aurora__UpdateState state)
{
    const View *view = get_update(w);

    if (view->state != state)
        fail_msg("want %s, got %s: %s",
                 update_state_name((enum update_state)state),
                 update_state_name((enum update_state)view->state),
                 view->message ? view->message : "");
}

/* The commands of the active tasks by instance: "old old new", "-" for none. */
static const char *runs(struct world *w)
{
    static char text[256];
    const Answer *a = get_job(w);
    size_t size = 0;

    text[0] = '\0';
    for (uint32_t instance = 0; instance < 8; instance++)
        for (size_t i = 0; i < a->n_tasks; i++) {
            const Perigee__Aurora__TaskView *t = a->tasks[i];
            const char *command =
                a->n_jobs ? a->jobs[0]->job->task->processes[0]->cmdline : "";
            if (t->instance != instance || t->state >= SHOWN(FINISHED))
                continue;
            for (size_t c = 0; c < a->n_configs; c++)
                if (strcmp(a->configs[c]->config_id, t->config_id) == 0)
                    command = a->configs[c]->job->task->processes[0]->cmdline;
            size += (size_t)snprintf(text + size, sizeof text - size, "%s%u:%s",
                                     size ? " " : "", instance, command);
        }
    return text;
}

static struct world *with(const char *n, const char *command)
{
    struct world *w = world_new();

    post(w, arena_printf(&w->arena,
                         START("%s", "%s",
                               "\"watch_secs\":0,"
                               "\"batch_size\":9"),
                         n, command));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    return w;
}

/* How the instances were begun, in order: "2 0,1" by the times of events. */
static uint32_t begun(struct world *w)
{
    const View *view = get_update(w);
    uint32_t count = 0;

    for (size_t i = 0; i < view->n_changes; i++)
        count += view->changes[i]->phase !=
                 PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__PHASE__WAITING;
    return count;
}

/* --- forward --- */

static void test_an_update_creates_a_job(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    assert_int_equal(get_job(w)->jobs[0]->job->instances, 3);
    world_free(w);
}

/* Case 116: only adds, then only kills. */
static void test_116_adds_only_kills_only(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("old", "1", "\"watch_secs\":0"));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:old");
    post(w, START("old", "3", "\"watch_secs\":0"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    world_free(w);
}

static void test_a_queue_watches_each_instance(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    pass(w, 9999);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    pass(w, 1);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    pass(w, 20000);
    settle(w);
    pass(w, 10000);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    const View *view = get_update(w);
    assert_int_equal(view->done, 3);
    assert_int_equal(view->n_events, 2);
    assert_int_equal(view->changes[2]->n_events, 2);
    assert_int_equal(get_job(w)->n_configs, 0);
    world_free(w);
}

static void test_no_change_is_said(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("old", "2", "\"watch_secs\":0,\"batch_size\":9"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    assert_string_equal(w->answer->note, "no instance has to change");
    /* How to update is what only the scheduler reads. */
    post(w, START("old", "2", "\"watch_secs\":7"));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 0);
    const Answer *a = get_job(w);
    assert_int_equal(a->jobs[0]->job->update->watch_secs, 7);
    assert_int_equal(a->n_configs, 0);
    reborn(w);
    assert_int_equal(get_job(w)->jobs[0]->job->update->watch_secs, 7);
    world_free(w);
}

static void test_ranges_change_only_those(void **unused)
{
    struct world *w = with("4", "old");

    (void)unused;
    char *body = arena_strdup(&w->arena, START("new", "4", "\"watch_secs\":0"));
    body[strlen(body) - 2] = '\0';
    post(w,
         arena_printf(&w->arena,
                      "%s,\"instances\":[{\"first\":1,\"last\":2}]}}", body));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:old 1:new 2:new 3:old");
    assert_true(get_job(w)->jobs[0]->mixed);
    /* What fails comes back as what it was. */
    world_free(w);
}

/* Case 103. */
static void test_103_autopause_after_each_batch(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3",
                  "\"watch_secs\":0,\"strategy\":\"BATCH\",\"batch_size\":2,"
                  "\"autopause_after_batch\":true"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    assert_string_equal(runs(w), "0:new 1:new 2:old");
    reborn(w);
    subscribed(w, "fw-1");
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    post(w, ACT("RESUME_UPDATE"));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

/* --- failures --- */

/* Case 98. */
static void test_98_a_bad_version_is_rolled_back(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("bad", "3", "\"watch_secs\":0"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    const View *view = get_update(w);
    assert_int_equal(view->n_events, 3);
    assert_non_null(view->events[1]->message);
    world_free(w);
}

static void test_98_without_rollback_it_fails(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w,
         START("bad", "3", "\"watch_secs\":0,\"rollback_on_failure\":false"));
    settle(w);
    expect_state(w, UPDATE_STATE(UPDATE_FAILED));
    assert_memory_equal(runs(w) + strlen(runs(w)) - 11, "1:old 2:old", 11);
    /* The next version cures it. */
    post(w, START("good", "3", "\"watch_secs\":0"));
    expect_status(w, 200);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:good 1:good 2:good");
    world_free(w);
}

static void test_98_an_abort_leaves_a_mixture(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    post(w, ACT("ABORT_UPDATE"));
    expect_status(w, 200);
    pass(w, 60000);
    settle(w);
    expect_state(w, UPDATE_STATE(ABORTED));
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    post(w, ACT("ABORT_UPDATE"));
    expect_status(w, 409);
    world_free(w);
}

/* Case 104. */
static void test_104_batches_roll_back_as_they_came(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "3",
                  "\"watch_secs\":10,\"strategy\":\"VARIABLE_BATCH\","
                  "\"batch_sizes\":[1,2],\"autopause_after_batch\":true"));
    settle(w);
    assert_string_equal(runs(w), "0:old 1:old 2:new");
    pass(w, 10000);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    const Answer *a = get_job(w);
    for (size_t i = 0; i < a->n_tasks; i++)
        if (a->tasks[i]->instance == 1 && a->tasks[i]->state == SHOWN(RUNNING))
            update(w, a->tasks[i]->task_id, "m-S0", STATE(FAILED), NULL);
    expect_state(w, UPDATE_STATE(ROLLING_BACK));
    settle(w);
    assert_string_equal(runs(w), "0:old 1:old 2:new");
    pass(w, 10000);
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old");
    world_free(w);
}

/* Case 97: instance 1 fails on the way forward, then on the way back. */
static void test_97_a_rollback_that_fails(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    pass(w, 10000);
    settle(w);
    for (int time = 0; time < 2; time++) {
        const Answer *a = get_job(w);
        for (size_t i = 0; i < a->n_tasks; i++)
            if (a->tasks[i]->instance == 1 &&
                a->tasks[i]->state == SHOWN(RUNNING))
                update(w, a->tasks[i]->task_id, "m-S0", STATE(FAILED), NULL);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(UPDATE_FAILED));
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    world_free(w);
}

/* Case 99: the update waits for ever; abort works. */
static void test_99_what_finds_no_host_is_waited_for(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    pass(w, 600000); /* the link breaks, and no offer is held any more */
    subscribed(w, "fw-1");
    accept_calls(w);
    w->calls.count = 0;
    post(w, START("new", "2", "\"watch_secs\":0"));
    accept_calls(w);
    MasterCall *kill = find_call(w, CALL(KILL), 0);
    update(w, kill->kill->task_id->value, "m-S0", STATE(KILLED), NULL);
    for (int hour = 0; hour < 3; hour++)
        pass(w, 60 * 60 * 1000);
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    post(w, ACT("ABORT_UPDATE"));
    expect_state(w, UPDATE_STATE(ABORTED));
    world_free(w);
}

/* Case 106: the old task ends by itself; one new task, not two. */
static void test_106_the_old_task_dies_meanwhile(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    post(w, START("new", "1", "\"watch_secs\":0"));
    accept_calls(w);
    char id[300];
    snprintf(id, sizeof id, "%s",
             find_call(w, CALL(KILL), 0)->kill->task_id->value);
    w->calls.count = 0;
    update(w, id, "m-S0", STATE(FINISHED), NULL);
    assert_string_equal(runs(w), "0:new");
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new");
    world_free(w);
}

/* An instance that is not changed yet and ends comes back as what it was. */
static void test_what_waits_keeps_its_version(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    const Answer *a = get_job(w);
    for (size_t i = 0; i < a->n_tasks; i++)
        if (a->tasks[i]->instance == 2 && a->tasks[i]->state == SHOWN(RUNNING))
            update(w, a->tasks[i]->task_id, "m-S0", STATE(FAILED), NULL);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    assert_int_equal(get_update(w)->failed, 0);
    world_free(w);
}

static void test_some_failures_are_borne(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3",
                  "\"watch_secs\":10,\"max_per_shard_failures\":1,"
                  "\"max_total_failures\":1"));
    settle(w);
    for (int time = 0; time < 2; time++) {
        const Answer *a = get_job(w);
        expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
        for (size_t i = 0; i < a->n_tasks; i++)
            if (a->tasks[i]->instance == 0 &&
                a->tasks[i]->state == SHOWN(RUNNING))
                update(w, a->tasks[i]->task_id, "m-S0", STATE(FAILED), NULL);
        settle(w);
    }
    assert_int_equal(get_update(w)->failed, 1);
    for (int i = 0; i < 10; i++) {
        pass(w, 30000);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    world_free(w);
}

/* --- a new life --- */

static void test_it_goes_on_where_it_was(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    for (int i = 0; i < 3; i++) {
        reborn(w);
        subscribed(w, "fw-1");
        accept_calls(w);
        w->calls.count = 0;
        assert_int_equal(begun(w), i + 1);
        pass(w, 10000);
        settle(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    assert_string_equal(runs(w), "0:new 1:new 2:new");
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* Between the kill and the successor, at every step of the way back. */
static void test_a_new_life_in_the_middle_of_a_rollback(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("bad", "3", "\"watch_secs\":0"));
    for (int round = 0; round < 40; round++) {
        reborn(w);
        subscribed(w, "fw-1");
        accept_calls(w);
        w->calls.count = 0;
        const Answer *a = get_job(w);
        for (size_t i = 0; i < a->n_tasks; i++)
            if (a->tasks[i]->state == SHOWN(RESTARTING))
                update(w, a->tasks[i]->task_id, "m-S0", STATE(KILLED), NULL);
        offer(w, "m-S0", 16);
        (void)one_round(w);
    }
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    world_free(w);
}

/* --- pulses --- */

#define PULSED "\"watch_secs\":0,\"pulse_interval_secs\":60"

static void expect_pulse(struct world *w, const char *body,
                         Perigee__Aurora__Answer__PulseStatus status)
{
    post(w, body);
    expect_status(w, 200);
    assert_int_equal(w->answer->pulse, status);
}

#define PULSE(name) PERIGEE__AURORA__ANSWER__PULSE_STATUS__##name

static void test_pulses_let_it_go_on(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", PULSED));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    assert_string_equal(runs(w), "0:old 1:old");
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    pass(w, 60000);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    settle(w);
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    world_free(w);
}

/* Case 101: pulses are not stored. */
static void test_101_a_new_life_waits_for_a_pulse(void **unused)
{
    struct world *w = with("2", "old");

    (void)unused;
    post(w, START("new", "2", PULSED));
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    expect_state(w, UPDATE_STATE(ROLLING_FORWARD));
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    reborn(w);
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_AWAITING_PULSE));
    world_free(w);
}

/* Case 102. */
static void test_102_pulses_that_do_nothing(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    post(w, START("new", "1", PULSED));
    post(w, ACT("PAUSE_UPDATE"));
    expect_status(w, 200);
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(OK));
    expect_state(w, UPDATE_STATE(ROLL_FORWARD_PAUSED));
    expect_pulse(w,
                 "{\"type\":\"PULSE_UPDATE\",\"update\":{" KEY
                 ",\"update_id\":\"nobody\"}}",
                 PULSE(FINISHED));
    post(w, ACT("RESUME_UPDATE"));
    settle(w);
    expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    expect_pulse(w, ACT("PULSE_UPDATE"), PULSE(FINISHED));
    world_free(w);
}

/* --- requests --- */

static void test_nothing_else_changes_the_job_meanwhile(void **unused)
{
    static const char *const bodies[] = {
        ABOUT("KILL_JOB"),
        ABOUT("RESTART_JOB"),
        SERVICE("3"),
        "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":2}}",
        "{\"type\":\"ADD_INSTANCES\",\"scale\":{" KEY ",\"instances\":2}}",
        START("newer", "3", "\"watch_secs\":0"),
    };
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    char id[64];
    snprintf(id, sizeof id, "%s", w->answer->updates[0]->update_id);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        post(w, bodies[i]);
        expect_status(w, 409);
        assert_string_equal(w->answer->error->code, "JOB_UPDATING");
        assert_non_null(strstr(w->answer->error->message, id));
    }
    world_free(w);
}

static void test_only_services_are_updated(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, BATCH("1"));
    post(w, START("x", "1", "\"watch_secs\":0"));
    expect_status(w, 409);
    assert_string_equal(w->answer->error->field, "service");
    post(w, START("x", "4001", "\"watch_secs\":0"));
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "instances");
    post(w, ACT("GET_UPDATE"));
    expect_status(w, 404);
    world_free(w);
}

static void test_pause_and_rollback_by_hand(void **unused)
{
    struct world *w = with("3", "old");

    (void)unused;
    post(w, START("new", "3", "\"watch_secs\":10"));
    settle(w);
    post(w, ACT("RESUME_UPDATE"));
    expect_status(w, 409);
    post(w, ACT("PAUSE_UPDATE"));
    expect_status(w, 200);
    post(w, ACT("PAUSE_UPDATE"));
    expect_status(w, 409);
    pass(w, 30000);
    settle(w);
    assert_string_equal(runs(w), "0:new 1:old 2:old");
    post(w, ACT("ROLLBACK_UPDATE"));
    expect_status(w, 200);
    settle(w);
    pass(w, 20000);
    expect_state(w, UPDATE_STATE(ROLLED_BACK));
    assert_string_equal(runs(w), "0:old 1:old 2:old");
    world_free(w);
}

static void test_lists_and_history(void **unused)
{
    struct world *w = with("1", "old");

    (void)unused;
    for (int i = 0; i < 12; i++) {
        pass(w, 1000);
        post(w, i % 2 ? START("old", "1", "\"watch_secs\":0")
                      : START("new", "1", "\"watch_secs\":0"));
        expect_status(w, 200);
        settle(w);
        expect_state(w, UPDATE_STATE(ROLLED_FORWARD));
    }
    post(w, "{\"type\":\"LIST_UPDATES\",\"update\":{" KEY "}}");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_updates, 10);
    assert_true(w->answer->updates[0]->created_ms <
                w->answer->updates[9]->created_ms);
    post(w, "{\"type\":\"LIST_UPDATES\",\"update\":{\"active_only\":true}}");
    assert_int_equal(w->answer->n_updates, 0);
    post(w, "{\"type\":\"LIST_UPDATES\",\"update\":{\"role\":\"nobody\"}}");
    assert_int_equal(w->answer->n_updates, 0);
    reborn(w);
    post(w, "{\"type\":\"LIST_UPDATES\"}");
    assert_int_equal(w->answer->n_updates, 10);
    world_free(w);
}

static void test_events_tell_of_it(void **unused)
{
    struct world *w = with("2", "old");
    int states = 0, instances = 0;

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY "}}");
    w->events.count = 0;
    post(w, START("new", "2", "\"watch_secs\":0"));
    settle(w);
    for (int i = 0; i < w->events.count; i++) {
        const Perigee__Aurora__Event *event = w->events.item[i];
        if (event->type != PERIGEE__AURORA__EVENT__TYPE__UPDATE_CHANGED)
            continue;
        assert_non_null(event->update->update_id);
        states += event->update->n_events == 1;
        instances += event->update->n_changes == 1;
    }
    assert_int_equal(states, 2);    /* rolling, rolled */
    assert_int_equal(instances, 4); /* two begun, two done */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_update_creates_a_job),
        cmocka_unit_test(test_116_adds_only_kills_only),
        cmocka_unit_test(test_a_queue_watches_each_instance),
        cmocka_unit_test(test_no_change_is_said),
        cmocka_unit_test(test_ranges_change_only_those),
        cmocka_unit_test(test_103_autopause_after_each_batch),
        cmocka_unit_test(test_98_a_bad_version_is_rolled_back),
        cmocka_unit_test(test_98_without_rollback_it_fails),
        cmocka_unit_test(test_98_an_abort_leaves_a_mixture),
        cmocka_unit_test(test_104_batches_roll_back_as_they_came),
        cmocka_unit_test(test_97_a_rollback_that_fails),
        cmocka_unit_test(test_99_what_finds_no_host_is_waited_for),
        cmocka_unit_test(test_106_the_old_task_dies_meanwhile),
        cmocka_unit_test(test_what_waits_keeps_its_version),
        cmocka_unit_test(test_some_failures_are_borne),
        cmocka_unit_test(test_it_goes_on_where_it_was),
        cmocka_unit_test(test_a_new_life_in_the_middle_of_a_rollback),
        cmocka_unit_test(test_pulses_let_it_go_on),
        cmocka_unit_test(test_101_a_new_life_waits_for_a_pulse),
        cmocka_unit_test(test_102_pulses_that_do_nothing),
        cmocka_unit_test(test_nothing_else_changes_the_job_meanwhile),
        cmocka_unit_test(test_only_services_are_updated),
        cmocka_unit_test(test_pause_and_rollback_by_hand),
        cmocka_unit_test(test_lists_and_history),
        cmocka_unit_test(test_events_tell_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
