/* Records of tasks, read by hand: every field there is, and any bytes. */
#include "aurora/task_store.h"
#include "aurora/state.h"
#include "base/hash.h"
#include "base/rng.h"
#include "perigee/aurora_store.pb-c.h"
#include "tests/unit/aurora_kit.h"

/* The reader knows these fields; when a message gains one, it must, too. */
static void test_the_reader_knows_every_field(void **state)
{
    (void)state;
    assert_int_equal(perigee__aurora__task_record__descriptor.n_fields, 13);
    assert_int_equal(perigee__aurora__task_record__place__descriptor.n_fields,
                     4);
    assert_int_equal(perigee__aurora__task_event__descriptor.n_fields, 3);
    assert_int_equal(perigee__aurora__job_key__descriptor.n_fields, 4);
}

static struct world *with_a_task(void)
{
    struct world *w = world_new();

    post(w, CREATE("\"service\":true,\"instances\":1"));
    offer(w, "a-1", 8);
    pass(w, 10);
    accept_calls(w);
    return w;
}

static int record_of_task(const struct world *w)
{
    for (int i = 0; i < RECORDS_MAX; i++)
        if (w->record[i].is_used && strcmp(w->record[i].table, "task") == 0)
            return i;
    fail_msg("no task was stored");
    return -1;
}

/* What the core has of the task after a restart is what it had before. */
static void test_a_task_comes_back_as_it_was(void **state)
{
    struct world *w = with_a_task();
    struct buf before = {0};

    (void)state;
    run_all(w, "a-1");
    int at = record_of_task(w);
    buf_add_bytes(&before, buf_bytes(&w->record[at].value));
    reborn(w);
    Answer *answer = get_job(w);
    assert_int_equal(answer->n_tasks, 1);
    assert_int_equal(answer->tasks[0]->state,
                     PERIGEE__AURORA__TASK_STATE__RUNNING);
    assert_string_equal(answer->tasks[0]->hostname, "a-1.host");
    assert_true(answer->tasks[0]->n_events >= 3);
    /* Nothing was written again. */
    assert_true(
        bytes_equal(buf_bytes(&w->record[at].value), buf_bytes(&before)));
    buf_release(&before);
    world_free(w);
}

static int take_again(struct world *w, struct bytes key, struct bytes value,
                      struct err *err)
{
    static const char *const order[] = {"config", "host", "job"};
    int rc = 0;

    aurora_program_free(w->p);
    w->p = new_program(++w->seed);
    for (size_t t = 0; t < 3; t++)
        for (int i = 0; i < RECORDS_MAX; i++)
            if (w->record[i].is_used &&
                strcmp(w->record[i].table, order[t]) == 0)
                assert_int_equal(AURORA_PROGRAM.on_stored(
                                     w->p, w->record[i].table,
                                     bytes_of_text(w->record[i].key),
                                     buf_bytes(&w->record[i].value), err),
                                 0);
    rc = AURORA_PROGRAM.on_stored(w->p, "task", key, value, err);
    if (rc == 0) {
        AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
        effects_clear(&w->fx);
        AURORA_PROGRAM.check(w->p);
    }
    return rc;
}

static void test_any_bytes_are_read_or_refused(void **state)
{
    struct world *w = with_a_task();
    int at = record_of_task(w), refused = 0;
    struct rng rng;
    struct err err = {0};

    (void)state;
    rng_seed(&rng, 3);
    for (int i = 0; i < 4000; i++) {
        struct bytes good = buf_bytes(&w->record[at].value);
        uint8_t bad[1024];
        size_t size = good.size;
        assert_true(size < sizeof bad);
        memcpy(bad, good.data, size);
        for (uint64_t n = rng_below(&rng, 3); n-- > 0;)
            bad[rng_below(&rng, size)] = (uint8_t)rng_below(&rng, 256);
        if (i % 3 == 0)
            size = rng_below(&rng, size + 1);
        int rc = take_again(w, bytes_of_text(w->record[at].key),
                            bytes_of(bad, size), &err);
        assert_true(rc == 0 || rc == -ERR_DAMAGED);
        refused += rc != 0;
    }
    assert_true(refused > 1000);
    assert_non_null(strstr(err.text, "cannot be read"));
    assert_non_null(strstr(err.hint, "clusterctl backup restore"));
    world_free(w);
}

/* What a newer version wrote beside what we know does not disturb. */
static void test_unknown_fields_are_passed_over(void **state)
{
    struct world *w = with_a_task();
    int at = record_of_task(w);
    struct buf value = {0};
    static const uint8_t unknown[] = {
        0xf8, 0x3f, 1,                          /* a number */
        0xfa, 0x3f, 2, 'x', 'y',                /* bytes */
        0xf9, 0x3f, 1, 2,   3,   4, 5, 6, 7, 8, /* 64 bits */
        0xfd, 0x3f, 1, 2,   3,   4,             /* 32 bits */
    };

    (void)state;
    buf_add_bytes(&value, buf_bytes(&w->record[at].value));
    buf_add(&value, unknown, sizeof unknown);
    assert_int_equal(take_again(w, bytes_of_text(w->record[at].key),
                                buf_bytes(&value), NULL),
                     0);
    buf_release(&value);
    world_free(w);
}

static void test_a_record_under_another_key_is_refused(void **state)
{
    struct world *w = with_a_task();
    int at = record_of_task(w);

    (void)state;
    assert_int_equal(take_again(w, bytes_of_text("another"),
                                buf_bytes(&w->record[at].value), NULL),
                     -ERR_DAMAGED);
    world_free(w);
}

/* --- whose hosts are shared while they are read --- */

enum { HOSTS = 24, TASKS = 240, AGENT_MAX = 80 };

/* More than are looked for from one home on, two that are too long to be
 * shared, one that nobody knows, and one without a name. */
static void agent_of(int host, char out[AGENT_MAX])
{
    static int number;
    uint64_t home = hash64(bytes_of_text("agent-0"), 0) % SHARED_HOSTS;

    if (host >= HOSTS - 4) {
        static const char *const odd[] = {
            "an-agent-whose-id-is-longer-than-what-is-shared-1",
            "an-agent-whose-id-is-longer-than-what-is-shared-2",
            "an-agent-of-no-record", ""};
        (void)snprintf(out, AGENT_MAX, "%s", odd[host - (HOSTS - 4)]);
        return;
    }
    do
        (void)snprintf(out, AGENT_MAX, "agent-%d", number++);
    while (hash64(bytes_of_text(out), 0) % SHARED_HOSTS != home);
}

static void give(struct world *w, const char *table, const char *key,
                 const ProtobufCMessage *message)
{
    struct err err = {0};
    uint8_t packed[2048];

    assert_true(protobuf_c_message_get_packed_size(message) <= sizeof packed);
    size_t size = protobuf_c_message_pack(message, packed);
    assert_int_equal(AURORA_PROGRAM.on_stored(w->p, table, bytes_of_text(key),
                                              bytes_of(packed, size), &err),
                     0);
}

static void give_host(struct world *w, char *agent)
{
    Perigee__Aurora__HostRecord r = PERIGEE__AURORA__HOST_RECORD__INIT;

    r.agent_id = agent;
    r.hostname = agent;
    give(w, "host", agent, &r.base);
}

/* The job of the world's only task, larger. */
static void give_job(struct world *w)
{
    for (int i = 0; i < RECORDS_MAX; i++) {
        struct bytes value = buf_bytes(&w->record[i].value);
        if (!w->record[i].is_used)
            continue;
        if (strcmp(w->record[i].table, "config") == 0)
            assert_int_equal(AURORA_PROGRAM.on_stored(
                                 w->p, "config",
                                 bytes_of_text(w->record[i].key), value, NULL),
                             0);
        if (strcmp(w->record[i].table, "job") != 0)
            continue;
        Perigee__Aurora__JobRecord *r =
            perigee__aurora__job_record__unpack(NULL, value.size, value.data);
        r->instances = TASKS;
        give(w, "job", w->record[i].key, &r->base);
        perigee__aurora__job_record__free_unpacked(r, NULL);
    }
}

static void give_task(struct world *w, struct bytes model, int number,
                      char *agent)
{
    Perigee__Aurora__TaskRecord *r =
        perigee__aurora__task_record__unpack(NULL, model.size, model.data);
    char id[32], *had[] = {r->task_id, r->place->agent_id, r->place->hostname};

    (void)snprintf(id, sizeof id, "task-%03d", number);
    r->task_id = id;
    r->has_instance = r->has_number = true;
    r->instance = (uint32_t)number;
    r->number = (uint64_t)number + 1;
    r->place->agent_id = r->place->hostname = agent;
    give(w, "task", id, &r->base);
    r->task_id = had[0];
    r->place->agent_id = had[1];
    r->place->hostname = had[2];
    perigee__aurora__task_record__free_unpacked(r, NULL);
}

static void test_every_task_is_on_its_host(void **state)
{
    struct world *w = with_a_task();
    char agent[HOSTS][AGENT_MAX], id[32];
    struct buf model = {0};

    (void)state;
    buf_add_bytes(&model, buf_bytes(&w->record[record_of_task(w)].value));
    aurora_program_free(w->p);
    w->p = new_program(++w->seed);
    for (int i = 0; i < HOSTS; i++)
        agent_of(i, agent[i]);
    give_job(w);
    for (int i = 0; i < HOSTS - 2; i++)
        give_host(w, agent[i]);
    for (int i = 0; i < TASKS; i++)
        give_task(w, buf_bytes(&model), i, agent[i * 7 % HOSTS]);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    effects_clear(&w->fx);
    AURORA_PROGRAM.check(w->p);
    for (int i = 0; i < TASKS; i++) {
        (void)snprintf(id, sizeof id, "task-%03d", i);
        struct task *task = aurora_task(&w->p->core, bytes_of_text(id));
        assert_non_null(task);
        assert_true(bytes_equal_text(blob_bytes(task->host->agent_id),
                                     agent[i * 7 % HOSTS]));
        assert_true(i * 7 % HOSTS >= HOSTS - 2 ||
                    task->placement->agent_id == task->host->agent_id);
    }
    buf_release(&model);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reader_knows_every_field),
        cmocka_unit_test(test_a_task_comes_back_as_it_was),
        cmocka_unit_test(test_any_bytes_are_read_or_refused),
        cmocka_unit_test(test_unknown_fields_are_passed_over),
        cmocka_unit_test(test_a_record_under_another_key_is_refused),
        cmocka_unit_test(test_every_task_is_on_its_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
