#include "aurora/core/hosts.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void amounts_add(struct amounts *to, const struct amounts *more)
{
    to->cpus += more->cpus;
    to->mem += more->mem;
    to->disk += more->disk;
    to->gpus += more->gpus;
}

static void amounts_subtract(struct amounts *from, const struct amounts *less)
{
    from->cpus -= less->cpus;
    from->mem -= less->mem;
    from->disk -= less->disk;
    from->gpus -= less->gpus;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int host_compare(const struct host *a, const struct host *b)
{
    if (a->agent_id->size != b->agent_id->size)
        return a->agent_id->size < b->agent_id->size ? -1 : 1;
    return memcmp(a->agent_id->data, b->agent_id->data, a->agent_id->size);
}

const char *host_value(const struct host *host, const char *attribute)
{
    const char *value = attributes_value(&host->attributes, attribute);

    if (!value && strcmp(attribute, "host") == 0)
        return host->hostname;
    return value;
}

bool host_has_value(const struct host *host, const char *attribute,
                    const char *value)
{
    bool named = false;

    for (uint32_t i = 0; i < host->attributes.count; i++) {
        const struct attribute *a = &host->attributes.item[i];
        if (strcmp(a->name, attribute) != 0)
            continue;
        named = true;
        if (strcmp(a->text, value) == 0)
            return true;
    }
    return !named && strcmp(attribute, "host") == 0 &&
           strcmp(host->hostname, value) == 0;
}

/* --- order --- */

/* Far apart, so that most hosts find room between two others. */
#define ORDER_STEP (UINT64_C(1) << 32)

static uint32_t place_in_order(const struct hosts *hosts,
                               const struct host *host)
{
    uint32_t low = 0, high = hosts->in_order.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (host_compare(hosts->in_order.item[middle], host) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_open(const struct host *host)
{
    return host->offers && !host->is_avoided && !host->is_closed;
}

static void number_anew(struct hosts *hosts)
{
    for (uint32_t i = 0; i < hosts->in_order.count; i++)
        hosts->in_order.item[i]->order = (i + 1) * ORDER_STEP;
}

static void order_add(struct hosts *hosts, struct host *host)
{
    uint32_t at = place_in_order(hosts, host), count = hosts->in_order.count;
    struct host **item;

    (void)*vec_add(&hosts->in_order);
    item = hosts->in_order.item;
    memmove(&item[at + 1], &item[at], (count - at) * sizeof(struct host *));
    item[at] = host;
    uint64_t before = at > 0 ? item[at - 1]->order : 0;
    uint64_t behind =
        at < count ? item[at + 1]->order : before + 2 * ORDER_STEP;
    host->order = before + (behind - before) / 2;
    if (host->order == before)
        number_anew(hosts);
}

static void order_remove(struct hosts *hosts, const struct host *host)
{
    uint32_t at = place_in_order(hosts, host);

    assert(hosts->in_order.item[at] == host);
    vec_remove(&hosts->in_order, at);
}

/* --- changes --- */

/* Put the host where it belongs now; every call is a change of the host. */
static void changed(struct hosts *hosts, struct host *host)
{
    host->generation = ++hosts->generation;
    hosts->change[host->generation % CHANGES_MAX] = host;
    if (is_open(host))
        index_put(&hosts->index, host);
    else
        index_remove(&hosts->index, host);
}

/* Its ports changed. */
static void count_ports(struct host *host)
{
    uint64_t ports = ranges_size(&host->ports);

    host->ports_open =
        ports > host->ports_kept ? (uint32_t)(ports - host->ports_kept) : 0;
}

struct changes hosts_changes(const struct hosts *hosts, uint64_t since)
{
    return (struct changes){
        .hosts = hosts,
        .since = since,
        .at = hosts->generation,
        .next = hosts->by_agent,
        .is_log = hosts->generation - since < CHANGES_MAX,
    };
}

static struct host *next_logged(struct changes *changes)
{
    while (changes->at > changes->since) {
        uint64_t generation = changes->at--;
        struct host *host = changes->hosts->change[generation % CHANGES_MAX];
        if (host && host->generation == generation)
            return host;
    }
    return NULL;
}

struct host *hosts_next_change(struct changes *changes)
{
    if (changes->is_log)
        return next_logged(changes);
    while (changes->next) {
        struct host *host = changes->next;
        changes->next = host->hh.next;
        if (host->generation > changes->since)
            return host;
    }
    return NULL;
}

/* --- hosts --- */

struct host *hosts_find(struct hosts *hosts, struct bytes agent_id)
{
    struct host *host;

    HASH_FIND(hh, hosts->by_agent, agent_id.data, agent_id.size, host);
    return host;
}

static void replace_text(char **to, const char *text)
{
    char *copy = xstrdup(text);
    free(*to);
    *to = copy;
}

struct host *hosts_update(struct hosts *hosts, struct bytes agent_id,
                          const char *hostname, const char *endpoint,
                          const struct attributes *attributes)
{
    struct host *host = hosts_find(hosts, agent_id);

    if (host && strcmp(host->hostname, hostname) == 0 &&
        strcmp(host->endpoint, endpoint) == 0 &&
        attributes_equal(&host->attributes, attributes))
        return host;
    if (!host) {
        host = xcalloc_aligned(HOST_ALIGNMENT, sizeof *host);
        host->agent_id = blob_new(agent_id);
        host->number = ++hosts->next_number;
        HASH_ADD_KEYPTR(hh, hosts->by_agent, host->agent_id->data,
                        host->agent_id->size, host);
        order_add(hosts, host);
    } else {
        index_remove(&hosts->index, host);
        host_class_leave(&hosts->classes, host);
        attributes_release(&host->attributes);
        hosts->renamed++;
    }
    host->description = ++hosts->next_number;
    replace_text(&host->hostname, hostname);
    replace_text(&host->endpoint, endpoint);
    attributes_copy(&host->attributes, attributes);
    host_class_enter(&hosts->classes, host);
    if (host->offers)
        changed(hosts, host);
    host->is_dirty = true;
    return host;
}

void hosts_remove(struct hosts *hosts, struct host *host)
{
    assert(!host->offers && host->tasks == 0);
    index_remove(&hosts->index, host);
    for (uint32_t i = 0;
         host->generation + CHANGES_MAX > hosts->generation && i < CHANGES_MAX;
         i++)
        if (hosts->change[i] == host)
            hosts->change[i] = NULL;
    order_remove(hosts, host);
    HASH_DEL(hosts->by_agent, host);
    host_class_leave(&hosts->classes, host);
    attributes_release(&host->attributes);
    ranges_release(&host->ports);
    blob_unref(host->agent_id);
    blob_unref(host->inverse);
    free(host->hostname);
    free(host->endpoint);
    free(host);
}

void hosts_release(struct hosts *hosts)
{
    hosts_remove_all_offers(hosts);
    while (hosts->in_order.count > 0) {
        struct host *last = hosts->in_order.item[hosts->in_order.count - 1];
        last->tasks = 0;
        last->first_task = NULL;
        hosts_remove(hosts, last);
    }
    host_classes_release(&hosts->classes);
    vec_free(&hosts->in_order);
}

/* --- offers --- */

static void note_total(struct hosts *hosts, struct host *host)
{
    const struct amounts before = host->total;
    uint64_t ports = ranges_size(&host->ports);
    bool has_more_ports = ports > host->ports_total;

    host->total.cpus =
        larger(host->total.cpus, host->free.cpus + host->used.cpus);
    host->total.mem = larger(host->total.mem, host->free.mem + host->used.mem);
    host->total.disk =
        larger(host->total.disk, host->free.disk + host->used.disk);
    host->total.gpus =
        larger(host->total.gpus, host->free.gpus + host->used.gpus);
    if (has_more_ports)
        host->ports_total = ports;
    bool has_more = memcmp(&before, &host->total, sizeof before) != 0;
    if (has_more)
        index_remove(&hosts->index, host);
    if (has_more_ports || has_more)
        host->description = ++hosts->next_number;
}

struct offer *hosts_find_offer(struct hosts *hosts, struct bytes id)
{
    struct offer *offer;

    HASH_FIND(hh_id, hosts->offer_by_id, id.data, id.size, offer);
    return offer;
}

struct offer *hosts_offer_by_number(struct hosts *hosts, uint64_t number)
{
    struct offer *offer;

    HASH_FIND(hh_number, hosts->offer_by_number, &number, sizeof number, offer);
    return offer;
}

struct offer *hosts_add_offer(struct hosts *hosts, struct host *host,
                              struct bytes id, const struct amounts *amounts,
                              const struct ranges *ports, int64_t now_ms)
{
    if (hosts_find_offer(hosts, id))
        return NULL;
    struct offer *offer = xcalloc(1, sizeof *offer);
    struct offer **end = &host->offers;

    offer->id = blob_new(id);
    offer->number = ++hosts->next_number;
    offer->host = host;
    offer->free = *amounts;
    ranges_copy(&offer->ports, ports);
    HASH_ADD_KEYPTR(hh_id, hosts->offer_by_id, offer->id->data, offer->id->size,
                    offer);
    HASH_ADD(hh_number, hosts->offer_by_number, number, sizeof offer->number,
             offer);
    while (*end)
        end = &(*end)->next;
    *end = offer;
    amounts_add(&host->free, amounts);
    ranges_add_all(&host->ports, ports);
    host->seen_ms = now_ms;
    note_total(hosts, host);
    count_ports(host);
    changed(hosts, host);
    return offer;
}

void hosts_add_spare(struct hosts *hosts, struct offer *offer,
                     const struct revocable *spare)
{
    struct host *host = offer->host;

    assert(offer->spare.cpus == 0 && offer->spare.mem == 0);
    offer->spare = *spare;
    host->spare.cpus += spare->cpus;
    host->spare.mem += spare->mem;
    changed(hosts, host);
}

void hosts_take_spare(struct host *host, const struct revocable *need)
{
    host->spare.cpus -= need->cpus;
    host->spare.mem -= need->mem;
    assert(host->spare.cpus >= 0 && host->spare.mem >= 0);
}

static void offer_free(struct hosts *hosts, struct offer *offer)
{
    HASH_DELETE(hh_id, hosts->offer_by_id, offer);
    HASH_DELETE(hh_number, hosts->offer_by_number, offer);
    ranges_release(&offer->ports);
    blob_unref(offer->id);
    free(offer);
}

void hosts_remove_offer(struct hosts *hosts, struct offer *offer)
{
    struct host *host = offer->host;
    struct offer **at = &host->offers;

    while (*at != offer)
        at = &(*at)->next;
    *at = offer->next;
    amounts_subtract(&host->free, &offer->free);
    ranges_subtract_all(&host->ports, &offer->ports);
    host->spare.cpus -= offer->spare.cpus;
    host->spare.mem -= offer->spare.mem;
    offer_free(hosts, offer);
    count_ports(host);
    changed(hosts, host);
}

void hosts_remove_offers_of(struct hosts *hosts, struct host *host)
{
    if (!host->offers)
        return;
    while (host->offers) {
        struct offer *offer = host->offers;
        host->offers = offer->next;
        offer_free(hosts, offer);
    }
    host->free = (struct amounts){0};
    host->spare = (struct revocable){0};
    ranges_release(&host->ports);
    host->ports = (struct ranges){0};
    count_ports(host);
    changed(hosts, host);
}

void hosts_remove_all_offers(struct hosts *hosts)
{
    for (struct host *host = hosts->by_agent; host; host = host->hh.next)
        hosts_remove_offers_of(hosts, host);
}

void hosts_take(struct hosts *hosts, struct host *host,
                const struct amounts *need, uint32_t port_count,
                struct ranges *ports)
{
    amounts_subtract(&host->free, need);
    assert(host->free.cpus >= 0 && host->free.mem >= 0);
    assert(host->free.disk >= 0 && host->free.gpus >= 0);
    *ports = (struct ranges){0};
    if (port_count > 0) {
        bool had = ranges_take(&host->ports, port_count, ports);
        assert(had);
        (void)had;
        count_ports(host);
    }
    changed(hosts, host);
}

void hosts_give(struct hosts *hosts, struct host *host,
                const struct amounts *need, const struct ranges *ports)
{
    amounts_add(&host->free, need);
    if (ports->count > 0) {
        ranges_add_all(&host->ports, ports);
        count_ports(host);
    }
    changed(hosts, host);
}

static void kept_changed(struct hosts *hosts, struct host *host)
{
    static const struct amounts nothing;

    host->has_kept = memcmp(&host->kept, &nothing, sizeof nothing) != 0;
    count_ports(host);
    changed(hosts, host);
}

void hosts_keep(struct hosts *hosts, struct host *host,
                const struct amounts *need, uint32_t port_count)
{
    amounts_add(&host->kept, need);
    host->ports_kept += port_count;
    kept_changed(hosts, host);
}

void hosts_unkeep(struct hosts *hosts, struct host *host,
                  const struct amounts *need, uint32_t port_count)
{
    amounts_subtract(&host->kept, need);
    assert(host->ports_kept >= port_count);
    host->ports_kept -= port_count;
    kept_changed(hosts, host);
}

void hosts_avoid(struct hosts *hosts, struct host *host, bool is_avoided)
{
    host->is_avoided = is_avoided;
    changed(hosts, host);
}

void hosts_close(struct hosts *hosts, struct host *host, bool is_closed,
                 int64_t later)
{
    if (host->is_closed == is_closed && host->later == later)
        return;
    index_remove(&hosts->index, host);
    host->is_closed = is_closed;
    host->later = later;
    changed(hosts, host);
}

void hosts_touch(struct hosts *hosts, struct host *host)
{
    if (host->offers)
        changed(hosts, host);
}

void host_use(struct host *host, const struct amounts *need)
{
    host->tasks++;
    amounts_add(&host->used, need);
}

void host_unuse(struct host *host, const struct amounts *need)
{
    assert(host->tasks > 0);
    host->tasks--;
    amounts_subtract(&host->used, need);
    assert(host->used.cpus >= 0 && host->used.mem >= 0);
}

static void check_host(const struct hosts *hosts, const struct host *host)
{
    assert(is_open(host) == (host->kind != NULL));
    assert(host->later >= 0 && (host->tasks == 0) == !host->first_task);
    assert(host->free.cpus >= 0 && host->free.mem >= 0);
    assert(host->free.disk >= 0 && host->free.gpus >= 0);
    assert(host->kept.cpus >= 0 && host->kept.mem >= 0);
    assert(host->has_kept || (host->kept.cpus == 0 && host->kept.mem == 0));
    assert(host->ports_open <= ranges_size(&host->ports));
    assert(host->class && host->class->slot == host->class_slot);
    assert(host->generation <= hosts->generation);
}

void hosts_check(const struct hosts *hosts)
{
    uint32_t indexed = 0;

    for (uint32_t i = 0; i < hosts->in_order.count; i++) {
        const struct host *host = hosts->in_order.item[i];
        check_host(hosts, host);
        indexed += host->kind != NULL;
        assert(i == 0 || hosts->in_order.item[i - 1]->order < host->order);
        assert(i == 0 || host_compare(hosts->in_order.item[i - 1], host) < 0);
    }
    assert(hosts->in_order.count == HASH_COUNT(hosts->by_agent));
    assert(indexed == hosts->index.hosts);
    index_check(&hosts->index);
}
