#include "tests/sim/plain_calls.h"

#include "base/alloc.h"
#include "base/resources.h"
#include "base/rng.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"
#include "wire/values.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECOND = 1000,
    RETRY_MS = 2 * SECOND,    /* between two subscriptions */
    ASK_MS = 30 * SECOND,     /* between two kills or reconciliations */
    SILENCE_MS = 60 * SECOND, /* four heartbeats */
    AT_ONCE_MAX = 8           /* tasks in one ACCEPT */
};

char *plain_task_id(const struct plain_task *task, char *out, size_t size)
{
    (void)snprintf(out, size, "plain-%u-%u", task->number, task->attempt);
    return out;
}

uint32_t plain_count(const struct plain *p)
{
    return p->options.tasks;
}

const struct plain_task *plain_task(const struct plain *p, uint32_t at)
{
    return &p->task[at];
}

/* What each task is like follows from `fate` alone. */
static void make_task(struct plain_task *task, struct rng *rng,
                      const struct plain_options *o)
{
    int64_t span_ms = o->last_ms - o->first_ms;

    task->wanted_at_ms =
        o->first_ms + (int64_t)rng_below(rng, (uint64_t)span_ms);
    task->length_ms = (int64_t)rng_below(rng, 120 * SECOND);
    task->status = rng_below(rng, 4) == 0;
    task->kill_after_ms = -1;
    task->cpus_milli = 100 + (int64_t)rng_below(rng, 8) * 100;
    task->mem_milli = 32000 * (1 + (int64_t)rng_below(rng, 8));
    task->wants_port = rng_below(rng, 3) == 0;
    if (rng_below(rng, 4) == 0) {
        task->kill_after_ms = (int64_t)rng_below(rng, 60 * SECOND);
        if (rng_below(rng, 2) == 0)
            task->length_ms = -1;
    }
}

struct plain *plain_new(const struct plain_options *options)
{
    struct plain *p = xcalloc(1, sizeof *p);
    struct rng fate;
    struct buf url = {0};

    p->options = *options;
    buf_addf(&url, "http://%s/api/v1/scheduler", options->master);
    p->url = buf_take(&url);
    p->retry_at_ms = INT64_MAX;
    arena_init(&p->arena);
    rng_seed(&p->rng, options->seed);
    rng_seed(&fate, options->fate);
    p->task = xcalloc(options->tasks, sizeof *p->task);
    for (uint32_t i = 0; i < options->tasks; i++) {
        p->task[i].number = i;
        make_task(&p->task[i], &fate, options);
    }
    return p;
}

void plain_free(struct plain *p)
{
    arena_release(&p->arena);
    vec_free(&p->inverses);
    free(p->url);
    free(p->task);
    free(p);
}

/* --- the store --- */

static void save(const struct plain_task *task, struct effects *fx)
{
    char key[16], value[256];

    (void)snprintf(key, sizeof key, "%06u", task->number);
    (void)snprintf(value, sizeof value, "%u %d %d %lld %s", task->attempt,
                   (int)task->state, task->end, (long long)task->running_ms,
                   task->agent_id);
    effect_persist(fx, "tasks", bytes_of_text(key), bytes_of_text(value));
}

static int on_stored(void *self, const char *table, struct bytes key,
                     struct bytes value, struct err *err)
{
    struct plain *p = self;
    char text[300];
    unsigned number, attempt;
    int state, end;
    long long running_ms;

    (void)snprintf(text, sizeof text, "%.*s", (int)value.size,
                   (const char *)value.data);
    if (strcmp(table, "framework") == 0) {
        (void)snprintf(p->framework_id, sizeof p->framework_id, "%.127s", text);
        return 0;
    }
    number = (unsigned)strtoul((const char *)key.data, NULL, 10);
    if (number >= p->options.tasks)
        return err_set(err, ERR_DAMAGED, "task %u", number);
    struct plain_task *task = &p->task[number];
    if (sscanf(text, "%u %d %d %lld %127s", &attempt, &state, &end, &running_ms,
               task->agent_id) < 4)
        return err_set(err, ERR_DAMAGED, "task %u: '%s'", number, text);
    task->attempt = attempt;
    task->state = (enum plain_state)state;
    task->end = end;
    task->running_ms = running_ms;
    return 0;
}

/* --- offers --- */

/* Take what the task needs out of what is left; `out` is unset before. */
static bool take(const struct plain_task *task, struct resources *left,
                 struct resources *out)
{
    struct ranges ports;

    *out = (struct resources){0};
    resources_add_scalar(out, "cpus", task->cpus_milli);
    resources_add_scalar(out, "mem", task->mem_milli);
    if (task->wants_port) {
        struct resource port = {.kind = &RESOURCE_PORTS};
        resources_ranges(left, "ports", &ports);
        bool has = ranges_take(&ports, 1, &port.ranges);
        ranges_release(&ports);
        if (!has) {
            resources_release(out);
            return false;
        }
        resources_add_one(out, &port);
        ranges_release(&port.ranges);
    }
    if (!resources_contain(left, out)) {
        resources_release(out);
        return false;
    }
    resources_subtract(left, out);
    return true;
}

static Mesos__V1__TaskInfo *task_info(struct plain *p,
                                      const struct plain_task *task,
                                      Mesos__V1__AgentID *agent,
                                      const struct resources *resources)
{
    struct arena *arena = &p->arena;
    Mesos__V1__TaskInfo *info = arena_alloc(arena, sizeof *info);
    Mesos__V1__CommandInfo *command = arena_alloc(arena, sizeof *command);
    char id[64];

    mesos__v1__task_info__init(info);
    mesos__v1__command_info__init(command);
    command->value = arena_printf(arena, "sim %lld %d",
                                  (long long)task->length_ms, task->status);
    info->task_id = arena_alloc(arena, sizeof *info->task_id);
    mesos__v1__task_id__init(info->task_id);
    info->task_id->value =
        arena_strdup(arena, plain_task_id(task, id, sizeof id));
    info->name = info->task_id->value;
    info->agent_id = agent;
    info->command = command;
    info->resources = resources_encode(resources, RESOURCE_FORMAT_OLD, arena,
                                       &info->n_resources);
    return info;
}

static void accept_offer(struct plain *p, Mesos__V1__Offer *offer,
                         Mesos__V1__TaskInfo **task, size_t count,
                         struct effects *fx)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Accept accept =
        MESOS__V1__SCHEDULER__CALL__ACCEPT__INIT;
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT;
    Mesos__V1__Offer__Operation *operations[] = {&operation};
    Mesos__V1__Offer__Operation__Launch launch =
        MESOS__V1__OFFER__OPERATION__LAUNCH__INIT;
    Mesos__V1__Filters filters;

    plain_set_filters(p, &filters);
    launch.n_task_infos = count;
    launch.task_infos = task;
    operation.has_type = 1;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    operation.launch = &launch;
    accept.n_offer_ids = 1;
    accept.offer_ids = &offer->id;
    accept.n_operations = 1;
    accept.operations = operations;
    accept.filters = &filters;
    call.accept = &accept;
    plain_send(p, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT, fx);
}

static void launched(struct plain_task *task, const char *agent_id,
                     int64_t now_ms, struct effects *fx)
{
    task->state = PLAIN_LAUNCHED;
    task->launched_ms = now_ms;
    task->running_ms = 0;
    task->ask_at_ms = now_ms + ASK_MS;
    (void)snprintf(task->agent_id, sizeof task->agent_id, "%s", agent_id);
    save(task, fx);
}

static void on_offer(struct plain *p, Mesos__V1__Offer *offer, int64_t now_ms,
                     struct effects *fx)
{
    Mesos__V1__TaskInfo *info[AT_ONCE_MAX];
    struct resources left, need;
    size_t count = 0;

    if (resources_decode(offer->resources, offer->n_resources, &left, NULL) < 0)
        return;
    resources_allocate(&left, "");
    for (uint32_t i = 0; i < p->options.tasks && count < AT_ONCE_MAX; i++) {
        struct plain_task *task = &p->task[i];
        if (task->state != PLAIN_WAITING || task->wanted_at_ms > now_ms ||
            !take(task, &left, &need))
            continue;
        launched(task, offer->agent_id->value, now_ms, fx);
        info[count++] = task_info(p, task, offer->agent_id, &need);
        resources_release(&need);
    }
    resources_release(&left);
    if (count > 0)
        accept_offer(p, offer, info, count, fx);
    else
        plain_decline(p, offer, fx);
}

static bool has_waiting(const struct plain *p, int64_t now_ms)
{
    for (uint32_t i = 0; i < p->options.tasks; i++)
        if (p->task[i].state == PLAIN_WAITING &&
            p->task[i].wanted_at_ms <= now_ms)
            return true;
    return false;
}

/* --- updates --- */

enum ending { GOES_ON, ENDED, MUST_START_AGAIN };

static enum ending ending_of(Mesos__V1__TaskState state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
    case MESOS__V1__TASK_STATE__TASK_FAILED:
    case MESOS__V1__TASK_STATE__TASK_KILLED:
    case MESOS__V1__TASK_STATE__TASK_ERROR:
        return ENDED;
    case MESOS__V1__TASK_STATE__TASK_LOST:
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
    case MESOS__V1__TASK_STATE__TASK_GONE:
    case MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR:
    case MESOS__V1__TASK_STATE__TASK_UNKNOWN:
    case MESOS__V1__TASK_STATE__TASK_UNREACHABLE:
        return MUST_START_AGAIN;
    default:
        return GOES_ON;
    }
}

static void start_again(struct plain_task *task)
{
    task->attempt++;
    task->state = PLAIN_WAITING;
    task->agent_id[0] = '\0';
    task->running_ms = 0;
}

static void on_live_update(struct plain_task *task,
                           const Mesos__V1__TaskStatus *status, int64_t now_ms,
                           struct effects *fx)
{
    switch (ending_of(status->state)) {
    case ENDED:
        task->state = PLAIN_ENDED;
        task->end = (int)status->state;
        save(task, fx);
        break;
    case MUST_START_AGAIN:
        start_again(task);
        save(task, fx);
        break;
    case GOES_ON:
        if (status->state != MESOS__V1__TASK_STATE__TASK_RUNNING ||
            task->running_ms != 0)
            break;
        task->running_ms = now_ms;
        if (task->kill_after_ms >= 0)
            task->ask_at_ms = now_ms + task->kill_after_ms;
        save(task, fx);
        break;
    }
}

static void on_update(struct plain *p, const Mesos__V1__TaskStatus *status,
                      int64_t now_ms, struct effects *fx)
{
    unsigned number = 0, attempt = 0;
    const char *id = status->task_id->value;

    if (sscanf(id, "plain-%u-%u", &number, &attempt) == 2 &&
        number < p->options.tasks) {
        struct plain_task *task = &p->task[number];
        if (task->state == PLAIN_LAUNCHED && task->attempt == attempt)
            on_live_update(task, status, now_ms, fx);
        else if (ending_of(status->state) == GOES_ON)
            plain_kill(p, id,
                       status->agent_id != NULL ? status->agent_id->value : "",
                       fx); /* we had given it up */
    }
    if (status->has_uuid && status->agent_id != NULL)
        plain_acknowledge(p, status, fx);
}

/* --- the link --- */

static void link_down(struct plain *p, int64_t now_ms, struct effects *fx)
{
    if (p->stream != 0)
        effect_hangup(fx, p->stream);
    p->stream = 0;
    p->is_subscribed = false;
    p->retry_at_ms =
        now_ms + (int64_t)rng_below(&p->rng, RETRY_MS) + RETRY_MS / 4;
}

static void on_subscribed(struct plain *p, const Event *event, int64_t now_ms,
                          struct effects *fx)
{
    if (p->framework_id[0] == '\0') {
        (void)snprintf(p->framework_id, sizeof p->framework_id, "%s",
                       event->subscribed->framework_id->value);
        effect_persist(fx, "framework", bytes_of_text("id"),
                       bytes_of_text(p->framework_id));
    }
    p->is_subscribed = true;
    p->is_suppressed = false;
    p->inverses.count = 0; /* the master asks anew */
    for (uint32_t i = 0; i < p->options.tasks; i++)
        if (p->task[i].state == PLAIN_LAUNCHED) {
            plain_reconcile(p, &p->task[i], fx);
            p->task[i].ask_at_ms = now_ms + ASK_MS;
        }
}

static void on_event(struct plain *p, const Event *event, int64_t now_ms,
                     struct effects *fx)
{
    switch (event->has_type ? (int)event->type : 0) {
    case MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED:
        on_subscribed(p, event, now_ms, fx);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS:
        for (size_t i = 0; i < event->offers->n_offers; i++)
            on_offer(p, event->offers->offers[i], now_ms, fx);
        if (!has_waiting(p, now_ms) && !p->is_suppressed &&
            rng_below(&p->rng, 3) == 0) {
            p->is_suppressed = true;
            plain_bare_call(p, MESOS__V1__SCHEDULER__CALL__TYPE__SUPPRESS, fx);
        }
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE:
        on_update(p, event->update->status, now_ms, fx);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS:
        plain_on_inverse_offers(p, event->inverse_offers, fx);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER:
        plain_on_inverse_rescinded(p, event->rescind_inverse_offer);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR:
        effect_log(fx, 0, "plain: %s", event->error->message);
        link_down(p, now_ms, fx);
        break;
    default:
        break;
    }
}

static void on_record(void *self, exchange_id exchange, struct bytes record,
                      int64_t now_ms, struct effects *fx)
{
    struct plain *p = self;
    ProtobufCMessage *message;
    struct err err = {0};

    if (exchange != p->stream)
        return;
    arena_clear(&p->arena);
    p->heard_ms = now_ms;
    if (codec_decode(&mesos__v1__scheduler__event__descriptor, "Event",
                     p->options.speaks_json ? MEDIA_JSON : MEDIA_PROTOBUF,
                     record, &p->arena, &message, &err) < 0) {
        effect_log(fx, 0, "plain: event: %s", err.text);
        link_down(p, now_ms, fx);
        return;
    }
    on_event(p, (const Event *)message, now_ms, fx);
}

static void on_answer(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx)
{
    struct plain *p = self;

    if (exchange != p->stream) {
        if (response->status != 202)
            effect_log(fx, 1, "plain: call refused: %d %.*s", response->status,
                       (int)response->body.size,
                       (const char *)response->body.data);
        return;
    }
    if (response->status != 200) {
        link_down(p, now_ms, fx);
        return;
    }
    for (uint32_t i = 0; i < response->header_count; i++)
        if (strcmp(response->header[i].name, "Mesos-Stream-Id") == 0)
            (void)snprintf(p->stream_id, sizeof p->stream_id, "%s",
                           response->header[i].value);
}

static void on_broken(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx)
{
    struct plain *p = self;

    (void)why;
    if (exchange == p->stream)
        link_down(p, now_ms, fx);
    else if (exchange == p->revive)
        p->is_suppressed = true; /* nobody may have heard it: again */
}

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    plain_subscribe(self, now_ms, fx);
}

/* --- time --- */

static bool wants_kill(const struct plain_task *task, int64_t now_ms)
{
    return task->kill_after_ms >= 0 && task->running_ms != 0 &&
           now_ms >= task->running_ms + task->kill_after_ms;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_ms(const void *self)
{
    const struct plain *p = self;
    int64_t at_ms = p->retry_at_ms;

    if (p->stream != 0)
        at_ms = earlier(at_ms, p->heard_ms + SILENCE_MS);
    if (!p->is_subscribed)
        return at_ms;
    for (uint32_t i = 0; i < p->options.tasks; i++) {
        const struct plain_task *task = &p->task[i];
        if (task->state == PLAIN_LAUNCHED)
            at_ms = earlier(at_ms, task->ask_at_ms);
        else if (task->state == PLAIN_WAITING && p->is_suppressed)
            at_ms = earlier(at_ms, task->wanted_at_ms);
    }
    return at_ms;
}

static void ask_again(struct plain *p, struct plain_task *task, int64_t now_ms,
                      struct effects *fx)
{
    char id[64];

    task->ask_at_ms = now_ms + ASK_MS;
    if (wants_kill(task, now_ms))
        plain_kill(p, plain_task_id(task, id, sizeof id), task->agent_id, fx);
    else
        plain_reconcile(p, task, fx);
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct plain *p = self;

    if (p->stream != 0 && now_ms >= p->heard_ms + SILENCE_MS)
        link_down(p, now_ms, fx);
    if (now_ms >= p->retry_at_ms)
        plain_subscribe(p, now_ms, fx);
    if (!p->is_subscribed)
        return;
    if (p->is_suppressed && has_waiting(p, now_ms)) {
        p->is_suppressed = false;
        plain_bare_call(p, MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE, fx);
        p->revive = p->next_exchange;
    }
    for (uint32_t i = 0; i < p->options.tasks; i++)
        if (p->task[i].state == PLAIN_LAUNCHED &&
            now_ms >= p->task[i].ask_at_ms)
            ask_again(p, &p->task[i], now_ms, fx);
}

const struct program PLAIN_PROGRAM = {.name = "plain",
                                      .on_stored = on_stored,
                                      .on_start = on_start,
                                      .on_answer = on_answer,
                                      .on_record = on_record,
                                      .on_broken = on_broken,
                                      .next_ms = next_ms,
                                      .on_time = on_time};
