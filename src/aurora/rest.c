/* GETs: what a browser or curl can read. Each is a call (api.c) written as a
 * path; docs/api.md lists them. Unknown parameters are refused, because a
 * filter that is misspelt would show everything. */
#include "aurora/rest.h"
#include "aurora/security.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__Call__Tasks Tasks;

/* A GET on its way: the parts of its path that the pattern names. */
struct get {
    struct request *r;
    const struct http_request *http;
    const char *part[REST_PARTS_MAX];
    int64_t now_ms;
    struct effects *fx;
};

#define TYPE(name) PERIGEE__AURORA__CALL__TYPE__##name

static void perform(struct get *g, Perigee__Aurora__Call__Type type)
{
    api_perform(g->r, type, g->now_ms, g->fx);
}

/* --- parameters --- */

static char *parameter(const struct get *g, const char *name)
{
    return (char *)http_query(g->http, name, &g->r->arena);
}

static int64_t number(const char *name, const char *text, int64_t most,
                      struct err *err)
{
    int64_t value = 0;
    int rc = text_int(text, 0, most, &value, err);

    if (rc < 0) {
        (void)err_wrap(err, "%s", name);
        err_field(err, "%s", name);
        return rc;
    }
    return value;
}

static int page(const struct get *g, protobuf_c_boolean *has_limit,
                uint32_t *limit, char **cursor, struct err *err)
{
    const char *text = parameter(g, "limit");
    int64_t value = 0;

    *cursor = parameter(g, "cursor");
    if (!text)
        return 0;
    int rc = text_int(text, 1, PAGE_MAX, &value, err);
    if (rc < 0) {
        (void)err_wrap(err, "limit");
        err_field(err, "limit");
        return rc;
    }
    *has_limit = true;
    *limit = (uint32_t)value;
    return 0;
}

static int flag(const struct get *g, const char *name, protobuf_c_boolean *has,
                protobuf_c_boolean *out, struct err *err)
{
    const char *text = parameter(g, name);

    if (!text)
        return 0;
    if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0) {
        (void)err_set(err, ERR_INVALID, "%s '%s': want 0 or 1", name, text);
        err_field(err, "%s", name);
        return -ERR_INVALID;
    }
    *has = true;
    *out = *text == '1';
    return 0;
}

/* The part of the path, or the parameter of that name. */
static char *part_or(const struct get *g, uint32_t at, const char *name)
{
    return g->part[at] ? (char *)g->part[at] : parameter(g, name);
}

static Perigee__Aurora__JobKey *path_key(const struct get *g)
{
    Perigee__Aurora__JobKey *key = arena_alloc(&g->r->arena, sizeof *key);

    perigee__aurora__job_key__init(key);
    key->cluster = (char *)g->r->p->options.cluster;
    key->role = (char *)g->part[0];
    key->environment = (char *)g->part[1];
    key->name = (char *)g->part[2];
    return key;
}

/* --- jobs and their tasks --- */

static int get_jobs(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__List *list = arena_alloc(&g->r->arena, sizeof *list);

    perigee__aurora__call__list__init(list);
    g->r->call->list = list;
    list->role = part_or(g, 0, "role");
    list->environment = part_or(g, 1, "environment");
    if (flag(g, "keys_only", &list->has_keys_only, &list->keys_only, err) < 0 ||
        page(g, &list->has_limit, &list->limit, &list->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_JOBS));
    return 0;
}

static int fill_tasks(struct get *g, struct err *err)
{
    Tasks *tasks = arena_alloc(&g->r->arena, sizeof *tasks);

    perigee__aurora__call__tasks__init(tasks);
    g->r->call->tasks = tasks;
    tasks->key = path_key(g);
    if (flag(g, "active", &tasks->has_active_only, &tasks->active_only, err) <
        0)
        return -ERR_INVALID;
    return page(g, &tasks->has_limit, &tasks->limit, &tasks->cursor, err);
}

static int get_job(struct get *g, struct err *err)
{
    if (fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(GET_JOB));
    return 0;
}

static int get_tasks(struct get *g, struct err *err)
{
    if (fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(GET_TASKS));
    return 0;
}

static int get_instance(struct get *g, struct err *err)
{
    Perigee__Aurora__InstanceRange *range =
        arena_alloc(&g->r->arena, sizeof *range);
    int64_t instance = number("instance", g->part[3], INSTANCES_MAX, err);

    if (instance < 0 || fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    perigee__aurora__instance_range__init(range);
    range->has_first = true;
    range->first = (uint32_t)instance;
    g->r->call->tasks->n_instances = 1;
    g->r->call->tasks->instances =
        arena_memdup(&g->r->arena, &range, sizeof range);
    perform(g, TYPE(GET_TASKS));
    return 0;
}

static int get_configs(struct get *g, struct err *err)
{
    if (fill_tasks(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_CONFIGS));
    return 0;
}

static int get_why(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Why *why = arena_alloc(&g->r->arena, sizeof *why);

    (void)err;
    perigee__aurora__call__why__init(why);
    why->key = path_key(g);
    g->r->call->why = why;
    perform(g, TYPE(WHY));
    return 0;
}

static int get_task(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__GetTask *task =
        arena_alloc(&g->r->arena, sizeof *task);

    (void)err;
    perigee__aurora__call__get_task__init(task);
    task->task_id = (char *)g->part[0];
    g->r->call->get_task = task;
    perform(g, TYPE(GET_TASK));
    return 0;
}

/* "RUNNING,PENDING" */
static int read_states(struct get *g, Perigee__Aurora__Call__FindTasks *find,
                       struct err *err)
{
    const ProtobufCEnumDescriptor *type =
        &perigee__aurora__task_state__descriptor;
    char *save = NULL, *text = parameter(g, "state");

    if (!text)
        return 0;
    find->states =
        arena_alloc(&g->r->arena, (strlen(text) + 1) * sizeof *find->states);
    for (char *name = strtok_r(text, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value_by_name(type, name);
        if (!value) {
            (void)err_set(err, ERR_INVALID,
                          "state '%s': want names of task states, separated "
                          "by commas",
                          name);
            err_field(err, "state");
            return -ERR_INVALID;
        }
        find->states[find->n_states++] =
            (Perigee__Aurora__TaskState)value->value;
    }
    return 0;
}

static int find_tasks(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__FindTasks *find =
        arena_alloc(&g->r->arena, sizeof *find);

    perigee__aurora__call__find_tasks__init(find);
    g->r->call->find_tasks = find;
    find->role = parameter(g, "role");
    find->environment = parameter(g, "environment");
    find->name = parameter(g, "name");
    find->hostname = parameter(g, "hostname");
    find->agent_id = parameter(g, "agent_id");
    if (read_states(g, find, err) < 0 ||
        page(g, &find->has_limit, &find->limit, &find->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_TASKS));
    return 0;
}

/* --- updates --- */

static int get_updates(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Update *update =
        arena_alloc(&g->r->arena, sizeof *update);

    perigee__aurora__call__update__init(update);
    g->r->call->update = update;
    if (g->part[2]) {
        update->key = path_key(g);
    } else {
        update->role = parameter(g, "role");
        update->environment = parameter(g, "environment");
    }
    if (flag(g, "active", &update->has_active_only, &update->active_only, err) <
            0 ||
        page(g, &update->has_limit, &update->limit, &update->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_UPDATES));
    return 0;
}

static int get_update(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Update *query =
        arena_alloc(&g->r->arena, sizeof *query);
    const struct update *u = g->r->p->core.update_by_number;

    while (u && !bytes_equal_text(blob_bytes(u->id), g->part[0]))
        u = u->hh.next;
    if (!u || !security_sees(g->r, &u->job->key)) {
        (void)err_set(err, ERR_NOT_FOUND, "update '%s' does not exist",
                      g->part[0]);
        err_field(err, "update_id");
        return -ERR_NOT_FOUND;
    }
    perigee__aurora__call__update__init(query);
    query->key = key_encode(&u->job->key, &g->r->arena);
    query->update_id = (char *)g->part[0];
    g->r->call->update = query;
    perform(g, TYPE(GET_UPDATE));
    return 0;
}

static int get_groups(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Groups *q = arena_alloc(&g->r->arena, sizeof *q);

    perigee__aurora__call__groups__init(q);
    g->r->call->groups = q;
    q->role = part_or(g, 0, "role");
    q->environment = part_or(g, 1, "environment");
    q->key = g->part[2] ? path_key(g) : NULL;
    if (page(g, &q->has_limit, &q->limit, &q->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, q->key ? TYPE(GET_GROUP) : TYPE(LIST_GROUPS));
    return 0;
}

static int get_crons(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Cron *q = arena_alloc(&g->r->arena, sizeof *q);

    perigee__aurora__call__cron__init(q);
    g->r->call->cron = q;
    q->role = part_or(g, 0, "role");
    q->environment = part_or(g, 1, "environment");
    q->key = g->part[2] ? path_key(g) : NULL;
    if (page(g, &q->has_limit, &q->limit, &q->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, q->key ? TYPE(GET_CRON) : TYPE(LIST_CRON));
    return 0;
}

/* --- hosts, offers, what waits, roles --- */

static int fill_hosts(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Hosts *hosts =
        arena_alloc(&g->r->arena, sizeof *hosts);

    perigee__aurora__call__hosts__init(hosts);
    g->r->call->hosts = hosts;
    hosts->agent_id = (char *)g->part[0];
    hosts->hostname = parameter(g, "hostname");
    return page(g, &hosts->has_limit, &hosts->limit, &hosts->cursor, err);
}

static int get_hosts(struct get *g, struct err *err)
{
    if (fill_hosts(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_HOSTS));
    return 0;
}

static int get_offers(struct get *g, struct err *err)
{
    if (fill_hosts(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_OFFERS));
    return 0;
}

static int get_maintenance(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Maintenance *query =
        arena_alloc(&g->r->arena, sizeof *query);

    perigee__aurora__call__maintenance__init(query);
    g->r->call->maintenance = query;
    if (g->part[0]) {
        query->n_hosts = 1;
        query->hosts = (char **)(uintptr_t)&g->part[0];
    }
    if (page(g, &query->has_limit, &query->limit, &query->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(MAINTENANCE_STATUS));
    return 0;
}

static int fill_roles(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Roles *roles =
        arena_alloc(&g->r->arena, sizeof *roles);

    perigee__aurora__call__roles__init(roles);
    g->r->call->roles = roles;
    roles->role = part_or(g, 0, "role");
    return page(g, &roles->has_limit, &roles->limit, &roles->cursor, err);
}

static int get_pending(struct get *g, struct err *err)
{
    if (fill_roles(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_PENDING));
    return 0;
}

static int get_roles(struct get *g, struct err *err)
{
    if (fill_roles(g, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_ROLES));
    return 0;
}

static int get_quotas(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Quotas *q = arena_alloc(&g->r->arena, sizeof *q);

    perigee__aurora__call__quotas__init(q);
    g->r->call->quotas = q;
    q->role = part_or(g, 0, "role");
    if (page(g, &q->has_limit, &q->limit, &q->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_QUOTAS));
    return 0;
}

/* --- the rest --- */

static int get_state(struct get *g, struct err *err)
{
    (void)err;
    perform(g, TYPE(GET_STATE));
    return 0;
}

static int instant(const struct get *g, const char *name,
                   protobuf_c_boolean *has, uint64_t *out, struct err *err)
{
    const char *text = parameter(g, name);
    int64_t value = text ? number(name, text, INT64_MAX, err) : 0;

    if (value < 0)
        return -ERR_INVALID;
    *has = text != NULL;
    *out = (uint64_t)value;
    return 0;
}

static int get_audit(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Audit *audit =
        arena_alloc(&g->r->arena, sizeof *audit);

    perigee__aurora__call__audit__init(audit);
    g->r->call->audit = audit;
    audit->user = parameter(g, "user");
    audit->action = parameter(g, "action");
    audit->key = parameter(g, "key");
    audit->result = parameter(g, "result");
    if (instant(g, "since_ms", &audit->has_since_ms, &audit->since_ms, err) <
            0 ||
        instant(g, "until_ms", &audit->has_until_ms, &audit->until_ms, err) <
            0 ||
        page(g, &audit->has_limit, &audit->limit, &audit->cursor, err) < 0)
        return -ERR_INVALID;
    perform(g, TYPE(LIST_AUDIT));
    return 0;
}

static int get_security(struct get *g, struct err *err)
{
    (void)err;
    perform(g, TYPE(GET_SECURITY));
    return 0;
}

static int get_backups(struct get *g, struct err *err)
{
    (void)err;
    perform(g, TYPE(LIST_BACKUPS));
    return 0;
}

static int get_tiers(struct get *g, struct err *err)
{
    (void)err;
    api_tiers(g->r, g->now_ms, g->fx);
    return 0;
}

static int get_version(struct get *g, struct err *err)
{
    (void)err;
    perform(g, TYPE(GET_VERSION));
    return 0;
}

static int get_schema(struct get *g, struct err *err)
{
    (void)err;
    api_answer_ready(g->r, MEDIA_JSON, schema_text(g->r->p), g->fx);
    return 0;
}

static int get_bundle(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__GetBundle *bundle =
        arena_alloc(&g->r->arena, sizeof *bundle);

    (void)err;
    perigee__aurora__call__get_bundle__init(bundle);
    bundle->sha256 = (char *)g->part[0];
    g->r->call->get_bundle = bundle;
    perform(g, TYPE(GET_BUNDLE));
    return 0;
}

/* A stream as a GET; a HEAD of it is answered and over. */
static int get_events(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Subscribe *subscribe =
        arena_alloc(&g->r->arena, sizeof *subscribe);
    const char *from = parameter(g, "from_sequence");
    int64_t sequence = 0;

    perigee__aurora__call__subscribe__init(subscribe);
    if (from) {
        sequence = number("from_sequence", from, INT64_MAX, err);
        if (sequence < 0)
            return -ERR_INVALID;
        subscribe->has_from_sequence = true;
        subscribe->from_sequence = (uint64_t)sequence;
    }
    if (g->part[2])
        subscribe->key = path_key(g);
    subscribe->role = parameter(g, "role");
    subscribe->environment = parameter(g, "environment");
    g->r->call->subscribe = subscribe;
    if (g->http->method == HTTP_HEAD) {
        effect_reply(g->fx, g->r->exchange, 200, g->r->media, bytes_of("", 0));
        request_free(g->r);
        return 0;
    }
    perform(g, TYPE(SUBSCRIBE));
    return 0;
}

#define JOB_PATH "/api/v1/jobs/*/*/*"
/* Parameters: their names, each followed by a space. */
// clang-format off
static const struct path_route {
    const char *pattern; /* "*" is any one part */
    int (*get)(struct get *g, struct err *err);
    const char *parameters;
} PATHS[] = {
    {"/api/v1/jobs", get_jobs, "role environment keys_only limit cursor "},
    {"/api/v1/jobs/*", get_jobs, "environment keys_only limit cursor "},
    {"/api/v1/jobs/*/*", get_jobs, "keys_only limit cursor "},
    {JOB_PATH, get_job, "active limit cursor "},
    {JOB_PATH "/tasks", get_tasks, "active limit cursor "},
    {JOB_PATH "/instances/*", get_instance, "active limit cursor "},
    {JOB_PATH "/configs", get_configs, ""},
    {JOB_PATH "/updates", get_updates, "active limit cursor "},
    {JOB_PATH "/why", get_why, ""},
    {JOB_PATH "/firings", get_crons, "limit "},
    {JOB_PATH "/events", get_events, "from_sequence "},
    {"/api/v1/why/*/*/*", get_why, ""},
    {"/api/v1/tasks", find_tasks, "role environment name state hostname agent_id limit cursor "},
    {"/api/v1/tasks/*", get_task, ""},
    {"/api/v1/updates", get_updates, "role environment active limit cursor "},
    {"/api/v1/updates/*", get_update, ""},
    {"/api/v1/groups", get_groups, "role environment limit cursor "},
    {"/api/v1/groups/*", get_groups, "environment limit cursor "},
    {"/api/v1/groups/*/*", get_groups, "limit cursor "},
    {"/api/v1/groups/*/*/*", get_groups, ""},
    {"/api/v1/cron", get_crons, "role environment limit cursor "},
    {"/api/v1/cron/*", get_crons, "environment limit cursor "},
    {"/api/v1/cron/*/*", get_crons, "limit cursor "},
    {"/api/v1/cron/*/*/*", get_crons, "limit "},
    {"/api/v1/hosts", get_hosts, "hostname limit cursor "},
    {"/api/v1/hosts/*", get_hosts, ""},
    {"/api/v1/maintenance", get_maintenance, "limit cursor "},
    {"/api/v1/maintenance/*", get_maintenance, ""},
    {"/api/v1/offers", get_offers, "hostname limit cursor "},
    {"/api/v1/pending", get_pending, "role limit cursor "},
    {"/api/v1/roles", get_roles, "limit cursor "},
    {"/api/v1/roles/*", get_roles, ""},
    {"/api/v1/quotas", get_quotas, "role limit cursor "},
    {"/api/v1/quotas/*", get_quotas, ""},
    {"/api/v1/backups", get_backups, ""},
    {"/api/v1/audit", get_audit, "user action key result since_ms until_ms limit cursor "},
    {"/api/v1/security", get_security, ""},
    {"/api/v1/state", get_state, ""},
    {"/api/v1/tiers", get_tiers, ""},
    {"/api/v1/version", get_version, ""},
    {"/api/v1/schema", get_schema, ""},
    {"/api/v1/bundles/*", get_bundle, ""},
    {"/api/v1/events", get_events, "from_sequence role environment "},
    {"/hosts", get_hosts, "hostname limit cursor "},
    {"/maintenance", get_maintenance, "limit cursor "},
    {"/offers", get_offers, "hostname limit cursor "},
    {"/pending", get_pending, "role limit cursor "},
    {"/quotas", get_quotas, "role limit cursor "},
    {"/tiers", get_tiers, ""},
};
// clang-format on

/* --- which path --- */

static void serve(struct get *g, const struct path_route *route)
{
    struct err err = {0};

    if (rest_check_query(g->http->query, route->parameters, &g->r->arena,
                         &err) < 0 ||
        route->get(g, &err) < 0)
        api_refuse(g->r, &err, g->now_ms, g->fx);
}

static void refuse_path(struct get *g)
{
    struct err err = {0};

    (void)err_set(&err, ERR_NOT_FOUND, "path '%.200s': nothing is here",
                  g->http->path);
    err_field(&err, "path");
    err_hint(&err, "the paths are listed in docs/api.md, the calls in "
                   "/api/v1/schema");
    api_refuse(g->r, &err, g->now_ms, g->fx);
}

static const struct path_route *find_path(const struct http_request *http,
                                          struct arena *arena,
                                          const char *part[REST_PARTS_MAX])
{
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        memset(part, 0, REST_PARTS_MAX * sizeof *part);
        if (rest_path_matches(PATHS[i].pattern, http->path, arena, part))
            return &PATHS[i];
    }
    return NULL;
}

void rest_request(struct aurora_program *p, exchange_id exchange,
                  const struct http_request *http, int64_t now_ms,
                  struct effects *fx)
{
    struct get g = {.http = http, .now_ms = now_ms, .fx = fx};
    bool is_api = strncmp(http->path, "/api/v1/", 8) == 0;
    const struct path_route *route = find_path(http, &fx->arena, g.part);

    if (http->method != HTTP_GET && http->method != HTTP_HEAD) {
        api_refuse_method(p, exchange, "GET, HEAD", fx);
        return;
    }
    if (!route && !is_api) {
        rest_other(p, exchange, http, fx);
        return;
    }
    g.r = request_of_get(p, exchange, http, fx);
    if (!g.r)
        return;
    if (route)
        serve(&g, route);
    else
        refuse_path(&g);
}
