/* The executor on the wire: what it sends to an agent, byte by byte decoded,
 * and what it makes of an agent's events. */
#include "executor/thermos/program.h"

#include "mesos/v1/executor.pb-c.h"
#include "wire/base64.h"
#include "wire/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef Mesos__V1__Executor__Call call_t;
typedef Mesos__V1__Executor__Event event_t;

struct rig {
    struct executor_program *program;
    struct effects fx;
    struct arena arena;
    int64_t now_ms;
    exchange_id follow;
};

static struct executor_options options(void)
{
    return (struct executor_options){.agent_endpoint = "127.0.0.1:5051",
                                     .framework_id = "fw",
                                     .executor_id = "ex",
                                     .recovery_timeout_ms = 60000,
                                     .backoff_max_ms = 2000,
                                     .shutdown_grace_ms = 4000,
                                     .seed = 3};
}

static const struct effect *find(const struct rig *r, enum effect_kind kind)
{
    for (uint32_t i = 0; i < r->fx.count; i++)
        if (r->fx.item[i].kind == kind)
            return &r->fx.item[i];
    return NULL;
}

static const void *find_act(const struct rig *r, uint32_t act)
{
    for (uint32_t i = 0; i < r->fx.count; i++)
        if (r->fx.item[i].kind == EFFECT_ACT && r->fx.item[i].act.kind == act)
            return r->fx.item[i].act.data;
    return NULL;
}

static const call_t *call_of(struct rig *r, enum effect_kind kind)
{
    ProtobufCMessage *message;
    struct err err = {0};
    const struct effect *effect = find(r, kind);
    assert_non_null(effect);
    assert_string_equal(effect->call.url,
                        "http://127.0.0.1:5051/api/v1/executor");
    assert_int_equal(effect->call.method, HTTP_POST);
    assert_int_equal(codec_decode(&mesos__v1__executor__call__descriptor,
                                  "Call", MEDIA_PROTOBUF, effect->bytes,
                                  &r->arena, &message, &err),
                     0);
    const call_t *call = (const call_t *)message;
    assert_string_equal(call->executor_id->value, "ex");
    assert_string_equal(call->framework_id->value, "fw");
    return call;
}

static void rig_init(struct rig *r, const struct executor_options *o)
{
    *r = (struct rig){.now_ms = 5000, .program = executor_program_new(o)};
    effects_init(&r->fx);
    arena_init(&r->arena);
    EXECUTOR_PROGRAM.on_start(r->program, r->now_ms, &r->fx);
    r->follow = find(r, EFFECT_FOLLOW)->exchange;
}

static void rig_release(struct rig *r)
{
    executor_program_free(r->program);
    effects_release(&r->fx);
    arena_release(&r->arena);
}

/* An event as an agent writes it, given as JSON. */
static void event(struct rig *r, const char *json)
{
    ProtobufCMessage *message;
    struct buf packed = {0};
    struct err err = {0};
    int rc = codec_decode(&mesos__v1__executor__event__descriptor, "Event",
                          MEDIA_JSON, bytes_of_text(json), &r->arena, &message,
                          &err);
    if (rc != 0)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    codec_encode(message, MEDIA_PROTOBUF, &packed);
    effects_clear(&r->fx);
    EXECUTOR_PROGRAM.on_record(r->program, r->follow, buf_bytes(&packed),
                               r->now_ms, &r->fx);
    EXECUTOR_PROGRAM.check(r->program);
    buf_release(&packed);
}

static void answer(struct rig *r, exchange_id exchange, int status)
{
    struct http_response response = {.status = status};
    effects_clear(&r->fx);
    EXECUTOR_PROGRAM.on_answer(r->program, exchange, &response, r->now_ms,
                               &r->fx);
}

static void subscribed(struct rig *r)
{
    answer(r, r->follow, 200);
    event(r, "{\"type\":\"SUBSCRIBED\",\"subscribed\":{"
             "\"executor_info\":{\"executor_id\":{\"value\":\"ex\"}},"
             "\"framework_info\":{\"user\":\"u\",\"name\":\"n\",\"id\":"
             "{\"value\":\"fw\"},\"capabilities\":[{\"type\":"
             "\"TASK_KILLING_STATE\"}]},\"agent_info\":{\"hostname\":\"h\"}}}");
}

static void launch(struct rig *r)
{
    event(r, "{\"type\":\"LAUNCH\",\"launch\":{\"task\":{\"name\":\"t\","
             "\"task_id\":{\"value\":\"t1\"},\"agent_id\":{\"value\":\"a\"},"
             "\"command\":{\"value\":\"true\"}}}}");
}

/* The update in flight: checked, answered and acknowledged. */
static void update(struct rig *r, Mesos__V1__TaskState state,
                   const char *message)
{
    const call_t *call = call_of(r, EFFECT_CALL);
    exchange_id exchange = find(r, EFFECT_CALL)->exchange;
    assert_int_equal(call->type, MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE);
    const Mesos__V1__TaskStatus *status = call->update->status;
    assert_int_equal(status->state, state);
    assert_int_equal(status->source,
                     MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR);
    assert_string_equal(status->executor_id->value, "ex");
    assert_string_equal(status->task_id->value, "t1");
    assert_int_equal(status->uuid.len, 16);
    assert_true(status->timestamp == (double)r->now_ms / 1000.0);
    assert_false(status->has_reason);
    if (message == NULL)
        assert_null(status->message);
    else
        assert_string_equal(status->message, message);
    answer(r, exchange, 202);
}

static void fact(struct rig *r, uint32_t kind, const void *data)
{
    effects_clear(&r->fx);
    EXECUTOR_PROGRAM.on_fact(r->program, kind, data, r->now_ms, &r->fx);
    EXECUTOR_PROGRAM.check(r->program);
}

static void test_it_subscribes_in_protobuf(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    o.token = "secret";
    rig_init(&r, &o);
    const struct effect *follow = find(&r, EFFECT_FOLLOW);
    const call_t *call = call_of(&r, EFFECT_FOLLOW);
    assert_int_equal(call->type, MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE);
    assert_int_equal(call->subscribe->n_unacknowledged_tasks, 0);
    assert_int_equal(call->subscribe->n_unacknowledged_updates, 0);
    static const char *const want[][2] = {
        {"Content-Type", "application/x-protobuf"},
        {"Accept", "application/x-protobuf"},
        {"Authorization", "Bearer secret"}};
    assert_int_equal(follow->call.header_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(follow->call.header[i].name, want[i][0]);
        assert_string_equal(follow->call.header[i].value, want[i][1]);
    }
    rig_release(&r);
}

static void test_a_task_from_launch_to_stop(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    launch(&r);
    const struct executor_start *start =
        find_act(&r, EXECUTOR_ACT_START_RUNNER);
    assert_non_null(start);
    assert_false(start->take_over);
    ProtobufCMessage *info;
    assert_int_equal(codec_decode(&mesos__v1__task_info__descriptor, "TaskInfo",
                                  MEDIA_PROTOBUF, start->task_info, &r.arena,
                                  &info, NULL),
                     0);
    assert_string_equal(((Mesos__V1__TaskInfo *)info)->command->value, "true");
    update(&r, MESOS__V1__TASK_STATE__TASK_STARTING, NULL);
    fact(&r, EXECUTOR_FACT_RUNNING, &(struct executor_running){3000});
    update(&r, MESOS__V1__TASK_STATE__TASK_RUNNING, NULL);
    struct executor_ended ended = {.state = THERMOS_FINISHED,
                                   .text = bytes_of_text("Command exited")};
    fact(&r, EXECUTOR_FACT_ENDED, &ended);
    update(&r, MESOS__V1__TASK_STATE__TASK_FINISHED, "Command exited");
    const struct thermos *core = executor_program_state(r.program);
    assert_int_equal(core->updates.count, 3); /* none was acknowledged */
    rig_release(&r);
}

static void test_a_new_subscription_carries_what_is_unknown(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    launch(&r);
    effects_clear(&r.fx);
    EXECUTOR_PROGRAM.on_broken(r.program, r.follow, "reset", r.now_ms, &r.fx);
    r.now_ms = EXECUTOR_PROGRAM.next_ms(r.program);
    effects_clear(&r.fx);
    EXECUTOR_PROGRAM.on_time(r.program, r.now_ms, &r.fx);
    const call_t *call = call_of(&r, EFFECT_FOLLOW);
    assert_int_equal(call->subscribe->n_unacknowledged_tasks, 1);
    assert_string_equal(
        call->subscribe->unacknowledged_tasks[0]->task_id->value, "t1");
    assert_int_equal(call->subscribe->n_unacknowledged_updates, 1);
    r.follow = find(&r, EFFECT_FOLLOW)->exchange;
    answer(&r, r.follow, 503); /* an agent that recovers */
    assert_int_equal(executor_program_state(r.program)->link, THERMOS_DOWN);
    rig_release(&r);
}

static void test_an_acknowledgement_removes_the_update(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    launch(&r);
    const struct thermos *core = executor_program_state(r.program);
    assert_int_equal(core->updates.count, 1);
    event_t wire = MESOS__V1__EXECUTOR__EVENT__INIT;
    Mesos__V1__Executor__Event__Acknowledged ack =
        MESOS__V1__EXECUTOR__EVENT__ACKNOWLEDGED__INIT;
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    struct buf packed = {0};
    uint8_t uuid[16];
    memcpy(uuid, core->updates.item[0].uuid.byte, 16);
    id.value = core->task_id;
    ack.task_id = &id;
    ack.uuid.len = 16;
    ack.uuid.data = uuid;
    wire.has_type = 1;
    wire.type = MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED;
    wire.acknowledged = &ack;
    codec_encode(&wire.base, MEDIA_PROTOBUF, &packed);
    EXECUTOR_PROGRAM.on_record(r.program, r.follow, buf_bytes(&packed),
                               r.now_ms, &r.fx);
    assert_int_equal(core->updates.count, 0);
    assert_true(core->is_task_known);
    buf_release(&packed);
    rig_release(&r);
}

static void test_kill_carries_its_policy(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    launch(&r);
    event(&r, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t1\"},"
              "\"kill_policy\":{\"grace_period\":{\"nanoseconds\":"
              "1500000000}}}}");
    const struct executor_kill *kill = find_act(&r, EXECUTOR_ACT_KILL_TASK);
    assert_int_equal(kill->grace_ms, 1500);
    rig_release(&r);
}

static void test_a_task_group_is_refused_by_name(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    event(&r, "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"task_group\":{"
              "\"tasks\":[{\"name\":\"t\",\"task_id\":{\"value\":\"t1\"},"
              "\"agent_id\":{\"value\":\"a\"}}]}}}");
    update(&r, MESOS__V1__TASK_STATE__TASK_FAILED,
           "this executor does not run task groups");
    rig_release(&r);
}

static void test_garbage_is_logged_and_ignored(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    effects_clear(&r.fx);
    EXECUTOR_PROGRAM.on_record(r.program, r.follow, bytes_of("\xff\xff", 2),
                               r.now_ms, &r.fx);
    assert_non_null(find(&r, EFFECT_LOG));
    assert_null(find(&r, EFFECT_STOP));
    rig_release(&r);
}

static void test_a_runner_exit_starts_another(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    subscribed(&r);
    launch(&r);
    fact(&r, EXECUTOR_FACT_RUNNING, &(struct executor_running){3000});
    fact(&r, EXECUTOR_FACT_RUNNER_DIED, &(struct executor_runner_died){9});
    const struct executor_start *start =
        find_act(&r, EXECUTOR_ACT_START_RUNNER);
    assert_non_null(start);
    assert_true(start->take_over);
    assert_true(start->task_info.size > 0);
    rig_release(&r);
}

/* --- the events of a recorded Mesos 1.12 agent, word for word --- */

#define RECORDED_RESOURCES                                                  \
    "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1},"   \
    "\"allocation_info\":{\"role\":\"dev\"}},{\"name\":\"mem\",\"type\":"   \
    "\"SCALAR\",\"scalar\":{\"value\":32.0},\"allocation_info\":{\"role\":" \
    "\"dev\"}}]"
#define RECORDED_EXECUTOR                                                    \
    "{\"type\":\"CUSTOM\",\"executor_id\":{\"value\":\"ex\"},"               \
    "\"framework_id\":{\"value\":\"fw\"},\"command\":{\"environment\":{"     \
    "\"variables\":[{\"name\":\"EXTRA\",\"type\":\"VALUE\",\"value\":\"1\"}" \
    "]},\"shell\":true,\"value\":\"exec "                                    \
    "executor\"},\"resources\":" RECORDED_RESOURCES                          \
    ",\"name\":\"custom\",\"source\":\"src\"}"
#define RECORDED_LAUNCH(id, more)                                              \
    "{\"type\":\"LAUNCH\",\"launch\":{\"task\":{\"name\":\"" id                \
    "\",\"task_id\":{\"value\":\"" id "\"},\"agent_id\":{\"value\":\"u-S0\"}," \
    "\"resources\":" RECORDED_RESOURCES                                        \
    ",\"executor\":" RECORDED_EXECUTOR more "}}}"

static void recorded_subscribed(struct rig *r)
{
    answer(r, r->follow, 200);
    event(r,
          "{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"executor_"
          "info\":" RECORDED_EXECUTOR
          ",\"framework_info\":{\"user\":\"root\",\"name\":\"rec\",\"id\":{"
          "\"value\":\"fw\"},\"failover_timeout\":0.0,\"checkpoint\":false,"
          "\"roles\":[\"dev\"],\"principal\":\"alice\",\"capabilities\":[{"
          "\"type\":\"MULTI_ROLE\"},{\"type\":\"RESERVATION_REFINEMENT\"},{"
          "\"type\":\"PARTITION_AWARE\"},{\"type\":\"TASK_KILLING_STATE\"}]},"
          "\"agent_info\":{\"hostname\":\"localhost\",\"port\":5051,"
          "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"
          "\"value\":4.0}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{"
          "\"value\":4096.0}},{\"name\":\"ports\",\"type\":\"RANGES\","
          "\"ranges\":{\"range\":[{\"begin\":31000,\"end\":31999}]}}],\"id\":{"
          "\"value\":\"u-S0\"}},\"container_id\":{\"value\":\"c\"}}}");
}

/* The newest update as the recorded executor sent its own: these fields and no
 * others, but for a message. Then it is answered and acknowledged. */
static void recorded_update(struct rig *r, const char *task,
                            Mesos__V1__TaskState state)
{
    const call_t *call = call_of(r, EFFECT_CALL);
    exchange_id exchange = find(r, EFFECT_CALL)->exchange;
    const Mesos__V1__TaskStatus *status = call->update->status;
    char json[200];
    struct buf uuid = {0};

    assert_int_equal(call->type, MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE);
    assert_string_equal(status->task_id->value, task);
    assert_int_equal(status->state, state);
    assert_true(status->has_timestamp && status->has_uuid &&
                status->has_source && status->executor_id != NULL);
    assert_false(status->has_reason || status->has_healthy || status->has_data);
    assert_null(status->labels);
    assert_null(status->container_status);
    assert_null(status->agent_id);
    base64_encode(bytes_of(status->uuid.data, status->uuid.len), &uuid);
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"ACKNOWLEDGED\",\"acknowledged\":{\"task_id\":"
                   "{\"value\":\"%s\"},\"uuid\":\"%s\"}}",
                   task, buf_text(&uuid));
    answer(r, exchange, 202);
    event(r, json);
    buf_release(&uuid);
}

static void test_a_recorded_agent_is_understood(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    rig_init(&r, &o);
    recorded_subscribed(&r);
    event(&r, RECORDED_LAUNCH("c1", ""));
    assert_non_null(find_act(&r, EXECUTOR_ACT_START_RUNNER));
    recorded_update(&r, "c1", MESOS__V1__TASK_STATE__TASK_STARTING);
    fact(&r, EXECUTOR_FACT_RUNNING, &(struct executor_running){3000});
    recorded_update(&r, "c1", MESOS__V1__TASK_STATE__TASK_RUNNING);
    /* One executor, one task: the second is refused, the first goes on. */
    event(&r, RECORDED_LAUNCH("c2", ",\"data\":\"cGF5bG9hZA==\""));
    assert_null(find_act(&r, EXECUTOR_ACT_START_RUNNER));
    recorded_update(&r, "c2", MESOS__V1__TASK_STATE__TASK_FAILED);
    event(&r, "{\"type\":\"MESSAGE\",\"message\":{\"data\":\"aGVsbG8=\"}}");
    assert_null(find(&r, EFFECT_STOP));
    event(&r,
          "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"c1\"},"
          "\"kill_policy\":{\"grace_period\":{\"nanoseconds\":500000000}}}}");
    const struct executor_kill *kill = find_act(&r, EXECUTOR_ACT_KILL_TASK);
    assert_int_equal(kill->grace_ms, 500);
    recorded_update(&r, "c1", MESOS__V1__TASK_STATE__TASK_KILLING);
    struct executor_ended ended = {.state = THERMOS_KILLED,
                                   .text = bytes_of_text("killed")};
    fact(&r, EXECUTOR_FACT_ENDED, &ended);
    recorded_update(&r, "c1", MESOS__V1__TASK_STATE__TASK_KILLED);
    assert_int_equal(executor_program_state(r.program)->updates.count, 0);
    event(&r, "{\"type\":\"SHUTDOWN\"}");
    rig_release(&r);
}

static int64_t a_day_later(int64_t now_ms)
{
    return now_ms + 24 * 3600 * 1000;
}

static void test_updates_tell_the_worlds_time(void **unused)
{
    (void)unused;
    struct rig r;
    struct executor_options o = options();
    o.wall_ms = a_day_later;
    rig_init(&r, &o);
    subscribed(&r);
    launch(&r);
    const call_t *call = call_of(&r, EFFECT_CALL);
    assert_true(call->update->status->timestamp == 5.0 + 24 * 3600);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_subscribes_in_protobuf),
        cmocka_unit_test(test_a_task_from_launch_to_stop),
        cmocka_unit_test(test_a_new_subscription_carries_what_is_unknown),
        cmocka_unit_test(test_an_acknowledgement_removes_the_update),
        cmocka_unit_test(test_kill_carries_its_policy),
        cmocka_unit_test(test_a_task_group_is_refused_by_name),
        cmocka_unit_test(test_garbage_is_logged_and_ignored),
        cmocka_unit_test(test_a_runner_exit_starts_another),
        cmocka_unit_test(test_a_recorded_agent_is_understood),
        cmocka_unit_test(test_updates_tell_the_worlds_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
