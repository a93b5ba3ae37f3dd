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

/* --- shapes --- */

static void heap_put(struct shape *shape, uint32_t at, struct host *host)
{
    shape->heap[at] = host;
    host->heap_at = at;
}

static void sift_up(struct shape *shape, uint32_t at)
{
    struct host *host = shape->heap[at];

    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (host_compare(shape->heap[parent], host) <= 0)
            break;
        heap_put(shape, at, shape->heap[parent]);
        at = parent;
    }
    heap_put(shape, at, host);
}

static void sift_down(struct shape *shape, uint32_t at)
{
    struct host *host = shape->heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= shape->count)
            break;
        if (child + 1 < shape->count &&
            host_compare(shape->heap[child + 1], shape->heap[child]) < 0)
            child++;
        if (host_compare(host, shape->heap[child]) <= 0)
            break;
        heap_put(shape, at, shape->heap[child]);
        at = child;
    }
    heap_put(shape, at, host);
}

static void list_remove(struct hosts *hosts, struct shape *shape)
{
    if (shape->newer)
        shape->newer->older = shape->older;
    else
        hosts->newest = shape->older;
    if (shape->older)
        shape->older->newer = shape->newer;
    shape->older = shape->newer = NULL;
}

static void list_put_newest(struct hosts *hosts, struct shape *shape)
{
    shape->older = hosts->newest;
    shape->newer = NULL;
    if (hosts->newest)
        hosts->newest->newer = shape;
    hosts->newest = shape;
}

static void leave_shape(struct hosts *hosts, struct host *host)
{
    struct shape *shape = host->shape;

    if (!shape)
        return;
    uint32_t at = host->heap_at;
    struct host *last = shape->heap[--shape->count];
    if (last != host) {
        heap_put(shape, at, last);
        sift_down(shape, at);
        sift_up(shape, last->heap_at);
    }
    host->shape = NULL;
    if (shape->count > 0)
        return;
    list_remove(hosts, shape);
    HASH_DEL(hosts->shape, shape);
    free(shape->heap);
    free(shape);
}

static struct shape *find_shape(struct hosts *hosts, const struct host *host)
{
    struct shape_key key;
    struct shape *shape;
    uint64_t ports = ranges_size(&host->ports);

    memset(&key, 0, sizeof key);
    key.class_number = host->class->number;
    key.free = host->free;
    key.total = host->total;
    key.ports = ports < SHAPE_PORTS_MAX ? ports : SHAPE_PORTS_MAX;
    HASH_FIND(hh, hosts->shape, &key, sizeof key, shape);
    if (!shape) {
        shape = xcalloc(1, sizeof *shape);
        shape->key = key;
        shape->class = host->class;
        HASH_ADD(hh, hosts->shape, key, sizeof shape->key, shape);
        list_put_newest(hosts, shape);
    }
    return shape;
}

/* Put the host where it belongs now; every call is a change of the host. */
static void reshape(struct hosts *hosts, struct host *host)
{
    leave_shape(hosts, host);
    hosts->generation++;
    if (!host->offers)
        return;
    struct shape *shape = find_shape(hosts, host);
    if (shape->count == shape->capacity) {
        shape->capacity = shape->capacity ? shape->capacity * 2 : 2;
        shape->heap =
            xreallocarray(shape->heap, shape->capacity, sizeof(struct host *));
    }
    host->shape = shape;
    heap_put(shape, shape->count++, host);
    sift_up(shape, host->heap_at);
    shape->generation = hosts->generation;
    list_remove(hosts, shape);
    list_put_newest(hosts, shape);
}

/* --- classes --- */

/* Names and values are length-prefixed, so no two lists share a text. */
static void class_text(const struct attributes *attributes, struct buf *out)
{
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct attribute *a = &attributes->item[i];
        if (strcmp(a->name, "host") == 0)
            continue;
        buf_addf(out, "%zu:%s=%zu:%s;", strlen(a->name), a->name,
                 strlen(a->text), a->text);
    }
}

static void class_leave(struct hosts *hosts, struct host *host)
{
    struct host_class *class = host->class;

    host->class = NULL;
    if (!class)
        return;
    if (--class->refs > 0)
        return;
    HASH_DEL(hosts->class, class);
    free(class->text);
    free(class);
}

static void class_enter(struct hosts *hosts, struct host *host)
{
    struct buf text = {0};
    struct host_class *class;

    class_text(&host->attributes, &text);
    HASH_FIND(hh, hosts->class, buf_text(&text), text.size, class);
    if (!class) {
        class = xcalloc(1, sizeof *class);
        class->number = ++hosts->next_number;
        class->text = xstrndup(buf_text(&text), text.size);
        HASH_ADD_KEYPTR(hh, hosts->class, class->text, text.size, class);
    }
    buf_release(&text);
    class->refs++;
    host->class = class;
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
        host = xcalloc(1, sizeof *host);
        host->agent_id = blob_new(agent_id);
        host->number = ++hosts->next_number;
        HASH_ADD_KEYPTR(hh, hosts->by_agent, host->agent_id->data,
                        host->agent_id->size, host);
    } else {
        leave_shape(hosts, host);
        class_leave(hosts, host);
        attributes_release(&host->attributes);
    }
    host->description = ++hosts->next_number;
    replace_text(&host->hostname, hostname);
    replace_text(&host->endpoint, endpoint);
    attributes_copy(&host->attributes, attributes);
    class_enter(hosts, host);
    if (host->offers)
        reshape(hosts, host);
    host->is_dirty = true;
    return host;
}

void hosts_remove(struct hosts *hosts, struct host *host)
{
    assert(!host->offers && host->tasks == 0);
    leave_shape(hosts, host);
    HASH_DEL(hosts->by_agent, host);
    class_leave(hosts, host);
    attributes_release(&host->attributes);
    ranges_release(&host->ports);
    blob_unref(host->agent_id);
    free(host->hostname);
    free(host->endpoint);
    free(host);
}

void hosts_release(struct hosts *hosts)
{
    hosts_remove_all_offers(hosts);
    while (hosts->by_agent) {
        hosts->by_agent->tasks = 0;
        hosts_remove(hosts, hosts->by_agent);
    }
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
    if (has_more_ports || memcmp(&before, &host->total, sizeof before) != 0)
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
    reshape(hosts, host);
    return offer;
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
    offer_free(hosts, offer);
    reshape(hosts, host);
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
    ranges_release(&host->ports);
    host->ports = (struct ranges){0};
    reshape(hosts, host);
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
    }
    reshape(hosts, host);
}

void hosts_touch(struct hosts *hosts, struct host *host)
{
    if (host->offers)
        reshape(hosts, host);
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

void hosts_check(const struct hosts *hosts)
{
    uint32_t with_offers = 0, in_shapes = 0;

    for (const struct host *host = hosts->by_agent; host;
         host = host->hh.next) {
        with_offers += host->offers != NULL;
        assert((host->offers != NULL) == (host->shape != NULL));
        assert(!host->shape || host->shape->heap[host->heap_at] == host);
        assert(host->free.cpus >= 0 && host->free.mem >= 0);
        assert(host->class);
    }
    uint64_t last = UINT64_MAX;
    for (const struct shape *s = hosts->newest; s; s = s->older) {
        assert(s->count > 0 && s->generation <= last);
        last = s->generation;
        in_shapes += s->count;
        for (uint32_t i = 1; i < s->count; i++)
            assert(host_compare(s->heap[(i - 1) / 2], s->heap[i]) < 0);
    }
    assert(with_offers == in_shapes);
}
