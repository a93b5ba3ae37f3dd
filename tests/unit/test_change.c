#include "cli/change.h"
#include "cli/fields.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A small job; every part is static, and copied by the tests that change it. */
static Perigee__Process server = PERIGEE__PROCESS__INIT;
static Perigee__Process *processes[] = {&server};
static Perigee__ResourceAmounts amounts = PERIGEE__RESOURCE_AMOUNTS__INIT;
static Perigee__TaskConfig task = PERIGEE__TASK_CONFIG__INIT;
static Perigee__Metadata label[2] = {PERIGEE__METADATA__INIT,
                                     PERIGEE__METADATA__INIT};
static Perigee__Metadata *labels[] = {&label[0], &label[1]};
static Perigee__HostConstraint rack = PERIGEE__HOST_CONSTRAINT__INIT;
static Perigee__HostConstraint *constraints[] = {&rack};
static Perigee__Job job = PERIGEE__JOB__INIT;

static int set_up(void **unused)
{
    (void)unused;
    server.name = (char *)"server";
    server.cmdline = (char *)"serve\n--all";
    server.has_min_duration = true;
    server.min_duration = 5;
    amounts.has_cpu_milli = amounts.has_ram_bytes = true;
    amounts.cpu_milli = 1500;
    amounts.ram_bytes = UINT64_C(96) << 20;
    task.name = (char *)"web";
    task.n_processes = 1;
    task.processes = processes;
    task.resources = &amounts;
    label[0].key = label[1].key = (char *)"team";
    label[0].value = (char *)"a";
    label[1].value = (char *)"b";
    rack.attribute = (char *)"rack";
    rack.has_kind = rack.has_limit = true;
    rack.kind = PERIGEE__HOST_CONSTRAINT__KIND__LIMIT;
    rack.limit = 2;
    job.cluster = (char *)"c";
    job.name = (char *)"web";
    job.has_instances = true;
    job.instances = 3;
    job.task = &task;
    job.n_metadata = 2;
    job.metadata = labels;
    job.n_constraints = 1;
    job.constraints = constraints;
    job.bundle_hash = (char *)"one";
    return 0;
}

static const char *text_at(const struct field_list *list, const char *path)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i].path, path) == 0)
            return list->item[i].text;
    fail_msg("no field %s", path);
    return NULL;
}

static void test_fields_speak_the_language_of_files(void **unused)
{
    static const char *const skip[] = {"cluster", NULL};
    struct field_list list = {0};
    struct arena arena;

    (void)unused;
    arena_init(&arena);
    fields_of(&job.base, skip, &arena, &list);
    assert_string_equal(text_at(&list, "task.resources"),
                        "cpu 1.5, ram 96 MB, disk 0 bytes");
    assert_string_equal(text_at(&list, "task.processes[server].min_duration"),
                        "5 s");
    assert_string_equal(text_at(&list, "task.processes[server].cmdline"),
                        "serve\n--all");
    assert_string_equal(text_at(&list, "constraints[rack]"),
                        "at most 2 per value");
    assert_null(text_at(&list, "task"));
    for (uint32_t i = 0; i < list.count; i++) {
        assert_string_not_equal(list.item[i].path, "cluster");
        assert_string_not_equal(list.item[i].path,
                                "task.processes[server].name");
    }
    vec_free(&list);
    arena_release(&arena);
}

struct world {
    struct cli cli;
    struct change_list changes;
};

static void compare(struct world *w, const Perigee__Job *before,
                    const Perigee__Job *after)
{
    *w = (struct world){0};
    arena_init(&w->cli.arena);
    change_find(&w->cli, before, after, &w->changes);
}

static void release(struct world *w)
{
    vec_free(&w->changes);
    buf_release(&w->cli.out);
    arena_release(&w->cli.arena);
}

static void test_instances_and_sources_are_no_change(void **unused)
{
    Perigee__Job other = job;
    struct world w;

    (void)unused;
    other.instances = 7;
    other.bundle_hash = (char *)"two";
    compare(&w, &job, &other);
    assert_int_equal(w.changes.count, 0);
    release(&w);
}

static void test_the_source_counts_with_functions(void **unused)
{
    Perigee__Function place = PERIGEE__FUNCTION__INIT;
    Perigee__Job one = job, two = job;
    struct world w;

    (void)unused;
    one.place = two.place = &place;
    two.bundle_hash = (char *)"two";
    compare(&w, &one, &two);
    assert_int_equal(w.changes.count, 1);
    assert_string_equal(w.changes.item[0].before, "one");
    release(&w);
}

static void test_changes_say_before_and_after(void **unused)
{
    Perigee__Process changed = server, more = PERIGEE__PROCESS__INIT;
    Perigee__Process *list[] = {&more, &changed};
    Perigee__TaskConfig tasks = task;
    Perigee__Job other = job;
    struct world w;

    (void)unused;
    changed.cmdline = (char *)"serve\n--some";
    more.name = (char *)"first";
    more.cmdline = (char *)"prepare";
    tasks.processes = list;
    tasks.n_processes = 2;
    other.task = &tasks;
    other.n_constraints = 0;
    other.n_metadata = 1;
    compare(&w, &job, &other);
    assert_int_equal(w.changes.count, 4);
    change_print(&w.cli, &w.changes, 2);
    assert_string_equal(buf_text(&w.cli.out),
                        "  constraints[rack]\n"
                        "    - at most 2 per value\n"
                        "  task.processes[server].cmdline\n"
                        "    - serve\n    - --all\n"
                        "    + serve\n    + --some\n"
                        "  metadata[team]\n"
                        "    - b\n"
                        "  task.processes[first].cmdline\n"
                        "    + prepare\n");
    release(&w);
}

static void test_equal_jobs_do_not_differ(void **unused)
{
    struct world w;

    (void)unused;
    compare(&w, &job, &job);
    assert_int_equal(w.changes.count, 0);
    release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_speak_the_language_of_files),
        cmocka_unit_test(test_instances_and_sources_are_no_change),
        cmocka_unit_test(test_the_source_counts_with_functions),
        cmocka_unit_test(test_changes_say_before_and_after),
        cmocka_unit_test(test_equal_jobs_do_not_differ),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
