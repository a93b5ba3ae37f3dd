/* Between the evaluated job of the wire and the config of the core. */
#include "aurora/assets.h"
#include "aurora/state.h"

#include "base/text.h"
#include "script/expression.h"
#include "script/health_call.h"
#include "script/honour.h"
#include "script/job_effect.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const int64_t MIB = 1024 * 1024;
static const uint64_t AMOUNT_MAX = (uint64_t)1 << 45;

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int refuse(struct err *err, const char *field, const char *want)
{
    (void)err_set(err, ERR_INVALID, "job: %s: %s", field, want);
    err_field(err, "%s", field);
    return -ERR_INVALID;
}

/* --- keys --- */

static int check_cluster(const struct aurora_program *p, const char *cluster,
                         struct err *err)
{
    if (strcmp(or_empty(cluster), p->options.cluster) == 0)
        return 0;
    (void)err_set(err, ERR_INVALID, "cluster '%s': this scheduler is '%s'",
                  or_empty(cluster), p->options.cluster);
    err_field(err, "key.cluster");
    return -ERR_INVALID;
}

int key_decode(const struct aurora_program *p,
               const Perigee__Aurora__JobKey *key, struct job_key *out,
               struct err *err)
{
    if (!key) {
        (void)err_set(err, ERR_INVALID,
                      "key: want {cluster, role, environment, name}");
        err_field(err, "key");
        return -ERR_INVALID;
    }
    int rc = check_cluster(p, key->cluster, err);
    if (rc < 0)
        return rc;
    rc =
        job_key_make(key->cluster, or_empty(key->role),
                     or_empty(key->environment), or_empty(key->name), out, err);
    if (rc < 0 && err) { /* its part, where it stands in a call */
        char part[sizeof err->field];
        memcpy(part, err->field, sizeof part);
        err_field(err, "key.%s", part);
    }
    return rc;
}

Perigee__Aurora__JobKey *key_encode(const struct job_key *key,
                                    struct arena *arena)
{
    Perigee__Aurora__JobKey *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__job_key__init(out);
    out->cluster = arena_strdup(arena, key->cluster);
    out->role = arena_strdup(arena, key->role);
    out->environment = arena_strdup(arena, key->env);
    out->name = arena_strdup(arena, key->name);
    return out;
}

Perigee__Aurora__JobKey key_borrow(struct job_key *key)
{
    return (Perigee__Aurora__JobKey){
        .base = PROTOBUF_C_MESSAGE_INIT(&perigee__aurora__job_key__descriptor),
        .cluster = key->cluster,
        .role = key->role,
        .environment = key->env,
        .name = key->name};
}

/* --- checks that are the scheduler's own --- */

static int check_resources(const Perigee__ResourceAmounts *r, struct err *err)
{
    if (!r)
        return refuse(err, "task.resources", "missing");
    if (r->cpu_milli == 0 || r->cpu_milli > AMOUNT_MAX)
        return refuse(err, "task.resources.cpu_milli", "want more than 0");
    if (r->ram_bytes < (uint64_t)MIB || r->ram_bytes > AMOUNT_MAX << 10)
        return refuse(err, "task.resources.ram_bytes", "want at least 1 MB");
    if (r->disk_bytes < (uint64_t)MIB || r->disk_bytes > AMOUNT_MAX << 10)
        return refuse(err, "task.resources.disk_bytes", "want at least 1 MB");
    return 0;
}

static int check_dedicated(const Perigee__Job *job,
                           const Perigee__HostConstraint *c, struct err *err)
{
    if (c->kind != PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF || c->n_values != 1)
        return refuse(err, "constraints.dedicated", "want exactly one value");
    const char *slash = strchr(c->values[0], '/');
    size_t size = slash ? (size_t)(slash - c->values[0]) : strlen(c->values[0]);
    if (strncmp(c->values[0], "*/", 2) == 0 ||
        (strlen(job->role) == size &&
         strncmp(job->role, c->values[0], size) == 0))
        return 0;
    return refuse(err, "constraints.dedicated",
                  "its role must be the job's, or '*'");
}

/* What each kind of constraint compares with. */
static int check_operands(const Perigee__HostConstraint *c, struct err *err)
{
    struct err why = {0};

    switch (c->kind) {
    case PERIGEE__HOST_CONSTRAINT__KIND__LIMIT:
    case PERIGEE__HOST_CONSTRAINT__KIND__MAX_PER:
        if (c->limit == 0)
            return refuse(err, "constraints.limit", "want at least 1");
        return 0;
    case PERIGEE__HOST_CONSTRAINT__KIND__LIKE:
    case PERIGEE__HOST_CONSTRAINT__KIND__UNLIKE:
        if (c->n_values != 1)
            return refuse(err, "constraints.values", "want one expression");
        if (expression_check(c->values[0], &why) < 0)
            return refuse(err, "constraints.values", why.text);
        return 0;
    case PERIGEE__HOST_CONSTRAINT__KIND__CLUSTER:
        if (c->n_values > 1)
            return refuse(err, "constraints.values", "want at most one value");
        return 0;
    case PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF:
    case PERIGEE__HOST_CONSTRAINT__KIND__NONE_OF:
        if (c->n_values == 0 || c->n_values > CONSTRAINT_VALUES_MAX)
            return refuse(err, "constraints.values", "want 1 to 256 values");
        return 0;
    default:
        return 0; /* UNIQUE and GROUP_BY need nothing */
    }
}

static int check_constraint(const Perigee__Job *job,
                            const Perigee__HostConstraint *c, struct err *err)
{
    if (!c->attribute || !*c->attribute)
        return refuse(err, "constraints.attribute", "missing");
    if (c->kind < PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF ||
        c->kind > PERIGEE__HOST_CONSTRAINT__KIND__MAX_PER)
        return refuse(err, "constraints.kind", "want ONE_OF to MAX_PER");
    int rc = check_operands(c, err);
    if (rc < 0)
        return rc;
    if (strcmp(c->attribute, "dedicated") == 0)
        return check_dedicated(job, c, err);
    return 0;
}

static int check_update(const Perigee__UpdateConfig *u, struct err *err)
{
    if (!u)
        return 0;
    if (u->n_batch_sizes > UPDATE_SIZES_MAX)
        return refuse(err, "update.batch_sizes", "want at most 256");
    for (size_t i = 0; i < u->n_batch_sizes; i++)
        if (u->batch_sizes[i] == 0)
            return refuse(err, "update.batch_sizes", "want more than 0");
    if (u->canary && u->canary->has_instances && u->canary->instances == 0)
        return refuse(err, "update.canary.instances", "want at least 1");
    if (u->minimum_health_capacity_milli > 1000)
        return refuse(err, "update.minimum_health_capacity_milli",
                      "want at most 1000");
    if (u->maximum_over_capacity_milli > 1000)
        return refuse(err, "update.maximum_over_capacity_milli",
                      "want at most 1000");
    return 0;
}

/* What the core's arrays need, whoever wrote the job. */
static int check_head(const Perigee__Job *job, struct job_key *key,
                      struct err *err)
{
    int rc =
        job_key_make(or_empty(job->cluster), or_empty(job->role),
                     or_empty(job->environment), or_empty(job->name), key, err);

    if (rc < 0)
        return rc;
    if (!job->task)
        return refuse(err, "task", "missing");
    rc = check_resources(job->task->resources, err);
    if (rc == 0 && job->n_notify > NOTIFY_RULES_MAX)
        rc = refuse(err, "notify", "want at most 64");
    if (rc == 0 && job->n_constraints > CONSTRAINTS_MAX)
        rc = refuse(err, "constraints", "want at most 64");
    if (rc == 0 && job->n_port_names > PORT_NAMES_MAX)
        rc = refuse(err, "port_names", "want at most 256 ports");
    for (size_t i = 0; rc == 0 && i < job->n_constraints; i++)
        rc = check_constraint(job, job->constraints[i], err);
    if (rc == 0)
        rc = check_update(job->update, err);
    return rc;
}

struct honour {
    struct err *err;
    bool is_refused;
};

/* The first one is told; `clusterctl check` tells them all. */
static void on_refused(void *context, const char *field, const char *reason)
{
    struct honour *honour = context;
    if (honour->is_refused)
        return;
    honour->is_refused = true;
    (void)refuse(honour->err, field, reason);
    err_hint(honour->err, "this cluster cannot do it: leave it out");
}

/* Whether it can be announced is a matter of this cluster. */
static int check_announce(const struct aurora_program *p,
                          const Perigee__Job *job, struct err *err)
{
    if (!job->announce)
        return 0;
    if (!p->options.zookeeper) {
        (void)refuse(err, "announce", "this cluster has no ZooKeeper");
        err_hint(err, "leave it out, or start the scheduler with "
                      "--zookeeper=HOST:PORT,...");
        return -ERR_INVALID;
    }
    if (or_empty(job->announce->zk_path)[0] && !p->options.allow_announce_path)
        return refuse(err, "announce.zk_path",
                      "this cluster has its own place for announcements");
    return 0;
}

/* The file of a health function travels with every task. */
static int check_function(struct aurora_program *p, const Perigee__Job *job,
                          struct err *err)
{
    char text[160];
    if (!job->health_check || !job->health_check->lua)
        return 0;
    struct bytes bytes = bundle_bytes(p, or_empty(job->bundle_hash));
    if (bytes.size == 0)
        return refuse(err, "health_check.lua",
                      "a function needs the job file that it stands in");
    if (bytes.size <= HEALTH_BUNDLE_MAX)
        return 0;
    (void)snprintf(text, sizeof text,
                   "its file and what that reads have %zu bytes, at most %d "
                   "travel with a task: give it a file of its own",
                   bytes.size, HEALTH_BUNDLE_MAX);
    return refuse(err, "health_check.lua", text);
}

static int check_honour(const Perigee__Job *job, struct err *err)
{
    struct honour honour = {.err = err};
    return honour_check(job, on_refused, &honour) > 0 ? -ERR_INVALID : 0;
}

/* A function is code that must be here. */
static int check_functions(struct aurora_program *p, const Perigee__Job *job,
                           struct err *err)
{
    const Perigee__Function *list[] = {job->place, job->rank};
    static const char *const field[] = {"place", "rank"};

    for (int i = 0; i < 2; i++) {
        if (!list[i])
            continue;
        if (list[i]->ordinal == 0)
            return refuse(err, field[i], "want the ordinal of the function");
        if (bundle_bytes(p, or_empty(job->bundle_hash)).size == 0)
            return refuse(err, field[i],
                          "want a job with the bundle its function is in");
    }
    return 0;
}

static int check_policy(struct aurora_program *p, const Perigee__Job *job,
                        struct err *err)
{
    int rc = check_cluster(p, job->cluster, err);

    if (rc < 0)
        return rc;
    if (regexec(&p->environments, or_empty(job->environment), 0, NULL, 0) !=
        0) {
        (void)err_set(err, ERR_INVALID, "environment '%s': want %s",
                      or_empty(job->environment), p->options.environments);
        err_field(err, "environment");
        err_hint(err, "allowed_job_environments of the scheduler says which");
        return -ERR_INVALID;
    }
    if (job->task->n_processes == 0)
        return refuse(err, "task.processes", "want at least one process");
    if (job->has_instances && job->instances == 0)
        return refuse(err, "instances", "want at least 1");
    if (job->has_max_task_failures &&
        (job->max_task_failures < -1 || job->max_task_failures == 0))
        return refuse(err, "max_task_failures", "want -1 or at least 1");
    rc = check_announce(p, job, err);
    if (rc == 0)
        rc = tier_check(p, job, err);
    if (rc == 0)
        rc = sla_check(p, job, err);
    if (rc == 0)
        rc = check_function(p, job, err);
    if (rc == 0)
        rc = notify_check(p, job, err);
    return rc < 0 ? rc : check_honour(job, err);
}

/* --- decoding --- */

static void fill_amounts(const struct aurora_program *p,
                         const Perigee__ResourceAmounts *r,
                         struct job_config *config)
{
    struct amounts *task = &config->task;

    task->cpus = (int64_t)r->cpu_milli;
    task->mem = (int64_t)(r->ram_bytes / (uint64_t)MIB) * 1000;
    task->disk = (int64_t)(r->disk_bytes / (uint64_t)MIB) * 1000;
    task->gpus = (int64_t)r->gpu * 1000;
    config->need = *task;
    config->need.cpus += p->options.executor_cpus_milli;
    config->need.mem += p->options.executor_mem_milli;
    tier_split(p, config);
}

/* The stored form: how many instances there are is not the config's. */
static struct bytes pack_config(const Perigee__Job *job, struct buf *out)
{
    Perigee__Job copy = *job;

    copy.has_instances = false;
    copy.instances = 0;
    size_t size = perigee__job__get_packed_size(&copy);
    buf_reserve(out, size);
    out->size = perigee__job__pack(&copy, out->data);
    return buf_bytes(out);
}

/* What matters to a task that runs, and to one that stands where it may. */
static void set_runs_id(const Perigee__Job *job, struct job_config *config)
{
    struct buf packed = {0};

    job_effect_pack(job, JOB_EFFECT_MOVE, &packed);
    job_config_id(buf_bytes(&packed), config->runs_id);
    buf_clear(&packed);
    job_effect_pack(job, JOB_EFFECT_RESTART, &packed);
    job_config_id(buf_bytes(&packed), config->stands_id);
    buf_release(&packed);
}

static void set_canary(const Perigee__Canary *canary,
                       struct update_settings *settings)
{
    settings->canary_count = canary->has_instances ? canary->instances : 1;
    settings->canary_ms =
        canary->has_watch_secs ? (int64_t)canary->watch_secs * 1000 : 300000;
    settings->canary_failures_max = canary->max_failures;
}

/* How it is updated. What is not said is as the job language has it. */
static void set_update(const Perigee__UpdateConfig *u,
                       struct job_config *config)
{
    struct update_settings settings = config->update;
    uint32_t one = u->batch_size > 0 ? u->batch_size : 1;

    settings.size = &one;
    settings.size_count = 1;
    if (u->strategy == PERIGEE__UPDATE_CONFIG__STRATEGY__BATCH)
        settings.strategy = UPDATE_BATCH;
    if (u->strategy == PERIGEE__UPDATE_CONFIG__STRATEGY__VARIABLE_BATCH &&
        u->n_batch_sizes > 0) {
        settings.strategy = UPDATE_VARIABLE_BATCH;
        settings.size = u->batch_sizes;
        settings.size_count = (uint32_t)u->n_batch_sizes;
    }
    if (u->strategy == PERIGEE__UPDATE_CONFIG__STRATEGY__SURGE)
        settings.strategy = UPDATE_SURGE;
    settings.minimum_health_milli = u->has_minimum_health_capacity_milli
                                        ? u->minimum_health_capacity_milli
                                        : 1000;
    settings.maximum_over_milli = u->has_maximum_over_capacity_milli
                                      ? u->maximum_over_capacity_milli
                                      : 1000;
    settings.autopause = u->autopause_after_batch;
    if (u->has_watch_secs)
        settings.watch_ms = (int64_t)u->watch_secs * 1000;
    settings.instance_failures_max = u->max_per_shard_failures;
    settings.failures_max = u->max_total_failures;
    if (u->has_rollback_on_failure)
        settings.rolls_back = u->rollback_on_failure;
    settings.pulse_ms = (int64_t)u->pulse_interval_secs * 1000;
    settings.is_sla_aware = u->sla_aware;
    if (u->canary)
        set_canary(u->canary, &settings);
    job_config_set_update(config, &settings);
}

/* How long tasks whose agent is out of reach are waited for. */
static int64_t partition_ms(const Perigee__PartitionPolicy *policy)
{
    if (!policy)
        return 0;
    if (policy->has_reschedule && !policy->reschedule)
        return -1;
    return (int64_t)policy->delay_secs * 1000;
}

static int build(struct aurora_program *p, const Perigee__Job *job,
                 const struct job_key *key, struct job_config **out,
                 struct err *err)
{
    struct buf packed = {0};
    struct cron_rule *cron;
    int rc = cron_rule_decode(p, job, &cron, err);

    if (rc < 0)
        return rc;
    struct job_config *config = job_config_new(key, pack_config(job, &packed));

    buf_release(&packed);
    set_runs_id(job, config);
    config->is_service = job->service;
    config->priority = job->priority;
    config->failures_max =
        job->has_max_task_failures ? job->max_task_failures : 1;
    config->partition_ms = partition_ms(job->partition_policy);
    const struct tier tier = tier_of_job(p, job);
    config->is_production = tier_is_production(&tier);
    config->is_preemptible = tier.is_preemptible;
    config->is_revocable = tier.is_revocable;
    fill_amounts(p, job->task->resources, config);
    for (size_t i = 0; i < job->n_port_names; i++)
        job_config_add_port(config, job->port_names[i]);
    for (size_t i = 0; i < job->n_constraints; i++) {
        const Perigee__HostConstraint *c = job->constraints[i];
        job_config_add_constraint(
            config, c->attribute, (enum constraint_kind)c->kind,
            (const char *const *)c->values, (uint32_t)c->n_values, c->limit);
    }
    if (job->update)
        set_update(job->update, config);
    if (job->sla_policy)
        sla_decode(job, config);
    if (job->place)
        job_config_set_place_take(
            config,
            question_new_function(QUESTION_PLACE, or_empty(job->bundle_hash),
                                  job->place->ordinal));
    if (job->rank)
        job_config_set_rank_take(
            config,
            question_new_function(QUESTION_RANK, or_empty(job->bundle_hash),
                                  job->rank->ordinal));
    notify_decode(job, config);
    if (cron)
        job_config_set_cron_take(config, cron);
    *out = config;
    return 0;
}

int job_decode(struct aurora_program *p, const Perigee__Job *job,
               struct job_config **out, uint32_t *instances, struct err *err)
{
    struct job_key key;
    int rc = check_head(job, &key, err);

    if (rc == 0)
        rc = check_policy(p, job, err);
    if (rc == 0)
        rc = check_functions(p, job, err);
    if (rc < 0)
        return rc;
    *instances = job->has_instances ? job->instances : 1;
    return build(p, job, &key, out, err);
}

int job_decode_preview(struct aurora_program *p, const Perigee__Job *job,
                       struct job_config **out, uint32_t *instances,
                       struct err *err)
{
    struct job_key key;
    int rc = check_head(job, &key, err);

    if (rc == 0)
        rc = check_cluster(p, job->cluster, err);
    if (rc < 0)
        return rc;
    *instances = job->has_instances ? job->instances : 1;
    return build(p, job, &key, out, err);
}

int job_decode_stored(struct aurora_program *p, const Perigee__Job *job,
                      struct job_config **out, struct err *err)
{
    struct job_key key;
    int rc = check_head(job, &key, err);

    if (rc < 0)
        return rc;
    return build(p, job, &key, out, err);
}

static void free_job(void *job)
{
    perigee__job__free_unpacked(job, NULL);
}

const Perigee__Job *job_of(struct job_config *config)
{
    if (!config->decoded) {
        struct bytes bytes = blob_bytes(config->bytes);
        config->decoded = perigee__job__unpack(NULL, bytes.size, bytes.data);
        config->decoded_free = free_job;
    }
    return config->decoded;
}

Perigee__Job *job_with_instances(struct job_config *config, uint32_t instances,
                                 struct arena *arena)
{
    Perigee__Job *copy = arena_memdup(arena, job_of(config), sizeof *copy);

    copy->has_instances = true;
    copy->instances = instances;
    return copy;
}
