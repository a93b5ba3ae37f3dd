#include "cli/preview.h"

#include "script/job_effect.h"

#include <string.h>

typedef Perigee__Aurora__Preview Preview;
typedef Perigee__Aurora__InstanceRange Range;

enum { ASK_MS = 10000, FIELDS_SHOWN = 3, WISHES_MAX = 1000 };

static int ask(struct cli *cli, const struct job_key *key,
               const Perigee__Job *job, Perigee__Aurora__Answer **out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__PREVIEW_UPDATE;
    call.create_job = &create;
    create.job = (Perigee__Job *)job;
    *out = NULL;
    return api_try(cli, key->cluster, &call, ASK_MS, out);
}

void preview_ask(struct cli *cli, const struct job_key *key,
                 const Perigee__Job *job, const Preview **out)
{
    Perigee__Aurora__Answer *answer;

    *out = ask(cli, key, job, &answer) == 0 && answer ? answer->preview : NULL;
}

/* Those that go in the cluster of the wish; more than a call takes are not
 * asked about. */
static void add_removed(struct cli *cli, const struct preview_wish *wish,
                        const struct preview_gone *gone, size_t behind,
                        Perigee__Aurora__Call__PreviewQuota *preview)
{
    Perigee__Aurora__JobKey **out =
        arena_alloc(&cli->arena, (gone->count + 1) * sizeof *out);

    preview->removed = out;
    preview->has_removed_behind = true;
    preview->removed_behind = (uint32_t)behind;
    for (size_t i = 0; i < gone->count && preview->n_removed < WISHES_MAX;
         i++) {
        if (strcmp(gone->key[i]->cluster, wish->job->cluster) != 0)
            continue;
        Perigee__Aurora__JobKey *key = arena_alloc(&cli->arena, sizeof *key);
        api_key(gone->key[i], key);
        out[preview->n_removed++] = key;
    }
}

/* Those of one cluster from `first` on, as one call. */
static Perigee__Aurora__Answer *ask_quotas(struct cli *cli,
                                           const struct preview_wish *wish,
                                           size_t count,
                                           const struct preview_gone *gone,
                                           size_t behind)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__PreviewQuota preview =
        PERIGEE__AURORA__CALL__PREVIEW_QUOTA__INIT;
    Perigee__Aurora__Answer *answer = NULL;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__PREVIEW_QUOTA;
    call.preview_quota = &preview;
    preview.n_jobs = preview.n_groups = count;
    preview.jobs = arena_alloc(&cli->arena, count * sizeof *preview.jobs);
    preview.groups = arena_alloc(&cli->arena, count * sizeof *preview.groups);
    if (behind < count)
        add_removed(cli, wish, gone, behind, &preview);
    for (size_t i = 0; i < count; i++) {
        preview.jobs[i] = (Perigee__Job *)wish[i].job;
        preview.groups[i] = wish[i].group;
    }
    return api_try(cli, wish[0].job->cluster, &call, ASK_MS, &answer) == 0
               ? answer
               : NULL;
}

/* Neighbours of one cluster, as many as one call takes, groups whole. */
static size_t take_wishes(const struct preview_wish *wish, size_t left)
{
    size_t count = 1, whole = 1;

    for (; count < left && count <= WISHES_MAX; count++) {
        if (wish[count].group == 0 ||
            wish[count].group != wish[count - 1].group)
            whole = count;
        if (strcmp(wish[count].job->cluster, wish[0].job->cluster) != 0)
            return count;
    }
    return count == left && count <= WISHES_MAX ? count : whole;
}

void preview_quotas(struct cli *cli, struct preview_wish *wish, size_t count,
                    const struct preview_gone *gone)
{
    for (size_t first = 0, n; first < count; first += n) {
        n = take_wishes(wish + first, count - first);
        const Perigee__Aurora__Answer *answer =
            ask_quotas(cli, wish + first, n, gone,
                       gone->behind > first ? gone->behind - first : 0);
        for (size_t i = 0; answer && i < answer->n_quota_refusals; i++) {
            const Perigee__Aurora__QuotaRefusal *refusal =
                answer->quota_refusals[i];
            const Perigee__Aurora__Error *error = refusal->error;
            if (refusal->first >= n || !error || !error->message)
                continue;
            wish[first + refusal->first].why = arena_printf(
                &cli->arena, "it would be refused: %s%s%s", error->message,
                error->hint && *error->hint ? "; " : "",
                error->hint ? error->hint : "");
        }
    }
}

static char *ranges_text(struct arena *arena, Range *const *range, size_t count)
{
    struct buf text = {0};

    for (size_t i = 0; i < count; i++) {
        buf_addf(&text, "%s%u", i > 0 ? "," : "", range[i]->first);
        if (range[i]->last > range[i]->first)
            buf_addf(&text, "-%u", range[i]->last);
    }
    char *out = arena_strdup(arena, buf_text(&text));
    buf_release(&text);
    return out;
}

/* Which fields make instances restart: the first ones. */
static void add_reasons(struct cli *cli, const struct change_list *changes)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < changes->count; i++) {
        const char *path = changes->item[i].path;
        if (job_effect(path) != JOB_EFFECT_RESTART)
            continue;
        if (count < FIELDS_SHOWN)
            buf_addf(&cli->out, "%s%s", count > 0 ? ", " : ": ", path);
        count++;
    }
    if (count > FIELDS_SHOWN)
        buf_addf(&cli->out, " and %u more", count - FIELDS_SHOWN);
    if (count == 0)
        buf_add_text(&cli->out, ": they run another version");
}

static void print_part(struct cli *cli, int indent, const char *verb,
                       Range *const *range, size_t count)
{
    buf_addf(&cli->out, "%*s%s %s", indent, "", verb,
             ranges_text(&cli->arena, range, count));
}

void preview_print(struct cli *cli, const Preview *p,
                   const struct change_list *changes, int indent)
{
    if (p->n_restart > 0) {
        print_part(cli, indent, "restarts", p->restart, p->n_restart);
        add_reasons(cli, changes);
        buf_add_char(&cli->out, '\n');
    }
    if (p->n_move > 0) {
        print_part(cli, indent, "moves", p->move, p->n_move);
        buf_add_text(&cli->out,
                     ": their hosts do not suit the new constraints\n");
    }
    if (p->n_add > 0) {
        print_part(cli, indent, "adds", p->add, p->n_add);
        buf_add_char(&cli->out, '\n');
    }
    if (p->n_remove > 0) {
        print_part(cli, indent, "removes", p->remove, p->n_remove);
        buf_add_char(&cli->out, '\n');
    }
    if (p->n_keep > 0) {
        print_part(cli, indent, "leaves", p->keep, p->n_keep);
        buf_addf(&cli->out, " running%s\n",
                 p->n_restart + p->n_move == 0 ? ": nothing restarts" : "");
    }
}

static void put(struct json_writer *w, const char *name, Range *const *range,
                size_t count)
{
    struct arena arena;

    arena_init(&arena);
    json_put_string(w, name, ranges_text(&arena, range, count));
    arena_release(&arena);
}

void preview_json(struct json_writer *w, const Preview *p)
{
    put(w, "restart", p->restart, p->n_restart);
    put(w, "move", p->move, p->n_move);
    put(w, "add", p->add, p->n_add);
    put(w, "remove", p->remove, p->n_remove);
    put(w, "keep", p->keep, p->n_keep);
}
