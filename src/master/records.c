/* What the store keeps (proto/perigee/master.proto). */
#include "master/layer.h"
#include "perigee/master.pb-c.h"
#include <stdio.h>

static void keep(struct effects *fx, const char *table, const char *key,
                 const void *message)
{
    struct arena arena;
    arena_init(&arena);
    effect_persist(fx, table, bytes_of_text(key), pack(message, &arena));
    arena_release(&arena);
}

void record_start(uint64_t incarnation, struct effects *fx)
{
    Perigee__Master__Start start = PERIGEE__MASTER__START__INIT;
    start.has_incarnation = 1;
    start.incarnation = incarnation;
    keep(fx, "master", "start", &start);
}

void record_maintenance(struct master_program *p, struct effects *fx)
{
    Perigee__Master__Maintenance record = PERIGEE__MASTER__MAINTENANCE__INIT;
    const struct master_machine *machine = p->core->machines;
    record.schedule = schedule_encode(p, &p->arena);
    record.down =
        arena_alloc(&p->arena, (HASH_COUNT(machine) + 1) * sizeof *record.down);
    for (; machine; machine = machine->hh.next)
        if (machine->is_down)
            record.down[record.n_down++] = machine_id_make(machine, &p->arena);
    keep(fx, "master", "maintenance", &record);
}

void record_agent(struct master_program *p, const struct agent *agent,
                  struct effects *fx)
{
    Perigee__Master__Agent record = PERIGEE__MASTER__AGENT__INIT;
    record.info =
        unpack_own(&mesos__v1__agent_info__descriptor, agent->info, &p->arena);
    record.endpoint =
        arena_printf(&p->arena, "%s:%d", agent->ip, (int)agent->port);
    record.version = agent->version;
    record.has_registered_ms = 1;
    record.registered_ms = agent->registered_ms;
    record.has_unreachable_ms = agent->unreachable_ms != 0;
    record.unreachable_ms = agent->unreachable_ms;
    keep(fx, "agents", agent->id, &record);
}

void record_framework(struct master_program *p, const struct framework *f,
                      const char *table, struct effects *fx)
{
    Perigee__Master__Framework record = PERIGEE__MASTER__FRAMEWORK__INIT;
    record.info =
        unpack_own(&mesos__v1__framework_info__descriptor, f->info, &p->arena);
    record.has_registered_ms = 1;
    record.registered_ms = f->registered_ms;
    record.has_unregistered_ms = f->unregistered_ms != 0;
    record.unregistered_ms = f->unregistered_ms;
    keep(fx, table, f->id, &record);
}

/* --- reading them back --- */

static int restore_start(struct master_program *p, struct bytes value,
                         struct err *err)
{
    const Perigee__Master__Start *start =
        unpack(&perigee__master__start__descriptor, value, &p->arena, err);
    if (!start)
        return -1;
    master_restore_incarnation(p->core, start->incarnation);
    return 0;
}

static struct machine_id machine_id_read(const Mesos__V1__MachineID *id)
{
    return (struct machine_id){.hostname = id->hostname ? id->hostname : "",
                               .ip = id->ip ? id->ip : ""};
}

static bool restore_window(struct master_program *p, uint32_t number,
                           const Mesos__V1__Maintenance__Window *window)
{
    const Mesos__V1__DurationInfo *duration = window->unavailability->duration;
    struct unavailability when = {
        .start_ns = window->unavailability->start->nanoseconds,
        .duration_ns = duration ? duration->nanoseconds : -1};
    for (size_t i = 0; i < window->n_machine_ids; i++) {
        struct machine_id id = machine_id_read(window->machine_ids[i]);
        if (!master_restore_machine(p->core, &id, number, when))
            return false;
    }
    return true;
}

static int restore_maintenance(struct master_program *p, struct bytes value,
                               struct err *err)
{
    const Perigee__Master__Maintenance *record = unpack(
        &perigee__master__maintenance__descriptor, value, &p->arena, err);
    if (!record)
        return -1;
    bool is_good = true;
    const Mesos__V1__Maintenance__Schedule *schedule = record->schedule;
    for (size_t i = 0; is_good && schedule && i < schedule->n_windows; i++)
        is_good = restore_window(p, (uint32_t)i, schedule->windows[i]);
    for (size_t i = 0; is_good && i < record->n_down; i++) {
        struct machine_id id = machine_id_read(record->down[i]);
        is_good = master_restore_down(p->core, &id);
    }
    return is_good ? 0
                   : err_set(err, ERR_DAMAGED,
                             "the maintenance schedule contradicts itself");
}

static int restore_agent(struct master_program *p, struct bytes value,
                         struct err *err)
{
    const Perigee__Master__Agent *record =
        unpack(&perigee__master__agent__descriptor, value, &p->arena, err);
    if (!record)
        return -1;
    const Mesos__V1__AgentInfo *info = record->info;
    const char *colon =
        record->endpoint ? strrchr(record->endpoint, ':') : NULL;
    if (!info || !info->id || !colon)
        return err_set(err, ERR_DAMAGED,
                       "an agent's record lacks its id or "
                       "endpoint");
    struct resources total = {0};
    struct attributes attributes = {0};
    int rc = resources_decode(info->resources, info->n_resources, &total, err);
    if (rc == 0)
        rc = attributes_decode(info->attributes, info->n_attributes,
                               &attributes, err);
    struct agent_restore restore = {
        .id = info->id->value,
        .hostname = info->hostname,
        .ip = arena_strndup(&p->arena, record->endpoint,
                            (size_t)(colon - record->endpoint)),
        .port = (int32_t)strtol(colon + 1, NULL, 10),
        .version = record->version ? record->version : "",
        .info = pack(info, &p->arena),
        .attributes = &attributes,
        .total = &total,
        .registered_ms = record->registered_ms,
        .unreachable_ms = record->unreachable_ms,
    };
    if (rc == 0)
        master_restore_agent(p->core, &restore);
    resources_release(&total);
    attributes_release(&attributes);
    return rc;
}

static int restore_framework(struct master_program *p, struct bytes value,
                             bool is_completed, struct err *err)
{
    const Perigee__Master__Framework *record =
        unpack(&perigee__master__framework__descriptor, value, &p->arena, err);
    if (!record)
        return -1;
    if (!record->info || !record->info->id)
        return err_set(err, ERR_DAMAGED, "a framework's record lacks its id");
    struct framework_head head;
    int rc = framework_head_decode(record->info, &p->arena, &head, err);
    if (rc < 0)
        return rc;
    head.info = pack(record->info, &p->arena);
    if (is_completed)
        master_restore_completed(p->core, &head, record->registered_ms,
                                 record->unregistered_ms);
    else
        master_restore_framework(p->core, &head, record->registered_ms);
    return 0;
}

int records_on_stored(struct master_program *p, const char *table,
                      struct bytes key, struct bytes value, struct err *err)
{
    int rc = 0;
    if (strcmp(table, "master") == 0 && bytes_equal_text(key, "start"))
        rc = restore_start(p, value, err);
    else if (strcmp(table, "master") == 0 &&
             bytes_equal_text(key, "maintenance"))
        rc = restore_maintenance(p, value, err);
    else if (strcmp(table, "agents") == 0)
        rc = restore_agent(p, value, err);
    else if (strcmp(table, "frameworks") == 0)
        rc = restore_framework(p, value, false, err);
    else if (strcmp(table, "completed") == 0)
        rc = restore_framework(p, value, true, err);
    arena_clear(&p->arena);
    if (rc == 0) /* other tables belong to a newer release: left alone */
        return 0;
    if (err)
        err->code = ERR_DAMAGED;
    return err_wrap(err, "record '%.*s' of table '%s'", (int)key.size,
                    (const char *)key.data, table);
}
