/* scale, add: how many instances a job has. */
#include "cli/command.h"
#include "cli/watch.h"

/* Of the job language; the scheduler has its own, max_tasks_per_job. */
enum { INSTANCES_MAX = 100000 };

/* One instance, that the new ones are to equal. */
static int read_like(struct cli *cli, const struct instance_set *like,
                     Perigee__Aurora__Call__Scale *out)
{
    if (like->count == 0)
        return 0;
    if (like->count > 1 || like->range[0].first != like->range[0].last)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "%s: want one instance, such as KEY/0", cli->arg[0]);
    out->has_template_instance = true;
    out->template_instance = like->range[0].first;
    return 0;
}

static int change(struct cli *cli, Perigee__Aurora__Call__Type type,
                  int64_t least)
{
    static const struct instance_set all = {0};
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Scale scale = PERIGEE__AURORA__CALL__SCALE__INIT;
    Perigee__Aurora__JobKey wire_key;
    Perigee__Aurora__Answer *answer;
    struct job_key key;
    struct instance_set like = {0};
    int64_t count, timeout_ms;
    char text[JOB_KEY_TEXT_MAX];
    bool adds = type == PERIGEE__AURORA__CALL__TYPE__ADD_INSTANCES;
    int rc;

    if ((rc = cli_key(cli, 0, &key, adds ? &like : NULL)) != 0 ||
        (rc = read_like(cli, &like, &scale)) != 0 ||
        (rc = cli_number(cli, "instances", cli->arg[1], least, INSTANCES_MAX,
                         &count)) != 0 ||
        (rc = watch_timeout(cli, &timeout_ms)) != 0)
        return rc;
    api_key(&key, &wire_key);
    call.has_type = true;
    call.type = type;
    call.scale = &scale;
    scale.key = &wire_key;
    scale.has_instances = true;
    scale.instances = (uint32_t)count;
    if ((rc = api_call(cli, key.cluster, &call, &answer)) != 0)
        return rc;
    if (!cli->no_wait &&
        (rc =
             watch_job(cli, &key, &all, count == 0 ? WATCH_GONE : WATCH_RUNNING,
                       0, timeout_ms)) != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s: %s %lld instance%s\n",
                 job_key_text(&key, text), least == 0 ? "has" : "added",
                 (long long)count, count == 1 ? "" : "s");
    return EXIT_OK;
}

int scale_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__SCALE_JOB, 0);
}

int add_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__ADD_INSTANCES, 1);
}
