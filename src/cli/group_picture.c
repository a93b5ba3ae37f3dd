/* What a group looks like: as a tree, and as a line while one waits for it. */
#include "cli/group.h"

#include "sys/clock.h"

#include <string.h>

typedef Perigee__Aurora__GroupView View;
typedef Perigee__Aurora__GroupMemberView Member;

#define PHASE(name) PERIGEE__AURORA__GROUP_MEMBER_VIEW__PHASE__##name
#define STATE(name) PERIGEE__AURORA__GROUP_STATE__##name

const char *group_state_text(Perigee__Aurora__GroupState state)
{
    static const char *const name[] = {"?",      "DEPLOYING", "RUNNING",
                                       "FAILED", "REMOVING",  "REMOVED"};

    return (size_t)state < sizeof name / sizeof *name ? name[state] : "?";
}

/* --- the tree --- */

static enum cli_colour state_colour(Perigee__Aurora__GroupState state)
{
    return state == STATE(GROUP_RUNNING)  ? CLI_GREEN
           : state == STATE(GROUP_FAILED) ? CLI_RED
                                          : CLI_YELLOW;
}

static const Member *find_member(const View *view, const char *key)
{
    char text[JOB_KEY_TEXT_MAX];
    struct job_key has;

    for (size_t i = 0; i < view->n_members; i++) {
        const Perigee__Aurora__JobKey *k = view->members[i]->key;
        if (k != NULL &&
            job_key_make(k->cluster, k->role, k->environment, k->name, &has,
                         NULL) == 0 &&
            strcmp(job_key_text(&has, text), key) == 0)
            return view->members[i];
    }
    return NULL;
}

static enum cli_colour member_colour(const Member *m)
{
    return m->phase == PHASE(FAILED) ? CLI_RED : m->up ? CLI_GREEN : CLI_YELLOW;
}

static void draw_state(struct cli *cli, const Member *m)
{
    static const char *const doing[] = {"?",        "",        "starting",
                                        "updating", "scaling", "ending"};

    buf_add_text(&cli->out, cli_colour(cli, member_colour(m)));
    if (!m->has_instances)
        buf_add_text(&cli->out, "gone");
    else if (m->waits_for != NULL)
        buf_add_text(&cli->out, m->waits_for);
    else if (m->service)
        buf_addf(&cli->out, "%u of %u running", m->running, m->instances);
    else
        buf_add_text(&cli->out, m->up ? "finished" : "has not finished");
    if (m->phase == PHASE(WORKING) && m->action < sizeof doing / sizeof *doing)
        buf_addf(&cli->out, "%s%s", *doing[m->action] ? ", " : "",
                 doing[m->action]);
    if (m->phase == PHASE(WAITING) && m->waits_for == NULL)
        buf_add_text(&cli->out, ", waits for its turn");
    if (m->message != NULL)
        buf_addf(&cli->out, ", FAILED: %s", m->message);
    buf_add_text(&cli->out, cli_colour(cli, CLI_PLAIN));
}

/* `lead` is what stands before the lines of the children. */
static void draw_group(struct cli *cli, const View *view,
                       const Perigee__Group *group, const char *lead)
{
    size_t left = group->n_jobs + group->n_groups;

    for (size_t i = 0; i < group->n_jobs; i++) {
        const Member *m = find_member(view, group->jobs[i]);
        const char *name = strrchr(group->jobs[i], '/');
        buf_addf(&cli->out, "%s%s %-24s  ", lead, --left ? "├─" : "└─",
                 name != NULL ? name + 1 : group->jobs[i]);
        if (m != NULL)
            draw_state(cli, m);
        buf_add_char(&cli->out, '\n');
    }
    for (size_t i = 0; i < group->n_groups; i++) {
        const Perigee__Group *child = group->groups[i];
        buf_addf(&cli->out, "%s%s %s%s%s", lead, --left ? "├─" : "└─",
                 cli_colour(cli, CLI_BOLD), child->name,
                 cli_colour(cli, CLI_PLAIN));
        for (size_t j = 0; j < child->n_depends_on; j++)
            buf_addf(&cli->out, "%s%s", j ? ", " : "  <- ",
                     child->depends_on[j]);
        buf_add_char(&cli->out, '\n');
        draw_group(
            cli, view, child,
            arena_printf(&cli->arena, "%s%s", lead, left ? "│  " : "   "));
    }
}

void group_draw(struct cli *cli, const View *view)
{
    const Perigee__Aurora__JobKey *key = view->key;

    buf_addf(&cli->out, "%s%s/%s/%s/%s%s  %s%s%s", cli_colour(cli, CLI_BOLD),
             key->cluster, key->role, key->environment, key->name,
             cli_colour(cli, CLI_PLAIN),
             cli_colour(cli, state_colour(view->state)),
             group_state_text(view->state), cli_colour(cli, CLI_PLAIN));
    if (view->message != NULL)
        buf_addf(&cli->out, "  %s", view->message);
    buf_add_char(&cli->out, '\n');
    if (view->tree != NULL)
        draw_group(cli, view, view->tree, "");
    for (size_t i = 0; i < view->n_members; i++) {
        const Member *m = view->members[i];
        if (!m->leaving)
            continue;
        buf_addf(&cli->out, "%-27s  leaves: ", m->key->name);
        draw_state(cli, m);
        buf_add_char(&cli->out, '\n');
    }
}

/* --- waiting --- */

enum { MARKS_MAX = 60, LOOK_MS = 1000 };

static void draw_line(const struct cli *cli, const View *view)
{
    static const char mark[] = "?.>#!";
    char marks[MARKS_MAX + 1] = "";
    const char *waits = NULL, *who = "";

    for (size_t i = 0; i < view->n_members; i++) {
        const Member *m = view->members[i];
        if (i < MARKS_MAX && (size_t)m->phase < sizeof mark - 1)
            marks[i] = mark[m->phase];
        if (waits == NULL && m->waits_for != NULL) {
            waits = m->waits_for;
            who = m->key->name;
        }
    }
    cli_progress(cli, "%s  %u of %u done  %s%s%s%s%s",
                 group_state_text(view->state), view->done,
                 (unsigned)view->n_members, marks, waits ? "  " : "", who,
                 waits ? " " : "", waits ? waits : "");
}

/* Something happened to it: look again. */
static bool on_event(void *context, const Perigee__Aurora__Event *event)
{
    (void)context;
    return event->type != PERIGEE__AURORA__EVENT__TYPE__GROUP_CHANGED;
}

static int failed(struct cli *cli, const struct job_key *key, const View *view)
{
    char text[JOB_KEY_TEXT_MAX];

    return cli_refuse(
        cli, EXIT_FAILED,
        arena_printf(&cli->arena,
                     "`clusterctl group status %s` has more; apply again when "
                     "it is mended",
                     job_key_text(key, text)),
        "group %s is %s%s%s", text, group_state_text(view->state),
        view->message ? ": " : "", view->message ? view->message : "");
}

static int timed_out(struct cli *cli, const View *view)
{
    return cli_refuse(
        cli, EXIT_TIMED_OUT, "it goes on without us: `clusterctl group wait`",
        "the group is still %s after %s", group_state_text(view->state),
        cli->timeout ? cli->timeout : "this time");
}

static int follow(struct cli *cli, const struct job_key *key, bool is_gone,
                  int64_t timeout_ms)
{
    int64_t end = timeout_ms ? clock_monotonic_ms() + timeout_ms : 0;
    Perigee__Aurora__JobKey wire_key;
    char text[JOB_KEY_TEXT_MAX];

    api_key(key, &wire_key);
    for (;;) {
        const View *view;
        uint64_t sequence;
        int rc = group_ask(cli, key, &view, &sequence);
        if (rc != 0)
            return rc;
        if (view == NULL)
            return is_gone
                       ? 0
                       : cli_refuse(cli, EXIT_FAILED, NULL, "group %s is gone",
                                    job_key_text(key, text));
        draw_line(cli, view);
        if (!is_gone && view->state == STATE(GROUP_RUNNING))
            return 0;
        if (!is_gone && view->state != STATE(DEPLOYING))
            return failed(cli, key, view);
        int64_t left = end ? end - clock_monotonic_ms() : LOOK_MS;
        if (left <= 0)
            return timed_out(cli, view);
        rc = api_follow(cli, key->cluster, &wire_key, sequence + 1,
                        left < LOOK_MS ? left : LOOK_MS, on_event, NULL);
        if (rc != 0 && rc != EXIT_TIMED_OUT)
            return rc;
    }
}

int group_follow(struct cli *cli, const struct job_key *key, bool is_gone,
                 int64_t timeout_ms)
{
    int rc = follow(cli, key, is_gone, timeout_ms);

    cli_progress_done(cli);
    return rc;
}
