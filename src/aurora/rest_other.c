/* What stands outside the typed API: plain documents, and addresses that lead
 * people elsewhere. */
#include "aurora/assets.h"
#include "aurora/rest.h"

#include "wire/json.h"

#include <stdio.h>
#include <string.h>

enum { PARTS_MAX = 4 };

struct path {
    const char *part[PARTS_MAX];
    uint32_t count;
    const char *rest; /* what follows the parts: "" or "/..." */
};

/* The parts behind a prefix, `most` at most; empty ones do not count. */
static bool split(const char *path, const char *prefix, uint32_t most,
                  struct arena *arena, struct path *out)
{
    size_t size = strlen(prefix);

    *out = (struct path){.rest = ""};
    if (strncmp(path, prefix, size) != 0 ||
        (path[size] != '\0' && path[size] != '/'))
        return false;
    const char *at = path + size;
    while (out->count < most && *at == '/') {
        at += strspn(at, "/");
        size_t length = strcspn(at, "/");
        if (length > 0)
            out->part[out->count++] = arena_strndup(arena, at, length);
        at += length;
    }
    out->rest = at;
    return true;
}

/* A path as it stands in an address: what was decoded is encoded again, so that
 * no byte of it can end the header or begin something else. */
static void add_path(struct buf *out, const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                "tuvwxyz0123456789-._~/!$&'()*+,;=:@";

    for (; *path; path++) {
        if (strchr(plain, *path))
            buf_add_char(out, *path);
        else
            buf_addf(out, "%%%02X", (unsigned char)*path);
    }
}

/* The query is as it came; what no address may hold does not go on. */
static void add_query(struct buf *out, const char *query)
{
    if (!*query)
        return;
    buf_add_char(out, '?');
    for (; *query; query++)
        if ((unsigned char)*query > ' ' && (unsigned char)*query < 127)
            buf_add_char(out, *query);
}

static void lead(struct effects *fx, exchange_id exchange, struct buf *address)
{
    struct http_header to = {"Location", buf_text(address)};
    struct http_response response = {
        .status = 307, .header = &to, .header_count = 1};

    effect_reply_full(fx, exchange, &response);
    buf_release(address);
}

/* --- /mname/ROLE/ENV/NAME/INSTANCE[/path][?query] --- */

/* What services call the port that people look at, the likeliest first. */
static const char *const HTTP_PORTS[] = {"http", "HTTP", "web", "health"};

static int http_port(const struct task *task)
{
    const struct placement *place = task->placement;

    for (size_t name = 0; name < sizeof HTTP_PORTS / sizeof *HTTP_PORTS; name++)
        for (uint32_t i = 0;
             i < place->port_count && i < task->config->port_count; i++)
            if (strcmp(task->config->port_name[i], HTTP_PORTS[name]) == 0)
                return (int)place->port[i];
    return 0;
}

static const struct task *live_instance(struct aurora_program *p,
                                        const struct path *path)
{
    struct job_key key;
    uint32_t instance;
    char end;

    if (job_key_make(p->options.cluster, path->part[0], path->part[1],
                     path->part[2], &key, NULL) < 0 ||
        sscanf(path->part[3], "%u%c", &instance, &end) != 1)
        return NULL;
    const struct user *user = p->sign_in.caller.user;
    const struct object object = {key.cluster, key.role, key.env, key.name};
    const struct job *job = aurora_job(&p->core, &key);
    if (p->sign_in.users &&
        (!user || !user_may(user, ACTION_JOB_READ, &object)))
        job = NULL; /* as if there were none */
    for (const struct task *t = job ? job->active.first : NULL; t; t = t->next)
        if (t->instance == instance && t->state == TASK_RUNNING)
            return t;
    return NULL;
}

static void get_member(struct aurora_program *p, exchange_id exchange,
                       const struct http_request *http, const struct path *path,
                       struct effects *fx)
{
    const struct task *task = live_instance(p, path);
    int port = task ? http_port(task) : 0;
    struct buf to = {0};

    if (!task) {
        effect_reply_text(fx, exchange, 404, "no such instance is running\n");
        return;
    }
    if (port == 0) {
        effect_reply_text(fx, exchange, 404,
                          "the task has no port named http, HTTP, web or "
                          "health\n");
        return;
    }
    buf_addf(&to, "http://%s:%d", task->placement->hostname, port);
    add_path(&to, *path->rest ? path->rest : "/");
    add_query(&to, http->query);
    lead(fx, exchange, &to);
}

/* --- plain documents --- */

static void get_version(struct aurora_program *p, exchange_id exchange,
                        struct effects *fx)
{
    struct buf out = {0};
    struct json_writer w;

    json_init(&w, &out, 0);
    json_begin_object(&w);
    json_put_string(&w, "version", aurora_version);
    json_put_string(&w, "cluster", p->options.cluster);
    json_put_string(&w, "stdlib_hash", p->options.stdlib_hash);
    json_end_object(&w);
    effect_reply(fx, exchange, 200, MEDIA_JSON, buf_bytes(&out));
    buf_release(&out);
}

static void put_counts(struct aurora_program *p, struct json_writer *w)
{
    const struct aurora *a = &p->core;

    json_key(w, "tasks");
    json_begin_object(w);
    for (int state = TASK_THROTTLED; state < TASK_DELETED; state++)
        json_put_int(w, task_machine_name((enum task_state)state),
                     a->counters.tasks[state]);
    json_end_object(w);
    json_put_int(w, "jobs", a->jobs.count);
    json_put_int(w, "hosts", HASH_COUNT(a->hosts.by_agent));
    json_put_int(w, "offers", HASH_CNT(hh_id, a->hosts.offer_by_id));
    json_put_int(w, "waiting", a->waiting_count);
    json_put_int(w, "sequence", (int64_t)a->events.next - 1);
    json_put_int(w, "first_sequence", (int64_t)event_log_first(&a->events));
}

static void get_state(struct aurora_program *p, exchange_id exchange,
                      struct effects *fx)
{
    static const char *const link[] = {[LINK_DOWN] = "DOWN",
                                       [LINK_SUBSCRIBING] = "SUBSCRIBING",
                                       [LINK_UP] = "UP"};
    struct buf out = {0};
    struct json_writer w;

    json_init(&w, &out, 0);
    json_begin_object(&w);
    json_put_string(&w, "cluster", p->options.cluster);
    json_put_string(&w, "master", p->link.address);
    json_put_string(&w, "link", link[p->link.state]);
    json_put_string(&w, "framework_id",
                    p->link.framework_id ? p->link.framework_id : "");
    put_counts(p, &w);
    json_end_object(&w);
    effect_reply(fx, exchange, 200, MEDIA_JSON, buf_bytes(&out));
    buf_release(&out);
}

/* "/assets/ROLE/KEY/SHA256" */
static bool is_keyed_asset(const struct aurora_program *p, const char *text,
                           struct arena *arena, struct path *path)
{
    return split(text, "/assets", 3, arena, path) && path->count == 3 &&
           !*path->rest && asset_key_is(p, path->part[0], path->part[1]);
}

bool rest_is_public(const struct aurora_program *p,
                    const struct http_request *http, struct arena *arena)
{
    struct path path;

    return (http->method == HTTP_GET || http->method == HTTP_HEAD) &&
           (strcmp(http->path, "/health") == 0 ||
            is_keyed_asset(p, http->path, arena, &path));
}

static void get_asset(struct aurora_program *p, exchange_id exchange,
                      const char *sha256, struct effects *fx)
{
    struct asset *asset = asset_find(p, sha256);

    if (asset)
        effect_reply(fx, exchange, 200, MEDIA_BYTES,
                     blob_bytes(asset->content));
    else
        effect_reply_text(fx, exchange, 404, "asset %s is not kept here",
                          sha256);
}

/* How many of everything there are. */
static bool may_cluster(const struct aurora_program *p)
{
    const struct object cluster = {.cluster = p->options.cluster};
    const struct user *user = p->sign_in.caller.user;

    return !p->sign_in.users ||
           (user && user_may(user, ACTION_CLUSTER_READ, &cluster));
}

static bool is_metrics(const char *path)
{
    return strcmp(path, "/metrics") == 0 ||
           strcmp(path, "/metrics/snapshot") == 0;
}

static void refuse_plainly(struct aurora_program *p, exchange_id exchange,
                           struct effects *fx)
{
    p->sign_in.denied++;
    audit_refused(p, "GET /metrics, /state", "DENIED", "may not cluster.read",
                  fx);
    effect_reply_text(fx, exchange, 403, "user '%s' may not cluster.read\n",
                      p->sign_in.caller.user ? p->sign_in.caller.user->name
                                             : "");
}

void rest_other(struct aurora_program *p, exchange_id exchange,
                const struct http_request *http, struct effects *fx)
{
    struct buf to = {0};
    struct path path;

    if (strcmp(http->path, "/health") == 0) {
        effect_reply(fx, exchange, 200, MEDIA_NONE, bytes_of("", 0));
    } else if (strcmp(http->path, "/version") == 0) {
        get_version(p, exchange, fx);
    } else if (strcmp(http->path, "/state") == 0) {
        if (may_cluster(p))
            get_state(p, exchange, fx);
        else
            refuse_plainly(p, exchange, fx);
    } else if (is_metrics(http->path)) {
        if (may_cluster(p))
            effect_metrics(fx, exchange, http->path);
        else
            refuse_plainly(p, exchange, fx);
    } else if (is_keyed_asset(p, http->path, &fx->arena, &path)) {
        get_asset(p, exchange, path.part[2], fx);
    } else if (may_cluster(p) &&
               split(http->path, "/assets", 1, &fx->arena, &path) &&
               path.count == 1 && !*path.rest) {
        get_asset(p, exchange, path.part[0], fx);
    } else if (split(http->path, "/mname", 4, &fx->arena, &path) &&
               path.count == 4) {
        get_member(p, exchange, http, &path, fx);
    } else if (split(http->path, "/scheduler", 3, &fx->arena, &path) &&
               !*path.rest) {
        buf_add_text(&to, "/api/v1/jobs");
        add_path(&to, http->path + strlen("/scheduler"));
        lead(fx, exchange, &to);
    } else {
        effect_reply_text(fx, exchange, 404, "404 Not Found.");
    }
}
