/* kill, killall, restart, cancel: ending instances, and beginning them anew. */
#include "cli/command.h"
#include "cli/rolling.h"
#include "cli/watch.h"

typedef Perigee__Aurora__Call__Target Target;

enum { BATCH_MAX = 100000, WATCH_SECS_MAX = 24 * 60 * 60 };

/* --- options --- */

/* -1 means no limit where `min` is. */
static int read_limit(struct cli *cli, const char *what, const char *text,
                      int64_t min, int32_t *out)
{
    int64_t value = *out;
    int rc = 0;

    if (text != NULL)
        rc = cli_number(cli, what, text, min, INT32_MAX, &value);
    *out = (int32_t)(value < 0 ? -1 : value);
    return rc;
}

static int read_batch(struct cli *cli, int64_t given, Target *out)
{
    if (cli->batch_size != NULL) {
        int rc = cli_number(cli, "batch size", cli->batch_size, 0, BATCH_MAX,
                            &given);
        if (rc != 0)
            return rc;
    }
    out->has_batch_size = true;
    out->batch_size = (uint32_t)given;
    return 0;
}

static int read_total(struct cli *cli, Target *out)
{
    out->has_max_total_failures = true;
    return read_limit(cli, "max total failures", cli->total_failures, 0,
                      &out->max_total_failures);
}

/* All at once, unless something is said about batches. */
static int read_kill(struct cli *cli, Target *out)
{
    bool is_batched = cli->batch_size != NULL || cli->total_failures != NULL;
    int rc;

    if (is_batched && cli->no_batching)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "--no-batching with %s: want one of them",
                          cli->batch_size != NULL ? "--batch-size"
                                                  : "--max-total-failures");
    if (!is_batched)
        return 0;
    rc = read_batch(cli, 1, out);
    return rc != 0 ? rc : read_total(cli, out);
}

static int read_restart(struct cli *cli, Target *out)
{
    int64_t watch = 30;
    int rc = read_batch(cli, 1, out);

    if (rc == 0)
        rc = read_total(cli, out);
    out->has_max_instance_failures = out->has_watch_secs = true;
    if (rc == 0)
        rc =
            read_limit(cli, "max failures per instance", cli->instance_failures,
                       INT32_MIN, &out->max_instance_failures);
    if (rc == 0 && cli->watch_secs != NULL)
        rc = cli_number(cli, "watch seconds", cli->watch_secs, 0,
                        WATCH_SECS_MAX, &watch);
    out->watch_secs = (uint32_t)watch;
    return rc;
}

/* --- the calls --- */

static int send(struct cli *cli, Perigee__Aurora__Call__Type type,
                const struct job_key *key, const struct instance_set *set,
                Target *about, Perigee__Aurora__Answer **answer)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__JobKey wire_key;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = type;
    call.target = about;
    about->key = &wire_key;
    if (set != NULL)
        about->instances = api_instances(cli, set, &about->n_instances);
    about->message = (char *)cli->message;
    about->has_strict = cli->strict;
    about->strict = cli->strict;
    return api_call(cli, key->cluster, &call, answer);
}

static int wait_for(struct cli *cli, const struct job_key *key,
                    const struct instance_set *set, enum watch_goal goal,
                    Perigee__Aurora__Answer *answer)
{
    int64_t timeout_ms;
    int rc = watch_timeout(cli, &timeout_ms);

    if (rc != 0 || cli->no_wait)
        return rc;
    if (answer->rolling != NULL)
        return rolling_follow(cli, key, answer->rolling, answer->instances,
                              answer->n_instances, timeout_ms,
                              &answer->rolling);
    return watch_job(cli, key, set, goal, answer->sequence, timeout_ms);
}

static int finish(struct cli *cli, const struct job_key *key,
                  const struct instance_set *set, enum watch_goal goal,
                  Perigee__Aurora__Answer *answer, const char *done)
{
    char text[JOB_KEY_TEXT_MAX];
    int rc = wait_for(cli, key, set, goal, answer);

    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s %s\n", cli->no_wait ? "accepted:" : done,
                 job_key_text(key, text));
    return EXIT_OK;
}

/* --- the commands --- */

static int kill_instances(struct cli *cli, const struct job_key *key,
                          const struct instance_set *set)
{
    Target about = PERIGEE__AURORA__CALL__TARGET__INIT;
    Perigee__Aurora__Answer *answer;
    int rc = read_kill(cli, &about);

    if (rc == 0)
        rc = send(cli, PERIGEE__AURORA__CALL__TYPE__KILL_JOB, key, set, &about,
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
    Target about = PERIGEE__AURORA__CALL__TARGET__INIT;
    Perigee__Aurora__Answer *answer;
    int rc = cli_key(cli, 0, &key, &set);

    if (rc == 0)
        rc = read_restart(cli, &about);
    if (rc == 0)
        rc = send(cli, PERIGEE__AURORA__CALL__TYPE__RESTART_JOB, &key, &set,
                  &about, &answer);
    return rc != 0
               ? rc
               : finish(cli, &key, &set, WATCH_RUNNING, answer, "restarted");
}

int cancel_run(struct cli *cli)
{
    struct job_key key;
    Target about = PERIGEE__AURORA__CALL__TARGET__INIT;
    Perigee__Aurora__Answer *answer;
    char text[JOB_KEY_TEXT_MAX];
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc == 0)
        rc = send(cli, PERIGEE__AURORA__CALL__TYPE__CANCEL_ROLLING, &key, NULL,
                  &about, &answer);
    if (rc != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
    } else {
        buf_addf(&cli->out, "cancelled: %s\n", job_key_text(&key, text));
        if (answer->rolling != NULL)
            rolling_print(cli, answer->rolling);
    }
    return EXIT_OK;
}
