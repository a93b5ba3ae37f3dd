/* Hosts that people take out of use, in an order that hurts nobody. What is
 * asked for is remembered by name: a hostname, for every agent there now and
 * later, or the id of one agent. It is stored, so it survives us.
 *
 *     NONE ──► SCHEDULED ──► DRAINING ──► DRAINED
 *      ▲           │            │            │
 *      ╰───────────┴────────────┴────────────╯  at any time
 *
 * SCHEDULED hosts are taken only when no other has room. DRAINING and DRAINED
 * ones take nothing. A drain ends every task there, each when the policy of its
 * job lets it go (sla.h), or when the drain's own does for jobs without one;
 * what has to wait is looked at again each POLL. An instance of which nothing
 * was heard since the master's stream began does not run (settle.h). After the
 * drain's timeout it is ended all the same. The task that follows starts
 * elsewhere. A host is DRAINED when its last task has ended.
 *
 * A master may announce that a host will be unavailable. From `window_ms`
 * before that on it takes nothing, and its tasks are drained, with the start of
 * the unavailability as the timeout. That is not stored: the master repeats it.
 * It takes back an offer that asks for the host only until we have answered;
 * that the host stays after all, whoever has accepted learns by its next offer,
 * or by silence. So we ask to be asked again each AWAY_REPEAT_MS, and where
 * tasks of ours run and no offer says the same, a window that was not repeated
 * for AWAY_SILENCE_MS is over.
 *
 * All draining hosts are looked at in one pass, in slices of so many steps that
 * the loop is never held up. */
#pragma once
#include "aurora/core/sla.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/table.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct host;
struct job;
struct job_config;
struct task;

enum {
    MAINTENANCES_MAX = 100000,
    HOST_NAMES_MAX = 5000, /* in one request */
    HOST_NAME_MAX_BYTES = 255,
    REASON_MAX = 1024,
    AWAY_REPEAT_SECS = 30,
    AWAY_REPEAT_MS = AWAY_REPEAT_SECS * 1000,
    AWAY_SILENCE_MS = 4 * AWAY_REPEAT_MS, /* three may get lost */
    DRAIN_STEPS = 100000                  /* tasks looked at in one turn */
};
#define DRAIN_TIMEOUT_MAX_MS (INT64_C(366) * 24 * 60 * 60 * 1000)

/* The numbers are those of perigee.aurora.MaintenanceView.Mode. */
enum maintenance_mode {
    MAINTENANCE_NONE,
    MAINTENANCE_SCHEDULED,
    MAINTENANCE_DRAINING,
    MAINTENANCE_DRAINED
};

/* What a task on a draining host waits for. The numbers are those of
 * perigee.aurora.MaintenanceView.Wait. */
enum drain_wait {
    DRAIN_WAITS_FOR_NOBODY,      /* it is about to be ended */
    DRAIN_WAITS_FOR_END,         /* it was told to end */
    DRAIN_WAITS_FOR_POLICY,      /* too few others run */
    DRAIN_WAITS_FOR_COORDINATOR, /* who said no, or nothing */
    DRAIN_WAITS_FOR_ANSWER,      /* of the coordinator */
    DRAIN_WAITS_FOR_TURN,        /* another question to him is under way */
    DRAIN_WAITS_FOR_NEWS         /* too few others were heard of (settle.h) */
};

/* What is asked of a drain. */
struct drain_request {
    struct sla_policy policy; /* of jobs without one; NONE, COUNT, PERCENTAGE */
    int64_t timeout_ms;
    const char *reason; /* NULL or "" without */
};

struct maintenance {
    char *name; /* owned */
    enum maintenance_mode mode;
    int64_t since_ms;         /* of the mode */
    int64_t began_ms;         /* of the drain; 0 without */
    int64_t timeout_ms;       /* of the drain */
    struct sla_policy policy; /* as in the request */
    char *reason;             /* owned; NULL without */
    bool is_dirty;            /* to be saved */
    bool is_busy;             /* scratch: some host of it has tasks */
    UT_hash_handle hh;
};

struct maintenances {
    struct maintenance *by_name; /* owned */
    int64_t wake_ms;             /* a timer is armed for then; 0: none */
    bool is_again;               /* something happened behind a slice */
    uint64_t at;      /* place in host order where the next slice begins */
    uint64_t drained; /* tasks ended, so far */
    uint64_t forced;  /* of them, without asking */
    int64_t next_ms;  /* earliest thing that the slices so far saw */
};

/* Names that mean a host that is known, or that something was asked about. */
struct host_names {
    struct maintenance_of {
        const char *name; /* borrowed from the request */
        bool is_known;
    } * item;
    uint32_t count, capacity;
};

/* Each call looks at every name; those that nobody knows are left out and
 * marked so. ERR_INVALID about a name or what is asked, ERR_LIMIT: then nothing
 * was changed. Draining a host again asks anew, with what is said now; a host
 * that is drained stays so. `maintenance_schedule` leaves hosts that drain. */
int aurora_maintenance_schedule(struct aurora *a, struct host_names *names,
                                const char *reason, int64_t now_ms,
                                struct err *err);
int aurora_maintenance_drain(struct aurora *a, struct host_names *names,
                             const struct drain_request *request,
                             int64_t now_ms, struct err *err);
int aurora_maintenance_end(struct aurora *a, struct host_names *names,
                           int64_t now_ms, struct err *err);

/* NULL: nothing was asked for this name. */
const struct maintenance *aurora_maintenance(const struct aurora *a,
                                             const char *name);
/* What was asked that is strictest for the host; NULL without. */
const struct maintenance *maintenance_of_host(const struct aurora *a,
                                              const struct host *host);
/* Does the name mean this host? */
bool maintenance_names(const char *name, const struct host *host);
/* When a task of the host is ended without asking; 0: it is not drained. */
int64_t drain_deadline_ms(const struct aurora *a, const struct host *host);
const char *maintenance_mode_name(enum maintenance_mode mode);

/* --- what the master says --- */

/* The host will be away from then until then (INT64_MAX: for good); 0, 0: it
 * will not. */
void aurora_unavailable(struct aurora *a, struct host *host, int64_t from_ms,
                        int64_t until_ms, int64_t now_ms);
/* It asks for the host back: remember by which id. An agent nobody knows is
 * nobody's; true when it was taken notice of. */
bool aurora_inverse_offer(struct aurora *a, struct bytes id,
                          struct bytes agent_id, int64_t from_ms,
                          int64_t until_ms, int64_t now_ms);
void aurora_inverse_rescind(struct aurora *a, struct bytes id, int64_t now_ms);

/* --- after a restart --- */

/* Taken over, texts copied. False when the record contradicts itself. */
bool aurora_restore_maintenance(struct aurora *a,
                                const struct maintenance *record);

/* --- for the core --- */

/* A host came; or one got another name. */
void maintenance_apply(struct aurora *a, struct host *host, int64_t now_ms);
void maintenance_apply_all(struct aurora *a, int64_t now_ms);
/* The last task of a host ended. */
void maintenance_note_empty(struct aurora *a, struct host *host,
                            int64_t now_ms);
/* A coordinator answered about a task that waited for him. */
void maintenance_coordinated(struct aurora *a, struct task *task, bool may_end,
                             int64_t now_ms);
void maintenance_timer(struct aurora *a, int64_t now_ms);
void maintenance_restored(struct aurora *a, int64_t now_ms);
/* What drains asks again, whatever it was told. */
void drain_ask_anew(struct aurora *a);
/* Does a drain wait for news of the job's tasks? Then it looks again. */
bool drain_awaits_news(const struct aurora *a, const struct job *job);
void drain_look_again(struct aurora *a, const struct job *job, int64_t now_ms);
/* Look at everything that drains, then. */
void maintenance_wake(struct aurora *a, int64_t at_ms);
void maintenances_release(struct aurora *a);
void maintenance_check(const struct aurora *a);
