/* GETs: what a browser or curl can read. Each is a call (api.c) written as a
 * path; docs/api.md lists them. Unknown parameters are refused, because a
 * filter that is misspelt would show everything. */
#include "aurora/rest.h"
#include "aurora/security.h"


#include <stdlib.h>
#include <string.h>

/* --- hosts, offers, what waits, roles --- */

static int fill_hosts(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Hosts *hosts =
        arena_alloc(&g->r->arena, sizeof *hosts);

    perigee__aurora__call__hosts__init(hosts);
    g->r->call->hosts = hosts;
    hosts->agent_id = (char *)g->part[0];
    hosts->hostname = rest_parameter(g, "hostname");
    return rest_page(g, &hosts->has_limit, &hosts->limit, &hosts->cursor, err);
}

static int get_hosts(struct get *g, struct err *err)
{
    if (fill_hosts(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_HOSTS));
    return 0;
}

static int get_offers(struct get *g, struct err *err)
{
    if (fill_hosts(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_OFFERS));
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
    if (rest_page(g, &query->has_limit, &query->limit, &query->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(MAINTENANCE_STATUS));
    return 0;
}

static int fill_roles(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Roles *roles =
        arena_alloc(&g->r->arena, sizeof *roles);

    perigee__aurora__call__roles__init(roles);
    g->r->call->roles = roles;
    roles->role = rest_part_or(g, 0, "role");
    return rest_page(g, &roles->has_limit, &roles->limit, &roles->cursor, err);
}

static int get_pending(struct get *g, struct err *err)
{
    if (fill_roles(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_PENDING));
    return 0;
}

static int get_roles(struct get *g, struct err *err)
{
    if (fill_roles(g, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_ROLES));
    return 0;
}

static int get_quotas(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Quotas *q = arena_alloc(&g->r->arena, sizeof *q);

    perigee__aurora__call__quotas__init(q);
    g->r->call->quotas = q;
    q->role = rest_part_or(g, 0, "role");
    if (rest_page(g, &q->has_limit, &q->limit, &q->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_QUOTAS));
    return 0;
}

/* --- the rest --- */

static int get_state(struct get *g, struct err *err)
{
    (void)err;
    rest_perform(g, TYPE(GET_STATE));
    return 0;
}

static int instant(const struct get *g, const char *name,
                   protobuf_c_boolean *has, uint64_t *out, struct err *err)
{
    const char *text = rest_parameter(g, name);
    int64_t value = text ? rest_number(name, text, INT64_MAX, err) : 0;

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
    audit->user = rest_parameter(g, "user");
    audit->action = rest_parameter(g, "action");
    audit->key = rest_parameter(g, "key");
    audit->result = rest_parameter(g, "result");
    if (instant(g, "since_ms", &audit->has_since_ms, &audit->since_ms, err) <
            0 ||
        instant(g, "until_ms", &audit->has_until_ms, &audit->until_ms, err) <
            0 ||
        rest_page(g, &audit->has_limit, &audit->limit, &audit->cursor, err) < 0)
        return -ERR_INVALID;
    rest_perform(g, TYPE(LIST_AUDIT));
    return 0;
}

static int get_security(struct get *g, struct err *err)
{
    (void)err;
    rest_perform(g, TYPE(GET_SECURITY));
    return 0;
}

static int get_backups(struct get *g, struct err *err)
{
    (void)err;
    rest_perform(g, TYPE(LIST_BACKUPS));
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
    rest_perform(g, TYPE(GET_VERSION));
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
    rest_perform(g, TYPE(GET_BUNDLE));
    return 0;
}

/* A stream as a GET; a HEAD of it is answered and over. */
static int get_events(struct get *g, struct err *err)
{
    Perigee__Aurora__Call__Subscribe *subscribe =
        arena_alloc(&g->r->arena, sizeof *subscribe);
    const char *from = rest_parameter(g, "from_sequence");
    int64_t sequence = 0;

    perigee__aurora__call__subscribe__init(subscribe);
    if (from) {
        sequence = rest_number("from_sequence", from, INT64_MAX, err);
        if (sequence < 0)
            return -ERR_INVALID;
        subscribe->has_from_sequence = true;
        subscribe->from_sequence = (uint64_t)sequence;
    }
    if (g->part[2])
        subscribe->key = rest_path_key(g);
    subscribe->role = rest_parameter(g, "role");
    subscribe->environment = rest_parameter(g, "environment");
    g->r->call->subscribe = subscribe;
    if (g->http->method == HTTP_HEAD) {
        effect_reply(g->fx, g->r->exchange, 200, g->r->media, bytes_of("", 0));
        request_free(g->r);
        return 0;
    }
    rest_perform(g, TYPE(SUBSCRIBE));
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
    {"/api/v1/jobs", rest_get_jobs, "role environment keys_only limit cursor "},
    {"/api/v1/jobs/*", rest_get_jobs, "environment keys_only limit cursor "},
    {"/api/v1/jobs/*/*", rest_get_jobs, "keys_only limit cursor "},
    {JOB_PATH, rest_get_job, "active limit cursor "},
    {JOB_PATH "/tasks", rest_get_tasks, "active limit cursor "},
    {JOB_PATH "/instances/*", rest_get_instance, "active limit cursor "},
    {JOB_PATH "/configs", rest_get_configs, ""},
    {JOB_PATH "/updates", rest_get_updates, "active limit cursor "},
    {JOB_PATH "/why", rest_get_why, ""},
    {JOB_PATH "/firings", rest_get_crons, "limit "},
    {JOB_PATH "/events", get_events, "from_sequence "},
    {"/api/v1/why/*/*/*", rest_get_why, ""},
    {"/api/v1/tasks", rest_find_tasks, "role environment name state hostname agent_id limit cursor "},
    {"/api/v1/tasks/*", rest_get_task, ""},
    {"/api/v1/updates", rest_get_updates, "role environment active limit cursor "},
    {"/api/v1/updates/*", rest_get_update, ""},
    {"/api/v1/groups", rest_get_groups, "role environment limit cursor "},
    {"/api/v1/groups/*", rest_get_groups, "environment limit cursor "},
    {"/api/v1/groups/*/*", rest_get_groups, "limit cursor "},
    {"/api/v1/groups/*/*/*", rest_get_groups, ""},
    {"/api/v1/cron", rest_get_crons, "role environment limit cursor "},
    {"/api/v1/cron/*", rest_get_crons, "environment limit cursor "},
    {"/api/v1/cron/*/*", rest_get_crons, "limit cursor "},
    {"/api/v1/cron/*/*/*", rest_get_crons, "limit "},
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
