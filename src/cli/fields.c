#include "cli/fields.h"

#include "base/bytes.h"
#include "base/text.h"
#include "perigee/job.pb-c.h"

#include <ctype.h>
#include <string.h>

enum { DEPTH_MAX = 12 }; /* of messages in messages */

/* --- scalars --- */

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), tail = strlen(end);

    return size > tail && strcmp(name + size - tail, end) == 0;
}

/* The largest unit that divides evenly. */
static char *size_text(uint64_t bytes, struct arena *arena)
{
    static const char *const unit[] = {"bytes", "KB", "MB", "GB", "TB"};
    unsigned at = 0;

    while (bytes != 0 && bytes % 1024 == 0 && at + 1 < 5)
        bytes /= 1024, at++;
    return arena_printf(arena, "%llu %s", (unsigned long long)bytes, unit[at]);
}

static char *milli_text(uint64_t milli, const char *unit, struct arena *arena)
{
    char text[32];

    return arena_printf(arena, "%s%s",
                        text_from_milli((int64_t)milli, text, sizeof text),
                        unit);
}

static char *number_text(const char *name, uint64_t number, struct arena *arena)
{
    if (ends_with(name, "_bytes") || strcmp(name, "log_size") == 0)
        return size_text(number, arena);
    if (ends_with(name, "_milli"))
        return milli_text(number, "", arena);
    if (ends_with(name, "_ms"))
        return milli_text(number, " s", arena);
    if (ends_with(name, "_secs") || strcmp(name, "min_duration") == 0 ||
        strcmp(name, "finalization_wait") == 0)
        return arena_printf(arena, "%llu s", (unsigned long long)number);
    return arena_printf(arena, "%llu", (unsigned long long)number);
}

static char *enum_text(const ProtobufCEnumDescriptor *type, int value,
                       struct arena *arena)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(type, value);
    char *text = arena_strdup(arena, known != NULL ? known->name : "?");

    for (char *c = text; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : (char)tolower((unsigned char)*c);
    return text;
}

/* The label in the words of the job language. */
static const char *label_of(const char *name, struct arena *arena)
{
    static const char *const unit[][2] = {
        {"_bytes", ""}, {"_milli", ""}, {"_ms", "_secs"}};

    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
        if (ends_with(name, unit[i][0]))
            return arena_printf(arena, "%.*s%s",
                                (int)(strlen(name) - strlen(unit[i][0])), name,
                                unit[i][1]);
    return name;
}

/* One scalar at `at`; NULL for a message. */
static const char *scalar_text(const ProtobufCFieldDescriptor *field,
                               const void *at, struct arena *arena)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)at ? "yes" : "no";
    case PROTOBUF_C_TYPE_ENUM:
        return enum_text(field->descriptor, *(const int *)at, arena);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
        return arena_printf(arena, "%d", *(const int32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
        return arena_printf(arena, "%lld", (long long)*(const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return number_text(field->name, *(const uint32_t *)at, arena);
    case PROTOBUF_C_TYPE_UINT64:
        return number_text(field->name, *(const uint64_t *)at, arena);
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)at;
        return text != NULL ? text : "";
    }
    case PROTOBUF_C_TYPE_BYTES:
        return arena_printf(arena, "%zu bytes",
                            ((const ProtobufCBinaryData *)at)->len);
    default:
        return NULL;
    }
}

static size_t scalar_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
        return 4;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default: /* 64-bit numbers; pointers to texts and messages */
        return 8;
    }
}

/* --- messages that fit on a line --- */

static char *texts(char *const *text, size_t count, const char *between,
                   struct arena *arena)
{
    struct buf out = {0};

    for (size_t i = 0; i < count; i++)
        buf_addf(&out, "%s%s", i ? between : "", text[i]);
    char *all = arena_strdup(arena, buf_text(&out));
    buf_release(&out);
    return all;
}

static char *constraint_text(const Perigee__HostConstraint *c,
                             struct arena *arena)
{
    const char *values = texts(c->values, c->n_values, ", ", arena);

    switch (c->kind) {
    case PERIGEE__HOST_CONSTRAINT__KIND__ONE_OF:
        return arena_printf(arena, "one of %s", values);
    case PERIGEE__HOST_CONSTRAINT__KIND__NONE_OF:
        return arena_printf(arena, "none of %s", values);
    case PERIGEE__HOST_CONSTRAINT__KIND__LIMIT:
    case PERIGEE__HOST_CONSTRAINT__KIND__MAX_PER:
        return arena_printf(arena, "at most %u per value", c->limit);
    case PERIGEE__HOST_CONSTRAINT__KIND__UNIQUE:
        return arena_strdup(arena, "no value twice");
    case PERIGEE__HOST_CONSTRAINT__KIND__CLUSTER:
        return arena_printf(arena, "all on %s",
                            c->n_values ? values : "one value");
    case PERIGEE__HOST_CONSTRAINT__KIND__GROUP_BY:
        return c->limit ? arena_printf(arena, "even over %u values", c->limit)
                        : arena_strdup(arena, "even over its values");
    case PERIGEE__HOST_CONSTRAINT__KIND__LIKE:
        return arena_printf(arena, "like %s", values);
    case PERIGEE__HOST_CONSTRAINT__KIND__UNLIKE:
        return arena_printf(arena, "unlike %s", values);
    default:
        return arena_printf(arena, "kind %d", (int)c->kind);
    }
}

static char *resources_text(const Perigee__ResourceAmounts *r,
                            struct arena *arena)
{
    return arena_printf(
        arena, "cpu %s, ram %s, disk %s%s", milli_text(r->cpu_milli, "", arena),
        size_text(r->ram_bytes, arena), size_text(r->disk_bytes, arena),
        r->gpu ? arena_printf(arena, ", gpu %u", r->gpu) : "");
}

/* NULL: it takes more than a line. */
static const char *line_of(const ProtobufCMessage *m, struct arena *arena)
{
    const ProtobufCMessageDescriptor *type = m->descriptor;

    if (type == &perigee__host_constraint__descriptor)
        return constraint_text((const void *)m, arena);
    if (type == &perigee__resource_amounts__descriptor)
        return resources_text((const void *)m, arena);
    if (type == &perigee__env_var__descriptor) {
        const Perigee__EnvVar *v = (const void *)m;
        return v->secret != NULL
                   ? arena_printf(arena, "secret(\"%s\")", v->secret)
                   : v->value;
    }
    if (type == &perigee__metadata__descriptor)
        return ((const Perigee__Metadata *)(const void *)m)->value;
    if (type == &perigee__order_chain__descriptor) {
        const Perigee__OrderChain *chain = (const void *)m;
        return texts(chain->order, chain->n_order, " -> ", arena);
    }
    if (type == &perigee__function__descriptor) {
        const Perigee__Function *f = (const void *)m;
        return arena_printf(arena, "the function at %s:%u",
                            f->file ? f->file : "?", f->line);
    }
    if (type == &perigee__port_alias__descriptor) {
        const Perigee__PortAlias *alias = (const void *)m;
        return alias->target ? alias->target
                             : arena_printf(arena, "%u", alias->port);
    }
    return NULL;
}

/* What an element of a list is called: its name, key, attribute, ...; *by gets
 * that field. */
static const char *element_name(const ProtobufCMessage *m, const char **by)
{
    static const char *const names[] = {"name", "key", "attribute", "uri",
                                        "container_path"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(m->descriptor,
                                                            names[i]);
        if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING ||
            field->label == PROTOBUF_C_LABEL_REPEATED)
            continue;
        const char *text = *(char *const *)((const char *)m + field->offset);
        if (text == NULL || *text == '\0')
            continue;
        *by = names[i];
        return text;
    }
    return NULL;
}

/* --- the walk --- */

struct walk {
    struct arena *arena;
    struct field_list *out;
};

static void add(struct walk *w, const char *path, const char *label,
                const char *text, int depth)
{
    *vec_add(w->out) = (struct field_line){path, label, text, depth};
}

static void walk_message(struct walk *w, const ProtobufCMessage *m,
                         const char *prefix, const char *const *skip,
                         int depth);

/* A message that is a field or an element: on one line, or with a heading.
 * `by` is the field that the heading shows already, or NULL. */
static void walk_inner(struct walk *w, const ProtobufCMessage *m,
                       const char *path, const char *label, const char *by,
                       int depth)
{
    const char *line = line_of(m, w->arena);
    const char *const skip[] = {by, NULL};

    add(w, path, label, line, depth);
    if (line == NULL && depth < DEPTH_MAX)
        walk_message(w, m, arena_printf(w->arena, "%s.", path), skip,
                     depth + 1);
}

static void walk_list(struct walk *w, const ProtobufCFieldDescriptor *field,
                      const void *items, size_t count, const char *path,
                      const char *label, int depth)
{
    struct buf all = {0};

    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        add(w, path, label, NULL, depth);
        for (size_t i = 0; i < count; i++) {
            const ProtobufCMessage *m = ((ProtobufCMessage *const *)items)[i];
            const char *by = NULL, *name = element_name(m, &by);
            if (name == NULL)
                name = arena_printf(w->arena, "%zu", i + 1);
            walk_inner(w, m, arena_printf(w->arena, "%s[%s]", path, name), name,
                       by, depth + 1);
        }
        return;
    }
    for (size_t i = 0; i < count; i++)
        buf_addf(&all, "%s%s", i ? ", " : "",
                 scalar_text(field,
                             (const char *)items + i * scalar_size(field),
                             w->arena));
    add(w, path, label, arena_strdup(w->arena, buf_text(&all)), depth);
    buf_release(&all);
}

static bool is_set(const ProtobufCMessage *m,
                   const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)m;

    if (field->type == PROTOBUF_C_TYPE_MESSAGE ||
        field->type == PROTOBUF_C_TYPE_STRING)
        return *(void *const *)(base + field->offset) != NULL;
    return *(const protobuf_c_boolean *)(base + field->quantifier_offset);
}

static void walk_field(struct walk *w, const ProtobufCMessage *m,
                       const ProtobufCFieldDescriptor *field,
                       const char *prefix, int depth)
{
    const char *base = (const char *)m;
    const char *label = label_of(field->name, w->arena);
    const char *path = arena_printf(w->arena, "%s%s", prefix, label);
    const void *at = base + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)(base + field->quantifier_offset);
        if (count > 0)
            walk_list(w, field, *(void *const *)at, count, path, label, depth);
        return;
    }
    if (!is_set(m, field))
        return;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        walk_inner(w, *(ProtobufCMessage *const *)at, path, label, NULL, depth);
    else
        add(w, path, label, scalar_text(field, at, w->arena), depth);
}

static bool is_skipped(const char *name, const char *const *skip)
{
    for (; skip != NULL && *skip != NULL; skip++)
        if (strcmp(*skip, name) == 0)
            return true;
    return false;
}

/* Bounded by the schema: only Group holds itself, and DEPTH_MAX cuts it. */
static void walk_message(struct walk *w, const ProtobufCMessage *m,
                         const char *prefix, const char *const *skip, int depth)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++)
        if (!is_skipped(m->descriptor->fields[i].name, skip))
            walk_field(w, m, &m->descriptor->fields[i], prefix, depth);
}

void fields_of(const ProtobufCMessage *message, const char *const *skip,
               struct arena *arena, struct field_list *out)
{
    struct walk w = {arena, out};

    walk_message(&w, message, "", skip, 0);
}
