/* How clients are answered: a body becomes a call, a call finds its row in the
 * table of api.c, and one of the functions below works it off. For the files of
 * this folder and for nobody else. */
#pragma once
#include "aurora/state.h"
#include "base/permission.h"

/* --- body.c: what a call's body says --- */
/* How to read it; *status when it is an error. */
int body_media(struct request *r, const struct http_request *http, int *status,
               struct err *err);
/* 0: r->call is there, or r->refusal; 1: it is being read beside the loop, and
 * AURORA_FACT_DECODED will tell; ERR_BUSY: too much is. */
int body_read(struct request *r, struct bytes body, int64_t now_ms,
              struct effects *fx, struct err *err);
/* The request that was read; NULL when nobody waits for it any more. */
struct request *body_done(struct aurora_program *p, uint64_t ticket);
void body_release(struct body *body);

/* --- api.c and its calls --- */
typedef void api_call(struct request *r, int64_t now_ms, struct effects *fx);
enum api_flags {
    API_CHANGES = 1,     /* changes something: honours Idempotency-Key */
    API_NEEDS_FIELD = 2, /* means nothing without its field of Call */
    API_STREAMS = 4      /* is answered with a stream of events */
};
/* What a call acts on, for the permission that it wants. One that only looks
 * and may not is told that there is nothing. */
enum api_object {
    ON_NOTHING = 1, /* nothing that is anybody's: every user may */
    ON_ANY,         /* nothing in particular: who may do it to anything */
    ON_CLUSTER,     /* the cluster as a whole */
    ON_ROLE, /* the role that the call's field `role` names; all without */
    ON_JOB,  /* the job or group of the call's field `key` (or `job`) */
    ON_EACH  /* many things, or one that has to be found first: the call's
                function asks about each (security_may_job) */
};
struct api_route {
    Perigee__Aurora__Call__Type type;
    int flags;
    enum action action;
    enum api_object object;
    api_call *call;
    const char *field;
    const char *answer;
};
const struct api_route *api_routes(uint32_t *count);
const struct api_route *api_route(Perigee__Aurora__Call__Type type);
/* A call that came as a GET: r->call is filled in. */
void api_perform(struct request *r, Perigee__Aurora__Call__Type type,
                 int64_t now_ms, struct effects *fx);
void api_request(struct aurora_program *p, exchange_id exchange,
                 const struct http_request *http, int64_t now_ms,
                 struct effects *fx);
/* The same when it is known who asks (sign_in.caller). */
void api_serve(struct aurora_program *p, exchange_id exchange,
               const struct http_request *http, int64_t now_ms,
               struct effects *fx);
/* Before anything of it was read. */
void api_refuse_early(struct aurora_program *p, exchange_id exchange,
                      int status, const struct err *err, int64_t now_ms,
                      struct effects *fx);
void api_gone(struct aurora_program *p, exchange_id exchange);
void api_decoded(struct aurora_program *p, const struct aurora_decoded *fact,
                 int64_t now_ms, struct effects *fx);
void api_evaluated(struct aurora_program *p,
                   const struct aurora_evaluated *fact, int64_t now_ms,
                   struct effects *fx);
/* Answer and end the request. */
void api_answer(struct request *r, Perigee__Aurora__Answer *answer,
                int64_t now_ms, struct effects *fx);
void api_refuse(struct request *r, const struct err *err, int64_t now_ms,
                struct effects *fx);
/* The same with details for people (and a status of its own when not 0). */
void api_refuse_with(struct request *r, int status, const struct err *err,
                     char **detail, size_t detail_count, int64_t now_ms,
                     struct effects *fx);
/* 405 */
void api_refuse_method(struct aurora_program *p, exchange_id exchange,
                       const char *wanted, struct effects *fx);
Perigee__Aurora__Answer *api_answer_new(struct request *r);
int api_status(enum err_code code);
/* api_jobs.c: calls that change something. */
void api_create(struct request *r, int64_t now_ms, struct effects *fx);
void api_evaluate(struct request *r, int64_t now_ms, struct effects *fx);
/* api_scale.c */
void api_scale(struct request *r, int64_t now_ms, struct effects *fx);
/* api_cron.c: jobs that the clock starts. */
void api_cron_start(struct request *r, int64_t now_ms, struct effects *fx);
void api_cron_change(struct request *r, int64_t now_ms, struct effects *fx);
void api_cron_list(struct request *r, int64_t now_ms, struct effects *fx);
void api_cron_get(struct request *r, int64_t now_ms, struct effects *fx);
/* api_rolling.c: kills and restarts. */
void api_target(struct request *r, int64_t now_ms, struct effects *fx);
void api_cancel_rolling(struct request *r, int64_t now_ms, struct effects *fx);
/* api_preview.c: what an update would do. */
void api_preview(struct request *r, int64_t now_ms, struct effects *fx);
void api_preview_quota(struct request *r, int64_t now_ms, struct effects *fx);
/* For api_groups.c: hand a bundle to a script worker, for what is picked of it
 * (worker.h); is every asset here; was the client's result another one? Then
 * the request is over. */
void api_begin_evaluation(struct request *r, struct bytes bundle,
                          const char *pick, int64_t now_ms, struct effects *fx);
int api_check_assets(struct aurora_program *p, const Perigee__Job *job,
                     struct err *err);
bool api_refuse_difference(struct request *r, const Perigee__Job *job,
                           const Perigee__Job *expected,
                           const char *stdlib_hash, int64_t now_ms,
                           struct effects *fx);
/* api_groups.c */
void api_group_deploy(struct request *r, int64_t now_ms, struct effects *fx);
void api_group_evaluated(struct request *r,
                         const Perigee__Evaluation *evaluation, int64_t now_ms,
                         struct effects *fx);
void api_group_scale(struct request *r, int64_t now_ms, struct effects *fx);
void api_group_remove(struct request *r, int64_t now_ms, struct effects *fx);
void api_group_get(struct request *r, int64_t now_ms, struct effects *fx);
void api_group_list(struct request *r, int64_t now_ms, struct effects *fx);
/* api_quota.c */
void api_set_quota(struct request *r, int64_t now_ms, struct effects *fx);
void api_list_quotas(struct request *r, int64_t now_ms, struct effects *fx);
/* The sum behind the newest ERR_QUOTA, as lines in the request's arena. */
size_t api_quota_lines(struct request *r, char ***out);
/* api_updates.c: calls about updates that exist. */
void api_update_act(struct request *r, int64_t now_ms, struct effects *fx);
void api_update_pulse(struct request *r, int64_t now_ms, struct effects *fx);
void api_update_list(struct request *r, int64_t now_ms, struct effects *fx);
void api_update_get(struct request *r, int64_t now_ms, struct effects *fx);
/* Answer a change of an update; NULL: no instance had to change. */
void api_update_answer(struct request *r, const struct update *update,
                       uint64_t sequence, int64_t now_ms, struct effects *fx);
/* ERR_INVALID when a call names too many ranges of instances. */
int api_check_ranges(Perigee__Aurora__InstanceRange *const *range, size_t count,
                     struct err *err);
struct instances api_instances(Perigee__Aurora__InstanceRange *const *range,
                               size_t count, struct arena *arena);
uint32_t api_page_size(uint32_t limit);
/* api_reads.c */
void api_list(struct request *r, int64_t now_ms, struct effects *fx);
void api_get_job(struct request *r, int64_t now_ms, struct effects *fx);
void api_get_tasks(struct request *r, int64_t now_ms, struct effects *fx);
void api_why(struct request *r, int64_t now_ms, struct effects *fx);
void api_version(struct request *r, int64_t now_ms, struct effects *fx);
extern const char aurora_version[];
int api_find_job(struct request *r, const Perigee__Aurora__JobKey *key,
                 bool also_removed, struct job **out, struct err *err);
void api_fill_why(struct request *r, const struct job *job,
                  const struct job_config *config,
                  Perigee__Aurora__Answer__Why *out);
int api_refuse_cursor(struct err *err, const char *field, const char *cursor);
/* api_find.c: tasks, and jobs in sum. */
void api_get_task(struct request *r, int64_t now_ms, struct effects *fx);
void api_find_tasks(struct request *r, int64_t now_ms, struct effects *fx);
void api_configs(struct request *r, int64_t now_ms, struct effects *fx);
void api_pending(struct request *r, int64_t now_ms, struct effects *fx);
void api_roles(struct request *r, int64_t now_ms, struct effects *fx);
/* api_hosts.c: machines, and the whole in sum. */
void api_hosts(struct request *r, int64_t now_ms, struct effects *fx);
void api_offers(struct request *r, int64_t now_ms, struct effects *fx);
void api_state(struct request *r, int64_t now_ms, struct effects *fx);
void api_reconcile(struct request *r, int64_t now_ms, struct effects *fx);
/* tier_codec.c */
void api_tiers(struct request *r, int64_t now_ms, struct effects *fx);
/* api_maintenance.c: hosts out of use. */
void api_maintenance_change(struct request *r, int64_t now_ms,
                            struct effects *fx);
void api_maintenance_status(struct request *r, int64_t now_ms,
                            struct effects *fx);
/* api_audit.c */
void api_audit(struct request *r, int64_t now_ms, struct effects *fx);
void api_security(struct request *r, int64_t now_ms, struct effects *fx);
/* api_sla.c: how long instances are up, and what if hosts went. */
void api_sla_get(struct request *r, int64_t now_ms, struct effects *fx);
void api_sla_probe(struct request *r, int64_t now_ms, struct effects *fx);
void api_sla_safe(struct request *r, int64_t now_ms, struct effects *fx);
/* schema.c: GET /api/v1/schema, made at the first request. */
struct bytes schema_text(struct aurora_program *p);
void schema_release(struct aurora_program *p);
/* rest.c: GETs. */
void rest_request(struct aurora_program *p, exchange_id exchange,
                  const struct http_request *http, int64_t now_ms,
                  struct effects *fx);
void request_free(struct request *r);
/* Is it what everybody may have: whether we are well, and assets by the address
 * that their tasks were given? */
bool rest_is_public(const struct aurora_program *p,
                    const struct http_request *http, struct arena *arena);
/* A request with an empty call, for a GET. NULL: refused, in what it asked to
 * be answered with, or as well as it could be. */
struct request *request_of_get(struct aurora_program *p, exchange_id exchange,
                               const struct http_request *http,
                               struct effects *fx);
/* Answer a GET with bytes that are ready; with 304 when the client has them. */
void api_answer_ready(struct request *r, enum media_type type,
                      struct bytes body, struct effects *fx);

/* backup.c, assets.c */
void api_backup_create(struct request *r, int64_t now_ms, struct effects *fx);
void api_list_backups(struct request *r, int64_t now_ms, struct effects *fx);
void api_put_asset(struct request *r, int64_t now_ms, struct effects *fx);
void api_get_bundle(struct request *r, int64_t now_ms, struct effects *fx);
