/* What the files of the program layer share. */
#pragma once
#include "base/arena.h"
#include "master/core/master.h"
#include "master/program.h"
#include "mesos/v1/maintenance.pb-c.h"
#include "mesos/v1/master.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"
#include "wire/codec.h"
#include "wire/json.h"
#include "wire/program.h"
#include "wire/values.h"

#define MASTER_API_VERSION "1.12.0" /* of the API; clients parse it */

struct master_program {
    struct master *core;
    struct outputs outputs;
    struct arena arena; /* of one input */
    struct buf buf;     /* reused for encoding */
    char *ip, *hostname, *cluster;
    int port;
    VEC(struct master_flag) flags; /* owned texts */
    struct access access;          /* with a reference to its users */
    uint64_t denied;               /* requests that their user may not make */
    uint64_t calls[32];            /* scheduler calls by type */
    int64_t started_ms;
};

/* One request being answered. */
struct request {
    struct master_program *p;
    const struct http_request *http;
    exchange_id exchange;
    int64_t now_ms;
    struct effects *fx;
    enum realm realm;
    enum media_type content; /* of the body */
    enum media_type accept;  /* of the answer */
};

/* --- request.c: checks that every API makes, in Mesos' order */
/* Method, Content-Type; false: answered. */
bool request_check_head(struct request *r);
/* The body as a message; NULL: answered. `what` is "Call". */
void *request_decode(struct request *r, const ProtobufCMessageDescriptor *type,
                     const char *what);
bool request_check_accept(struct request *r);
void request_refuse(struct request *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void request_accepted(struct request *r); /* 202, empty */
void request_done(struct request *r);     /* 200, empty */
/* 405. `allowed`: "GET, POST". */
void request_refuse_method(struct request *r, const char *allowed);

/* --- permit.c: who may do what */
/* May who asks do that to the role (NULL, "*": to the cluster as a whole)? */
bool request_may(const struct request *r, enum action action, const char *role);
/* The same of the cluster; false: answered 403, and logged. */
bool request_permit(struct request *r, enum action action);
/* A line of the log: who did what. Nothing where nobody is asked. */
void request_note(struct request *r, const char *what);
/* "GET_/state" */
const char *request_shown(struct request *r);
void master_take_users(struct master_program *p, struct users *users,
                       int64_t now_ms, struct effects *fx);

/* --- the APIs */
void scheduler_api(struct request *r);
void agent_api(struct request *r);
void operator_api(struct request *r);
void state_get(struct request *r);
void version_get(struct request *r);
void redirect_get(struct request *r);
void flags_get(struct request *r);
void health_get(struct request *r);
void metrics_get(struct request *r);
void metrics_snapshot_get(struct request *r);
void schedule_endpoint(struct request *r); /* /maintenance/schedule */
void maintenance_get(struct request *r);   /* /maintenance/status */
void machine_down_post(struct request *r);
void machine_up_post(struct request *r);
void flags_write(const struct master_program *p, struct json_writer *w);

/* --- send.c: outputs of the core become effects */
void send_outputs(struct master_program *p, int64_t now_ms, struct effects *fx);
/* 200, one ERROR event, end: how a subscription is refused. */
void send_subscribe_refusal(struct request *r, const char *text);

/* --- maintenance_api.c */
/* UPDATE_MAINTENANCE_SCHEDULE, START_ and STOP_MAINTENANCE; false: the call is
 * another one. */
bool maintenance_call(struct request *r, const Mesos__V1__Master__Call *call);
Mesos__V1__Maintenance__Schedule *schedule_encode(
    const struct master_program *p, struct arena *arena);
Mesos__V1__Maintenance__ClusterStatus *cluster_status_encode(
    const struct master_program *p, struct arena *arena);
Mesos__V1__MachineID *machine_id_make(const struct master_machine *machine,
                                      struct arena *arena);

/* --- accept_decode.c */
/* The operations of an ACCEPT as heads in the arena. Release them after. */
struct operation *operations_decode(struct master_program *p,
                                    const struct framework *f, const char *role,
                                    Mesos__V1__Offer__Operation *const *item,
                                    size_t count);
void operations_release(struct operation *operation, uint32_t count);
/* Texts of what is wrong, or NULL. */
const char *command_problem(const Mesos__V1__CommandInfo *command,
                            struct arena *arena);
const char *health_check_problem(const Mesos__V1__HealthCheck *check,
                                 struct arena *arena);
const char *check_problem(const Mesos__V1__CheckInfo *check,
                          struct arena *arena);

/* --- encode.c: between core values and wire messages, in the arena */
struct bytes pack(const void *message, struct arena *arena);
/* A message out of our own packed bytes; asserts that it decodes. */
void *unpack_own(const ProtobufCMessageDescriptor *type,
                 const struct blob *blob, struct arena *arena);
/* Unpack what may be damaged: NULL and an error. */
void *unpack(const ProtobufCMessageDescriptor *type, struct bytes bytes,
             struct arena *arena, struct err *err);
int framework_head_decode(const Mesos__V1__FrameworkInfo *info,
                          struct arena *arena, struct framework_head *out,
                          struct err *err);
bool framework_info_has_role(const Mesos__V1__FrameworkInfo *info);
Mesos__V1__MasterInfo *master_info(const struct master_program *p,
                                   struct arena *arena);
Mesos__V1__Offer *offer_encode(const struct master_program *p,
                               const struct offer *offer, struct arena *arena);
Mesos__V1__InverseOffer *inverse_encode(const struct master_program *p,
                                        const struct inverse *inverse,
                                        struct arena *arena);
Mesos__V1__Unavailability *unavailability_encode(
    const struct unavailability *when, struct arena *arena);
Mesos__V1__TaskStatus *made_status(const char *task_id, const char *agent_id,
                                   enum task_state state,
                                   enum status_reason reason, const char *text,
                                   int64_t unreachable_ms, int64_t now_ms,
                                   struct arena *arena);
/* A kept status as the wire has it. */
Mesos__V1__TaskStatus *status_encode(const struct task *task,
                                     const struct status *status,
                                     struct arena *arena);
Mesos__V1__Task *task_encode(const struct task *task, struct arena *arena);
Mesos__V1__TimeInfo *time_encode(int64_t ms, struct arena *arena);
enum resource_format framework_format(const struct framework *f);
Mesos__V1__TaskID *task_id_make(const char *id, struct arena *arena);
Mesos__V1__AgentID *agent_id_make(const char *id, struct arena *arena);
Mesos__V1__FrameworkID *framework_id_make(const char *id, struct arena *arena);
Mesos__V1__ExecutorID *executor_id_make(const char *id, struct arena *arena);
const char *task_state_name(enum task_state state);
/* Sums: offered, and used by tasks and executors, into `out` (unset). */
void agent_offered(const struct agent *agent, struct resources *out);
void agent_used(const struct agent *agent, struct resources *out);
void framework_offered(const struct framework *f, struct resources *out);
void framework_used(const struct framework *f, struct resources *out);

/* --- records.c: the store */
int records_on_stored(struct master_program *p, const char *table,
                      struct bytes key, struct bytes value, struct err *err);
void record_start(uint64_t incarnation, struct effects *fx);
void record_maintenance(struct master_program *p, struct effects *fx);
void record_agent(struct master_program *p, const struct agent *agent,
                  struct effects *fx);
void record_framework(struct master_program *p, const struct framework *f,
                      const char *table, struct effects *fx);

/* --- master_metrics.c */
void master_metrics(const void *self, struct metrics *out);
