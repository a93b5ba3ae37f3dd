/* Waiting for a restart or a kill in batches: look once, then follow the job's
 * events, each of which says how far it is; look again at its end. */
#include "cli/rolling.h"

#include "cli/command.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__RollingView View;

enum { DRAWN_MAX = 60 };

#define STATE(name) PERIGEE__AURORA__ROLLING_VIEW__STATE__##name

struct picture {
    struct cli *cli;
    uint64_t number;
    uint32_t count;
    uint32_t instance[DRAWN_MAX]; /* ascending */
    char mark[DRAWN_MAX];
    bool is_over;
};

static const char *kind_text(const View *view)
{
    return view->kind == PERIGEE__AURORA__ROLLING_VIEW__KIND__KILL ? "kill"
                                                                   : "restart";
}

static void draw(const struct picture *p, const View *view)
{
    uint32_t all = view->waiting + view->working + view->done + view->failed;
    const char *failed =
        view->failed == 0
            ? ""
            : arena_printf(&p->cli->arena, ", %u failed", view->failed);

    cli_progress(p->cli, "%s  %u of %u done%s  %.*s", kind_text(view),
                 view->done, all, failed, (int)p->count, p->mark);
}

static bool on_event(void *context, const Perigee__Aurora__Event *event)
{
    static const char mark[] = "?.>#!";
    struct picture *p = context;
    const View *view = event->rolling;

    if (event->type == PERIGEE__AURORA__EVENT__TYPE__JOB_REMOVED)
        p->is_over = true;
    if (view == NULL || view->number != p->number)
        return !p->is_over;
    for (uint32_t i = 0; view->has_instance && i < p->count; i++)
        if (p->instance[i] == view->instance &&
            (size_t)view->phase < sizeof mark - 1)
            p->mark[i] = mark[view->phase];
    draw(p, view);
    p->is_over |= view->state != STATE(UNDER_WAY);
    return !p->is_over;
}

/* *view == NULL: the job has gone, or does something else by now. */
static int look(struct picture *p, const struct job_key *key, View **view,
                uint64_t *sequence)
{
    Perigee__Aurora__Answer *answer;
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Tasks tasks = PERIGEE__AURORA__CALL__TASKS__INIT;
    Perigee__Aurora__JobKey wire_key;

    *view = NULL;
    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_JOB;
    call.tasks = &tasks;
    tasks.key = &wire_key;
    tasks.has_limit = true;
    tasks.limit = 1;
    int rc = api_ask(p->cli, key->cluster, &call, &answer);
    if (rc != 0 || answer == NULL || answer->n_jobs == 0)
        return rc;
    *sequence = answer->sequence;
    if (answer->jobs[0]->rolling != NULL &&
        answer->jobs[0]->rolling->number == p->number)
        *view = answer->jobs[0]->rolling;
    return 0;
}

static int verdict(struct cli *cli, const struct job_key *key,
                   const View *begun, const View *view)
{
    bool is_kill = begun->kind == PERIGEE__AURORA__ROLLING_VIEW__KIND__KILL;
    const char *why = "another one took its place";
    char text[JOB_KEY_TEXT_MAX];

    if (view != NULL ? view->state == STATE(DONE) : is_kill)
        return EXIT_OK; /* a job that has gone was killed */
    if (view != NULL && view->note != NULL)
        why = view->note;
    return cli_refuse(
        cli, EXIT_FAILED,
        arena_printf(&cli->arena, "`clusterctl status %s` shows how it is now",
                     job_key_text(key, text)),
        "the %s of %s %s: %s", kind_text(begun), text,
        view != NULL && view->state == STATE(FAILED) ? "failed"
                                                     : "was cancelled",
        why);
}

static int timed_out(struct cli *cli, const View *view)
{
    return cli_refuse(cli, EXIT_TIMED_OUT,
                      "it goes on without us: `clusterctl status` shows it, "
                      "`clusterctl cancel` ends it",
                      "the %s is not done after %s", kind_text(view),
                      cli->timeout ? cli->timeout : "this time");
}

static int follow(struct picture *p, const struct job_key *key,
                  const View *begun, int64_t timeout_ms, View **out)
{
    int64_t end = timeout_ms ? clock_monotonic_ms() + timeout_ms : 0;
    Perigee__Aurora__JobKey wire_key;
    uint64_t sequence = 0;

    api_key(key, &wire_key);
    for (;;) {
        View *view;
        int rc = look(p, key, &view, &sequence);
        if (rc != 0)
            return rc;
        *out = view;
        if (view == NULL || view->state != STATE(UNDER_WAY))
            return verdict(p->cli, key, begun, view);
        draw(p, view);
        int64_t left = end ? end - clock_monotonic_ms() : 0;
        if (end && left <= 0)
            return timed_out(p->cli, begun);
        p->is_over = false;
        rc = api_follow(p->cli, key->cluster, &wire_key, sequence + 1, left,
                        on_event, p);
        if (rc == EXIT_TIMED_OUT)
            return timed_out(p->cli, begun);
        if (rc != 0)
            return rc;
    }
}

int rolling_follow(struct cli *cli, const struct job_key *key,
                   const View *begun, const uint32_t *instance, size_t count,
                   int64_t timeout_ms, View **out)
{
    struct picture p = {.cli = cli, .number = begun->number};

    for (size_t i = 0; count <= DRAWN_MAX && i < count; i++) {
        p.instance[p.count] = instance[i];
        p.mark[p.count++] = '.';
    }
    int rc = follow(&p, key, begun, timeout_ms, out);
    cli_progress_done(cli);
    return rc;
}

void rolling_print(struct cli *cli, const View *view)
{
    uint32_t all = view->waiting + view->working + view->done + view->failed;

    buf_addf(&cli->out, "%s: %u of %u done", kind_text(view), view->done, all);
    if (view->failed > 0)
        buf_addf(&cli->out, ", %u failed", view->failed);
    if (view->state == STATE(UNDER_WAY))
        buf_addf(&cli->out, ", %u at a time", view->batch_size);
    if (view->working > 0 && view->state != STATE(UNDER_WAY))
        buf_addf(&cli->out, ", %u begun", view->working);
    if (view->state == STATE(FAILED) || view->state == STATE(CANCELLED))
        buf_addf(&cli->out, "; %s%s%s",
                 view->state == STATE(FAILED) ? "failed" : "cancelled",
                 view->note ? ": " : "", view->note ? view->note : "");
    buf_add_char(&cli->out, '\n');
}
