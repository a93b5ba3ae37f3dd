/* A backup restored without some of its jobs: the scheduler that starts on the
 * rest finds nothing that contradicts itself. */
#include "group_kit.h"

#include "cli/backup_without.h"
#include "sys/backup_file.h"
#include "sys/file.h"

#include <unistd.h>

#define CRON_NAMED(name, cron)                                             \
    "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"       \
    "\"devcluster\",\"role\":\"www\",\"environment\":\"test\",\"name\":"   \
    "\"" name "\",\"service\":false,\"instances\":1,\"cron\":{" cron "},"  \
    "\"task\":{\"name\":\"t\",\"processes\":[{\"name\":\"p\",\"cmdline\":" \
    "\"done\"}],\"resources\":{\"cpu_milli\":100,\"ram_bytes\":"           \
    "134217728,\"disk_bytes\":134217728}}}}}"

/* The places of the records, by table, then key. */
static int sorted(const struct world *w, int place[RECORDS_MAX])
{
    int count = 0;

    for (int i = 0; i < RECORDS_MAX; i++) {
        int at = count;
        if (!w->record[i].is_used)
            continue;
        for (; at > 0; at--) {
            int before = place[at - 1];
            int order = strcmp(w->record[before].table, w->record[i].table);
            if (order == 0)
                order = strcmp(w->record[before].key, w->record[i].key);
            if (order < 0)
                break;
            place[at] = before;
        }
        place[at] = i;
        count++;
    }
    return count;
}

/* A backup of the world; its path is removed by the caller. */
static void save(const struct world *w, char path[64])
{
    struct backup_summary summary = {.created_ms = 1, .store_version = 1};
    struct backup_writer *writer = NULL;
    int place[RECORDS_MAX], count = sorted(w, place);

    snprintf(path, 64, "/tmp/perigee-without.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    assert_int_equal(
        backup_writer_open(&writer, path, &summary, NULL, NULL, NULL), 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(
            backup_writer_add(writer, w->record[place[i]].table,
                              bytes_of_text(w->record[place[i]].key),
                              buf_bytes(&w->record[place[i]].value), NULL),
            0);
    assert_int_equal(backup_writer_end(writer, &summary, NULL), 0);
    backup_writer_free(writer);
}

static void refuse(struct world *w, const char *list, enum err_code code,
                   const char *text)
{
    struct without without = {0};
    struct err err = {0};
    char path[64];

    save(w, path);
    assert_int_equal(without_read(&without, list, path, &err), -(int)code);
    if (!strstr(err.text, text))
        fail_msg("want '%s', got '%s'", text, err.text);
    without_release(&without);
    unlink(path);
}

/* The scheduler begins anew with what is left. */
static void leave_out(struct world *w, const char *list, uint64_t jobs,
                      uint64_t tasks)
{
    struct without without = {0};
    struct err err = {0};
    char path[64];

    save(w, path);
    if (without_read(&without, list, path, &err) < 0)
        fail_msg("%s", err.text);
    for (int i = 0; i < RECORDS_MAX; i++)
        if (w->record[i].is_used &&
            without_drops(&without, w->record[i].table,
                          bytes_of_text(w->record[i].key),
                          buf_bytes(&w->record[i].value))) {
            buf_release(&w->record[i].value);
            w->record[i].is_used = false;
        }
    assert_int_equal(without.jobs, jobs);
    assert_int_equal(without.tasks, tasks);
    without_release(&without);
    unlink(path);
    reborn(w);
    subscribed(w, "fw-1");
}

static int records(const struct world *w, const char *table)
{
    int count = 0;

    for (int i = 0; i < RECORDS_MAX; i++)
        count += w->record[i].is_used && strcmp(w->record[i].table, table) == 0;
    return count;
}

/* "db web web2" */
static const char *jobs(struct world *w)
{
    static char text[200];
    size_t size = 0;

    text[0] = '\0';
    post(w, "{\"type\":\"LIST_JOBS\"}");
    expect_status(w, 200);
    for (size_t i = 0; i < w->answer->n_jobs; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s",
                                 i ? " " : "", w->answer->jobs[i]->job->name);
    return text;
}

/* web (2), half way through an update; web2 (1); a group of db and admin. */
static struct world *shop(void)
{
    struct world *w = with("2", "run");

    post(w,
         arena_printf(&w->arena,
                      "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":%s}}",
                      job_text(w, "web2:1:sleep")));
    expect_status(w, 200);
    deploy(w, "db:1:sleep admin:1:sleep", "admin>db", "");
    rest_of_it(w);
    post(w, START("newer", "2", "\"watch_secs\":600"));
    expect_status(w, 200);
    (void)one_round(w);
    assert_int_equal(records(w, "update"), 2);
    assert_string_equal(jobs(w), "admin db web web2");
    return w;
}

static void test_a_job_goes_with_all_that_is_its_own(void **unused)
{
    struct world *w = shop();

    (void)unused;
    assert_int_equal(records(w, "update_instance"), 4);
    leave_out(w, "www/prod/web", 1, 3); /* one task of it has ended */
    assert_string_equal(jobs(w), "admin db web2");
    assert_int_equal(records(w, "update"), 0);
    assert_int_equal(records(w, "update_instance"), 0);
    assert_string_equal(state_of(w), "RUNNING");
    rest_of_it(w);
    /* It may come again. */
    post(w, START("newer", "2", "\"watch_secs\":0"));
    expect_status(w, 200);
    rest_of_it(w);
    assert_string_equal(jobs(w), "admin db web web2");
    world_free(w);
}

static void test_a_group_goes_as_a_whole(void **unused)
{
    struct world *w = shop();

    (void)unused;
    refuse(w, "www/prod/db", ERR_CONFLICT,
           "job 'www/prod/db' is of group 'www/prod/shop'");
    leave_out(w, "www/prod/db,devcluster/www/prod/admin", 2, 2);
    assert_string_equal(jobs(w), "web web2");
    assert_int_equal(records(w, "group") + records(w, "group_member"), 0);
    /* The update goes on where it was. */
    assert_int_equal(get_update(w)->working, 1);
    world_free(w);
}

static void test_roles_and_environments(void **unused)
{
    struct world *w = shop();

    (void)unused;
    post(w, CRON_NAMED("tick", "\"schedule\":\"* * * * *\""));
    expect_status(w, 200);
    pass(w, 60 * 1000);
    assert_int_equal(records(w, "firing"), 1);
    leave_out(w, "www/prod", 4, 6);
    assert_string_equal(jobs(w), "tick");
    leave_out(w, "www", 1, 1);
    assert_string_equal(jobs(w), "");
    assert_int_equal(records(w, "firing"), 0);
    world_free(w);
}

/* Its child waits for what does not come, and may be scheduled anew. */
static void test_a_parent_of_the_clock(void **unused)
{
    static const char child[] =
        CRON_NAMED("child", "\"after\":[\"devcluster/www/test/tick\"]");
    struct world *w = world_new();

    (void)unused;
    post(w, CRON_NAMED("tick", "\"schedule\":\"* * * * *\""));
    post(w, child);
    expect_status(w, 200);
    leave_out(w, "www/test/tick", 1, 0);
    assert_string_equal(jobs(w), "child");
    pass(w, 5 * 60 * 1000);
    assert_int_equal(records(w, "task"), 0);
    post(w, CRON_NAMED("tick", "\"schedule\":\"* * * * *\""));
    post(w, child);
    expect_status(w, 200);
    world_free(w);
}

static void test_words_that_mean_nothing(void **unused)
{
    struct world *w = shop();
    struct buf many = {0};

    (void)unused;
    refuse(w, "www/prod/we", ERR_NOT_FOUND, "'www/prod/we'");
    refuse(w, "ww", ERR_NOT_FOUND, "no such job");
    refuse(w, "www/prod/web,www/devel", ERR_NOT_FOUND, "'www/devel'");
    refuse(w, "", ERR_INVALID, "want role");
    refuse(w, "www,", ERR_INVALID, "want role");
    refuse(w, "/www", ERR_INVALID, "want role");
    refuse(w, "www/", ERR_INVALID, "want role");
    refuse(w, "www//web", ERR_INVALID, "want role");
    refuse(w, "a/b/c/d/e", ERR_INVALID, "want role");
    refuse(w, "a b", ERR_INVALID, "want role");
    for (int i = 0; i <= 64; i++)
        buf_add_text(&many, i ? ",a" : "a");
    refuse(w, buf_text(&many), ERR_LIMIT, "at most 64");
    buf_release(&many);
    assert_string_equal(jobs(w), "admin db web web2");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_goes_with_all_that_is_its_own),
        cmocka_unit_test(test_a_group_goes_as_a_whole),
        cmocka_unit_test(test_roles_and_environments),
        cmocka_unit_test(test_a_parent_of_the_clock),
        cmocka_unit_test(test_words_that_mean_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
