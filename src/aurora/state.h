/* The state of the program around the core: the link to the master, our own
 * subscribers, requests under way, assets. Shared by the files of this folder
 * and by nobody else. */
#pragma once
#include "aurora/audit.h"
#include "aurora/backup.h"
#include "aurora/core/aurora.h"
#include "aurora/core/tier.h"
#include "aurora/program.h"
#include "aurora/sign_in.h"
#include "aurora/task_store.h"
#include "perigee/aurora.pb-c.h"
#include "perigee/aurora_store.pb-c.h"
#include "perigee/job.pb-c.h"
#include "perigee/script.pb-c.h"
#include "wire/http.h"
#include "wire/program.h"
#include <regex.h>

enum program_limits {
    SUBSCRIBERS_MAX = 1000,
    SUBSCRIBERS_OF_ONE_MAX = 500, /* of one address, or user */
    EVENT_TYPES_MAX = 16,         /* that one subscriber names */
    REQUESTS_MAX = 50000,         /* idempotency keys remembered */
    EVALUATIONS_MAX = 66,         /* under way: the workers and their queue */
    EVALUATIONS_BYTES_MAX = 64 << 20, /* of their bundles */
    JUDGINGS_MAX = 64,                /* waiting; what only looks gets half */
    JUDGINGS_BYTES_MAX = 64 << 20,    /* of their bodies */
    ASSET_MAX = 4 << 20,
    CALL_BYTES_MAX = 1 << 20, /* of a call beside its asset or bundle */
    ASSETS_BYTES_MAX = 256 << 20,
    ACKS_IN_FLIGHT_MAX = 8,
    PAGE_DEFAULT = 500,
    PAGE_MAX = 2000,
    CALL_RANGES_MAX = 1000, /* of instances, in one call */
    CALL_TIMEOUT_MS = 15000
};

enum program_times {
    DECLINE_FILTER_SECONDS = 5,
    REQUEST_KEPT_MS = 24 * 60 * 60 * 1000,
    REQUEST_CROWDED_MS = 10 * 60 * 1000, /* when there are too many */
    ASSET_KEPT_MS = 60 * 60 * 1000,      /* without a job that names it */
    RECONNECT_FIRST_MS = 100,
    RECONNECT_MAX_MS = 15000,
    HEARTBEAT_DEFAULT_MS = 15000,
    HEARTBEAT_MAX_MS = 60 * 60 * 1000, /* whatever a master says */
    RECONCILE_RETRY_MS = 2000
};

/* --- the master (link.c, calls.c) --- */

enum link_state { LINK_DOWN, LINK_SUBSCRIBING, LINK_UP };

/* A call to the master that has not been answered. */
struct master_call {
    exchange_id exchange; /* 0: not sent yet */
    struct buf body;
    bool is_accept; /* broken: its tasks are to be reconciled */
    VEC(struct blob *) tasks;
};

struct master_link {
    enum link_state state;
    exchange_id stream; /* the FOLLOW */
    char *address;      /* "host:port" asked next; owned */
    char *stream_id;    /* owned; NULL while down */
    char *framework_id; /* owned; NULL before the first subscription */
    int64_t heartbeat_ms, heard_ms, retry_ms;
    uint32_t failures;
    bool got_subscribed;
    /* Order matters between calls about tasks, so one at a time is on its way;
     * acknowledgements may overtake each other. */
    VEC(struct master_call) ordered;
    VEC(struct master_call) acks;
    uint32_t acks_in_flight;
    int64_t explicit_ms, implicit_ms; /* next reconciliations */
    VEC(struct task_ref) asking;      /* owned; to be asked after, in batches */
    uint32_t asked;                   /* of `asking` */
    int64_t ask_ms;                   /* next batch */
    uint64_t updates, calls_failed, subscriptions;
};

struct api_route;

/* --- our own clients (api.c, streams.c) --- */

struct subscriber {
    exchange_id exchange;
    enum media_type media;
    const struct user *user;     /* NULL: nobody is asked who they are */
    const struct secret *secret; /* that it came with */
    uint64_t address;            /* hash of where it came from */
    uint64_t next;               /* sequence of the next event to send */
    struct blob *scope;  /* owned; what the key of a job begins with, up to the
                            whole of it; NULL: everything */
    uint32_t type_count; /* 0: every type */
    int type[EVENT_TYPES_MAX];
};

/* A remembered answer to an Idempotency-Key. */
struct remembered {
    char *key; /* owned */
    uint64_t fingerprint;
    int64_t at_ms;
    int status;          /* 0: still under way */
    struct blob *answer; /* packed Answer */
    UT_hash_handle hh;
};

/* An asset that came with a request, ready to be kept. */
struct asset_sent {
    const char *sha256;
    struct blob *content; /* owned */
    struct bytes record;  /* packed AssetRecord */
};

/* What body.c makes of a body, in its own arena. */
struct body {
    struct arena arena;
    struct bytes bytes;      /* of itself, in the request's arena or borrowed */
    enum media_type type;    /* JSON or protobuf */
    int64_t at_ms;           /* of its arrival */
    struct err refusal;      /* set: it cannot be read */
    Perigee__Bundle *bundle; /* NULL: none, or no perigee.Bundle */
    struct blob *stored;     /* it, without the assets' contents; owned */
    struct asset_sent *asset;
    uint32_t asset_count;
};

struct request;

/* Goes on with a request about that configuration; takes the reference. */
typedef void request_then(struct request *r, struct job_config *config,
                          uint32_t instances, int64_t now_ms,
                          struct effects *fx);

/* One POST /api/v1 from its arrival to its answer. */
struct request {
    struct aurora_program *p;
    exchange_id exchange;
    enum media_type media;
    struct arena arena; /* owns the answer; the body's owns the call */
    Perigee__Aurora__Call *call;
    const struct api_route *route; /* NULL before it is found */
    struct users *users;     /* shared; NULL: nobody is asked who they are */
    const struct user *user; /* of these; who asks */
    const struct secret *secret; /* with which */
    const char *peer;            /* "address:port", in the arena */
    bool is_get;
    const char *if_none_match;   /* of a GET; NULL without */
    const char *given_key;       /* in the header; NULL without */
    const char *idempotency_key; /* the same, once the call honours it */
    uint64_t fingerprint;
    struct body body;
    /* A CREATE_JOB or EVALUATE whose bundle is being evaluated. */
    uint64_t ticket;
    struct bytes canonical; /* that bundle, in the arena */
    /* A START_UPDATE or PREVIEW_UPDATE that waits in p->judging (judgings.c).
     */
    struct job_config *config; /* owned; NULL while it does not wait */
    uint32_t instances;
    int64_t judged_by_ms; /* 0: it never did */
    request_then *then;
    bool is_gone;   /* nobody waits for the answer any more */
    bool is_denied; /* its user may not make it */
    bool is_repeat; /* it was made before, under its Idempotency-Key */
};

struct asset {
    char *sha256; /* owned */
    struct blob *content;
    int64_t at_ms;
    bool is_named; /* scratch of the sweep */
    UT_hash_handle hh;
};

/* A bundle without the contents of its assets, by the hash of these bytes. */
struct bundle {
    char *sha256;  /* owned */
    char *release; /* owned; of the library it was evaluated with, or NULL */
    struct blob *bytes;
    int64_t at_ms;
    bool is_named; /* scratch of the sweep */
    UT_hash_handle hh;
};

struct release {
    char *hash;         /* owned */
    struct blob *bytes; /* packed perigee.Release */
    bool is_named;      /* scratch of the sweep */
    UT_hash_handle hh;
};

/* A time zone that some cron job named. */
struct named_zone {
    char *name;        /* owned */
    struct zone *zone; /* owned */
    UT_hash_handle hh;
};

struct aurora_program {
    struct aurora_options options; /* its texts are owned */
    char *asset_url;               /* owned; prefix of assets; NULL unknown */
    regex_t environments;
    struct tiers tiers;
    struct aurora core;
    struct master_link link;
    exchange_id next_exchange;
    uint64_t next_ticket;
    VEC(struct subscriber) subscribers;
    VEC(struct request *) decoding; /* in the shell's hands */
    VEC(struct request *) evaluating;
    VEC(struct request *) judging;
    uint64_t judgements; /* of the core, when they were looked at last */
    struct remembered *remembered; /* oldest first */
    int64_t room_at_ms;            /* no room is made for more of them before */
    struct asset *assets;
    struct bundle *bundles;
    struct release *releases;
    uint64_t asset_bytes;
    int64_t heartbeat_at_ms, sweep_at_ms;
    bool streams_late; /* a subscriber has more to get */
    uint64_t ceiling;  /* restored */
    uint64_t logged;   /* sequence of the last event in the text log */
    int64_t now_ms;    /* of the input being worked on */
    VEC(struct blob *) stored_jobs; /* records read before on_start */
    struct stored_tasks stored_tasks;
    VEC(struct blob *) stored_updates;
    VEC(struct blob *) stored_slots;
    VEC(struct blob *) stored_firings;
    VEC(struct blob *) stored_notices;
    struct named_zone *zones; /* of cron jobs, kept for good */
    VEC(struct blob *) stored_groups;
    VEC(struct blob *) stored_members;
    struct peer *peers; /* rates.c */
    uint64_t requests, refusals, rate_refusals;
    struct buf schema; /* schema.c */
    struct backups backups;
    struct sign_in sign_in;
    struct audit audit;
};

/* --- store.c --- */
int store_take(struct aurora_program *p, const char *table, struct bytes key,
               struct bytes value, struct err *err);
/* All records are here: build the core. Refusals end the program. */
int store_done(struct aurora_program *p, int64_t now_ms, struct err *err);
/* Write what the core's work says; the work itself stays. */
void store_save(struct aurora_program *p, struct effects *fx);
void store_save_scheduler(struct aurora_program *p, struct effects *fx);
void store_release(struct aurora_program *p);
/* For update_store.c: a record that cannot be read; a record to write. */
int store_damaged(struct err *err, const char *table, struct bytes key);
void store_persist(struct effects *fx, const char *table, struct bytes key,
                   const ProtobufCMessage *message);

/* --- update_store.c: the records of updates, for store.c --- */
int updates_restore(struct aurora_program *p, struct err *err);
void updates_save(struct aurora_program *p, struct effects *fx);
void updates_store_release(struct aurora_program *p);

/* --- cron_codec.c, cron_store.c, cron_views.c: jobs that the clock starts ---
 */
/* What the job says of when it runs; *out NULL: nothing. ERR_INVALID and
 * ERR_NOT_FOUND about its time zone. */
int cron_rule_decode(struct aurora_program *p, const Perigee__Job *job,
                     struct cron_rule **out, struct err *err);
void zones_release(struct aurora_program *p);
Perigee__Aurora__JobRecord__Cron *cron_record(const struct cron *cron,
                                              struct arena *arena);
void cron_restore(const Perigee__Aurora__JobRecord__Cron *record,
                  struct cron *cron);
int firings_restore(struct aurora_program *p, struct err *err);
void firings_save(struct aurora_program *p, struct effects *fx);
void firings_store_release(struct aurora_program *p);
Perigee__Aurora__FiringView *view_firing(const struct firing *firing,
                                         struct arena *arena);
/* With its newest `firings` ones. */
Perigee__Aurora__CronView *view_cron(const struct job *job, uint32_t firings,
                                     struct arena *arena);

/* --- notify_codec.c, notify_store.c, notify_send.c: notifications --- */
/* ERR_INVALID about what this cluster cannot tell. */
int notify_check(struct aurora_program *p, const Perigee__Job *job,
                 struct err *err);
void notify_decode(const Perigee__Job *job, struct job_config *config);
/* All that there is to tell, in the arena. */
Perigee__NotifyEvent *notice_event(const struct notice *notice,
                                   struct arena *arena);
Perigee__Aurora__NotificationView *view_notice_event(const struct event *event,
                                                     struct arena *arena);
int notices_restore(struct aurora_program *p, struct err *err);
void notices_save(struct aurora_program *p, struct effects *fx);
void notices_store_release(struct aurora_program *p);
/* Tell what the core wants to be told. */
void notices_send(struct aurora_program *p, struct effects *fx);
void notices_answered(struct aurora_program *p,
                      const struct aurora_notified_fact *fact, int64_t now_ms);
/* A script's answer; false when the ticket is no notice's. */
bool notices_judged(struct aurora_program *p,
                    const struct aurora_judged_fact *fact, int64_t now_ms);
void notices_metrics(const struct notices *notices, struct metrics *m);

/* --- quota_codec.c: quotas on the wire and in the store --- */
/* ERR_INVALID names the field. */
int quota_decode(const Perigee__Quota *from, struct quota *out,
                 struct err *err);
/* What its role has, with these amounts added. */
int quota_decode_more(const struct quotas *quotas, const Perigee__Quota *from,
                      struct quota *out, struct err *err);
/* "web: parent=shop production.cpu=2", behind what is there. */
void quota_add_text(const Perigee__Quota *from, struct buf *out);
Perigee__Quota *quota_view(const struct quota *from, struct arena *arena);
Perigee__QuotaAmounts *quota_view_amounts(const struct quota_amounts *from,
                                          uint32_t set, struct arena *arena);
int quota_store_take(struct aurora_program *p, struct bytes key,
                     struct bytes value, struct err *err);
void quotas_save(struct aurora_program *p, struct effects *fx);

/* --- rolling_store.c: restarts and kills in batches --- */
/* In the arena; it borrows from `rolling`. */
Perigee__Aurora__JobRecord__Rolling *rolling_record(
    const struct rolling *rolling, struct arena *arena);
/* NULL: the record contradicts itself. */
struct rolling *rolling_restore(
    const Perigee__Aurora__JobRecord__Rolling *record);
/* Of a store of the first release; NULL: nothing was left to do. */
struct rolling *rolling_restore_old(
    const Perigee__Aurora__JobRecord__Restart *record);
Perigee__Aurora__RollingView *view_rolling(const struct rolling *rolling,
                                           struct arena *arena);
Perigee__Aurora__RollingView *view_rolling_event(const struct event *event,
                                                 struct arena *arena);
/* --- group_store.c: the records of application groups, for store.c --- */
int groups_restore(struct aurora_program *p, struct err *err);
void groups_save(struct aurora_program *p, struct effects *fx);
void groups_store_release(struct aurora_program *p);
/* A sealed tree; its members are the jobs of each group before those of the
 * groups in it. ERR_INVALID (a circle, an unknown name), ERR_LIMIT. */
int group_tree_decode(const Perigee__Group *group, struct group_tree *out,
                      struct err *err);
/* The tree, packed. */
struct blob *group_source(const Perigee__Group *tree);

/* --- job_codec.c --- */
/* A new config from an evaluated job that was checked (ERR_INVALID names the
 * field); *instances is what the job asks for. */
int job_decode(struct aurora_program *p, const Perigee__Job *job,
               struct job_config **out, uint32_t *instances, struct err *err);
/* To look at, not to run: its functions may be missing here. */
int job_decode_preview(struct aurora_program *p, const Perigee__Job *job,
                       struct job_config **out, uint32_t *instances,
                       struct err *err);
/* From a stored record, unchecked but for what the core needs. */
int job_decode_stored(struct aurora_program *p, const Perigee__Job *job,
                      struct job_config **out, struct err *err);
/* The decoded job of a config; borrowed from it. */
const Perigee__Job *job_of(struct job_config *config);
/* The same with its instances set, in the arena. */
Perigee__Job *job_with_instances(struct job_config *config, uint32_t instances,
                                 struct arena *arena);
/* A key of the wire; parts missing are ERR_INVALID, as is another cluster. */
int key_decode(const struct aurora_program *p,
               const Perigee__Aurora__JobKey *key, struct job_key *out,
               struct err *err);
Perigee__Aurora__JobKey *key_encode(const struct job_key *key,
                                    struct arena *arena);
/* To be packed at once: it points into the key. */
Perigee__Aurora__JobKey key_borrow(struct job_key *key);

/* --- views.c --- */
Perigee__Aurora__TaskView *view_task(struct aurora_program *p,
                                     const struct task *task,
                                     struct arena *arena);
/* With its history, instances and job, or the head alone. */
Perigee__Aurora__UpdateView *view_update(const struct update *update,
                                         bool is_whole, struct arena *arena);
Perigee__Aurora__UpdateView *view_update_event(const struct event *event,
                                               struct arena *arena);
/* group_views.c. With its tree, members and history, or the head alone. */
Perigee__Aurora__GroupView *view_group(const struct app_group *group,
                                       bool is_whole, struct arena *arena);
Perigee__Aurora__GroupView *view_group_event(const struct event *event,
                                             struct arena *arena);
Perigee__Aurora__GroupEvent **view_group_history(const struct app_group *group,
                                                 struct arena *arena);
/* What a member waits for, or NULL. */
char *view_waits(const struct app_member *member, struct arena *arena);
Perigee__Aurora__JobView *view_job(const struct aurora_program *p,
                                   const struct job *job, struct arena *arena);
Perigee__Aurora__Event *view_event(struct aurora_program *p,
                                   const struct event *event,
                                   struct arena *arena);
Perigee__Aurora__HostView *view_host(const struct host *host,
                                     struct arena *arena);
Perigee__Aurora__HostEvent *view_host_event(const struct event *event,
                                            struct arena *arena);
char *view_text(struct blob *blob, struct arena *arena);
/* "thermos-" and the task's id: all of it, or as much of its end, which has the
 * part that is unique, as Mesos lets an id have. */
char *view_executor_id(const struct blob *task_id, struct arena *arena);

/* --- backup.c --- */
void backups_start(struct aurora_program *p, int64_t now_ms);
int64_t backups_next_ms(const struct aurora_program *p);
void backups_time(struct aurora_program *p, int64_t now_ms, struct effects *fx);
void backups_done(struct aurora_program *p,
                  const struct aurora_backup_fact *fact, int64_t now_ms,
                  struct effects *fx);
void backups_listed(struct aurora_program *p,
                    const struct aurora_backup_fact *fact, int64_t now_ms,
                    struct effects *fx);
/* Did the exchange wait for a list? */
bool backups_gone(struct aurora_program *p, exchange_id exchange);
void backups_release(struct aurora_program *p);
void aurora_metrics(const void *self, struct metrics *m); /* of a program */
void backups_metrics(const struct aurora_program *p, struct metrics *m);

/* --- questions.c: what scripts are asked about hosts --- */
void questions_ask(struct aurora_program *p, struct effects *fx);
void questions_judged(struct aurora_program *p,
                      const struct aurora_judged_fact *fact, int64_t now_ms);

/* --- judgings.c: requests that wait until scripts have judged the hosts of a
 * job's tasks (aurora_awaits_judging) --- */
/* True: the request waits, or it was refused, and the reference of `config` is
 * taken; `then` goes on when the hosts are judged, or UPDATE_JUDGED_MS later.
 * False: there is nothing to wait for, or it has waited. */
bool judgings_hold(struct request *r, struct job_config *config,
                   uint32_t instances, request_then *then, int64_t now_ms,
                   struct effects *fx);
void judgings_go_on(struct aurora_program *p, int64_t now_ms,
                    struct effects *fx);
int64_t judgings_next_ms(const struct aurora_program *p);
void judgings_gone(struct aurora_program *p, exchange_id exchange);
void judgings_release(struct aurora_program *p);

/* --- rates.c: how often one address may ask --- */
/* ERR_BUSY: too often. `peer` is "address:port". */
int rate_take(struct aurora_program *p, const char *peer, int64_t now_ms,
              struct err *err);
/* The same for a user with a limit of its own. */
int rate_take_user(struct aurora_program *p, const struct user *user,
                   int64_t now_ms, struct err *err);
void rates_release(struct aurora_program *p);

/* --- tier_codec.c --- */
/* The tier that the job names. ERR_INVALID: there is none of this name, or
 * this scheduler cannot serve it. */
int tier_check(const struct aurora_program *p, const Perigee__Job *job,
               struct err *err);
/* Its flags; an unknown name (of a job that was stored when there was such a
 * tier) means the default. */
struct tier tier_of_job(const struct aurora_program *p,
                        const Perigee__Job *job);

/* Part the config's needs by whether they may be taken back; its tier and what
 * it needs are set. */
void tier_split(const struct aurora_program *p, struct job_config *config);
/* The kind of resource of that name that the tasks of the config use; the
 * caller gives back the reference. */
const struct resource_kind *tier_kind(const struct aurora_program *p,
                                      const struct job_config *config,
                                      const struct resource_kind *plain);

/* preempt_views.c. What becomes of pushing others aside; NULL: nothing. */
char *view_preemption(const struct aurora *a, const struct job_config *config,
                      int64_t now_ms, struct arena *arena);
void preempt_metrics(const struct aurora *a, struct metrics *m);

/* --- sla_codec.c --- */
int sla_check(const struct aurora_program *p, const Perigee__Job *job,
              struct err *err);
void sla_decode(const Perigee__Job *job, struct job_config *config);
/* A policy that is no job's: a count or a percentage. ERR_INVALID. */
int sla_read(const struct aurora_program *p, const Perigee__SlaPolicy *sla,
             struct sla_policy *out, struct err *err);
/* sla_metrics.c: figures of the last minute, drains. */
void sla_metrics(const struct aurora_program *p, struct metrics *m);
void sla_view(const struct sla_policy *policy, Perigee__SlaPolicy *out);

/* --- maintenance_store.c: hosts out of use --- */
int maintenance_take(struct aurora_program *p, struct bytes key,
                     struct bytes value, struct err *err);
void maintenances_save(struct aurora_program *p, struct effects *fx);

/* --- coordinators.c: who is asked before a task ends --- */
void coordinators_send(struct aurora_program *p, struct effects *fx);
void coordinators_answered(struct aurora_program *p,
                           const struct aurora_coordinated_fact *fact,
                           int64_t now_ms, struct effects *fx);

/* --- streams.c --- */
void stream_subscribe(struct request *r, int64_t now_ms, struct effects *fx);
/* Send what subscribers have not got yet. False: one has more to get, soon. */
bool stream_send(struct aurora_program *p, struct effects *fx);
void stream_heartbeat(struct aurora_program *p, int64_t now_ms,
                      struct effects *fx);
/* The subscriber may not follow any more. */
void stream_end_denied(struct aurora_program *p, uint32_t at,
                       struct effects *fx);
bool stream_gone(struct aurora_program *p, exchange_id exchange);
void stream_release(struct aurora_program *p);

/* --- keys.c: Idempotency-Key --- */
/* The key that was given, apart from those of other users; NULL without. */
const char *keys_of(struct request *r);
/* 0: new, and remembered as under way; 1: answered (the answer is sent);
 * negative: refused. */
int keys_begin(struct request *r, int64_t now_ms, struct effects *fx,
               struct err *err);
void keys_end(struct request *r, int status,
              const Perigee__Aurora__Answer *answer, int64_t now_ms,
              struct effects *fx);
void keys_forget(struct request *r);
void keys_restore(struct aurora_program *p,
                  const Perigee__Aurora__RequestRecord *record);
void keys_sweep(struct aurora_program *p, int64_t now_ms, struct effects *fx);
void keys_release(struct aurora_program *p);

/* --- sign_in.c: where the tasks of a role fetch assets from --- */
char *asset_url_of(struct aurora_program *p, const char *role,
                   struct arena *arena);
bool asset_key_is(const struct aurora_program *p, const char *role,
                  const char *given);
/* Of a scheduler that has none yet. */
void asset_key_make(struct aurora_program *p, struct effects *fx);
