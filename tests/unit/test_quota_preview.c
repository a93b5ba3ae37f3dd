/* Quotas of a whole file or group, told before anything is stored. */
#include "quota_kit.h"

static void preview(struct world *w, const char *jobs, const char *groups)
{
    post(w, arena_printf(&w->arena,
                         "{\"type\":\"PREVIEW_QUOTA\",\"preview_quota\":{"
                         "\"jobs\":[%s]%s}}",
                         jobs, groups));
}

static void expect_refusal(struct world *w, size_t at, uint32_t first,
                           uint32_t count, const char *message)
{
    expect_status(w, 200);
    assert_true(at < w->answer->n_quota_refusals);
    const Perigee__Aurora__QuotaRefusal *r = w->answer->quota_refusals[at];
    assert_int_equal(r->first, first);
    assert_int_equal(r->count, count);
    assert_string_equal(r->error->message, message);
}

static void test_a_file_is_previewed_as_a_whole(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "runs", 1, 1, PROD QUICK);
    settle(w);
    /* Each by itself would fit; the sum does not. What is refused takes no
     * place of those behind it. */
    preview(w,
            arena_printf(&w->arena, "%s,%s,%s,%s", job(w, "a", 1, 2, PROD),
                         job(w, "b", 1, 3, PROD), job(w, "c", 1, 2, CRON),
                         job(w, "d", 9, 9, OTHER)),
            "");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 1, 1,
                   "quota of role 'www': cpu of production: 3 in use + 3 asked "
                   "= 6, more than 5; so with ram, disk");
    assert_string_equal(w->answer->quota_refusals[0]->error->hint,
                        "2 instances would fit; see: clusterctl quota get "
                        "devcluster/www");
    /* A job that runs counts as updated, not beside itself. */
    preview(w,
            arena_printf(&w->arena, "%s,%s", job(w, "runs", 1, 5, PROD QUICK),
                         job(w, "e", 1, 1,
                             "\"production\":true,\"tier\":"
                             "\"preferred\"")),
            "");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 1, 1,
                   "quota of role 'www': cpu of production: 5 in use + 1 asked "
                   "= 6, more than 5; so with ram, disk");
    /* A group comes as a whole. */
    preview(w,
            arena_printf(&w->arena, "%s,%s,%s", job(w, "f", 1, 2, PROD),
                         job(w, "g", 1, 4, PROD), job(w, "h", 1, 4, PROD)),
            ",\"groups\":[7,7,0]");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 0, 2,
                   "quota of role 'www': cpu of production: 1 in use + 6 asked "
                   "= 7, more than 5; so with ram, disk");
    assert_string_equal(w->answer->quota_refusals[0]->error->hint,
                        "1 of its 2 jobs and 2 of 4 instances of 'g' would "
                        "fit; see: clusterctl quota get devcluster/www");
    /* Nothing was stored. */
    assert_int_equal(used(w), 1);
    world_free(w);
}

#define GONE(name) "{" NAMED_KEY(name) "}"
#define NAMED_KEY(name)                                                     \
    "\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\"," \
    "\"name\":\"" name "\""

/* What is removed makes room for those behind it, once, and may come again. */
static void test_what_is_removed_makes_room(void **unused)
{
    struct world *w = world_new();
    const char *two = arena_printf(&w->arena, "%s,%s", job(w, "a", 1, 3, PROD),
                                   job(w, "b", 1, 2, PROD));

    (void)unused;
    quota(w, "www", 5, "");
    create(w, "old", 1, 3, PROD QUICK);
    settle(w);
    preview(w, two, "");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 0, 1,
                   "quota of role 'www': cpu of production: 3 in use + 3 asked "
                   "= 6, more than 5; so with ram, disk");
    preview(w, two, ",\"removed\":[" GONE("old") "]");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_quota_refusals, 0);
    preview(w, two,
            ",\"removed\":[" GONE("old") "," GONE("never") "," GONE(
                "old") "],\"removed_behind\":1");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 0, 1,
                   "quota of role 'www': cpu of production: 3 in use + 3 asked "
                   "= 6, more than 5; so with ram, disk");
    preview(w,
            arena_printf(&w->arena, "%s,%s", job(w, "old", 1, 4, PROD QUICK),
                         job(w, "b", 1, 2, PROD)),
            ",\"removed\":[" GONE("old") "]");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 1, 1,
                   "quota of role 'www': cpu of production: 4 in use + 2 asked "
                   "= 6, more than 5; so with ram, disk");
    assert_int_equal(used(w), 3); /* nothing was stored */
    preview(w, two, ",\"removed\":[{\"cluster\":\"devcluster\"}]");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "preview_quota.removed[0]");
    world_free(w);
}

static void test_a_preview_that_is_wrong(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    preview(w, job(w, "a", 1, 1, PROD), ",\"groups\":[1,2]");
    expect_status(w, 400);
    assert_string_equal(w->answer->error->field, "preview_quota.groups");
    preview(w, "{\"cluster\":\"devcluster\"}", "");
    expect_status(w, 400);
    preview(w, "", "");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_quota_refusals, 0);
    preview(w,
            arena_printf(&w->arena, "%s,%s", job(w, "a", 1, 4001, OTHER),
                         job(w, "b", 1, 4000, OTHER)),
            "");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    expect_refusal(w, 0, 0, 1, "instances 4001: want 1 to 4000");
    /* A role without a quota, and nobody's yet. */
    preview(w, job(w, "a", 1, 1, PROD), "");
    assert_int_equal(w->answer->n_quota_refusals, 1);
    get(w, "/api/v1/roles");
    expect_status(w, 200);
    assert_int_equal(w->answer->n_roles, 0);
    world_free(w);
}

/* --- groups --- */

static void test_a_group_is_taken_whole(void **unused)
{
    struct world *w = world_new();
    const char *one = job(w, "db", 1, 3, PROD);
    const char *two = job(w, "web", 1, 3, PROD);
    const char *text = arena_printf(
        &w->arena,
        "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{" NAMED(
            "shop") ",\"group\":{\"name\":\"shop\",\"jobs\":["
                    "\"devcluster/www/prod/db\",\"devcluster/www/prod/web\"]},"
                    "\"jobs\":[%s,%s]}}",
        one, two);

    (void)unused;
    quota(w, "www", 5, "");
    post(w, text);
    expect_quota(w, NULL);
    assert_true(has_line(w, "  +         6  group devcluster/www/prod/shop"));
    get(w, "/api/v1/jobs/www/prod/db");
    expect_status(w, 404);
    quota(w, "www", 7, "");
    post(w, text);
    expect_status(w, 200);
    assert_int_equal(used(w), 6);
    settle(w);
    post(w, "{\"type\":\"SCALE_GROUP\",\"scale_group\":{" NAMED(
                "shop") ",\"factor_milli\":2000}}");
    expect_quota(w, NULL);
    quota(w, "www", 12, "");
    post(w, "{\"type\":\"SCALE_GROUP\",\"scale_group\":{" NAMED(
                "shop") ",\"factor_milli\":2000}}");
    expect_status(w, 200);
    assert_int_equal(used(w), 12);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_previewed_as_a_whole),
        cmocka_unit_test(test_what_is_removed_makes_room),
        cmocka_unit_test(test_a_preview_that_is_wrong),
        cmocka_unit_test(test_a_group_is_taken_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
