/* What can be read: every list in pages, every path, its parameters and
 * refusals, tags of what did not change, and the schema of it all. */
#include "aurora_kit.h"

#include "aurora/api.h"
#include "wire/json.h"

#include <jansson.h>

static struct http_header extra; /* sent by ask() when it has a name */

static const char *header_of(const struct world *w, const char *name)
{
    for (uint32_t i = 0; i < w->reply.header_count; i++)
        if (strcmp(w->reply.header[i].name, name) == 0)
            return w->reply.header[i].value;
    return NULL;
}

/* A request with the headers that a test wants; what came back stays in
 * `kept_*`, because effects do not. */
static char kept_tag[64], kept_location[512];

static void ask(struct world *w, enum http_method method, const char *path,
                const char *query)
{
    struct http_header header[2] = {{"Accept", "application/json"}, extra};
    struct http_request http = {.method = method,
                                .method_name = http_method_name(method),
                                .path = path,
                                .query = query,
                                .header = header,
                                .header_count = extra.name ? 2 : 1,
                                .body = bytes_of("", 0),
                                .peer = "127.0.0.1:1"};

    w->replied = 0;
    w->answer = NULL;
    w->is_api =
        strncmp(path, "/api", 4) == 0 && strcmp(path, "/api/v1/schema") != 0;
    AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                              &w->fx);
    kept_tag[0] = kept_location[0] = '\0';
    for (uint32_t i = 0; i < w->fx.count; i++) {
        if (w->fx.item[i].kind != EFFECT_REPLY)
            continue;
        w->reply = w->fx.item[i].response;
        const char *tag = header_of(w, "ETag");
        const char *to = header_of(w, "Location");
        snprintf(kept_tag, sizeof kept_tag, "%s", tag ? tag : "");
        snprintf(kept_location, sizeof kept_location, "%s", to ? to : "");
    }
    look(w);
    pass(w, 0);
}

static void want(struct world *w, const char *path, const char *query,
                 int status)
{
    ask(w, HTTP_GET, path, query);
    if (w->reply.status != status)
        fail_msg("%s?%s: want %d, got %d: %.*s", path, query, status,
                 w->reply.status, (int)w->reply.body.size,
                 (const char *)w->reply.body.data);
}

static void create(struct world *w, const char *role, const char *name, int n)
{
    static const char body[] =
        "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"
        "\"devcluster\",\"role\":\"%s\",\"environment\":\"prod\",\"name\":"
        "\"%s\",\"service\":true,\"instances\":%d,\"port_names\":[\"http\"],"
        "\"task\":{\"name\":\"t\",\"processes\":[{\"name\":\"p\","
        "\"cmdline\":\"serve {{thermos.ports[http]}}\"}],\"resources\":{"
        "\"cpu_milli\":500,\"ram_bytes\":134217728,\"disk_bytes\":134217728}"
        "}}}}";

    post(w, arena_printf(&w->arena, body, role, name, n));
    expect_status(w, 200);
}

/* Jobs of two roles, of which one runs on two hosts and one waits. */
static struct world *world_with_jobs(void)
{
    struct world *w = world_new();

    create(w, "www", "web", 3);
    offer(w, "m-S0", 1);
    offer(w, "m-S1", 4);
    run_all(w, "m-S0");
    create(w, "www", "api", 40);
    create(w, "ops", "cron", 2);
    return w;
}

static void test_every_path_reads(void **unused)
{
    static const char *const path[] = {
        "/api/v1/jobs",
        "/api/v1/jobs/",
        "/api/v1/jobs/www",
        "/api/v1/jobs/www/prod",
        "/api/v1/jobs/www/prod/web",
        "/api/v1/jobs/www/prod/web/tasks",
        "/api/v1/jobs/www/prod/web/instances/2",
        "/api/v1/jobs/www/prod/web/configs",
        "/api/v1/jobs/www/prod/web/updates",
        "/api/v1/jobs/www/prod/web/why",
        "/api/v1/why/www/prod/web",
        "/api/v1/tasks",
        "/api/v1/updates",
        "/api/v1/hosts",
        "/api/v1/groups",
        "/api/v1/cron",
        "/api/v1/hosts/m-S1",
        "/api/v1/offers",
        "/api/v1/pending",
        "/api/v1/roles",
        "/api/v1/roles/www",
        "/api/v1/state",
        "/api/v1/version",
    };
    struct world *w = world_with_jobs();

    (void)unused;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        want(w, path[i], "", 200);
        assert_non_null(w->answer);
        assert_null(w->answer->error);
        ask(w, HTTP_HEAD, path[i], "");
        assert_int_equal(w->reply.status, 200);
        ask(w, HTTP_PUT, path[i], "");
        assert_int_equal(w->reply.status, 405);
        assert_string_equal(w->answer->error->code, "UNSUPPORTED");
    }
    world_free(w);
}

static void test_hosts_and_offers_show_what_they_have(void **unused)
{
    struct world *w = world_with_jobs();

    (void)unused;
    want(w, "/api/v1/hosts/m-S1", "", 200);
    Perigee__Aurora__HostView *host = w->answer->hosts[0];
    assert_string_equal(host->hostname, "m-S1.host");
    assert_string_equal(host->attributes[0]->name, "rack");
    assert_string_equal(host->attributes[0]->value, "r-m-S1");
    assert_true(host->total->cpu_milli == 4000);
    assert_true(host->total->ram_bytes == (uint64_t)4096 << 20);
    want(w, "/api/v1/hosts", "hostname=m-S0.host", 200);
    assert_int_equal(w->answer->n_hosts, 1);
    want(w, "/api/v1/hosts/m-S9", "", 404);
    assert_string_equal(w->answer->error->field, "agent_id");
    want(w, "/api/v1/hosts", "limit=1", 200);
    assert_string_equal(w->answer->hosts[0]->agent_id, "m-S0");
    want(w, "/api/v1/hosts",
         arena_printf(&w->arena, "limit=1&cursor=%s", w->answer->cursor), 200);
    assert_string_equal(w->answer->hosts[0]->agent_id, "m-S1");
    assert_null(w->answer->cursor);
    offer(w, "m-S7", 9);
    want(w, "/offers", "", 200);
    world_free(w);
}

/* Hosts come in their order, page by page, each of them once. */
static void test_hosts_are_paged_in_order(void **unused)
{
    struct world *w = world_new();
    char *cursor = NULL;
    int seen = 0;

    (void)unused;
    for (int i = 0; i < 25; i++)
        offer(w, arena_printf(&w->arena, "m-S%d", i * 7 % 25), 4);
    do {
        want(w, "/api/v1/hosts",
             arena_printf(&w->arena, "limit=4%s%s", cursor ? "&cursor=" : "",
                          cursor ? cursor : ""),
             200);
        for (size_t i = 0; i < w->answer->n_hosts; i++)
            assert_string_equal(w->answer->hosts[i]->agent_id,
                                arena_printf(&w->arena, "m-S%d", seen++));
        cursor = w->answer->cursor;
    } while (cursor);
    assert_int_equal(seen, 25);
    world_free(w);
}

static void test_tasks_are_found_by_what_they_are(void **unused)
{
    struct world *w = world_with_jobs();
    size_t count = 0;
    char *cursor = NULL;

    (void)unused;
    want(w, "/api/v1/tasks", "role=www&name=web", 200);
    assert_int_equal(w->answer->n_tasks, 3);
    want(w, "/api/v1/tasks", "state=RUNNING", 200);
    size_t running = w->answer->n_tasks;
    assert_true(running > 0);
    want(w, "/api/v1/tasks", "state=RUNNING,PENDING,ASSIGNED", 200);
    assert_int_equal(w->answer->n_tasks, 45);
    want(w, "/api/v1/tasks", "state=DANCING", 400);
    assert_string_equal(w->answer->error->field, "state");
    want(w, "/api/v1/tasks", "hostname=nowhere", 200);
    assert_int_equal(w->answer->n_tasks, 0);
    do {
        want(w, "/api/v1/tasks",
             arena_printf(&w->arena, "limit=7%s%s", cursor ? "&cursor=" : "",
                          cursor ? cursor : ""),
             200);
        count += w->answer->n_tasks;
        cursor = w->answer->cursor;
    } while (cursor);
    assert_int_equal(count, 45);
    want(w, "/api/v1/tasks", "cursor=nonsense", 400);
    assert_string_equal(w->answer->error->field, "cursor");
    world_free(w);
}

static void test_what_waits_says_why(void **unused)
{
    struct world *w = world_with_jobs();

    (void)unused;
    want(w, "/api/v1/pending", "", 200);
    assert_true(w->answer->n_pending >= 1);
    size_t all = w->answer->n_pending;
    for (size_t i = 0; i < all; i++) {
        assert_true(w->answer->pending[i]->tasks > 0);
        assert_true(w->answer->pending[i]->since_ms > 0);
        assert_non_null(w->answer->pending[i]->why->advice);
    }
    want(w, "/api/v1/pending", "limit=1", 200);
    if (all > 1) {
        want(w, "/api/v1/pending",
             arena_printf(&w->arena, "limit=1&cursor=%s", w->answer->cursor),
             200);
        assert_int_equal(w->answer->n_pending, 1);
    }
    want(w, "/api/v1/pending", "role=nobody", 200);
    assert_int_equal(w->answer->n_pending, 0);
    want(w, "/api/v1/pending", "cursor=x", 400);
    want(w, "/pending", "", 200);
    world_free(w);
}

static void test_roles_are_summed_up(void **unused)
{
    struct world *w = world_with_jobs();

    (void)unused;
    want(w, "/api/v1/roles", "", 200);
    assert_int_equal(w->answer->n_roles, 2);
    assert_string_equal(w->answer->roles[0]->role, "ops");
    assert_string_equal(w->answer->roles[1]->role, "www");
    assert_int_equal(w->answer->roles[1]->jobs, 2);
    assert_int_equal(w->answer->roles[1]->services, 2);
    assert_int_equal(w->answer->roles[1]->active, 43);
    want(w, "/api/v1/roles", "limit=1", 200);
    assert_string_equal(w->answer->cursor, "ops");
    want(w, "/api/v1/roles", "limit=1&cursor=ops", 200);
    assert_string_equal(w->answer->roles[0]->role, "www");
    assert_null(w->answer->cursor);
    world_free(w);
}

static void test_instances_are_grouped_by_what_they_run(void **unused)
{
    struct world *w = world_with_jobs();

    (void)unused;
    want(w, "/api/v1/jobs/www/prod/api/configs", "", 200);
    assert_int_equal(w->answer->n_groups_by_config, 1);
    Perigee__Aurora__ConfigGroup *group = w->answer->groups_by_config[0];
    assert_true(group->current);
    assert_int_equal(group->count, 40);
    assert_int_equal(group->n_instances, 1);
    assert_int_equal(group->instances[0]->first, 0);
    assert_int_equal(group->instances[0]->last, 39);
    assert_string_equal(group->job->name, "api");
    world_free(w);
}

static void test_what_is_the_same_is_not_sent_again(void **unused)
{
    struct world *w = world_with_jobs();
    char tag[80];

    (void)unused;
    want(w, "/api/v1/roles", "", 200);
    snprintf(tag, sizeof tag, "\"other\", W/%s", kept_tag);
    extra = (struct http_header){"If-None-Match", tag};
    want(w, "/api/v1/roles", "", 304);
    assert_int_equal(w->reply.body.size, 0);
    extra = (struct http_header){0};
    create(w, "ops", "more", 1);
    extra = (struct http_header){"If-None-Match", tag};
    want(w, "/api/v1/roles", "", 200);
    extra = (struct http_header){"If-None-Match", "*"};
    want(w, "/api/v1/schema", "", 304);
    extra = (struct http_header){0};
    world_free(w);
}

static void test_refusals_of_gets_are_typed(void **unused)
{
    static const struct {
        const char *path, *query;
        int status;
        const char *code, *field;
    } rows[] = {
        {"/api/v1/nothing", "", 404, "NOT_FOUND", "path"},
        {"/api/v1/jobs/a/b/c/d/e", "", 404, "NOT_FOUND", "path"},
        {"/api/v1/jobs", "limt=2", 400, "INVALID", "limt"},
        {"/api/v1/jobs", "limit=2&role=a&limit=2", 400, "INVALID", "limit"},
        {"/api/v1/jobs", "limit=0", 400, "INVALID", "limit"},
        {"/api/v1/jobs", "limit=x", 400, "INVALID", "limit"},
        {"/api/v1/jobs", "keys_only=maybe", 400, "INVALID", "keys_only"},
        {"/api/v1/jobs", "cursor=%2F", 400, "INVALID", "cursor"},
        {"/api/v1/jobs/www/prod/no", "", 404, "NOT_FOUND", "key"},
        {"/api/v1/jobs/www/prod/web", "active=2", 400, "INVALID", "active"},
        {"/api/v1/jobs/www/prod/web/tasks", "cursor=x", 400, "INVALID",
         "cursor"},
        {"/api/v1/jobs/www/prod/web/instances/x", "", 400, "INVALID",
         "instance"},
        {"/api/v1/jobs/www/prod/web/instances/-1", "", 400, "INVALID",
         "instance"},
        {"/api/v1/tasks/none", "", 404, "NOT_FOUND", "task_id"},
        {"/api/v1/updates/none", "", 404, "NOT_FOUND", "update_id"},
        {"/api/v1/updates", "cursor=x", 400, "INVALID", "cursor"},
        {"/api/v1/bundles/00", "", 404, "NOT_FOUND", "sha256"},
        {"/api/v1/events", "from_sequence=-1", 400, "INVALID", "from_sequence"},
    };
    struct world *w = world_with_jobs();

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        want(w, rows[i].path, rows[i].query, rows[i].status);
        assert_string_equal(w->answer->error->code, rows[i].code);
        const char *field = w->answer->error->field;
        if (rows[i].field ? !field || strcmp(field, rows[i].field) != 0
                          : field != NULL)
            fail_msg("%s?%s: field is %s", rows[i].path, rows[i].query,
                     field ? field : "none");
    }
    extra = (struct http_header){"X", "y"};
    struct http_header html[1] = {{"Accept", "text/html"}};
    struct http_request http = {.method = HTTP_GET,
                                .method_name = "GET",
                                .path = "/api/v1/jobs",
                                .query = "",
                                .header = html,
                                .header_count = 1,
                                .peer = "127.0.0.1:1"};
    extra = (struct http_header){0};
    w->is_api = true;
    AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                              &w->fx);
    look(w);
    assert_int_equal(w->reply.status, 406);
    assert_string_equal(w->answer->error->code, "UNSUPPORTED");
    world_free(w);
}

static void test_mname_leads_to_the_port(void **unused)
{
    struct world *w = world_with_jobs();

    (void)unused;
    want(w, "/api/v1/tasks", "name=web&state=RUNNING", 200);
    assert_true(w->answer->n_tasks > 0);
    Perigee__Aurora__TaskView *task = w->answer->tasks[0];
    want(w,
         arena_printf(&w->arena, "/mname/www/prod/web/%u/a b\r\nX: y",
                      task->instance),
         "q=1\r\n", 307);
    assert_string_equal(kept_location,
                        arena_printf(&w->arena,
                                     "http://%s:%u/a%%20b%%0D%%0AX:%%20y?q=1",
                                     task->hostname, task->ports[0]->port));
    want(w, arena_printf(&w->arena, "/mname/www/prod/web/%u", task->instance),
         "", 307);
    assert_string_equal(kept_location,
                        arena_printf(&w->arena, "http://%s:%u/", task->hostname,
                                     task->ports[0]->port));
    want(w, "/mname/www/prod/web/77", "", 404);
    want(w, "/mname/www/prod/web/x", "", 404);
    want(w, "/mname/www/prod", "", 404);
    want(w, "/scheduler/www/prod/web", "", 307);
    assert_string_equal(kept_location, "/api/v1/jobs/www/prod/web");
    world_free(w);
}

/* --- the schema --- */

static bool has_name(const ProtobufCMessageDescriptor *type, const char *name,
                     size_t size)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (strlen(type->fields[i].name) == size &&
            strncmp(type->fields[i].name, name, size) == 0)
            return true;
    return false;
}

static void test_the_table_of_calls_is_whole(void **unused)
{
    const ProtobufCEnumDescriptor *type =
        &perigee__aurora__call__type__descriptor;
    uint32_t count;
    const struct api_route *route = api_routes(&count);

    (void)unused;
    for (unsigned i = 0; i < type->n_values; i++) {
        uint32_t found = 0;
        for (uint32_t k = 0; k < count; k++)
            found += (int)route[k].type == type->values[i].value;
        if (found != (type->values[i].value != 0))
            fail_msg("%s stands %u times in the table", type->values[i].name,
                     found);
    }
    for (uint32_t k = 0; k < count; k++) {
        /* Whoever adds a call says who may make it. */
        if ((route[k].action == ACTION_NONE) != (route[k].object == ON_NOTHING))
            fail_msg("call %d: want an action and what it acts on",
                     (int)route[k].type);
        if (route[k].field)
            assert_true(has_name(&perigee__aurora__call__descriptor,
                                 route[k].field, strlen(route[k].field)));
        for (const char *at = route[k].answer; at && *at;) {
            size_t size = strcspn(at, " ");
            if (at[size] != ' ' ||
                !has_name(&perigee__aurora__answer__descriptor, at, size))
                fail_msg("'%s': want names of Answer, each with a space",
                         route[k].answer);
            at += size + 1;
        }
    }
}

/* Every reference leads somewhere, and comments have come along. */
static void check_references(const json_t *root, const json_t *part)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_array(part))
        json_array_foreach(part, i, value) check_references(root, value);
    json_object_foreach((json_t *)(uintptr_t)part, key, value)
    {
        if (strcmp(key, "$ref") == 0) {
            const char *to = json_string_value(value);
            assert_memory_equal(to, "#/$defs/", 8);
            if (!json_object_get(json_object_get(root, "$defs"), to + 8))
                fail_msg("%s leads nowhere", to);
        }
        check_references(root, value);
    }
}

static void test_the_schema_hangs_together(void **unused)
{
    struct world *w = world_new();

    (void)unused;
    want(w, "/api/v1/schema", "", 200);
    json_t *root =
        json_loadb((const char *)w->reply.body.data, w->reply.body.size,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(root);
    check_references(root, root);
    json_t *definition = json_object_get(json_object_get(root, "$defs"),
                                         "perigee.aurora.Call.CreateJob");
    json_t *bundle =
        json_object_get(json_object_get(definition, "properties"), "bundle");
    assert_string_equal(
        json_string_value(json_object_get(bundle, "description")),
        "canonical perigee.Bundle");
    json_decref(root);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path_reads),
        cmocka_unit_test(test_hosts_and_offers_show_what_they_have),
        cmocka_unit_test(test_hosts_are_paged_in_order),
        cmocka_unit_test(test_tasks_are_found_by_what_they_are),
        cmocka_unit_test(test_what_waits_says_why),
        cmocka_unit_test(test_roles_are_summed_up),
        cmocka_unit_test(test_instances_are_grouped_by_what_they_run),
        cmocka_unit_test(test_what_is_the_same_is_not_sent_again),
        cmocka_unit_test(test_refusals_of_gets_are_typed),
        cmocka_unit_test(test_mname_leads_to_the_port),
        cmocka_unit_test(test_the_table_of_calls_is_whole),
        cmocka_unit_test(test_the_schema_hangs_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
