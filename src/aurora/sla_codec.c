/* The policy that protects a job: checked when it comes, and for the core. */
#include "aurora/state.h"

#include <stdio.h>

static int refuse(struct err *err, const char *field, const char *want)
{
    (void)err_set(err, ERR_INVALID, "job: %s: %s", field, want);
    err_field(err, "%s", field);
    return -ERR_INVALID;
}

static enum sla_kind sla_kind_of(const Perigee__SlaPolicy *sla)
{
    if (sla->coordinator_url && *sla->coordinator_url)
        return SLA_COORDINATOR;
    return sla->has_percentage_milli ? SLA_PERCENTAGE : SLA_COUNT;
}

/* What protects a job must leave room for maintenance. */
int sla_check(const struct aurora_program *p, const Perigee__Job *job,
              struct err *err)
{
    const struct aurora_options *o = &p->options;
    const Perigee__SlaPolicy *sla = job->sla_policy;
    uint32_t instances = job->has_instances ? job->instances : 1;
    char text[160];

    if (!sla)
        return 0;
    const struct tier tier = tier_of_job(p, job);
    if (!tier_is_production(&tier) && !o->sla_protects_all)
        return refuse(err, "sla_policy",
                      "want a job of production, or a scheduler with "
                      "--sla_aware_kill_non_prod");
    if ((int64_t)sla->duration_secs * 1000 > o->sla_duration_max_ms) {
        (void)snprintf(text, sizeof text, "want at most %lld s",
                       (long long)(o->sla_duration_max_ms / 1000));
        return refuse(err, "sla_policy.duration_secs", text);
    }
    if (sla_kind_of(sla) == SLA_COORDINATOR ||
        instances >= o->sla_instances_min)
        return 0;
    (void)snprintf(text, sizeof text,
                   "%u instances are not protected: want at least %u",
                   instances, o->sla_instances_min);
    return refuse(err, "sla_policy", text);
}

void sla_decode(const Perigee__Job *job, struct job_config *config)
{
    const Perigee__SlaPolicy *sla = job->sla_policy;
    struct sla_policy policy = {
        .kind = sla_kind_of(sla),
        .count = sla->count,
        .percentage_milli = sla->percentage_milli,
        .duration_ms = (int64_t)sla->duration_secs * 1000,
        .url = sla->coordinator_url,
        .status_key = sla->status_key,
        .is_production = config->is_production,
    };

    job_config_set_sla(config, &policy);
}

int sla_read(const struct aurora_program *p, const Perigee__SlaPolicy *sla,
             struct sla_policy *out, struct err *err)
{
    const char *field = NULL, *want = NULL;

    *out = (struct sla_policy){
        .kind = sla_kind_of(sla),
        .count = sla->count,
        .percentage_milli = sla->percentage_milli,
        .duration_ms = (int64_t)sla->duration_secs * 1000,
    };
    if (out->kind == SLA_COUNT && !sla->has_count) {
        field = "default_policy";
        want = "want a count or a percentage";
    } else if (out->kind == SLA_PERCENTAGE && sla->has_count) {
        field = "default_policy";
        want = "want a count or a percentage, not both";
    } else if (out->duration_ms > p->options.sla_duration_max_ms) {
        field = "default_policy.duration_secs";
        want = "longer than the scheduler's --max_sla_duration";
    } else {
        return 0;
    }
    (void)err_set(err, ERR_INVALID, "%s: %s", field, want);
    err_field(err, "%s", field);
    return -ERR_INVALID;
}

void sla_view(const struct sla_policy *policy, Perigee__SlaPolicy *out)
{
    out->has_duration_secs = true;
    out->duration_secs = (uint32_t)(policy->duration_ms / 1000);
    out->has_count = policy->kind == SLA_COUNT;
    out->count = policy->count;
    out->has_percentage_milli = policy->kind == SLA_PERCENTAGE;
    out->percentage_milli = policy->percentage_milli;
}
