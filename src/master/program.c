#include "master/layer.h"
#include "sys/gate.h"
#include <assert.h>

enum { BUF_KEPT_MAX = 1 << 20 };

/* --- options -----------------------------------------------------------------
 */

void master_options_init(struct master_options *options)
{
    *options = (struct master_options){
        .core =
            {
                .heartbeat_interval_ms = 15000,
                .agent_ping_timeout_ms = 15000,
                .max_agent_ping_timeouts = 5,
                .agent_reregister_timeout_ms = 600000,
                .allocation_interval_ms = 1000,
                .min_allocatable_resources = "cpus:0.01|mem:32",
                .max_completed_frameworks = 50,
                .max_completed_tasks_per_framework = 1000,
                .max_unreachable_tasks_per_framework = 1000,
            },
        .ip = "127.0.0.1",
        .port = 5050,
        .hostname = "localhost",
    };
}

static int positive(const char *name, int64_t value, struct err *err)
{
    return value > 0
               ? 0
               : err_set(err, ERR_INVALID, "%s: want more than zero", name);
}

int master_options_check(const struct master_options *options, struct err *err)
{
    const struct master_config *c = &options->core;
    int rc;
    if ((rc = positive("heartbeat_interval", c->heartbeat_interval_ms, err)) ||
        (rc = positive("agent_ping_timeout", c->agent_ping_timeout_ms, err)) ||
        (rc = positive("max_agent_ping_timeouts", c->max_agent_ping_timeouts,
                       err)) ||
        (rc = positive("allocation_interval", c->allocation_interval_ms, err)))
        return rc;
    struct master *probe;
    rc = master_new(&probe, c, err);
    if (rc == 0)
        master_free(probe);
    return rc;
}

/* --- making and ending --- */

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

struct master_program *master_program_new(const struct master_options *options)
{
    struct master_program *p = xcalloc(1, sizeof *p);
    int rc = master_new(&p->core, &options->core, NULL);
    assert(rc == 0); /* master_options_check() */
    (void)rc;
    outputs_init(&p->outputs);
    arena_init(&p->arena);
    p->ip = xstrdup(options->ip);
    p->hostname = xstrdup(options->hostname);
    p->cluster = copy_or_null(options->cluster);
    p->port = options->port;
    for (uint32_t i = 0; i < options->flag_count; i++)
        *vec_add(&p->flags) = (struct master_flag){
            .name = xstrdup(options->flag[i].name),
            .value = xstrdup(options->flag[i].value),
        };
    return p;
}

void master_program_free(struct master_program *p)
{
    if (!p)
        return;
    master_free(p->core);
    outputs_release(&p->outputs);
    arena_release(&p->arena);
    buf_release(&p->buf);
    for (uint32_t i = 0; i < p->flags.count; i++) {
        free((char *)p->flags.item[i].name);
        free((char *)p->flags.item[i].value);
    }
    vec_free(&p->flags);
    users_unref(p->access.users);
    free(p->ip);
    free(p->hostname);
    free(p->cluster);
    free(p);
}

void master_program_set_port(struct master_program *p, int port)
{
    p->port = port;
}

const struct master *master_program_core(const struct master_program *p)
{
    return p->core;
}

/* --- routing --- */

static const struct route {
    const char *path;
    void (*handle)(struct request *r);
    enum realm realm;
    enum action reading, changing; /* what GET and the rest want to be allowed;
                                      what an API wants, its calls say */
} ROUTE[] = {
    {"/api/v1/scheduler", scheduler_api, REALM_SCHEDULER, 0, 0},
    {"/api/v1/agent", agent_api, REALM_AGENT, ACTION_AGENT_REGISTER,
     ACTION_AGENT_REGISTER},
    {"/api/v1", operator_api, REALM_READWRITE, 0, 0},
    {"/health", health_get, REALM_OPEN, 0, 0},
    {"/version", version_get, REALM_OPEN, 0, 0},
    {"/redirect", redirect_get, REALM_OPEN, 0, 0},
    {"/flags", flags_get, REALM_READONLY, ACTION_CLUSTER_READ,
     ACTION_CLUSTER_READ},
    {"/state", state_get, REALM_READONLY, ACTION_CLUSTER_READ,
     ACTION_CLUSTER_READ},
    {"/metrics", metrics_get, REALM_READONLY, ACTION_CLUSTER_READ,
     ACTION_CLUSTER_READ},
    {"/metrics/snapshot", metrics_snapshot_get, REALM_READONLY,
     ACTION_CLUSTER_READ, ACTION_CLUSTER_READ},
    {"/maintenance/schedule", schedule_endpoint, REALM_READWRITE,
     ACTION_HOST_READ, ACTION_HOST_DRAIN},
    {"/maintenance/status", maintenance_get, REALM_READONLY, ACTION_HOST_READ,
     ACTION_HOST_READ},
    {"/machine/down", machine_down_post, REALM_READWRITE,
     ACTION_HOST_DEACTIVATE, ACTION_HOST_DEACTIVATE},
    {"/machine/up", machine_up_post, REALM_READWRITE, ACTION_HOST_ACTIVATE,
     ACTION_HOST_ACTIVATE},
};

/* "//master/health/" is "/health": no empty parts, no name of the process. */
static char *normal_path(const char *path, struct arena *arena)
{
    char *out = arena_alloc(arena, strlen(path) + 2);
    size_t size = 0;
    for (const char *part = path; *part;) {
        size_t length = strcspn(part, "/");
        if (length > 0) {
            out[size++] = '/';
            memcpy(out + size, part, length);
            size += length;
        }
        part += length + (part[length] == '/');
    }
    out[size] = '\0';
    if (strncmp(out, "/master/", 8) == 0)
        return out + 7;
    if (strncmp(out, "/master(1)/", 11) == 0)
        return out + 10;
    return out;
}

/* The longest path that is a route, whole parts at a time. */
static const struct route *find_route(char *path)
{
    while (*path) {
        for (size_t i = 0; i < sizeof ROUTE / sizeof *ROUTE; i++)
            if (strcmp(ROUTE[i].path, path) == 0)
                return &ROUTE[i];
        *strrchr(path, '/') = '\0';
    }
    return NULL;
}

/* Where there is nothing, only somebody hears so. */
static enum realm realm_of(const struct route *route)
{
    return route ? route->realm : REALM_READONLY;
}

enum realm master_realm_of(const struct http_request *request)
{
    struct arena arena;

    arena_init(&arena);
    enum realm realm = realm_of(find_route(normal_path(request->path, &arena)));
    arena_release(&arena);
    return realm;
}

static bool is_reading(const struct http_request *http)
{
    return http->method == HTTP_GET || http->method == HTTP_HEAD;
}

static void serve(struct request *r)
{
    const struct route *route =
        find_route(normal_path(r->http->path, &r->p->arena));
    enum action action = ACTION_NONE;

    r->realm = realm_of(route);
    if (route)
        action = is_reading(r->http) ? route->reading : route->changing;
    if (!request_permit(r, action))
        return;
    if (!route) {
        request_refuse(r, 404, "404 Not Found.");
        return;
    }
    if (!is_reading(r->http) && r->realm == REALM_READWRITE &&
        action != ACTION_NONE)
        request_note(r, request_shown(r));
    route->handle(r);
}

static void on_request(void *self, exchange_id exchange,
                       const struct http_request *http, int64_t now_ms,
                       struct effects *fx)
{
    struct master_program *p = self;
    struct request r = {
        .p = p, .http = http, .exchange = exchange, .now_ms = now_ms, .fx = fx};
    serve(&r);
    send_outputs(p, now_ms, fx);
    arena_clear(&p->arena);
    if (p->buf.capacity > BUF_KEPT_MAX) /* a large answer came and went */
        buf_release(&p->buf);
}

/* --- the other inputs --- */

static int on_stored(void *self, const char *table, struct bytes key,
                     struct bytes value, struct err *err)
{
    return records_on_stored(self, table, key, value, err);
}

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct master_program *p = self;
    p->started_ms = now_ms;
    master_start(p->core, now_ms, &p->outputs);
    send_outputs(p, now_ms, fx);
    arena_clear(&p->arena);
    effect_log(fx, 2, "master_started id=%s incarnation=%llu", p->core->id,
               (unsigned long long)p->core->incarnation);
}

static void on_gone(void *self, exchange_id exchange, int64_t now_ms,
                    struct effects *fx)
{
    struct master_program *p = self;
    master_stream_gone(p->core, exchange, now_ms, &p->outputs);
    send_outputs(p, now_ms, fx);
    arena_clear(&p->arena);
}

static void on_fact(void *self, uint32_t kind, const void *data, int64_t now_ms,
                    struct effects *fx)
{
    struct master_program *p = self;
    const struct gate_fact *fact = data;
    assert(kind == MASTER_FACT_USERS);
    (void)kind;
    master_take_users(p, fact->users, now_ms, fx);
    send_outputs(p, now_ms, fx);
    arena_clear(&p->arena);
}

static int64_t next_ms(const void *self)
{
    const struct master_program *p = self;
    return master_next_ms(p->core);
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct master_program *p = self;
    master_on_time(p->core, now_ms, &p->outputs);
    send_outputs(p, now_ms, fx);
    arena_clear(&p->arena);
}

static void check(const void *self)
{
    const struct master_program *p = self;
    master_check(p->core);
}

const struct program MASTER_PROGRAM = {
    .name = "master",
    .on_stored = on_stored,
    .on_start = on_start,
    .on_request = on_request,
    .on_gone = on_gone,
    .on_fact = on_fact,
    .next_ms = next_ms,
    .on_time = on_time,
    .metrics = master_metrics,
    .check = check,
    .guards_metrics = true,
};
