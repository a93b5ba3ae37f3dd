#include "cli/plan.h"
#include "cli/quota.h"

#include "base/text.h"
#include "cli/command.h"
#include "cli/group.h"
#include "cli/jobfile.h"

#include <string.h>

/* --- what runs --- */

struct running {
    VEC(const Perigee__Aurora__JobView *) jobs; /* the arena's */
};

/* Every job of a role, page by page. */
static int list_role(struct cli *cli, const char *cluster, const char *role,
                     struct running *out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__List list = PERIGEE__AURORA__CALL__LIST__INIT;
    Perigee__Aurora__Answer *answer;
    int rc;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_JOBS;
    call.list = &list;
    list.cluster = (char *)cluster;
    list.role = (char *)role;
    do {
        if ((rc = api_call(cli, cluster, &call, &answer)) != 0)
            return rc;
        for (size_t i = 0; i < answer->n_jobs; i++)
            if (answer->jobs[i]->job != NULL)
                *vec_add(&out->jobs) = answer->jobs[i];
        list.cursor = answer->cursor;
    } while (answer->cursor != NULL && answer->cursor[0] != '\0');
    return 0;
}

static bool was_listed(const Perigee__Evaluation *evaluation, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(evaluation->jobs[i]->cluster,
                   evaluation->jobs[at]->cluster) == 0 &&
            strcmp(evaluation->jobs[i]->role, evaluation->jobs[at]->role) == 0)
            return true;
    return false;
}

static int list_running(struct cli *cli, const Perigee__Evaluation *evaluation,
                        struct running *out)
{
    int rc = 0;

    for (size_t i = 0; i < evaluation->n_jobs && rc == 0; i++)
        if (!was_listed(evaluation, i))
            rc = list_role(cli, evaluation->jobs[i]->cluster,
                           evaluation->jobs[i]->role, out);
    return rc;
}

static const Perigee__Aurora__JobView *find_running(
    const struct running *running, const struct job_key *key)
{
    for (uint32_t i = 0; i < running->jobs.count; i++)
        if (jobfile_is(running->jobs.item[i]->job, key))
            return running->jobs.item[i];
    return NULL;
}

/* --- steps --- */

static struct plan_step *add_step(struct plan *plan, enum plan_kind kind,
                                  const struct job_key *key)
{
    struct plan_step *step = vec_add(&plan->steps);

    *step = (struct plan_step){.kind = kind, .key = *key};
    plan->count[kind]++;
    return step;
}

static enum plan_kind kind_of(const Perigee__Aurora__JobView *view,
                              const Perigee__Job *job,
                              const struct change_list *changes)
{
    const Perigee__Job *runs = view->job;
    bool is_equal = changes->count == 0 && runs->instances == job->instances;

    if (view->killed)
        return PLAN_CREATE;
    /* Its runs come and go; what counts is what the next one will be. */
    if (view->cron != NULL && job->cron != NULL)
        return is_equal ? PLAN_KEEP : PLAN_UPDATE;
    if (view->cron != NULL || job->cron != NULL)
        return PLAN_STUCK;
    /* Neither is over: an update left some behind, or is not done yet. */
    if (view->mixed || view->update != NULL)
        return PLAN_UPDATE;
    if (is_equal)
        return PLAN_KEEP;
    bool is_suspended = runs->service && runs->instances == 0;
    if (view->active + view->pending == 0 && !is_suspended)
        return PLAN_CREATE;
    if (changes->count == 0)
        return PLAN_SCALE;
    return runs->service && job->service ? PLAN_UPDATE : PLAN_STUCK;
}

static void explain_cron(struct cli *cli, const Perigee__Aurora__JobView *view,
                         struct plan_step *step)
{
    char text[JOB_KEY_TEXT_MAX];

    (void)job_key_text(&step->key, text);
    step->is_cron = view->cron != NULL && step->job->cron != NULL;
    if (step->kind == PLAN_UPDATE)
        step->why = "from the next run on; what runs goes on to its end";
    else if (step->kind == PLAN_STUCK)
        step->why = arena_printf(
            &cli->arena,
            view->cron != NULL
                ? "it has a schedule: `clusterctl cron deschedule %s`, then "
                  "apply again"
                : "it has no schedule yet: `clusterctl killall %s`, then apply "
                  "again",
            text);
}

static void plan_job(struct cli *cli, struct plan *plan,
                     const struct running *running, const Perigee__Job *job)
{
    struct job_key key = jobfile_key(job);
    const Perigee__Aurora__JobView *view = find_running(running, &key);
    struct change_list changes = {0};
    char text[JOB_KEY_TEXT_MAX];

    if (view == NULL) {
        add_step(plan, PLAN_CREATE, &key)->job = job;
        return;
    }
    change_find(cli, view->job, job, &changes);
    struct plan_step *step = add_step(plan, kind_of(view, job, &changes), &key);
    step->job = job;
    step->is_ending = view->killed;
    if (step->kind == PLAN_CREATE) {
        vec_free(&changes);
        return;
    }
    step->runs = view->job;
    step->is_busy = view->update != NULL;
    step->changes = changes;
    if (view->cron != NULL || job->cron != NULL) {
        explain_cron(cli, view, step);
        return;
    }
    if (step->kind == PLAN_UPDATE && view->update == NULL)
        preview_ask(cli, &key, job, &step->preview);
    if (step->kind == PLAN_UPDATE && view->update != NULL)
        step->why = arena_printf(
            &cli->arena,
            "another update is under way: `clusterctl update info %s`",
            job_key_text(&key, text));
    else if (step->kind == PLAN_UPDATE && view->mixed)
        step->why = "some instances run another version";
    if (step->kind == PLAN_STUCK)
        step->why = arena_printf(
            &cli->arena,
            "only services are changed while they run: `clusterctl killall "
            "%s`, then apply again",
            job_key_text(&key, text));
}

/* --- removals --- */

static bool is_in_scope(const Perigee__Evaluation *evaluation,
                        const Perigee__Job *runs)
{
    for (size_t i = 0; i < evaluation->n_jobs; i++) {
        const Perigee__Job *job = evaluation->jobs[i];
        if (strcmp(job->cluster, runs->cluster) == 0 &&
            strcmp(job->role, runs->role) == 0 &&
            strcmp(job->environment, runs->environment) == 0)
            return true;
    }
    return false;
}

/* The group of that key, by its place + 1; 0: none. */
static uint32_t group_at(const struct plan *plan, const struct job_key *key)
{
    for (uint32_t i = 0; i < plan->groups.count; i++)
        if (job_key_equal(&plan->groups.item[i].key, key))
            return i + 1;
    return 0;
}

static bool is_in_file(const Perigee__Evaluation *evaluation,
                       const struct job_key *key)
{
    for (size_t i = 0; i < evaluation->n_jobs; i++)
        if (jobfile_is(evaluation->jobs[i], key))
            return true;
    return false;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Bundles asked for already: many jobs come from one. */
struct known_bundle {
    const char *hash;
    bool is_ours;
};

struct known_bundles {
    struct known_bundle *item;
    uint32_t count, capacity;
};

/* Was it created from a file of this name? */
static int came_from(struct cli *cli, const Perigee__Job *runs,
                     const char *file, struct known_bundles *known, bool *out)
{
    const Perigee__Bundle *bundle;

    *out = false;
    if (runs->bundle_hash == NULL || runs->bundle_hash[0] == '\0')
        return 0;
    for (uint32_t i = 0; i < known->count; i++)
        if (strcmp(known->item[i].hash, runs->bundle_hash) == 0) {
            *out = known->item[i].is_ours;
            return 0;
        }
    int rc = api_bundle(cli, runs->cluster, runs->bundle_hash, &bundle);
    if (rc != 0)
        return rc;
    *out = strcmp(base_name(bundle->entry), base_name(file)) == 0;
    *vec_add(known) = (struct known_bundle){runs->bundle_hash, *out};
    return 0;
}

/* The group that the job is in, as far as it is planned: in the file its other
 * jobs are; otherwise it goes as a whole. */
static uint32_t group_of_removed(struct plan *plan,
                                 const Perigee__Aurora__JobView *view)
{
    const Perigee__Aurora__JobKey *wire = view->group;
    struct job_key key;

    if (wire == NULL ||
        job_key_make(wire->cluster, wire->role, wire->environment, wire->name,
                     &key, NULL) < 0)
        return 0;
    uint32_t at = group_at(plan, &key);
    if (at > 0)
        return at;
    *vec_add(&plan->groups) =
        (struct plan_group){.kind = PLAN_REMOVE, .key = key};
    return plan->groups.count;
}

static int plan_removals(struct cli *cli, const char *file,
                         const Perigee__Evaluation *evaluation,
                         const struct running *running, struct plan *plan)
{
    struct known_bundles known = {0};
    int rc = 0;

    for (uint32_t i = 0; i < running->jobs.count && rc == 0; i++) {
        const Perigee__Aurora__JobView *view = running->jobs.item[i];
        struct job_key key = jobfile_key(view->job);
        bool is_ours;

        if (view->killed || !is_in_scope(evaluation, view->job) ||
            is_in_file(evaluation, &key))
            continue;
        rc = came_from(cli, view->job, file, &known, &is_ours);
        if (rc != 0 || !is_ours)
            continue;
        uint32_t group = group_of_removed(plan, view);
        struct plan_step *step = add_step(plan, PLAN_REMOVE, &key);
        step->runs = view->job;
        step->group = group;
    }
    vec_free(&known);
    return rc;
}

/* --- groups --- */

static bool same_tree(const Perigee__Group *a, const Perigee__Group *b,
                      struct arena *arena)
{
    size_t size = perigee__group__get_packed_size(a);

    if (b == NULL || size != perigee__group__get_packed_size(b))
        return false;
    uint8_t *x = arena_alloc(arena, size + 1);
    uint8_t *y = arena_alloc(arena, size + 1);
    perigee__group__pack(a, x);
    perigee__group__pack(b, y);
    return memcmp(x, y, size) == 0;
}

static int plan_group(struct cli *cli, const char *file,
                      const Perigee__Group *group, struct plan *plan)
{
    const Perigee__Aurora__GroupView *runs = NULL;
    struct plan_group out = {.kind = PLAN_KEEP, .group = group};
    uint64_t sequence;

    if (!group_key(group, &out.key))
        return cli_refuse(cli, EXIT_BAD_CONFIG, NULL,
                          "%s: the group '%s' has no job", file, group->name);
    int rc = group_ask(cli, &out.key, &runs, &sequence);
    if (rc != 0)
        return rc;
    if (runs == NULL)
        out.kind = PLAN_CREATE;
    else if (!same_tree(group, runs->tree, &cli->arena))
        out.why = "other jobs are in it, or they wait for each other otherwise";
    else if (runs->state != PERIGEE__AURORA__GROUP_STATE__GROUP_RUNNING)
        out.why = arena_printf(&cli->arena, "it is %s",
                               group_state_text(runs->state));
    if (out.why != NULL)
        out.kind = PLAN_UPDATE;
    *vec_add(&plan->groups) = out;
    for (uint32_t i = 0; i < plan->steps.count; i++)
        if (group_has(group, &plan->steps.item[i].key))
            plan->steps.item[i].group = plan->groups.count;
    return 0;
}

/* A group changes when one of its jobs does; one that is stuck is stuck. */
static void settle_groups(struct plan *plan)
{
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.item[i];
        if (step->group == 0 || step->kind == PLAN_KEEP)
            continue;
        struct plan_group *group = &plan->groups.item[step->group - 1];
        if (group->kind == PLAN_KEEP)
            group->kind = PLAN_UPDATE;
    }
}

/* --- making it --- */

/* The operators' objects have no door in the scheduler. */
static int check_objects(struct cli *cli, const char *file,
                         const Perigee__Evaluation *evaluation)
{
    const char *what = evaluation->n_roles   ? "Role"
                       : evaluation->n_users ? "User"
                                             : NULL;

    if (what == NULL)
        return 0;
    return cli_refuse(cli, EXIT_BAD_CONFIG,
                      "leave it out of this file; its jobs can be applied",
                      "%s: no scheduler of this release takes a %s", file,
                      what);
}

int plan_make(struct cli *cli, const char *file,
              const Perigee__Evaluation *evaluation, bool prune,
              struct plan *out)
{
    struct running running = {0};
    int rc = check_objects(cli, file, evaluation);

    *out = (struct plan){0};
    (void)jobfile_warn(cli, file, evaluation);
    if (rc == 0)
        rc = quota_plan(cli, evaluation, &out->quota_text, &out->quotas);
    if (rc == 0)
        rc = list_running(cli, evaluation, &running);
    for (size_t i = 0; i < evaluation->n_jobs && rc == 0; i++)
        plan_job(cli, out, &running, evaluation->jobs[i]);
    for (size_t i = 0; i < evaluation->n_groups && rc == 0; i++)
        rc = plan_group(cli, file, evaluation->groups[i], out);
    if (rc == 0 && prune)
        rc = plan_removals(cli, file, evaluation, &running, out);
    if (rc == 0)
        plan_ask_quotas(cli, out);
    settle_groups(out);
    vec_free(&running.jobs);
    return rc;
}

void plan_release(struct plan *plan)
{
    for (uint32_t i = 0; i < plan->steps.count; i++)
        vec_free(&plan->steps.item[i].changes);
    vec_free(&plan->steps);
    vec_free(&plan->groups);
    buf_release(&plan->quota_text);
}

bool plan_is_empty(const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->groups.count; i++)
        if (plan->groups.item[i].kind != PLAN_KEEP)
            return false;
    return plan->quotas == 0 && plan->steps.count == plan->count[PLAN_KEEP];
}

const char *plan_verb(enum plan_kind kind)
{
    static const char *const verb[] = {"keep",  "create", "update",
                                       "scale", "remove", "stuck"};

    return verb[kind];
}

/* --- showing it --- */

static const enum cli_colour COLOUR[] = {CLI_DIM,    CLI_GREEN, CLI_YELLOW,
                                         CLI_YELLOW, CLI_RED,   CLI_RED};

static void print_step(struct cli *cli, const struct plan_step *step)
{
    const Perigee__Job *one = step->job ? step->job : step->runs;
    char text[JOB_KEY_TEXT_MAX];

    buf_addf(&cli->out, "%s%-6s%s  %s", cli_colour(cli, COLOUR[step->kind]),
             plan_verb(step->kind), cli_colour(cli, CLI_PLAIN),
             job_key_text(&step->key, text));
    if (step->runs != NULL && step->job != NULL &&
        step->runs->instances != step->job->instances)
        buf_addf(&cli->out, "  %u -> %u instances", step->runs->instances,
                 step->job->instances);
    else if (one != NULL &&
             (step->kind == PLAN_CREATE || step->kind == PLAN_REMOVE))
        buf_addf(&cli->out, "  %u instance%s", one->instances,
                 one->instances == 1 ? "" : "s");
    buf_add_char(&cli->out, '\n');
    change_print(cli, &step->changes, 8);
    if (step->preview != NULL)
        preview_print(cli, step->preview, &step->changes, 8);
    if (step->why != NULL)
        buf_addf(&cli->out, "        %s\n", step->why);
}

/* A group, then its jobs. */
static void print_group(struct cli *cli, const struct plan *plan, uint32_t at)
{
    const struct plan_group *group = &plan->groups.item[at];
    char text[JOB_KEY_TEXT_MAX];

    buf_addf(&cli->out, "%s%-6s%s  group %s\n",
             cli_colour(cli, COLOUR[group->kind]), plan_verb(group->kind),
             cli_colour(cli, CLI_PLAIN), job_key_text(&group->key, text));
    if (group->why != NULL)
        buf_addf(&cli->out, "        %s\n", group->why);
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        if (plan->steps.item[i].group != at + 1)
            continue;
        buf_add_text(&cli->out, "  ");
        print_step(cli, &plan->steps.item[i]);
    }
}

void plan_print(struct cli *cli, const struct plan *plan)
{
    buf_add_bytes(&cli->out, buf_bytes(&plan->quota_text));
    for (uint32_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.item[i].group == 0)
            print_step(cli, &plan->steps.item[i]);
    for (uint32_t i = 0; i < plan->groups.count; i++)
        print_group(cli, plan, i);
    if (plan_is_empty(plan)) {
        buf_add_text(&cli->out, "nothing to do\n");
        return;
    }
    if (plan->quotas > 0)
        buf_addf(&cli->out, "%u quota%s to set\n", plan->quotas,
                 plan->quotas == 1 ? "" : "s");
    if (plan->steps.count == 0)
        return;
    if (plan->removes_first)
        buf_add_text(&cli->out, "removed first: the quota has no room for both "
                                "what goes and what comes\n");
    buf_addf(&cli->out,
             "%u to create, %u to update, %u to scale, %u to remove, %u as "
             "they should be\n",
             plan->count[PLAN_CREATE], plan->count[PLAN_UPDATE],
             plan->count[PLAN_SCALE], plan->count[PLAN_REMOVE],
             plan->count[PLAN_KEEP]);
}

static void step_json(struct json_writer *w, const struct plan *plan,
                      const struct plan_step *step)
{
    char text[JOB_KEY_TEXT_MAX];

    json_begin_object(w);
    json_put_string(w, "key", job_key_text(&step->key, text));
    json_put_string(w, "action", plan_verb(step->kind));
    if (step->group > 0)
        json_put_string(
            w, "group",
            job_key_text(&plan->groups.item[step->group - 1].key, text));
    if (step->runs != NULL)
        json_put_int(w, "instances_now", step->runs->instances);
    if (step->job != NULL)
        json_put_int(w, "instances", step->job->instances);
    if (step->changes.count > 0) {
        json_key(w, "changes");
        change_json(w, &step->changes);
    }
    if (step->preview != NULL) {
        json_key(w, "preview");
        json_begin_object(w);
        preview_json(w, step->preview);
        json_end_object(w);
    }
    if (step->why != NULL)
        json_put_string(w, "why", step->why);
    json_end_object(w);
}

static void group_json(struct json_writer *w, const struct plan_group *group)
{
    char text[JOB_KEY_TEXT_MAX];

    json_begin_object(w);
    json_put_string(w, "key", job_key_text(&group->key, text));
    json_put_string(w, "action", plan_verb(group->kind));
    if (group->why != NULL)
        json_put_string(w, "why", group->why);
    json_end_object(w);
}

void plan_json(struct json_writer *w, const struct plan *plan)
{
    json_key(w, "steps");
    json_begin_array(w);
    for (uint32_t i = 0; i < plan->steps.count; i++)
        step_json(w, plan, &plan->steps.item[i]);
    json_end_array(w);
    json_key(w, "groups");
    json_begin_array(w);
    for (uint32_t i = 0; i < plan->groups.count; i++)
        group_json(w, &plan->groups.item[i]);
    json_end_array(w);
    json_put_int(w, "quotas", plan->quotas);
    json_put_bool(w, "removes_first", plan->removes_first);
    for (int kind = PLAN_KEEP; kind <= PLAN_STUCK; kind++)
        json_put_int(w, plan_verb((enum plan_kind)kind), plan->count[kind]);
}

/* --- the command --- */

int plan_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    struct json_writer w;
    struct plan plan;
    int rc = jobfile_evaluate(cli, cli->arg[0], &evaluation);

    if (rc != 0)
        return rc;
    rc = plan_make(cli, cli->arg[0], evaluation, cli->prune, &plan);
    if (rc == 0) {
        rc = plan_is_empty(&plan) ? EXIT_OK : EXIT_DIFFERENT;
        if (cli->json) {
            json_init(&w, &cli->out, 2);
            json_begin_object(&w);
            plan_json(&w, &plan);
            json_end_object(&w);
            buf_add_char(&cli->out, '\n');
        } else {
            plan_print(cli, &plan);
        }
    }
    plan_release(&plan);
    jobfile_free(evaluation);
    return rc;
}
