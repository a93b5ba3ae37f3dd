/* Resources, attributes and scalars between mesos.v1 and plain values. A kind
 * keeps its stack of reservations in Mesos' print form,
 * "(STATIC,web),(DYNAMIC,web/blog,alice)"; here it is taken apart again. */
#include "wire/values.h"

#include "base/id.h"

#include <math.h>
#include <string.h>

enum { RESERVATIONS_MAX = 16 };

int milli_from_double(double value, int64_t *out)
{
    double milli = value * 1000.0;

    if (!isfinite(value) || fabs(milli) > (double)RESOURCE_MILLI_MAX)
        return -ERR_INVALID;
    *out = llround(milli);
    return 0;
}

double milli_to_double(int64_t milli)
{
    int64_t whole = milli / 1000, rest = milli % 1000;

    return (double)whole + (double)rest / 1000.0;
}

/* --- decoding ---------------------------------------------------------------
 */

static int decode_scalar(const Mesos__V1__Resource *in, struct resource *out,
                         struct err *err)
{
    if (in->scalar == NULL)
        return err_set(err, ERR_INVALID,
                       "Invalid scalar resource: missing value");
    if (milli_from_double(in->scalar->value, &out->milli) < 0)
        return err_set(err, ERR_INVALID,
                       "Invalid scalar resource '%s': not a number it can be",
                       in->name);
    if (out->milli < 0)
        return err_set(err, ERR_INVALID,
                       "Resource '%s:%g' is invalid: Invalid scalar resource: "
                       "value <= 0",
                       in->name, in->scalar->value);
    if (out->milli == 0 && in->scalar->value > 0)
        return err_set(err, ERR_INVALID,
                       "Invalid scalar resource '%s': smaller than 0.001",
                       in->name);
    return 0;
}

static int decode_ranges(const char *name, const Mesos__V1__Value__Ranges *in,
                         struct ranges *out, struct err *err)
{
    struct ranges ranges = {0};

    if (in == NULL || in->n_range > RANGES_MAX)
        return err_set(err, ERR_INVALID,
                       "Invalid ranges resource '%s': want 1 to %d ranges",
                       name, RANGES_MAX);
    for (size_t i = 0; i < in->n_range; i++) {
        struct range range = {in->range[i]->begin, in->range[i]->end};
        struct ranges one = {.count = 1, .inlined = {range}};
        uint64_t before = ranges_size(&ranges);

        if (range.first > range.last || range.last == UINT64_MAX) {
            ranges_release(&ranges);
            return err_set(err, ERR_INVALID,
                           "Invalid ranges resource: begin > end");
        }
        ranges_add(&ranges, range);
        if (ranges_size(&ranges) != before + ranges_size(&one)) {
            ranges_release(&ranges);
            return err_set(err, ERR_INVALID,
                           "Invalid ranges resource: overlapping ranges");
        }
    }
    *out = ranges;
    return 0;
}

static int decode_set(const Mesos__V1__Resource *in, struct string_set *out,
                      struct err *err)
{
    struct string_set given = {0}, set = {0};

    if (in->set == NULL)
        return err_set(err, ERR_INVALID, "Invalid set resource: missing value");
    given.count = (uint32_t)in->set->n_item;
    given.item = in->set->item;
    string_set_add_all(&set, &given);
    if (set.count != given.count) {
        string_set_release(&set);
        return err_set(err, ERR_INVALID,
                       "Invalid set resource: duplicated elements");
    }
    *out = set;
    return 0;
}

/* What of a resource this master cannot keep apart is refused by name. */
static int refuse(const Mesos__V1__Resource *in, struct err *err)
{
    const char *what = NULL;

    if (in->disk != NULL)
        what = "a disk source or persistent volume";
    else if (in->provider_id != NULL)
        what = "a resource provider";
    for (size_t i = 0; i < in->n_reservations && what == NULL; i++)
        if (in->reservations[i]->labels != NULL)
            what = "labels on a reservation";
    if (what == NULL)
        return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "Resource '%s' has %s, which this cluster cannot keep",
                   in->name, what);
}

static int add_reservation(struct buf *stack, const char *type,
                           const char *role, const char *principal,
                           struct err *err)
{
    if (role_check(role, err) < 0)
        return -ERR_INVALID;
    if (strcmp(role, "*") == 0)
        return err_set(err, ERR_INVALID,
                       "Invalid reservation: role \"*\" cannot be reserved");
    if (principal != NULL && strpbrk(principal, "(),") != NULL)
        return err_set(err, ERR_INVALID, "Invalid reservation: principal '%s'",
                       principal);
    buf_addf(stack, "%s(%s,%s%s%s)", stack->size ? "," : "", type, role,
             principal ? "," : "", principal ? principal : "");
    return 0;
}

/* Either format: role + reservation, or reservations[]. */
static int decode_stack(const Mesos__V1__Resource *in, struct buf *stack,
                        const char **role, struct err *err)
{
    *role = "*";
    if (in->n_reservations > RESERVATIONS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d reservations",
                       RESERVATIONS_MAX);
    for (size_t i = 0; i < in->n_reservations; i++) {
        const Mesos__V1__Resource__ReservationInfo *r = in->reservations[i];
        bool is_static =
            r->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC;
        *role = r->role != NULL ? r->role : "*";
        int rc = add_reservation(stack, is_static ? "STATIC" : "DYNAMIC", *role,
                                 r->principal, err);
        if (rc < 0)
            return rc;
    }
    if (in->n_reservations > 0 || in->role == NULL ||
        strcmp(in->role, "*") == 0)
        return 0;
    *role = in->role;
    return add_reservation(
        stack, in->reservation ? "DYNAMIC" : "STATIC", in->role,
        in->reservation ? in->reservation->principal : NULL, err);
}

static int decode_kind(const Mesos__V1__Resource *in, enum resource_type type,
                       const struct resource_kind **out, struct err *err)
{
    struct buf stack = {0};
    const char *role;
    const char *allocation =
        in->allocation_info != NULL ? in->allocation_info->role : NULL;
    int rc = refuse(in, err);

    if (rc == 0 && (in->name == NULL || in->name[0] == '\0'))
        rc = err_set(err, ERR_INVALID, "Empty resource name");
    if (rc == 0)
        rc = decode_stack(in, &stack, &role, err);
    if (rc == 0 && allocation != NULL)
        rc = role_check(allocation, err);
    if (rc == 0)
        *out = resource_kind_make(&(struct resource_kind){
            .type = type,
            .name = in->name,
            .role = role,
            .allocation = allocation,
            .reservation = buf_text(&stack),
            .revocable = in->revocable != NULL,
            .shared = in->shared != NULL,
        });
    buf_release(&stack);
    return rc;
}

static void release_amount(enum resource_type type, struct resource *one)
{
    if (type == RESOURCE_RANGES)
        ranges_release(&one->ranges);
    else if (type == RESOURCE_SET)
        string_set_release(&one->set);
}

static int decode_one(const Mesos__V1__Resource *in, struct resource *out,
                      struct err *err)
{
    enum resource_type type;
    int rc;

    switch (in->type) {
    case MESOS__V1__VALUE__TYPE__SCALAR:
        type = RESOURCE_SCALAR;
        rc = decode_scalar(in, out, err);
        break;
    case MESOS__V1__VALUE__TYPE__RANGES:
        type = RESOURCE_RANGES;
        rc = decode_ranges(in->name, in->ranges, &out->ranges, err);
        break;
    case MESOS__V1__VALUE__TYPE__SET:
        type = RESOURCE_SET;
        rc = decode_set(in, &out->set, err);
        break;
    default:
        return err_set(err, ERR_INVALID, "Unsupported resource type");
    }
    if (rc == 0 && (rc = decode_kind(in, type, &out->kind, err)) < 0)
        release_amount(type, out);
    return rc;
}

static void release_one(struct resource *one)
{
    if (one->kind == NULL)
        return;
    release_amount(one->kind->type, one);
    resource_kind_unref(one->kind);
}

int resources_decode(Mesos__V1__Resource *const *item, size_t count,
                     struct resources *out, struct err *err)
{
    struct resources all = {0};

    if (count > RESOURCES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d resources", RESOURCES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct resource one = {0};
        int rc = decode_one(item[i], &one, err);

        if (rc == 0 && one.kind->type == RESOURCE_SCALAR &&
            resources_scalar(&all, one.kind->name) + one.milli >
                RESOURCE_MILLI_MAX)
            rc =
                err_set(err, ERR_LIMIT, "resource '%s': more than there can be",
                        one.kind->name);
        if (rc == 0)
            resources_add_one(&all, &one);
        release_one(&one);
        if (rc < 0) {
            resources_release(&all);
            return rc;
        }
    }
    *out = all;
    return 0;
}

/* --- encoding ---------------------------------------------------------------
 */

static Mesos__V1__Value__Ranges *encode_ranges(const struct ranges *ranges,
                                               struct arena *arena)
{
    Mesos__V1__Value__Ranges *out = arena_alloc(arena, sizeof *out);

    mesos__v1__value__ranges__init(out);
    out->n_range = ranges->count;
    out->range = arena_alloc(arena, sizeof *out->range * (ranges->count + 1));
    for (uint32_t i = 0; i < ranges->count; i++) {
        out->range[i] = arena_alloc(arena, sizeof *out->range[i]);
        mesos__v1__value__range__init(out->range[i]);
        out->range[i]->begin = ranges_items(ranges)[i].first;
        out->range[i]->end = ranges_items(ranges)[i].last;
    }
    return out;
}

static void encode_amount(const struct resource *in, Mesos__V1__Resource *out,
                          struct arena *arena)
{
    switch (in->kind->type) {
    case RESOURCE_SCALAR:
        out->type = MESOS__V1__VALUE__TYPE__SCALAR;
        out->scalar = arena_alloc(arena, sizeof *out->scalar);
        mesos__v1__value__scalar__init(out->scalar);
        out->scalar->value = milli_to_double(in->milli);
        break;
    case RESOURCE_RANGES:
        out->type = MESOS__V1__VALUE__TYPE__RANGES;
        out->ranges = encode_ranges(&in->ranges, arena);
        break;
    case RESOURCE_SET:
        out->type = MESOS__V1__VALUE__TYPE__SET;
        out->set = arena_alloc(arena, sizeof *out->set);
        mesos__v1__value__set__init(out->set);
        out->set->n_item = in->set.count;
        out->set->item =
            arena_alloc(arena, sizeof *out->set->item * (in->set.count + 1));
        for (uint32_t i = 0; i < in->set.count; i++)
            out->set->item[i] = arena_strdup(arena, in->set.item[i]);
        break;
    }
}

/* Take "(TYPE,role[,principal])" off the front of a stack; false at its end. */
static bool next_reservation(const char **stack, struct arena *arena,
                             Mesos__V1__Resource__ReservationInfo **out)
{
    const char *open = strchr(*stack, '(');
    const char *close = open != NULL ? strchr(open, ')') : NULL;

    if (close == NULL)
        return false;
    char *text = arena_strndup(arena, open + 1, (size_t)(close - open - 1));
    char *role = strchr(text, ',');
    *role++ = '\0';
    char *principal = strchr(role, ',');
    if (principal != NULL)
        *principal++ = '\0';
    Mesos__V1__Resource__ReservationInfo *info =
        arena_alloc(arena, sizeof *info);
    mesos__v1__resource__reservation_info__init(info);
    info->has_type = true;
    info->type = strcmp(text, "STATIC") == 0
                     ? MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC
                     : MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC;
    info->role = role;
    info->principal = principal;
    *stack = close + 1;
    *out = info;
    return true;
}

static void encode_refined(const struct resource_kind *kind,
                           Mesos__V1__Resource *out, struct arena *arena)
{
    const char *stack = kind->reservation;

    out->reservations =
        arena_alloc(arena, sizeof *out->reservations * RESERVATIONS_MAX);
    while (out->n_reservations < RESERVATIONS_MAX &&
           next_reservation(&stack, arena,
                            &out->reservations[out->n_reservations]))
        out->n_reservations++;
}

/* Frameworks that know no refinement see the innermost role, and a reservation
 * only when it is dynamic. */
static void encode_role(const struct resource_kind *kind,
                        Mesos__V1__Resource *out, struct arena *arena)
{
    const char *stack = kind->reservation;
    Mesos__V1__Resource__ReservationInfo *info = NULL;

    out->role = arena_strdup(arena, kind->role);
    while (next_reservation(&stack, arena, &info))
        ;
    if (info == NULL ||
        info->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC)
        return;
    info->has_type = false;
    info->role = NULL;
    out->reservation = info;
}

static Mesos__V1__Resource *encode_one(const struct resource *in,
                                       enum resource_format format,
                                       struct arena *arena)
{
    Mesos__V1__Resource *out = arena_alloc(arena, sizeof *out);

    mesos__v1__resource__init(out);
    out->name = arena_strdup(arena, in->kind->name);
    encode_amount(in, out, arena);
    if (format == RESOURCE_FORMAT_REFINED)
        encode_refined(in->kind, out, arena);
    else
        encode_role(in->kind, out, arena);
    if (format != RESOURCE_FORMAT_OLD && in->kind->allocation[0] != '\0') {
        out->allocation_info = arena_alloc(arena, sizeof *out->allocation_info);
        mesos__v1__resource__allocation_info__init(out->allocation_info);
        out->allocation_info->role = arena_strdup(arena, in->kind->allocation);
    }
    if (in->kind->revocable) {
        out->revocable = arena_alloc(arena, sizeof *out->revocable);
        mesos__v1__resource__revocable_info__init(out->revocable);
    }
    if (in->kind->shared) {
        out->shared = arena_alloc(arena, sizeof *out->shared);
        mesos__v1__resource__shared_info__init(out->shared);
    }
    return out;
}

Mesos__V1__Resource **resources_encode(const struct resources *r,
                                       enum resource_format format,
                                       struct arena *arena, size_t *count)
{
    Mesos__V1__Resource **list =
        arena_alloc(arena, sizeof *list * (r->count + 1));
    const struct resource *item = resources_items(r);
    size_t n = 0;

    /* Ports first, then what the collection's own order gives. */
    for (int ports = 1; ports >= 0; ports--)
        for (uint32_t i = 0; i < r->count; i++)
            if ((strcmp(item[i].kind->name, "ports") == 0) == (ports == 1))
                list[n++] = encode_one(&item[i], format, arena);
    *count = n;
    return list;
}

/* --- attributes -------------------------------------------------------------
 */

static int decode_attribute(const Mesos__V1__Attribute *in,
                            struct attributes *out, struct err *err)
{
    struct buf text = {0};
    struct ranges ranges = {0};
    int64_t milli = 0;
    int rc = 0;

    if (in->type == MESOS__V1__VALUE__TYPE__TEXT && in->text != NULL) {
        buf_add_text(&text, in->text->value);
    } else if (in->type == MESOS__V1__VALUE__TYPE__SCALAR &&
               in->scalar != NULL &&
               milli_from_double(in->scalar->value, &milli) == 0) {
        buf_addf(&text, "%s%lld.%03lld", milli < 0 ? "-" : "",
                 (long long)(milli < 0 ? -milli : milli) / 1000,
                 (long long)(milli < 0 ? -milli : milli) % 1000);
        while (text.size > 0 && text.text[text.size - 1] == '0')
            text.text[--text.size] = '\0';
        if (text.size > 0 && text.text[text.size - 1] == '.')
            text.text[--text.size] = '\0';
    } else if (in->type == MESOS__V1__VALUE__TYPE__RANGES &&
               decode_ranges(in->name, in->ranges, &ranges, err) == 0) {
        ranges_print(&ranges, &text);
    } else {
        rc = err_set(err, ERR_INVALID,
                     "attribute '%s': want text, a number or "
                     "ranges",
                     in->name);
    }
    if (rc == 0)
        attributes_add_text(out, in->name, buf_text(&text));
    ranges_release(&ranges);
    buf_release(&text);
    return rc;
}

int attributes_decode(Mesos__V1__Attribute *const *item, size_t count,
                      struct attributes *out, struct err *err)
{
    struct attributes all = {0};

    if (count > ATTRIBUTES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d attributes",
                       ATTRIBUTES_MAX);
    for (size_t i = 0; i < count; i++) {
        int rc = decode_attribute(item[i], &all, err);
        if (rc < 0) {
            attributes_release(&all);
            return rc;
        }
    }
    *out = all;
    return 0;
}

static Mesos__V1__Attribute *encode_attribute(const struct attribute *in,
                                              struct arena *arena)
{
    Mesos__V1__Attribute *out = arena_alloc(arena, sizeof *out);

    mesos__v1__attribute__init(out);
    out->name = arena_strdup(arena, in->name);
    switch (in->type) {
    case ATTRIBUTE_TEXT:
        out->type = MESOS__V1__VALUE__TYPE__TEXT;
        out->text = arena_alloc(arena, sizeof *out->text);
        mesos__v1__value__text__init(out->text);
        out->text->value = arena_strdup(arena, in->text);
        break;
    case ATTRIBUTE_SCALAR:
        out->type = MESOS__V1__VALUE__TYPE__SCALAR;
        out->scalar = arena_alloc(arena, sizeof *out->scalar);
        mesos__v1__value__scalar__init(out->scalar);
        out->scalar->value = milli_to_double(in->milli);
        break;
    case ATTRIBUTE_RANGES:
        out->type = MESOS__V1__VALUE__TYPE__RANGES;
        out->ranges = encode_ranges(&in->ranges, arena);
        break;
    }
    return out;
}

Mesos__V1__Attribute **attributes_encode(const struct attributes *a,
                                         struct arena *arena, size_t *count)
{
    Mesos__V1__Attribute **list =
        arena_alloc(arena, sizeof *list * (a->count + 1));

    for (uint32_t i = 0; i < a->count; i++)
        list[i] = encode_attribute(&a->item[i], arena);
    *count = a->count;
    return list;
}

/* --- agent capabilities --- */

static const Mesos__V1__AgentInfo__Capability__Type
    AGENT_CAPABILITY[AGENT_CAPABILITY_COUNT] = {
        MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__MULTI_ROLE,
        MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__HIERARCHICAL_ROLE,
        MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__RESERVATION_REFINEMENT,
};

const char *const AGENT_CAPABILITY_NAME[AGENT_CAPABILITY_COUNT] = {
    "MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"};

Mesos__V1__AgentInfo__Capability **agent_capabilities_encode(
    struct arena *arena, size_t *count)
{
    Mesos__V1__AgentInfo__Capability **list =
        arena_alloc(arena, AGENT_CAPABILITY_COUNT * sizeof *list);
    for (size_t i = 0; i < AGENT_CAPABILITY_COUNT; i++) {
        list[i] = arena_alloc(arena, sizeof *list[i]);
        mesos__v1__agent_info__capability__init(list[i]);
        list[i]->has_type = true;
        list[i]->type = AGENT_CAPABILITY[i];
    }
    *count = AGENT_CAPABILITY_COUNT;
    return list;
}
