#include "tests/sim/group_look.h"

#include "aurora/core/app_groups.h"

static struct job_key key_of(const char *name)
{
    struct job_key key = {0};

    (void)job_key_make(AURORA_OPTIONS.cluster, "team", "prod", name, &key,
                       NULL);
    return key;
}

static const struct job *find_job(const struct aurora_program *aurora,
                                  const char *name)
{
    struct job_key key = key_of(name);
    const struct job *job = aurora_job(aurora_program_core(aurora), &key);

    return job && !job->is_removed ? job : NULL;
}

const char *group_look_state(const struct aurora_program *aurora,
                             const char *name)
{
    struct job_key key = key_of(name);
    const struct app_group *group =
        aurora_group(aurora_program_core(aurora), &key);

    return app_group_state_name(group ? group->state : APP_GROUP_NONE);
}

bool group_look_is_here(const struct aurora_program *aurora, const char *job)
{
    return find_job(aurora, job) != NULL;
}

bool group_look_is_ending(const struct aurora_program *aurora, const char *job)
{
    const struct job *found = find_job(aurora, job);

    return found && found->is_killed;
}
