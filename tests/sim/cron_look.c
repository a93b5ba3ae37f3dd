#include "tests/sim/cron_look.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"
#include "aurora/state.h"

#include <stdio.h>
#include <string.h>

static const struct job *find(const struct aurora_program *aurora,
                              const char *name)
{
    struct job_key key = {0};

    if (job_key_make(AURORA_OPTIONS.cluster, "cron", "prod", name, &key, NULL) <
        0)
        return NULL;
    const struct job *job = aurora_job(aurora_program_core(aurora), &key);
    return job && job->cron && !job->is_removed && !job->is_killed ? job : NULL;
}

bool cron_look(const struct aurora_program *aurora, const char *name,
               struct cron_look *out)
{
    const struct job *job = find(aurora, name);
    unsigned version;

    if (!job)
        return false;
    const char *command = job_of(job->config)->task->processes[0]->cmdline;
    if (sscanf(command, "sim %*d %*d v%u", &version) != 1)
        return false;
    *out = (struct cron_look){version, job->cron->made, job->cron->is_paused};
    return true;
}

bool cron_look_has(const struct aurora_program *aurora, const char *name,
                   int64_t at)
{
    const struct job *job = find(aurora, name);

    if (!job)
        return false;
    for (uint32_t i = job->cron->firings.count; i-- > 0;) {
        const struct firing *f = job->cron->firings.item[i];
        bool is_manual = f->id % 2 != 0;
        if (!is_manual && f->first <= at && at <= f->at)
            return true;
    }
    return false;
}

uint64_t cron_look_events(const struct aurora_program *aurora)
{
    return aurora_program_core(aurora)->events.next;
}

bool cron_look_is_done(const struct aurora_program *aurora, int64_t now_ms)
{
    return aurora_next_ms(aurora_program_core(aurora)) > now_ms;
}
