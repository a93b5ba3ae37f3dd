#include "aurora/core/sla.h"

uint32_t sla_missing_max(const struct sla_policy *policy, uint32_t active)
{
    uint64_t missing = 0;

    if (policy->kind == SLA_COUNT && policy->count < active)
        missing = active - policy->count;
    if (policy->kind == SLA_PERCENTAGE && policy->percentage_milli < SLA_WHOLE)
        missing = (uint64_t)(SLA_WHOLE - policy->percentage_milli) * active /
                  SLA_WHOLE;
    return missing > 0 ? (uint32_t)missing : 1;
}

enum sla_verdict sla_judge(const struct sla_policy *policy,
                           const struct sla_rules *rules,
                           const struct sla_facts *facts)
{
    if (policy->kind == SLA_NONE ||
        (!policy->is_production && !rules->protects_all))
        return SLA_ALLOW;
    if (policy->kind == SLA_COORDINATOR)
        return SLA_ASK;
    if (facts->active < rules->instances_min)
        return SLA_ALLOW;
    /* The others that are missing, and this one. */
    return facts->active - facts->there <=
                   sla_missing_max(policy, facts->active)
               ? SLA_ALLOW
               : SLA_REFUSE;
}

int64_t sla_again_ms(uint32_t tries)
{
    int64_t delay_ms = SLA_AGAIN_FIRST_MS;

    for (uint32_t i = 1; i < tries && delay_ms < SLA_AGAIN_MAX_MS; i++)
        delay_ms *= 2;
    return delay_ms < SLA_AGAIN_MAX_MS ? delay_ms : SLA_AGAIN_MAX_MS;
}
