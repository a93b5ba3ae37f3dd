/* create: evaluate the job file here, show what is wrong, else hand the bundle
 * to the scheduler together with our result. */
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/edge.h"
#include "cli/group.h"
#include "cli/jobfile.h"
#include "cli/watch.h"

#include <stdio.h>
#include <string.h>

static int wait_for(struct cli *cli, const struct job_key *key,
                    const Perigee__Aurora__Answer *answer)
{
    static const struct instance_set all = {0};
    enum watch_goal goal;
    int64_t timeout_ms;
    int rc;

    if (cli->wait_until == NULL || strcmp(cli->wait_until, "PENDING") == 0)
        return EXIT_OK;
    if ((rc = watch_goal_parse(cli, cli->wait_until, &goal)) != 0 ||
        (rc = watch_timeout(cli, &timeout_ms)) != 0)
        return rc;
    return watch_job(cli, key, &all, goal, answer->sequence, timeout_ms);
}

static int send(struct cli *cli, const struct job_key *key,
                const Perigee__Evaluation *evaluation, const Perigee__Job *job,
                Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
    call.create_job = &create;
    create.key = &wire_key;
    create.has_bundle = true;
    create.bundle = evaluation->bundle;
    create.expected = (Perigee__Job *)job;
    create.has_accept_server = true;
    create.accept_server = cli->accept_server;
    return api_call(cli, key->cluster, &call, answer);
}

static void report(struct cli *cli, const struct job_key *key,
                   const Perigee__Aurora__Answer *answer)
{
    const Perigee__Cluster *cluster;
    struct err err = {0};

    if (cli->json) {
        api_print_json(cli, &answer->base);
        return;
    }
    if (cluster_find(cli, key->cluster, &cluster, &err) == 0)
        buf_addf(&cli->out,
                 "job create succeeded: job "
                 "url=%s/scheduler/%s/%s/%s\n",
                 edge_url(cli, cluster, cluster->aurora, ""), key->role,
                 key->env, key->name);
}

static bool has_job(const Perigee__Evaluation *evaluation,
                    const struct job_key *key)
{
    for (size_t i = 0; i < evaluation->n_jobs; i++)
        if (jobfile_is(evaluation->jobs[i], key))
            return true;
    return false;
}

static int create_group(struct cli *cli, const struct job_key *key,
                        const Perigee__Evaluation *evaluation,
                        const Perigee__Group *group)
{
    enum watch_goal goal = WATCH_RUNNING;
    bool waits =
        cli->wait_until != NULL && strcmp(cli->wait_until, "PENDING") != 0;
    int rc = waits ? watch_goal_parse(cli, cli->wait_until, &goal) : 0;

    if (rc == 0 && goal != WATCH_RUNNING)
        rc = cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                        "--wait-until %s: want PENDING or RUNNING of a group",
                        cli->wait_until);
    return rc != 0 ? rc : group_create(cli, key, evaluation, group, waits);
}

int create_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    const Perigee__Job *job;
    Perigee__Aurora__Answer *answer;
    struct job_key key;
    const char *file;
    int rc;

    if ((rc = cli_key(cli, 0, &key, NULL)) != 0 ||
        (rc = jobfile_choose(cli, &key, 1, &file)) != 0 ||
        (rc = jobfile_evaluate(cli, file, &evaluation)) != 0)
        goto done;
    const Perigee__Group *group = group_find(evaluation, &key);
    if (group != NULL && !has_job(evaluation, &key)) {
        rc = create_group(cli, &key, evaluation, group);
        goto done;
    }
    if ((rc = jobfile_find(cli, file, evaluation, &key, &job)) != 0 ||
        (rc = send(cli, &key, evaluation, job, &answer)) != 0)
        goto done;
    report(cli, &key, answer);
    rc = wait_for(cli, &key, answer);
done:
    jobfile_free(evaluation);
    return rc;
}
