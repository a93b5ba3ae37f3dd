/* Calls to the scheduler: encode, send, try again, report refusals. */
#include "cli/api.h"

#include "base/id.h"
#include "base/rng.h"
#include "base/vec.h"
#include "cli/cluster.h"
#include "cli/edge.h"
#include "sys/client.h"
#include "sys/clock.h"
#include "wire/codec.h"
#include "wire/recordio.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

enum {
    CALL_TIMEOUT_MS = 30000,
    RETRY_FOR_MS = 10000, /* keep trying a broken scheduler this long */
    RETRY_PAUSE_MS = 100, /* first pause; doubles */
    RETRY_PAUSE_MAX_MS = 2000
};

static const char *idempotency_key(struct cli *cli)
{
    struct rng rng;
    uint64_t seed = 0;
    char text[UUID_TEXT_MAX];

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = (uint64_t)clock_monotonic_ns();
    rng_seed(&rng, seed);
    struct uuid id = uuid_random(&rng);
    return arena_strdup(&cli->arena, uuid_text(&id, text));
}

/* Which exit code an HTTP refusal has. */
static enum exit_code exit_for_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return EXIT_DENIED;
    case 404:
    case 409:
        return EXIT_FAILED;
    default:
        return EXIT_API;
    }
}

static enum err_code code_by_name(const char *name)
{
    for (int code = 1; code < ERR_CODE_COUNT; code++)
        if (strcmp(err_code_name((enum err_code)code), name) == 0)
            return (enum err_code)code;
    return ERR_INTERNAL;
}

static int report(struct cli *cli, int status,
                  const Perigee__Aurora__Error *error)
{
    struct err err = {0};

    (void)err_set(&err, code_by_name(error->code ? error->code : ""), "%s",
                  error->message ? error->message : "refused");
    if (error->field != NULL && error->field[0] != '\0')
        err_field(&err, "%s", error->field);
    if (error->place != NULL && error->place[0] != '\0')
        err_place(&err, "%s", error->place);
    if (error->hint != NULL && error->hint[0] != '\0')
        err_hint(&err, "%s", error->hint);
    int code = cli_fail(cli, exit_for_status(status), &err);
    for (size_t i = 0; i < error->n_details && !cli->json; i++)
        cli_say(cli, "  %s", error->details[i]);
    return code;
}

static int decode_answer(struct cli *cli, const struct http_response *response,
                         Perigee__Aurora__Answer **out)
{
    ProtobufCMessage *message;
    struct err err = {0};
    enum media_type media =
        response->type == MEDIA_PROTOBUF ? MEDIA_PROTOBUF : MEDIA_JSON;

    if (codec_decode(&perigee__aurora__answer__descriptor, "Answer", media,
                     response->body, &cli->arena, &message, &err) == 0) {
        *out = (Perigee__Aurora__Answer *)message;
        if ((*out)->error != NULL)
            return report(cli, response->status, (*out)->error);
        if (response->status < 300)
            return 0;
    }
    return cli_refuse(
        cli, EXIT_API, "is it a perigee-aurora that answers there?",
        "the scheduler answered %d: %.*s", response->status,
        (int)(response->body.size < 200 ? response->body.size : 200),
        (const char *)response->body.data);
}

static int unreachable(struct cli *cli, const Perigee__Cluster *cluster,
                       struct err *err)
{
    (void)err_wrap(err, "scheduler of %s at %s", cluster->name,
                   cluster->aurora);
    err_hint(err, "%s",
             cluster->dir != NULL
                 ? "`clusterctl dev status` shows what runs, `clusterctl dev "
                   "start` restarts what is dead"
             : edge_is_tls_failure(err)
                 ? "tls, ca and the name in the list of clusters must suit "
                   "the scheduler's certificate"
                 : "is perigee-aurora running there?");
    return cli_fail(cli, cli_exit_code(err), err);
}

static void pause_ms(int64_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}

/* Send until somebody answers or the patience ends. */
static int exchange(struct cli *cli, const Perigee__Cluster *cluster,
                    struct bytes body, const struct http_header *header,
                    uint32_t header_count, struct http_response *out)
{
    const char *url = edge_url(cli, cluster, cluster->aurora, "/api/v1");
    int64_t give_up = clock_monotonic_ms() + RETRY_FOR_MS;
    int64_t pause = RETRY_PAUSE_MS;

    for (;;) {
        struct err err = {0};
        int rc =
            client_call(edge_client(cli), HTTP_POST, url, header, header_count,
                        body, CALL_TIMEOUT_MS, &cli->arena, out, &err);
        bool again = rc < 0 || out->status == 503 || out->status == 429;

        if (!again || (rc < 0 && edge_is_tls_failure(&err)) ||
            clock_monotonic_ms() + pause > give_up)
            return rc < 0 ? unreachable(cli, cluster, &err) : 0;
        cli_progress(cli, "waiting for the scheduler at %s", cluster->aurora);
        pause_ms(pause);
        pause = pause * 2 < RETRY_PAUSE_MAX_MS ? pause * 2 : RETRY_PAUSE_MAX_MS;
    }
}

static int find(struct cli *cli, const char *name,
                const Perigee__Cluster **cluster)
{
    struct err err = {0};
    int rc = name != NULL && name[0] != '\0'
                 ? cluster_find(cli, name, cluster, &err)
                 : cluster_default(cli, cluster, &err);

    bool is_known = rc == 0;

    if (rc == 0)
        rc = edge_open(cli, *cluster, &err);
    if (rc == 0)
        return 0;
    if (is_known && err.code == ERR_DENIED)
        return cli_fail(cli, EXIT_DENIED, &err);
    return cli_fail(cli,
                    err.code == ERR_NOT_FOUND && !is_known ? EXIT_BAD_PARAMETER
                                                           : EXIT_BAD_CONFIG,
                    &err);
}

static int send_call(struct cli *cli, const char *cluster_name,
                     const Perigee__Aurora__Call *call,
                     struct http_response *out)
{
    const Perigee__Cluster *cluster;
    struct buf body = {0};
    int rc = find(cli, cluster_name, &cluster);

    if (rc != 0)
        return rc;
    struct http_header header[4] = {
        {"Content-Type", "application/x-protobuf"},
        {"Accept", "application/x-protobuf"},
        {"Idempotency-Key", idempotency_key(cli)},
    };
    uint32_t header_count = edge_authorize(cli, header, 3);
    codec_encode(&call->base, MEDIA_PROTOBUF, &body);
    rc = exchange(cli, cluster, buf_bytes(&body), header, header_count, out);
    buf_release(&body);
    return rc;
}

int api_call(struct cli *cli, const char *cluster,
             const Perigee__Aurora__Call *call, Perigee__Aurora__Answer **out)
{
    struct http_response response;
    int rc = send_call(cli, cluster, call, &response);

    return rc != 0 ? rc : decode_answer(cli, &response, out);
}

/* --- lists --- */

struct pages {
    Perigee__Aurora__Answer **item;
    uint32_t count, capacity;
};

static size_t *count_in(Perigee__Aurora__Answer *answer,
                        const ProtobufCFieldDescriptor *field)
{
    return (size_t *)(void *)((char *)answer + field->quantifier_offset);
}

static void ***items_in(Perigee__Aurora__Answer *answer,
                        const ProtobufCFieldDescriptor *field)
{
    return (void ***)(void *)((char *)answer + field->offset);
}

/* What stands in this field of all pages, in the first one. */
static void join(struct cli *cli, const struct pages *pages,
                 const ProtobufCFieldDescriptor *field)
{
    size_t total = 0, at = 0;

    for (uint32_t i = 0; i < pages->count; i++)
        total += *count_in(pages->item[i], field);
    void **all = arena_alloc(&cli->arena, (total + 1) * sizeof(void *));
    for (uint32_t i = 0; i < pages->count; i++) {
        size_t count = *count_in(pages->item[i], field);
        if (count > 0)
            memcpy((void *)(all + at), (void *)*items_in(pages->item[i], field),
                   count * sizeof(void *));
        at += count;
    }
    *items_in(pages->item[0], field) = all;
    *count_in(pages->item[0], field) = total;
}

int api_list(struct cli *cli, const char *cluster,
             const Perigee__Aurora__Call *call, char **cursor,
             Perigee__Aurora__Answer **out)
{
    const ProtobufCMessageDescriptor *type =
        &perigee__aurora__answer__descriptor;
    struct pages pages = {0};
    int rc;

    do {
        rc = api_call(cli, cluster, call, out);
        if (rc != 0)
            break;
        *vec_add(&pages) = *out;
        *cursor = (*out)->cursor;
    } while (*cursor != NULL && **cursor != '\0');
    if (rc == 0) {
        *out = pages.item[0];
        for (unsigned i = 0; i < type->n_fields; i++)
            if (type->fields[i].label == PROTOBUF_C_LABEL_REPEATED &&
                type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
                join(cli, &pages, &type->fields[i]);
        (*out)->cursor = NULL;
    }
    vec_free(&pages);
    return rc;
}

int api_try(struct cli *cli, const char *cluster_name,
            const Perigee__Aurora__Call *call, int64_t timeout_ms,
            Perigee__Aurora__Answer **out)
{
    struct http_header header[3] = {
        {"Content-Type", "application/x-protobuf"},
        {"Accept", "application/x-protobuf"},
    };
    const Perigee__Cluster *cluster;
    struct http_response response;
    ProtobufCMessage *message;
    struct err err = {0};
    struct buf body = {0};
    int rc = cluster_find(cli, cluster_name, &cluster, &err);

    if (rc == 0)
        rc = edge_open(cli, cluster, &err);
    if (rc < 0)
        return rc;
    codec_encode(&call->base, MEDIA_PROTOBUF, &body);
    rc = client_call(edge_client(cli), HTTP_POST,
                     edge_url(cli, cluster, cluster->aurora, "/api/v1"), header,
                     edge_authorize(cli, header, 2), buf_bytes(&body),
                     timeout_ms, &cli->arena, &response, &err);
    buf_release(&body);
    *out = NULL;
    if (rc == 0)
        rc = codec_decode(&perigee__aurora__answer__descriptor, "Answer",
                          response.type, response.body, &cli->arena, &message,
                          &err);
    if (rc == 0)
        *out = (Perigee__Aurora__Answer *)message;
    return rc == 0 && response.status != 200 ? -ERR_CONFLICT : rc;
}

int api_ask(struct cli *cli, const char *cluster,
            const Perigee__Aurora__Call *call, Perigee__Aurora__Answer **out)
{
    struct http_response response;
    int rc = send_call(cli, cluster, call, &response);

    *out = NULL;
    if (rc != 0 || response.status == 404)
        return rc;
    return decode_answer(cli, &response, out);
}

typedef int get_job(struct cli *cli, const char *cluster,
                    const Perigee__Aurora__Call *call,
                    Perigee__Aurora__Answer **out);

static int ask_job(struct cli *cli, const struct job_key *key, get_job *how,
                   Perigee__Aurora__Answer **out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Tasks tasks = PERIGEE__AURORA__CALL__TASKS__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_JOB;
    call.tasks = &tasks;
    tasks.key = &wire_key;
    return how(cli, key->cluster, &call, out);
}

int api_job_or_none(struct cli *cli, const struct job_key *key,
                    Perigee__Aurora__Answer **out)
{
    return ask_job(cli, key, api_ask, out);
}

int api_job(struct cli *cli, const struct job_key *key,
            Perigee__Aurora__Answer **out)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = ask_job(cli, key, api_call, out);

    if (rc == 0 && ((*out)->n_jobs == 0 || (*out)->jobs[0]->job == NULL))
        return cli_refuse(cli, EXIT_API, NULL, "the scheduler has no job %s",
                          job_key_text(key, text));
    return rc;
}

int api_bundle(struct cli *cli, const char *cluster, const char *sha256,
               const Perigee__Bundle **out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__GetBundle get =
        PERIGEE__AURORA__CALL__GET_BUNDLE__INIT;
    Perigee__Aurora__Answer *answer = NULL;
    ProtobufCMessage *message;
    struct err err = {0};

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_BUNDLE;
    call.get_bundle = &get;
    get.sha256 = (char *)sha256;
    int rc = api_call(cli, cluster, &call, &answer);
    if (rc != 0)
        return rc;
    assert(answer != NULL);
    if (codec_decode(&perigee__bundle__descriptor, "Bundle", MEDIA_PROTOBUF,
                     bytes_of(answer->bundle.data, answer->bundle.len),
                     &cli->arena, &message, &err) < 0)
        return cli_fail(cli, EXIT_API, &err);
    *out = (const Perigee__Bundle *)message;
    return 0;
}

struct follower {
    struct cli *cli;
    api_event *event;
    void *context;
    uint64_t next;  /* sequence to go on from */
    bool satisfied; /* the callback had enough */
    bool refused;
    int code;
};

static bool on_record(void *context, struct bytes record)
{
    struct follower *f = context;
    ProtobufCMessage *message;
    struct err err = {0};
    struct arena arena;
    bool more = true;

    arena_init(&arena);
    if (codec_decode(&perigee__aurora__event__descriptor, "Event",
                     MEDIA_PROTOBUF, record, &arena, &message, &err) == 0) {
        const Perigee__Aurora__Event *event = (void *)message;
        if (event->type == PERIGEE__AURORA__EVENT__TYPE__SUBSCRIBED)
            client_expect(edge_client(f->cli),
                          HEARTBEATS_MISSED_MAX * (int64_t)event->heartbeat_ms);
        if (event->has_sequence && event->sequence >= f->next)
            f->next = event->sequence + 1;
        if (event->type == PERIGEE__AURORA__EVENT__TYPE__ERROR)
            more = false;
        else if (!f->event(f->context, event))
            f->satisfied = true;
    }
    arena_release(&arena);
    return more && !f->satisfied;
}

static int follow_once(struct follower *f, const Perigee__Cluster *cluster,
                       const Perigee__Aurora__JobKey *key, int64_t timeout_ms,
                       struct err *err)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Subscribe subscribe =
        PERIGEE__AURORA__CALL__SUBSCRIBE__INIT;
    struct http_response response = {0};
    struct buf body = {0};

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &subscribe;
    subscribe.key = (Perigee__Aurora__JobKey *)key;
    subscribe.has_from_sequence = true;
    subscribe.from_sequence = f->next;
    struct http_header header[3] = {
        {"Content-Type", "application/x-protobuf"},
        {"Accept", "application/x-protobuf"},
    };
    codec_encode(&call.base, MEDIA_PROTOBUF, &body);
    int rc = client_follow(
        edge_client(f->cli),
        edge_url(f->cli, cluster, cluster->aurora, "/api/v1"), header,
        edge_authorize(f->cli, header, 2), buf_bytes(&body), timeout_ms,
        on_record, f, &f->cli->arena, &response, err);
    buf_release(&body);
    if (rc < 0 && edge_is_tls_failure(err)) {
        f->refused = true;
        f->code = unreachable(f->cli, cluster, err);
    }
    /* Those events are gone (the scheduler began a new life): the caller looks
     * at the present state instead. */
    if (rc == 0 && response.status == 410)
        f->satisfied = true;
    else if (rc == 0 && response.status >= 400 && response.status != 503 &&
             response.status != 429) {
        Perigee__Aurora__Answer *answer;
        f->refused = true;
        f->code = decode_answer(f->cli, &response, &answer);
    }
    return rc;
}

int api_follow(struct cli *cli, const char *cluster_name,
               const Perigee__Aurora__JobKey *key, uint64_t from_sequence,
               int64_t timeout_ms, api_event *event, void *context)
{
    const Perigee__Cluster *cluster;
    struct follower f = {
        .cli = cli, .event = event, .context = context, .next = from_sequence};
    int64_t end = timeout_ms ? clock_monotonic_ms() + timeout_ms : 0;
    int rc = find(cli, cluster_name, &cluster);

    while (rc == 0 && !f.satisfied && !f.refused) {
        struct err err = {0};
        int64_t left = end ? end - clock_monotonic_ms() : 0;

        if (end && left <= 0)
            return EXIT_TIMED_OUT;
        (void)follow_once(&f, cluster, key, left, &err);
        if (!f.satisfied && !f.refused)
            pause_ms(RETRY_PAUSE_MS);
    }
    return rc != 0 ? rc : f.code;
}

void api_key(const struct job_key *key, Perigee__Aurora__JobKey *out)
{
    perigee__aurora__job_key__init(out);
    out->cluster = (char *)key->cluster;
    out->role = (char *)key->role;
    out->environment = (char *)key->env;
    out->name = (char *)key->name;
}

Perigee__Aurora__InstanceRange **api_instances(struct cli *cli,
                                               const struct instance_set *set,
                                               size_t *count)
{
    Perigee__Aurora__InstanceRange **list =
        arena_zalloc(&cli->arena, sizeof *list * INSTANCE_RANGES_MAX);

    for (uint32_t i = 0; i < set->count; i++) {
        list[i] = arena_alloc(&cli->arena, sizeof *list[i]);
        perigee__aurora__instance_range__init(list[i]);
        list[i]->has_first = list[i]->has_last = true;
        list[i]->first = set->range[i].first;
        list[i]->last = set->range[i].last;
    }
    *count = set->count;
    return list;
}

const char *api_state_name(Perigee__Aurora__TaskState state)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__aurora__task_state__descriptor, (int)state);
    return value != NULL ? value->name : "?";
}

bool api_state_is_terminal(Perigee__Aurora__TaskState state)
{
    return state >= PERIGEE__AURORA__TASK_STATE__FINISHED;
}

void api_print_json(struct cli *cli, const ProtobufCMessage *message)
{
    codec_encode_pretty(message, &cli->out);
    if (cli->out.size > 0 && cli->out.text[cli->out.size - 1] != '\n')
        buf_add_char(&cli->out, '\n');
}
