/* Stores that programs of the past have written (tests/golden/stores) open;
 * what this program does not know stays as it is. */
#include "sys/file.h"
#include "sys/store.h"
#include "tests/unit/aurora_kit.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

struct copy {
    char root[64], dir[96];
};

static void copy_file(const char *from, const char *to, const char *name)
{
    char a[256], b[256];
    struct buf bytes = {0};

    (void)snprintf(a, sizeof a, "%s/%s", from, name);
    (void)snprintf(b, sizeof b, "%s/%s", to, name);
    assert_int_equal(file_read(a, 16 << 20, &bytes, NULL), 0);
    assert_int_equal(file_write(b, buf_bytes(&bytes), 0600, false, NULL), 0);
    buf_release(&bytes);
}

static struct copy copy_store(const char *name)
{
    struct copy copy = {.root = "/tmp/perigee-golden.XXXXXX"};
    char from[96], to[128];

    assert_non_null(mkdtemp(copy.root));
    (void)snprintf(copy.dir, sizeof copy.dir, "%s/store", copy.root);
    (void)snprintf(from, sizeof from, "tests/golden/stores/%s", name);
    (void)snprintf(to, sizeof to, "%s/log", copy.dir);
    assert_int_equal(dir_make(to, 0700, NULL), 0);
    copy_file(from, copy.dir, "version");
    copy_file(from, copy.dir, "data.mdb");
    (void)snprintf(from, sizeof from, "tests/golden/stores/%s/log", name);
    copy_file(from, to, "0000000002.log");
    return copy;
}

static void copy_remove(struct copy *copy)
{
    (void)dir_remove(copy->root, NULL);
}

static int to_program(void *context, const char *table, struct bytes key,
                      struct bytes value, struct err *err)
{
    struct world *w = context;

    return AURORA_PROGRAM.on_stored(w->p, table, key, value, err);
}

/* A world whose scheduler begins with this store. */
static struct world *world_on(const struct copy *copy, struct store **store)
{
    struct world *w = world_new();
    struct err err = {0};

    aurora_program_free(w->p);
    w->p = new_program(++w->seed);
    w->now_ms = 1795260000000;
    if (store_open_each(store, copy->dir, to_program, w, &err) < 0)
        fail_msg("%s (%s)", err.text, err.hint);
    AURORA_PROGRAM.on_start(w->p, w->now_ms, &w->fx);
    look(w);
    return w;
}

static Answer *get_named(struct world *w, const char *name)
{
    char body[256];

    (void)snprintf(body, sizeof body,
                   "{\"type\":\"GET_JOB\",\"tasks\":{\"key\":{\"cluster\":"
                   "\"devcluster\",\"role\":\"www-data\",\"environment\":"
                   "\"devel\",\"name\":\"%s\"}}}",
                   name);
    post(w, body);
    expect_status(w, 200);
    return w->answer;
}

static void expect_all(struct world *w)
{
    Answer *answer = get_named(w, "kept");

    assert_string_equal(answer->jobs[0]->job->contact, "ops@example.net");
    assert_int_equal(answer->jobs[0]->job->instances, 1); /* 1 was killed */
    assert_int_equal(
        count_state(answer, PERIGEE__AURORA__TASK_STATE__RUNNING) +
            count_state(answer, PERIGEE__AURORA__TASK_STATE__KILLING) +
            count_state(answer, PERIGEE__AURORA__TASK_STATE__KILLED),
        2);
    answer = get_named(w, "later");
    assert_int_equal(answer->n_tasks, 1);
    assert_int_equal(answer->tasks[0]->state,
                     PERIGEE__AURORA__TASK_STATE__RUNNING);
    assert_int_equal(answer->tasks[0]->n_events, 4);
    assert_string_equal(answer->tasks[0]->hostname, "127.0.0.1");
}

static void open_twice(const char *name)
{
    struct copy copy = copy_store(name);

    for (int i = 0; i < 2; i++) { /* as it was, and as we saved it */
        struct store *store;
        struct world *w = world_on(&copy, &store);
        expect_all(w);
        store_close(store);
        world_free(w);
    }
    copy_remove(&copy);
}

static void test_version_1_without_a_sum_opens(void **state)
{
    (void)state;
    open_twice("v1-no-sum");
}

static void test_version_1_opens(void **state)
{
    (void)state;
    open_twice("v1");
}

/* --- records of a newer program --- */

struct seen {
    struct buf future, task;
    char key[256];
};

static int find(void *context, const char *table, struct bytes key,
                struct bytes value, struct err *err)
{
    struct seen *seen = context;

    (void)err;
    if (strcmp(table, "future") == 0) {
        buf_clear(&seen->future);
        buf_add_bytes(&seen->future, value);
    }
    if (strcmp(table, "task") == 0) {
        buf_clear(&seen->task);
        buf_add_bytes(&seen->task, value);
        (void)snprintf(seen->key, sizeof seen->key, "%.*s", (int)key.size,
                       (const char *)key.data);
    }
    return 0;
}

static void seen_release(struct seen *seen)
{
    buf_release(&seen->future);
    buf_release(&seen->task);
}

/* A newer program wrote a table and a field; this one reads the store, and
 * goes; the newer one finds both. */
static void test_what_a_newer_program_wrote_survives_this_one(void **state)
{
    static const uint8_t field[] = {0xfa, 0x3f, 3, 'n', 'e', 'w'};
    struct copy copy = copy_store("v1");
    struct seen before = {0}, after = {0};
    struct store *store;

    (void)state;
    assert_int_equal(store_open_each(&store, copy.dir, find, &before, NULL), 0);
    buf_add(&before.task, field, sizeof field);
    struct store_op op[] = {
        {"future", bytes_of_text("k"), bytes_of_text("of tomorrow")},
        {"task", bytes_of_text(before.key), buf_bytes(&before.task)}};
    assert_int_equal(store_commit(store, op, 2, NULL), 0);
    store_close(store);
    struct world *w = world_on(&copy, &store);
    expect_all(w);
    store_close(store);
    world_free(w);
    assert_int_equal(store_open_each(&store, copy.dir, find, &after, NULL), 0);
    assert_string_equal(buf_text(&after.future), "of tomorrow");
    assert_string_equal(after.key, before.key);
    assert_true(bytes_equal(buf_bytes(&after.task), buf_bytes(&before.task)));
    store_close(store);
    seen_release(&before);
    seen_release(&after);
    copy_remove(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1_without_a_sum_opens),
        cmocka_unit_test(test_version_1_opens),
        cmocka_unit_test(test_what_a_newer_program_wrote_survives_this_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
