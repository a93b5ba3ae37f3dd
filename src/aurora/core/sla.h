/* How many instances of a job may be missing: what its policy promises, and
 * whether one more task may be ended by us. Pure; updates ask before each kill
 * that is theirs, and whoever empties hosts asks the same.
 *
 * An instance is there when a task of it has been RUNNING for longer than the
 * policy's duration. Of `active` instances, allowed are missing
 *
 *   trunc((1 - percentage) x active)   or   active - count
 *
 * but always one, or nothing could ever move. Jobs that are not of production,
 * and those with few instances, are not protected: every kill is allowed. A
 * coordinator decides for himself, whatever the size. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum sla_kind {
    SLA_NONE,
    SLA_COUNT,
    SLA_PERCENTAGE,
    SLA_COORDINATOR /* somebody outside is asked each time */
};

enum { SLA_WHOLE = 100000 }; /* thousandths of a per cent */

struct sla_policy {
    enum sla_kind kind;
    uint32_t count;            /* that keep running */
    uint32_t percentage_milli; /* of SLA_WHOLE, that keeps running */
    int64_t duration_ms;       /* RUNNING for longer than this counts */
    char *url, *status_key;    /* of the coordinator; owned by the config */
    bool is_production;        /* the job is of that tier */
};

/* The scheduler's own rules. */
struct sla_rules {
    uint32_t instances_min; /* below, count and percentage do not protect */
    bool protects_all;      /* not only production */
};

/* Of one job, apart from the instance of the task that is to be ended. */
struct sla_facts {
    uint32_t active; /* instances, that one included */
    uint32_t there;  /* others that are there */
};

enum sla_verdict { SLA_ALLOW, SLA_REFUSE, SLA_ASK };

enum sla_verdict sla_judge(const struct sla_policy *policy,
                           const struct sla_rules *rules,
                           const struct sla_facts *facts);
/* Instances that may be missing; of COUNT and PERCENTAGE. */
uint32_t sla_missing_max(const struct sla_policy *policy, uint32_t active);

enum sla_times {
    SLA_AGAIN_FIRST_MS = 60 * 1000,
    SLA_AGAIN_MAX_MS = 300 * 1000
};

/* When to try again after `tries` refusals in a row. */
int64_t sla_again_ms(uint32_t tries);
