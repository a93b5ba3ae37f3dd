#include "aurora/core/quota_jobs.h"
#include "aurora/core/app_group_plan.h"
#include "aurora/core/app_groups.h"
#include "aurora/core/internal.h"
#include "aurora/core/surge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct quota_use NOTHING = {0};

/* --- what counts as what --- */

struct quota_use quota_use_of(const struct job_config *config)
{
    const struct quota_amounts one = {{[QUOTA_CPU] = config->task.cpus,
                                       [QUOTA_RAM] = config->task.mem / 1000,
                                       [QUOTA_DISK] = config->task.disk / 1000,
                                       [QUOTA_GPUS] = config->task.gpus / 1000,
                                       [QUOTA_PORTS] = config->port_count,
                                       [QUOTA_TASKS] = 1}};
    struct quota_use use = {.pool[QUOTA_ALL] = one};

    if (config->is_production && !config->is_dedicated)
        use.pool[QUOTA_PRODUCTION] = one;
    return use;
}

static bool stands_alike(const struct job_config *a, const struct job_config *b)
{
    return strcmp(a->stands_id, b->stands_id) == 0;
}

/* A task that an update leaves where it is may get the new configuration, and
 * the job's again: those differ in what does not concern a task that runs, but
 * may concern the quota. */
static void may_become(struct quota_use *use, const struct task *task,
                       const struct job_config *config)
{
    struct quota_use other = quota_use_of(config);

    if (task->config != config && stands_alike(task->config, config))
        quota_use_max(use, &other);
}

static struct quota_use use_of_task(const struct task *task)
{
    const struct update *u = task->job->update;
    struct quota_use use = quota_use_of(task->config);

    if (!u || task->is_beside)
        return use;
    if (update_slot(task->job->update, task->instance))
        return NOTHING;
    may_become(&use, task, u->config);
    may_become(&use, task, task->job->config);
    return use;
}

/* How many tasks more than it has instances a surge may have. */
static uint32_t surge_extra(const struct update_settings *settings,
                            uint32_t instances)
{
    return surge_limits_of(instances, settings->minimum_health_milli,
                           settings->maximum_over_milli)
               .tasks_max -
           instances;
}

static struct quota_use use_of_update(const struct update *u)
{
    bool is_surge = update_is_surge(u);
    struct quota_use sum = {0}, wanted = quota_use_of(u->config);

    for (uint32_t i = 0; i < u->slot_count; i++) {
        const struct slot *slot = &u->slot[i];
        struct quota_use one =
            slot->before ? quota_use_of(slot->before) : NOTHING;
        if (slot->kind != SLOT_KILL || is_surge)
            quota_use_max(&one, &wanted);
        quota_use_add(&sum, &one);
    }
    if (is_surge)
        quota_use_add_times(
            &sum, &wanted,
            surge_extra(&u->config->update, u->instances + u->kills));
    return sum;
}

/* --- what is promised --- */

static bool has_schedule(const struct job *job)
{
    return job->cron && !job->is_killed && !job->is_removed;
}

static struct quota_use times(const struct job_config *config, uint64_t count)
{
    struct quota_use sum = {0}, one = quota_use_of(config);

    quota_use_add_times(&sum, &one, count);
    return sum;
}

/* Of an update that begins later: more than it will take unless its tasks
 * differ from each other; then it is asked about again. */
static struct quota_use promise_of_update(const struct job_config *before,
                                          uint32_t had,
                                          const struct job_config *after,
                                          uint32_t wanted)
{
    uint32_t most = had > wanted ? had : wanted;
    struct quota_use sum = times(after, most);
    struct quota_use old = times(before, most);

    quota_use_max(&sum, &old);
    if (after->update.strategy == UPDATE_SURGE) {
        struct quota_use one = quota_use_of(after);
        quota_use_add_times(&sum, &one, surge_extra(&after->update, most));
    }
    return sum;
}

static struct quota_use promised(const struct aurora *a, const struct job *job)
{
    const struct app_member *m = aurora_member(a, job);

    if (!m || m->phase != MEMBER_WAITING || job->is_killed || job->is_removed)
        return NOTHING;
    if (m->action == MEMBER_CREATE)
        return times(job->config, job->instances);
    if (m->action == MEMBER_SCALE)
        return times(job->config, m->instances > job->instances
                                      ? m->instances
                                      : job->instances);
    if (m->action == MEMBER_UPDATE && m->config)
        return promise_of_update(job->config, job->instances, m->config,
                                 m->instances);
    return NOTHING;
}

static struct quota_use use_of_job(const struct aurora *a,
                                   const struct job *job)
{
    struct quota_use use = job->quota.tasks;
    struct quota_use least = promised(a, job);

    if (job->update)
        quota_use_add(&use, &job->quota.update);
    quota_use_max(&use, &least);
    if (has_schedule(job)) {
        least = times(job->config, job->instances);
        quota_use_max(&use, &least);
    }
    return use;
}

/* --- notes --- */

void quota_note_coming(struct aurora *a, struct job *job)
{
    job->quota.role = quotas_hold(&a->quotas, job->key.role);
}

void quota_note_going(struct aurora *a, struct job *job)
{
    for (uint32_t i = 0; job->quota.is_due && i < a->due_quotas.count; i++)
        if (a->due_quotas.item[i] == job)
            a->due_quotas.item[i] = NULL;
    quotas_change(job->quota.role, &job->quota.counted, &NOTHING);
    quotas_let_go(&a->quotas, job->quota.role);
    job->quota = (struct job_quota){0};
}

void quota_note(struct aurora *a, struct job *job)
{
    if (job->quota.is_due)
        return;
    job->quota.is_due = true;
    *vec_add(&a->due_quotas) = job;
}

void quota_note_task(struct aurora *a, const struct task *task)
{
    struct quota_use use = use_of_task(task);

    quota_use_add(&task->job->quota.tasks, &use);
    quota_note(a, task->job);
}

void quota_note_task_gone(struct aurora *a, const struct task *task)
{
    struct quota_use use = use_of_task(task);

    quota_use_subtract(&task->job->quota.tasks, &use);
    quota_note(a, task->job);
}

static struct quota_use use_of_tasks(const struct job *job)
{
    struct quota_use sum = {0};

    for (const struct task *t = job->active.first; t; t = t->next) {
        struct quota_use use = use_of_task(t);
        quota_use_add(&sum, &use);
    }
    return sum;
}

void quota_recount(struct aurora *a, struct job *job)
{
    job->quota.tasks = use_of_tasks(job);
    job->quota.update = job->update ? use_of_update(job->update) : NOTHING;
    quota_note(a, job);
}

void quota_settle(struct aurora *a)
{
    for (uint32_t i = 0; i < a->due_quotas.count; i++) {
        struct job *job = a->due_quotas.item[i];
        if (!job)
            continue;
        struct quota_use use = use_of_job(a, job);
        quotas_change(job->quota.role, &job->quota.counted, &use);
        job->quota.counted = use;
        job->quota.is_due = false;
    }
    a->due_quotas.count = 0;
}

void quota_restored(struct aurora *a)
{
    for (uint32_t i = 0; i < a->jobs.count; i++)
        quota_recount(a, a->jobs.item[i]);
    quota_settle(a);
}

/* By counting anew. */
void quota_jobs_check(const struct aurora *a)
{
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        const struct job *job = a->jobs.item[i];
        struct quota_use tasks = use_of_tasks(job);
        assert(quota_use_equal(&tasks, &job->quota.tasks));
        if (job->update) {
            struct quota_use update = use_of_update(job->update);
            assert(quota_use_equal(&update, &job->quota.update));
        }
        if (job->quota.is_due)
            continue;
        struct quota_use use = use_of_job(a, job);
        assert(quota_use_equal(&use, &job->quota.counted));
    }
    quotas_check(&a->quotas);
}

/* --- questions --- */

static const struct quota_use *counted(const struct job *job)
{
    return job ? &job->quota.counted : &NOTHING;
}

/* What is asked for, with any number of instances. */
struct question_of {
    struct aurora *a;
    const struct job *job; /* NULL: there is none yet */
    const struct job_config *config;
    const struct update_request *request;
    uint32_t beside; /* of the wanted instances, those that are there already */
};

/* `out` gets what the job counts as with `instances`; grows with them. */
typedef void use_with(const struct question_of *q, uint32_t instances,
                      struct quota_use *out);

static bool is_allowed(const struct question_of *q, use_with *use,
                       uint32_t instances, struct quota_shortage *out)
{
    struct quota_use to;

    use(q, instances, &to);
    return quotas_allow(&q->a->quotas, q->config->key.role, counted(q->job),
                        &to, out);
}

static uint32_t most_allowed(const struct question_of *q, use_with *use,
                             uint32_t wanted)
{
    struct quota_shortage ignored;
    uint32_t low = 0, high = wanted; /* high does not fit */

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (is_allowed(q, use, middle, &ignored))
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int ask(const struct question_of *q, use_with *use, uint32_t wanted,
               struct err *err)
{
    struct quota_shortage shortage;

    quota_settle(q->a);
    if (is_allowed(q, use, wanted, &shortage))
        return 0;
    struct quota_asked asked = {.key = &q->config->key,
                                .what = "job",
                                .count = wanted,
                                .fits = most_allowed(q, use, wanted),
                                .has_fits = true};
    return quota_refuse(q->a, &shortage, &asked, err);
}

static void use_created(const struct question_of *q, uint32_t instances,
                        struct quota_use *out)
{
    struct quota_use created = times(q->config, instances);

    *out = q->job ? q->job->quota.tasks : NOTHING;
    if (q->config->cron)
        quota_use_max(out, &created);
    else
        quota_use_add(out, &created);
}

int quota_check_create(struct aurora *a, const struct job *job,
                       const struct job_config *config, uint32_t instances,
                       struct err *err)
{
    struct question_of q = {.a = a, .job = job, .config = config};

    return ask(&q, use_created, instances, err);
}

static void use_with_more(const struct question_of *q, uint32_t instances,
                          struct quota_use *out)
{
    uint32_t more = instances > q->beside ? instances - q->beside : 0;
    struct quota_use added = times(q->config, more), least;

    *out = q->job->quota.tasks;
    quota_use_add(out, &added);
    least = promised(q->a, q->job);
    quota_use_max(out, &least);
    if (has_schedule(q->job)) {
        least = times(q->job->config, q->job->instances);
        quota_use_max(out, &least);
    }
}

int quota_check_more(struct aurora *a, const struct job *job,
                     const struct job_config *config, uint32_t more,
                     uint32_t wanted, struct err *err)
{
    struct question_of q = {
        .a = a, .job = job, .config = config, .beside = wanted - more};

    return ask(&q, use_with_more, wanted, err);
}

int quota_check_run(struct aurora *a, const struct job *job, struct err *err)
{
    return quota_check_more(a, job, job->config, job->instances,
                            job->active.count + job->instances, err);
}

/* --- updates --- */

static bool is_surge(const struct question_of *q)
{
    return !q->request->has_batch_size &&
           q->config->update.strategy == UPDATE_SURGE;
}

static struct quota_use use_of_living(const struct question_of *q,
                                      const struct task *task, bool is_wanted)
{
    struct quota_use use = quota_use_of(task->config);
    struct quota_use wanted = quota_use_of(q->config);

    if (is_wanted)
        quota_use_max(&use, &wanted);
    may_become(&use, task, q->config);
    may_become(&use, task, q->job->config);
    return use;
}

static uint32_t count_created(const struct question_of *q, uint32_t instances)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < instances; i++) {
        const struct task *task = q->job ? job_active(q->job, i) : NULL;
        count += (!task || task->state == TASK_KILLING) &&
                 instances_have(q->request->scope, i);
    }
    return count;
}

/* Never less than what use_of_job says when it has begun. */
static void use_updated(const struct question_of *q, uint32_t instances,
                        struct quota_use *out)
{
    struct quota_use one = quota_use_of(q->config);
    const struct task *t = q->job ? q->job->active.first : NULL;
    uint32_t kills = 0;

    *out = NOTHING;
    for (; t; t = t->next) {
        bool is_mine = t->state != TASK_KILLING &&
                       instances_have(q->request->scope, t->instance);
        bool stays = t->instance < instances;
        struct quota_use use =
            t->state == TASK_KILLING
                ? quota_use_of(t->config)
                : use_of_living(q, t, is_mine && (stays || is_surge(q)));
        quota_use_add(out, &use);
        kills += is_mine && !stays;
    }
    quota_use_add_times(out, &one, count_created(q, instances));
    if (is_surge(q))
        quota_use_add_times(out, &one,
                            surge_extra(&q->config->update, instances + kills));
    if (q->job) {
        struct quota_use least = promised(q->a, q->job);
        quota_use_max(out, &least);
    }
}

int quota_check_update(struct aurora *a, const struct job *job,
                       const struct job_config *config,
                       const struct update_request *request, struct err *err)
{
    struct question_of q = {
        .a = a, .job = job, .config = config, .request = request};

    return ask(&q, use_updated, request->instances, err);
}

/* --- groups --- */

struct quota_use quota_use_wanted(struct aurora *a, const struct job *job,
                                  const struct job_config *config,
                                  uint32_t instances)
{
    const struct update_request request = {.instances = instances};
    struct question_of q = {
        .a = a, .job = job, .config = config, .request = &request};
    bool is_cron = config->cron || (job && has_schedule(job));
    struct quota_use use;

    if (job && !job->is_killed && config->is_service &&
        job->config->is_service && !is_cron)
        use_updated(&q, instances, &use);
    else if (job && !is_cron) /* it is created when what runs has ended */
        use = times(config, instances);
    else
        use_created(&q, instances, &use);
    return use;
}

static struct quota_use use_of_step(const struct aurora *a,
                                    const struct job *job,
                                    const struct group_wish *wish,
                                    const struct member_step *step)
{
    struct quota_use use = job ? job->quota.tasks : NOTHING, least = NOTHING;
    struct question_of q = {
        .a = (struct aurora *)(uintptr_t)a, .job = job, .config = wish->config};
    static const struct update_request none = {0};

    if (job && job->update)
        quota_use_add(&use, &job->quota.update);
    if (step->phase == MEMBER_WAITING && step->action == MEMBER_CREATE)
        least = times(wish->config, wish->instances);
    if (job && step->phase == MEMBER_WAITING && step->action == MEMBER_SCALE)
        least = times(step->is_quiet ? wish->config : job->config,
                      wish->instances > job->instances ? wish->instances
                                                       : job->instances);
    if (job && step->phase == MEMBER_WAITING && step->action == MEMBER_UPDATE)
        least = promise_of_update(job->config, job->instances, wish->config,
                                  wish->instances);
    quota_use_max(&use, &least);
    if (job &&
        step->is_quiet) { /* what runs has the new configuration at once */
        q.request = &none;
        use_updated(&q, job->instances, &least);
        quota_use_max(&use, &least);
    }
    return use;
}

int quota_check_group(struct aurora *a, const struct group_request *request,
                      const struct member_step *step, struct err *err)
{
    uint32_t count = request->tree.members;
    struct quota_part *part = xcalloc(count + 1, sizeof *part);

    quota_settle(a);
    for (uint32_t i = 0; i < count; i++) {
        const struct group_wish *wish = &request->wish[i];
        const struct job *job = aurora_job(a, &wish->config->key);
        part[i] = (struct quota_part){wish->config, wish->instances, !job,
                                      *counted(job),
                                      use_of_step(a, job, wish, &step[i])};
    }
    int rc = quota_check_parts(
        a, (struct quota_asked){.key = &request->key, .what = "group"}, part,
        count, err);
    free(part);
    return rc;
}

int quota_check_group_scale(struct aurora *a, const struct app_group *group,
                            uint32_t factor_milli, struct err *err)
{
    uint32_t count = group->members.count;
    struct quota_part *part = xcalloc(count + 1, sizeof *part);

    quota_settle(a);
    for (uint32_t i = 0; i < count; i++) {
        const struct job *job = app_member_job(group->members.item[i]);
        uint32_t wanted = app_group_scaled(job->instances, factor_milli);
        struct quota_use use = *counted(job), least;
        if (job->config->is_service && wanted > job->instances) {
            least = times(job->config, wanted);
            quota_use_max(&use, &least);
        }
        part[i] =
            (struct quota_part){job->config, wanted, false, *counted(job), use};
    }
    int rc = quota_check_parts(
        a, (struct quota_asked){.key = &group->key, .what = "group"}, part,
        count, err);
    free(part);
    return rc;
}
