/* update start, info, list, pause, resume, abort, rollback, wait, pulse. */
#include "cli/update.h"

#include "cli/command.h"
#include "cli/jobfile.h"
#include "cli/scope.h"
#include "cli/watch.h"
#include "sys/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;
typedef Perigee__Aurora__UpdateView View;

/* --- calls --- */

static const char *given_id(const struct cli *cli)
{
    return cli->arg_count > 1 ? cli->arg[1] : NULL;
}

/* A call about the update that the arguments name. */
static int about(struct cli *cli, Perigee__Aurora__Call__Type type,
                 struct job_key *key, Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Update update = PERIGEE__AURORA__CALL__UPDATE__INIT;
    Perigee__Aurora__JobKey wire_key;
    int rc = cli_key(cli, 0, key, NULL);

    if (rc != 0)
        return rc;
    api_key(key, &wire_key);
    call.has_type = true;
    call.type = type;
    call.update = &update;
    update.key = &wire_key;
    update.update_id = (char *)given_id(cli);
    update.message = (char *)cli->message;
    return api_call(cli, key->cluster, &call, answer);
}

static void print_line(struct cli *cli, const View *view)
{
    buf_addf(&cli->out, "%-36s  %-27s  %u waiting, %u working, %u done",
             view->update_id, update_state_text(view->state), view->waiting,
             view->working, view->done);
    if (view->failed > 0)
        buf_addf(&cli->out, ", %u failed", view->failed);
    buf_add_char(&cli->out, '\n');
}

static int act(struct cli *cli, Perigee__Aurora__Call__Type type)
{
    struct job_key key;
    Answer *answer;
    int rc = about(cli, type, &key, &answer);

    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        for (size_t i = 0; i < answer->n_updates; i++)
            print_line(cli, answer->updates[i]);
    return EXIT_OK;
}

int update_pause_run(struct cli *cli)
{
    return act(cli, PERIGEE__AURORA__CALL__TYPE__PAUSE_UPDATE);
}

int update_resume_run(struct cli *cli)
{
    return act(cli, PERIGEE__AURORA__CALL__TYPE__RESUME_UPDATE);
}

int update_abort_run(struct cli *cli)
{
    return act(cli, PERIGEE__AURORA__CALL__TYPE__ABORT_UPDATE);
}

int update_rollback_run(struct cli *cli)
{
    return act(cli, PERIGEE__AURORA__CALL__TYPE__ROLLBACK_UPDATE);
}

int update_pulse_run(struct cli *cli)
{
    struct job_key key;
    Answer *answer;
    int rc =
        about(cli, PERIGEE__AURORA__CALL__TYPE__PULSE_UPDATE, &key, &answer);

    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        buf_addf(&cli->out, "%s\n",
                 answer->pulse == PERIGEE__AURORA__ANSWER__PULSE_STATUS__OK
                     ? "OK"
                     : "FINISHED");
    return EXIT_OK;
}

/* --- start --- */

static int send_start(struct cli *cli, const struct job_key *key,
                      const struct instance_set *set,
                      const Perigee__Evaluation *evaluation,
                      const Perigee__Job *job, Answer **answer)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__CreateJob create =
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT;
    Perigee__Aurora__JobKey wire_key;
    int64_t batch_size = 0;
    int rc = cli->batch_size == NULL
                 ? 0
                 : cli_number(cli, "batch size", cli->batch_size, 0, 100000,
                              &batch_size);

    if (rc != 0)
        return rc;
    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__START_UPDATE;
    call.create_job = &create;
    create.key = &wire_key;
    create.has_bundle = true;
    create.bundle = evaluation->bundle;
    create.expected = (Perigee__Job *)job;
    create.has_accept_server = true;
    create.accept_server = cli->accept_server;
    create.has_batch_size = cli->batch_size != NULL;
    create.batch_size = (uint32_t)batch_size;
    create.message = (char *)cli->message;
    create.instances = api_instances(cli, set, &create.n_instances);
    return api_call(cli, key->cluster, &call, answer);
}

static int report_start(struct cli *cli, const struct job_key *key,
                        const Answer *answer)
{
    const View *view = answer->n_updates == 1 ? answer->updates[0] : NULL;
    int64_t timeout_ms;
    int rc = watch_timeout(cli, &timeout_ms);

    if (rc == 0 && cli->wait && view != NULL)
        rc = update_follow(cli, key, view->update_id, timeout_ms);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else if (view == NULL)
        buf_addf(&cli->out, "nothing to do: %s\n",
                 answer->note != NULL ? answer->note : "");
    else
        buf_addf(
            &cli->out, "%s %s\n",
            cli->wait ? "rolled forward:" : "update started:", view->update_id);
    return EXIT_OK;
}

int update_start_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    struct instance_set set = {0};
    const Perigee__Job *job;
    Answer *answer;
    struct job_key key;
    const char *file;
    int rc;

    if ((rc = cli_key(cli, 0, &key, &set)) != 0 ||
        (rc = jobfile_choose(cli, &key, 1, &file)) != 0 ||
        (rc = jobfile_evaluate(cli, file, &evaluation)) != 0)
        goto done;
    (void)jobfile_warn(cli, file, evaluation);
    if ((rc = jobfile_find(cli, file, evaluation, &key, &job)) != 0 ||
        (rc = send_start(cli, &key, &set, evaluation, job, &answer)) != 0)
        goto done;
    rc = report_start(cli, &key, answer);
done:
    jobfile_free(evaluation);
    return rc;
}

/* --- wait --- */

int update_wait_run(struct cli *cli)
{
    struct job_key key;
    int64_t timeout_ms;
    int rc;

    if ((rc = cli_key(cli, 0, &key, NULL)) != 0 ||
        (rc = watch_timeout(cli, &timeout_ms)) != 0 ||
        (rc = update_follow(cli, &key, given_id(cli), timeout_ms)) != 0)
        return rc;
    watch_tell(cli, &key, "ROLLED_FORWARD");
    return EXIT_OK;
}

/* --- info --- */

static const char *name_in(const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(type, number);

    return value != NULL ? value->name : "?";
}

/* Why its task is not ended yet. */
static void print_wait(struct cli *cli,
                       const Perigee__Aurora__UpdateInstanceView *view)
{
    static const char *const why[] = {
        [PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__POLICY] =
            "sla_policy: too many others are missing",
        [PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__ANSWER] =
            "its coordinator's answer",
        [PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__COORDINATOR] =
            "its coordinator, who has not agreed",
        [PERIGEE__AURORA__UPDATE_INSTANCE_VIEW__WAIT__TURN] =
            "its coordinator, who is asked about another one",
    };
    size_t wait = (size_t)view->wait;
    char time[32];

    if (wait == 0 || wait >= sizeof why / sizeof *why)
        return;
    buf_addf(&cli->out, "  waits for %s", why[wait]);
    if (view->again_ms > 0)
        buf_addf(&cli->out, ", asked again at %s",
                 clock_utc_text((int64_t)view->again_ms, time, sizeof time));
}

static void print_instance(struct cli *cli,
                           const Perigee__Aurora__UpdateInstanceView *view)
{
    char time[32];

    buf_addf(&cli->out, "  %5u  %-6s  %-8s", view->instance,
             name_in(&perigee__aurora__update_instance_view__change__descriptor,
                     (int)view->change),
             name_in(&perigee__aurora__update_instance_view__phase__descriptor,
                     (int)view->phase));
    if (view->failures > 0)
        buf_addf(&cli->out, "  ended %u times", view->failures);
    if (view->n_events > 0)
        buf_addf(
            &cli->out, "  %s",
            clock_utc_text((int64_t)view->events[view->n_events - 1]->at_ms,
                           time, sizeof time));
    if (view->doubled)
        buf_add_text(&cli->out, "  old and new");
    print_wait(cli, view);
    buf_add_char(&cli->out, '\n');
}

static void print_view(struct cli *cli, const char *key, const View *view)
{
    char time[32];

    buf_addf(&cli->out, "%s%s%s  to %u instance%s\n", cli_colour(cli, CLI_BOLD),
             key, cli_colour(cli, CLI_PLAIN), view->instances,
             view->instances == 1 ? "" : "s");
    print_line(cli, view);
    if (view->canary > 0)
        buf_addf(&cli->out,
                 "the canary is being judged: the first %u instance%s\n",
                 view->canary, view->canary == 1 ? "" : "s");
    buf_add_text(&cli->out, "\nhistory\n");
    for (size_t i = 0; i < view->n_events; i++) {
        const Perigee__Aurora__UpdateEvent *event = view->events[i];
        buf_addf(&cli->out, "  %s  %s%s%s\n",
                 clock_utc_text((int64_t)event->at_ms, time, sizeof time),
                 update_state_text(event->state), event->message ? "  " : "",
                 event->message ? event->message : "");
    }
    buf_add_text(&cli->out, "\ninstances\n");
    for (size_t i = 0; i < view->n_changes; i++)
        print_instance(cli, view->changes[i]);
}

int update_info_run(struct cli *cli)
{
    struct job_key key;
    Answer *answer;
    char text[JOB_KEY_TEXT_MAX];
    int rc = about(cli, PERIGEE__AURORA__CALL__TYPE__GET_UPDATE, &key, &answer);

    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else if (answer->n_updates == 1)
        print_view(cli, job_key_text(&key, text), answer->updates[0]);
    return EXIT_OK;
}

/* --- list --- */

static void print_list(struct cli *cli, const Answer *answer)
{
    for (size_t i = 0; i < answer->n_updates; i++) {
        const View *view = answer->updates[i];
        const Perigee__Aurora__JobKey *key = view->key;
        char time[32];
        buf_addf(&cli->out, "%s  %s/%s/%s/%s\n  ",
                 clock_utc_text((int64_t)view->created_ms, time, sizeof time),
                 key->cluster, key->role, key->environment, key->name);
        print_line(cli, view);
    }
}

int update_list_run(struct cli *cli)
{
    Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Update query = PERIGEE__AURORA__CALL__UPDATE__INIT;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    struct scope scope;
    Answer *answer;
    int rc = scope_read(cli, 4, &scope);

    if (rc != 0)
        return rc;
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_UPDATES;
    call.update = &query;
    key.cluster = (char *)scope.cluster;
    query.role = key.role = (char *)scope.role;
    query.environment = key.environment = (char *)scope.env;
    key.name = (char *)scope.name;
    query.key = scope.name != NULL ? &key : NULL;
    query.has_active_only = true;
    query.active_only = cli->active;
    rc = api_list(cli, scope.cluster, &call, &query.cursor, &answer);
    if (rc != 0)
        return rc;
    if (cli->json)
        api_print_json(cli, &answer->base);
    else
        print_list(cli, answer);
    return EXIT_OK;
}
