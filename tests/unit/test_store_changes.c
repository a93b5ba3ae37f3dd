/* What several batches come to: the last word on each record, table by table,
 * in the order of the keys. */
#include "sys/store_changes.h"
#include "base/rng.h"
#include "sys/store_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* As a checkpoint gathers them: each behind its size. */
static void add_batch(struct buf *batches, const struct store_op *op,
                      size_t count)
{
    struct buf batch = {0};

    assert_int_equal(store_batch_encode(op, count, &batch, NULL), 0);
    uint32_t size = (uint32_t)batch.size;
    buf_add(batches, &size, sizeof size);
    buf_add_bytes(batches, buf_bytes(&batch));
    buf_release(&batch);
}

static struct store_op put(const char *table, const char *key,
                           const char *value)
{
    return (struct store_op){table, bytes_of_text(key), bytes_of_text(value)};
}

static struct store_op drop(const char *table, const char *key)
{
    return (struct store_op){table, bytes_of_text(key), {NULL, 0}};
}

/* "table/key=value table/key- " */
static void show(const struct store_changes *changes, struct buf *out)
{
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct store_change *one = &changes->item[i];
        buf_addf(out, "%s/%.*s", changes->table[one->table], (int)one->key.size,
                 (const char *)one->key.data);
        if (one->value.data == NULL)
            buf_add_text(out, "- ");
        else
            buf_addf(out, "=%.*s ", (int)one->value.size,
                     (const char *)one->value.data);
    }
}

static void expect(const struct buf *batches, const char *text)
{
    struct store_changes changes;
    struct buf out = {0};

    assert_int_equal(store_changes_read(&changes, buf_bytes(batches), NULL), 0);
    show(&changes, &out);
    assert_string_equal(buf_text(&out), text);
    store_changes_release(&changes);
    buf_release(&out);
}

static void test_nothing_comes_to_nothing(void **state)
{
    struct buf batches = {0};

    (void)state;
    expect(&batches, "");
    add_batch(&batches, NULL, 0);
    expect(&batches, "");
    buf_release(&batches);
}

static void test_the_last_word_counts(void **state)
{
    struct buf batches = {0};
    struct store_op first[] = {put("t", "b", "1"), put("t", "a", "1"),
                               put("t", "b", "2"), put("t", "c", "1")};
    struct store_op second[] = {drop("t", "a"), put("t", "c", ""),
                                drop("t", "never"), drop("t", "d"),
                                put("t", "d", "3")};

    (void)state;
    add_batch(&batches, first, 4);
    expect(&batches, "t/a=1 t/b=2 t/c=1 ");
    add_batch(&batches, second, 5);
    expect(&batches, "t/a- t/b=2 t/c= t/d=3 t/never- ");
    buf_release(&batches);
}

static void test_each_table_is_gone_through_once(void **state)
{
    struct buf batches = {0};
    struct store_op op[] = {put("late", "k", "1"), put("early", "k", "2"),
                            put("late", "a", "3"), put("early", "a", "4"),
                            put("late", "ab", "5")};

    (void)state;
    add_batch(&batches, op, 5);
    expect(&batches, "late/a=3 late/ab=5 late/k=1 early/a=4 early/k=2 ");
    buf_release(&batches);
}

static void test_what_is_no_batch_is_refused(void **state)
{
    struct buf batches = {0};
    struct store_changes changes;
    struct store_op op = put("t", "key", "value");
    struct err err = {0};

    (void)state;
    add_batch(&batches, &op, 1);
    batches.data[4] = 9; /* neither put nor delete */
    assert_int_equal(store_changes_read(&changes, buf_bytes(&batches), &err),
                     -ERR_DAMAGED);
    assert_non_null(strstr(err.text, "malformed"));
    store_changes_release(&changes);
    buf_release(&batches);
}

static void test_tables_have_a_limit(void **state)
{
    struct buf batches = {0};
    struct store_changes changes;
    struct err err = {0};
    char name[16];

    (void)state;
    for (int i = 0; i <= STORE_TABLES_MAX; i++) {
        (void)snprintf(name, sizeof name, "table-%d", i);
        struct store_op op = put(name, "key", "value");
        if (i == STORE_TABLES_MAX) {
            assert_int_equal(
                store_changes_read(&changes, buf_bytes(&batches), NULL), 0);
            assert_int_equal(changes.count, STORE_TABLES_MAX);
            store_changes_release(&changes);
        }
        add_batch(&batches, &op, 1);
    }
    assert_int_equal(store_changes_read(&changes, buf_bytes(&batches), &err),
                     -ERR_LIMIT);
    store_changes_release(&changes);
    buf_release(&batches);
}

/* --- many, beside a table that is as simple as can be --- */

enum { TABLES = 3, KEYS = 4000, BATCHES = 200, OPS = 150 };

struct word {
    bool is_said, is_put;
    uint32_t value;
};

static void say(struct buf *batches, struct rng *rng,
                struct word said[TABLES][KEYS])
{
    static const char *const name[TABLES] = {"one", "two", "three"};
    static char key[OPS][16];
    static uint32_t value[OPS];
    struct store_op op[OPS];

    for (int i = 0; i < OPS; i++) {
        size_t t = rng_below(rng, TABLES), k = rng_below(rng, KEYS);
        bool is_put = rng_below(rng, 4) > 0;
        (void)snprintf(key[i], sizeof key[i], "%zu", k);
        value[i] = (uint32_t)rng_below(rng, 1 << 30);
        op[i] = drop(name[t], key[i]);
        if (is_put)
            op[i].value = bytes_of(&value[i], sizeof value[i]);
        said[t][k] = (struct word){true, is_put, value[i]};
    }
    add_batch(batches, op, OPS);
}

static const struct word *word_of(const struct store_changes *changes,
                                  const struct store_change *one,
                                  struct word said[TABLES][KEYS])
{
    const char *table = changes->table[one->table];
    size_t t = strcmp(table, "one") == 0   ? 0
               : strcmp(table, "two") == 0 ? 1
                                           : 2;
    size_t k = 0;

    for (size_t i = 0; i < one->key.size; i++)
        k = k * 10 + (size_t)(one->key.data[i] - '0');
    return &said[t][k];
}

static void test_many_come_to_what_was_said_last(void **state)
{
    static struct word said[TABLES][KEYS];
    struct store_changes changes;
    struct buf batches = {0};
    struct rng rng;
    uint32_t wanted = 0;

    (void)state;
    rng_seed(&rng, 11);
    for (int i = 0; i < BATCHES; i++)
        say(&batches, &rng, said);
    for (size_t i = 0; i < (size_t)TABLES * KEYS; i++)
        wanted += said[i / KEYS][i % KEYS].is_said;
    assert_int_equal(store_changes_read(&changes, buf_bytes(&batches), NULL),
                     0);
    assert_int_equal(changes.count, wanted);
    for (uint32_t i = 0; i < changes.count; i++) {
        const struct store_change *one = &changes.item[i];
        const struct word *word = word_of(&changes, one, said);
        assert_true(word->is_said);
        assert_int_equal(one->value.data != NULL, word->is_put);
        if (word->is_put)
            assert_memory_equal(one->value.data, &word->value, 4);
        if (i > 0 && one[-1].table == one->table)
            assert_true(bytes_compare(one[-1].key, one->key) < 0);
        else if (i > 0)
            assert_true(one[-1].table < one->table);
    }
    store_changes_release(&changes);
    buf_release(&batches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_comes_to_nothing),
        cmocka_unit_test(test_the_last_word_counts),
        cmocka_unit_test(test_each_table_is_gone_through_once),
        cmocka_unit_test(test_what_is_no_batch_is_refused),
        cmocka_unit_test(test_tables_have_a_limit),
        cmocka_unit_test(test_many_come_to_what_was_said_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
