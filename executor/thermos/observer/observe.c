/* thermos observe: the tasks of this machine over HTTP. Reads only, and only
 * when asked. */
#include "executor/thermos/observer/command.h"
#include "executor/thermos/observer/page.h"

#include "sys/log.h"

#include <stdio.h>
#include <string.h>

/* --- the program: it has no state of its own --- */

static void task_metrics(const struct machine *machine, struct metrics *m)
{
    uint32_t count[PERIGEE__THERMOS__TASK__STATE__KILLED + 1] = {0};

    for (uint32_t i = 0; i < machine->tasks.count; i++)
        count[machine->tasks.item[i]->history.state]++;
    for (int i = 0; i <= PERIGEE__THERMOS__TASK__STATE__KILLED; i++)
        metrics_add(
            m, METRIC_GAUGE, "observer_tasks", NULL,
            "tasks with a checkpoint on this machine",
            metric_label(m, "state", history_task_state_name((task_state_t)i)),
            count[i]);
    metrics_add(m, METRIC_GAUGE, "observer_damaged_checkpoints", NULL,
                "checkpoints that cannot be read", NULL, machine->unreadable);
    metrics_add(m, METRIC_GAUGE, "observer_left_out_tasks", NULL,
                "tasks that are not shown: there are too many", NULL,
                machine->left_out);
}

static void metrics(const void *self, struct metrics *m)
{
    const struct observer *observer = self;
    machine_look_again(observer->machine);
    task_metrics(observer->machine, m);
    metrics_add(m, METRIC_COUNTER, "observer_requests_total", NULL,
                "requests for pages and data", NULL,
                (double)observer->requests);
}

static const struct program observer_program = {.name = "observer",
                                                .metrics = metrics};

/* --- routes --- */

extern const struct bytes web_style_css, web_follow_js;

static void serve_static(struct page *p)
{
    const char *name = p->part_count > 1 ? p->part[1] : "";
    if (strcmp(name, "style.css") == 0)
        page_static(p, "text/css; charset=utf-8", web_style_css);
    else if (strcmp(name, "follow.js") == 0)
        page_static(p, "text/javascript; charset=utf-8", web_follow_js);
    else
        page_refuse(p, 404, "there is no such file");
}

static void serve_health(struct page *p)
{
    buf_add_text(&p->body, "{}");
    page_json(p);
}

static const struct {
    const char *name;
    void (*serve)(struct page *p);
} routes[] = {
    {"", pages_index},
    {"main", pages_index},
    {"task", pages_task},
    {"rawtask", pages_raw_task},
    {"process", pages_process},
    {"logs", pages_logs},
    {"logdata", pages_log_data},
    {"file", pages_file},
    {"filedata", pages_file_data},
    {"browse", pages_browse},
    {"download", pages_download},
    {"j", pages_json},
    {"health", serve_health},
    {"static", serve_static},
};

/* "/a/b/c/d" into its parts, and what is behind the second: "/c/d". */
static void split(struct page *p)
{
    char *at = arena_strdup(&p->arena, p->request->path + 1);

    p->rest = "";
    while (*at != '\0' && p->part_count < PAGE_PARTS_MAX) {
        size_t size = strcspn(at, "/");
        bool is_last = at[size] == '\0';
        if (p->part_count == 2)
            p->rest = arena_printf(&p->arena, "/%s", at);
        at[size] = '\0';
        p->part[p->part_count++] = at;
        at += size + (is_last ? 0 : 1);
    }
}

static void serve(struct page *p)
{
    const char *first = p->part_count > 0 ? p->part[0] : "";

    if (p->request->method != HTTP_GET && p->request->method != HTTP_HEAD) {
        page_refuse(p, 405, "want GET: the observer only looks");
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(routes[i].name, first) == 0) {
            routes[i].serve(p);
            return;
        }
    page_refuse(p, 404, "there is no page '%s'", p->request->path);
}

static bool on_request(void *context, exchange_id exchange,
                       const struct http_request *request)
{
    struct observer *observer = context;
    struct page p = {
        .observer = observer, .exchange = exchange, .request = request};

    observer->requests++;
    arena_init(&p.arena);
    split(&p);
    serve(&p);
    arena_release(&p.arena);
    buf_release(&p.body);
    return true;
}

int command_observe(struct request *r)
{
    struct observer observer = {.machine = &r->machine};
    struct daemon_config config = {
        .ip = r->ip,
        .port = r->port,
        .tls = {.files = {r->tls_cert, r->tls_key, r->tls_ca},
                .wants_client = r->tls_require_client},
        .ready_text = "observer_ready"};
    struct err err = {0};

    log_open("observer", LOG_LEVEL_INFO);
    if (daemon_open(&observer.daemon, &config, &observer_program, &observer,
                    &err) != 0)
        return command_fail(&err, COMMAND_FAILED);
    daemon_add_route(observer.daemon, "/", on_request, &observer);
    int status = daemon_run(observer.daemon, &err);
    daemon_close(observer.daemon);
    return status == 0 ? COMMAND_OK : command_fail(&err, COMMAND_FAILED);
}
