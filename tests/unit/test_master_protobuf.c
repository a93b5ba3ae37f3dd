/* The scheduler API in protobuf: the same life of a task, and events that are
 * what the schema says. */
#include "master_kit.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"

typedef Mesos__V1__Scheduler__Call Call;
typedef Mesos__V1__Scheduler__Event Event;

static exchange_id post(struct kit *k, const char *stream_id, const Call *call)
{
    uint8_t body[4096];
    struct http_header header[3] = {{"Content-Type", "application/x-protobuf"},
                                    {"Accept", "application/x-protobuf"},
                                    {"Mesos-Stream-Id", stream_id}};
    struct http_request request = {
        .method = HTTP_POST,
        .method_name = "POST",
        .path = "/api/v1/scheduler",
        .query = "",
        .header = header,
        .header_count = stream_id ? 3 : 2,
        .peer = "127.0.0.1:1",
    };
    assert_true(protobuf_c_message_get_packed_size(&call->base) < sizeof body);
    request.body = bytes_of(body, protobuf_c_message_pack(&call->base, body));
    MASTER_PROGRAM.on_request(k->p, ++k->last, &request, k->now_ms, &k->fx);
    kit_run(k);
    return k->last;
}

/* The next event of this type; free with free_unpacked. */
static Event *next(struct kit *k, exchange_id stream,
                   Mesos__V1__Scheduler__Event__Type type)
{
    struct kit_record *record;
    while ((record = kit_unread(k, stream))) {
        record->is_read = true;
        Event *event = mesos__v1__scheduler__event__unpack(
            NULL, record->size, (const uint8_t *)record->text);
        assert_non_null(event);
        if (event->type == type)
            return event;
        assert_int_equal(event->type,
                         MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT);
        mesos__v1__scheduler__event__free_unpacked(event, NULL);
    }
    fail_msg("no event of type %d", (int)type);
    return NULL;
}

static void drop(Event *event)
{
    mesos__v1__scheduler__event__free_unpacked(event, NULL);
}

struct caller {
    exchange_id stream;
    char stream_id[64], framework_id[128], agent_id[128], offer_id[128];
};

static void call_init(Call *call, Mesos__V1__FrameworkID *id, struct caller *c,
                      Mesos__V1__Scheduler__Call__Type type)
{
    *call = (Call)MESOS__V1__SCHEDULER__CALL__INIT;
    *id = (Mesos__V1__FrameworkID)MESOS__V1__FRAMEWORK_ID__INIT;
    id->value = c->framework_id;
    call->framework_id = id;
    call->has_type = 1;
    call->type = type;
}

static void subscribe(struct kit *k, struct caller *c)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Subscribe body =
        MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    info.user = "root";
    info.name = "rec";
    body.framework_info = &info;
    call.has_type = 1;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &body;
    c->stream = post(k, NULL, &call);
    assert_int_equal(k->status, 200);
    snprintf(c->stream_id, sizeof c->stream_id, "%s", k->stream_id);
    Event *event =
        next(k, c->stream, MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED);
    snprintf(c->framework_id, sizeof c->framework_id, "%s",
             event->subscribed->framework_id->value);
    assert_true(event->subscribed->heartbeat_interval_seconds == 15.0);
    drop(event);
}

static void take_offer(struct kit *k, struct caller *c)
{
    Event *event =
        next(k, c->stream, MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS);
    assert_int_equal(event->offers->n_offers, 1);
    const Mesos__V1__Offer *offer = event->offers->offers[0];
    snprintf(c->offer_id, sizeof c->offer_id, "%s", offer->id->value);
    snprintf(c->agent_id, sizeof c->agent_id, "%s", offer->agent_id->value);
    assert_int_equal(offer->n_resources, 4);
    assert_string_equal(offer->url->address->ip, "127.0.0.1");
    drop(event);
}

static void launch(struct kit *k, struct caller *c)
{
    Call call;
    Mesos__V1__FrameworkID id;
    Mesos__V1__Scheduler__Call__Accept accept =
        MESOS__V1__SCHEDULER__CALL__ACCEPT__INIT;
    Mesos__V1__OfferID offer_id = MESOS__V1__OFFER_ID__INIT;
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT;
    Mesos__V1__Offer__Operation__Launch body =
        MESOS__V1__OFFER__OPERATION__LAUNCH__INIT;
    Mesos__V1__TaskInfo task = MESOS__V1__TASK_INFO__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    Mesos__V1__Resource cpus = MESOS__V1__RESOURCE__INIT;
    Mesos__V1__Value__Scalar scalar = MESOS__V1__VALUE__SCALAR__INIT;
    Mesos__V1__Resource *resource[] = {&cpus};
    Mesos__V1__TaskInfo *tasks[] = {&task};
    Mesos__V1__OfferID *offers[] = {&offer_id};
    Mesos__V1__Offer__Operation *operations[] = {&operation};
    call_init(&call, &id, c, MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT);
    offer_id.value = c->offer_id;
    task_id.value = "t1";
    agent_id.value = c->agent_id;
    command.value = "true";
    scalar.value = 0.1;
    cpus.name = "cpus";
    cpus.type = MESOS__V1__VALUE__TYPE__SCALAR;
    cpus.scalar = &scalar;
    task.name = "t1";
    task.task_id = &task_id;
    task.agent_id = &agent_id;
    task.command = &command;
    task.n_resources = 1;
    task.resources = resource;
    body.n_task_infos = 1;
    body.task_infos = tasks;
    operation.has_type = 1;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    operation.launch = &body;
    accept.n_offer_ids = 1;
    accept.offer_ids = offers;
    accept.n_operations = 1;
    accept.operations = operations;
    call.accept = &accept;
    (void)post(k, c->stream_id, &call);
    assert_int_equal(k->status, 202);
}

static void acknowledge(struct kit *k, struct caller *c,
                        const Mesos__V1__TaskStatus *status)
{
    Call call;
    Mesos__V1__FrameworkID id;
    Mesos__V1__Scheduler__Call__Acknowledge body =
        MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;
    call_init(&call, &id, c, MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE);
    body.agent_id = status->agent_id;
    body.task_id = status->task_id;
    body.uuid = status->uuid;
    call.acknowledge = &body;
    (void)post(k, c->stream_id, &call);
    assert_int_equal(k->status, 202);
}

static void test_a_task_in_protobuf(void **state)
{
    struct kit *k = *state;
    struct kit_agent agent = kit_new_agent(k, 5051);
    struct caller c = {0};
    subscribe(k, &c);
    take_offer(k, &c);
    launch(k, &c);
    kit_next(k, agent.stream, "\"type\":\"RUN\"");
    struct kit_framework f = {0};
    snprintf(f.id, sizeof f.id, "%s", c.framework_id);
    kit_update(k, &agent, &f, "t1", "TASK_FINISHED", 'a');
    Event *event = next(k, c.stream, MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE);
    const Mesos__V1__TaskStatus *status = event->update->status;
    assert_int_equal(status->state, MESOS__V1__TASK_STATE__TASK_FINISHED);
    assert_int_equal(status->uuid.len, 16);
    assert_true(status->timestamp == 1700000000.5);
    acknowledge(k, &c, status);
    drop(event);
    kit_next(k, agent.stream, "\"type\":\"ACKNOWLEDGE\"");
    take_offer(k, &c);
}

static void test_garbage_is_refused(void **state)
{
    struct kit *k = *state;
    struct http_header header[2] = {{"Content-Type", "application/x-protobuf"},
                                    {"Accept", "application/x-protobuf"}};
    struct rng rng;
    rng_seed(&rng, 3);
    static const char *const PATH[] = {"/api/v1/scheduler", "/api/v1/agent",
                                       "/api/v1"};
    for (int i = 0; i < 3000; i++) {
        uint8_t body[64];
        for (size_t b = 0; b < sizeof body; b++)
            body[b] = (uint8_t)rng_next(&rng);
        struct http_request request = {
            .method = HTTP_POST,
            .method_name = "POST",
            .path = PATH[i % 3],
            .query = "",
            .header = header,
            .header_count = 2,
            .body = bytes_of(body, rng_below(&rng, sizeof body)),
            .peer = "127.0.0.1:1",
        };
        k->status = 0;
        MASTER_PROGRAM.on_request(k->p, ++k->last, &request, k->now_ms, &k->fx);
        kit_run(k);
        assert_true(k->status >= 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_task_in_protobuf, kit_set_up,
                                        kit_tear_down),
        cmocka_unit_test_setup_teardown(test_garbage_is_refused, kit_set_up,
                                        kit_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
