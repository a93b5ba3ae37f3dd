/* apply: carry out a plan, job by job in the order of the file. What a step
 * changes is rolled out by the scheduler, so a client that dies leaves no half
 * change behind, and applying again goes on where it stopped. */
#include "cli/command.h"
#include "cli/group.h"
#include "cli/jobfile.h"
#include "cli/plan.h"
#include "cli/quota.h"
#include "cli/update.h"
#include "cli/watch.h"

#include <string.h>

struct apply {
    struct cli *cli;
    const Perigee__Evaluation *evaluation;
    int64_t batch_size; /* -1: as the job's update says */
    enum watch_goal goal;
    int64_t timeout_ms;
    bool waits;
    uint32_t done;
};

/* --- the calls --- */

static int send(const struct apply *a, const struct plan_step *step,
                Perigee__Aurora__Call__Type type, Perigee__Aurora__Call *call,
                Perigee__Aurora__Answer **answer)
{
    call->has_type = true;
    call->type = type;
    return api_call(a->cli, step->key.cluster, call, answer);
}

/* CREATE_JOB and START_UPDATE say the same about the job. */
static int send_job(const struct apply *a, const struct plan_step *step,
                    Perigee__Aurora__Call__Type type,
                    Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(&step->key, &wire_key);
    call.create_job = &create;
    create.key = &wire_key;
    create.has_bundle = true;
    create.bundle = a->evaluation->bundle;
    create.expected = (Perigee__Job *)step->job;
    create.has_accept_server = true;
    create.accept_server = a->cli->accept_server;
    create.has_batch_size = a->batch_size >= 0;
    create.batch_size = (uint32_t)(a->batch_size >= 0 ? a->batch_size : 0);
    create.message = (char *)a->cli->message;
    return send(a, step, type, &call, answer);
}

static int send_scale(const struct apply *a, const struct plan_step *step,
                      Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Scale scale = PERIGEE__AURORA__CALL__SCALE__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(&step->key, &wire_key);
    call.scale = &scale;
    scale.key = &wire_key;
    scale.has_instances = true;
    scale.instances = step->job->instances;
    return send(a, step, PERIGEE__AURORA__CALL__TYPE__SCALE_JOB, &call, answer);
}

/* What still runs of it goes on to its end. */
static int send_deschedule(const struct apply *a, const struct plan_step *step,
                           Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Cron cron = PERIGEE__AURORA__CALL__CRON__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(&step->key, &wire_key);
    call.cron = &cron;
    cron.key = &wire_key;
    return send(a, step, PERIGEE__AURORA__CALL__TYPE__DESCHEDULE_CRON, &call,
                answer);
}

static int send_kill(const struct apply *a, const struct plan_step *step,
                     Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Target target = PERIGEE__AURORA__CALL__TARGET__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(&step->key, &wire_key);
    call.target = &target;
    target.key = &wire_key;
    target.message =
        a->cli->message ? (char *)a->cli->message : (char *)"pruned by apply";
    return send(a, step, PERIGEE__AURORA__CALL__TYPE__KILL_JOB, &call, answer);
}

/* --- steps --- */

static int perform(const struct apply *a, const struct plan_step *step,
                   Perigee__Aurora__Answer **answer)
{
    switch (step->kind) {
    case PLAN_CREATE:
        return send_job(a, step, PERIGEE__AURORA__CALL__TYPE__CREATE_JOB,
                        answer);
    case PLAN_UPDATE:
        return send_job(a, step,
                        step->is_cron
                            ? PERIGEE__AURORA__CALL__TYPE__CREATE_JOB
                            : PERIGEE__AURORA__CALL__TYPE__START_UPDATE,
                        answer);
    case PLAN_SCALE:
        return send_scale(a, step, answer);
    case PLAN_REMOVE:
        return step->runs->cron != NULL ? send_deschedule(a, step, answer)
                                        : send_kill(a, step, answer);
    default:
        return 0;
    }
}

static int wait_for(const struct apply *a, const struct plan_step *step,
                    const Perigee__Aurora__Answer *answer)
{
    static const struct instance_set all = {0};
    uint64_t since = answer ? answer->sequence : 0;

    if (!a->waits && step->kind != PLAN_REMOVE)
        return 0;
    if (answer != NULL && answer->n_updates == 1) {
        int rc = update_follow(a->cli, &step->key,
                               answer->updates[0]->update_id, a->timeout_ms);
        if (rc != 0)
            return rc;
    }
    return watch_job(a->cli, &step->key, &all,
                     step->kind == PLAN_REMOVE ? WATCH_GONE : a->goal, since,
                     a->timeout_ms);
}

static int apply_step(struct apply *a, const struct plan_step *step)
{
    static const char *const past[] = {"",       "created", "updating",
                                       "scaled", "removed", ""};
    static const struct instance_set all = {0};
    Perigee__Aurora__Answer *answer = NULL;
    char text[JOB_KEY_TEXT_MAX];
    int rc;

    if (step->kind == PLAN_KEEP || step->group > 0)
        return 0;
    job_key_text(&step->key, text);
    if (step->is_ending && (rc = watch_job(a->cli, &step->key, &all, WATCH_GONE,
                                           0, a->timeout_ms)) != 0)
        return rc;
    cli_progress(a->cli, "%s %s", plan_verb(step->kind), text);
    if ((rc = perform(a, step, &answer)) != 0 ||
        (rc = wait_for(a, step, answer)) != 0)
        return rc;
    a->done++;
    if (!a->cli->json)
        buf_addf(&a->cli->out, "%-8s  %s\n", past[step->kind], text);
    return 0;
}

/* Those that remove, or the others: removals stand behind them in the plan. */
static int apply_steps(struct apply *a, const struct plan *plan, bool removes)
{
    int rc = 0;

    for (uint32_t i = 0; i < plan->steps.count && rc == 0; i++)
        if ((plan->steps.item[i].kind == PLAN_REMOVE) == removes)
            rc = apply_step(a, &plan->steps.item[i]);
    return rc;
}

/* One call for the group and all its jobs. */
static int apply_group(struct apply *a, const struct plan_group *group)
{
    static const char *const past[] = {"",       "created", "changed",
                                       "scaled", "removed", ""};
    struct group_deploy how = {.prune = a->cli->prune};
    Perigee__Aurora__Answer *answer;
    char text[JOB_KEY_TEXT_MAX];
    int rc;

    if (group->kind == PLAN_KEEP)
        return 0;
    (void)job_key_text(&group->key, text);
    cli_progress(a->cli, "%s group %s", plan_verb(group->kind), text);
    if (group->kind == PLAN_REMOVE)
        rc = group_send_remove(
            a->cli, &group->key,
            a->cli->message ? a->cli->message : "pruned by apply", &answer);
    else
        rc = group_send(a->cli, &group->key, a->evaluation, group->group, &how,
                        &answer);
    if (rc == 0 && (a->waits || group->kind == PLAN_REMOVE))
        rc = group_follow(a->cli, &group->key, group->kind == PLAN_REMOVE,
                          a->timeout_ms);
    if (rc != 0)
        return rc;
    a->done++;
    if (!a->cli->json)
        buf_addf(&a->cli->out, "%-8s  group %s\n", past[group->kind], text);
    return 0;
}

/* Before the jobs, which may want them: all of the file in one call. */
static int apply_quotas(struct apply *a, const struct plan *plan)
{
    if (plan->quotas == 0)
        return 0;
    int rc = quota_apply(a->cli, a->evaluation);
    if (rc != 0)
        return rc;
    a->done += plan->quotas;
    if (!a->cli->json)
        buf_addf(&a->cli->out, "set       %u quota%s\n", plan->quotas,
                 plan->quotas == 1 ? "" : "s");
    return 0;
}

/* Nothing is begun that cannot be finished. */
static int refuse_stuck(struct cli *cli, const struct plan *plan)
{
    char text[JOB_KEY_TEXT_MAX];

    for (uint32_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.item[i];
        if (step->kind == PLAN_STUCK)
            return cli_refuse(cli, EXIT_FAILED, step->why,
                              "job %s differs from the file and cannot be "
                              "changed; nothing was done",
                              job_key_text(&step->key, text));
    }
    return 0;
}

static int read_options(struct cli *cli, struct apply *a)
{
    int rc = 0;

    a->batch_size = -1;
    if (cli->batch_size != NULL)
        rc = cli_number(cli, "batch size", cli->batch_size, 0, 100000,
                        &a->batch_size);
    a->waits =
        cli->wait_until != NULL && strcmp(cli->wait_until, "PENDING") != 0;
    if (rc == 0 && a->waits)
        rc = watch_goal_parse(cli, cli->wait_until, &a->goal);
    return rc != 0 ? rc : watch_timeout(cli, &a->timeout_ms);
}

static int apply_plan(struct apply *a, const struct plan *plan)
{
    struct json_writer w;
    int rc = refuse_stuck(a->cli, plan);

    if (rc == 0)
        rc = apply_quotas(a, plan);
    if (rc == 0 && plan->removes_first)
        rc = apply_steps(a, plan, true);
    if (rc == 0)
        rc = apply_steps(a, plan, false);
    if (rc == 0 && !plan->removes_first)
        rc = apply_steps(a, plan, true);
    for (uint32_t i = 0; i < plan->groups.count && rc == 0; i++)
        rc = apply_group(a, &plan->groups.item[i]);
    if (rc != 0) {
        if (a->done > 0)
            cli_say(a->cli,
                    "%u change%s made before that; apply again when it is "
                    "mended",
                    a->done, a->done == 1 ? " was" : "s were");
        return rc;
    }
    if (a->cli->json) {
        json_init(&w, &a->cli->out, 2);
        json_begin_object(&w);
        plan_json(&w, plan);
        json_end_object(&w);
        buf_add_char(&a->cli->out, '\n');
    } else if (plan_is_empty(plan)) {
        buf_add_text(&a->cli->out, "nothing to do\n");
    }
    return EXIT_OK;
}

int apply_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    struct apply a = {.cli = cli};
    struct plan plan;
    int rc;

    if ((rc = read_options(cli, &a)) != 0 ||
        (rc = jobfile_evaluate(cli, cli->arg[0], &evaluation)) != 0)
        return rc;
    a.evaluation = evaluation;
    rc = plan_make(cli, cli->arg[0], evaluation, cli->prune, &plan);
    if (rc == 0)
        rc = apply_plan(&a, &plan);
    plan_release(&plan);
    jobfile_free(evaluation);
    return rc;
}
