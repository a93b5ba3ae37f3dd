/* Groups over the API, beside a cluster that does what commands say: "done"
 * finishes, "bad" fails, "stuck" never runs, all others run. */
#pragma once
#include "update_kit.h"

#include "aurora/core/app_group_machine.h"

#define KEY_OF(n)                                                           \
    "\"key\":{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":" \
    "\"prod\",\"name\":\"" n "\"}"
#define PATH "devcluster/www/prod/"
#define SHOP "db:2:sleep web:3:sleep admin:1:sleep"
#define ORDER "web>db admin>web"

typedef Perigee__Aurora__GroupView Group;
typedef Perigee__Aurora__GroupMemberView Member;

/* --- asking --- */

/* One job: "web:3:sleep" is a service of 3, "web:1:done!" ends by itself. */
static inline char *job_text(struct world *w, const char *spec)
{
    char name[32], command[32], bang = 0;
    int count;

    assert_true(sscanf(spec, "%31[^:]:%d:%31[^!]%c", name, &count, command,
                       &bang) >= 3);
    return arena_printf(
        &w->arena,
        "{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\","
        "\"name\":\"%s\",\"service\":%s,\"instances\":%d,\"update\":{"
        "\"watch_secs\":0,\"batch_size\":9},\"task\":{\"name\":\"%s\","
        "\"processes\":[{\"name\":\"p\",\"cmdline\":\"%s\"}],\"resources\":{"
        "\"cpu_milli\":100,\"ram_bytes\":1048576,\"disk_bytes\":1048576}}}",
        name, bang ? "false" : "true", count, name, command);
}

/* A group in which every job stands in a group of its name (so that it can be
 * waited for): `needs` is "web>db admin>web". */
static inline char *tree_text(struct world *w, char *const *spec,
                              const char *needs)
{
    struct buf out = {0};

    buf_add_text(&out, "{\"name\":\"shop\",\"groups\":[");
    for (int i = 0; spec[i]; i++) {
        char name[32], want[40];
        sscanf(spec[i], "%31[^:]", name);
        buf_addf(&out,
                 "%s{\"name\":\"%s\",\"jobs\":[\"" PATH
                 "%s\"],\"depends_on\":[",
                 i ? "," : "", name, name);
        snprintf(want, sizeof want, "%s>", name);
        const char *comma = "";
        for (const char *p = needs; (p = strstr(p, want)); p++) {
            if (p > needs && p[-1] != ' ')
                continue;
            p += strlen(want);
            buf_addf(&out, "%s\"%.*s\"", comma, (int)strcspn(p, " "), p);
            comma = ",";
        }
        buf_add_text(&out, "]}");
    }
    buf_add_text(&out, "]}");
    char *text = arena_strndup(&w->arena, buf_text(&out), out.size);
    buf_release(&out);
    return text;
}

static inline void deploy(struct world *w, const char *jobs, const char *needs,
                          const char *more)
{
    char *copy = arena_strdup(&w->arena, jobs), *save = NULL;
    char *spec[33] = {0};
    struct buf list = {0};
    int n = 0;

    for (char *s = strtok_r(copy, " ", &save); s;
         s = strtok_r(NULL, " ", &save))
        spec[n++] = s;
    for (int i = 0; i < n; i++)
        buf_addf(&list, "%s%s", i ? "," : "", job_text(w, spec[i]));
    post(w, arena_printf(&w->arena,
                         "{\"type\":\"DEPLOY_GROUP\",\"deploy_group\":{%s,"
                         "\"group\":%s,\"jobs\":[%s]%s}}",
                         KEY_OF("shop"), tree_text(w, spec, needs),
                         buf_text(&list), more));
    buf_release(&list);
}

static inline const Group *get_group(struct world *w)
{
    post(w, "{\"type\":\"GET_GROUP\",\"groups\":{" KEY_OF("shop") "}}");
    return w->answer && w->answer->n_groups == 1 ? w->answer->groups[0] : NULL;
}

static inline const char *state_of(struct world *w)
{
    const Group *g = get_group(w);

    return g ? app_group_state_name((enum app_group_state)g->state) : "GONE";
}

/* "db:2/2 web:0/3(WAITING)": running of wanted, and phases that are not DONE.
 */
static inline const char *members(struct world *w)
{
    static char out[600];
    static const char *const phase[] = {"?", "WAITING", "WORKING", "",
                                        "FAILED"};
    const Group *g = get_group(w);
    size_t size = 0;

    out[0] = '\0';
    for (size_t i = 0; g && i < g->n_members; i++) {
        const Member *m = g->members[i];
        size += (size_t)snprintf(out + size, sizeof out - size, "%s%s:%u/%u",
                                 i ? " " : "", m->key->name, m->running,
                                 m->instances);
        if (m->phase != PERIGEE__AURORA__GROUP_MEMBER_VIEW__PHASE__DONE)
            size += (size_t)snprintf(out + size, sizeof out - size, "(%s)",
                                     phase[m->phase]);
    }
    return out;
}

static inline const char *waits_of(struct world *w, const char *name)
{
    const Group *g = get_group(w);

    for (size_t i = 0; g && i < g->n_members; i++)
        if (strcmp(g->members[i]->key->name, name) == 0)
            return g->members[i]->waits_for ? g->members[i]->waits_for : "";
    return "no member";
}

static inline const Answer *ask_job(struct world *w, const char *type,
                                    const char *name)
{
    post(w, arena_printf(&w->arena,
                         "{\"type\":\"%s\",\"%s\":{\"key\":{\"cluster\":"
                         "\"devcluster\",\"role\":\"www\",\"environment\":"
                         "\"prod\",\"name\":\"%s\"}}}",
                         type,
                         strcmp(type, "WHY") == 0       ? "why"
                         : strcmp(type, "GET_JOB") == 0 ? "tasks"
                                                        : "target",
                         name));
    return w->answer;
}

/* --- the cluster --- */

static inline bool round_of(struct world *w)
{
    struct order did[ORDERS_MAX];
    int count = take_orders(w, did);

    for (int i = 0; i < count; i++) {
        const char *command = did[i].command;
        if (!did[i].is_kill && strncmp(command, "stuck", 5) == 0)
            continue;
        update(w, did[i].id, "m-S0",
               did[i].is_kill                     ? STATE(KILLED)
               : strncmp(command, "bad", 3) == 0  ? STATE(FAILED)
               : strncmp(command, "done", 4) == 0 ? STATE(FINISHED)
                                                  : STATE(RUNNING),
               NULL);
    }
    return count > 0;
}

static inline void rest_of_it(struct world *w)
{
    for (int quiet = 0, rounds = 0; quiet < 2; rounds++) {
        assert_true(rounds < 200);
        offer(w, "m-S0", 16);
        quiet = round_of(w) ? 0 : quiet + 1;
    }
}

static inline void expect_refusal(struct world *w, int status, const char *text)
{
    expect_status(w, status);
    if (!strstr(w->answer->error->message, text))
        fail_msg("want '%s', got '%s'", text, w->answer->error->message);
}
