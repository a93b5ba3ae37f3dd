/* What scripts say of hosts decides where tasks go. */
#include "aurora_kit.h"
#include "sys/sha256.h"

#define CONSTRAINT(attribute, kind, more)                        \
    CREATE("\"service\":true,\"instances\":1,\"constraints\":[{" \
           "\"attribute\":\"" attribute "\",\"kind\":\"" kind "\"" more "}]")
#define WHY "{\"type\":\"WHY\",\"why\":{" KEY "}}"

/* Answer the newest question: a number, or a failure when it is not NULL. */
static void judge(struct world *w, int64_t value, const char *failure,
                  bool is_passing)
{
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;
    Perigee__Verdict verdict = PERIGEE__VERDICT__INIT;
    Perigee__Verdict *list[] = {&verdict};

    verdict.has_value = failure == NULL;
    verdict.value = value;
    verdict.failure = (char *)failure;
    verdict.has_passing = is_passing;
    verdict.passing = is_passing;
    verdicts.n_verdicts = 1;
    verdicts.verdicts = list;
    answer_verdicts(w, &verdicts);
}

static const char *asked(const struct world *w, size_t at)
{
    assert_true(at < w->question.judgement->n_hosts);
    return w->question.judgement->hosts[at]->hostname;
}

static const char *launched_on(struct world *w, int nth)
{
    Mesos__V1__TaskInfo *info = launched(w, nth);

    return info ? info->agent_id->value : "";
}

/* A job of a bundle, with these fields. */
static void create(struct world *w, const char *fields)
{
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    Perigee__BundleFile file = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile *files[] = {&file};
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    struct aurora_evaluated fact = {0};
    struct buf packed = {0}, body = {0}, result = {0};
    char hash[SHA256_TEXT_MAX];

    file.path = bundle.entry = (char *)"web.lua";
    bundle.n_files = 1;
    bundle.files = files;
    codec_encode(&bundle.base, MEDIA_PROTOBUF, &packed);
    (void)sha256_text(buf_bytes(&packed), hash);
    key.cluster = (char *)"devcluster";
    key.role = (char *)"www";
    key.environment = (char *)"prod";
    key.name = (char *)"web";
    create.key = &key;
    create.has_bundle = true;
    create.bundle.data = packed.data;
    create.bundle.len = packed.size;
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
    call.create_job = &create;
    codec_encode(&call.base, MEDIA_JSON, &body);
    post(w, buf_text(&body));
    Perigee__Job *job =
        decode(w, &perigee__job__descriptor, MEDIA_JSON,
               bytes_of_text(arena_printf(&w->arena, JOB("\"service\":true,%s"),
                                          fields)));
    job->bundle_hash = hash;
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    codec_encode(&evaluation.base, MEDIA_PROTOBUF, &result);
    fact.ticket = w->act.ticket;
    fact.result = buf_bytes(&result);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_EVALUATED, &fact, w->now_ms,
                           &w->fx);
    look(w);
    pass(w, 0);
    expect_status(w, 200);
    buf_release(&packed);
    buf_release(&body);
    buf_release(&result);
}

/* --- expressions --- */

static void test_like_waits_for_its_verdict(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CONSTRAINT("rack", "LIKE", ",\"values\":[\"r-.*1\"]"));
    assert_int_equal(w->question.count, 0);
    offer(w, "m-S0", 4);
    assert_int_equal(w->question.count, 1);
    assert_int_equal(w->question.judgement->kind,
                     PERIGEE__JUDGEMENT__KIND__LIKE);
    assert_string_equal(w->question.judgement->expression, "r-.*1");
    assert_string_equal(asked(w, 0), "m-S0.host");
    offer(w, "m-S1", 4);
    assert_int_equal(w->question.count, 1); /* one at a time */
    assert_null(launched(w, 0));
    post(w, WHY);
    assert_string_equal(w->answer->why->reasons[0]->veto, "not evaluated yet");
    assert_int_equal(w->answer->why->reasons[0]->hosts, 2);
    judge(w, 0, NULL, false);
    assert_int_equal(w->question.count, 2);
    assert_string_equal(asked(w, 0), "m-S1.host");
    assert_null(launched(w, 0));
    judge(w, 1, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S1");
    world_free(w);
}

static void test_unlike_is_the_opposite(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CONSTRAINT("rack", "UNLIKE", ",\"values\":[\"r-.*1\"]"));
    offer(w, "m-S0", 4);
    judge(w, 1, NULL, false);
    assert_null(launched(w, 0));
    post(w, WHY);
    assert_string_equal(w->answer->why->reasons[0]->veto, "constraint rack");
    assert_non_null(strstr(w->answer->why->nearest_lacks, "no value like"));
    offer(w, "m-S1", 4);
    judge(w, 0, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S1");
    world_free(w);
}

static void test_a_wrong_expression_is_refused(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CONSTRAINT("rack", "LIKE", ",\"values\":[\"(\"]"));
    expect_status(w, 400);
    assert_non_null(strstr(w->answer->error->message, "parenthesis"));
    world_free(w);
}

/* --- functions --- */

static void test_a_function_needs_its_bundle(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    post(w, CREATE("\"service\":true,\"place\":{\"ordinal\":1}"));
    expect_status(w, 400);
    assert_non_null(
        strstr(w->answer->error->message, "place: want a job with"));
    world_free(w);
}

static void test_place_sees_what_a_host_is(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"place\":{\"ordinal\":3}");
    offer(w, "m-S0", 4);
    assert_int_equal(w->question.judgement->kind,
                     PERIGEE__JUDGEMENT__KIND__PLACE);
    assert_int_equal(w->question.judgement->ordinal, 3);
    assert_true(w->question.bundle.size > 0);
    const Perigee__Host *host = w->question.judgement->hosts[0];
    assert_string_equal(host->hostname, "m-S0.host");
    assert_string_equal(host->id, "m-S0");
    assert_int_equal(host->cpu_milli, 4000);
    assert_true(host->ram_bytes == INT64_C(4096) << 20);
    assert_true(host->disk_bytes == INT64_C(10240) << 20);
    assert_int_equal(host->ports, 10);
    assert_int_equal(host->n_attributes, 1);
    assert_string_equal(host->attributes[0]->name, "rack");
    assert_string_equal(host->attributes[0]->value, "r-m-S0");
    judge(w, 0, NULL, false);
    assert_null(launched(w, 0));
    post(w, WHY);
    assert_string_equal(w->answer->why->reasons[0]->veto, "place says no");
    assert_non_null(strstr(w->answer->why->advice, "place function"));
    offer(w, "m-S1", 4);
    judge(w, 1, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S1");
    world_free(w);
}

static void test_a_failing_function_says_why(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"place\":{\"ordinal\":1}");
    offer(w, "m-S0", 4);
    judge(w, 0, "web.lua:3: attempt to index nil", false);
    assert_null(launched(w, 0));
    post(w, WHY);
    assert_string_equal(w->answer->why->reasons[0]->veto,
                        "place failed: web.lua:3: attempt to index nil");
    assert_non_null(strstr(w->answer->why->nearest_lacks, "web.lua:3"));
    pass(w, 5 * 60 * 1000 - 1);
    assert_int_equal(w->question.count, 1); /* it would fail again */
    world_free(w);
}

static void test_a_budget_exceeded_is_tried_again(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"place\":{\"ordinal\":1}");
    offer(w, "m-S0", 4);
    judge(w, 0, "web.lua:3: runs longer than 1 ms of CPU time", true);
    assert_null(launched(w, 0));
    pass(w, 59 * 1000);
    assert_int_equal(w->question.count, 1);
    pass(w, 1000);
    assert_int_equal(w->question.count, 2);
    judge(w, 1, NULL, false);
    accept_calls(w);
    assert_string_equal(launched_on(w, 0), "m-S0");
    world_free(w);
}

static void test_busy_workers_are_asked_again_soon(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"place\":{\"ordinal\":1}");
    offer(w, "m-S0", 4);
    answer_busy(w);
    offer(w, "m-S1", 4);
    assert_int_equal(w->question.count, 1);
    pass(w, 1000);
    assert_int_equal(w->question.count, 2);
    assert_int_equal(w->question.judgement->n_hosts, 2);
    judge(w, 1, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S0");
    world_free(w);
}

static void test_rank_goes_before_the_score(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"rank\":{\"ordinal\":2}");
    offer(w, "m-S0", 4); /* fuller afterwards, so it has the better score */
    assert_int_equal(w->question.judgement->kind,
                     PERIGEE__JUDGEMENT__KIND__RANK);
    w->calls.count = 0;
    uint64_t first = w->question.ticket;
    offer(w, "m-S1", 16);
    assert_int_equal(w->question.ticket, first);
    /* Both verdicts before anything is placed. */
    judge(w, INT64_MIN, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S0");
    world_free(w);

    w = world_new();
    offer(w, "m-S0", 4);
    offer(w, "m-S1", 16);
    create(w, "\"rank\":{\"ordinal\":2}");
    assert_int_equal(w->question.judgement->n_hosts, 2);
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;
    Perigee__Verdict verdict[2] = {PERIGEE__VERDICT__INIT,
                                   PERIGEE__VERDICT__INIT};
    Perigee__Verdict *list[] = {&verdict[0], &verdict[1]};
    struct aurora_judged_fact fact = {.ticket = w->question.ticket};
    struct buf out = {0};
    for (size_t i = 0; i < 2; i++) {
        verdict[i].has_value = true;
        verdict[i].value = strcmp(asked(w, i), "m-S1.host") == 0 ? 1 : -1;
    }
    verdicts.n_verdicts = 2;
    verdicts.verdicts = list;
    codec_encode(&verdicts.base, MEDIA_PROTOBUF, &out);
    fact.result = buf_bytes(&out);
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_JUDGED, &fact, w->now_ms, &w->fx);
    buf_release(&out);
    look(w);
    pass(w, 0);
    assert_string_equal(launched_on(w, 0), "m-S1");
    world_free(w);
}

static void test_a_changed_host_is_judged_anew(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"place\":{\"ordinal\":1}");
    offer(w, "m-S0", 4);
    judge(w, 0, NULL, false);
    offer(w, "m-S0", 4); /* it turns out to be larger */
    assert_int_equal(w->question.count, 2);
    assert_int_equal(w->question.judgement->hosts[0]->cpu_milli, 8000);
    judge(w, 1, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S0");
    world_free(w);
}

static void test_a_new_life_asks_again(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    create(w, "\"place\":{\"ordinal\":1}");
    offer(w, "m-S0", 4);
    assert_int_equal(w->question.stdlib.size, 0); /* our own */
    reborn(w);                                    /* as another release */
    judge(w, 1, NULL, false); /* the old life's answer means nothing */
    subscribed(w, "fw-1");
    assert_null(launched(w, 0));
    offer(w, "m-S0", 4);
    assert_int_equal(w->question.count, 2);
    assert_true(w->question.bundle.size > 0);
    assert_true(bytes_equal_text(w->question.stdlib, "release-1"));
    judge(w, 1, NULL, false);
    assert_string_equal(launched_on(w, 0), "m-S0");
    world_free(w);
}

/* --- health functions, which are asked elsewhere --- */

static Perigee__AssignedTask *assigned(struct world *w)
{
    Mesos__V1__TaskInfo *info = launched(w, 0);

    assert_non_null(info);
    return decode(w, &perigee__assigned_task__descriptor, MEDIA_PROTOBUF,
                  bytes_of(info->data.data, info->data.len));
}

static void test_a_health_function_takes_its_library_along(void **unused)
{
    for (int is_later = 0; is_later < 2; is_later++) {
        struct world *w = world_new();

        (void)unused;
        create(w, "\"health_check\":{\"lua\":{\"ordinal\":1}}");
        if (is_later) {
            reborn(w); /* as another release */
            subscribed(w, "fw-1");
        }
        offer(w, "m-S0", 4);
        const Perigee__AssignedTask *task = assigned(w);
        assert_true(task->health_bundle.len > 0);
        assert_string_equal(task->health_stdlib_hash, "release-1");
        assert_int_equal(task->health_stdlib.len, is_later ? 9 : 0);
        world_free(w);
    }
}

/* --- operators that count --- */

static void place_all(struct world *w)
{
    offer(w, "m-S0", 4);
    offer(w, "m-S1", 4);
    offer(w, "m-S2", 4);
}

static int count_on(struct world *w, const char *agent)
{
    int count = 0;

    for (int i = 0; launched(w, i); i++)
        count += strcmp(launched_on(w, i), agent) == 0;
    return count;
}

#define MANY(n, kind, more)                                          \
    CREATE("\"service\":true,\"instances\":" n ",\"constraints\":[{" \
           "\"attribute\":\"rack\",\"kind\":\"" kind "\"" more "}]")

static void test_unique_takes_no_value_twice(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    place_all(w);
    post(w, MANY("4", "UNIQUE", ""));
    accept_calls(w);
    assert_int_equal(count_on(w, "m-S0"), 1);
    assert_int_equal(count_on(w, "m-S1"), 1);
    assert_int_equal(count_on(w, "m-S2"), 1);
    assert_null(launched(w, 3));
    world_free(w);
}

static void test_max_per_is_a_limit(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    place_all(w);
    post(w, MANY("7", "MAX_PER", ",\"limit\":2"));
    accept_calls(w);
    assert_int_equal(count_on(w, "m-S0"), 2);
    assert_int_equal(count_on(w, "m-S2"), 2);
    assert_null(launched(w, 6));
    world_free(w);
}

static void test_cluster_stays_together(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    place_all(w);
    post(w, MANY("4", "CLUSTER", ""));
    assert_int_equal(count_on(w, "m-S0"), 4);
    world_free(w);
    w = world_new();
    place_all(w);
    post(w, MANY("3", "CLUSTER", ",\"values\":[\"r-m-S1\"]"));
    assert_int_equal(count_on(w, "m-S1"), 3);
    world_free(w);
}

static void test_group_by_is_even(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    place_all(w);
    post(w, MANY("7", "GROUP_BY", ",\"limit\":3"));
    accept_calls(w);
    assert_true(count_on(w, "m-S0") >= 2 && count_on(w, "m-S0") <= 3);
    assert_true(count_on(w, "m-S1") >= 2 && count_on(w, "m-S1") <= 3);
    assert_non_null(launched(w, 6));
    assert_null(launched(w, 7));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_waits_for_its_verdict),
        cmocka_unit_test(test_unlike_is_the_opposite),
        cmocka_unit_test(test_a_wrong_expression_is_refused),
        cmocka_unit_test(test_a_function_needs_its_bundle),
        cmocka_unit_test(test_place_sees_what_a_host_is),
        cmocka_unit_test(test_a_failing_function_says_why),
        cmocka_unit_test(test_a_budget_exceeded_is_tried_again),
        cmocka_unit_test(test_busy_workers_are_asked_again_soon),
        cmocka_unit_test(test_rank_goes_before_the_score),
        cmocka_unit_test(test_a_changed_host_is_judged_anew),
        cmocka_unit_test(test_a_new_life_asks_again),
        cmocka_unit_test(test_a_health_function_takes_its_library_along),
        cmocka_unit_test(test_unique_takes_no_value_twice),
        cmocka_unit_test(test_max_per_is_a_limit),
        cmocka_unit_test(test_cluster_stays_together),
        cmocka_unit_test(test_group_by_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
