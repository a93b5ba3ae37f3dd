/* perigee-aurora as a program (wire/program.h): the scheduler's core behind its
 * codecs. One instance is one life of one scheduler. The shell (main.c) gives
 * it sockets, a store and script workers; tests/sim gives it a simulated
 * world. */
#pragma once
#include "aurora/core/preempt_rules.h"
#include "base/bytes.h"
#include "base/permission.h"
#include "base/zone.h"
#include "script/security_file.h"
#include "wire/program.h"
#include <stdint.h>

struct aurora_options {
    const char *cluster; /* "devcluster"; jobs of others are refused */
    const char *master;  /* "host:port" */
    /* Who we are to the master, and what proves it; NULL: nobody. Both are
     * borrowed for as long as the program lives. */
    const char *principal, *authorization;
    const char *hostname;     /* ours, as FrameworkInfo says it */
    const char *endpoint;     /* our "ip:port", for assets; NULL: set later */
    const char *user;         /* FrameworkInfo.user */
    const char *thermos_path; /* the executor, on the agents */
    const char *stdlib_hash;  /* of the job library built in */
    struct bytes stdlib_release; /* the library, kept with bundles; borrowed */
    const char *environments; /* extended regular expression; \d is a digit */
    uint32_t tasks_per_job_max;
    uint32_t sla_instances_min; /* fewer are not protected by a policy */
    int64_t sla_duration_max_ms;
    bool sla_protects_all;        /* not only production */
    bool takes_revocable;         /* resources that may be taken back: */
    bool spares_cpus, spares_mem; /* the cpus, the memory of revocable tiers */
    struct preempt_rules preempt; /* tasks that wait long push others aside */
    const char *tiers;     /* the operator's, as tiers_parse wants them; NULL */
    int64_t drain_poll_ms; /* what has to wait in a drain is asked again */
    int64_t away_window_ms; /* hosts are emptied so long before they go */
    int64_t offer_hold_ms, offer_jitter_ms;
    bool keeps_places; /* on its host, for what an update or restart ends */
    bool spreads;      /* tasks over hosts, rather than packing them */
    int64_t executor_cpus_milli, executor_mem_milli; /* cores, MiB */
    int64_t failover_timeout_ms;
    int64_t heartbeat_ms;      /* of our event streams */
    const char *zookeeper;     /* that tasks are announced in; NULL: in none */
    const char *announce_root; /* "/aurora": /role/env/job is below it */
    bool allow_announce_path;  /* jobs may name another path */
    /* Asking the master after tasks: those that we know, so many at a time
     * with pauses between; then everything that the master knows, half an
     * explicit interval apart, but for the first time. */
    uint32_t reconcile_batch;
    int64_t reconcile_pause_ms, reconcile_first_ms;
    int64_t reconcile_explicit_ms, reconcile_implicit_ms;
    int64_t requests_per_second; /* of one address; 0: any number */
    const char *timezone;        /* of cron jobs that name none */
    /* Where time zones come from; NULL: only UTC is known. The program owns
     * what it gives. */
    int (*zone_load)(const char *name, struct zone **out, struct err *err);
    const char *mail_from;     /* of notifications; NULL: no mail can be sent */
    int64_t notice_give_up_ms; /* notifications that old are given up */
    uint64_t seed;             /* never the same for two lives */
    int log_level;             /* nobody hears what is above (effect_log) */
    bool can_back_up;          /* the shell has a directory for backups */
    int64_t backup_interval_ms; /* of automatic ones; 0: none */
    int64_t backup_last_ms;     /* when the newest there is was made; 0: none */
};
extern const struct aurora_options AURORA_OPTIONS; /* the defaults */

/* What only our shell can do, and what it tells. */
enum aurora_act {
    AURORA_ACT_EVALUATE = 1,
    AURORA_ACT_JUDGE,
    AURORA_ACT_DECODE,
    AURORA_ACT_BACKUP = 260,
    AURORA_ACT_LIST_BACKUPS,
    AURORA_ACT_COORDINATE = 230,
    AURORA_ACT_VERIFY = 410,
    AURORA_ACT_NOTIFY = 510
};
enum aurora_fact {
    AURORA_FACT_EVALUATED = 1,
    AURORA_FACT_JUDGED,
    AURORA_FACT_DECODED,
    AURORA_FACT_COORDINATED = 230,
    AURORA_FACT_BACKED_UP = 260,
    AURORA_FACT_BACKUPS,
    AURORA_FACT_VERIFIED = 410,
    AURORA_FACT_SECURITY,
    AURORA_FACT_HANDSHAKE,
    AURORA_FACT_NOTIFIED = 510
};

struct aurora_evaluate { /* evaluate a bundle in a script worker */
    uint64_t ticket;
    struct bytes bundle; /* canonical perigee.Bundle; stays until the verdict */
    const char *pick;    /* the job wanted, "group:NAME", or NULL */
};
struct aurora_evaluated { /* its verdict */
    uint64_t ticket;
    uint32_t is_busy;    /* the queue was full: nothing was tried */
    struct bytes result; /* packed perigee.Evaluation */
};
struct aurora_judge { /* ask a script worker about hosts */
    uint64_t ticket;
    struct bytes bundle;    /* canonical, without assets; empty: none needed */
    struct bytes judgement; /* packed perigee.Judgement */
    struct bytes stdlib;    /* packed perigee.Release; empty: our own */
};
struct aurora_judged_fact { /* what it says */
    uint64_t ticket;
    uint32_t is_busy;    /* too many questions: nothing was tried */
    struct bytes result; /* packed perigee.Verdicts */
};

struct aurora_decode { /* read a large request: aurora_decode_run(work) */
    uint64_t ticket;
    void *work; /* the request's; nobody else touches it until it is told */
};
struct aurora_decoded { /* it was read */
    uint64_t ticket;
};
/* On any thread. */
void aurora_decode_run(void *work);

struct aurora_verify { /* check a password: aurora_verify_run(work) */
    uint64_t ticket;
    void *work; /* as above */
};
struct aurora_verified { /* it was checked */
    uint64_t ticket;
};
/* On any thread. */
void aurora_verify_run(void *work);
struct aurora_security_fact { /* security.lua was read again */
    struct users *users;      /* the program's from here on; NULL: without one,
                                 and when `why` says what is wrong */
    struct os_users os_users; /* the same */
    char why[512];
};

struct aurora_handshake_fact { /* a client's certificate was refused */
    char peer[80];
    char subject[256]; /* what it says of itself; "": cannot be read */
    char why[160];
};

struct aurora_coordinate { /* ask a job's coordinator about a task */
    uint64_t ticket;
    const char *url;
    struct bytes body; /* JSON */
};
struct aurora_coordinated_fact { /* what it answers */
    uint64_t ticket;
    uint32_t status;     /* of HTTP; 0: there was no answer */
    struct bytes result; /* its body; or why there was none */
};

struct aurora_notify { /* tell somebody */
    uint64_t ticket;
    const char *url;           /* gets a POST; NULL: a mail */
    const char *type;          /* Content-Type of the POST */
    const char *const *header; /* "Name: value", more of the POST */
    uint32_t header_count;
    const char *to;    /* address that gets a mail */
    struct bytes body; /* of the POST; or the mail with its headers */
};
struct aurora_notified_fact { /* what became of it */
    uint64_t ticket;
    uint32_t status;     /* of HTTP or SMTP; 0: there was no answer */
    struct bytes result; /* why there was none */
};

struct aurora_backup {  /* make a live backup, and remove old ones */
    int64_t created_ms; /* names it */
};
struct aurora_list_backups {
    uint64_t ticket;
};
struct aurora_backup_fact { /* what became of either */
    uint64_t ticket;        /* of the list */
    uint64_t bytes;         /* of the backup made */
    uint32_t failed;        /* it was not made */
    struct bytes result;    /* why it failed; or packed perigee.aurora.Answer */
};

struct aurora;
struct aurora_program;
/* Options are copied. */
struct aurora_program *aurora_program_new(const struct aurora_options *options);
void aurora_program_free(struct aurora_program *program);
/* Where tasks fetch assets from, once the port is known. */
void aurora_program_set_endpoint(struct aurora_program *program,
                                 const char *endpoint);
/* Ask everybody who they are (`users`, not NULL), and who tasks run as. Both
 * are the program's from here on. Before it starts. */
void aurora_program_set_security(struct aurora_program *program,
                                 struct users *users, struct os_users *os_users,
                                 const char *file, int64_t now_ms);
/* Its state, for those who check it; borrowed. */
const struct aurora *aurora_program_core(const struct aurora_program *program);
extern const struct program AURORA_PROGRAM;
