/* Groups over the API, beside a cluster that does what commands say: "done"
 * finishes, "bad" fails, "stuck" never runs, all others run. */
#include "update_kit.h"

#include "aurora/core/app_group_machine.h"

#define KEY_OF(n)                                                           \
    "\"key\":{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":" \
    "\"prod\",\"name\":\"" n "\"}"
#define PATH "devcluster/www/prod/"

typedef Perigee__Aurora__GroupView Group;
typedef Perigee__Aurora__GroupMemberView Member;

/* --- asking --- */

/* One job: "web:3:sleep" is a service of 3, "web:1:done!" ends by itself. */
static char *job_text(struct world *w, const char *spec)
{
    char name[32], command[32], bang = 0;
    int count;

    assert_true(sscanf(spec, "%31[^:]:%d:%31[^!]%c", name, &count, command,
                       &bang) >= 3);
    return arena_printf(
        &w->arena,
        "{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\","
        "\"name\":\"%s\",\"service\":%s,\"instances\":%d,\"update\":{"
        "\"watch_secs\":0,\"batch_size\":9},\"task\":{\"name\":\"%s\","
        "\"processes\":[{\"name\":\"p\",\"cmdline\":\"%s\"}],\"resources\":{"
        "\"cpu_milli\":100,\"ram_bytes\":1048576,\"disk_bytes\":1048576}}}",
        name, bang ? "false" : "true", count, name, command);
}

/* A group in which every job stands in a group of its name (so that it can be
 * waited for): `needs` is "web>db admin>web". */
static char *tree_text(struct world *w, char *const *spec, const char *needs)
{
    struct buf out = {0};

    buf_add_text(&out, "{\"name\":\"shop\",\"groups\":[");
    for (int i = 0; spec[i]; i++) {
        char name[32], want[40];
        sscanf(spec[i], "%31[^:]", name);
        buf_addf(&out,
                 "%s{\"name\":\"%s\",\"jobs\":[\"" PATH
                 "%s\"],\"depends_on\":[",
                 i ? "," : "", name, name);
        snprintf(want, sizeof want, "%s>", name);
        const char *comma = "";
        for (const char *p = needs; (p = strstr(p, want)); p++) {
            if (p > needs && p[-1] != ' ')
                continue;
            p += strlen(want);
            buf_addf(&out, "%s\"%.*s\"", comma, (int)strcspn(p, " "), p);
            comma = ",";
        }
        buf_add_text(&out, "]}");
    }
    buf_add_text(&out, "]}");
    char *text = arena_strndup(&w->arena, buf_text(&out), out.size);
    buf_release(&out);
    return text;
}

static void deploy(struct world *w, const char *jobs, const char *needs,
                   const char *more)
{
    char *copy = arena_strdup(&w->arena, jobs), *save = NULL;
    char *spec[33] = {0};
    struct buf list = {0};
    int n = 0;

    for (char *s = strtok_r(copy, " ", &save); s;
         s = strtok_r(NULL, " ", &save))
        spec[n++] = s;
    for (int i = 0; i < n; i++)
        buf_addf(&list, "%s%s", i ? "," : "", job_text(w, spec[i]));
    post(w, arena_printf(&w->arena,
                         "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{%s,"
                         "\"group\":%s,\"jobs\":[%s]%s}}",
                         KEY_OF("shop"), tree_text(w, spec, needs),
                         buf_text(&list), more));
    buf_release(&list);
}

static const Group *get_group(struct world *w)
{
    post(w, "{\"type\":\"GET_GROUP\",\"groups\":{" KEY_OF("shop") "}}");
    return w->answer && w->answer->n_groups == 1 ? w->answer->groups[0] : NULL;
}

static const char *state_of(struct world *w)
{
    const Group *g = get_group(w);

    return g ? app_group_state_name((enum app_group_state)g->state) : "GONE";
}

/* "db:2/2 web:0/3(WAITING)": running of wanted, and phases that are not DONE.
 */
static const char *members(struct world *w)
{
    static char out[600];
    static const char *const phase[] = {"?", "WAITING", "WORKING", "",
                                        "FAILED"};
    const Group *g = get_group(w);
    size_t size = 0;

    out[0] = '\0';
    for (size_t i = 0; g && i < g->n_members; i++) {
        const Member *m = g->members[i];
        size += (size_t)snprintf(out + size, sizeof out - size, "%s%s:%u/%u",
                                 i ? " " : "", m->key->name, m->running,
                                 m->instances);
        if (m->phase != PERIGEE__AURORA__GROUP_MEMBER_VIEW__PHASE__DONE)
            size += (size_t)snprintf(out + size, sizeof out - size, "(%s)",
                                     phase[m->phase]);
    }
    return out;
}

static const char *waits_of(struct world *w, const char *name)
{
    const Group *g = get_group(w);

    for (size_t i = 0; g && i < g->n_members; i++)
        if (strcmp(g->members[i]->key->name, name) == 0)
            return g->members[i]->waits_for ? g->members[i]->waits_for : "";
    return "no member";
}

static const Answer *ask_job(struct world *w, const char *type,
                             const char *name)
{
    post(w, arena_printf(&w->arena,
                         "{\"type\":\"%s\",\"%s\":{\"key\":{\"cluster\":"
                         "\"devcluster\",\"role\":\"www\",\"environment\":"
                         "\"prod\",\"name\":\"%s\"}}}",
                         type,
                         strcmp(type, "WHY") == 0       ? "why"
                         : strcmp(type, "GET_JOB") == 0 ? "tasks"
                                                        : "target",
                         name));
    return w->answer;
}

/* --- the cluster --- */

static bool round_of(struct world *w)
{
    struct {
        char id[300], command[32];
        bool is_kill;
    } did[64];
    int count = 0;
    Mesos__V1__TaskInfo *info;
    MasterCall *kill;

    accept_calls(w);
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
        const char *command = did[i].command;
        if (!did[i].is_kill && strncmp(command, "stuck", 5) == 0)
            continue;
        update(w, did[i].id, "m-S0",
               did[i].is_kill                     ? STATE(KILLED)
               : strncmp(command, "bad", 3) == 0  ? STATE(FAILED)
               : strncmp(command, "done", 4) == 0 ? STATE(FINISHED)
                                                  : STATE(RUNNING),
               NULL);
    }
    return count > 0;
}

static void rest_of_it(struct world *w)
{
    for (int quiet = 0, rounds = 0; quiet < 2; rounds++) {
        assert_true(rounds < 200);
        offer(w, "m-S0", 16);
        quiet = round_of(w) ? 0 : quiet + 1;
    }
}

/* --- starting --- */

#define SHOP "db:2:sleep web:3:sleep admin:1:sleep"
#define ORDER "web>db admin>web"

static void test_members_start_in_order(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:0/2(WORKING) web:0/3(WAITING) admin:0/1(WAITING)");
    assert_string_equal(waits_of(w, "web"), "waits for db/db (0 of 2 running)");
    assert_string_equal(waits_of(w, "admin"),
                        "waits for web/web (0 of 3 running)");
    offer(w, "m-S0", 16);
    (void)round_of(w);
    /* What was RUNNING once lets the next begin. */
    assert_string_equal(members(w),
                        "db:2/2 web:0/3(WORKING) admin:0/1(WAITING)");
    rest_of_it(w);
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    assert_string_equal(state_of(w), "RUNNING");
    const Group *g = get_group(w);
    assert_int_equal(g->n_events, 2);
    assert_int_equal(g->done, 3);
    assert_string_equal(g->tree->groups[1]->depends_on[0], "db");
    world_free(w);
}

static void test_who_waits_says_for_what(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:2:stuck web:3:sleep", "web>db", "");
    rest_of_it(w);
    const Answer *a = ask_job(w, "GET_JOB", "web");
    assert_int_equal(a->jobs[0]->pending + a->jobs[0]->active, 0);
    assert_string_equal(a->jobs[0]->waits_for,
                        "waits for db/db (0 of 2 running)");
    assert_string_equal(a->jobs[0]->group->name, "shop");
    a = ask_job(w, "WHY", "web");
    assert_int_equal(a->why->pending, 3);
    assert_string_equal(a->why->advice,
                        "waits for db/db (0 of 2 running): it begins with its "
                        "group 'shop'");
    world_free(w);
}

static void test_what_ends_by_itself_is_up_when_it_finished(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "load:2:done! web:1:sleep", "web>load", "");
    assert_string_equal(waits_of(w, "web"),
                        "waits for load/load (it has not finished)");
    rest_of_it(w);
    assert_string_equal(state_of(w), "RUNNING");
    /* Applied again, it is not run again. */
    deploy(w, "load:2:done! web:2:sleep", "web>load", "");
    rest_of_it(w);
    assert_string_equal(members(w), "load:0/2 web:2/2");
    assert_int_equal(ask_job(w, "GET_JOB", "load")->n_tasks, 2);
    world_free(w);
}

static void test_a_job_that_fails_ends_the_deployment(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "load:1:bad! web:1:sleep", "web>load", "");
    rest_of_it(w);
    assert_string_equal(state_of(w), "FAILED");
    assert_string_equal(get_group(w)->message,
                        "load: an instance ended and did not finish");
    assert_string_equal(waits_of(w, "web"),
                        "waits for load/load (it failed); its group FAILED");
    /* Mended, it goes on where it stopped. */
    deploy(w, "load:1:done! web:1:sleep", "web>load", "");
    expect_status(w, 200);
    rest_of_it(w);
    assert_string_equal(state_of(w), "RUNNING");
    assert_string_equal(members(w), "load:0/1 web:1/1");
    world_free(w);
}

static void test_it_goes_on_after_a_crash(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    reborn(w);
    subscribed(w, "fw-1");
    offer(w, "m-S0", 16);
    (void)round_of(w);
    reborn(w);
    subscribed(w, "fw-1");
    assert_string_equal(members(w),
                        "db:2/2 web:0/3(WORKING) admin:0/1(WAITING)");
    rest_of_it(w);
    reborn(w);
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    assert_string_equal(state_of(w), "RUNNING");
    assert_int_equal(get_group(w)->n_events, 2);
    world_free(w);
}

/* --- all or nothing --- */

static void expect_refusal(struct world *w, int status, const char *text)
{
    expect_status(w, status);
    if (!strstr(w->answer->error->message, text))
        fail_msg("want '%s', got '%s'", text, w->answer->error->message);
}

static void test_nothing_is_stored_when_something_is_wrong(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:sleep web:0:sleep", "web>db", "");
    expect_status(w, 400);
    deploy(w, "db:1:sleep web:5000:sleep", "web>db", "");
    expect_refusal(w, 400, "want 1 to 4000");
    deploy(w, "db:1:sleep web:1:sleep", "web>db db>web", "");
    expect_refusal(w, 400, "a circle: db -> web -> db");
    assert_string_equal(w->answer->error->field, "deploy_group.depends_on");
    deploy(w, "db:1:sleep web:1:sleep", "web>nobody", "");
    expect_refusal(w, 400, "nothing beside it is named 'nobody'");
    deploy(w, "db:1:sleep db:1:sleep", "", "");
    expect_refusal(w, 400, "stands beside another of that name");
    post(w, "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                "shop") ",\"group\":{\"name\":\"shop\"}}}");
    expect_refusal(w, 400, "has no job");
    post(w, "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                "shop") ",\"group\":{\"name\":\"shop\",\"jobs\":[\"" PATH
                        "x\"]}}}");
    expect_refusal(w, 400, "is not here");
    post(w, "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                "cart") ",\"group\":{\"name\":\"shop\"}}}");
    expect_refusal(w, 400, "want the name 'cart'");
    post(w,
         arena_printf(&w->arena,
                      "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{"
                      "\"key\":{\"cluster\":\"devcluster\",\"role\":"
                      "\"other\",\"environment\":\"prod\",\"name\":"
                      "\"shop\"},\"group\":{\"name\":\"shop\",\"jobs\":[\"" PATH
                      "x\"]},\"jobs\":[%s]}}",
                      job_text(w, "x:1:sleep")));
    expect_refusal(w, 400, "want all jobs of one role");
    assert_string_equal(state_of(w), "GONE");
    ask_job(w, "GET_JOB", "db");
    expect_status(w, 404);
    post(w, "{\"type\":\"LIST_JOBS\"}");
    assert_int_equal(w->answer->n_jobs, 0);
    world_free(w);
}

static void test_jobs_belong_to_one_group(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    post(w, arena_printf(
                &w->arena,
                "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" KEY_OF(
                    "cart") ",\"group\":{\"name\":\"cart\",\"jobs\":[\"" PATH
                            "x\",\"" PATH "db\"]},\"jobs\":[%s,%s]}}",
                job_text(w, "x:1:sleep"), job_text(w, "db:1:sleep")));
    expect_refusal(w, 409, "is in group 'devcluster/www/prod/shop'");
    ask_job(w, "GET_JOB", "x");
    expect_status(w, 404);
    world_free(w);
}

static void test_create_wants_new_ones(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, SERVICE("1"));
    deploy(w, SHOP, ORDER, ",\"must_be_new\":true");
    expect_refusal(w, 409, "job 'devcluster/www/prod/web' exists already");
    assert_string_equal(state_of(w), "GONE");
    deploy(w, "db:1:sleep", "", ",\"must_be_new\":true");
    expect_status(w, 200);
    deploy(w, "db:1:sleep", "", ",\"must_be_new\":true");
    expect_refusal(w, 409, "exists already");
    world_free(w);
}

static void test_who_waits_is_not_touched_by_others(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep", "web>db", "");
    post(w, SERVICE("1"));
    expect_refusal(w, 409, "begins with its group 'shop': it waits for db/db");
    post(w, START("new", "2", "\"watch_secs\":0"));
    expect_refusal(w, 409, "begins with its group");
    post(w, "{\"type\":\"SCALE_JOB\",\"scale\":{" KEY ",\"instances\":5}}");
    expect_refusal(w, 409, "begins with its group");
    ask_job(w, "RESTART_JOB", "web");
    expect_refusal(w, 409, "begins with its group");
    /* But it may be killed, which ends the deployment. */
    ask_job(w, "KILL_JOB", "web");
    expect_status(w, 200);
    assert_string_equal(state_of(w), "FAILED");
    assert_string_equal(get_group(w)->message, "web: it was killed");
    pass(w, 3 * 60 * 60 * 1000);
    assert_string_equal(state_of(w), "FAILED");
    world_free(w);
}

/* What is held is not pruned, however long it waits. */
static void test_waiting_outlives_pruning(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep load:1:done!", "web>db", "");
    rest_of_it(w);
    pass(w, (int64_t)3 * 24 * 60 * 60 * 1000);
    assert_string_equal(waits_of(w, "web"), "waits for db/db (0 of 1 running)");
    assert_int_equal(ask_job(w, "GET_JOB", "load")->n_tasks, 0);
    expect_status(w, 200);
    world_free(w);
}

/* --- removing --- */

#define REMOVE "{\"type\":\"REMOVE_GROUP\",\"groups\":{" KEY_OF("shop") "}}"

static void test_members_end_in_reverse(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    post(w, REMOVE);
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:2/2(WAITING) web:3/3(WAITING) admin:0/1(WORKING)");
    (void)round_of(w);
    reborn(w);
    subscribed(w, "fw-1");
    assert_string_equal(state_of(w), "REMOVING");
    deploy(w, SHOP, ORDER, "");
    expect_refusal(w, 409, "is being removed");
    post(w, REMOVE);
    expect_refusal(w, 409, "is being removed");
    pass(w, 60 * 1000); /* the kills of the last life are sent again */
    rest_of_it(w);
    assert_string_equal(state_of(w), "GONE");
    ask_job(w, "GET_JOB", "db");
    expect_status(w, 404);
    post(w, REMOVE);
    expect_refusal(w, 404, "does not exist");
    deploy(w, SHOP, ORDER, ",\"must_be_new\":true");
    expect_status(w, 200);
    world_free(w);
}

static void test_what_never_started_goes_at_once(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep", "web>db", "");
    post(w, REMOVE);
    expect_status(w, 200);
    ask_job(w, "GET_JOB", "web");
    expect_status(w, 404);
    rest_of_it(w);
    assert_string_equal(state_of(w), "GONE");
    world_free(w);
}

/* --- changing --- */

static void test_changes_wait_for_what_is_needed(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, SHOP, ORDER, "");
    expect_status(w, 200);
    assert_string_equal(w->answer->note, "nothing had to change");
    assert_int_equal(get_group(w)->n_events, 2);
    /* db is updated, a cache comes between, web is scaled. */
    deploy(w, "db:2:newer cache:1:sleep web:4:sleep admin:1:sleep",
           "cache>db web>cache admin>web", "");
    expect_status(w, 200);
    assert_string_equal(get_group(w)->members[0]->update->key->name, "db");
    assert_string_equal(waits_of(w, "cache"),
                        "waits for db/db (0 of 2 running, is updated)");
    reborn(w);
    subscribed(w, "fw-1");
    pass(w, 20 * 1000); /* kills of the last life are sent again */
    rest_of_it(w);
    {
        const Group *g = get_group(w);
        printf("%s | %s\n", members(w),
               g->members[0]->update ? g->members[0]->update->message
                                           ? g->members[0]->update->message
                                           : "upd"
                                     : "no upd");
        printf("%s\n", waits_of(w, "cache"));
        const Answer *q = ask_job(w, "GET_JOB", "db");
        for (size_t i = 0; i < q->n_tasks; i++)
            printf("%d %d\n", q->tasks[i]->instance, q->tasks[i]->state);
    }
    assert_string_equal(state_of(w), "RUNNING");
    assert_string_equal(members(w), "db:2/2 cache:1/1 web:4/4 admin:1/1");
    world_free(w);
}

static void test_what_is_dropped_goes_last(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, "store:1:sleep web:3:newer", "web>store", ",\"prune\":true");
    expect_status(w, 200);
    assert_string_equal(members(w), "store:0/1(WORKING) web:3/3(WAITING) "
                                    "db:2/2(WAITING) admin:1/1(WAITING)");
    (void)round_of(w);
    reborn(w);
    subscribed(w, "fw-1");
    rest_of_it(w);
    assert_string_equal(members(w), "store:1/1 web:3/3");
    assert_string_equal(state_of(w), "RUNNING");
    ask_job(w, "GET_JOB", "db");
    expect_status(w, 404);
    world_free(w);
}

static void test_without_pruning_they_run_on(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, "web:3:sleep", "", "");
    assert_string_equal(members(w), "web:3/3");
    const Answer *a = ask_job(w, "GET_JOB", "db");
    assert_int_equal(a->jobs[0]->active, 2);
    assert_null(a->jobs[0]->group);
    reborn(w);
    assert_string_equal(members(w), "web:3/3");
    world_free(w);
}

static void test_an_update_that_fails_ends_the_deployment(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    rest_of_it(w);
    deploy(w, "db:2:bad web:3:newer admin:1:sleep", ORDER, "");
    rest_of_it(w);
    assert_string_equal(state_of(w), "FAILED");
    assert_string_equal(get_group(w)->message,
                        "db: its update is ROLLED_BACK: 1 of 2 instances "
                        "failed: 0 may");
    /* web was not begun, and keeps what it runs. */
    assert_string_equal(runs(w), "0:sleep 1:sleep 2:sleep");
    deploy(w, "db:2:good web:3:newer admin:1:sleep", ORDER, "");
    rest_of_it(w);
    assert_string_equal(state_of(w), "RUNNING");
    assert_string_equal(runs(w), "0:newer 1:newer 2:newer");
    world_free(w);
}

static void test_a_deployment_may_follow_another(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, "db:1:stuck web:2:sleep", "web>db", "");
    rest_of_it(w);
    /* web no longer waits: it starts, db goes. */
    deploy(w, "web:2:sleep", "", ",\"prune\":true");
    expect_status(w, 200);
    rest_of_it(w);
    assert_string_equal(members(w), "web:2/2");
    assert_string_equal(state_of(w), "RUNNING");
    world_free(w);
}

/* --- scaling --- */

#define SCALE(factor)                                     \
    "{\"type\":\"SCALE_GROUP\",\"scale_group\":{" KEY_OF( \
        "shop") ",\"factor_milli\":" factor "}}"

static void test_a_group_is_scaled(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    deploy(w, SHOP, ORDER, "");
    post(w, SCALE("2000"));
    expect_refusal(w, 409, "is DEPLOYING: want a RUNNING one");
    rest_of_it(w);
    post(w, SCALE("1500"));
    expect_status(w, 200);
    assert_string_equal(members(w),
                        "db:2/3(WORKING) web:3/3(WAITING) admin:1/1(WAITING)");
    rest_of_it(w);
    assert_string_equal(members(w), "db:3/3 web:5/5 admin:2/2");
    /* Back: who waits for others shrinks first. */
    post(w, SCALE("500"));
    rest_of_it(w);
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    assert_string_equal(state_of(w), "RUNNING");
    post(w, SCALE("900"));
    assert_string_equal(w->answer->note, "nothing had to change");
    post(w, SCALE("0"));
    expect_refusal(w, 400, "want more than 0");
    post(w, SCALE("4000000000"));
    expect_refusal(w, 400, "want 1 to 4000");
    assert_string_equal(members(w), "db:2/2 web:3/3 admin:1/1");
    world_free(w);
}

/* --- looking --- */

static void test_groups_are_listed_in_pages(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    for (int i = 0; i < 3; i++)
        post(w, arena_printf(
                    &w->arena,
                    "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{\"key\":{"
                    "\"cluster\":\"devcluster\",\"role\":\"www\","
                    "\"environment\":\"prod\",\"name\":\"g%d\"},\"group\":{"
                    "\"name\":\"g%d\",\"jobs\":[\"" PATH "j%d\"]},\"jobs\":"
                    "[%s]}}",
                    i, i, i,
                    job_text(w, arena_printf(&w->arena, "j%d:1:sleep", i))));
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"limit\":2}}");
    assert_int_equal(w->answer->n_groups, 2);
    assert_int_equal(w->answer->groups[0]->n_members, 0);
    assert_string_equal(w->answer->cursor, "www/prod/g1");
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"cursor\":"
            "\"www/prod/g1\"}}");
    assert_int_equal(w->answer->n_groups, 1);
    assert_string_equal(w->answer->groups[0]->key->name, "g2");
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"role\":\"nobody\"}}");
    assert_int_equal(w->answer->n_groups, 0);
    post(w, "{\"type\":\"LIST_GROUPS\",\"groups\":{\"cursor\":\"!\"}}");
    expect_refusal(w, 400, "not one of ours");
    get(w, "/api/v1/groups/www");
    assert_int_equal(w->answer->n_groups, 3);
    get(w, "/api/v1/groups/www/prod/g2");
    assert_int_equal(w->answer->groups[0]->n_members, 1);
    get(w, "/api/v1/groups/www/prod/g3");
    expect_status(w, 404);
    world_free(w);
}

static void test_events_tell_of_groups_and_members(void **unused)
{
    struct world *w = world_new();
    int whole = 0, of_member = 0;

    (void)unused;
    post(w, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{" KEY_OF("shop") "}}");
    deploy(w, "db:1:sleep web:1:sleep", "web>db", ",\"message\":\"why not\"");
    rest_of_it(w);
    for (int i = 0; i < w->events.count; i++) {
        const Perigee__Aurora__Event *e = w->events.item[i];
        if (e->type != PERIGEE__AURORA__EVENT__TYPE__GROUP_CHANGED)
            continue;
        assert_string_equal(e->key->name, "shop");
        whole += e->group->n_members == 0;
        of_member += e->group->n_members == 1;
        if (whole == 1 && e->group->n_members == 0)
            assert_string_equal(e->group->message, "why not");
    }
    assert_int_equal(whole, 2);
    assert_int_equal(of_member, 4); /* two begin, two are up */
    world_free(w);
}

static void test_a_repeated_request_is_answered_once(void **unused)
{
    struct world *w = world_new();
    static const char scale[] = SCALE("2000");

    (void)unused;
    deploy(w, "db:1:sleep", "", "");
    rest_of_it(w);
    for (int i = 0; i < 2; i++) {
        request(w, HTTP_POST, "/api/v1", "", "once", scale);
        expect_status(w, 200);
        rest_of_it(w);
        assert_string_equal(members(w), "db:2/2");
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_start_in_order),
        cmocka_unit_test(test_who_waits_says_for_what),
        cmocka_unit_test(test_what_ends_by_itself_is_up_when_it_finished),
        cmocka_unit_test(test_a_job_that_fails_ends_the_deployment),
        cmocka_unit_test(test_it_goes_on_after_a_crash),
        cmocka_unit_test(test_nothing_is_stored_when_something_is_wrong),
        cmocka_unit_test(test_jobs_belong_to_one_group),
        cmocka_unit_test(test_create_wants_new_ones),
        cmocka_unit_test(test_who_waits_is_not_touched_by_others),
        cmocka_unit_test(test_waiting_outlives_pruning),
        cmocka_unit_test(test_members_end_in_reverse),
        cmocka_unit_test(test_what_never_started_goes_at_once),
        cmocka_unit_test(test_changes_wait_for_what_is_needed),
        cmocka_unit_test(test_what_is_dropped_goes_last),
        cmocka_unit_test(test_without_pruning_they_run_on),
        cmocka_unit_test(test_an_update_that_fails_ends_the_deployment),
        cmocka_unit_test(test_a_deployment_may_follow_another),
        cmocka_unit_test(test_a_group_is_scaled),
        cmocka_unit_test(test_groups_are_listed_in_pages),
        cmocka_unit_test(test_events_tell_of_groups_and_members),
        cmocka_unit_test(test_a_repeated_request_is_answered_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
