/* Quotas on the wire and in the store. */
#include "aurora/state.h"

#include <string.h>

typedef Perigee__Quota Quota;
typedef Perigee__QuotaAmounts Amounts;
typedef Perigee__Aurora__QuotaRecord QuotaRecord;

static const uint64_t MIB = 1024 * 1024;

/* What stays without a word about it is 0 of a quota for production. */
enum {
    SCARCE = 1 << QUOTA_CPU | 1 << QUOTA_RAM | 1 << QUOTA_DISK | 1 << QUOTA_GPUS
};

/* --- from the wire --- */

static int take(struct quota_limit *out, enum quota_resource resource,
                bool is_set, uint64_t amount, const char *pool, struct err *err)
{
    if (!is_set)
        return 0;
    if (amount > (uint64_t)QUOTA_SUM_MAX) {
        (void)err_set(err, ERR_INVALID, "quota: %s.%s: want at most %lld", pool,
                      quota_resource_name(resource), (long long)QUOTA_SUM_MAX);
        err_field(err, "%s.%s", pool, quota_resource_name(resource));
        return -ERR_INVALID;
    }
    out->set |= 1U << resource;
    out->most.item[resource] = (int64_t)amount;
    return 0;
}

static int take_amounts(const Amounts *from, const char *pool,
                        struct quota_limit *out, struct err *err)
{
    const struct {
        enum quota_resource resource;
        bool is_set;
        uint64_t amount;
    } row[] = {
        {QUOTA_CPU, from->has_cpu_milli, from->cpu_milli},
        {QUOTA_RAM, from->has_ram_bytes, from->ram_bytes / MIB},
        {QUOTA_DISK, from->has_disk_bytes, from->disk_bytes / MIB},
        {QUOTA_GPUS, from->has_gpus, from->gpus},
        {QUOTA_PORTS, from->has_ports, from->ports},
        {QUOTA_TASKS, from->has_tasks, from->tasks},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof row / sizeof *row && rc == 0; i++)
        rc =
            take(out, row[i].resource, row[i].is_set, row[i].amount, pool, err);
    return rc;
}

static int take_name(const char *text, const char *field,
                     char out[JOB_KEY_PART_MAX], struct err *err)
{
    if (!job_key_part_ok(text)) {
        (void)err_set(err, ERR_INVALID,
                      "quota: %s '%.80s': want 1 to %d of A-Z a-z 0-9 _ . -",
                      field, text, JOB_KEY_PART_MAX - 1);
        err_field(err, "%s", field);
        return -ERR_INVALID;
    }
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

/* As it is written: nothing is filled in. */
static int decode(const Quota *from, struct quota *out, struct err *err)
{
    int rc = take_name(from->role ? from->role : "", "role", out->role, err);

    if (rc == 0 && from->parent && *from->parent)
        rc = take_name(from->parent, "parent", out->parent, err);
    out->has_production = from->production != NULL;
    if (rc == 0 && from->production)
        rc = take_amounts(from->production, "production",
                          &out->limit[QUOTA_PRODUCTION], err);
    if (rc == 0 && from->all)
        rc = take_amounts(from->all, "all", &out->limit[QUOTA_ALL], err);
    return rc;
}

int quota_decode(const Quota *from, struct quota *out, struct err *err)
{
    *out = (struct quota){0};
    int rc = decode(from, out, err);

    if (out->has_production)
        out->limit[QUOTA_PRODUCTION].set |= SCARCE;
    return rc;
}

static int add_limit(const struct quota *more, enum quota_pool pool,
                     struct quota *out, struct err *err)
{
    const struct quota_limit *from = &more->limit[pool];
    struct quota_limit *to = &out->limit[pool];

    for (int r = 0; r < QUOTA_RESOURCES; r++) {
        const char *name = quota_resource_name((enum quota_resource)r);
        if (!(from->set >> r & 1))
            continue;
        if (!(to->set >> r & 1)) {
            (void)err_set(err, ERR_INVALID,
                          "quota of role '%s': %s.%s has no bound that could "
                          "be raised",
                          out->role, quota_pool_name(pool), name);
            err_field(err, "%s.%s", quota_pool_name(pool), name);
            err_hint(err, "set it instead: clusterctl quota set");
            return -ERR_INVALID;
        }
        to->most.item[r] += from->most.item[r];
        if (to->most.item[r] > QUOTA_SUM_MAX)
            to->most.item[r] = QUOTA_SUM_MAX;
    }
    return 0;
}

int quota_decode_more(const struct quotas *quotas, const Quota *from,
                      struct quota *out, struct err *err)
{
    struct quota more = {0};
    int rc = decode(from, &more, err);

    if (rc < 0)
        return rc;
    const struct quota_role *role = quotas_find(quotas, more.role);
    *out = role ? role->quota : (struct quota){0};
    memcpy(out->role, more.role, sizeof out->role);
    if (more.parent[0])
        memcpy(out->parent, more.parent, sizeof out->parent);
    if (more.has_production && !out->has_production) {
        out->has_production = true;
        out->limit[QUOTA_PRODUCTION].set = SCARCE;
    }
    rc = add_limit(&more, QUOTA_PRODUCTION, out, err);
    return rc < 0 ? rc : add_limit(&more, QUOTA_ALL, out, err);
}

/* --- for people --- */

static void add_pool(const struct quota_limit *limit, enum quota_pool pool,
                     struct buf *out)
{
    struct buf amount = {0};

    for (int r = 0; r < QUOTA_RESOURCES; r++) {
        if (!(limit->set >> r & 1))
            continue;
        buf_clear(&amount);
        quota_amount_text((enum quota_resource)r, limit->most.item[r], &amount);
        buf_addf(out, " %s.%s=%s", quota_pool_name(pool),
                 quota_resource_name((enum quota_resource)r),
                 buf_text(&amount));
    }
    buf_release(&amount);
}

void quota_add_text(const Quota *from, struct buf *out)
{
    struct quota quota = {0};

    if (decode(from, &quota, NULL) < 0)
        return;
    buf_addf(out, "%s%s:", out->size > 0 ? "; " : "", quota.role);
    if (quota_is_empty(&quota))
        buf_add_text(out, " none");
    if (quota.parent[0])
        buf_addf(out, " parent=%s", quota.parent);
    for (int pool = 0; pool < QUOTA_POOLS; pool++)
        add_pool(&quota.limit[pool], (enum quota_pool)pool, out);
}

/* --- to the wire --- */

Amounts *quota_view_amounts(const struct quota_amounts *from, uint32_t set,
                            struct arena *arena)
{
    Amounts *out = arena_alloc(arena, sizeof *out);

    perigee__quota_amounts__init(out);
    out->has_cpu_milli = set >> QUOTA_CPU & 1;
    out->cpu_milli = (uint64_t)from->item[QUOTA_CPU];
    out->has_ram_bytes = set >> QUOTA_RAM & 1;
    out->ram_bytes = (uint64_t)from->item[QUOTA_RAM] * MIB;
    out->has_disk_bytes = set >> QUOTA_DISK & 1;
    out->disk_bytes = (uint64_t)from->item[QUOTA_DISK] * MIB;
    out->has_gpus = set >> QUOTA_GPUS & 1;
    out->gpus = (uint64_t)from->item[QUOTA_GPUS];
    out->has_ports = set >> QUOTA_PORTS & 1;
    out->ports = (uint64_t)from->item[QUOTA_PORTS];
    out->has_tasks = set >> QUOTA_TASKS & 1;
    out->tasks = (uint64_t)from->item[QUOTA_TASKS];
    return out;
}

Quota *quota_view(const struct quota *from, struct arena *arena)
{
    Quota *out = arena_alloc(arena, sizeof *out);
    const struct quota_limit *all = &from->limit[QUOTA_ALL];
    const struct quota_limit *production = &from->limit[QUOTA_PRODUCTION];

    perigee__quota__init(out);
    out->role = arena_strdup(arena, from->role);
    if (from->parent[0])
        out->parent = arena_strdup(arena, from->parent);
    if (from->has_production)
        out->production =
            quota_view_amounts(&production->most, production->set, arena);
    if (all->set)
        out->all = quota_view_amounts(&all->most, all->set, arena);
    return out;
}

/* --- the store --- */

int quota_store_take(struct aurora_program *p, struct bytes key,
                     struct bytes value, struct err *err)
{
    QuotaRecord *r =
        perigee__aurora__quota_record__unpack(NULL, value.size, value.data);
    struct quota quota;
    int rc = r && r->quota && quota_decode(r->quota, &quota, NULL) == 0 &&
                     bytes_equal_text(key, quota.role)
                 ? quotas_restore(&p->core.quotas, &quota, err)
                 : store_damaged(err, "quota", key);

    if (r)
        perigee__aurora__quota_record__free_unpacked(r, NULL);
    return rc;
}

void quotas_save(struct aurora_program *p, struct effects *fx)
{
    const struct work *w = &p->core.work;

    for (uint32_t i = 0; i < w->quotas.count; i++) {
        const struct quota_role *role = w->quotas.item[i];
        QuotaRecord r = PERIGEE__AURORA__QUOTA_RECORD__INIT;
        r.quota = quota_view(&role->quota, &fx->arena);
        store_persist(fx, "quota", bytes_of_text(role->quota.role), &r.base);
    }
}
