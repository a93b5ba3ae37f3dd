/* What one version of a job says, as far as scheduling decides on it: the head.
 * The whole evaluated job travels beside it as packed bytes that the core never
 * reads. A config is immutable but for its waiting list; jobs, tasks and events
 * share it by reference count.
 *
 * Tasks with one config are equal, so they wait in one group and are placed
 * together: the group is part of the config. */
#pragma once
#include "aurora/core/cron_rule.h"
#include "aurora/core/notify.h"
#include "aurora/core/question.h"
#include "aurora/core/sla.h"
#include "aurora/core/update_rule.h"
#include "base/bytes.h"
#include "base/job_key.h"
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    CONFIG_ID_MAX = 33,
    CONSTRAINTS_MAX = 64,        /* of one job */
    CONSTRAINT_VALUES_MAX = 256, /* of one constraint */
    PORT_NAMES_MAX = 256         /* of one job */
};

struct class_verdicts;
struct task;

/* Thousandths of cpus, MiB, MiB and devices. */
struct amounts {
    int64_t cpus, mem, disk, gpus;
};

/* The same of what may be taken back (Mesos' oversubscription). */
struct revocable {
    int64_t cpus, mem;
};

/* The numbers are those of perigee.HostConstraint.Kind. */
enum constraint_kind {
    CONSTRAINT_ONE_OF = 1,
    CONSTRAINT_NONE_OF,
    CONSTRAINT_LIMIT,
    CONSTRAINT_UNIQUE,
    CONSTRAINT_CLUSTER,
    CONSTRAINT_GROUP_BY,
    CONSTRAINT_LIKE,
    CONSTRAINT_UNLIKE,
    CONSTRAINT_MAX_PER
};

/* Does it count tasks per value, rather than look at the value alone? */
bool constraint_counts(enum constraint_kind kind);

struct constraint {
    char *attribute; /* owned; "host" is the host's name */
    enum constraint_kind kind;
    uint32_t limit; /* LIMIT, MAX_PER, GROUP_BY; 1 of UNIQUE */
    uint32_t value_count;
    char **value;              /* owned */
    struct question *question; /* owned; of LIKE and UNLIKE */
};

/* Is it about values that all hosts of a class (hosts_class.h) share? */
bool constraint_is_of_class(const struct constraint *constraint);

struct job_config {
    uint32_t refs;
    uint32_t users; /* jobs and tasks; without any the record goes */
    struct job_key key;
    struct blob *bytes; /* owned; the packed job */

    int32_t priority;
    int32_t failures_max;   /* -1: no limit */
    int64_t partition_ms;   /* out of reach this long is LOST; -1: never */
    struct amounts task;    /* what the task itself asks for */
    struct amounts need;    /* with the executor's share; without what may be */
    struct revocable spare; /* taken back, of which it uses this much */
    char **port_name;       /* owned, in the order of the job */
    struct constraint *constraint; /* owned */
    uint32_t port_count, constraint_count;
    struct question *place, *rank; /* owned; NULL without */
    struct update_settings update; /* its sizes are owned */
    struct sla_policy sla;         /* its texts are owned */
    struct cron_rule *cron;        /* owned; NULL: no schedule */
    struct notify_rule *notify;    /* owned; who hears of the job */
    uint32_t notify_count;

    /* The codec's decoded form of `bytes`, made when first wanted. */
    void *decoded; /* owned through decoded_free */
    void (*decoded_free)(void *decoded);

    /* The group of tasks that wait, oldest first. */
    struct task *waiting_first, *waiting_last; /* borrowed */
    uint64_t tried;      /* hosts not changed since then do not fit */
    uint64_t departures; /* of its job, when they were tried */
    struct class_verdicts *classes; /* owned; NULL until placing wants it */
    struct job_config *group_prev, *group_next; /* aurora's list of groups */
    uint32_t waiting_count, kept_count; /* of them, for one host (keeps.h) */

    char id[CONFIG_ID_MAX];        /* hash of `bytes` */
    char runs_id[CONFIG_ID_MAX];   /* hash of what matters to a task that runs:
                                      equal ones need no restart */
    char stands_id[CONFIG_ID_MAX]; /* the same without the constraints: equal
                                      ones need none where the host suits */
    bool is_service;
    bool
        is_production; /* of a tier that is neither preemptible nor revocable */
    bool is_preemptible; /* its tier (tier.h) */
    bool is_revocable;
    bool is_host_bound; /* hosts of one class are not alike to it: some value
                           constraint is about "host", or scripts judge */
    bool has_values;    /* some constraint is about values of a class */
    bool is_dedicated;  /* some constraint is about "dedicated" */
    bool is_limited;    /* some constraint counts tasks */
    bool is_ordered;    /* what does not fit now may fit behind another task */
    bool has_like;      /* some constraint is an expression */
    bool is_dirty;      /* to be saved */
    UT_hash_handle hh;
};

/* One reference. `bytes` are copied and named by their hash. */
struct job_config *job_config_new(const struct job_key *key,
                                  struct bytes bytes);
/* The id that a config with these bytes has. */
char *job_config_id(struct bytes bytes, char out[CONFIG_ID_MAX]);
struct job_config *job_config_ref(struct job_config *config);
void job_config_unref(struct job_config *config); /* accepts NULL */
void job_config_add_port(struct job_config *config, const char *name);
/* Values are copied. */
void job_config_add_constraint(struct job_config *config, const char *attribute,
                               enum constraint_kind kind,
                               const char *const *value, uint32_t value_count,
                               uint32_t limit);
/* Sizes are copied; one at least. */
void job_config_set_update(struct job_config *config,
                           const struct update_settings *settings);
/* Texts are copied. */
void job_config_set_sla(struct job_config *config,
                        const struct sla_policy *policy);
/* The functions of the file; each takes the caller's reference. */
void job_config_set_place_take(struct job_config *config,
                               struct question *place);
void job_config_set_rank_take(struct job_config *config, struct question *rank);
/* One more who hears of it; the target is copied. */
void job_config_add_notify(struct job_config *config,
                           const struct notify_rule *rule);
/* When it runs; takes the rule. */
void job_config_set_cron_take(struct job_config *config,
                              struct cron_rule *rule);
