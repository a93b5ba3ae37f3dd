/* What the user says to aurora, and what its script workers would answer. */
#include "tests/sim/user_parts.h"

#include "base/alloc.h"
#include "perigee/script.pb-c.h"
#include "sys/sha256.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEW(arena, type, name, initial)            \
    type *name = arena_alloc(arena, sizeof *name); \
    *name = (type)initial

static void *list_of(struct arena *arena, void *one)
{
    return arena_memdup(arena, &one, sizeof one);
}

static Perigee__TaskConfig *task_message(const struct user_job *job,
                                         uint32_t version, struct arena *arena)
{
    NEW(arena, Perigee__TaskConfig, task, PERIGEE__TASK_CONFIG__INIT);
    NEW(arena, Perigee__Process, process, PERIGEE__PROCESS__INIT);
    NEW(arena, Perigee__ResourceAmounts, amounts,
        PERIGEE__RESOURCE_AMOUNTS__INIT);

    process->name = (char *)"main";
    process->cmdline = arena_printf(
        arena, "sim %lld %d v%u%s", (long long)job->length_ms, job->status,
        version, job->wants_port ? " {{thermos.ports[http]}}" : "");
    amounts->has_cpu_milli = amounts->has_ram_bytes = 1;
    amounts->has_disk_bytes = 1;
    amounts->cpu_milli = job->cpu_milli;
    amounts->ram_bytes = (uint64_t)job->ram_mib << 20;
    amounts->disk_bytes = 16 << 20;
    task->name = (char *)job->name;
    task->n_processes = 1;
    task->processes = list_of(arena, process);
    task->resources = amounts;
    return task;
}

/* A port that is served is one that can be asked: now and then it is. */
static void add_care(Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__HealthCheck, health, PERIGEE__HEALTH_CHECK__INIT);
    NEW(arena, Perigee__TcpCheck, tcp, PERIGEE__TCP_CHECK__INIT);
    NEW(arena, Perigee__Lifecycle, lifecycle, PERIGEE__LIFECYCLE__INIT);

    tcp->port = lifecycle->port = (char *)"http";
    health->tcp = tcp;
    health->has_initial_interval_ms = health->has_interval_ms = 1;
    health->initial_interval_ms = 5000;
    health->interval_ms = 3000;
    health->has_max_consecutive_failures = 1;
    health->max_consecutive_failures = 1;
    message->health_check = health;
    message->lifecycle = lifecycle;
}

/* What only script workers can say: user_judge() plays them. */
static void add_picky(const struct user_job *job, Perigee__Job *message,
                      struct arena *arena)
{
    NEW(arena, Perigee__HostConstraint, unlike, PERIGEE__HOST_CONSTRAINT__INIT);
    Perigee__HostConstraint **both = arena_alloc(arena, 2 * sizeof *both);

    unlike->attribute = (char *)"shape";
    unlike->has_kind = 1;
    unlike->kind = PERIGEE__HOST_CONSTRAINT__KIND__UNLIKE;
    unlike->n_values = 1;
    unlike->values =
        list_of(arena, arena_printf(arena, "shunned|%u", job->words));
    if (message->n_constraints > 0)
        both[0] = message->constraints[0];
    both[message->n_constraints++] = unlike;
    message->constraints = both;
}

/* Functions travel in a bundle only. */
static void add_functions(Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__Function, place, PERIGEE__FUNCTION__INIT);
    NEW(arena, Perigee__Function, rank, PERIGEE__FUNCTION__INIT);
    NEW(arena, Perigee__Function, script, PERIGEE__FUNCTION__INIT);

    script->has_ordinal = 1;
    script->ordinal = 3;
    message->notify[0]->url = NULL;
    message->notify[0]->script = script;
    place->has_ordinal = rank->has_ordinal = 1;
    place->ordinal = 1;
    rank->ordinal = 2;
    message->place = place;
    message->rank = rank;
}

/* Somebody hears of what goes wrong. */
static void add_notify(Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__Notify, notify, PERIGEE__NOTIFY__INIT);
    static const char *const what[] = {"failed", "lost", "sla", "updated"};

    notify->on = arena_memdup(arena, what, sizeof what);
    notify->n_on = 4;
    notify->url = (char *)"http://10.0.0.9/hook";
    message->n_notify = 1;
    message->notify = list_of(arena, notify);
}

static Perigee__Job *job_message(const char *cluster,
                                 const struct user_job *job, uint32_t instances,
                                 uint32_t version, struct arena *arena)
{
    NEW(arena, Perigee__Job, message, PERIGEE__JOB__INIT);

    message->cluster = (char *)cluster;
    message->role = (char *)job->role;
    message->environment = (char *)job->env;
    message->name = (char *)job->name;
    message->has_instances = 1;
    message->instances = instances;
    message->has_service = 1;
    message->service = job->is_service;
    message->has_production = message->production = job->is_production;
    message->tier = (char *)(job->is_production ? "preferred" : "preemptible");
    message->has_priority = 1;
    message->priority = job->priority;
    message->task = task_message(job, version, arena);
    if (job->patience_secs > 0) {
        NEW(arena, Perigee__PartitionPolicy, policy,
            PERIGEE__PARTITION_POLICY__INIT);
        policy->has_delay_secs = 1;
        policy->delay_secs = job->patience_secs;
        message->partition_policy = policy;
    }
    if (job->limit > 0) {
        NEW(arena, Perigee__HostConstraint, limit,
            PERIGEE__HOST_CONSTRAINT__INIT);
        limit->attribute = (char *)"host";
        limit->has_kind = limit->has_limit = 1;
        limit->kind = PERIGEE__HOST_CONSTRAINT__KIND__LIMIT;
        limit->limit = job->limit;
        message->n_constraints = 1;
        message->constraints = list_of(arena, limit);
    }
    if (job->is_picky)
        add_picky(job, message, arena);
    add_notify(message, arena);
    if (job->wants_port) {
        message->n_port_names = 1;
        message->port_names = list_of(arena, (void *)"http");
        if (job->is_service)
            add_care(message, arena);
    }
    return message;
}

Perigee__Job *user_member_message(const char *cluster,
                                  const struct user_job *job,
                                  uint32_t instances, uint32_t version,
                                  struct arena *arena)
{
    Perigee__Job *message =
        job_message(cluster, job, instances, version, arena);
    NEW(arena, Perigee__UpdateConfig, update, PERIGEE__UPDATE_CONFIG__INIT);

    update->has_batch_size = update->has_watch_secs = 1;
    update->batch_size = 2;
    update->has_max_per_shard_failures = 1;
    update->max_per_shard_failures = 1000;
    message->update = update;
    return message;
}

/* A bundle whose job file is the evaluated job itself. */
static void set_bundle(struct arena *arena,
                       Perigee__Aurora__Call__CreateJob *create)
{
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    Perigee__BundleFile file = PERIGEE__BUNDLE_FILE__INIT;
    Perigee__BundleFile *files[] = {&file};
    struct buf packed = {0};

    codec_encode(&create->job->base, MEDIA_PROTOBUF, &packed);
    create->job = NULL;
    file.path = bundle.entry = (char *)"job.lua";
    file.has_content = 1;
    file.content.data = packed.data;
    file.content.len = packed.size;
    bundle.has_format = 1;
    bundle.format = 1;
    bundle.n_files = 1;
    bundle.files = files;
    create->has_bundle = 1;
    create->bundle.len = perigee__bundle__get_packed_size(&bundle);
    create->bundle.data = arena_alloc(arena, create->bundle.len);
    perigee__bundle__pack(&bundle, create->bundle.data);
    buf_release(&packed);
}

void user_evaluate(struct bytes bytes, struct buf *out)
{
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(NULL, bytes.size, bytes.data);
    Perigee__Evaluation evaluation = PERIGEE__EVALUATION__INIT;

    assert(bundle != NULL && bundle->n_files == 1);
    Perigee__Job *job = perigee__job__unpack(
        NULL, bundle->files[0]->content.len, bundle->files[0]->content.data);
    assert(job != NULL);
    free(job->bundle_hash);
    job->bundle_hash = sha256_text(bytes, xcalloc(1, SHA256_TEXT_MAX));
    evaluation.n_jobs = 1;
    evaluation.jobs = &job;
    codec_encode(&evaluation.base, MEDIA_PROTOBUF, out);
    perigee__job__free_unpacked(job, NULL);
    perigee__bundle__free_unpacked(bundle, NULL);
}

/* Every function says yes, and ranks hosts by their last digit; every
 * expression is like the shunned host alone. */
static void fill_verdict(const Perigee__Judgement *judgement,
                         const Perigee__Host *host, bool fails,
                         Perigee__Verdict *out)
{
    const char *name = host->hostname != NULL ? host->hostname : "";

    perigee__verdict__init(out);
    out->has_value = 1;
    if (judgement->kind == PERIGEE__JUDGEMENT__KIND__LIKE) {
        out->value = strcmp(name, USER_SHUNNED) == 0;
        return;
    }
    out->value = 1;
    if (judgement->kind == PERIGEE__JUDGEMENT__KIND__RANK && *name)
        out->value = (uint8_t)name[strlen(name) - 1];
    if (fails) {
        out->failure = (char *)"runs longer than 1 ms of CPU time";
        out->has_passing = out->passing = 1;
    }
}

/* A script tells two; or it had no time. */
static void judge_event(const Perigee__NotifyEvent *event, bool fails,
                        struct buf *out)
{
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;
    Perigee__Verdict verdict = PERIGEE__VERDICT__INIT;
    Perigee__Verdict *failure = &verdict;
    Perigee__Delivery one = PERIGEE__DELIVERY__INIT;
    Perigee__Delivery two = PERIGEE__DELIVERY__INIT;
    Perigee__Delivery *both[] = {&one, &two};

    one.url = (char *)"http://10.0.0.9/one";
    two.url = (char *)"http://10.0.0.9/two";
    one.has_body = two.has_body = 1;
    one.body.data = two.body.data = (uint8_t *)event->text;
    one.body.len = two.body.len = strlen(event->text);
    if (fails) {
        verdict.failure = (char *)"runs longer than 10 ms of CPU time";
        verdict.has_passing = verdict.passing = 1;
        verdicts.n_verdicts = 1;
        verdicts.verdicts = &failure;
    } else {
        verdicts.n_deliveries = 2;
        verdicts.deliveries = both;
    }
    codec_encode(&verdicts.base, MEDIA_PROTOBUF, out);
}

void user_judge(struct bytes bytes, bool fails, struct buf *out)
{
    Perigee__Judgement *judgement =
        perigee__judgement__unpack(NULL, bytes.size, bytes.data);
    Perigee__Verdicts verdicts = PERIGEE__VERDICTS__INIT;

    assert(judgement != NULL && (judgement->n_hosts > 0 || judgement->event));
    if (judgement->event != NULL) {
        judge_event(judgement->event, fails, out);
        perigee__judgement__free_unpacked(judgement, NULL);
        return;
    }
    Perigee__Verdict *verdict = xcalloc(judgement->n_hosts, sizeof *verdict);
    verdicts.verdicts = xcalloc(judgement->n_hosts, sizeof(void *));
    for (size_t i = 0; i < judgement->n_hosts; i++) {
        fill_verdict(judgement, judgement->hosts[i], fails, &verdict[i]);
        verdicts.verdicts[i] = &verdict[i];
    }
    verdicts.n_verdicts = judgement->n_hosts;
    codec_encode(&verdicts.base, MEDIA_PROTOBUF, out);
    free(verdicts.verdicts);
    free(verdict);
    perigee__judgement__free_unpacked(judgement, NULL);
}

Perigee__Aurora__JobKey *user_key_message(const struct user *u,
                                          const struct user_job *job,
                                          struct arena *arena)
{
    NEW(arena, Perigee__Aurora__JobKey, key, PERIGEE__AURORA__JOB_KEY__INIT);

    key->cluster = (char *)u->options.cluster;
    key->role = (char *)job->role;
    key->environment = (char *)job->env;
    key->name = (char *)job->name;
    return key;
}

static uint32_t lowest(uint32_t set)
{
    return (uint32_t)__builtin_ctz(set);
}

/* Watched; every fifth one may not fail at all. */
static void set_restart(const struct user_job *job,
                        const struct user_step *step,
                        Perigee__Aurora__Call__Target *target)
{
    target->has_watch_secs = 1;
    target->watch_secs = job->flaps ? 0 : 3 * step->argument;
    target->has_max_instance_failures = target->has_max_total_failures = 1;
    target->max_instance_failures = target->max_total_failures =
        step->argument == 4 ? 0 : -1;
}

void user_set_target(const struct user *u, const struct user_job *job,
                     const struct user_step *step, struct arena *arena,
                     Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Target, target,
        PERIGEE__AURORA__CALL__TARGET__INIT);

    target->key = user_key_message(u, job, arena);
    target->has_batch_size = 1;
    target->batch_size =
        step->verb == USER_KILL_ONE ? step->argument % 2 : step->argument;
    if (step->verb == USER_RESTART)
        set_restart(job, step, target);
    if (step->verb == USER_KILL_ONE) {
        NEW(arena, Perigee__Aurora__InstanceRange, range,
            PERIGEE__AURORA__INSTANCE_RANGE__INIT);
        range->has_first = range->has_last = 1;
        range->first = range->last = lowest(job->wanted);
        target->n_instances = 1;
        target->instances = list_of(arena, range);
    }
    call->target = target;
    call->type = step->verb == USER_RESTART
                     ? PERIGEE__AURORA__CALL__TYPE__RESTART_JOB
                 : step->verb == USER_CANCEL
                     ? PERIGEE__AURORA__CALL__TYPE__CANCEL_ROLLING
                     : PERIGEE__AURORA__CALL__TYPE__KILL_JOB;
    target->has_batch_size =
        call->type != PERIGEE__AURORA__CALL__TYPE__CANCEL_ROLLING;
}

void user_set_quota(struct arena *arena, Call *call)
{
    static const char *const roles[] = {"web", "db", "ci"};
    NEW(arena, Perigee__Aurora__Call__SetQuota, set,
        PERIGEE__AURORA__CALL__SET_QUOTA__INIT);

    set->quotas = arena_alloc(arena, sizeof roles);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        NEW(arena, Perigee__Quota, quota, PERIGEE__QUOTA__INIT);
        NEW(arena, Perigee__QuotaAmounts, most, PERIGEE__QUOTA_AMOUNTS__INIT);
        most->has_cpu_milli = most->has_ram_bytes = most->has_disk_bytes = 1;
        most->cpu_milli = 1000 * 1000;
        most->ram_bytes = most->disk_bytes = (uint64_t)1 << 40;
        quota->role = (char *)roles[i];
        quota->production = most;
        set->quotas[set->n_quotas++] = quota;
    }
    call->has_type = 1;
    call->type = PERIGEE__AURORA__CALL__TYPE__SET_QUOTA;
    call->set_quota = set;
}

/* To be evaluated by a script worker. */
static void send_bundle(const struct user *u, const struct user_job *job,
                        Perigee__Aurora__Call__CreateJob *create,
                        struct arena *arena)
{
    if (job->is_picky)
        add_functions(create->job, arena);
    create->key = user_key_message(u, job, arena);
    set_bundle(arena, create);
}

void user_set_create(const struct user *u, const struct user_job *job,
                     const struct user_step *step, struct arena *arena,
                     Call *call)
{
    NEW(arena, Perigee__Aurora__Call__CreateJob, create,
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT);

    create->job =
        job_message(u->options.cluster, job, step->argument, 0, arena);
    if (step->verb == USER_CREATE_BUNDLE)
        send_bundle(u, job, create, arena);
    call->create_job = create;
    call->type = PERIGEE__AURORA__CALL__TYPE__CREATE_JOB;
}

/* New ones first, with more or less to spare. Where hosts take few of them, old
 * ones may all end first: otherwise nothing would ever fit. */
static void add_surge(const struct user_job *job, const struct user_step *step,
                      Perigee__UpdateConfig *update)
{
    update->strategy = PERIGEE__UPDATE_CONFIG__STRATEGY__SURGE;
    update->has_minimum_health_capacity_milli = 1;
    update->minimum_health_capacity_milli =
        job->limit > 0 ? 0 : 500 * (step->argument / 5 % 3);
    update->has_maximum_over_capacity_milli = 1;
    update->maximum_over_capacity_milli = 500 * (step->argument / 15 % 3);
}

static void add_canary(const struct user_job *job, const struct user_step *step,
                       Perigee__UpdateConfig *update, struct arena *arena)
{
    NEW(arena, Perigee__Canary, canary, PERIGEE__CANARY__INIT);

    canary->has_instances = canary->has_watch_secs = 1;
    canary->instances = job->updated > 1 ? 1 + step->argument % 2 : 1;
    canary->watch_secs = job->flaps ? 0 : 5 * (step->argument % 4);
    update->canary = canary;
}

/* Kills ask first: by count, share, or somebody outside. */
static void add_policy(const struct user_job *job, const struct user_step *step,
                       Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__SlaPolicy, sla, PERIGEE__SLA_POLICY__INIT);

    if (job->updated < 2 || step->argument % 3 == 0) {
        sla->coordinator_url = (char *)"http://10.0.0.9/may-i";
    } else if (step->argument % 3 == 1) {
        sla->has_count = 1;
        sla->count = job->updated - 1;
    } else {
        sla->has_percentage_milli = 1;
        sla->percentage_milli = 50000;
    }
    if (sla->coordinator_url == NULL) {
        sla->has_duration_secs = 1;
        sla->duration_secs = step->argument % 10;
    }
    message->sla_policy = sla;
    message->update->has_sla_aware = message->update->sla_aware = 1;
}

/* A quarter of the updates are judged strictly, so that faults turn them back;
 * others bear everything, as does what follows an update that left the job half
 * way. */
static void add_update(const struct user_job *job, const struct user_step *step,
                       Perigee__Job *message, struct arena *arena)
{
    NEW(arena, Perigee__UpdateConfig, update, PERIGEE__UPDATE_CONFIG__INIT);
    bool is_strict = !job->insists && step->argument % 4 == 3;

    update->has_strategy = update->has_batch_size = 1;
    update->strategy = step->argument % 2 == 0
                           ? PERIGEE__UPDATE_CONFIG__STRATEGY__QUEUE
                           : PERIGEE__UPDATE_CONFIG__STRATEGY__BATCH;
    update->batch_size = 1 + step->argument % 3;
    if (user_step_surges(step))
        add_surge(job, step, update);
    if (step->argument % 7 < 2)
        add_canary(job, step, update, arena);
    update->has_autopause_after_batch = 1;
    update->autopause_after_batch = step->argument % 3 == 1;
    update->has_watch_secs = update->has_max_per_shard_failures = 1;
    update->watch_secs = job->flaps ? 0 : 3 * (step->argument % 3);
    update->max_per_shard_failures = is_strict ? 0 : 1000;
    update->has_rollback_on_failure = 1;
    update->rollback_on_failure = job->number % 3 != 0;
    message->update = update;
    if (step->argument % 11 < 3)
        add_policy(job, step, message, arena);
}

/* Did the version that runs come so? What our worker makes of it lacks what the
 * scheduler fills in. */
static bool came_as_bundle(const struct user_job *job)
{
    return job->version == 0 ? job->step[0].verb == USER_CREATE_BUNDLE
                             : job->version % 2 == 0;
}

/* The version that runs, in other words. */
static void set_reword(const struct user *u, struct user_job *job,
                       struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__CreateJob, create,
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT);
    struct user_job *next = arena_memdup(arena, job, sizeof *job);

    next->words++;
    job->updated = (uint32_t)__builtin_popcount(job->wanted);
    create->job = user_member_message(u->options.cluster, next, job->updated,
                                      job->version, arena);
    if (came_as_bundle(job))
        send_bundle(u, job, create, arena);
    call->create_job = create;
    call->type = PERIGEE__AURORA__CALL__TYPE__START_UPDATE;
}

/* By the next version, with now and then one instance more; every other time
 * evaluated by a script worker. */
static void set_start(const struct user *u, struct user_job *job,
                      const struct user_step *step, struct arena *arena,
                      Call *call)
{
    NEW(arena, Perigee__Aurora__Call__CreateJob, create,
        PERIGEE__AURORA__CALL__CREATE_JOB__INIT);

    job->updated = (uint32_t)__builtin_popcount(job->wanted);
    if (step->argument % 5 == 4 && job->updated < USER_INSTANCES_MAX)
        job->updated++;
    create->job = job_message(u->options.cluster, job, job->updated,
                              job->version + 1, arena);
    add_update(job, step, create->job, arena);
    if (job->version % 2 != 0)
        send_bundle(u, job, create, arena);
    call->create_job = create;
    call->type = PERIGEE__AURORA__CALL__TYPE__START_UPDATE;
}

/* Look after the update that was started, or interfere. */
static void set_care(const struct user *u, struct user_job *job,
                     struct arena *arena, Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Update, update,
        PERIGEE__AURORA__CALL__UPDATE__INIT);

    update->key = user_key_message(u, job, arena);
    update->update_id = job->update_id;
    call->update = update;
    call->type = (Perigee__Aurora__Call__Type)job->next_call;
}

void user_set_update(const struct user *u, struct user_job *job,
                     const struct user_step *step, struct arena *arena,
                     Call *call)
{
    if (job->update_id[0] != '\0')
        set_care(u, job, arena, call);
    else if (step->verb == USER_REWORD)
        set_reword(u, job, arena, call);
    else
        set_start(u, job, step, arena, call);
}

void user_set_scale(const struct user *u, const struct user_job *job,
                    const struct user_step *step, struct arena *arena,
                    Call *call)
{
    NEW(arena, Perigee__Aurora__Call__Scale, scale,
        PERIGEE__AURORA__CALL__SCALE__INIT);

    scale->key = user_key_message(u, job, arena);
    scale->has_instances = 1;
    scale->instances = step->argument;
    call->scale = scale;
    call->type = step->verb == USER_SCALE
                     ? PERIGEE__AURORA__CALL__TYPE__SCALE_JOB
                     : PERIGEE__AURORA__CALL__TYPE__ADD_INSTANCES;
}
