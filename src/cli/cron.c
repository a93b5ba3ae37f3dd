/* cron schedule, deschedule, start, pause, resume: what the clock starts. */
#include "cli/command.h"
#include "cli/cron.h"

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;

/* The job file says when; creating the job again changes it. */
int cron_schedule_run(struct cli *cli)
{
    return create_run(cli);
}

int cron_call(struct cli *cli, Perigee__Aurora__Call__Type type, uint32_t limit,
              struct job_key *key, Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Cron query = PERIGEE__AURORA__CALL__CRON__INIT;
    Perigee__Aurora__JobKey wire_key;
    int rc = cli_key(cli, 0, key, NULL);

    if (rc != 0)
        return rc;
    api_key(key, &wire_key);
    call.has_type = true;
    call.type = type;
    call.cron = &query;
    query.key = &wire_key;
    query.has_limit = limit > 0;
    query.limit = limit;
    return api_call(cli, key->cluster, &call, answer);
}

static int change(struct cli *cli, Perigee__Aurora__Call__Type type,
                  const char *done)
{
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    Answer *answer;
    int rc = cron_call(cli, type, 0, &key, &answer);

    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s: %s\n", job_key_text(&key, text), done);
    return EXIT_OK;
}

int cron_deschedule_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__DESCHEDULE_CRON,
                  "descheduled; what runs goes on to its end");
}

int cron_pause_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__PAUSE_CRON, "paused");
}

int cron_resume_run(struct cli *cli)
{
    return change(cli, PERIGEE__AURORA__CALL__TYPE__RESUME_CRON, "resumed");
}

int cron_start_run(struct cli *cli)
{
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    Answer *answer;
    int rc = cron_call(cli, PERIGEE__AURORA__CALL__TYPE__START_CRON, 0, &key,
                       &answer);

    if (rc != 0)
        return rc;
    if (answer->firing->state == PERIGEE__AURORA__FIRING_VIEW__STATE__CANCELLED)
        rc = cli_refuse(cli, EXIT_FAILED,
                        "its collision policy says what happens then; end the "
                        "old run with clusterctl killall",
                        "%s: not started, the old run is still there",
                        job_key_text(&key, text));
    else if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s: %s\n", job_key_text(&key, text),
                 answer->firing->state ==
                         PERIGEE__AURORA__FIRING_VIEW__STATE__WAITING
                     ? "starts when the old run has ended"
                     : "started");
    return rc;
}
