/* GET /state: what dashboards and scripts of Mesos read. */
#include "master/layer.h"
#include <assert.h>

/* --- small parts --- */

static void put_message(struct json_writer *w, const char *key,
                        const void *message)
{
    struct buf json = {0};
    codec_encode(message, MEDIA_JSON, &json);
    json_key(w, key);
    json_raw(w, buf_bytes(&json));
    buf_release(&json);
}

static void put_seconds(struct json_writer *w, const char *key, int64_t ms)
{
    json_key(w, key);
    json_double(w, (double)ms / 1000);
}

static void put_count(struct json_writer *w, const char *key, uint64_t count)
{
    json_put_milli(w, key, (int64_t)count * 1000);
}

static void put_strings(struct json_writer *w, const char *key,
                        const char *const *item, uint32_t count)
{
    json_key(w, key);
    json_begin_array(w);
    for (uint32_t i = 0; i < count; i++)
        json_text(w, item[i]);
    json_end_array(w);
}

static bool is_usual(const char *name)
{
    return strcmp(name, "disk") == 0 || strcmp(name, "mem") == 0 ||
           strcmp(name, "gpus") == 0 || strcmp(name, "cpus") == 0;
}

static void put_ranges(struct json_writer *w, const struct resources *r,
                       const char *name)
{
    struct ranges ranges;
    struct buf text = {0};
    resources_ranges(r, name, &ranges);
    ranges_print(&ranges, &text);
    json_put_string(w, name, buf_text(&text));
    buf_release(&text);
    ranges_release(&ranges);
}

/* The four usual scalars always, then whatever else there is, by name. What may
 * be taken back is left out: readers add these up. */
static void put_resources(struct json_writer *w, const char *key,
                          const struct resources *all)
{
    static const char *const USUAL[] = {"disk", "mem", "gpus", "cpus"};
    struct resources firm, *r = &firm;
    resources_firm(all, &firm);
    const struct resource *item = resources_items(r);
    const char *last = "";
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < sizeof USUAL / sizeof *USUAL; i++)
        json_put_milli(w, USUAL[i], resources_scalar(r, USUAL[i]));
    for (uint32_t i = 0; i < r->count; i++) {
        const struct resource_kind *kind = item[i].kind;
        if (is_usual(kind->name) || strcmp(kind->name, last) == 0)
            continue;
        last = kind->name;
        if (kind->type == RESOURCE_SCALAR)
            json_put_milli(w, last, resources_scalar(r, last));
        else if (kind->type == RESOURCE_RANGES)
            put_ranges(w, r, last);
    }
    json_end_object(w);
    resources_release(&firm);
}

static void put_sum(struct json_writer *w, const char *key,
                    struct resources sum)
{
    put_resources(w, key, &sum);
    resources_release(&sum);
}

/* --- agents --- */

static void put_attributes(struct json_writer *w,
                           const struct attributes *attributes)
{
    json_key(w, "attributes");
    json_begin_object(w);
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct attribute *a = &attributes->item[i];
        if (a->type == ATTRIBUTE_SCALAR)
            json_put_milli(w, a->name, a->milli);
        else
            json_put_string(w, a->name, a->text);
    }
    json_end_object(w);
}

/* Those of one role; "*" are the unreserved ones. */
static struct resources of_role(const struct resources *all, const char *role)
{
    struct resources out = {0};
    const struct resource *item = resources_items(all);
    for (uint32_t i = 0; i < all->count; i++)
        if (strcmp(item[i].kind->role, role) == 0)
            resources_add_one(&out, &item[i]);
    return out;
}

static void put_reserved(struct json_writer *w, const struct resources *total)
{
    const struct resource *item = resources_items(total);
    json_key(w, "reserved_resources");
    json_begin_object(w);
    for (uint32_t i = 0; i < total->count; i++) {
        const char *role = item[i].kind->role;
        bool is_listed = strcmp(role, "*") == 0;
        for (uint32_t k = 0; k < i; k++)
            is_listed = is_listed || strcmp(item[k].kind->role, role) == 0;
        if (!is_listed)
            put_sum(w, role, of_role(total, role));
    }
    json_end_object(w);
}

static void put_agent(struct json_writer *w, const struct agent *agent)
{
    struct resources used, offered;
    struct buf pid = {0};
    agent_used(agent, &used);
    agent_offered(agent, &offered);
    buf_addf(&pid, "slave(1)@%s:%d", agent->ip, (int)agent->port);
    json_put_string(w, "id", agent->id);
    json_put_string(w, "hostname", agent->hostname);
    json_put_int(w, "port", agent->port);
    put_attributes(w, &agent->attributes);
    json_put_string(w, "pid", buf_text(&pid));
    put_seconds(w, "registered_time", agent->registered_ms);
    if (agent->reregistered_ms)
        put_seconds(w, "reregistered_time", agent->reregistered_ms);
    put_resources(w, "resources", &agent->total);
    put_sum(w, "used_resources", used);
    put_sum(w, "offered_resources", offered);
    put_reserved(w, &agent->total);
    put_sum(w, "unreserved_resources", of_role(&agent->total, "*"));
    json_put_bool(w, "active", agent->state == AGENT_CONNECTED);
    json_put_bool(w, "deactivated", false);
    json_put_string(w, "version", agent->version);
    put_strings(w, "capabilities", AGENT_CAPABILITY_NAME,
                AGENT_CAPABILITY_COUNT);
    buf_release(&pid);
}

/* --- tasks --- */

static void put_status(struct json_writer *w, const struct task *task,
                       const struct status *status, struct arena *arena)
{
    const Mesos__V1__TaskStatus *wire = status_encode(task, status, arena);
    if (wire->container_status) /* told by the v1 API only */
        wire->container_status->has_executor_pid = false;
    json_begin_object(w);
    json_put_string(w, "state", task_state_name(status->state));
    json_key(w, "timestamp");
    json_double(w, wire->timestamp);
    if (wire->labels)
        put_message(w, "labels", wire->labels);
    if (wire->container_status)
        put_message(w, "container_status", wire->container_status);
    if (wire->has_healthy)
        json_put_bool(w, "healthy", wire->healthy);
    json_end_object(w);
}

static void put_labels(struct json_writer *w, const Mesos__V1__Labels *labels)
{
    json_key(w, "labels");
    json_begin_array(w);
    for (size_t i = 0; i < labels->n_labels; i++) {
        struct buf json = {0};
        codec_encode(&labels->labels[i]->base, MEDIA_JSON, &json);
        json_raw(w, buf_bytes(&json));
        buf_release(&json);
    }
    json_end_array(w);
}

static void put_task(struct json_writer *w, const struct task *task)
{
    struct arena arena;
    arena_init(&arena);
    const Mesos__V1__Task *about =
        unpack_own(&mesos__v1__task__descriptor, task->about, &arena);
    json_begin_object(w);
    json_put_string(w, "id", task->id);
    json_put_string(w, "name", about->name);
    json_put_string(w, "framework_id", task->framework->id);
    json_put_string(w, "executor_id", task->executor_id);
    json_put_string(w, "slave_id", task->agent_id);
    json_put_string(w, "state", task_state_name(task->state));
    put_resources(w, "resources", &task->resources);
    json_put_string(w, "role", task->role);
    json_key(w, "statuses");
    json_begin_array(w);
    for (uint32_t i = 0; i < task->statuses.count; i++)
        put_status(w, task, &task->statuses.item[i], &arena);
    json_end_array(w);
    if (about->labels)
        put_labels(w, about->labels);
    if (about->discovery)
        put_message(w, "discovery", about->discovery);
    if (about->container)
        put_message(w, "container", about->container);
    json_end_object(w);
    arena_release(&arena);
}

static void put_tasks(struct json_writer *w, const char *key,
                      const struct task *tasks)
{
    json_key(w, key);
    json_begin_array(w);
    for (const struct task *t = tasks; t; t = t->hh.next)
        put_task(w, t);
    json_end_array(w);
}

/* --- frameworks --- */

static void put_capabilities(struct json_writer *w,
                             const Mesos__V1__FrameworkInfo *info)
{
    json_key(w, "capabilities");
    json_begin_array(w);
    for (size_t i = 0; i < info->n_capabilities; i++) {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
            &mesos__v1__framework_info__capability__type__descriptor,
            (int)info->capabilities[i]->type);
        if (value)
            json_text(w, value->name);
    }
    json_end_array(w);
}

static void put_offers(struct json_writer *w, const struct master *m,
                       const struct framework *f)
{
    const struct offer *offer;
    char id[ID_MAX];
    json_key(w, "offers");
    json_begin_array(w);
    DL_FOREACH2(f->offers, offer, framework_next)
    {
        json_begin_object(w);
        json_put_string(w, "id", offer_id_text(m, offer, id, sizeof id));
        json_put_string(w, "framework_id", f->id);
        json_key(w, "allocation_info");
        json_begin_object(w);
        json_put_string(w, "role", offer->role);
        json_end_object(w);
        json_put_string(w, "slave_id", offer->agent->id);
        put_resources(w, "resources", &offer->resources);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_executors(struct json_writer *w, const struct framework *f)
{
    const struct executor *executor;
    json_key(w, "executors");
    json_begin_array(w);
    DL_FOREACH(f->executors, executor)
    {
        json_begin_object(w);
        json_put_string(w, "executor_id", executor->id);
        json_put_string(w, "framework_id", f->id);
        put_resources(w, "resources", &executor->resources);
        json_put_string(w, "role", executor->role);
        json_put_string(w, "type", "CUSTOM");
        json_put_string(w, "slave_id", executor->agent->id);
        json_end_object(w);
    }
    json_end_array(w);
}

/* Who it is and how it stands. */
static void put_framework_head(struct json_writer *w, const struct framework *f,
                               const Mesos__V1__FrameworkInfo *info)
{
    struct resources used, offered;
    framework_used(f, &used);
    framework_offered(f, &offered);
    json_put_string(w, "id", f->id);
    json_put_string(w, "name", f->name);
    put_sum(w, "used_resources", used);
    put_sum(w, "offered_resources", offered);
    put_capabilities(w, info);
    json_put_string(w, "hostname", info->hostname ? info->hostname : "");
    json_put_string(w, "webui_url", info->webui_url ? info->webui_url : "");
    json_put_bool(w, "active", f->stream != 0);
    json_put_bool(w, "connected", f->stream != 0);
    json_put_bool(w, "recovered", f->is_recovered);
}

static struct resources all_of(const struct framework *f)
{
    struct resources used, offered;
    framework_used(f, &used);
    framework_offered(f, &offered);
    resources_add(&used, &offered);
    resources_release(&offered);
    return used;
}

static void put_framework(struct json_writer *w, const struct master *m,
                          const struct framework *f)
{
    struct arena arena;
    arena_init(&arena);
    const Mesos__V1__FrameworkInfo *info =
        unpack_own(&mesos__v1__framework_info__descriptor, f->info, &arena);
    json_begin_object(w);
    put_framework_head(w, f, info);
    json_put_string(w, "user", info->user);
    put_seconds(w, "failover_timeout", f->failover_timeout_ms);
    json_put_bool(w, "checkpoint", f->flags & FRAMEWORK_CHECKPOINT);
    put_seconds(w, "registered_time", f->registered_ms);
    if (f->reregistered_ms)
        put_seconds(w, "reregistered_time", f->reregistered_ms);
    put_seconds(w, "unregistered_time", f->unregistered_ms);
    if (f->principal)
        json_put_string(w, "principal", f->principal);
    put_sum(w, "resources", all_of(f));
    if (f->flags & FRAMEWORK_MULTI_ROLE)
        put_strings(w, "roles", (const char *const *)f->roles.item,
                    f->roles.count);
    else
        json_put_string(w, "role", f->roles.item[0]);
    put_tasks(w, "tasks", f->tasks);
    put_tasks(w, "unreachable_tasks", f->unreachable);
    put_tasks(w, "completed_tasks", f->completed);
    put_offers(w, m, f);
    put_executors(w, f);
    if (info->labels)
        put_labels(w, info->labels);
    json_key(w, "offer_constraints"); /* none are accepted */
    json_begin_object(w);
    json_end_object(w);
    json_end_object(w);
    arena_release(&arena);
}

static void put_frameworks(struct json_writer *w, const char *key,
                           const struct master *m, const struct framework *all)
{
    json_key(w, key);
    json_begin_array(w);
    for (const struct framework *f = all; f; f = f->hh.next)
        put_framework(w, m, f);
    json_end_array(w);
}

/* --- the whole --- */

static bool is_registered(const struct agent *agent)
{
    return agent->state == AGENT_CONNECTED ||
           agent->state == AGENT_DISCONNECTED;
}

static void put_agent_counts(struct json_writer *w, const struct master *m)
{
    uint64_t active = 0, inactive = 0, unreachable = 0;
    for (const struct agent *a = m->agents; a; a = a->hh.next) {
        active += a->state == AGENT_CONNECTED;
        inactive += a->state == AGENT_DISCONNECTED;
        unreachable += a->state == AGENT_UNREACHABLE;
    }
    put_count(w, "activated_slaves", active);
    put_count(w, "deactivated_slaves", inactive);
    put_count(w, "unreachable_slaves", unreachable);
}

static void put_leader(struct json_writer *w, const struct master_program *p,
                       const char *pid)
{
    json_put_string(w, "leader", pid);
    json_key(w, "leader_info");
    json_begin_object(w);
    json_put_string(w, "id", p->core->id);
    json_put_string(w, "pid", pid);
    json_put_int(w, "port", p->port);
    json_put_string(w, "hostname", p->hostname);
    json_end_object(w);
}

static void put_agents(struct json_writer *w, const struct master *m)
{
    json_key(w, "slaves");
    json_begin_array(w);
    for (const struct agent *a = m->agents; a; a = a->hh.next) {
        if (!is_registered(a))
            continue;
        json_begin_object(w);
        put_agent(w, a);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_recovered_agents(struct json_writer *w, const struct master *m)
{
    json_key(w, "recovered_slaves");
    json_begin_array(w);
    for (const struct agent *a = m->agents; a; a = a->hh.next) {
        if (a->state != AGENT_RECOVERED)
            continue;
        json_begin_object(w);
        json_put_string(w, "id", a->id);
        json_put_string(w, "hostname", a->hostname);
        json_put_int(w, "port", a->port);
        put_attributes(w, &a->attributes);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_master(struct json_writer *w, const struct master_program *p)
{
    static const char *const CAPABILITY[] = {"AGENT_UPDATE"};
    struct buf pid = {0};
    buf_addf(&pid, "master@%s:%d", p->ip, p->port);
    json_put_string(w, "version", MASTER_API_VERSION);
    put_seconds(w, "start_time", p->started_ms);
    put_seconds(w, "elected_time", p->started_ms);
    json_put_string(w, "id", p->core->id);
    json_put_string(w, "pid", buf_text(&pid));
    json_put_string(w, "hostname", p->hostname);
    put_strings(w, "capabilities", CAPABILITY, 1);
    put_agent_counts(w, p->core);
    put_leader(w, p, buf_text(&pid));
    if (p->cluster)
        json_put_string(w, "cluster", p->cluster);
    json_key(w, "flags");
    flags_write(p, w);
    buf_release(&pid);
}

void state_get(struct request *r)
{
    struct json_writer w;
    const struct master *m = r->p->core;
    buf_clear(&r->p->buf);
    json_init(&w, &r->p->buf, 0);
    json_begin_object(&w);
    put_master(&w, r->p);
    put_agents(&w, m);
    put_recovered_agents(&w, m);
    put_frameworks(&w, "frameworks", m, m->frameworks);
    put_frameworks(&w, "completed_frameworks", m, m->completed);
    put_strings(&w, "orphan_tasks", NULL, 0);
    put_strings(&w, "unregistered_frameworks", NULL, 0);
    json_end_object(&w);
    effect_reply(r->fx, r->exchange, 200, MEDIA_JSON, buf_bytes(&r->p->buf));
}
