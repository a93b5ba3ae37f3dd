/* group create, status, list, scale, remove, wait. */
#include "cli/group.h"

#include "base/text.h"
#include "cli/command.h"
#include "cli/scope.h"
#include "cli/watch.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__GroupView View;

/* --- groups of a file --- */

static const char *first_job(const Perigee__Group *group)
{
    const char *job = group->n_jobs > 0 ? group->jobs[0] : NULL;

    /* Bounded: the language nests groups at most 16 deep. */
    for (size_t i = 0; job == NULL && i < group->n_groups; i++)
        job = first_job(group->groups[i]);
    return job;
}

bool group_key(const Perigee__Group *group, struct job_key *out)
{
    const char *job = first_job(group);
    struct job_key key;

    if (job == NULL || job_key_parse(job, &key, NULL) < 0)
        return false;
    return job_key_make(key.cluster, key.role, key.env, group->name, out,
                        NULL) == 0;
}

const Perigee__Group *group_find(const Perigee__Evaluation *evaluation,
                                 const struct job_key *key)
{
    struct job_key has;

    for (size_t i = 0; i < evaluation->n_groups; i++)
        if (group_key(evaluation->groups[i], &has) && job_key_equal(&has, key))
            return evaluation->groups[i];
    return NULL;
}

bool group_has(const Perigee__Group *group, const struct job_key *key)
{
    char text[JOB_KEY_TEXT_MAX];

    (void)job_key_text(key, text);
    for (size_t i = 0; i < group->n_jobs; i++)
        if (strcmp(group->jobs[i], text) == 0)
            return true;
    for (size_t i = 0; i < group->n_groups; i++)
        if (group_has(group->groups[i], key))
            return true;
    return false;
}

/* --- calls --- */

int group_send(struct cli *cli, const struct job_key *key,
               const Perigee__Evaluation *evaluation,
               const Perigee__Group *group, const struct group_deploy *how,
               Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__DeployGroup deploy =
        PERIGEE__AURORA__CALL__DEPLOY_GROUP__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__DEPLOY_GROUP;
    call.deploy_group = &deploy;
    deploy.key = &wire_key;
    deploy.has_bundle = true;
    deploy.bundle = evaluation->bundle;
    deploy.expected =
        arena_alloc(&cli->arena, (evaluation->n_jobs + 1) * sizeof(void *));
    for (size_t i = 0; i < evaluation->n_jobs; i++) {
        struct job_key job = jobfile_key(evaluation->jobs[i]);
        if (group_has(group, &job))
            deploy.expected[deploy.n_expected++] = evaluation->jobs[i];
    }
    deploy.has_accept_server = deploy.has_must_be_new = deploy.has_prune = true;
    deploy.accept_server = cli->accept_server;
    deploy.must_be_new = how->must_be_new;
    deploy.prune = how->prune;
    deploy.message = (char *)cli->message;
    return api_call(cli, key->cluster, &call, answer);
}

/* GET_GROUP and REMOVE_GROUP. */
static int about(struct cli *cli, Perigee__Aurora__Call__Type type,
                 const struct job_key *key, const char *message, bool may_miss,
                 Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Groups query = PERIGEE__AURORA__CALL__GROUPS__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = type;
    call.groups = &query;
    query.key = &wire_key;
    query.message = (char *)message;
    return may_miss ? api_ask(cli, key->cluster, &call, answer)
                    : api_call(cli, key->cluster, &call, answer);
}

int group_send_remove(struct cli *cli, const struct job_key *key,
                      const char *message, Answer **answer)
{
    return about(cli, PERIGEE__AURORA__CALL__TYPE__REMOVE_GROUP, key, message,
                 false, answer);
}

int group_ask(struct cli *cli, const struct job_key *key, const View **out,
              uint64_t *sequence)
{
    Answer *answer;
    int rc = about(cli, PERIGEE__AURORA__CALL__TYPE__GET_GROUP, key, NULL, true,
                   &answer);

    if (rc != 0)
        return rc;
    *out = answer != NULL && answer->n_groups == 1 ? answer->groups[0] : NULL;
    *sequence = answer != NULL ? answer->sequence : 0;
    return 0;
}

/* --- changes --- */

/* What was asked for is under way: wait, and say so. */
static int finish(struct cli *cli, const struct job_key *key,
                  const Answer *answer, bool waits, bool is_gone,
                  const char *done)
{
    int64_t timeout_ms;
    char text[JOB_KEY_TEXT_MAX];
    int rc = watch_timeout(cli, &timeout_ms);

    if (rc == 0 && waits)
        rc = group_follow(cli, key, is_gone, timeout_ms);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s %s\n",
                 waits ? done : "accepted:", job_key_text(key, text));
    return EXIT_OK;
}

int group_create(struct cli *cli, const struct job_key *key,
                 const Perigee__Evaluation *evaluation,
                 const Perigee__Group *group, bool waits)
{
    static const struct group_deploy how = {.must_be_new = true};
    Answer *answer;
    int rc = group_send(cli, key, evaluation, group, &how, &answer);

    return rc != 0 ? rc : finish(cli, key, answer, waits, false, "running:");
}

int group_create_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    struct job_key key;
    const char *file;
    char text[JOB_KEY_TEXT_MAX];
    int rc;

    if ((rc = cli_key(cli, 0, &key, NULL)) != 0 ||
        (rc = jobfile_choose(cli, &key, 1, &file)) != 0 ||
        (rc = jobfile_evaluate(cli, file, &evaluation)) != 0)
        return rc;
    const Perigee__Group *group = group_find(evaluation, &key);
    if (group != NULL)
        rc = group_create(cli, &key, evaluation, group, cli->wait);
    else
        rc = cli_refuse(cli, EXIT_BAD_CONFIG,
                        "its role and environment are those of its jobs: "
                        "CLUSTER/ROLE/ENV/NAME",
                        "%s has no group %s", file, job_key_text(&key, text));
    jobfile_free(evaluation);
    return rc;
}

int group_scale_run(struct cli *cli)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__ScaleGroup scale =
        PERIGEE__AURORA__CALL__SCALE_GROUP__INIT;
    Perigee__Aurora__JobKey wire_key;
    struct job_key key;
    struct err err = {0};
    Answer *answer;
    int64_t factor;
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc != 0)
        return rc;
    if (text_milli(cli->arg[1], &factor, &err) < 0 || factor < 1 ||
        factor > 1000 * 1000)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, "2 doubles, 0.5 halves",
                          "factor '%s': want a number from 0.001 to 1000",
                          cli->arg[1]);
    api_key(&key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__SCALE_GROUP;
    call.scale_group = &scale;
    scale.key = &wire_key;
    scale.has_factor_milli = true;
    scale.factor_milli = (uint32_t)factor;
    scale.message = (char *)cli->message;
    rc = api_call(cli, key.cluster, &call, &answer);
    return rc != 0 ? rc
                   : finish(cli, &key, answer, !cli->no_wait, false, "scaled");
}

int group_remove_run(struct cli *cli)
{
    struct job_key key;
    Answer *answer;
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc == 0)
        rc = group_send_remove(cli, &key, cli->message, &answer);
    return rc != 0 ? rc
                   : finish(cli, &key, answer, !cli->no_wait, true, "removed");
}

int group_wait_run(struct cli *cli)
{
    struct job_key key;
    const View *view;
    Answer *answer;
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc == 0)
        rc = about(cli, PERIGEE__AURORA__CALL__TYPE__GET_GROUP, &key, NULL,
                   false, &answer);
    if (rc != 0 || answer->n_groups != 1)
        return rc;
    view = answer->groups[0];
    bool is_gone = view->state == PERIGEE__AURORA__GROUP_STATE__REMOVING;
    int64_t timeout_ms;
    if ((rc = watch_timeout(cli, &timeout_ms)) != 0 ||
        (rc = group_follow(cli, &key, is_gone, timeout_ms)) != 0)
        return rc;
    watch_tell(cli, &key, is_gone ? "GONE" : "RUNNING");
    return EXIT_OK;
}

/* --- looking --- */

int group_status_run(struct cli *cli)
{
    struct job_key key;
    Answer *answer;
    char time[32];
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc == 0)
        rc = about(cli, PERIGEE__AURORA__CALL__TYPE__GET_GROUP, &key, NULL,
                   false, &answer);
    if (rc != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    if (answer->n_groups != 1)
        return cli_refuse(cli, EXIT_API, NULL,
                          "the scheduler's answer has no group");
    const View *view = answer->groups[0];
    group_draw(cli, view);
    buf_add_text(&cli->out, "\nhistory\n");
    for (size_t i = 0; i < view->n_events; i++)
        buf_addf(
            &cli->out, "  %s  %s%s%s\n",
            clock_utc_text((int64_t)view->events[i]->at_ms, time, sizeof time),
            group_state_text(view->events[i]->state),
            view->events[i]->message ? "  " : "",
            view->events[i]->message ? view->events[i]->message : "");
    return EXIT_OK;
}

static void print_list(struct cli *cli, const Answer *answer)
{
    char text[JOB_KEY_TEXT_MAX], left[24];

    buf_addf(&cli->out, "%-48s %-10s %8s  %s\n", "group", "state", "done",
             "message");
    for (size_t i = 0; i < answer->n_groups; i++) {
        const View *view = answer->groups[i];
        (void)snprintf(text, sizeof text, "%s/%s/%s/%s", view->key->cluster,
                       view->key->role, view->key->environment,
                       view->key->name);
        (void)snprintf(left, sizeof left, "%u/%u", view->done,
                       view->waiting + view->working + view->done +
                           view->failed);
        buf_addf(&cli->out, "%-48s %-10s %8s  %s\n", text,
                 group_state_text(view->state), left,
                 view->message ? view->message : "");
    }
}

int group_list_run(struct cli *cli)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Groups query = PERIGEE__AURORA__CALL__GROUPS__INIT;
    struct scope scope;
    Answer *answer;
    int rc = scope_read(cli, 3, &scope);

    if (rc != 0)
        return rc;
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_GROUPS;
    call.groups = &query;
    query.role = (char *)scope.role;
    query.environment = (char *)scope.env;
    rc = api_list(cli, scope.cluster, &call, &query.cursor, &answer);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        print_list(cli, answer);
    return EXIT_OK;
}
