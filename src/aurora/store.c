/* Records of the store: to the core at the start, from the core's work at the
 * end of every input. */
#include "aurora/assets.h"
#include "aurora/state.h"

#include "perigee/aurora_store.pb-c.h"

#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__TaskRecord TaskRecord;
typedef Perigee__Aurora__JobRecord JobRecord;
typedef Perigee__Aurora__HostRecord HostRecord;

static const char *const TABLE[] = {
    [RECORD_CONFIG] = "config",   [RECORD_JOB] = "job",
    [RECORD_TASK] = "task",       [RECORD_HOST] = "host",
    [RECORD_UPDATE] = "update",   [RECORD_SLOT] = "update_instance",
    [RECORD_APP_GROUP] = "group", [RECORD_APP_MEMBER] = "group_member",
    [RECORD_FIRING] = "firing",   [RECORD_MAINTENANCE] = "maintenance",
    [RECORD_NOTICE] = "notice",   [RECORD_QUOTA] = "quota"};

static char *or_empty(char *text)
{
    return text ? text : "";
}

int store_damaged(struct err *err, const char *table, struct bytes key)
{
    (void)err_set(err, ERR_DAMAGED, "%s '%.*s': the record cannot be read",
                  table, (int)key.size, (const char *)key.data);
    err_hint(err, "`clusterctl backup restore ID --store DIR` puts a backup in "
                  "the place of the store");
    return -ERR_DAMAGED;
}

/* --- reading --- */

static int take_scheduler(struct aurora_program *p, struct bytes key,
                          struct bytes value, struct err *err)
{
    Perigee__Aurora__SchedulerRecord *r =
        perigee__aurora__scheduler_record__unpack(NULL, value.size, value.data);

    if (!r)
        return store_damaged(err, "scheduler", key);
    free(p->link.framework_id);
    p->link.framework_id = r->framework_id ? xstrdup(r->framework_id) : NULL;
    p->ceiling = r->sequence_ceiling;
    free(p->sign_in.asset_key);
    p->sign_in.asset_key = r->asset_key ? xstrdup(r->asset_key) : NULL;
    perigee__aurora__scheduler_record__free_unpacked(r, NULL);
    return 0;
}

static int take_config(struct aurora_program *p, struct bytes key,
                       struct bytes value, struct err *err)
{
    Perigee__Aurora__ConfigRecord *r =
        perigee__aurora__config_record__unpack(NULL, value.size, value.data);
    struct job_config *config = NULL;

    if (!r || !r->job || job_decode_stored(p, r->job, &config, NULL) < 0 ||
        !bytes_equal_text(key, config->id) ||
        aurora_config(&p->core, config->id)) {
        job_config_unref(config);
        if (r)
            perigee__aurora__config_record__free_unpacked(r, NULL);
        return store_damaged(err, "config", key);
    }
    aurora_restore_config(&p->core, config);
    perigee__aurora__config_record__free_unpacked(r, NULL);
    return 0;
}

static int take_host(struct aurora_program *p, struct bytes key,
                     struct bytes value, struct err *err)
{
    HostRecord *r =
        perigee__aurora__host_record__unpack(NULL, value.size, value.data);
    struct attributes attributes = {0};

    if (!r || !r->agent_id) {
        if (r)
            perigee__aurora__host_record__free_unpacked(r, NULL);
        return store_damaged(err, "host", key);
    }
    for (size_t i = 0; i < r->n_attributes; i++)
        attributes_add_text(&attributes, or_empty(r->attributes[i]->name),
                            or_empty(r->attributes[i]->value));
    struct amounts total = {(int64_t)r->cpus, (int64_t)r->mem, (int64_t)r->disk,
                            (int64_t)r->gpus};
    aurora_restore_host(&p->core, bytes_of_text(r->agent_id),
                        or_empty(r->hostname), or_empty(r->endpoint),
                        &attributes, &total, (int64_t)r->seen_ms);
    attributes_release(&attributes);
    perigee__aurora__host_record__free_unpacked(r, NULL);
    return 0;
}

static int take_request(struct aurora_program *p, struct bytes key,
                        struct bytes value, struct err *err)
{
    Perigee__Aurora__RequestRecord *r =
        perigee__aurora__request_record__unpack(NULL, value.size, value.data);

    if (!r || !r->key) {
        if (r)
            perigee__aurora__request_record__free_unpacked(r, NULL);
        return store_damaged(err, "request", key);
    }
    keys_restore(p, r);
    perigee__aurora__request_record__free_unpacked(r, NULL);
    return 0;
}

static int take_asset(struct aurora_program *p, struct bytes key,
                      struct bytes value, struct err *err)
{
    Perigee__Aurora__AssetRecord *r =
        perigee__aurora__asset_record__unpack(NULL, value.size, value.data);
    char *name = xstrndup((const char *)key.data, key.size);

    if (r)
        asset_restore(p, name, bytes_of(r->content.data, r->content.len),
                      (int64_t)r->at_ms);
    free(name);
    if (!r)
        return store_damaged(err, "asset", key);
    perigee__aurora__asset_record__free_unpacked(r, NULL);
    return 0;
}

static int restore_rolling(const JobRecord *r, struct job *job, struct err *err)
{
    if (r->rolling)
        job->rolling = rolling_restore(r->rolling);
    else if (r->restart && r->restart->batch_size > 0)
        job->rolling = rolling_restore_old(r->restart);
    if (!r->rolling || job->rolling)
        return 0;
    return store_damaged(err, "job", blob_bytes(job->key_text));
}

static int restore_job(struct aurora_program *p, struct bytes value,
                       struct err *err)
{
    JobRecord *r =
        perigee__aurora__job_record__unpack(NULL, value.size, value.data);
    struct job_key key;
    int rc = -ERR_DAMAGED;

    if (!r || key_decode(p, r->key, &key, err) < 0 || !r->config_id) {
        rc = store_damaged(err, "job", bytes_of_text(""));
    } else {
        struct job *job = job_new(&key);
        job->instances = r->instances;
        job->created_ms = (int64_t)r->created_ms;
        job->is_killed = r->killed;
        job->is_removed = r->removed;
        job->owner = r->owner ? xstrdup(r->owner) : NULL;
        rc = restore_rolling(r, job, err);
        if (rc == 0)
            rc = aurora_restore_job(&p->core, job, r->config_id, err);
        if (rc < 0)
            job_free(job);
        else if (r->cron && job->cron)
            cron_restore(r->cron, job->cron);
    }
    if (r)
        perigee__aurora__job_record__free_unpacked(r, NULL);
    return rc;
}

/* They come before the tasks, which want them. */
static int restore_jobs(struct aurora_program *p, struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < p->stored_jobs.count && rc == 0; i++)
        rc = restore_job(p, blob_bytes(p->stored_jobs.item[i]), err);
    for (uint32_t i = 0; i < p->stored_jobs.count; i++)
        blob_unref(p->stored_jobs.item[i]);
    p->stored_jobs.count = 0;
    return rc;
}

static int take_task(struct aurora_program *p, struct bytes key,
                     struct bytes value, struct err *err)
{
    int rc = p->stored_jobs.count > 0 ? restore_jobs(p, err) : 0;

    return rc < 0 ? rc : stored_tasks_take(p, key, value, err);
}

int store_take(struct aurora_program *p, const char *table, struct bytes key,
               struct bytes value, struct err *err)
{
    if (strcmp(table, "scheduler") == 0)
        return take_scheduler(p, key, value, err);
    if (strcmp(table, "config") == 0)
        return take_config(p, key, value, err);
    if (strcmp(table, "host") == 0)
        return take_host(p, key, value, err);
    if (strcmp(table, "maintenance") == 0)
        return maintenance_take(p, key, value, err);
    if (strcmp(table, "request") == 0)
        return take_request(p, key, value, err);
    if (strcmp(table, "audit") == 0)
        return audit_take(p, key, value, err);
    if (strcmp(table, "asset") == 0)
        return take_asset(p, key, value, err);
    if (strcmp(table, "bundle") == 0) {
        char *name = xstrndup((const char *)key.data, key.size);
        bundle_restore(p, name, value, 0);
        free(name);
        return 0;
    }
    if (strcmp(table, "bundle_release") == 0 || strcmp(table, "release") == 0) {
        char *name = xstrndup((const char *)key.data, key.size);
        if (strcmp(table, "release") == 0)
            release_restore(p, name, value);
        else
            bundle_restore_release(p, name, value);
        free(name);
        return 0;
    }
    if (strcmp(table, "job") == 0)
        *vec_add(&p->stored_jobs) = blob_new(value);
    else if (strcmp(table, "task") == 0)
        return take_task(p, key, value, err);
    else if (strcmp(table, "update") == 0)
        *vec_add(&p->stored_updates) = blob_new(value);
    else if (strcmp(table, "update_instance") == 0)
        *vec_add(&p->stored_slots) = blob_new(value);
    else if (strcmp(table, "firing") == 0)
        *vec_add(&p->stored_firings) = blob_new(value);
    else if (strcmp(table, "notice") == 0)
        *vec_add(&p->stored_notices) = blob_new(value);
    else if (strcmp(table, "quota") == 0)
        return quota_store_take(p, key, value, err);
    else if (strcmp(table, "group") == 0)
        *vec_add(&p->stored_groups) = blob_new(value);
    else if (strcmp(table, "group_member") == 0)
        *vec_add(&p->stored_members) = blob_new(value);
    /* A table of a newer version is left alone. */
    return 0;
}

void store_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->stored_jobs.count; i++)
        blob_unref(p->stored_jobs.item[i]);
    updates_store_release(p);
    groups_store_release(p);
    firings_store_release(p);
    notices_store_release(p);
    vec_free(&p->stored_jobs);
    stored_tasks_release(&p->stored_tasks);
}

int store_done(struct aurora_program *p, int64_t now_ms, struct err *err)
{
    int rc = restore_jobs(p, err);

    if (rc == 0)
        rc = stored_tasks_restore(p, err);
    if (rc == 0)
        rc = updates_restore(p, err);
    if (rc == 0)
        rc = firings_restore(p, err);
    if (rc == 0)
        rc = notices_restore(p, err);
    if (rc == 0)
        rc = groups_restore(p, err);
    if (rc == 0)
        rc = quotas_restored(&p->core.quotas, err);
    if (rc == 0)
        rc = aurora_restore_check(&p->core, err);
    if (rc == 0)
        aurora_restored(&p->core, p->ceiling, now_ms);
    store_release(p);
    return rc;
}

/* --- writing --- */

void store_persist(struct effects *fx, const char *table, struct bytes key,
                   const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = arena_alloc(&fx->arena, size + 1);

    protobuf_c_message_pack(message, packed);
    effect_persist_kept(fx, table, key, bytes_of(packed, size));
}

void store_save_scheduler(struct aurora_program *p, struct effects *fx)
{
    Perigee__Aurora__SchedulerRecord r =
        PERIGEE__AURORA__SCHEDULER_RECORD__INIT;

    r.framework_id = p->link.framework_id;
    r.has_sequence_ceiling = true;
    r.sequence_ceiling = p->core.sequence_ceiling;
    r.asset_key = p->sign_in.asset_key;
    store_persist(fx, "scheduler", bytes_of_text("self"), &r.base);
}

static void save_config(struct job_config *config, struct effects *fx)
{
    Perigee__Aurora__ConfigRecord r = PERIGEE__AURORA__CONFIG_RECORD__INIT;

    r.job = (Perigee__Job *)job_of(config);
    store_persist(fx, "config", bytes_of_text(config->id), &r.base);
}

static void save_job(const struct job *job, struct effects *fx)
{
    JobRecord r = PERIGEE__AURORA__JOB_RECORD__INIT;
    char key[JOB_KEY_TEXT_MAX];

    r.key = key_encode(&job->key, &fx->arena);
    r.config_id = job->config->id;
    r.has_instances = r.has_created_ms = true;
    r.instances = job->instances;
    r.created_ms = (uint64_t)job->created_ms;
    r.has_killed = r.killed = job->is_killed;
    r.has_removed = r.removed = job->is_removed;
    r.owner = job->owner;
    if (job->rolling)
        r.rolling = rolling_record(job->rolling, &fx->arena);
    if (job->cron)
        r.cron = cron_record(job->cron, &fx->arena);
    store_persist(fx, "job", bytes_of_text(job_store_key(&job->key, key)),
                  &r.base);
}

static void fill_history(const struct task *task, TaskRecord *r,
                         struct arena *arena)
{
    r->n_events = task->events.count;
    r->events = arena_alloc(arena, (r->n_events + 1) * sizeof(void *));
    for (uint32_t i = 0; i < task->events.count; i++) {
        const struct task_event *e = &task->events.item[i];
        Perigee__Aurora__TaskEvent *event = arena_alloc(arena, sizeof *event);
        perigee__aurora__task_event__init(event);
        event->has_at_ms = event->has_state = true;
        event->at_ms = (uint64_t)e->at_ms;
        event->state = (Perigee__Aurora__TaskState)e->state;
        event->message = view_text(e->message, arena);
        r->events[i] = event;
    }
}

static void save_task(const struct task *task, struct effects *fx)
{
    TaskRecord r = PERIGEE__AURORA__TASK_RECORD__INIT;
    Perigee__Aurora__TaskRecord__Place place =
        PERIGEE__AURORA__TASK_RECORD__PLACE__INIT;

    Perigee__Aurora__JobKey key = key_borrow(&task->job->key);

    r.task_id = view_text(task->id, &fx->arena);
    r.key = &key;
    r.config_id = task->config->id;
    r.has_instance = r.has_state = r.has_failures = true;
    r.instance = task->instance;
    r.state = (Perigee__Aurora__TaskState)task->state;
    r.failures = task->failures;
    r.ancestor_id = view_text(task->ancestor, &fx->arena);
    r.has_deadline_ms = task->state == TASK_THROTTLED;
    r.deadline_ms = (uint64_t)task->deadline_ms;
    r.has_number = true;
    r.number = task->number;
    r.has_firing = task->firing != 0;
    r.firing = task->firing;
    r.has_beside = r.beside = task->is_beside;
    if (task->placement) {
        place.agent_id = view_text(task->placement->agent_id, &fx->arena);
        place.hostname = task->placement->hostname;
        place.endpoint = task->placement->endpoint;
        place.n_ports = task->placement->port_count;
        place.ports = task->placement->port;
        r.place = &place;
    }
    fill_history(task, &r, &fx->arena);
    store_persist(fx, "task", blob_bytes(task->id), &r.base);
}

static void save_host(const struct host *host, struct effects *fx)
{
    HostRecord r = PERIGEE__AURORA__HOST_RECORD__INIT;
    uint32_t n = host->attributes.count;

    r.agent_id = view_text(host->agent_id, &fx->arena);
    r.hostname = host->hostname;
    r.endpoint = host->endpoint;
    r.n_attributes = n;
    r.attributes = arena_alloc(&fx->arena, (n + 1) * sizeof(void *));
    for (uint32_t i = 0; i < n; i++) {
        Perigee__Aurora__HostRecord__Attribute *a =
            arena_alloc(&fx->arena, sizeof *a);
        perigee__aurora__host_record__attribute__init(a);
        a->name = host->attributes.item[i].name;
        a->value = host->attributes.item[i].text;
        r.attributes[i] = a;
    }
    r.has_cpus = r.has_mem = r.has_disk = r.has_gpus = r.has_seen_ms = true;
    r.cpus = (uint64_t)host->total.cpus;
    r.mem = (uint64_t)host->total.mem;
    r.disk = (uint64_t)host->total.disk;
    r.gpus = (uint64_t)host->total.gpus;
    r.seen_ms = (uint64_t)host->seen_ms;
    store_persist(fx, "host", blob_bytes(host->agent_id), &r.base);
}

void store_save(struct aurora_program *p, struct effects *fx)
{
    const struct work *w = &p->core.work;

    for (uint32_t i = 0; i < w->forgotten.count; i++)
        effect_forget(fx, TABLE[w->forgotten.item[i].table],
                      bytes_of_text(w->forgotten.item[i].key));
    for (uint32_t i = 0; i < w->configs.count; i++)
        save_config(w->configs.item[i], fx);
    for (uint32_t i = 0; i < w->jobs.count; i++)
        save_job(w->jobs.item[i], fx);
    for (uint32_t i = 0; i < w->tasks.count; i++)
        if (w->tasks.item[i])
            save_task(w->tasks.item[i], fx);
    for (uint32_t i = 0; i < w->hosts.count; i++)
        save_host(w->hosts.item[i], fx);
    maintenances_save(p, fx);
    updates_save(p, fx);
    groups_save(p, fx);
    firings_save(p, fx);
    notices_save(p, fx);
    quotas_save(p, fx);
    if (w->save_sequence)
        store_save_scheduler(p, fx);
}
