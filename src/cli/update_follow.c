/* Waiting for an update: look once, then follow the job's events; every one of
 * the update says how far it is. Look again at its end, or when events were
 * missed. */
#include "cli/update.h"

#include "cli/command.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__UpdateView View;

enum { DRAWN_MAX = 60, SLOTS_MAX = 8192, MARK_BOTH = ':' };

struct picture {
    struct cli *cli;
    const char *id; /* NULL: the newest there is */
    uint32_t count;
    uint32_t instance[SLOTS_MAX]; /* ascending */
    char mark[SLOTS_MAX];
    char config_id[64]; /* what the update brings */
    bool is_surge;
    bool is_over;
    Perigee__Aurora__UpdateState state;
    uint32_t canary, done, failed, all;
};

const char *update_state_text(Perigee__Aurora__UpdateState state)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__aurora__update_state__descriptor, (int)state);

    return value != NULL ? value->name : "?";
}

static bool is_over(const View *view)
{
    return view->state >= PERIGEE__AURORA__UPDATE_STATE__ROLLED_FORWARD;
}

static char mark_of_phase(Perigee__Aurora__UpdateInstanceView__Phase phase)
{
    static const char mark[] = "?.>#!-";

    return (size_t)phase < sizeof mark - 1 ? mark[phase] : '?';
}

static char mark_of_event(Perigee__Aurora__UpdateInstanceEvent__Type type)
{
    static const char mark[] = "?>#>#!!";

    return (size_t)type < sizeof mark - 1 ? mark[type] : '?';
}

static void draw(const struct picture *p)
{
    cli_progress(p->cli, "%s%s  %u of %u done%s  %.*s",
                 update_state_text(p->state), p->canary > 0 ? " (canary)" : "",
                 p->done, p->all, p->failed > 0 ? ", some failed" : "",
                 p->count <= DRAWN_MAX ? (int)p->count : 0, p->mark);
}

static void note(struct picture *p, const View *view)
{
    p->state = view->state;
    p->canary = view->canary;
    p->done = view->done;
    p->failed = view->failed;
    p->all = view->waiting + view->working + view->done + view->failed;
    draw(p);
}

static void take(struct picture *p, const View *view)
{
    const Perigee__UpdateConfig *how =
        view->job != NULL ? view->job->update : NULL;

    p->count = 0;
    p->is_surge =
        how != NULL && how->strategy == PERIGEE__UPDATE_CONFIG__STRATEGY__SURGE;
    (void)snprintf(p->config_id, sizeof p->config_id, "%s",
                   view->config_id != NULL ? view->config_id : "");
    for (size_t i = 0; i < view->n_changes && p->count < SLOTS_MAX; i++) {
        p->instance[p->count] = view->changes[i]->instance;
        p->mark[p->count++] = view->changes[i]->doubled
                                  ? MARK_BOTH
                                  : mark_of_phase(view->changes[i]->phase);
    }
    note(p, view);
}

/* In a surge the new one runs beside the old one from here on; on the way back
 * it is the other way round. */
static void take_task(struct picture *p, const Perigee__Aurora__TaskView *task)
{
    if (!p->is_surge || task == NULL || task->config_id == NULL ||
        task->state != PERIGEE__AURORA__TASK_STATE__RUNNING ||
        strcmp(task->config_id, p->config_id) != 0)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->instance[i] == task->instance && p->mark[i] == '>')
            p->mark[i] = MARK_BOTH;
    draw(p);
}

static bool on_event(void *context, const Perigee__Aurora__Event *event)
{
    struct picture *p = context;
    const View *view = event->update;

    if (event->type == PERIGEE__AURORA__EVENT__TYPE__TASK_CHANGED)
        take_task(p, event->task);
    if (event->type != PERIGEE__AURORA__EVENT__TYPE__UPDATE_CHANGED ||
        view == NULL || view->update_id == NULL ||
        strcmp(view->update_id, p->id) != 0)
        return true;
    for (uint32_t i = 0; view->n_changes == 1 && i < p->count; i++)
        if (p->instance[i] == view->changes[0]->instance &&
            view->changes[0]->n_events == 1)
            p->mark[i] = mark_of_event(view->changes[0]->events[0]->type);
    note(p, view);
    p->is_over = is_over(view);
    return !p->is_over;
}

static int look(struct picture *p, const struct job_key *key, const View **view,
                uint64_t *sequence)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Update about = PERIGEE__AURORA__CALL__UPDATE__INIT;
    Perigee__Aurora__Answer *answer;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_UPDATE;
    call.update = &about;
    about.key = &wire_key;
    about.update_id = (char *)p->id;
    int rc = api_call(p->cli, key->cluster, &call, &answer);
    if (rc != 0)
        return rc;
    if (answer->n_updates != 1)
        return cli_refuse(p->cli, EXIT_API, NULL,
                          "the scheduler's answer has no update");
    *view = answer->updates[0];
    *sequence = answer->sequence;
    p->id = (*view)->update_id;
    take(p, *view);
    return 0;
}

/* The newest reason in its history: an end by itself gives none. */
static const char *reason(const View *view)
{
    for (size_t i = view->n_events; i-- > 0;)
        if (view->events[i]->message != NULL)
            return view->events[i]->message;
    return NULL;
}

static int verdict(struct cli *cli, const struct job_key *key, const View *view)
{
    const char *why = reason(view);
    char text[JOB_KEY_TEXT_MAX];

    if (view->state == PERIGEE__AURORA__UPDATE_STATE__ROLLED_FORWARD)
        return EXIT_OK;
    return cli_refuse(
        cli, EXIT_FAILED,
        arena_printf(&cli->arena, "`clusterctl update info %s` has its history",
                     job_key_text(key, text)),
        "update of %s is %s%s%s", text, update_state_text(view->state),
        why != NULL ? ": " : "", why != NULL ? why : "");
}

static int timed_out(struct cli *cli, const View *view)
{
    return cli_refuse(
        cli, EXIT_TIMED_OUT, "it goes on without us: `clusterctl update wait`",
        "the update is still %s after %s", update_state_text(view->state),
        cli->timeout ? cli->timeout : "this time");
}

static int follow(struct picture *p, const struct job_key *key,
                  int64_t timeout_ms)
{
    int64_t end = timeout_ms ? clock_monotonic_ms() + timeout_ms : 0;
    Perigee__Aurora__JobKey wire_key;
    const View *view = NULL;
    uint64_t sequence = 0;

    api_key(key, &wire_key);
    for (;;) {
        int rc = look(p, key, &view, &sequence);
        if (rc != 0 || view == NULL)
            return rc;
        if (is_over(view))
            return verdict(p->cli, key, view);
        int64_t left = end ? end - clock_monotonic_ms() : 0;
        if (end && left <= 0)
            return timed_out(p->cli, view);
        rc = api_follow(p->cli, key->cluster, &wire_key, sequence + 1, left,
                        on_event, p);
        if (rc == EXIT_TIMED_OUT)
            return timed_out(p->cli, view);
        if (rc != 0)
            return rc;
    }
}

int update_follow(struct cli *cli, const struct job_key *key, const char *id,
                  int64_t timeout_ms)
{
    struct picture *p = calloc(1, sizeof *p);

    if (p == NULL)
        return EXIT_UNKNOWN;
    p->cli = cli;
    p->id = id;
    int rc = follow(p, key, timeout_ms);
    cli_progress_done(cli);
    free(p);
    return rc;
}
