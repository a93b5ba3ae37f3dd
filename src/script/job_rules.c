/* What must hold between the fields of a job. */
#include "script/job_check.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300 };

struct rules {
    const Perigee__Job *job;
    job_problem *problem;
    void *context;
};

static void tell(const struct rules *r, const char *field, const char *message,
                 const char *expected)
{
    r->problem(r->context, field, message, expected, NULL);
}

static const Perigee__HostConstraint *dedicated(const Perigee__Job *job)
{
    for (size_t i = 0; i < job->n_constraints; i++)
        if (job->constraints[i]->attribute != NULL &&
            strcmp(job->constraints[i]->attribute, DEDICATED) == 0)
            return job->constraints[i];
    return NULL;
}

static void check_job(const struct rules *r)
{
    const Perigee__Job *job = r->job;
    if (job->cron != NULL && job->service)
        tell(r, "cron", "a service cannot have a cron schedule",
             "want Job, which runs when it is time");
    if (job->has_max_task_failures && job->max_task_failures == 0)
        tell(r, "max_task_failures", "'max_task_failures' is 0",
             "want at least 1, or -1 for no limit");
}

static void check_cron(const struct rules *r)
{
    const Perigee__Job *job = r->job;
    char key[300];
    if (job->cron == NULL)
        return;
    snprintf(key, sizeof key, "%s/%s/%s/%s", job->cluster, job->role,
             job->environment, job->name);
    for (size_t i = 0; i < job->cron->n_after; i++)
        if (strcmp(job->cron->after[i], key) == 0)
            tell(r, "cron.after", "the job waits for itself",
                 "want other jobs");
}

/* --- update --- */

static void check_failures(const struct rules *r)
{
    enum { RESTARTS_MAX = 20000, PER_CENT = 100, DEDICATED_SHARE = 2 };
    const Perigee__UpdateConfig *update = r->job->update;
    uint32_t instances = r->job->instances;
    uint32_t least = instances * DEDICATED_SHARE / PER_CENT;
    char message[MESSAGE_MAX], expected[MESSAGE_MAX];
    if (update->max_total_failures >= instances) {
        snprintf(message, sizeof message,
                 "'max_total_failures' is %u of %u instances",
                 update->max_total_failures, instances);
        tell(r, "update.max_total_failures", message,
             "want less than instances");
    } else if (dedicated(r->job) != NULL &&
               update->max_total_failures < least) {
        snprintf(message, sizeof message,
                 "'max_total_failures' is %u for a dedicated job of %u",
                 update->max_total_failures, instances);
        snprintf(expected, sizeof expected, "want at least %u, 2 %%", least);
        tell(r, "update.max_total_failures", message, expected);
    }
    if ((uint64_t)update->max_per_shard_failures * instances > RESTARTS_MAX)
        tell(r, "update.max_per_shard_failures",
             "'max_per_shard_failures' times instances is over 20000",
             "want fewer restarts");
}

static void check_update(const struct rules *r)
{
    const Perigee__UpdateConfig *update = r->job->update;
    if (update == NULL)
        return;
    check_failures(r);
    if (update->sla_aware && r->job->sla_policy == NULL)
        tell(r, "update.sla_aware", "'sla_aware' without a policy",
             "want sla_policy = ...");
    if (update->canary != NULL && update->canary->instances > r->job->instances)
        tell(r, "update.canary.instances", "more canaries than instances",
             "want at most instances");
    if (update->canary != NULL && update->canary->max_failures > 0 &&
        update->canary->max_failures >= update->canary->instances)
        tell(r, "update.canary.max_failures", "all canaries may fail",
             "want less than their instances");
}

/* --- sla --- */

static void check_sla(const struct rules *r)
{
    enum { WHOLE = 100000 }; /* thousandths of a per cent */
    const Perigee__SlaPolicy *sla = r->job->sla_policy;
    uint32_t instances = r->job->instances;
    char message[MESSAGE_MAX];
    if (sla == NULL)
        return;
    if (sla->has_count && sla->count >= instances) {
        snprintf(message, sizeof message,
                 "'count' keeps %u of %u instances running", sla->count,
                 instances);
        tell(r, "sla_policy.count", message,
             "want less than instances: maintenance could take none");
    }
    if (sla->has_percentage_milli &&
        (uint64_t)(WHOLE - sla->percentage_milli) * instances < WHOLE) {
        snprintf(message, sizeof message,
                 "'percentage' lets none of %u instances go", instances);
        tell(r, "sla_policy.percentage", message,
             "want a share that leaves at least one to maintenance");
    }
}

/* --- hosts --- */

/* "role/name", "role", or any role's: star and name */
static bool is_own(const char *role, const char *value)
{
    size_t size = strcspn(value, "/");
    return (size == 1 && value[0] == '*' && value[1] == '/') ||
           (strlen(role) == size && strncmp(role, value, size) == 0);
}

static void check_dedicated(const struct rules *r)
{
    const Perigee__HostConstraint *one = dedicated(r->job);
    char message[MESSAGE_MAX];
    if (one == NULL)
        return;
    if (one->kind != PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF ||
        one->n_values != 1) {
        tell(r, "constraints.dedicated", "'dedicated' is not one value",
             "want dedicated = \"role/name\"");
    } else if (!is_own(r->job->role, one->values[0])) {
        snprintf(message, sizeof message,
                 "'%.60s' is not dedicated to the role '%.60s'", one->values[0],
                 r->job->role);
        tell(r, "constraints.dedicated", message,
             "want the job's role, or */name");
    }
}

static void check_static_ports(const struct rules *r)
{
    const Perigee__Announcer *announce = r->job->announce;
    char field[160], message[MESSAGE_MAX];
    for (size_t i = 0; announce != NULL && i < announce->n_portmap; i++) {
        const Perigee__PortAlias *alias = announce->portmap[i];
        if (!alias->has_port || dedicated(r->job) != NULL)
            continue;
        snprintf(field, sizeof field, "announce.portmap.%.60s", alias->name);
        snprintf(message, sizeof message,
                 "the port '%.60s' is always %u, on hosts shared with others",
                 alias->name, alias->port);
        tell(r, field, message,
             "want constraints = { dedicated = ... }, or a name");
    }
}

void job_rules(const Perigee__Job *job, job_problem *problem, void *context)
{
    struct rules r = {job, problem, context};
    check_job(&r);
    check_cron(&r);
    check_update(&r);
    check_sla(&r);
    check_dedicated(&r);
    check_static_ports(&r);
}
