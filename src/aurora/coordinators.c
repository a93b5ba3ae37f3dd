/* Questions to coordinators on the wire, and their answers: a POST of the task
 * to the URL of the job's policy; 200 and true under its key lets it end. */
#include "aurora/state.h"
#include "wire/codec.h"
#include "wire/json.h"
#include "wire/json_read.h"

#include <string.h>

static char *instance_text(const struct task *task, struct arena *arena)
{
    const struct job_key *k = &task->job->key;

    return arena_printf(arena, "%s/%s/%s/%s/%u", k->cluster, k->role, k->env,
                        k->name, task->instance);
}

/* URL?task=cluster%2Frole%2Fenv%2Fname%2F0; a fragment is nobody's business. */
static const char *url_of(const char *url, const char *instance,
                          struct arena *arena)
{
    struct buf out = {0};
    size_t size = strcspn(url, "#");

    buf_addf(&out, "%.*s%ctask=", (int)size, url,
             memchr(url, '?', size) ? '&' : '?');
    for (const char *c = instance; *c; c++)
        if (*c == '/')
            buf_add_text(&out, "%2F");
        else
            buf_add_char(&out, *c);
    const char *text = arena_strdup(arena, buf_text(&out));
    buf_release(&out);
    return text;
}

static void put_message(struct json_writer *w, const char *key,
                        const ProtobufCMessage *message)
{
    struct buf json = {0};

    codec_encode(message, MEDIA_JSON, &json);
    json_key(w, key);
    json_raw(w, buf_bytes(&json));
    buf_release(&json);
}

/* Until the task is ended without asking. */
static int64_t countdown_ms(const struct aurora_program *p,
                            const struct host *host)
{
    int64_t left_ms = drain_deadline_ms(&p->core, host) - p->now_ms;

    return left_ms > 0 ? left_ms : 0;
}

static struct bytes body_of(struct aurora_program *p, const struct task *task,
                            const char *instance, struct arena *arena)
{
    struct buf out = {0};
    struct json_writer w;

    json_init(&w, &out, 0);
    json_begin_object(&w);
    json_put_string(&w, "task", instance);
    put_message(&w, "assignedTask", &view_task(p, task, arena)->base);
    put_message(&w, "taskConfig", &job_of(task->config)->base);
    if (task->drain_wait == DRAIN_WAITS_FOR_ANSWER)
        json_put_int(&w, "maintenanceCountdownMs", countdown_ms(p, task->host));
    json_end_object(&w);
    struct bytes bytes =
        bytes_of(arena_memdup(arena, out.data, out.size), out.size);
    buf_release(&out);
    return bytes;
}

static void ask(struct aurora_program *p, const struct coordination *question,
                struct effects *fx)
{
    struct aurora_coordinate act = {.ticket = question->ticket};
    const struct task *task = aurora_task_by_number(&p->core, question->task);

    if (!task) { /* it went in the same turn */
        aurora_coordinated(&p->core, question->ticket, false, p->now_ms);
        return;
    }
    const char *instance = instance_text(task, &fx->arena);
    act.url = url_of(question->config->sla.url, instance, &fx->arena);
    act.body = body_of(p, task, instance, &fx->arena);
    effect_act(fx, AURORA_ACT_COORDINATE, &act, sizeof act);
}

void coordinators_send(struct aurora_program *p, struct effects *fx)
{
    for (uint32_t i = 0; i < p->core.work.coordinations.count; i++) {
        const struct coordination *question =
            aurora_coordination(&p->core, p->core.work.coordinations.item[i]);
        if (question)
            ask(p, question, fx);
    }
}

static int read_answer(const struct aurora_coordinated_fact *fact,
                       const char *status_key, bool *may_end, struct err *err)
{
    if (fact->status == 0)
        return err_set(err, ERR_NETWORK, "%.*s", (int)fact->result.size,
                       (const char *)fact->result.data);
    if (fact->status != 200)
        return err_set(err, ERR_NETWORK, "status %u: want 200", fact->status);
    return json_read_bool(fact->result, status_key, may_end, err);
}

void coordinators_answered(struct aurora_program *p,
                           const struct aurora_coordinated_fact *fact,
                           int64_t now_ms, struct effects *fx)
{
    const struct coordination *question =
        aurora_coordination(&p->core, fact->ticket);
    struct err err = {0};
    bool may_end = false;

    if (!question)
        return;
    const struct sla_policy *policy = &question->config->sla;
    if (read_answer(fact, policy->status_key ? policy->status_key : "drain",
                    &may_end, &err) < 0)
        effect_log(fx, 1, "coordinator_failed url=%s why=\"%s\" retrying",
                   policy->url, err.text);
    aurora_coordinated(&p->core, fact->ticket, may_end, now_ms);
}
