/* The records of hosts in maintenance. */
#include "aurora/state.h"

typedef Perigee__Aurora__MaintenanceRecord Record;

/* --- reading --- */

static struct sla_policy policy_of(const Perigee__SlaPolicy *sla)
{
    struct sla_policy policy = {0};

    if (!sla)
        return policy;
    policy.kind = sla->has_percentage_milli ? SLA_PERCENTAGE : SLA_COUNT;
    policy.count = sla->count;
    policy.percentage_milli = sla->percentage_milli;
    policy.duration_ms = (int64_t)sla->duration_secs * 1000;
    return policy;
}

int maintenance_take(struct aurora_program *p, struct bytes key,
                     struct bytes value, struct err *err)
{
    Record *r = perigee__aurora__maintenance_record__unpack(NULL, value.size,
                                                            value.data);
    bool is_sound = false;

    if (r && r->name && bytes_equal_text(key, r->name)) {
        struct maintenance m = {.name = r->name,
                                .mode = (enum maintenance_mode)r->mode,
                                .since_ms = (int64_t)r->since_ms,
                                .began_ms = (int64_t)r->began_ms,
                                .timeout_ms = (int64_t)r->timeout_ms,
                                .policy = policy_of(r->default_policy),
                                .reason = r->reason};
        is_sound = aurora_restore_maintenance(&p->core, &m);
    }
    if (r)
        perigee__aurora__maintenance_record__free_unpacked(r, NULL);
    return is_sound ? 0 : store_damaged(err, "maintenance", key);
}

/* --- writing --- */

static void save(const struct maintenance *m, struct effects *fx)
{
    Record r = PERIGEE__AURORA__MAINTENANCE_RECORD__INIT;
    Perigee__SlaPolicy sla = PERIGEE__SLA_POLICY__INIT;

    r.name = m->name;
    r.has_mode = r.has_since_ms = r.has_began_ms = r.has_timeout_ms = true;
    r.mode = (Perigee__Aurora__MaintenanceView__Mode)m->mode;
    r.since_ms = (uint64_t)m->since_ms;
    r.began_ms = (uint64_t)m->began_ms;
    r.timeout_ms = (uint64_t)m->timeout_ms;
    r.reason = m->reason;
    if (m->policy.kind != SLA_NONE) {
        sla_view(&m->policy, &sla);
        r.default_policy = &sla;
    }
    store_persist(fx, "maintenance", bytes_of_text(m->name), &r.base);
}

void maintenances_save(struct aurora_program *p, struct effects *fx)
{
    for (uint32_t i = 0; i < p->core.work.maintenances.count; i++)
        save(p->core.work.maintenances.item[i], fx);
}
