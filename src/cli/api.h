/* Calls to the scheduler of a cluster (proto/perigee/aurora.proto). */
#pragma once
#include "cli/cli.h"
#include "perigee/aurora.pb-c.h"

/* One call. 0 and an answer in the run's arena, or the exit code of a refusal
 * that was reported already. A change carries an Idempotency-Key, so that a
 * broken connection or a 503 is tried again without harm (for 10 s). */
int api_call(struct cli *cli, const char *cluster,
             const Perigee__Aurora__Call *call, Perigee__Aurora__Answer **out);

/* The same for a list: all its pages as one answer, which has no cursor, and
 * the sequence of the first page. `cursor` is the field of `call` by which the
 * next page is asked for. */
int api_list(struct cli *cli, const char *cluster,
             const Perigee__Aurora__Call *call, char **cursor,
             Perigee__Aurora__Answer **out);

/* One try within `timeout_ms`, without a word: 0, or negative (-ERR_TIMEOUT,
 * -ERR_NETWORK, -ERR_NOT_FOUND, ...). What was refused (-ERR_CONFLICT) has its
 * reason in *out, or NULL. */
int api_try(struct cli *cli, const char *cluster,
            const Perigee__Aurora__Call *call, int64_t timeout_ms,
            Perigee__Aurora__Answer **out);

/* The same for a question that may well be answered "no such job": a 404 comes
 * back as 0 with *out == NULL. */
int api_ask(struct cli *cli, const char *cluster,
            const Perigee__Aurora__Call *call, Perigee__Aurora__Answer **out);

/* The job and its tasks; answer->jobs[0] is there. */
int api_job(struct cli *cli, const struct job_key *key,
            Perigee__Aurora__Answer **out);
/* The same; *out == NULL when there is no such job. */
int api_job_or_none(struct cli *cli, const struct job_key *key,
                    Perigee__Aurora__Answer **out);
/* The bundle that a stored job came from, in the run's arena. */
int api_bundle(struct cli *cli, const char *cluster, const char *sha256,
               const Perigee__Bundle **out);

/* Each event from `from_sequence` on, until it returns false. Reconnects where
 * it was. 0 when the callback stopped it; EXIT_TIMED_OUT is not reported. */
typedef bool api_event(void *context, const Perigee__Aurora__Event *event);
int api_follow(struct cli *cli, const char *cluster,
               const Perigee__Aurora__JobKey *key, uint64_t from_sequence,
               int64_t timeout_ms, api_event *event, void *context);

/* The wire form of a key, pointing into it. */
void api_key(const struct job_key *key, Perigee__Aurora__JobKey *out);
/* Instances as ranges, in the run's arena. */
Perigee__Aurora__InstanceRange **api_instances(struct cli *cli,
                                               const struct instance_set *set,
                                               size_t *count);
/* "RUNNING" */
const char *api_state_name(Perigee__Aurora__TaskState state);
bool api_state_is_terminal(Perigee__Aurora__TaskState state);
/* The answer as the --json document. */
void api_print_json(struct cli *cli, const ProtobufCMessage *message);
