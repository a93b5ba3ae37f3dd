#include "aurora/backup_shell.h"
#include "aurora/program.h"
#include "base/arena.h"
#include "base/vec.h"
#include "perigee/aurora.pb-c.h"
#include "sys/daemon.h"
#include "sys/store_copy.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef Perigee__Aurora__BackupView BackupView;

static void tell(struct backup_shell *shell, uint32_t kind,
                 struct aurora_backup_fact *fact, struct bytes result)
{
    daemon_fact_with(shell->daemon, kind, fact, sizeof *fact,
                     offsetof(struct aurora_backup_fact, result), result);
}

static void on_backed_up(void *context, const struct backup_result *result)
{
    struct aurora_backup_fact fact = {.failed = result->err.code != ERR_NONE,
                                      .bytes = result->summary.bytes};

    tell(context, AURORA_FACT_BACKED_UP, &fact,
         bytes_of_text(result->err.text));
}

static void make(struct backup_shell *shell, const struct aurora_backup *act)
{
    struct store_backup request = {.created_ms = act->created_ms,
                                   .keep = shell->keep,
                                   .bytes_per_s = shell->bytes_per_s};
    struct backup_result refused = {.name = ""};

    (void)snprintf(request.dir, sizeof request.dir, "%s", shell->dir);
    if (daemon_backup(shell->daemon, &request, &refused.err) < 0)
        on_backed_up(shell, &refused);
}

/* --- lists --- */

static void count(const struct backup_summary *summary, BackupView *view)
{
    view->has_created_ms = view->has_bytes = view->has_sequence = true;
    view->has_jobs = view->has_tasks = view->has_updates = true;
    view->has_records = true;
    view->created_ms = (uint64_t)summary->created_ms;
    view->bytes = summary->bytes;
    view->sequence = summary->sequence;
    view->jobs = backup_records(summary, "job");
    view->tasks = backup_records(summary, "task");
    view->updates = backup_records(summary, "update");
    for (uint32_t i = 0; i < summary->table_count; i++)
        view->records += summary->table[i].records;
}

/* Head and end alone: whether all of it is sound, reading it will tell. */
static BackupView *view_of(const struct backup_shell *shell, const char *name,
                           struct arena *arena)
{
    BackupView *view = arena_alloc(arena, sizeof *view);
    struct backup_summary summary;
    struct err err = {0};
    char path[PATH_MAX];

    perigee__aurora__backup_view__init(view);
    view->backup_id = arena_strdup(arena, name);
    if (backup_path(shell->dir, name, path, &err) == 0) {
        view->path = arena_strdup(arena, path);
        if (backup_summarize(path, &summary, &err) == 0)
            count(&summary, view);
    }
    if (err.code != ERR_NONE)
        view->problem = arena_strdup(arena, err.text);
    return view;
}

static void list(struct backup_shell *shell,
                 const struct aurora_list_backups *act)
{
    struct aurora_backup_fact fact = {.ticket = act->ticket};
    Perigee__Aurora__Answer answer = PERIGEE__AURORA__ANSWER__INIT;
    struct backup_names names = {0};
    struct arena arena;

    arena_init(&arena);
    /* A directory that cannot be read has none that could be restored. */
    (void)backup_list(shell->dir, &names, NULL);
    answer.backups = arena_alloc(&arena, (names.count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < names.count; i++)
        answer.backups[answer.n_backups++] =
            view_of(shell, names.item[i], &arena);
    size_t size = perigee__aurora__answer__get_packed_size(&answer);
    uint8_t *packed = arena_alloc(&arena, size + 1);
    (void)perigee__aurora__answer__pack(&answer, packed);
    tell(shell, AURORA_FACT_BACKUPS, &fact, bytes_of(packed, size));
    vec_free(&names);
    arena_release(&arena);
}

bool backup_shell_act(struct backup_shell *shell, uint32_t kind,
                      const void *data)
{
    if (kind == AURORA_ACT_BACKUP)
        make(shell, data);
    else if (kind == AURORA_ACT_LIST_BACKUPS)
        list(shell, data);
    else
        return false;
    return true;
}

/* --- opening --- */

void backup_shell_attach(struct backup_shell *shell, struct daemon *daemon)
{
    shell->daemon = daemon;
    daemon_on_backup(daemon, on_backed_up, shell);
}

int64_t backup_shell_last_ms(const struct backup_shell *shell)
{
    struct backup_names names = {0};
    struct backup_summary summary;
    char path[PATH_MAX];
    int64_t last = 0;

    (void)backup_list(shell->dir, &names, NULL);
    for (uint32_t i = names.count; i-- > 0 && last == 0;)
        if (backup_path(shell->dir, names.item[i], path, NULL) == 0 &&
            backup_summarize(path, &summary, NULL) == 0)
            last = summary.created_ms;
    vec_free(&names);
    return last;
}
