/* What a job says of when it runs, as the core's rule; and the time zones that
 * jobs have named. */
#include "aurora/state.h"

#include <stdlib.h>
#include <string.h>

static int load(struct aurora_program *p, const char *name, struct zone **out,
                struct err *err)
{
    if (p->options.zone_load)
        return p->options.zone_load(name, out, err);
    if (strcmp(name, "UTC") != 0)
        return err_set(err, ERR_NOT_FOUND, "time zone '%s': only UTC is known",
                       name);
    *out = zone_fixed(0);
    return 0;
}

/* Kept for good: there are some hundred zones in the world. */
static int find_zone(struct aurora_program *p, const char *name,
                     const struct zone **out, struct err *err)
{
    struct named_zone *known;
    struct zone *zone;

    HASH_FIND_STR(p->zones, name, known);
    if (!known) {
        int rc = load(p, name, &zone, err);
        if (rc < 0) {
            err_field(err, "cron.timezone");
            return rc;
        }
        known = xcalloc(1, sizeof *known);
        known->name = xstrdup(name);
        known->zone = zone;
        HASH_ADD_KEYPTR(hh, p->zones, known->name, strlen(known->name), known);
    }
    *out = known->zone;
    return 0;
}

void zones_release(struct aurora_program *p)
{
    for (struct named_zone *z = p->zones, *next; z; z = next) {
        next = z->hh.next;
        HASH_DEL(p->zones, z);
        zone_free(z->zone);
        free(z->name);
        free(z);
    }
}

static int decode_schedule(struct aurora_program *p, const Perigee__Cron *cron,
                           struct cron_rule *rule, struct err *err)
{
    const char *zone = cron->timezone && *cron->timezone ? cron->timezone
                                                         : p->options.timezone;
    int rc = cron_parse(cron->schedule, &rule->schedule, err);

    if (rc < 0)
        err_field(err, "cron.schedule");
    return rc < 0 ? rc : find_zone(p, zone, &rule->zone, err);
}

static enum collision collision_of(const char *name)
{
    if (name && strcmp(name, "CANCEL_NEW") == 0)
        return COLLISION_CANCEL_NEW;
    if (name && strcmp(name, "RUN_OVERLAP") == 0)
        return COLLISION_RUN_OVERLAP;
    return COLLISION_KILL_EXISTING;
}

static enum catch_up catch_up_of(const char *name)
{
    if (name && strcmp(name, "LAST") == 0)
        return CATCH_UP_LAST;
    return name && strcmp(name, "ALL") == 0 ? CATCH_UP_ALL : CATCH_UP_NONE;
}

int cron_rule_decode(struct aurora_program *p, const Perigee__Job *job,
                     struct cron_rule **out, struct err *err)
{
    const Perigee__Cron *cron = job->cron;
    int rc = 0;

    *out = NULL;
    if (!cron)
        return 0;
    if ((!cron->schedule || !*cron->schedule) == (cron->n_after == 0) ||
        cron->n_after > CRON_PARENTS_MAX) {
        (void)err_set(err, ERR_INVALID,
                      "cron: want a schedule, or up to %d jobs to run after",
                      CRON_PARENTS_MAX);
        err_field(err, "cron");
        return -ERR_INVALID;
    }
    struct cron_rule *rule = cron_rule_new();
    if (cron->schedule && *cron->schedule)
        rc = decode_schedule(p, cron, rule, err);
    rule->collision = collision_of(cron->collision_policy);
    rule->catch_up = catch_up_of(cron->catch_up);
    rule->retries = cron->retries;
    if (cron->has_epsilon_secs)
        rule->epsilon_ms = (int64_t)cron->epsilon_secs * 1000;
    for (size_t i = 0; i < cron->n_after; i++)
        cron_rule_add_parent(rule, cron->after[i]);
    if (rc < 0)
        cron_rule_free(rule);
    else
        *out = rule;
    return rc;
}
