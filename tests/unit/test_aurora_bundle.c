/* Job files sent whole: evaluated, compared, kept. */
#include "aurora_kit.h"

static void verdict(struct world *w, const Perigee__Evaluation *evaluation)
{
    struct buf out = {0};
    struct aurora_evaluated fact = {.ticket = w->act.ticket};

    codec_encode(&evaluation->base, MEDIA_PROTOBUF, &out);
    fact.result = buf_bytes(&out);
    w->replied = 0;
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_EVALUATED, &fact, w->now_ms,
                           &w->fx);
    buf_release(&out);
    look(w);
    pass(w, 0);
}

/* base64 of a perigee.Bundle with one file of text and one asset "hi". */
static char *bundle_body(struct world *w, bool with_expected)
{
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    Perigee__BundleFile text = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile asset = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile *files[] = {&asset, &text};
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    struct buf packed = {0}, out = {0};

    asset.path = "hi.sh";
    asset.has_asset = asset.asset = true;
    asset.has_content = true;
    asset.content = (ProtobufCBinaryData){2, (uint8_t *)"hi"};
    asset.sha256 = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2d"
                   "c327aa4";
    text.path = "web.lua";
    text.has_content = true;
    text.content = (ProtobufCBinaryData){4, (uint8_t *)"code"};
    bundle.has_format = true;
    bundle.format = 1;
    bundle.entry = "web.lua";
    bundle.n_files = 2;
    bundle.files = files;
    bundle.stdlib_hash = "1111111111111111";
    codec_encode(&bundle.base, MEDIA_PROTOBUF, &packed);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
    call.create_job = &create;
    create.has_bundle = true;
    create.bundle.data = packed.data;
    create.bundle.len = packed.size;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    key.cluster = "devcluster";
    key.role = "www";
    key.environment = "prod";
    key.name = "web";
    create.key = &key;
    if (with_expected)
        create.expected = decode(w, &perigee__job__descriptor, MEDIA_JSON,
                                 bytes_of_text(JOB("\"service\":true")));
    codec_encode(&call.base, MEDIA_JSON, &out);
    char *body = arena_strndup(&w->arena, buf_text(&out), out.size);
    buf_release(&out);
    buf_release(&packed);
    return body;
}

static void test_a_bundle_is_evaluated_and_kept(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    static const char hi[] = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1a"
                             "c88b59b2dc327aa4";
    Perigee__Job *job = decode(w, &perigee__job__descriptor, MEDIA_JSON,
                               bytes_of_text(JOB("\"service\":true")));

    (void)unused;
    request(w, HTTP_POST, "/api/v1", "", "k", bundle_body(w, true));
    assert_int_equal(w->acts, 1);
    assert_int_equal(w->replied, 0);
    request(w, HTTP_POST, "/api/v1", "", "k", bundle_body(w, true));
    expect_status(w, 503); /* the first is under way */
    w->next_exchange--;
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    evaluation.stdlib_hash = "1111111111111111";
    verdict(w, &evaluation);
    expect_status(w, 200);
    w->next_exchange++;
    get(w, arena_printf(&w->arena, "/assets/%s", hi));
    expect_status(w, 200);
    assert_true(bytes_equal_text(w->reply.body, "hi"));
    reborn(w);
    get(w, arena_printf(&w->arena, "/assets/%s", hi));
    assert_true(bytes_equal_text(w->reply.body, "hi"));
    assert_int_equal(get_job(w)->n_tasks, 1);
    world_free(w);
}

static void test_a_different_result_is_refused(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Job *job =
        decode(w, &perigee__job__descriptor, MEDIA_JSON,
               bytes_of_text(JOB("\"service\":true,\"priority\":7")));

    (void)unused;
    post(w, bundle_body(w, true));
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    evaluation.stdlib_hash = "2222222222222222";
    verdict(w, &evaluation);
    expect_status(w, 409);
    assert_non_null(strstr(w->answer->error->message, "222222222222"));
    assert_non_null(strstr(w->answer->error->hint, "--accept-server"));
    assert_true(w->answer->error->n_details > 0);
    get_job(w);
    expect_status(w, 404);
    world_free(w);
}

static void test_another_job_library_is_refused(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Job *job = decode(w, &perigee__job__descriptor, MEDIA_JSON,
                               bytes_of_text(JOB("\"service\":true")));

    (void)unused;
    post(w, bundle_body(w, true));
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    evaluation.stdlib_hash = "2222222222222222";
    verdict(w, &evaluation);
    expect_status(w, 409);
    assert_non_null(strstr(w->answer->error->message, "111111111111"));
    assert_non_null(strstr(w->answer->error->message, "the job is the same"));
    assert_int_equal(w->answer->error->n_details, 0);
    get_job(w);
    expect_status(w, 404);
    world_free(w);
}

static void test_problems_of_a_job_file_are_listed(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Problem problem = PERIGEE__PROBLEM__INIT;
    Perigee__Problem *problems[] = {&problem, &problem};

    (void)unused;
    post(w, bundle_body(w, false));
    problem.message = "unknown field 'rma'";
    problem.file = "web.lua";
    problem.has_line = true;
    problem.line = 12;
    problem.field = "web.task.resources.rma";
    problem.nearest = "ram";
    evaluation.n_problems = 2;
    evaluation.problems = problems;
    verdict(w, &evaluation);
    expect_status(w, 400);
    assert_string_equal(w->answer->error->place, "web.lua:12");
    assert_string_equal(w->answer->error->field, "web.task.resources.rma");
    assert_int_equal(w->answer->error->n_details, 2);
    assert_non_null(strstr(w->answer->error->details[0], "'ram'"));
    world_free(w);
}

static void test_a_job_of_a_group_is_refused(void **unused)
{
    struct world *w = world_new();
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;
    Perigee__Group outer = PERIGEE__GROUP__INIT, inner = PERIGEE__GROUP__INIT;
    Perigee__Group *outers[] = {&outer}, *inners[] = {&inner};
    char *key = "devcluster/www/prod/web";
    Perigee__Job *job = decode(w, &perigee__job__descriptor, MEDIA_JSON,
                               bytes_of_text(JOB("\"service\":true")));

    (void)unused;
    post(w, bundle_body(w, false));
    inner.name = "front";
    inner.jobs = &key;
    inner.n_jobs = 1;
    outer.name = "shop";
    outer.groups = inners;
    outer.n_groups = 1;
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    evaluation.groups = outers;
    evaluation.n_groups = 1;
    verdict(w, &evaluation);
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "create_job.key");
    assert_non_null(strstr(w->answer->error->message, "its group 'shop'"));
    get_job(w);
    expect_status(w, 404);
    world_free(w);
}

static void test_busy_workers_are_429(void **unused)
{
    struct world *w = world_new();
    struct aurora_evaluated fact = {.is_busy = 1};

    (void)unused;
    post(w, bundle_body(w, false));
    fact.ticket = w->act.ticket;
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_EVALUATED, &fact, w->now_ms,
                           &w->fx);
    look(w);
    expect_status(w, 429);
    assert_string_equal(w->reply.header[0].name, "Retry-After");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bundle_is_evaluated_and_kept),
        cmocka_unit_test(test_a_different_result_is_refused),
        cmocka_unit_test(test_another_job_library_is_refused),
        cmocka_unit_test(test_problems_of_a_job_file_are_listed),
        cmocka_unit_test(test_a_job_of_a_group_is_refused),
        cmocka_unit_test(test_busy_workers_are_429),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
