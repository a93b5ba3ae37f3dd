#include "tests/sim/rollings.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

const char *rollings_unfinished(const struct aurora_program *aurora)
{
    const struct aurora *a = aurora_program_core(aurora);

    for (uint32_t i = 0; i < a->jobs.count; i++)
        if (job_rolling(a->jobs.item[i]))
            return a->jobs.item[i]->key.name;
    return NULL;
}
