#include "aurora/task_store.h"
#include "aurora/state.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- the wire, as protobuf has it --- */

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint32_t number;
    enum wire wire;
    uint64_t value;     /* VARINT */
    struct bytes bytes; /* BYTES */
};

static bool take_long_varint(struct bytes *from, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && from->size > 0; shift += 7) {
        uint8_t byte = *from->data++;
        from->size--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static inline bool take_varint(struct bytes *from, uint64_t *out)
{
    if (from->size == 0 || *from->data >= 0x80)
        return take_long_varint(from, out);
    *out = *from->data++;
    from->size--;
    return true;
}

static inline bool take_bytes(struct bytes *from, uint64_t size,
                              struct bytes *out)
{
    if (size > from->size)
        return false;
    *out = bytes_of(from->data, (size_t)size);
    from->data += size;
    from->size -= (size_t)size;
    return true;
}

/* 1: a field; 0: the end; negative: not a message. */
static int take_field(struct bytes *from, struct field *out)
{
    uint64_t head, size = 0;

    if (from->size == 0)
        return 0;
    if (!take_varint(from, &head) || head >> 3 == 0 || head >> 3 > UINT32_MAX)
        return -1;
    out->number = (uint32_t)(head >> 3);
    out->wire = (enum wire)(head & 7);
    out->value = 0;
    out->bytes = bytes_of("", 0);
    switch (out->wire) {
    case WIRE_VARINT:
        return take_varint(from, &out->value) ? 1 : -1;
    case WIRE_BYTES:
        return take_varint(from, &size) && take_bytes(from, size, &out->bytes)
                   ? 1
                   : -1;
    case WIRE_64:
        return take_bytes(from, 8, &out->bytes) ? 1 : -1;
    case WIRE_32:
        return take_bytes(from, 4, &out->bytes) ? 1 : -1;
    default:
        return -1;
    }
}

/* --- a record, as views into it --- */

struct record {
    struct bytes task_id, key, config_id, ancestor_id, place;
    uint64_t instance, state, failures, deadline_ms, number, firing;
    bool has_place, has_ancestor, is_beside;
    struct bytes event[TASK_EVENTS_MAX];
    uint32_t event_count;
};

static void take_record_field(struct record *r, const struct field *f)
{
    switch (f->number) {
    case 1:
        r->task_id = f->bytes;
        break;
    case 2:
        r->key = f->bytes;
        break;
    case 3:
        r->config_id = f->bytes;
        break;
    case 4:
        r->instance = f->value;
        break;
    case 5:
        r->state = f->value;
        break;
    case 6:
        r->failures = f->value;
        break;
    case 8:
        r->ancestor_id = f->bytes;
        r->has_ancestor = true;
        break;
    case 9:
        r->deadline_ms = f->value;
        break;
    case 10:
        r->place = f->bytes;
        r->has_place = true;
        break;
    case 11: /* more were never written; the newest count */
        if (r->event_count == TASK_EVENTS_MAX) {
            memmove(&r->event[1], &r->event[2],
                    (TASK_EVENTS_MAX - 2) * sizeof r->event[0]);
            r->event_count--;
        }
        r->event[r->event_count++] = f->bytes;
        break;
    case 12:
        r->number = f->value;
        break;
    case 380:
        r->firing = f->value;
        break;
    case 440:
        r->is_beside = f->value != 0;
        break;
    default:
        break; /* of a newer version */
    }
}

static int read_record(struct bytes value, struct record *r)
{
    struct field field;
    int rc;

    memset(r, 0, offsetof(struct record, event));
    r->event_count = 0;
    r->task_id = r->key = r->config_id = r->ancestor_id = r->place =
        bytes_of("", 0);
    while ((rc = take_field(&value, &field)) > 0)
        take_record_field(r, &field);
    return rc;
}

/* --- parts of a task --- */

/* A message that many have: one blob for all. */
static struct blob *shared_message(struct stored_tasks *stored,
                                   struct bytes text)
{
    struct blob **slot = &stored->message[hash64(text, 0) % SHARED_MESSAGES];

    if (text.size > TASK_MESSAGE_MAX)
        text.size = TASK_MESSAGE_MAX;
    if (*slot == NULL || !bytes_equal(blob_bytes(*slot), text)) {
        blob_unref(*slot);
        *slot = blob_new(text);
    }
    return blob_ref(*slot);
}

static int read_event(struct stored_tasks *stored, struct bytes from,
                      struct task_event *out)
{
    struct field field;
    int rc;

    *out = (struct task_event){0};
    while ((rc = take_field(&from, &field)) > 0) {
        if (field.number == 1)
            out->at_ms = (int64_t)field.value;
        else if (field.number == 2 && field.value >= TASK_STATE_COUNT)
            return -1;
        else if (field.number == 2)
            out->state = (enum task_state)field.value;
        else if (field.number == 3 && field.bytes.size > 0 && !out->message)
            out->message = shared_message(stored, field.bytes);
    }
    return rc;
}

static int read_events(struct stored_tasks *stored, const struct record *r,
                       struct task *task)
{
    if (r->event_count == 0)
        return 0;
    task->events.item =
        xreallocarray(NULL, r->event_count, sizeof *task->events.item);
    task->events.capacity = r->event_count;
    for (uint32_t i = 0; i < r->event_count; i++) {
        struct task_event *event = &task->events.item[task->events.count++];
        if (read_event(stored, r->event[i], event) < 0)
            return -1;
    }
    return 0;
}

struct place {
    struct bytes agent_id, hostname, endpoint;
    uint32_t port[PORT_NAMES_MAX];
    uint32_t port_count;
};

static int add_port(struct place *place, uint64_t port)
{
    if (place->port_count == PORT_NAMES_MAX || port > UINT32_MAX)
        return -1;
    place->port[place->port_count++] = (uint32_t)port;
    return 0;
}

static int read_ports(struct place *place, const struct field *field)
{
    struct bytes rest = field->bytes;
    uint64_t port;

    if (field->wire == WIRE_VARINT)
        return add_port(place, field->value);
    while (rest.size > 0)
        if (!take_varint(&rest, &port) || add_port(place, port) < 0)
            return -1;
    return 0;
}

/* Where a host is looked for first. */
static struct shared_host *home_of(struct stored_tasks *stored,
                                   struct bytes agent_id)
{
    enum { LINE = 64 };
    static_assert(sizeof(struct shared_host) == LINE, "a line of the cache");

    if (!stored->host) {
        stored->host_memory = xcalloc(SHARED_HOSTS + 1, LINE);
        uintptr_t at = ((uintptr_t)stored->host_memory + LINE - 1) / LINE;
        stored->host = (struct shared_host *)(at * LINE);
    }
    return &stored->host[hash64(agent_id, 0) % SHARED_HOSTS];
}

static bool is_host(const struct shared_host *slot, struct bytes agent_id)
{
    return slot->size == agent_id.size &&
           memcmp(slot->id, agent_id.data, agent_id.size) == 0;
}

static void forget_host(struct shared_host *slot)
{
    for (; slot->references > 0; slot->references--)
        blob_unref(slot->agent_id);
}

static void share_host(struct shared_host *slot, struct host *host)
{
    forget_host(slot);
    slot->host = host;
    slot->agent_id = host->agent_id;
    slot->size = (uint16_t)host->agent_id->size;
    memcpy(slot->id, host->agent_id->data, slot->size);
}

/* It is in one of a few slots from its home on, or gets the first one that is
 * free; without one, the first. NULL: there is no such host, or its id is too
 * long. */
static struct shared_host *host_of_record(struct aurora_program *p,
                                          struct shared_host *home,
                                          struct bytes agent_id)
{
    enum { TRIES = 8 };
    struct shared_host *end = p->stored_tasks.host + SHARED_HOSTS;
    struct shared_host *slot = home;

    if (agent_id.size == 0 || agent_id.size > SHARED_ID_MAX)
        return NULL;
    for (uint32_t i = 0; i < TRIES && slot->host; i++) {
        if (is_host(slot, agent_id))
            return slot;
        slot = slot + 1 == end ? p->stored_tasks.host : slot + 1;
    }
    struct host *host = hosts_find(&p->core.hosts, agent_id);
    if (!host)
        return NULL;
    if (slot->host)
        slot = home;
    share_host(slot, host);
    return slot;
}

/* A reference to the agent's id. They are taken many at a time: the id itself
 * is far away. */
static struct blob *shared_id(struct shared_host *slot)
{
    enum { AT_A_TIME = 64 };

    if (slot->references == 0)
        for (; slot->references < AT_A_TIME; slot->references++)
            (void)blob_ref(slot->agent_id);
    slot->references--;
    return slot->agent_id;
}

static int read_place(struct bytes from, struct place *place)
{
    struct field field;
    int rc;

    place->agent_id = place->hostname = place->endpoint = bytes_of("", 0);
    place->port_count = 0;
    while ((rc = take_field(&from, &field)) > 0) {
        if (field.number == 1)
            place->agent_id = field.bytes;
        else if (field.number == 2)
            place->hostname = field.bytes;
        else if (field.number == 3)
            place->endpoint = field.bytes;
        else if (field.number == 4 && read_ports(place, &field) < 0)
            return -1;
    }
    return rc;
}

static void put_place(struct aurora_program *p, struct shared_host *home,
                      const struct place *place, struct task *task)
{
    struct shared_host *slot = host_of_record(p, home, place->agent_id);
    struct blob *agent_id;

    if (slot) {
        task->host = slot->host;
        agent_id = shared_id(slot);
    } else {
        task->host = hosts_find(&p->core.hosts, place->agent_id);
        agent_id = task->host ? blob_ref(task->host->agent_id)
                              : blob_new(place->agent_id);
    }
    task->placement = placement_new_take(agent_id, place->hostname,
                                         place->endpoint, place->port_count);
    memcpy(task->placement->port, place->port,
           place->port_count * sizeof place->port[0]);
}

/* --- whose task it is --- */

static int read_key(struct aurora_program *p, struct bytes from,
                    struct job_key *out)
{
    char part[4][JOB_KEY_PART_MAX] = {"", "", "", ""};
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    struct field field;
    int rc;

    while ((rc = take_field(&from, &field)) > 0) {
        if (field.number < 1 || field.number > 4)
            continue;
        if (field.bytes.size >= JOB_KEY_PART_MAX)
            return -1;
        memcpy(part[field.number - 1], field.bytes.data, field.bytes.size);
        part[field.number - 1][field.bytes.size] = 0;
    }
    if (rc < 0)
        return rc;
    key.cluster = part[0];
    key.role = part[1];
    key.environment = part[2];
    key.name = part[3];
    return key_decode(p, &key, out, NULL);
}

/* The number of its slot, in which its job is; -1: not a key. */
static int job_of_record(struct aurora_program *p, struct bytes from)
{
    uint64_t at = hash64(from, 0) % SHARED_JOBS;
    struct blob **known = &p->stored_tasks.job[at].key;
    struct job_key key;

    if (*known && bytes_equal(blob_bytes(*known), from))
        return (int)at;
    if (read_key(p, from, &key) < 0)
        return -1;
    blob_unref(*known);
    *known = blob_new(from);
    p->stored_tasks.job[at].job = aurora_job(&p->core, &key);
    p->stored_tasks.job[at].config = NULL;
    return (int)at;
}

/* The one that the job's task before had, nearly always. */
static struct job_config *config_of_record(struct aurora_program *p, int job,
                                           struct bytes id)
{
    struct job_config **last = &p->stored_tasks.job[job].config;
    char text[CONFIG_ID_MAX];

    if (*last && bytes_equal_text(id, (*last)->id))
        return *last;
    if (id.size >= sizeof text)
        return NULL;
    memcpy(text, id.data, id.size);
    text[id.size] = 0;
    *last = aurora_config(&p->core, text);
    return *last;
}

static struct task *new_task(struct aurora_program *p, const struct record *r)
{
    int at = job_of_record(p, r->key);
    struct job *job = at < 0 ? NULL : p->stored_tasks.job[at].job;
    struct job_config *config =
        job ? config_of_record(p, at, r->config_id) : NULL;

    if (!config || r->instance > INSTANCES_MAX || r->failures > UINT32_MAX)
        return NULL;
    return job_task_new(r->task_id, job, config, (uint32_t)r->instance);
}

/* What is far away is asked for first, and used last. */
static struct task *make_task(struct aurora_program *p, const struct record *r)
{
    struct stored_tasks *stored = &p->stored_tasks;
    struct shared_host *home = NULL;
    struct place place;

    if (r->has_place) {
        if (read_place(r->place, &place) < 0)
            return NULL;
        home = home_of(stored, place.agent_id);
        __builtin_prefetch(home);
    }
    struct task *task = new_task(p, r);
    if (!task)
        return NULL;
    task->state =
        r->state < TASK_STATE_COUNT ? (enum task_state)r->state : TASK_DELETED;
    task->failures = (uint32_t)r->failures;
    task->deadline_ms = (int64_t)r->deadline_ms;
    task->firing = (int64_t)r->firing;
    task->is_beside = r->is_beside;
    if (r->has_ancestor)
        task->ancestor = blob_new(r->ancestor_id);
    aurora_restore_made(task);
    if (read_events(stored, r, task) < 0) {
        job_task_free(task);
        return NULL;
    }
    if (home)
        put_place(p, home, &place, task);
    return task;
}

/* --- all of them --- */

int stored_tasks_take(struct aurora_program *p, struct bytes key,
                      struct bytes value, struct err *err)
{
    struct record record;
    struct task *task = NULL;

    if (read_record(value, &record) == 0 && bytes_equal(record.task_id, key))
        task = make_task(p, &record);
    if (!task)
        return store_damaged(err, "task", key);
    *vec_add(&p->stored_tasks) = (struct stored_task){record.number, task};
    return 0;
}

static int by_age(const void *x, const void *y)
{
    const struct stored_task *a = x, *b = y;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    struct bytes m = blob_bytes(a->task->id), n = blob_bytes(b->task->id);
    int order = memcmp(m.data, n.data, m.size < n.size ? m.size : n.size);
    return order != 0 ? order : (m.size > n.size) - (m.size < n.size);
}

static bool is_sorted(const struct stored_tasks *stored)
{
    for (uint32_t i = 1; i < stored->count; i++)
        if (by_age(&stored->item[i - 1], &stored->item[i]) > 0)
            return false;
    return true;
}

/* Nearly all of the time goes into waiting for memory, unless that is asked
 * for in advance. */
static void look_ahead(struct aurora_program *p, uint32_t at)
{
    enum { FAR = 32, AHEAD = 16, SOON = 8 };
    const struct stored_tasks *stored = &p->stored_tasks;

    if (at + FAR < stored->count)
        aurora_restore_far(stored->item[at + FAR].task);
    if (at + AHEAD < stored->count)
        aurora_restore_ahead(&p->core, stored->item[at + AHEAD].task, AHEAD);
    if (at >= AHEAD && at + SOON < stored->count)
        aurora_restore_soon(&p->core, stored->item[at + SOON].task);
}

int stored_tasks_restore(struct aurora_program *p, struct err *err)
{
    struct stored_tasks *stored = &p->stored_tasks;
    int rc = 0;

    if (!is_sorted(stored))
        qsort(stored->item, stored->count, sizeof *stored->item, by_age);
    for (uint32_t i = 0; i < stored->count && rc == 0; i++) {
        look_ahead(p, i);
        rc = aurora_restore_task(&p->core, stored->item[i].task, err);
        if (i == 0 && rc == 0)
            aurora_restore_expect(&p->core, stored->count);
        if (rc == 0)
            stored->item[i].task = NULL;
    }
    return rc;
}

void stored_tasks_release(struct stored_tasks *stored)
{
    for (uint32_t i = 0; i < stored->count; i++)
        if (stored->item[i].task)
            job_task_free(stored->item[i].task);
    for (uint32_t i = 0; i < SHARED_JOBS; i++)
        blob_unref(stored->job[i].key);
    for (uint32_t i = 0; i < SHARED_MESSAGES; i++)
        blob_unref(stored->message[i]);
    for (uint32_t i = 0; stored->host && i < SHARED_HOSTS; i++)
        forget_host(&stored->host[i]);
    free(stored->host_memory);
    vec_free(stored);
    *stored = (struct stored_tasks){0};
}
