/* kill, killall, restart: ending instances, and beginning them anew. */
#include "cli/command.h"
#include "cli/watch.h"

/* Send a call about some instances; -> the answer. */
static int target(struct cli *cli, Perigee__Aurora__Call__Type type,
                  const struct job_key *key, const struct instance_set *set,
                  uint32_t batch_size, Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Target about = PERIGEE__AURORA__CALL__TARGET__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = type;
    call.target = &about;
    about.key = &wire_key;
    about.instances = api_instances(cli, set, &about.n_instances);
    about.message = (char *)cli->message;
    about.has_batch_size = type == PERIGEE__AURORA__CALL__TYPE__RESTART_JOB;
    about.batch_size = batch_size;
    return api_call(cli, key->cluster, &call, answer);
}

static int finish(struct cli *cli, const struct job_key *key,
                  const struct instance_set *set, enum watch_goal goal,
                  const Perigee__Aurora__Answer *answer, const char *done)
{
    int64_t timeout_ms;
    char text[JOB_KEY_TEXT_MAX];
    int rc = watch_timeout(cli, &timeout_ms);

    if (rc == 0 && !cli->no_wait)
        rc = watch_job(cli, key, set, goal, answer->sequence, timeout_ms);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s %s\n", cli->no_wait ? "accepted:" : done,
                 job_key_text(key, text));
    return EXIT_OK;
}

static int kill_instances(struct cli *cli, const struct job_key *key,
                          const struct instance_set *set)
{
    Perigee__Aurora__Answer *answer;
    int rc = target(cli, PERIGEE__AURORA__CALL__TYPE__KILL_JOB, key, set, 0,
                    &answer);

    return rc != 0 ? rc : finish(cli, key, set, WATCH_GONE, answer, "killed");
}

int kill_run(struct cli *cli)
{
    struct job_key key;
    struct instance_set set = {0};
    int rc = cli_key(cli, 0, &key, &set);

    return rc != 0 ? rc : kill_instances(cli, &key, &set);
}

int killall_run(struct cli *cli)
{
    static const struct instance_set all = {0};
    struct job_key key;
    int rc = cli_key(cli, 0, &key, NULL);

    return rc != 0 ? rc : kill_instances(cli, &key, &all);
}

int restart_run(struct cli *cli)
{
    struct job_key key;
    struct instance_set set = {0};
    Perigee__Aurora__Answer *answer;
    int64_t batch = 1;
    int rc = cli_key(cli, 0, &key, &set);

    if (rc == 0 && cli->batch_size != NULL)
        rc = cli_number(cli, "batch size", cli->batch_size, 0, 4000, &batch);
    if (rc == 0)
        rc = target(cli, PERIGEE__AURORA__CALL__TYPE__RESTART_JOB, &key, &set,
                    (uint32_t)batch, &answer);
    return rc != 0
               ? rc
               : finish(cli, &key, &set, WATCH_RUNNING, answer, "restarted");
}
