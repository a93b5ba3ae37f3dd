#include "aurora/core/quota.h"
#include "base/alloc.h"
#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- amounts --- */

/* Sums of what a damaged or an old store says may be absurd; they must not be
 * undefined, and what was added can always be taken away again. */
static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

void quota_use_add(struct quota_use *sum, const struct quota_use *more)
{
    for (int p = 0; p < QUOTA_POOLS; p++)
        for (int r = 0; r < QUOTA_RESOURCES; r++)
            sum->pool[p].item[r] =
                add(sum->pool[p].item[r], more->pool[p].item[r]);
}

void quota_use_subtract(struct quota_use *sum, const struct quota_use *less)
{
    for (int p = 0; p < QUOTA_POOLS; p++)
        for (int r = 0; r < QUOTA_RESOURCES; r++)
            sum->pool[p].item[r] = (int64_t)((uint64_t)sum->pool[p].item[r] -
                                             (uint64_t)less->pool[p].item[r]);
}

void quota_use_max(struct quota_use *sum, const struct quota_use *other)
{
    for (int p = 0; p < QUOTA_POOLS; p++)
        for (int r = 0; r < QUOTA_RESOURCES; r++)
            if (sum->pool[p].item[r] < other->pool[p].item[r])
                sum->pool[p].item[r] = other->pool[p].item[r];
}

static int64_t add_times(int64_t sum, int64_t more, uint64_t times)
{
    int64_t product;

    if (times > (uint64_t)QUOTA_SUM_MAX ||
        __builtin_mul_overflow(more, (int64_t)times, &product) ||
        __builtin_add_overflow(sum, product, &sum) || sum > QUOTA_SUM_MAX)
        return more == 0 ? sum : QUOTA_SUM_MAX + 1;
    return sum;
}

void quota_use_add_times(struct quota_use *sum, const struct quota_use *more,
                         uint64_t times)
{
    for (int p = 0; p < QUOTA_POOLS; p++)
        for (int r = 0; r < QUOTA_RESOURCES; r++)
            sum->pool[p].item[r] =
                add_times(sum->pool[p].item[r], more->pool[p].item[r], times);
}

static bool amounts_equal(const struct quota_amounts *a,
                          const struct quota_amounts *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool quota_use_equal(const struct quota_use *a, const struct quota_use *b)
{
    for (int p = 0; p < QUOTA_POOLS; p++)
        if (!amounts_equal(&a->pool[p], &b->pool[p]))
            return false;
    return true;
}

static bool limit_equal(const struct quota_limit *a,
                        const struct quota_limit *b)
{
    if (a->set != b->set)
        return false;
    for (int r = 0; r < QUOTA_RESOURCES; r++)
        if ((a->set >> r & 1) && a->most.item[r] != b->most.item[r])
            return false;
    return true;
}

bool quota_equal(const struct quota *a, const struct quota *b)
{
    return strcmp(a->parent, b->parent) == 0 &&
           a->has_production == b->has_production &&
           limit_equal(&a->limit[QUOTA_PRODUCTION],
                       &b->limit[QUOTA_PRODUCTION]) &&
           limit_equal(&a->limit[QUOTA_ALL], &b->limit[QUOTA_ALL]);
}

bool quota_is_empty(const struct quota *quota)
{
    return quota->parent[0] == '\0' && !quota->has_production &&
           quota->limit[QUOTA_ALL].set == 0;
}

/* --- roles --- */

static struct quota_role *find_or_add(struct quotas *q, const char *name)
{
    struct quota_role *role = quotas_find(q, name);

    if (role)
        return role;
    role = xcalloc(1, sizeof *role);
    assert(strlen(name) < sizeof role->quota.role);
    memcpy(role->quota.role, name, strlen(name) + 1);
    HASH_ADD_STR(q->roles, quota.role, role);
    return role;
}

static void drop(struct quotas *q, struct quota_role *role)
{
    if (role->jobs > 0 || role->has_quota)
        return;
    assert(role->children == 0 && !role->parent);
    HASH_DEL(q->roles, role);
    free(role);
}

void quotas_release(struct quotas *q)
{
    for (struct quota_role *role = q->roles, *next; role; role = next) {
        next = role->hh.next;
        HASH_DEL(q->roles, role);
        free(role);
    }
    q->count = 0;
}

struct quota_role *quotas_find(const struct quotas *q, const char *name)
{
    struct quota_role *role;

    HASH_FIND_STR(q->roles, name, role);
    return role;
}

struct quota_role *quotas_hold(struct quotas *q, const char *name)
{
    struct quota_role *role = find_or_add(q, name);

    role->jobs++;
    return role;
}

void quotas_let_go(struct quotas *q, struct quota_role *role)
{
    assert(role->jobs > 0);
    role->jobs--;
    drop(q, role);
}

void quotas_change(struct quota_role *role, const struct quota_use *from,
                   const struct quota_use *to)
{
    quota_use_subtract(&role->own, from);
    quota_use_add(&role->own, to);
    for (; role; role = role->parent) {
        quota_use_subtract(&role->tree, from);
        quota_use_add(&role->tree, to);
    }
}

static struct quota_limit bound_of(const struct quota *quota,
                                   enum quota_pool pool)
{
    if (pool == QUOTA_PRODUCTION && !quota->has_production)
        return (struct quota_limit){
            .set = quota->parent[0] ? 0 : QUOTA_ALL_RESOURCES};
    return quota->limit[pool];
}

struct quota_limit quota_bound(const struct quota_role *role,
                               enum quota_pool pool)
{
    return bound_of(&role->quota, pool);
}

/* --- asking --- */

static bool allows(const struct quota_role *role,
                   const struct quota_limit *bound, enum quota_pool pool,
                   const struct quota_amounts *from,
                   const struct quota_amounts *to, struct quota_shortage *out)
{
    uint32_t set = 0;

    for (int r = 0; r < QUOTA_RESOURCES; r++) {
        int64_t most =
            bound->set >> r & 1 ? bound->most.item[r] : QUOTA_SUM_MAX;
        int64_t used = role ? role->tree.pool[pool].item[r] : 0;
        int64_t asked = add(to->item[r], -from->item[r]);
        out->used.item[r] = used;
        out->asked.item[r] = asked;
        out->most.item[r] = most;
        if (asked > 0 && (used > most || asked > most - used))
            set |= 1U << r;
    }
    out->role = role;
    out->pool = pool;
    out->set = set;
    return set == 0;
}

bool quotas_allow(const struct quotas *q, const char *name,
                  const struct quota_use *from, const struct quota_use *to,
                  struct quota_shortage *out)
{
    static const struct quota none = {0};
    const struct quota_role *role = quotas_find(q, name);

    do {
        for (int p = 0; p < QUOTA_POOLS; p++) {
            struct quota_limit bound =
                bound_of(role ? &role->quota : &none, (enum quota_pool)p);
            if (!allows(role, &bound, (enum quota_pool)p, &from->pool[p],
                        &to->pool[p], out))
                return false;
        }
        role = role ? role->parent : NULL;
    } while (role);
    return true;
}

/* --- setting --- */

static int check_names(const struct quota *list, uint32_t count,
                       uint32_t *index, struct err *err)
{
    for (*index = 0; *index < count; ++*index)
        for (uint32_t i = 0; i < *index; i++)
            if (strcmp(list[i].role, list[*index].role) == 0) {
                (void)err_set(err, ERR_INVALID,
                              "quota of role '%s': given twice", list[i].role);
                err_field(err, "role");
                return -ERR_INVALID;
            }
    return 0;
}

/* Parents, from their names. */
static void link_up(struct quotas *q)
{
    for (struct quota_role *role = q->roles; role; role = role->hh.next) {
        role->children = 0;
        role->parent =
            role->quota.parent[0] ? quotas_find(q, role->quota.parent) : NULL;
    }
    for (struct quota_role *role = q->roles; role; role = role->hh.next)
        if (role->parent)
            role->parent->children++;
}

static int refuse_parent(struct err *err)
{
    err_field(err, "parent");
    return -ERR_INVALID;
}

/* Circles are chains without an end. */
static int check_chain(const struct quota_role *role, struct err *err)
{
    const struct quota_role *up = role->parent;

    if (role->quota.parent[0] && (!up || !up->has_quota)) {
        (void)err_set(err, ERR_INVALID,
                      "quota of role '%s': its parent '%s' has no quota",
                      role->quota.role, role->quota.parent);
        err_hint(err, "the parent's quota comes first, or together with it; "
                      "it goes last");
        return refuse_parent(err);
    }
    for (uint32_t depth = 1; up; up = up->parent)
        if (depth++ >= QUOTA_DEPTH_MAX) {
            (void)err_set(err, ERR_INVALID,
                          "quota of role '%s': its chain of parents is a "
                          "circle, or longer than %d",
                          role->quota.role, QUOTA_DEPTH_MAX);
            return refuse_parent(err);
        }
    return 0;
}

static int check_tree(const struct quotas *q, const char **culprit,
                      struct err *err)
{
    int rc = 0;

    for (const struct quota_role *role = q->roles; role && rc == 0;
         role = role->hh.next) {
        *culprit = role->quota.role;
        rc = check_chain(role, err);
    }
    return rc;
}

/* Of a tree without circles. */
static void sum_up(struct quotas *q)
{
    for (struct quota_role *role = q->roles; role; role = role->hh.next)
        role->tree = (struct quota_use){0};
    for (struct quota_role *role = q->roles; role; role = role->hh.next)
        for (struct quota_role *up = role; up; up = up->parent)
            quota_use_add(&up->tree, &role->own);
}

static void put(struct quotas *q, const struct quota *quota)
{
    struct quota_role *role = find_or_add(q, quota->role);
    bool has_quota = !quota_is_empty(quota);

    q->count = q->count - role->has_quota + has_quota;
    role->has_quota = has_quota;
    role->quota = *quota;
}

/* How far a sum is above a bound. */
static int64_t excess(const struct quota_limit *bound,
                      const struct quota_use *tree, enum quota_pool pool,
                      int resource)
{
    int64_t used = tree->pool[pool].item[resource];
    int64_t most = bound->most.item[resource];

    return bound->set >> resource & 1 && used > most ? used - most : 0;
}

static int refuse_below(const struct quota_role *role, enum quota_pool pool,
                        int resource, int64_t most, struct err *err)
{
    struct buf used = {0}, bound = {0};

    quota_amount_text((enum quota_resource)resource,
                      role->tree.pool[pool].item[resource], &used);
    quota_amount_text((enum quota_resource)resource, most, &bound);
    (void)err_set(err, ERR_QUOTA,
                  "quota of role '%s': %s of %s: %s is in use, more than %s",
                  role->quota.role,
                  quota_resource_name((enum quota_resource)resource),
                  pool == QUOTA_PRODUCTION ? "production" : "all work",
                  buf_text(&used), buf_text(&bound));
    err_field(err, "%s.%s", quota_pool_name(pool),
              quota_resource_name((enum quota_resource)resource));
    err_hint(err, "scale jobs down first; clusterctl quota set --force sets it "
                  "all the same: nothing is killed for it");
    buf_release(&used);
    buf_release(&bound);
    return -ERR_QUOTA;
}

/* Nobody may stand above its bound who did not before; who is set anew may not
 * at all. */
static int check_use(const struct quota_role *role, bool is_set,
                     struct err *err)
{
    for (int p = 0; p < QUOTA_POOLS; p++) {
        struct quota_limit bound = quota_bound(role, (enum quota_pool)p);
        for (int r = 0; r < QUOTA_RESOURCES; r++) {
            int64_t now = excess(&bound, &role->tree, (enum quota_pool)p, r);
            int64_t before =
                excess(&role->bound[p], &role->before, (enum quota_pool)p, r);
            if (now > 0 && (is_set || now > before))
                return refuse_below(role, (enum quota_pool)p, r,
                                    bound.most.item[r], err);
        }
    }
    return 0;
}

static void note_before(struct quotas *q)
{
    for (struct quota_role *role = q->roles; role; role = role->hh.next) {
        role->before = role->tree;
        for (int p = 0; p < QUOTA_POOLS; p++)
            role->bound[p] = quota_bound(role, (enum quota_pool)p);
    }
}

/* `old` has for each of the list what the role had. */
static int check_all(const struct quotas *q, const struct quota *list,
                     const struct quota *old, uint32_t count, uint32_t *index,
                     struct err *err)
{
    int rc = 0;

    for (const struct quota_role *role = q->roles; role && rc == 0;
         role = role->hh.next)
        rc = check_use(role, false, err);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        if (!quota_equal(&list[i], &old[i])) {
            *index = i;
            rc = check_use(quotas_find(q, list[i].role), true, err);
        }
    return rc;
}

/* What the roles of the list have now; an empty one where there is none. */
static struct quota *present(const struct quotas *q, const struct quota *list,
                             uint32_t count)
{
    struct quota *old = xcalloc(count + 1, sizeof *old);

    for (uint32_t i = 0; i < count; i++) {
        const struct quota_role *role = quotas_find(q, list[i].role);
        if (role)
            old[i] = role->quota;
        else
            memcpy(old[i].role, list[i].role, sizeof old[i].role);
    }
    return old;
}

/* Put and checked, but for what must be undone on failure. */
static int take(struct quotas *q, const struct quota *list,
                const struct quota *old, uint32_t count, bool is_forced,
                uint32_t *index, struct err *err)
{
    const char *culprit = "";

    for (uint32_t i = 0; i < count; i++)
        put(q, &list[i]);
    link_up(q);
    int rc = check_tree(q, &culprit, err);
    for (uint32_t i = 0; i < count && rc < 0; i++)
        if (strcmp(list[i].role, culprit) == 0)
            *index = i;
    if (rc < 0)
        return rc;
    sum_up(q);
    if (q->count > QUOTAS_MAX)
        return err_set(err, ERR_LIMIT,
                       "%u roles would have a quota: at most %d", q->count,
                       QUOTAS_MAX);
    return is_forced ? 0 : check_all(q, list, old, count, index, err);
}

int quotas_set(struct quotas *q, const struct quota *list, uint32_t count,
               bool is_forced, uint32_t *index, struct err *err)
{
    int rc = check_names(list, count, index, err);

    if (rc < 0)
        return rc;
    *index = 0;
    struct quota *old = present(q, list, count);
    note_before(q);
    rc = take(q, list, old, count, is_forced, index, err);
    for (uint32_t i = 0; i < count && rc < 0; i++)
        put(q, &old[i]);
    if (rc < 0) {
        link_up(q);
        sum_up(q);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct quota_role *role = quotas_find(q, list[i].role);
        if (rc < 0)
            drop(q, role);
        else
            role->is_dirty |= !quota_equal(&list[i], &old[i]);
    }
    free(old);
    return rc;
}

void quotas_saved(struct quotas *q, struct quota_role *role)
{
    role->is_dirty = false;
    drop(q, role);
}

/* --- after a restart --- */

int quotas_restore(struct quotas *q, const struct quota *quota, struct err *err)
{
    if (quota_is_empty(quota) || quotas_find(q, quota->role))
        return err_set(err, ERR_DAMAGED, "quota of role '%s' is stored twice",
                       quota->role);
    put(q, quota);
    return 0;
}

int quotas_restored(struct quotas *q, struct err *err)
{
    const char *culprit;
    struct err why = {0};

    link_up(q);
    if (check_tree(q, &culprit, &why) < 0)
        return err_set(err, ERR_DAMAGED, "%s", why.text);
    sum_up(q);
    return 0;
}

void quotas_check(const struct quotas *q)
{
    uint32_t count = 0;

    for (const struct quota_role *role = q->roles; role; role = role->hh.next) {
        struct quota_use tree = role->own;
        uint32_t children = 0, depth = 0;
        count += role->has_quota;
        for (const struct quota_role *other = q->roles; other;
             other = other->hh.next)
            if (role->children > 0 && other->parent == role) {
                quota_use_add(&tree, &other->tree);
                children++;
            }
        for (const struct quota_role *up = role; up; up = up->parent)
            assert(depth++ < QUOTA_DEPTH_MAX);
        assert(children == role->children);
        assert(quota_use_equal(&tree, &role->tree));
        assert(!role->parent || role->parent->has_quota);
        assert(role->jobs > 0 || role->has_quota || role->is_dirty);
    }
    assert(count == q->count);
}

/* --- words --- */

const char *quota_resource_name(enum quota_resource resource)
{
    static const char *const name[QUOTA_RESOURCES] = {
        [QUOTA_CPU] = "cpu",     [QUOTA_RAM] = "ram",
        [QUOTA_DISK] = "disk",   [QUOTA_GPUS] = "gpus",
        [QUOTA_PORTS] = "ports", [QUOTA_TASKS] = "tasks"};

    return name[resource];
}

const char *quota_pool_name(enum quota_pool pool)
{
    return pool == QUOTA_PRODUCTION ? "production" : "all";
}

void quota_amount_text(enum quota_resource resource, int64_t amount,
                       struct buf *out)
{
    char text[32];

    if (amount < 0) {
        buf_add_char(out, '-');
        amount = -amount;
    }
    if (resource == QUOTA_CPU)
        buf_add_text(out, text_from_milli(amount, text, sizeof text));
    else if (resource != QUOTA_RAM && resource != QUOTA_DISK)
        buf_addf(out, "%lld", (long long)amount);
    else if (amount >= 1024 && amount % 1024 == 0)
        buf_addf(out, "%lld GB", (long long)(amount / 1024));
    else
        buf_addf(out, "%lld MB", (long long)amount);
}
