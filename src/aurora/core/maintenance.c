/* What was asked about hosts, and what follows for each of them. How a drain
 * goes on is in maintenance_drain.c. */
#include "aurora/core/maintenance.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *maintenance_mode_name(enum maintenance_mode mode)
{
    static const char *const name[] = {[MAINTENANCE_NONE] = "NONE",
                                       [MAINTENANCE_SCHEDULED] = "SCHEDULED",
                                       [MAINTENANCE_DRAINING] = "DRAINING",
                                       [MAINTENANCE_DRAINED] = "DRAINED"};

    return name[mode];
}

static struct maintenance *find(const struct aurora *a, struct bytes name)
{
    struct maintenance *m;

    HASH_FIND(hh, a->maintenances.by_name, name.data, name.size, m);
    return m;
}

const struct maintenance *aurora_maintenance(const struct aurora *a,
                                             const char *name)
{
    return find(a, bytes_of_text(name));
}

static struct maintenance *of_hostname(const struct aurora *a,
                                       const struct host *host)
{
    return find(a, bytes_of_text(host->hostname));
}

static struct maintenance *of_agent(const struct aurora *a,
                                    const struct host *host)
{
    return find(a, blob_bytes(host->agent_id));
}

/* The strictest mode wins; of equal ones that of the agent alone. */
static struct maintenance *strictest(const struct aurora *a,
                                     const struct host *host)
{
    if (!a->maintenances.by_name)
        return NULL;
    struct maintenance *agent = of_agent(a, host), *all = of_hostname(a, host);

    if (!agent || (all && all->mode > agent->mode))
        return all;
    return agent;
}

const struct maintenance *maintenance_of_host(const struct aurora *a,
                                              const struct host *host)
{
    return strictest(a, host);
}

bool maintenance_names(const char *name, const struct host *host)
{
    return strcmp(name, host->hostname) == 0 ||
           bytes_equal_text(blob_bytes(host->agent_id), name);
}

/* --- records --- */

static void mark(struct aurora *a, struct maintenance *m)
{
    if (m->is_dirty)
        return;
    m->is_dirty = true;
    *vec_add(&a->work.maintenances) = m;
}

static struct maintenance *put(struct aurora *a, const char *name)
{
    struct maintenance *m = xcalloc(1, sizeof *m);

    m->name = xstrdup(name);
    HASH_ADD_KEYPTR(hh, a->maintenances.by_name, m->name, strlen(m->name), m);
    return m;
}

static void drop(struct aurora *a, struct maintenance *m)
{
    for (uint32_t i = 0; m->is_dirty && i < a->work.maintenances.count; i++)
        if (a->work.maintenances.item[i] == m) {
            vec_remove(&a->work.maintenances, i);
            break;
        }
    HASH_DEL(a->maintenances.by_name, m);
    free(m->name);
    free(m->reason);
    free(m);
}

static void set_reason(struct maintenance *m, const char *reason)
{
    free(m->reason);
    m->reason = reason && *reason ? xstrdup(reason) : NULL;
}

static void set_mode(struct aurora *a, struct maintenance *m,
                     enum maintenance_mode mode, int64_t now_ms)
{
    if (m->mode != mode)
        m->since_ms = now_ms;
    m->mode = mode;
    mark(a, m);
}

bool aurora_restore_maintenance(struct aurora *a,
                                const struct maintenance *record)
{
    if (!record->name || !*record->name ||
        record->mode < MAINTENANCE_SCHEDULED ||
        record->mode > MAINTENANCE_DRAINED || record->timeout_ms < 0 ||
        record->timeout_ms > DRAIN_TIMEOUT_MAX_MS ||
        record->policy.kind >= SLA_COORDINATOR ||
        aurora_maintenance(a, record->name))
        return false;
    struct maintenance *m = put(a, record->name);
    m->mode = record->mode;
    m->since_ms = record->since_ms;
    m->began_ms = record->began_ms;
    m->timeout_ms = record->timeout_ms;
    m->policy = record->policy;
    set_reason(m, record->reason);
    return true;
}

void maintenances_release(struct aurora *a)
{
    while (a->maintenances.by_name)
        drop(a, a->maintenances.by_name);
    vec_free(&a->work.maintenances);
}

/* --- one host --- */

enum {
    HOURS_MAX = 1 << 20, /* since 1970: far away */
    SCHEDULED_STEPS = 1 << 21
};

/* The later it goes, the rather it is taken; SCHEDULED ones after all that. */
static int64_t later_of(const struct host *host, enum maintenance_mode mode)
{
    int64_t steps = mode == MAINTENANCE_SCHEDULED ? SCHEDULED_STEPS : 0;

    if (host->away_from_ms > 0) {
        int64_t hours = host->away_from_ms / (60 * 60 * 1000);
        steps += hours < HOURS_MAX ? HOURS_MAX - hours : 1;
    }
    return steps * LATER_STEP;
}

static bool is_about_to_go(const struct aurora *a, const struct host *host,
                           int64_t now_ms)
{
    return host->away_from_ms > 0 && now_ms < host->away_until_ms &&
           now_ms >= host->away_from_ms - a->limits.away_window_ms;
}

static void tell(struct aurora *a, const struct host *host,
                 const struct maintenance *m, int64_t now_ms)
{
    char message[REASON_MAX + 32];

    (void)snprintf(message, sizeof message, "%s%s%s",
                   maintenance_mode_name(host->mode),
                   m && m->reason ? ": " : "", m && m->reason ? m->reason : "");
    (void)event_log_host(&a->events, HOST_MAINTENANCE, host, message, now_ms);
}

/* What its tasks waited for is nobody's business any more. */
static void forget_waits(const struct host *host)
{
    for (struct task *t = host->first_task; t; t = t->host_next) {
        t->drain_wait = DRAIN_WAITS_FOR_NOBODY;
        t->drain_again_ms = 0;
        t->may_drain = false;
    }
}

/* Let its mode be true of the host. */
static void apply(struct aurora *a, struct host *host, int64_t now_ms)
{
    struct maintenance *m = strictest(a, host);
    bool was_closed = host->is_closed;

    if (m && m->mode == MAINTENANCE_DRAINED && host->tasks > 0)
        set_mode(a, m, MAINTENANCE_DRAINING, now_ms); /* it came with tasks */
    host->mode = m ? m->mode : MAINTENANCE_NONE;
    host->is_going = is_about_to_go(a, host, now_ms);
    bool is_closed = host->is_going || host->mode >= MAINTENANCE_DRAINING;
    hosts_close(&a->hosts, host, is_closed,
                is_closed ? 0 : later_of(host, host->mode));
    if (is_closed && !was_closed)
        keeps_drop_host(a, host);
    if (!is_closed && was_closed)
        forget_waits(host);
    if (is_closed && host->first_task)
        maintenance_wake(a, now_ms);
    if (!is_closed)
        a->place_wanted = true;
}

void maintenance_apply(struct aurora *a, struct host *host, int64_t now_ms)
{
    enum maintenance_mode before = host->mode;

    apply(a, host, now_ms);
    if (host->mode != before)
        tell(a, host, strictest(a, host), now_ms);
}

/* --- the end of a drain --- */

static void drained(struct aurora *a, struct maintenance *m, int64_t now_ms)
{
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        if (a->hosts.in_order.item[i]->tasks > 0 &&
            maintenance_names(m->name, a->hosts.in_order.item[i]))
            return;
    set_mode(a, m, MAINTENANCE_DRAINED, now_ms);
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        if (maintenance_names(m->name, a->hosts.in_order.item[i]))
            maintenance_apply(a, a->hosts.in_order.item[i], now_ms);
}

void maintenance_note_empty(struct aurora *a, struct host *host, int64_t now_ms)
{
    struct maintenance *m;

    if (host->mode != MAINTENANCE_DRAINING)
        return;
    m = of_agent(a, host);
    if (m && m->mode == MAINTENANCE_DRAINING)
        drained(a, m, now_ms);
    m = of_hostname(a, host);
    if (m && m->mode == MAINTENANCE_DRAINING)
        drained(a, m, now_ms);
}

/* Hosts where nothing runs are drained at once: all of them in one go. True
 * when some were. */
static bool settle(struct aurora *a, int64_t now_ms)
{
    struct maintenance *m;
    bool has_changed = false;

    for (m = a->maintenances.by_name; m; m = m->hh.next)
        m->is_busy = false;
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        if (host->tasks == 0)
            continue;
        if ((m = of_agent(a, host)))
            m->is_busy = true;
        if ((m = of_hostname(a, host)))
            m->is_busy = true;
    }
    for (m = a->maintenances.by_name; m; m = m->hh.next)
        if (m->mode == MAINTENANCE_DRAINING && !m->is_busy) {
            set_mode(a, m, MAINTENANCE_DRAINED, now_ms);
            has_changed = true;
        }
    return has_changed;
}

void maintenance_apply_all(struct aurora *a, int64_t now_ms)
{
    (void)settle(a, now_ms);
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        maintenance_apply(a, a->hosts.in_order.item[i], now_ms);
}

/* --- what people ask --- */

struct asked_name {
    struct maintenance_of *of;
    UT_hash_handle hh;
};

struct asked_names {
    struct asked_name *by_name; /* into `item` */
    struct asked_name *item;    /* owned */
};

static struct asked_name *asked(const struct asked_names *names,
                                struct bytes name)
{
    struct asked_name *found;

    HASH_FIND(hh, names->by_name, name.data, name.size, found);
    return found;
}

static bool is_asked(const struct asked_names *names, const struct host *host)
{
    return asked(names, bytes_of_text(host->hostname)) ||
           asked(names, blob_bytes(host->agent_id));
}

static void asked_release(struct asked_names *names)
{
    HASH_CLEAR(hh, names->by_name);
    free(names->item);
}

static void note_known(const struct asked_names *names, struct bytes name)
{
    struct asked_name *found = asked(names, name);

    if (found)
        found->of->is_known = true;
}

static int check_names(const struct aurora *a, const struct host_names *names,
                       struct err *err)
{
    if (names->count == 0) {
        (void)err_set(err, ERR_INVALID, "hosts: want at least one");
    } else if (names->count > HOST_NAMES_MAX) {
        (void)err_set(err, ERR_LIMIT, "%u hosts: want at most %d in one call",
                      names->count, HOST_NAMES_MAX);
    } else if (HASH_COUNT(a->maintenances.by_name) + names->count >
               MAINTENANCES_MAX) {
        (void)err_set(err, ERR_LIMIT,
                      "%d names of hosts are in maintenance: want fewer",
                      MAINTENANCES_MAX);
    } else {
        for (uint32_t i = 0; i < names->count; i++)
            if (!*names->item[i].name ||
                strlen(names->item[i].name) > HOST_NAME_MAX_BYTES) {
                (void)err_set(err, ERR_INVALID,
                              "hosts: want names of 1 to %d bytes",
                              HOST_NAME_MAX_BYTES);
                err_field(err, "hosts");
                return -ERR_INVALID;
            }
        return 0;
    }
    err_field(err, "hosts");
    return -(int)err->code;
}

/* Known is what a host is called, and what something was asked about. The same
 * name twice is the same as once: only the first is known here. */
static void look_up(struct aurora *a, struct host_names *names,
                    struct asked_names *out)
{
    *out =
        (struct asked_names){.item = xcalloc(names->count, sizeof *out->item)};
    for (uint32_t i = 0; i < names->count; i++) {
        const char *name = names->item[i].name;
        struct asked_name *one = &out->item[i];
        names->item[i].is_known = aurora_maintenance(a, name) != NULL;
        one->of = &names->item[i];
        if (!asked(out, bytes_of_text(name)))
            HASH_ADD_KEYPTR(hh, out->by_name, name, strlen(name), one);
    }
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        note_known(out, bytes_of_text(host->hostname));
        note_known(out, blob_bytes(host->agent_id));
    }
    for (uint32_t i = 0; i < names->count; i++)
        names->item[i].is_known =
            asked(out, bytes_of_text(names->item[i].name))->of->is_known;
}

static struct maintenance *find_or_put(struct aurora *a, const char *name)
{
    struct maintenance *m = find(a, bytes_of_text(name));

    return m ? m : put(a, name);
}

/* Everything that was asked for stands in the records: let hosts follow. */
static void follow(struct aurora *a, const struct asked_names *names,
                   int64_t now_ms)
{
    bool has_changed = settle(a, now_ms);

    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        if (has_changed || is_asked(names, a->hosts.in_order.item[i]))
            maintenance_apply(a, a->hosts.in_order.item[i], now_ms);
}

static int check_reason(const char *reason, struct err *err)
{
    if (!reason || strlen(reason) <= REASON_MAX)
        return 0;
    (void)err_set(err, ERR_INVALID, "reason: want at most %d bytes",
                  REASON_MAX);
    err_field(err, "reason");
    return -ERR_INVALID;
}

int aurora_maintenance_schedule(struct aurora *a, struct host_names *names,
                                const char *reason, int64_t now_ms,
                                struct err *err)
{
    struct asked_names asked;
    int rc = check_names(a, names, err);

    if (rc == 0)
        rc = check_reason(reason, err);
    if (rc < 0)
        return rc;
    look_up(a, names, &asked);
    for (uint32_t i = 0; i < names->count; i++) {
        if (!names->item[i].is_known)
            continue;
        struct maintenance *m = find_or_put(a, names->item[i].name);
        if (m->mode >= MAINTENANCE_DRAINING)
            continue;
        set_reason(m, reason);
        set_mode(a, m, MAINTENANCE_SCHEDULED, now_ms);
    }
    follow(a, &asked, now_ms);
    asked_release(&asked);
    return 0;
}

static int check_drain(const struct drain_request *request, struct err *err)
{
    const struct sla_policy *policy = &request->policy;
    const char *field = NULL;

    if (request->timeout_ms < 0 || request->timeout_ms > DRAIN_TIMEOUT_MAX_MS) {
        (void)err_set(err, ERR_INVALID, "timeout_secs: want 0 to %lld",
                      (long long)(DRAIN_TIMEOUT_MAX_MS / 1000));
        field = "timeout_secs";
    } else if (policy->kind == SLA_COORDINATOR) {
        (void)err_set(err, ERR_UNSUPPORTED,
                      "default_policy: want a count or a percentage: only a "
                      "job has a coordinator");
        field = "default_policy.coordinator_url";
    } else if (policy->kind == SLA_PERCENTAGE &&
               policy->percentage_milli > SLA_WHOLE) {
        (void)err_set(err, ERR_INVALID,
                      "default_policy.percentage_milli: want 0 to %d",
                      SLA_WHOLE);
        field = "default_policy.percentage_milli";
    } else {
        return check_reason(request->reason, err);
    }
    err_field(err, "%s", field);
    return -(int)err->code;
}

int aurora_maintenance_drain(struct aurora *a, struct host_names *names,
                             const struct drain_request *request,
                             int64_t now_ms, struct err *err)
{
    struct asked_names asked;
    int rc = check_names(a, names, err);

    if (rc == 0)
        rc = check_drain(request, err);
    if (rc < 0)
        return rc;
    look_up(a, names, &asked);
    for (uint32_t i = 0; i < names->count; i++) {
        if (!names->item[i].is_known)
            continue;
        struct maintenance *m = find_or_put(a, names->item[i].name);
        m->began_ms = now_ms;
        m->timeout_ms = request->timeout_ms;
        m->policy = request->policy;
        m->policy.url = m->policy.status_key = NULL;
        set_reason(m, request->reason);
        set_mode(a, m,
                 m->mode == MAINTENANCE_DRAINED ? MAINTENANCE_DRAINED
                                                : MAINTENANCE_DRAINING,
                 now_ms);
    }
    follow(a, &asked, now_ms);
    drain_ask_anew(a);
    asked_release(&asked);
    return 0;
}

int aurora_maintenance_end(struct aurora *a, struct host_names *names,
                           int64_t now_ms, struct err *err)
{
    struct asked_names asked;
    int rc = check_names(a, names, err);

    if (rc < 0)
        return rc;
    look_up(a, names, &asked);
    for (uint32_t i = 0; i < names->count; i++) {
        struct bytes name = bytes_of_text(names->item[i].name);
        struct maintenance *m = find(a, name);
        if (!m)
            continue;
        mark_forgotten(a, RECORD_MAINTENANCE, name);
        drop(a, m);
    }
    follow(a, &asked, now_ms);
    asked_release(&asked);
    return 0;
}

/* --- what the master says --- */

void aurora_unavailable(struct aurora *a, struct host *host, int64_t from_ms,
                        int64_t until_ms, int64_t now_ms)
{
    if (from_ms <= 0 || until_ms <= from_ms || until_ms <= now_ms)
        from_ms = until_ms = 0;
    host->away_heard_ms = now_ms;
    if (host->away_from_ms == from_ms && host->away_until_ms == until_ms)
        return;
    host->away_from_ms = from_ms;
    host->away_until_ms = until_ms;
    maintenance_apply(a, host, now_ms);
    if (from_ms <= 0)
        return;
    int64_t look_ms = from_ms - a->limits.away_window_ms;
    if (look_ms > now_ms + AWAY_SILENCE_MS)
        look_ms = now_ms + AWAY_SILENCE_MS;
    maintenance_wake(a, look_ms > now_ms ? look_ms : now_ms);
}

bool aurora_inverse_offer(struct aurora *a, struct bytes id,
                          struct bytes agent_id, int64_t from_ms,
                          int64_t until_ms, int64_t now_ms)
{
    struct host *host = hosts_find(&a->hosts, agent_id);

    if (!host)
        return false;
    blob_unref(host->inverse);
    host->inverse = blob_new(id);
    aurora_unavailable(a, host, from_ms, until_ms, now_ms);
    return true;
}

void aurora_inverse_rescind(struct aurora *a, struct bytes id, int64_t now_ms)
{
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        struct host *host = a->hosts.in_order.item[i];
        if (!host->inverse || !bytes_equal(blob_bytes(host->inverse), id))
            continue;
        blob_unref(host->inverse);
        host->inverse = NULL;
        aurora_unavailable(a, host, 0, 0, now_ms);
        return;
    }
}

/* --- after a restart, and checks --- */

void maintenance_restored(struct aurora *a, int64_t now_ms)
{
    (void)settle(a, now_ms);
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        apply(a, a->hosts.in_order.item[i], now_ms);
}

void maintenance_check(const struct aurora *a)
{
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        const struct maintenance *m = strictest(a, host);
        assert(host->mode == (m ? m->mode : MAINTENANCE_NONE));
        assert(host->is_closed ==
               (host->is_going || host->mode >= MAINTENANCE_DRAINING));
        assert(host->mode != MAINTENANCE_DRAINED || host->tasks == 0);
        if (host->is_closed && host->tasks > 0)
            assert(a->maintenances.wake_ms > 0);
    }
}
