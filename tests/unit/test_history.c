/* What the observer and the verbs make of a checkpoint, whoever wrote it: a
 * sandbox belongs to its user, and below /tmp anybody can make one. */
#include "executor/thermos/observer/history.h"

#include "executor/thermos/core/planner.h"
#include "executor/thermos/core/task_planner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void add(struct buf *file, const Perigee__Thermos__Record *record)
{
    struct buf bytes = {0};
    size_t size = perigee__thermos__record__get_packed_size(record);
    buf_reserve(&bytes, size);
    bytes.size = perigee__thermos__record__pack(record, bytes.data);
    stream_frame(buf_bytes(&bytes), file);
    buf_release(&bytes);
}

static void add_header(struct buf *file, char **names, size_t count, char *id)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Header header = PERIGEE__THERMOS__HEADER__INIT;
    header.task_id = id;
    header.processes = names;
    header.n_processes = count;
    record.header = &header;
    add(file, &record);
}

static void add_run(struct buf *file, uint32_t process, uint32_t run)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Process step = PERIGEE__THERMOS__PROCESS__INIT;
    step.has_process = step.has_run = step.has_state = 1;
    step.process = process;
    step.run = run;
    step.state = PERIGEE__THERMOS__PROCESS__STATE__RUNNING;
    record.process = &step;
    add(file, &record);
}

static void add_end(struct buf *file, char *message)
{
    Perigee__Thermos__Record record = PERIGEE__THERMOS__RECORD__INIT;
    Perigee__Thermos__Task task = PERIGEE__THERMOS__TASK__INIT;
    task.has_state = 1;
    task.state = PERIGEE__THERMOS__TASK__STATE__FAILED;
    task.message = message;
    record.task = &task;
    add(file, &record);
}

static void test_a_run_beyond_the_cap_is_damage(void **unused)
{
    (void)unused;
    char *name = "p";
    struct buf file = {0};
    struct history h;
    struct err err = {0};

    add_header(&file, &name, 1, "t");
    add_run(&file, 0, PLAN_RUNS_MAX - 1);
    assert_int_equal(history_read(buf_bytes(&file), &h, &err), 0);
    assert_int_equal(h.process[0].runs.count, PLAN_RUNS_MAX);
    history_release(&h);
    add_run(&file, 0, PLAN_RUNS_MAX);
    assert_int_equal(history_read(buf_bytes(&file), &h, &err), -ERR_DAMAGED);
    buf_release(&file);
}

static void test_more_processes_than_a_task_has_is_damage(void **unused)
{
    (void)unused;
    char *names[PLAN_PROCESSES_MAX + 1];
    struct buf file = {0}, worse = {0};
    struct history h;
    struct err err = {0};

    for (size_t i = 0; i <= PLAN_PROCESSES_MAX; i++)
        names[i] = "p";
    add_header(&file, names, PLAN_PROCESSES_MAX, "t");
    assert_int_equal(history_read(buf_bytes(&file), &h, &err), 0);
    history_release(&h);
    add_header(&worse, names, PLAN_PROCESSES_MAX + 1, "t");
    assert_int_equal(history_read(buf_bytes(&worse), &h, &err), -ERR_DAMAGED);
    buf_release(&file);
    buf_release(&worse);
}

static void test_texts_cannot_steer_a_terminal(void **unused)
{
    (void)unused;
    char name[] = "p\033[2J\n", id[] = "t\r\xc2\x9b\x7f \xc3\xa4";
    char message[] = "one\n\033]0;title\007two";
    char *names[] = {name};
    struct buf file = {0};
    struct history h;
    struct err err = {0};

    add_header(&file, names, 1, id);
    add_end(&file, message);
    assert_int_equal(history_read(buf_bytes(&file), &h, &err), 0);
    assert_string_equal(h.process[0].name, "p?[2J?");
    assert_string_equal(h.header->task_id, "t???? \xc3\xa4");
    assert_string_equal(h.message, "one\n?]0;title?two");
    history_release(&h);
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_beyond_the_cap_is_damage),
        cmocka_unit_test(test_more_processes_than_a_task_has_is_damage),
        cmocka_unit_test(test_texts_cannot_steer_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
