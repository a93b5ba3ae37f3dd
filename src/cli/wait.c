/* wait, why: patience and reasons. */
#include "cli/command.h"
#include "cli/quota.h"
#include "cli/watch.h"

#include "wire/json.h"

void watch_tell(struct cli *cli, const struct job_key *key, const char *state)
{
    char text[JOB_KEY_TEXT_MAX];

    job_key_text(key, text);
    if (cli->json) {
        struct json_writer w;
        json_init(&w, &cli->out, 2);
        json_begin_object(&w);
        json_put_string(&w, "key", text);
        json_put_string(&w, "state", state);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    } else {
        buf_addf(&cli->out, "%s is %s\n", text, state);
    }
}

int wait_run(struct cli *cli)
{
    struct job_key key;
    struct instance_set set = {0};
    enum watch_goal goal;
    int64_t timeout_ms;
    const char *wanted = cli->wait_for ? cli->wait_for : "RUNNING";
    int rc;

    if ((rc = cli_key(cli, 0, &key, &set)) != 0 ||
        (rc = watch_goal_parse(cli, wanted, &goal)) != 0 ||
        (rc = watch_timeout(cli, &timeout_ms)) != 0 ||
        (rc = watch_job(cli, &key, &set, goal, 0, timeout_ms)) != 0)
        return rc;
    watch_tell(cli, &key, wanted);
    return EXIT_OK;
}

static void print_why(struct cli *cli, const char *key,
                      const Perigee__Aurora__Answer__Why *why)
{
    if (why == NULL || why->pending == 0) {
        buf_addf(&cli->out, "%s: nothing waits\n", key);
        return;
    }
    buf_addf(&cli->out, "%s%s: %u instance%s wait%s%s\n",
             cli_colour(cli, CLI_YELLOW), key, why->pending,
             why->pending == 1 ? "" : "s", why->pending == 1 ? "s" : "",
             cli_colour(cli, CLI_PLAIN));
    if (why->has_hosts)
        buf_addf(&cli->out, "  %u host%s looked at\n", why->hosts,
                 why->hosts == 1 ? "" : "s");
    for (size_t i = 0; i < why->n_reasons; i++)
        buf_addf(&cli->out, "  %4u excluded by %s\n", why->reasons[i]->hosts,
                 why->reasons[i]->veto);
    if (why->nearest_host != NULL && why->nearest_host[0])
        buf_addf(&cli->out, "  nearest fit: %s, %s%s\n", why->nearest_host,
                 why->n_lacks > 0 ? "which lacks " : "",
                 why->nearest_lacks ? why->nearest_lacks : "");
    if (why->preemption != NULL)
        buf_addf(&cli->out, "  preemption: %s\n", why->preemption);
    if (why->advice != NULL && why->advice[0])
        buf_addf(&cli->out, "  advice: %s\n", why->advice);
}

int why_run(struct cli *cli)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Why why = PERIGEE__AURORA__CALL__WHY__INIT;
    Perigee__Aurora__JobKey wire_key;
    Perigee__Aurora__Answer *answer;
    struct job_key key;
    char text[JOB_KEY_TEXT_MAX];
    int rc = cli_key(cli, 0, &key, NULL);

    if (rc != 0)
        return rc;
    api_key(&key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__WHY;
    call.why = &why;
    why.key = &wire_key;
    if ((rc = api_call(cli, key.cluster, &call, &answer)) != 0)
        return rc;
    if (cli->json) {
        api_print_json(cli, &answer->base);
        return EXIT_OK;
    }
    print_why(cli, job_key_text(&key, text), answer->why);
    quota_print_full(cli, key.cluster, key.role);
    return EXIT_OK;
}
