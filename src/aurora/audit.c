#include "aurora/audit.h"
#include "aurora/api.h"

#include "base/hash.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__AuditView View;

enum { ALIKE_MS = 60 * 1000, FLUSH_MS = 1000, KEY_MAX = 17 };

/* --- the two rings --- */

static struct audit_entry *entry_at(const struct audit_list *list, uint32_t i)
{
    return &list->item[(list->first + i) % list->capacity];
}

static struct audit_entry *find(const struct audit_list *list, uint64_t number)
{
    uint32_t low = 0, high = list->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_at(list, middle)->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && entry_at(list, low)->number == number
               ? entry_at(list, low)
               : NULL;
}

static void grow(struct audit_list *list)
{
    uint32_t capacity = list->capacity ? list->capacity * 2 : 64;
    struct audit_entry *item = xcalloc(capacity, sizeof *item);

    for (uint32_t i = 0; i < list->count; i++)
        item[i] = *entry_at(list, i);
    free(list->item);
    list->item = item;
    list->capacity = capacity;
    list->first = 0;
}

static char *key_text(uint64_t number, char out[KEY_MAX])
{
    (void)snprintf(out, KEY_MAX, "%016" PRIx64, number);
    return out;
}

static void drop_first(struct audit_list *list, struct effects *fx)
{
    struct audit_entry *entry = entry_at(list, 0);
    char key[KEY_MAX];

    if (fx)
        effect_forget(fx, "audit", bytes_of_text(key_text(entry->number, key)));
    blob_unref(entry->packed);
    list->first = (list->first + 1) % list->capacity;
    list->count--;
}

static void add(struct audit_list *list, const struct audit_entry *entry,
                struct effects *fx)
{
    if (list->count >= list->most)
        drop_first(list, fx);
    if (list->count == list->capacity)
        grow(list);
    list->count++;
    *entry_at(list, list->count - 1) = *entry;
}

void audit_init(struct aurora_program *p)
{
    p->audit.changes.most = AUDIT_CHANGES_MAX;
    p->audit.refusals.most = AUDIT_REFUSALS_MAX;
    p->audit.next = 1;
    p->audit.flush_ms = INT64_MAX;
}

static void release(struct audit_list *list)
{
    while (list->count > 0)
        drop_first(list, NULL);
    free(list->item);
}

void audit_release(struct aurora_program *p)
{
    release(&p->audit.changes);
    release(&p->audit.refusals);
}

/* --- writing --- */

static struct blob *pack(const View *view, struct effects *fx)
{
    size_t size = perigee__aurora__audit_view__get_packed_size(view);
    uint8_t *packed = arena_alloc(&fx->arena, size + 1);

    perigee__aurora__audit_view__pack(view, packed);
    return blob_new(bytes_of(packed, size));
}

static void save(const struct audit_entry *entry, struct effects *fx)
{
    char key[KEY_MAX];

    effect_persist(fx, "audit", bytes_of_text(key_text(entry->number, key)),
                   blob_bytes(entry->packed));
}

static uint64_t mix(uint64_t seed, const char *text)
{
    return hash64(bytes_of_text(text ? text : ""), seed + 1);
}

/* Ports differ from one connection to the next. */
static uint64_t likeness(const View *view)
{
    const char *peer = view->peer ? view->peer : "";
    const char *end = strrchr(peer, ':');
    uint64_t out =
        hash64(bytes_of(peer, end ? (size_t)(end - peer) : strlen(peer)), 0);

    out = mix(out, view->user);
    out = mix(out, view->action);
    out = mix(out, view->call);
    out = mix(out, view->key);
    return mix(out, view->result);
}

static struct audit_recent *alike(struct audit *a, uint64_t hash,
                                  int64_t now_ms)
{
    for (uint32_t i = 0; i < AUDIT_RECENT_MAX; i++) {
        struct audit_recent *it = &a->recent[i];
        if (it->number != 0 && it->likeness == hash && now_ms >= it->at_ms &&
            now_ms - it->at_ms < ALIKE_MS)
            return it;
    }
    return NULL;
}

static void write_count(struct audit *a, struct audit_recent *it,
                        struct effects *fx)
{
    struct audit_entry *entry =
        find(it->is_refusal ? &a->refusals : &a->changes, it->number);

    it->is_dirty = false;
    if (!entry)
        return;
    struct bytes bytes = blob_bytes(entry->packed);
    View *view =
        perigee__aurora__audit_view__unpack(NULL, bytes.size, bytes.data);
    if (!view)
        return;
    view->has_count = view->has_last_ms = true;
    view->count = it->count;
    view->last_ms = (uint64_t)it->last_ms;
    blob_unref(entry->packed);
    entry->packed = pack(view, fx);
    perigee__aurora__audit_view__free_unpacked(view, NULL);
    save(entry, fx);
}

static void remember(struct audit *a, uint64_t hash, uint64_t number,
                     bool is_refusal, int64_t now_ms, struct effects *fx)
{
    struct audit_recent *it = &a->recent[a->recent_at];

    a->recent_at = (a->recent_at + 1) % AUDIT_RECENT_MAX;
    if (it->is_dirty)
        write_count(a, it, fx);
    *it = (struct audit_recent){.likeness = hash,
                                .number = number,
                                .at_ms = now_ms,
                                .last_ms = now_ms,
                                .count = 1,
                                .is_refusal = is_refusal};
}

/* `hash`: of what makes it like others, 0: it stands alone. */
static void note(struct aurora_program *p, View *view, uint64_t hash,
                 struct effects *fx)
{
    struct audit *a = &p->audit;
    bool is_refusal = strcmp(view->result, "OK") != 0;
    struct audit_recent *same = hash ? alike(a, hash, p->now_ms) : NULL;

    if (same) {
        same->count += same->count < UINT32_MAX;
        same->last_ms = p->now_ms;
        same->is_dirty = true;
        if (a->flush_ms == INT64_MAX)
            a->flush_ms = p->now_ms + FLUSH_MS;
        return;
    }
    view->has_number = view->has_at_ms = true;
    view->number = a->next++;
    view->at_ms = (uint64_t)p->now_ms;
    struct audit_entry entry = {view->number, p->now_ms, pack(view, fx)};
    save(&entry, fx);
    add(is_refusal ? &a->refusals : &a->changes, &entry, fx);
    if (hash)
        remember(a, hash, view->number, is_refusal, p->now_ms, fx);
}

/* --- what a request was --- */

static const ProtobufCMessage *part_of(const struct request *r)
{
    const ProtobufCFieldDescriptor *field =
        r->route->field ? protobuf_c_message_descriptor_get_field_by_name(
                              r->call->base.descriptor, r->route->field)
                        : NULL;

    return field ? *(void *const *)((const char *)r->call + field->offset)
                 : NULL;
}

static const void *at_offset(const ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *field)
{
    return (const char *)message + field->offset;
}

static const ProtobufCFieldDescriptor *text_field(
    const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor,
                                                        name);

    return field && field->type == PROTOBUF_C_TYPE_STRING ? field : NULL;
}

/* One text of the part, or the texts of a list. */
static void add_texts(const ProtobufCMessage *part, const char *name,
                      struct buf *out)
{
    const ProtobufCFieldDescriptor *field = text_field(part, name);

    if (!field || out->size > AUDIT_TEXT_MAX)
        return;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        const char *text = *(char *const *)at_offset(part, field);
        if (text)
            buf_add_text(out, text);
        return;
    }
    size_t count =
        *(const size_t *)((const char *)part + field->quantifier_offset);
    char *const *text = *(char **const *)at_offset(part, field);
    for (size_t i = 0; i < count && out->size <= AUDIT_TEXT_MAX; i++)
        buf_addf(out, i > 0 ? ",%s" : "%s", text[i]);
}

static void add_key(const Perigee__Aurora__JobKey *key, struct buf *out)
{
    buf_addf(out, "%s/%s/%s/%s", key->cluster ? key->cluster : "",
             key->role ? key->role : "",
             key->environment ? key->environment : "",
             key->name ? key->name : "");
}

/* Those whose quotas are set. */
static void add_roles(const Perigee__Aurora__Call__SetQuota *set,
                      struct buf *out)
{
    for (size_t i = 0; i < set->n_quotas && out->size <= AUDIT_TEXT_MAX; i++)
        buf_addf(out, i > 0 ? ",%s" : "%s",
                 set->quotas[i]->role ? set->quotas[i]->role : "");
}

/* To what they are set, or by how much they are raised. */
static void add_quotas(const Perigee__Aurora__Call__SetQuota *set,
                       struct buf *out)
{
    if (set->add)
        buf_add_text(out, "more");
    if (set->force)
        buf_add_text(out, "forced");
    for (size_t i = 0; i < set->n_quotas && out->size <= AUDIT_TEXT_MAX; i++)
        quota_add_text(set->quotas[i], out);
}

/* The job, the roles or the machines that it was about. */
static void print_object(const struct request *r, struct buf *out)
{
    const ProtobufCMessage *part = part_of(r);
    const ProtobufCFieldDescriptor *key;

    if (!part)
        return;
    key = protobuf_c_message_descriptor_get_field_by_name(part->descriptor,
                                                          "key");
    const Perigee__Job *job =
        r->call->create_job ? r->call->create_job->job : NULL;
    if (key && key->type == PROTOBUF_C_TYPE_MESSAGE &&
        *(void *const *)at_offset(part, key))
        add_key(*(Perigee__Aurora__JobKey *const *)at_offset(part, key), out);
    else if (job)
        buf_addf(out, "%s/%s/%s/%s", job->cluster ? job->cluster : "",
                 job->role ? job->role : "",
                 job->environment ? job->environment : "",
                 job->name ? job->name : "");
    if (out->size > 0)
        return;
    if (r->call->set_quota)
        add_roles(r->call->set_quota, out);
    add_texts(part, "role", out);
    if (out->size == 0)
        add_texts(part, "hostnames", out);
    if (out->size == 0)
        add_texts(part, "hosts", out);
    if (out->size == 0)
        add_texts(part, "sha256", out);
    if (out->size == 0)
        add_texts(part, "task_id", out);
}

static const char *call_name(const struct request *r)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__aurora__call__type__descriptor, (int)r->route->type);

    return value ? value->name : "";
}

/* At most so much, of whole characters. */
static char *cut(const char *text, size_t size, struct arena *arena)
{
    if (size > AUDIT_TEXT_MAX)
        size = text_whole_characters((const uint8_t *)text, AUDIT_TEXT_MAX);
    return arena_strndup(arena, text, size);
}

void audit_request(struct request *r, const char *result, const char *why,
                   struct effects *fx)
{
    View view = PERIGEE__AURORA__AUDIT_VIEW__INIT;
    bool is_change = r->route && (r->route->flags & API_CHANGES);
    bool is_refusal = strcmp(result, "OK") != 0;
    struct buf key = {0}, message = {0};

    if (!r->route || r->is_repeat || !(is_change || r->is_denied))
        return;
    print_object(r, &key);
    if (part_of(r))
        add_texts(part_of(r), "message", &message);
    if (part_of(r) && message.size == 0)
        add_texts(part_of(r), "reason", &message);
    if (r->call->set_quota)
        add_quotas(r->call->set_quota, &message);
    view.user = r->user ? r->user->name : NULL;
    view.peer = (char *)(uintptr_t)r->peer;
    view.action = (char *)(uintptr_t)action_name(r->route->action);
    view.call = (char *)(uintptr_t)call_name(r);
    view.key = key.size > 0 ? cut(buf_text(&key), key.size, &r->arena) : NULL;
    view.result = (char *)(uintptr_t)result;
    if (why)
        view.message = cut(why, strlen(why), &r->arena);
    else if (message.size > 0)
        view.message = cut(buf_text(&message), message.size, &r->arena);
    bool gathers = is_refusal || r->route->action == ACTION_UPDATE_PULSE ||
                   r->route->action == ACTION_ASSET_PUT;
    note(r->p, &view, gathers ? likeness(&view) : 0, fx);
    buf_release(&key);
    buf_release(&message);
}

void audit_refused(struct aurora_program *p, const char *what,
                   const char *result, const char *why, struct effects *fx)
{
    const struct caller *caller = &p->sign_in.caller;
    View view = PERIGEE__AURORA__AUDIT_VIEW__INIT;

    view.user = caller->user ? caller->user->name : NULL;
    view.peer = (char *)(uintptr_t)caller->peer;
    view.call = cut(what, strlen(what), &fx->arena);
    view.result = (char *)(uintptr_t)result;
    view.message = cut(why, strlen(why), &fx->arena);
    /* Nobody hides a wrong secret behind a request that had none. */
    note(p, &view, mix(likeness(&view), why), fx);
}

/* May one more that is like no other be written? */
static bool take_handshake(struct audit *a, int64_t now_ms)
{
    const int64_t most_ms = (int64_t)AUDIT_HANDSHAKES_MAX * AUDIT_HANDSHAKE_MS;

    if (a->handshakes_ms < now_ms)
        a->handshakes_ms = now_ms;
    if (a->handshakes_ms > now_ms + most_ms) /* the clock was set back */
        a->handshakes_ms = now_ms + most_ms;
    if (a->handshakes_ms + AUDIT_HANDSHAKE_MS > now_ms + most_ms)
        return false;
    a->handshakes_ms += AUDIT_HANDSHAKE_MS;
    return true;
}

void audit_handshake(struct aurora_program *p,
                     const struct aurora_handshake_fact *fact,
                     struct effects *fx)
{
    View view = PERIGEE__AURORA__AUDIT_VIEW__INIT;
    struct audit *a = &p->audit;
    size_t size = strlen(fact->subject);
    bool is_text =
        size > 0 && text_is_utf8((const uint8_t *)fact->subject, size);
    const char *message = arena_printf(
        &fx->arena, "certificate%s%s%s: %s", is_text ? " of '" : "",
        is_text ? fact->subject : "", is_text ? "'" : "", fact->why);

    view.peer = (char *)(uintptr_t)fact->peer;
    view.call = "TLS handshake";
    view.result = "UNAUTHENTICATED";
    uint64_t hash = mix(likeness(&view), message);
    if (!alike(a, hash, p->now_ms) && !take_handshake(a, p->now_ms)) {
        a->handshakes_unsaid += a->handshakes_unsaid < UINT32_MAX;
        return;
    }
    if (a->handshakes_unsaid > 0 && !alike(a, hash, p->now_ms)) {
        message = arena_printf(&fx->arena,
                               "%s; %u others before it were not "
                               "written one by one",
                               message, a->handshakes_unsaid);
        a->handshakes_unsaid = 0;
    }
    view.message = cut(message, strlen(message), &fx->arena);
    note(p, &view, hash, fx);
}

void audit_own(struct aurora_program *p, const char *action, const char *key,
               const char *message, struct effects *fx)
{
    View view = PERIGEE__AURORA__AUDIT_VIEW__INIT;

    view.action = (char *)(uintptr_t)action;
    view.key = cut(key, strlen(key), &fx->arena);
    view.result = "OK";
    view.message = cut(message, strlen(message), &fx->arena);
    note(p, &view, 0, fx);
}

/* --- the store --- */

int audit_take(struct aurora_program *p, struct bytes key, struct bytes value,
               struct err *err)
{
    View *view =
        perigee__aurora__audit_view__unpack(NULL, value.size, value.data);

    if (!view || !view->result || view->number < p->audit.next) {
        if (view)
            perigee__aurora__audit_view__free_unpacked(view, NULL);
        return store_damaged(err, "audit", key);
    }
    struct audit_entry entry = {view->number, (int64_t)view->at_ms,
                                blob_new(value)};
    p->audit.next = view->number + 1;
    add(strcmp(view->result, "OK") != 0 ? &p->audit.refusals
                                        : &p->audit.changes,
        &entry, NULL);
    perigee__aurora__audit_view__free_unpacked(view, NULL);
    return 0;
}

/* --- time --- */

int64_t audit_next_ms(const struct aurora_program *p)
{
    return p->audit.flush_ms;
}

void audit_time(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    if (now_ms < p->audit.flush_ms)
        return;
    p->audit.flush_ms = INT64_MAX;
    for (uint32_t i = 0; i < AUDIT_RECENT_MAX; i++)
        if (p->audit.recent[i].is_dirty)
            write_count(&p->audit, &p->audit.recent[i], fx);
}

void audit_sweep(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    struct audit_list *lists[] = {&p->audit.changes, &p->audit.refusals};

    for (size_t i = 0; i < 2; i++)
        while (lists[i]->count > 0 &&
               now_ms - entry_at(lists[i], 0)->at_ms > AUDIT_KEPT_MS)
            drop_first(lists[i], fx);
}
