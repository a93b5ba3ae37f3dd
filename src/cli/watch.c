/* Waiting for a job: look once, then follow its events; look again when they
 * say that it is decided. A look costs as much as the job is large, so one for
 * every task that ends would cost the square of that. */
#include "cli/watch.h"

#include "base/text.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <string.h>

/* As high as the scheduler counts. */
enum { WATCH_INSTANCES_MAX = 1000001 };

/* The later, the livelier. ENDED: otherwise than FINISHED. */
enum instance_state {
    INSTANCE_NONE,
    INSTANCE_ENDED,
    INSTANCE_FINISHED,
    INSTANCE_ACTIVE,
    INSTANCE_RUNNING
};

struct watch {
    struct cli *cli;
    const struct job_key *key;
    const struct instance_set *set;
    enum watch_goal goal;
    uint32_t instances; /* how many the job has */
    bool is_service;    /* its instances may have any numbers */
    uint32_t top;       /* behind the highest instance that was heard of */
    bool reached[WATCH_INSTANCES_MAX];  /* goal met by this instance */
    uint8_t state[WATCH_INSTANCES_MAX]; /* enum instance_state, as last heard */
    bool look_again;                    /* an event may have decided */
    uint32_t patience; /* of a restart: RUNNING events to come before a look */
};

struct tally {
    uint32_t active, running, finished;
};

static bool concerns(const struct watch *w, uint32_t instance)
{
    return instance < WATCH_INSTANCES_MAX &&
           (w->set->count == 0 || instance_set_has(w->set, instance));
}

int watch_goal_parse(struct cli *cli, const char *text, enum watch_goal *out)
{
    static const char *const names[] = {"RUNNING", "FINISHED", "GONE", NULL};

    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum watch_goal)i;
            return 0;
        }
    return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                      "state '%s': want RUNNING, FINISHED or GONE", text);
}

int watch_timeout(struct cli *cli, int64_t *out)
{
    struct err err = {0};

    *out = 0;
    if (cli->timeout == NULL)
        return 0;
    if (text_duration_ms(cli->timeout, out, &err) == 0 && *out > 0)
        return 0;
    return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                      "timeout '%s': want seconds, such as 30", cli->timeout);
}

int watch_check(struct cli *cli)
{
    enum watch_goal goal;
    int64_t timeout_ms;
    int rc = watch_timeout(cli, &timeout_ms);

    if (rc == 0 && cli->wait_for != NULL)
        rc = watch_goal_parse(cli, cli->wait_for, &goal);
    if (rc == 0 && cli->wait_until != NULL &&
        strcmp(cli->wait_until, "PENDING") != 0)
        rc = watch_goal_parse(cli, cli->wait_until, &goal);
    return rc;
}

/* Of a service that was scaled or killed in part: any so many instances. */
static uint32_t missing_of_any(const struct watch *w)
{
    uint32_t reached = 0;

    for (uint32_t i = 0; i < w->top; i++)
        reached += w->reached[i];
    return w->instances > reached ? w->instances - reached : 0;
}

/* How many instances the goal still waits for. */
static uint32_t missing(const struct watch *w)
{
    uint32_t count = 0, end = w->is_service ? w->top : w->instances;

    if (w->is_service && w->set->count == 0)
        return missing_of_any(w);
    for (uint32_t i = 0; i < end && i < WATCH_INSTANCES_MAX; i++)
        count += concerns(w, i) && !w->reached[i] &&
                 (!w->is_service || w->state[i] >= INSTANCE_ACTIVE);
    return count;
}

static struct tally tally(const struct watch *w)
{
    struct tally t = {0};

    for (uint32_t i = 0; i < w->top; i++) {
        t.active += w->state[i] >= INSTANCE_ACTIVE;
        t.running += w->state[i] == INSTANCE_RUNNING;
        t.finished += w->state[i] == INSTANCE_FINISHED;
    }
    return t;
}

static void set_state(struct watch *w, uint32_t instance,
                      enum instance_state state)
{
    w->state[instance] = (uint8_t)state;
    if (instance >= w->top)
        w->top = instance + 1;
}

static enum instance_state state_of(Perigee__Aurora__TaskState state)
{
    if (state == PERIGEE__AURORA__TASK_STATE__FINISHED)
        return INSTANCE_FINISHED;
    if (state == PERIGEE__AURORA__TASK_STATE__RUNNING)
        return INSTANCE_RUNNING;
    return api_state_is_terminal(state) ? INSTANCE_ENDED : INSTANCE_ACTIVE;
}

/* An event of one task: does it bring its instance to the goal? */
static void note_state(struct watch *w, uint32_t instance,
                       Perigee__Aurora__TaskState task_state)
{
    enum instance_state state = state_of(task_state);

    if (!concerns(w, instance))
        return;
    set_state(w, instance, state);
    if (w->goal == WATCH_FINISHED)
        w->reached[instance] = state == INSTANCE_FINISHED;
    if (w->goal == WATCH_RUNNING &&
        (state == INSTANCE_RUNNING || state == INSTANCE_FINISHED))
        w->reached[instance] = true;
    /* Whether the goal is met or out of reach, it takes these to know. */
    if (w->goal == WATCH_RUNNING || state < INSTANCE_ACTIVE) {
        struct tally t = tally(w);
        cli_progress(w->cli, "%u active, %u running, %u finished", t.active,
                     t.running, t.finished);
        w->patience -= state == INSTANCE_RUNNING && w->patience > 0;
        w->look_again = t.active == 0 || (w->goal != WATCH_GONE &&
                                          missing(w) == 0 && w->patience == 0);
    }
}

static bool on_event(void *context, const Perigee__Aurora__Event *event)
{
    struct watch *w = context;

    if (event->type == PERIGEE__AURORA__EVENT__TYPE__TASK_CHANGED &&
        event->task != NULL)
        note_state(w, event->task->instance, event->task->state);
    else if (event->type == PERIGEE__AURORA__EVENT__TYPE__JOB_REMOVED ||
             event->type == PERIGEE__AURORA__EVENT__TYPE__JOB_CHANGED)
        w->look_again = true;
    return !w->look_again;
}

static int look(struct watch *w, Perigee__Aurora__Answer **out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Tasks tasks = PERIGEE__AURORA__CALL__TASKS__INIT;
    Perigee__Aurora__JobKey key;

    api_key(w->key, &key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_JOB;
    call.tasks = &tasks;
    tasks.key = &key;
    return api_ask(w->cli, w->key->cluster, &call, out);
}

/* A job that was created again still shows how it ended the time before. */
static bool is_history(const Perigee__Aurora__Answer *a,
                       const Perigee__Aurora__TaskView *task)
{
    return a->n_jobs > 0 && task->n_events > 0 &&
           api_state_is_terminal(task->state) &&
           task->events[0]->at_ms < a->jobs[0]->created_ms;
}

/* What one look found: the states of the instances that concern us. Returns
 * one that ended otherwise and is not replaced, NULL when there is none. */
static const Perigee__Aurora__TaskView *take_stock(
    struct watch *w, const Perigee__Aurora__Answer *a, bool first)
{
    const Perigee__Aurora__TaskView *culprit = NULL;

    memset(w->state, 0, w->top * sizeof *w->state);
    for (size_t i = 0; i < a->n_tasks; i++) {
        const Perigee__Aurora__TaskView *task = a->tasks[i];
        enum instance_state state = state_of(task->state);
        if (!concerns(w, task->instance) || is_history(a, task))
            continue;
        if (state > w->state[task->instance]) /* the liveliest of its tasks */
            set_state(w, task->instance, state);
        if (state == INSTANCE_RUNNING)
            w->reached[task->instance] |= w->goal == WATCH_RUNNING;
        if (state == INSTANCE_FINISHED)
            w->reached[task->instance] |= w->goal == WATCH_FINISHED ||
                                          (w->goal == WATCH_RUNNING && !first);
    }
    for (size_t i = 0; i < a->n_tasks; i++) {
        uint32_t instance = a->tasks[i]->instance;
        if (concerns(w, instance) && !w->reached[instance] &&
            !is_history(a, a->tasks[i]) &&
            w->state[instance] < INSTANCE_ACTIVE &&
            api_state_is_terminal(a->tasks[i]->state))
            culprit = a->tasks[i];
    }
    return culprit;
}

static const char *last_message(const Perigee__Aurora__TaskView *task)
{
    for (size_t i = task->n_events; i > 0; i--)
        if (task->events[i - 1]->message != NULL &&
            task->events[i - 1]->message[0] != '\0')
            return task->events[i - 1]->message;
    return "no message";
}

/* How much of a message fits under an error: its first lines. */
static int shown(const char *message)
{
    enum { LINES_MAX = 12 };
    const char *end = message;

    for (int line = 0; line < LINES_MAX && *end != '\0'; line++) {
        end += strcspn(end, "\n");
        end += line + 1 < LINES_MAX && *end == '\n';
    }
    return (int)(end - message);
}

static int failed(struct watch *w, const Perigee__Aurora__TaskView *task)
{
    char text[JOB_KEY_TEXT_MAX];
    const char *message = last_message(task);

    return cli_refuse(
        w->cli, EXIT_FAILED,
        arena_printf(&w->cli->arena,
                     "`clusterctl logs %s/%u --stderr` shows what "
                     "it wrote",
                     job_key_text(w->key, text), task->instance),
        "instance %u is %s: %.*s", task->instance, api_state_name(task->state),
        shown(message), message);
}

/* None of the instances that were named is there, or has been. */
static bool has_none(const struct watch *w, const struct tally *t)
{
    if (!w->is_service || w->set->count == 0 || t->active > 0)
        return false;
    for (uint32_t i = 0; i < w->top; i++)
        if (w->reached[i])
            return false;
    return true;
}

/* 1 when the goal is met, 0 to go on, -1 when it cannot be met any more. */
static int decide(struct watch *w, const Perigee__Aurora__Answer *a, bool first,
                  const Perigee__Aurora__TaskView **culprit)
{
    if (a == NULL) {
        w->instances = 0;
        return w->goal == WATCH_GONE ? 1 : -1;
    }
    w->instances = a->n_jobs > 0 && a->jobs[0]->job != NULL
                       ? a->jobs[0]->job->instances
                       : w->instances;
    if (a->n_jobs > 0 && a->jobs[0]->job != NULL)
        w->is_service = a->jobs[0]->job->service;
    *culprit = take_stock(w, a, first);
    struct tally t = tally(w);
    cli_progress(w->cli, "%u active, %u running, %u finished", t.active,
                 t.running, t.finished);
    if (w->goal == WATCH_GONE)
        return t.active == 0 ? 1 : 0;
    if (has_none(w, &t)) {
        *culprit = NULL;
        return -1;
    }
    /* A rolling restart is over when none is left. Events do not say how many
     * are, so half of them is waited for at a time. */
    uint32_t restarting = a->n_jobs > 0 ? a->jobs[0]->restarting : 0;
    w->patience = (restarting + 1) / 2;
    if (missing(w) == 0)
        return restarting == 0;
    return *culprit != NULL && t.active == 0 ? -1 : 0;
}

static int gone(struct watch *w, bool first)
{
    char text[JOB_KEY_TEXT_MAX];

    job_key_text(w->key, text);
    if (w->instances > 0)
        return cli_refuse(w->cli, EXIT_FAILED,
                          arena_printf(&w->cli->arena,
                                       "`clusterctl status %s` shows which "
                                       "there are",
                                       text),
                          "job %s has none of these instances", text);
    return cli_refuse(
        w->cli, EXIT_FAILED,
        arena_printf(&w->cli->arena,
                     "`clusterctl list %s/%s` shows what there is",
                     w->key->cluster, w->key->role),
        first ? "job %s does not exist" : "job %s is not there any more", text);
}

static int timed_out(struct watch *w)
{
    static const char *const goal[] = {"RUNNING", "FINISHED", "GONE"};
    char text[JOB_KEY_TEXT_MAX];

    job_key_text(w->key, text);
    return cli_refuse(w->cli, EXIT_TIMED_OUT,
                      arena_printf(&w->cli->arena,
                                   "`clusterctl why %s` says what it waits for",
                                   text),
                      "%s is not %s after %s", text, goal[w->goal],
                      w->cli->timeout ? w->cli->timeout : "this time");
}

static int watch_loop(struct watch *w, uint64_t since, int64_t timeout_ms)
{
    int64_t end = timeout_ms ? clock_monotonic_ms() + timeout_ms : 0;
    Perigee__Aurora__JobKey key;

    api_key(w->key, &key);
    for (bool first = since == 0;; first = false) {
        const Perigee__Aurora__TaskView *culprit = NULL;
        Perigee__Aurora__Answer *answer;
        int rc = look(w, &answer);
        if (rc != 0)
            return rc;
        int verdict = decide(w, answer, first, &culprit);
        if (verdict > 0)
            return EXIT_OK;
        if (verdict < 0)
            return culprit != NULL ? failed(w, culprit) : gone(w, first);
        /* Events of the change itself count once; a later look has seen all
         * that came before it. */
        uint64_t next = (since != 0 ? since : answer->sequence) + 1;
        since = 0;
        w->look_again = false;
        int64_t left = end ? end - clock_monotonic_ms() : 0;
        if (end && left <= 0)
            return timed_out(w);
        rc = api_follow(w->cli, w->key->cluster, &key, next, left, on_event, w);
        if (rc == EXIT_TIMED_OUT)
            return timed_out(w);
        if (rc != 0)
            return rc;
    }
}

int watch_job(struct cli *cli, const struct job_key *key,
              const struct instance_set *set, enum watch_goal goal,
              uint64_t since, int64_t timeout_ms)
{
    struct watch *w = calloc(1, sizeof *w);

    if (w == NULL)
        return EXIT_UNKNOWN;
    w->cli = cli;
    w->key = key;
    w->set = set;
    w->goal = goal;
    int rc = watch_loop(w, since, timeout_ms);
    cli_progress_done(cli);
    free(w);
    return rc;
}
