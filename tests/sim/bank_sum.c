#include "tests/sim/bank_sum.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

#include <string.h>

const char *bank_role(int at)
{
    return at == 0 ? "bank-a" : "bank-b";
}

bool bank_has(const char *instance)
{
    return strncmp(instance, "bank-", 5) == 0;
}

static int64_t count_cpu(const struct aurora *a, const char *role)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < a->jobs.count; i++) {
        const struct job *job = a->jobs.item[i];
        if (role ? strcmp(job->key.role, role) != 0 : !bank_has(job->key.role))
            continue;
        for (const struct task *t = job->active.first; t; t = t->next)
            sum += t->config->is_production ? t->config->task.cpus : 0;
    }
    return sum;
}

const char *bank_excess(const struct aurora_program *aurora)
{
    const struct aurora *a = aurora ? aurora_program_core(aurora) : NULL;

    if (!a)
        return NULL;
    for (int i = 0; i < BANK_ROLES; i++)
        if (count_cpu(a, bank_role(i)) > BANK_ROLE_CPU)
            return bank_role(i);
    return count_cpu(a, NULL) > BANK_CPU ? "bank" : NULL;
}
