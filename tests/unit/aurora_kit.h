/* Talking to a scheduler in its glass box (aurora_box.h): as the master that
 * it subscribed to, and as its users. */
#pragma once
#include "aurora_box.h"

/* --- the master's side --- */

static inline void offer(struct world *w, const char *agent, int cpus)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Offers offers =
        MESOS__V1__SCHEDULER__EVENT__OFFERS__INIT;
    static const char json[] =
        "{\"id\":{\"value\":\"o-%d\"},\"framework_id\":{\"value\":\"fw-1\"},"
        "\"agent_id\":{\"value\":\"%s\"},\"hostname\":\"%s.host\","
        "\"url\":{\"scheme\":\"http\",\"path\":\"/slave(1)\",\"address\":"
        "{\"ip\":\"10.0.0.9\",\"port\":5051}},\"resources\":["
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":["
        "{\"begin\":31000,\"end\":31009}]},\"role\":\"*\"},"
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%d},"
        "\"role\":\"*\"},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":"
        "{\"value\":4096},\"role\":\"*\"},{\"name\":\"disk\",\"type\":"
        "\"SCALAR\",\"scalar\":{\"value\":10240},\"role\":\"*\"}],"
        "\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":"
        "{\"value\":\"r-%s\"}}]}";
    char *text = arena_printf(&w->arena, json, (int)++w->next_offer, agent,
                              agent, cpus, agent);
    Mesos__V1__Offer *one = decode(w, &mesos__v1__offer__descriptor, MEDIA_JSON,
                                   bytes_of_text(text));

    offers.n_offers = 1;
    offers.offers = &one;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS;
    event.offers = &offers;
    event_in(w, &event);
    pass(w, 0);
}

/* Answer every call that waits, until none is left; keeps what was asked. */
static inline void accept_calls(struct world *w)
{
    struct http_response ok = {.status = 202};

    for (int i = 0; i < w->calls.count; i++) {
        exchange_id exchange = w->calls.exchange[i];
        if (exchange == 0)
            continue;
        w->calls.exchange[i] = 0;
        AURORA_PROGRAM.on_answer(w->p, exchange, &ok, w->now_ms, &w->fx);
        look(w);
    }
}

static inline MasterCall *find_call(struct world *w,
                                    Mesos__V1__Scheduler__Call__Type type,
                                    int nth)
{
    for (int i = 0; i < w->calls.count; i++)
        if (w->calls.item[i]->type == type && nth-- == 0)
            return w->calls.item[i];
    return NULL;
}

static inline int count_calls(struct world *w,
                              Mesos__V1__Scheduler__Call__Type type)
{
    int count = 0;

    while (find_call(w, type, count))
        count++;
    return count;
}

#define CALL(name) MESOS__V1__SCHEDULER__CALL__TYPE__##name

static inline Mesos__V1__TaskInfo *launched(struct world *w, int nth)
{
    for (int i = 0; i < w->calls.count; i++) {
        MasterCall *call = w->calls.item[i];
        if (call->type != CALL(ACCEPT))
            continue;
        Mesos__V1__Offer__Operation__Launch *launch =
            call->accept->operations[0]->launch;
        if (nth < (int)launch->n_task_infos)
            return launch->task_infos[nth];
        nth -= (int)launch->n_task_infos;
    }
    return NULL;
}

static inline void update(struct world *w, const char *task, const char *agent,
                          Mesos__V1__TaskState state, const char *message)
{
    MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Update u =
        MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT;
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    static uint8_t uuid[16] = "0123456789abcdef";

    task_id.value = (char *)task;
    agent_id.value = (char *)agent;
    status.task_id = &task_id;
    status.agent_id = &agent_id;
    status.state = state;
    status.message = (char *)message;
    status.has_uuid = true;
    status.uuid.data = uuid;
    status.uuid.len = sizeof uuid;
    u.status = &status;
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE;
    event.update = &u;
    event_in(w, &event);
    pass(w, 0);
}

#define STATE(name) MESOS__V1__TASK_STATE__TASK_##name

/* --- the users' side --- */

static inline void request(struct world *w, enum http_method method,
                           const char *path, const char *query, const char *key,
                           const char *body)
{
    struct http_header header[3] = {{"Content-Type", "application/json"},
                                    {"Accept", "application/json"}};
    struct http_request http = {.method = method,
                                .method_name = http_method_name(method),
                                .path = path,
                                .query = query,
                                .header = header,
                                .header_count = key ? 3 : 2,
                                .body = bytes_of_text(body),
                                .peer = "127.0.0.1:1"};

    header[2] = (struct http_header){"Idempotency-Key", key};
    w->replied = 0;
    w->answer = NULL;
    w->is_api = strncmp(path, "/api", 4) == 0;
    AURORA_PROGRAM.on_request(w->p, ++w->next_exchange, &http, w->now_ms,
                              &w->fx);
    look(w);
    pass(w, 0);
}

static inline void post(struct world *w, const char *body)
{
    request(w, HTTP_POST, "/api/v1", "", NULL, body);
}

static inline void get(struct world *w, const char *path)
{
    request(w, HTTP_GET, path, "", NULL, "");
}

static inline void expect_status(struct world *w, int status)
{
    if (w->replied != w->next_exchange || w->reply.status != status)
        fail_msg("want %d, got %d: %.*s", status,
                 w->replied == w->next_exchange ? w->reply.status : 0,
                 (int)w->reply.body.size, (const char *)w->reply.body.data);
}

#define KEY                                                                 \
    "\"key\":{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":" \
    "\"prod\",\"name\":\"web\"}"
#define JOB(more)                                                            \
    "{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\"," \
    "\"name\":\"web\"," more ",\"task\":{\"name\":\"web\",\"processes\":[{"  \
    "\"name\":\"p\",\"cmdline\":\"sleep 1\"}],\"resources\":{\"cpu_milli\":" \
    "500,\"ram_bytes\":134217728,\"disk_bytes\":134217728}}}"
#define CREATE(more) \
    "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":" JOB(more) "}}"
#define SERVICE(n) CREATE("\"service\":true,\"instances\":" n)
#define BATCH(n) CREATE("\"service\":false,\"instances\":" n)
#define ABOUT(type) "{\"type\":\"" type "\",\"target\":{" KEY "}}"

static inline Answer *get_job(struct world *w)
{
    post(w, "{\"type\":\"GET_JOB\",\"tasks\":{" KEY "}}");
    return w->answer;
}

static inline int count_state(const Answer *a, Perigee__Aurora__TaskState state)
{
    int count = 0;

    for (size_t i = 0; i < a->n_tasks; i++)
        count += a->tasks[i]->state == state;
    return count;
}

/* Production of every kind, as much as you like. */
static inline void give_quota(struct world *w, const char *role)
{
    post(w, arena_printf(
                &w->arena,
                "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"quotas\":[{"
                "\"role\":\"%s\",\"production\":{\"cpu_milli\":1000000,"
                "\"ram_bytes\":1099511627776,\"disk_bytes\":1099511627776}}]"
                "}}",
                role));
    expect_status(w, 200);
}

#define SHOWN(name) PERIGEE__AURORA__TASK_STATE__##name

/* Bring every launched task to RUNNING. */
static inline void run_all(struct world *w, const char *agent)
{
    Mesos__V1__TaskInfo *info;

    accept_calls(w);
    for (int i = 0; (info = launched(w, i)); i++) {
        update(w, info->task_id->value, agent, STATE(STARTING), NULL);
        update(w, info->task_id->value, agent, STATE(RUNNING), NULL);
        accept_calls(w);
    }
    w->calls.count = 0;
}

/* --- what agents are told --- */

static inline const char *command_of(struct world *w,
                                     const Mesos__V1__TaskInfo *info)
{
    Perigee__AssignedTask *data =
        decode(w, &perigee__assigned_task__descriptor, MEDIA_PROTOBUF,
               bytes_of(info->data.data, info->data.len));

    return data->job->task->processes[0]->cmdline;
}

enum { ORDERS_MAX = 64 };

/* A task to launch, or to kill. */
struct order {
    char id[300], agent[16], command[32];
    bool is_kill;
};

/* What the calls to the master want done; the next ones come out when these are
 * answered. Returns how many. */
static inline int take_orders(struct world *w, struct order out[ORDERS_MAX])
{
    int count = 0;
    Mesos__V1__TaskInfo *info;
    MasterCall *kill;

    accept_calls(w);
    for (int i = 0; count < ORDERS_MAX && (kill = find_call(w, CALL(KILL), i));
         i++) {
        struct order *order = &out[count++];
        *order = (struct order){.is_kill = true};
        snprintf(order->agent, 16, "%s", kill->kill->agent_id->value);
        snprintf(order->id, 300, "%s", kill->kill->task_id->value);
    }
    for (int i = 0; count < ORDERS_MAX && (info = launched(w, i)); i++) {
        struct order *order = &out[count++];
        *order = (struct order){.is_kill = false};
        snprintf(order->agent, 16, "%s", info->agent_id->value);
        snprintf(order->command, 32, "%s", command_of(w, info));
        snprintf(order->id, 300, "%s", info->task_id->value);
    }
    w->calls.count = 0;
    return count;
}

/* --- what scripts say --- */

/* The answer to the newest question. */
static inline void answer_question(struct world *w,
                                   struct aurora_judged_fact *fact)
{
    fact->ticket = w->question.ticket;
    AURORA_PROGRAM.on_fact(w->p, AURORA_FACT_JUDGED, fact, w->now_ms, &w->fx);
    look(w);
    pass(w, 0);
}

static inline void answer_verdicts(struct world *w,
                                   const Perigee__Verdicts *verdicts)
{
    struct buf out = {0};

    codec_encode(&verdicts->base, MEDIA_PROTOBUF, &out);
    answer_question(w, &(struct aurora_judged_fact){.result = buf_bytes(&out)});
    buf_release(&out);
}

static inline void answer_busy(struct world *w)
{
    answer_question(w, &(struct aurora_judged_fact){.is_busy = 1});
}
