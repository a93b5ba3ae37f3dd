/* backup create, list, inspect, restore. The scheduler makes backups and keeps
 * them in a directory of its machine; inspect and restore read the file itself,
 * so they need no scheduler, but must run where the file is. */
#include "cli/backup.h"
#include "cli/backup_without.h"
#include "cli/api.h"
#include "cli/cluster.h"
#include "cli/command.h"

#include "base/text.h"
#include "perigee/aurora_store.pb-c.h"
#include "sys/backup_dir.h"
#include "sys/backup_restore.h"
#include "sys/clock.h"
#include "wire/json.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__BackupView BackupView;

enum {
    LOOK_MS = 200,           /* between two looks at a backup being made */
    CREATE_MS = 3600 * 1000, /* and how long that may take */
};

/* Sequences go on behind all that any follower may have seen: the store is
 * older than the world. */
#define SEQUENCE_LEAP (UINT64_C(1) << 32)

static int call(struct cli *cli, const char *cluster,
                Perigee__Aurora__Call__Type type, Answer **out)
{
    Perigee__Aurora__Call message = PERIGEE__AURORA__CALL__INIT;

    message.has_type = true;
    message.type = type;
    return api_call(cli, cluster, &message, out);
}

/* The cluster that argument `index` names, or the default one. */
static int choose_cluster(struct cli *cli, int index, const char **out)
{
    const Perigee__Cluster *cluster;
    struct err err = {0};

    if (cli->arg_count > index) {
        *out = cli->arg[index];
        return EXIT_OK;
    }
    if (cluster_default(cli, &cluster, &err) < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    *out = cluster->name;
    return EXIT_OK;
}

/* --- list --- */

static const char *size_text(struct cli *cli, uint64_t bytes)
{
    return bytes >= 10 << 20
               ? arena_printf(&cli->arena, "%" PRIu64 " MB", bytes >> 20)
           : bytes >= 10 << 10
               ? arena_printf(&cli->arena, "%" PRIu64 " KB", bytes >> 10)
               : arena_printf(&cli->arena, "%" PRIu64 " B", bytes);
}

static void print_view(struct cli *cli, const BackupView *view)
{
    char age[TEXT_AGE_MAX];

    buf_addf(&cli->out, "%-20s  ", view->backup_id);
    if (view->problem != NULL) {
        buf_addf(&cli->out, "%s%s%s\n", cli_colour(cli, CLI_RED), view->problem,
                 cli_colour(cli, CLI_PLAIN));
        return;
    }
    buf_addf(&cli->out,
             "%5s ago  %8s  %" PRIu64 " jobs, %" PRIu64 " tasks, %" PRIu64
             " updates\n",
             text_age(clock_wall_ms() - (int64_t)view->created_ms, age),
             size_text(cli, view->bytes), view->jobs, view->tasks,
             view->updates);
}

int backup_list_run(struct cli *cli)
{
    const char *cluster = NULL;
    Answer *answer;
    int rc = choose_cluster(cli, 0, &cluster);

    if (rc != 0 ||
        (rc = call(cli, cluster, PERIGEE__AURORA__CALL__TYPE__LIST_BACKUPS,
                   &answer)) != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    for (size_t i = 0; i < answer->n_backups; i++)
        print_view(cli, answer->backups[i]);
    if (answer->backup_running != NULL)
        buf_addf(&cli->out, "%-20s  is being made\n", answer->backup_running);
    if (answer->backup_failed != NULL)
        buf_addf(&cli->out, "%s  failed: %s\n", answer->backup_failed,
                 answer->note != NULL ? answer->note : "");
    if (answer->n_backups == 0 && answer->backup_running == NULL)
        buf_add_text(&cli->out, "no backups\n");
    return EXIT_OK;
}

/* --- create --- */

static const BackupView *find_view(const Answer *answer, const char *id)
{
    for (size_t i = 0; i < answer->n_backups; i++)
        if (strcmp(answer->backups[i]->backup_id, id) == 0)
            return answer->backups[i];
    return NULL;
}

/* Until it is there or has failed. */
static int wait_for(struct cli *cli, const char *cluster, const char *id,
                    const BackupView **out)
{
    int64_t began_ms = clock_monotonic_ms();
    Answer *answer;
    int rc;

    for (;;) {
        rc = call(cli, cluster, PERIGEE__AURORA__CALL__TYPE__LIST_BACKUPS,
                  &answer);
        if (rc != 0)
            return rc;
        *out = find_view(answer, id);
        if (*out != NULL)
            return EXIT_OK;
        if (answer->backup_failed != NULL &&
            strcmp(answer->backup_failed, id) == 0)
            return cli_refuse(cli, EXIT_FAILED, NULL, "backup %s failed: %s",
                              id, answer->note != NULL ? answer->note : "");
        if (answer->backup_running == NULL ||
            strcmp(answer->backup_running, id) != 0)
            return cli_refuse(cli, EXIT_FAILED, "make another one",
                              "backup %s was lost with the scheduler's restart",
                              id);
        if (clock_monotonic_ms() - began_ms > CREATE_MS)
            return cli_refuse(cli, EXIT_TIMED_OUT,
                              "`clusterctl backup list` shows when it is there",
                              "backup %s is still being made", id);
        cli_progress(cli, "backup %s is being made", id);
        (void)poll(NULL, 0, LOOK_MS);
    }
}

int backup_create_run(struct cli *cli)
{
    const BackupView *view;
    const char *cluster = NULL;
    Answer *answer;
    int rc = choose_cluster(cli, 0, &cluster);

    if (rc != 0 ||
        (rc = call(cli, cluster, PERIGEE__AURORA__CALL__TYPE__BACKUP_CREATE,
                   &answer)) != 0)
        return rc;
    if (answer->backup_running == NULL)
        return cli_refuse(cli, EXIT_UNKNOWN, NULL,
                          "the scheduler does not say which backup it makes");
    rc = wait_for(cli, cluster, answer->backup_running, &view);
    cli_progress_done(cli);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &view->base);
    else
        print_view(cli, view);
    return EXIT_OK;
}

/* --- which file is meant --- */

/* DIR/NAME.backup, when it is there. */
static bool is_in(const char *dir, const char *id, char path[PATH_MAX])
{
    return backup_path(dir, id, path, NULL) == 0 && access(path, R_OK) == 0;
}

static int ask_for_path(struct cli *cli, const char *id, char path[PATH_MAX])
{
    const char *cluster = NULL;
    const BackupView *view;
    Answer *answer;
    int rc = choose_cluster(cli, CLI_ARGS_MAX, &cluster);

    if (rc != 0 ||
        (rc = call(cli, cluster, PERIGEE__AURORA__CALL__TYPE__LIST_BACKUPS,
                   &answer)) != 0)
        return rc;
    view = find_view(answer, id);
    if (view == NULL || view->path == NULL)
        return cli_refuse(cli, EXIT_FAILED,
                          "`clusterctl backup list` names those there are",
                          "cluster '%s' has no backup %s", cluster, id);
    if (access(view->path, R_OK) < 0)
        return cli_refuse(cli, EXIT_FAILED,
                          "run this on the scheduler's machine, or copy the "
                          "file here and name it",
                          "backup %s lies in %s, which cannot be read here", id,
                          view->path);
    (void)snprintf(path, PATH_MAX, "%s", view->path);
    return EXIT_OK;
}

/* A file, or an id: in --backups, beside --store, or where the scheduler says.
 */
int backup_file(struct cli *cli, char path[PATH_MAX])
{
    const char *given = cli->arg[0];
    char beside[PATH_MAX];

    if (!backup_name_ok(given)) {
        if (strchr(given, '/') == NULL && access(given, F_OK) < 0)
            return cli_refuse(cli, EXIT_BAD_PARAMETER,
                              "`clusterctl backup list` names those there are",
                              "'%s' is neither a backup's id nor a file",
                              given);
        (void)snprintf(path, PATH_MAX, "%s", given);
        return EXIT_OK;
    }
    if (cli->backups != NULL)
        return is_in(cli->backups, given, path)
                   ? EXIT_OK
                   : cli_refuse(cli, EXIT_FAILED, NULL,
                                "no backup %s can be read in %s", given,
                                cli->backups);
    if (cli->store != NULL) {
        (void)snprintf(beside, sizeof beside, "%.3000s/../backups", cli->store);
        if (is_in(beside, given, path))
            return EXIT_OK;
    }
    return ask_for_path(cli, given, path);
}

/* --- restore --- */

struct edit {
    bool new_framework;
    bool saw_scheduler;
    struct without without; /* nothing without --without */
};

static int edit_record(void *context, const char *table, struct bytes key,
                       struct bytes old, struct buf *value, struct err *err)
{
    struct edit *edit = context;
    Perigee__Aurora__SchedulerRecord *record;
    char *id;

    if (without_drops(&edit->without, table, key, old))
        return BACKUP_LEAVE_OUT;
    if (strcmp(table, "scheduler") != 0)
        return BACKUP_KEEP;
    record =
        perigee__aurora__scheduler_record__unpack(NULL, old.size, old.data);
    if (record == NULL)
        return err_set(err, ERR_DAMAGED,
                       "the scheduler's record cannot be read");
    edit->saw_scheduler = true;
    id = record->framework_id;
    if (edit->new_framework)
        record->framework_id = NULL;
    record->has_sequence_ceiling = true;
    record->sequence_ceiling += SEQUENCE_LEAP;
    size_t size = perigee__aurora__scheduler_record__get_packed_size(record);
    buf_reserve(value, size + 1);
    value->size = perigee__aurora__scheduler_record__pack(record, value->data);
    record->framework_id = id;
    perigee__aurora__scheduler_record__free_unpacked(record, NULL);
    return BACKUP_CHANGE;
}

/* What the store holds now, and what became of the rest. */
struct restored {
    const char *path, *kept;
    uint64_t jobs, tasks, jobs_left_out, tasks_left_out;
};

static void json_restored(struct cli *cli, const struct restored *r)
{
    struct json_writer w;

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "backup", r->path);
    json_put_string(&w, "store", cli->store);
    if (r->kept[0])
        json_put_string(&w, "replaced", r->kept);
    json_put_int(&w, "jobs", (int64_t)r->jobs);
    json_put_int(&w, "tasks", (int64_t)r->tasks);
    if (cli->without != NULL) {
        json_put_int(&w, "jobs_left_out", (int64_t)r->jobs_left_out);
        json_put_int(&w, "tasks_left_out", (int64_t)r->tasks_left_out);
    }
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

static void print_restored(struct cli *cli, const struct restored *r)
{
    if (cli->json) {
        json_restored(cli, r);
        return;
    }
    buf_addf(&cli->out, "%s now holds %" PRIu64 " jobs and %" PRIu64 " tasks\n",
             cli->store, r->jobs, r->tasks);
    if (cli->without != NULL)
        buf_addf(&cli->out,
                 "%" PRIu64 " jobs and %" PRIu64 " tasks were left out\n",
                 r->jobs_left_out, r->tasks_left_out);
    if (r->kept[0])
        buf_addf(&cli->out, "what was there is kept in %s\n", r->kept);
    buf_add_text(&cli->out,
                 "start the scheduler; it asks the master after every task\n");
}

static void tell_restored(struct cli *cli, const char *path, const char *kept,
                          const struct backup_summary *summary,
                          const struct without *without)
{
    struct restored r = {
        .path = path,
        .kept = kept,
        .jobs = backup_records(summary, "job") - without->jobs,
        .tasks = backup_records(summary, "task") - without->tasks,
        .jobs_left_out = without->jobs,
        .tasks_left_out = without->tasks,
    };

    print_restored(cli, &r);
}

static int restore(struct cli *cli, const char *path, struct edit *edit)
{
    struct backup_summary summary;
    char kept[PATH_MAX] = "";
    struct err err = {0};

    if (cli->without != NULL &&
        without_read(&edit->without, cli->without, path, &err) < 0)
        return cli_fail(
            cli, err.code == ERR_INVALID ? EXIT_BAD_PARAMETER : EXIT_FAILED,
            &err);
    if (backup_restore(path, cli->store, edit_record, edit, &summary, kept,
                       &err) < 0) {
        if (err.code == ERR_BUSY)
            err_hint(&err, "stop the scheduler first");
        return cli_fail(cli, EXIT_FAILED, &err);
    }
    tell_restored(cli, path, kept, &summary, &edit->without);
    return EXIT_OK;
}

int backup_restore_run(struct cli *cli)
{
    struct edit edit = {.new_framework = cli->new_framework};
    char path[PATH_MAX];
    int rc;

    if (cli->store == NULL)
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "name the store directory of a scheduler that is "
                          "stopped: --store WORK_DIR/store",
                          "--store: missing");
    if ((rc = backup_file(cli, path)) != 0)
        return rc;
    rc = restore(cli, path, &edit);
    without_release(&edit.without);
    return rc;
}
