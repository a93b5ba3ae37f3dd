/* GETs: what a browser or curl can read.
 *   /api/v1/jobs[/ROLE[/ENV[/NAME]]]   ?limit= &cursor=
 *   /api/v1/jobs/ROLE/ENV/NAME/tasks   ?limit= &cursor= &active=1
 *   /api/v1/tasks/ID, /api/v1/why/ROLE/ENV/NAME
 *   /assets/SHA256, /health, /version, /state
 *   /scheduler/ROLE/ENV/NAME           the job's address for people */
#include "aurora/state.h"

#include "base/text.h"
#include "wire/json.h"

#include <string.h>

enum { PARTS_MAX = 6 };

struct path {
    const char *part[PARTS_MAX];
    uint32_t count;
};

static void text_reply(struct effects *fx, exchange_id exchange, int status,
                       const char *text)
{
    effect_reply(fx, exchange, status, MEDIA_TEXT, bytes_of_text(text));
}

/* The parts behind a prefix; empty ones do not count. */
static bool split(const char *path, const char *prefix, struct arena *arena,
                  struct path *out)
{
    size_t size = strlen(prefix);

    *out = (struct path){0};
    if (strncmp(path, prefix, size) != 0 ||
        (path[size] != '\0' && path[size] != '/'))
        return false;
    char *save = NULL, *copy = arena_strdup(arena, path + size);
    for (char *part = strtok_r(copy, "/", &save); part;
         part = strtok_r(NULL, "/", &save)) {
        if (out->count == PARTS_MAX)
            return false;
        out->part[out->count++] = part;
    }
    return true;
}

static Perigee__Aurora__JobKey *path_key(struct request *r,
                                         const struct path *path)
{
    Perigee__Aurora__JobKey *key = arena_alloc(&r->arena, sizeof *key);

    perigee__aurora__job_key__init(key);
    key->cluster = (char *)r->p->options.cluster;
    key->role = (char *)path->part[0];
    key->environment = (char *)path->part[1];
    key->name = (char *)path->part[2];
    return key;
}

static int page(struct request *r, const struct http_request *http,
                protobuf_c_boolean *has_limit, uint32_t *limit, char **cursor,
                struct err *err)
{
    const char *text = http_query(http, "limit", &r->arena);
    int64_t number = 0;

    *cursor = (char *)http_query(http, "cursor", &r->arena);
    if (!text)
        return 0;
    int rc = text_int(text, 1, PAGE_MAX, &number, err);
    if (rc < 0) {
        (void)err_wrap(err, "limit");
        err_field(err, "limit");
        return rc;
    }
    *has_limit = true;
    *limit = (uint32_t)number;
    return 0;
}

static void get_list(struct request *r, const struct http_request *http,
                     const struct path *path, int64_t now_ms,
                     struct effects *fx)
{
    Perigee__Aurora__Call__List *list = arena_alloc(&r->arena, sizeof *list);
    struct err err = {0};

    perigee__aurora__call__list__init(list);
    if (path->count > 0)
        list->role = (char *)path->part[0];
    if (path->count > 1)
        list->environment = (char *)path->part[1];
    if (page(r, http, &list->has_limit, &list->limit, &list->cursor, &err) <
        0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    r->call->list = list;
    api_list(r, now_ms, fx);
}

static void get_tasks(struct request *r, const struct http_request *http,
                      const struct path *path, int64_t now_ms,
                      struct effects *fx)
{
    Perigee__Aurora__Call__Tasks *tasks = arena_alloc(&r->arena, sizeof *tasks);
    const char *active = http_query(http, "active", &r->arena);
    struct err err = {0};

    perigee__aurora__call__tasks__init(tasks);
    tasks->key = path_key(r, path);
    tasks->has_active_only = tasks->active_only =
        active && strcmp(active, "1") == 0;
    if (page(r, http, &tasks->has_limit, &tasks->limit, &tasks->cursor, &err) <
        0) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    r->call->tasks = tasks;
    if (path->count == 3)
        api_get_job(r, now_ms, fx);
    else
        api_get_tasks(r, now_ms, fx);
}

static void get_task(struct request *r, const char *id, int64_t now_ms,
                     struct effects *fx)
{
    struct task *task = aurora_task(&r->p->core, bytes_of_text(id));
    struct err err = {0};

    if (!task) {
        (void)err_set(&err, ERR_NOT_FOUND, "task '%s' does not exist", id);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Perigee__Aurora__Answer *answer = api_answer_new(r);
    answer->n_tasks = 1;
    answer->tasks = arena_alloc(&r->arena, sizeof(void *));
    answer->tasks[0] = view_task(r->p, task, &r->arena);
    api_answer(r, answer, now_ms, fx);
}

static void get_why(struct request *r, const struct path *path, int64_t now_ms,
                    struct effects *fx)
{
    Perigee__Aurora__Call__Why *why = arena_alloc(&r->arena, sizeof *why);

    perigee__aurora__call__why__init(why);
    why->key = path_key(r, path);
    r->call->why = why;
    api_why(r, now_ms, fx);
}

/* What lies under /api/v1; false when nothing does. */
static bool get_api(struct aurora_program *p, exchange_id exchange,
                    const struct http_request *http, int64_t now_ms,
                    struct effects *fx)
{
    struct request *r;
    struct path path;

    if (strcmp(http->path, "/api/v1/schema") == 0) {
        effect_reply(fx, exchange, 200, MEDIA_JSON, schema_text(p));
        return true;
    }
    r = request_of_get(p, exchange, http);

    if (split(http->path, "/api/v1/jobs", &r->arena, &path)) {
        if (path.count <= 2) {
            get_list(r, http, &path, now_ms, fx);
            return true;
        }
        if (path.count == 3 ||
            (path.count == 4 && strcmp(path.part[3], "tasks") == 0)) {
            get_tasks(r, http, &path, now_ms, fx);
            return true;
        }
    } else if (split(http->path, "/api/v1/tasks", &r->arena, &path) &&
               path.count == 1) {
        get_task(r, path.part[0], now_ms, fx);
        return true;
    } else if (split(http->path, "/api/v1/why", &r->arena, &path) &&
               path.count == 3) {
        get_why(r, &path, now_ms, fx);
        return true;
    }
    request_free(r);
    return false;
}

/* --- outside the API --- */

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

static bool get_other(struct aurora_program *p, exchange_id exchange,
                      const struct http_request *http, struct effects *fx)
{
    struct path path;

    if (strcmp(http->path, "/health") == 0)
        effect_reply(fx, exchange, 200, MEDIA_NONE, bytes_of("", 0));
    else if (strcmp(http->path, "/version") == 0)
        get_version(p, exchange, fx);
    else if (strcmp(http->path, "/state") == 0)
        get_state(p, exchange, fx);
    else if (split(http->path, "/assets", &fx->arena, &path) && path.count == 1)
        get_asset(p, exchange, path.part[0], fx);
    else if (split(http->path, "/scheduler", &fx->arena, &path) &&
             path.count <= 3) {
        struct http_header to = {
            "Location", arena_printf(&fx->arena, "/api/v1/jobs%s",
                                     http->path + strlen("/scheduler"))};
        struct http_response response = {
            .status = 307, .header = &to, .header_count = 1};
        effect_reply_full(fx, exchange, &response);
    } else
        return false;
    return true;
}

void rest_request(struct aurora_program *p, exchange_id exchange,
                  const struct http_request *http, int64_t now_ms,
                  struct effects *fx)
{
    static const struct http_header allow = {"Allow", "GET, HEAD"};
    struct http_response no = {.status = 405,
                               .type = MEDIA_TEXT,
                               .header = &allow,
                               .header_count = 1,
                               .body = bytes_of_text("want GET")};

    if (http->method != HTTP_GET && http->method != HTTP_HEAD) {
        effect_reply_full(fx, exchange, &no);
        return;
    }
    if (get_api(p, exchange, http, now_ms, fx) ||
        get_other(p, exchange, http, fx))
        return;
    text_reply(fx, exchange, 404, "404 Not Found.");
}
