#include "agent/internal.h"
#include "base/alloc.h"
#include "base/version.h"
#include "sys/gate.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_EVERY_MS = 60 * 60 * 1000 };

static void copy_options(struct agent_program *p,
                         const struct agent_options *options)
{
    p->master = xstrdup(options->master);
    p->ip = xstrdup(options->ip);
    p->hostname = xstrdup(options->hostname);
    p->work_dir = xstrdup(options->work_dir);
    p->executor = xstrdup(options->executor);
    p->executor_socket =
        options->executor_socket ? xstrdup(options->executor_socket) : NULL;
    p->tls_ca = options->tls_ca ? xstrdup(options->tls_ca) : NULL;
    p->authorization =
        options->authorization ? xstrdup(options->authorization) : NULL;
    p->executor_key =
        options->executor_key ? xstrdup(options->executor_key) : NULL;
    p->boot_id = xstrdup(options->boot_id);
    p->port = options->port;
    p->switch_user = options->switch_user;
    resources_copy(&p->resources, options->resources);
    attributes_copy(&p->attributes, options->attributes);
    p->gc_delay_ms = options->gc_delay_ms;
    p->times = (struct agent_times){
        .registration = options->executor_registration_timeout_ms,
        .reregistration = options->executor_reregistration_timeout_ms,
        .shutdown_grace = options->executor_shutdown_grace_ms,
        .recovery = options->recovery_timeout_ms};
    p->flag = xcalloc(options->flag_count + 1, sizeof *p->flag);
    p->flag_count = options->flag_count;
    for (uint32_t i = 0; i < p->flag_count; i++) {
        p->flag[i].name = xstrdup(options->flag[i].name);
        p->flag[i].value = xstrdup(options->flag[i].value);
    }
}

struct agent_program *agent_program_new(const struct agent_options *options)
{
    struct agent_program *p = xcalloc(1, sizeof *p);
    arena_init(&p->arena);
    copy_options(p, options);
    rng_seed(&p->rng, options->seed);
    p->core = agent_core_new(rng_next(&p->rng), &p->times);
    p->sweep_at_ms = INT64_MAX;
    return p;
}

void agent_program_free(struct agent_program *p)
{
    if (p == NULL)
        return;
    agent_core_free(p->core);
    agent_link_free(&p->link);
    arena_release(&p->arena);
    vec_free(&p->core_fx);
    for (uint32_t i = 0; i < p->flag_count; i++) {
        free((char *)p->flag[i].name);
        free((char *)p->flag[i].value);
    }
    free(p->flag);
    resources_release(&p->resources);
    attributes_release(&p->attributes);
    free(p->master);
    free(p->ip);
    free(p->hostname);
    free(p->work_dir);
    free(p->executor);
    free(p->boot_id);
    free(p->executor_socket);
    free(p->tls_ca);
    free(p->authorization);
    free(p->executor_key);
    users_unref(p->access.users);
    free(p);
}

void agent_program_set_port(struct agent_program *p, int port)
{
    p->port = port;
}

const char *agent_program_id(const struct agent_program *p)
{
    return p->agent_id;
}

void agent_program_set_usage(struct agent_program *p,
                             agent_usage_reader *reader, void *context)
{
    p->usage = reader;
    p->usage_context = context;
}

/* --- the inputs --- */

static int on_stored(void *self, const char *table, struct bytes key,
                     struct bytes value, struct err *err)
{
    struct agent_program *p = self;
    arena_clear(&p->arena);
    return agent_store_read(p, table, key, value, err);
}

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct agent_program *p = self;
    arena_clear(&p->arena);
    p->start_ms = now_ms;
    p->sweep_at_ms = now_ms + SWEEP_EVERY_MS / 60;
    if (p->agent_id[0] != '\0' && strcmp(p->boot_id, p->stored_boot_id) != 0)
        agent_store_save_agent(p, fx);
    agent_core_start(p->core, now_ms, &p->core_fx);
    agent_deliver(p, now_ms, fx);
}

static void reply_json(struct agent_program *p, exchange_id exchange,
                       struct buf *body, struct effects *fx)
{
    (void)p;
    effect_reply(fx, exchange, 200, MEDIA_JSON, buf_bytes(body));
    buf_release(body);
}

static void print_version(const struct agent_program *p, struct buf *out)
{
    struct json_writer w;
    (void)p;
    json_init(&w, out, 0);
    json_begin_object(&w);
    json_put_string(&w, "version", AGENT_API_VERSION);
    json_put_string(&w, "perigee_version", PERIGEE_VERSION);
    json_end_object(&w);
}

static void plain_get(struct agent_program *p, exchange_id exchange,
                      const char *path, int64_t now_ms, struct effects *fx)
{
    struct buf body = {0};
    if (agent_is_path(path, "/health")) {
        effect_reply(fx, exchange, 200, MEDIA_NONE, (struct bytes){NULL, 0});
        return;
    }
    if (agent_is_path(path, "/version"))
        print_version(p, &body);
    else if (agent_is_path(path, "/state"))
        agent_state_print(p, &body);
    else if (agent_is_path(path, "/containers"))
        agent_containers_print(p, now_ms, true, &body);
    else if (agent_is_path(path, "/monitor/statistics"))
        agent_containers_print(p, now_ms, false, &body);
    else {
        effect_reply_text(fx, exchange, 404, "404 Not Found.");
        return;
    }
    reply_json(p, exchange, &body, fx);
}

/* Its path is the whole one, as the daemon knows it. */
static bool is_metrics(const struct http_request *request)
{
    return request->method == HTTP_GET &&
           (strcmp(request->path, "/metrics") == 0 ||
            strcmp(request->path, "/metrics/snapshot") == 0);
}

static void on_request(void *self, exchange_id exchange,
                       const struct http_request *request, int64_t now_ms,
                       struct effects *fx)
{
    struct agent_program *p = self;
    const char *path = agent_plain_path(request->path);
    enum realm realm = agent_realm_of(request);
    arena_clear(&p->arena);
    if (agent_is_path(path, "/api/v1/executor"))
        agent_executor_api(p, exchange, request, now_ms, fx);
    else if (realm == REALM_READWRITE)
        agent_operator_api(p, exchange, request, now_ms, fx);
    else if (!agent_permit(p, exchange, request, realm, ACTION_CLUSTER_READ,
                           fx))
        return;
    else if (is_metrics(request))
        effect_metrics(fx, exchange, request->path);
    else
        plain_get(p, exchange, path, now_ms, fx);
}

static void on_gone(void *self, exchange_id exchange, int64_t now_ms,
                    struct effects *fx)
{
    struct agent_program *p = self;
    (void)fx;
    agent_core_stream_gone(p->core, exchange, now_ms);
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct agent_program *p = self;
    arena_clear(&p->arena);
    agent_link_answer(p, exchange, response, now_ms, fx);
    if (p->is_leaving)
        agent_deliver(p, now_ms, fx);
}

static void on_record(void *self, exchange_id exchange, struct bytes record,
                      int64_t now_ms, struct effects *fx)
{
    struct agent_program *p = self;
    arena_clear(&p->arena);
    agent_link_record(p, exchange, record, now_ms, fx);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct agent_program *p = self;
    arena_clear(&p->arena);
    agent_link_broken(p, exchange, why, now_ms, fx);
    if (p->is_leaving)
        agent_deliver(p, now_ms, fx);
}

static void on_fact(void *self, uint32_t kind, const void *data, int64_t now_ms,
                    struct effects *fx)
{
    struct agent_program *p = self;
    const struct agent_started *started = data;
    const struct agent_failed *failed = data;
    const struct agent_limited *limited = data;
    const struct agent_exited *exited = data;
    arena_clear(&p->arena);
    switch ((enum agent_fact)kind) {
    case AGENT_FACT_STARTED:
        agent_core_started(p->core, started->container_id, started->pid,
                           started->born, now_ms, &p->core_fx);
        break;
    case AGENT_FACT_ALIVE:
        agent_core_alive(p->core, started->container_id, started->pid,
                         started->born, &p->core_fx);
        break;
    case AGENT_FACT_LIMITED:
        agent_core_limited(p->core, limited->container_id,
                           limited->mem_limit_bytes, limited->text,
                           &p->core_fx);
        break;
    case AGENT_FACT_FAILED:
        p->count.failures++;
        agent_core_failed(p->core, failed->container_id, failed->text, now_ms,
                          &p->core_fx);
        break;
    case AGENT_FACT_EXITED:
        agent_core_exited(p->core, exited->container_id,
                          exited->has_status ? exited->status : -1, now_ms,
                          &p->core_fx);
        break;
    case AGENT_FACT_LEAVE:
        agent_link_leave(p, now_ms, fx);
        break;
    case AGENT_FACT_USERS:
        access_take(&p->access, ((const struct gate_fact *)data)->users);
        break;
    }
    agent_deliver(p, now_ms, fx);
}

static int64_t next_ms(const void *self)
{
    const struct agent_program *p = self;
    int64_t at_ms = agent_core_next_ms(p->core);
    int64_t link_ms = agent_link_next_ms(p);
    if (link_ms < at_ms)
        at_ms = link_ms;
    return p->sweep_at_ms < at_ms ? p->sweep_at_ms : at_ms;
}

static void sweep(struct agent_program *p, int64_t now_ms, struct effects *fx)
{
    uint32_t count = HASH_CNT(by_container, p->core->containers), i = 0;
    const char **live = arena_zalloc(&fx->arena, (count + 1) * sizeof *live);
    for (const struct agent_executor *executor = p->core->containers;
         executor != NULL; executor = executor->by_container.next)
        live[i++] = arena_strdup(&fx->arena, executor->container_id);
    struct agent_sweep sweep = {.before_ms = now_ms - p->gc_delay_ms,
                                .live = live};
    effect_act(fx, AGENT_ACT_SWEEP, &sweep, sizeof sweep);
    p->sweep_at_ms = now_ms + SWEEP_EVERY_MS;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct agent_program *p = self;
    arena_clear(&p->arena);
    agent_core_tick(p->core, now_ms, &p->core_fx);
    agent_deliver(p, now_ms, fx);
    agent_link_tick(p, now_ms, fx);
    if (p->is_leaving)
        agent_deliver(p, now_ms, fx);
    if (now_ms >= p->sweep_at_ms)
        sweep(p, now_ms, fx);
}

static void check(const void *self)
{
    const struct agent_program *p = self;
    agent_core_check(p->core);
    assert(p->core_fx.count == 0);
    assert((p->link.state == LINK_UP) == p->core->is_linked);
    assert(p->link.state != LINK_DOWN || p->link.made.count == 0);
}

static void metrics(const void *self, struct metrics *out)
{
    const struct agent_program *p = self;
    static const struct {
        enum agent_task_state state;
        const char *label, *mesos;
    } ended[] = {{AGENT_TASK_FINISHED, "FINISHED", "slave/tasks_finished"},
                 {AGENT_TASK_FAILED, "FAILED", "slave/tasks_failed"},
                 {AGENT_TASK_KILLED, "KILLED", "slave/tasks_killed"},
                 {AGENT_TASK_LOST, "LOST", "slave/tasks_lost"}};
    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++)
        metrics_add(out, METRIC_COUNTER, "agent_tasks_ended_total",
                    ended[i].mesos, "Tasks that ended, by final state.",
                    metric_label(out, "state", ended[i].label),
                    (double)p->count.tasks_ended[ended[i].state]);
    metrics_add(out, METRIC_GAUGE, "agent_tasks", NULL,
                "Tasks that run, or whose last update is not acknowledged.",
                NULL, (double)p->core->task_count);
    metrics_add(out, METRIC_GAUGE, "agent_executors", "slave/executors_running",
                "Executors that live.", NULL,
                (double)HASH_CNT(by_serial, p->core->executors_by_serial));
    metrics_add(out, METRIC_GAUGE, "agent_frameworks",
                "slave/frameworks_active", "Frameworks with executors here.",
                NULL, (double)HASH_CNT(by_id, p->core->frameworks));
    metrics_add(out, METRIC_GAUGE, "agent_registered", "slave/registered",
                "1 while the link to the master is up.", NULL,
                p->link.state == LINK_UP);
    metrics_add(out, METRIC_COUNTER, "agent_container_launches_total", NULL,
                "Containers that were asked for.", NULL,
                (double)p->count.launches);
    metrics_add(out, METRIC_COUNTER, "agent_container_launch_errors_total",
                "slave/container_launch_errors",
                "Containers that could not be started.", NULL,
                (double)p->count.failures);
    metrics_add(out, METRIC_COUNTER, "agent_updates_sent_total", NULL,
                "Status updates sent to the master, repeats included.", NULL,
                (double)p->count.updates);
    metrics_add(out, METRIC_COUNTER, "agent_calls_refused_total", NULL,
                "Calls the master refused.", NULL,
                (double)p->count.refused_calls);
    metrics_add(out, METRIC_COUNTER, "agent_denied_total", NULL,
                "Requests that their user may not make.", NULL,
                (double)p->count.denied);
}

const struct program AGENT_PROGRAM = {.name = "agent",
                                      .on_stored = on_stored,
                                      .on_start = on_start,
                                      .on_request = on_request,
                                      .on_gone = on_gone,
                                      .on_answer = on_answer,
                                      .on_record = on_record,
                                      .on_broken = on_broken,
                                      .on_fact = on_fact,
                                      .next_ms = next_ms,
                                      .on_time = on_time,
                                      .metrics = metrics,
                                      .check = check,
                                      .guards_metrics = true};
