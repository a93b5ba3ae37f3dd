/* Resources, exactly: cpus, mem (MiB), disk (MiB), gpus, ports and whatever
 * else an agent names. Scalars are int64 thousandths, ranges are sorted
 * disjoint intervals, sets are sorted distinct strings. Mesos' Resource rules
 * (anchor 1.6, end of 2), without floating point.
 *
 * Two resources add and subtract only when their kinds are equal: name, type,
 * the whole stack of reservations, the role they are allocated to, disk source
 * and volume, revocable, shared. The kinds of everyday life (cpus, mem, disk,
 * gpus, ports; unreserved) are constants and cost no memory; others are shared
 * by reference count. No entry is ever empty: what reaches zero is removed. So
 * two equal collections list the same entries (order: kind_compare). */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/ranges.h"
#include "base/string_set.h"
#include <stdbool.h>
#include <stdint.h>

enum { RESOURCES_INLINE = 5, RESOURCES_MAX = 1024 };

/* The most that one scalar may be in a text or a message. Sums of nine thousand
 * such amounts still fit; who decodes resources refuses larger ones. */
#define RESOURCE_MILLI_MAX INT64_C(1000000000000000)

enum resource_type { RESOURCE_SCALAR, RESOURCE_RANGES, RESOURCE_SET };

/* What a resource is, apart from how much. Immutable. */
struct resource_kind {
    uint32_t refs; /* 0: a constant, never freed */
    enum resource_type type;
    const char *name;       /* "cpus" */
    const char *role;       /* "*", or the role of the innermost reservation */
    const char *allocation; /* role it is allocated to, "" when it is not */
    /* The whole stack and the disk as Mesos prints them, "" for none:
     * "(STATIC,web),(DYNAMIC,web/blog,alice)" and "MOUNT:/mnt/ssd,id:path". */
    const char *reservation;
    const char *disk;
    bool revocable, shared;
    uint8_t rank; /* where the name sorts; set by resource_kind_make() */
};

extern const struct resource_kind RESOURCE_CPUS, RESOURCE_MEM, RESOURCE_DISK,
    RESOURCE_GPUS, RESOURCE_PORTS;

/* Find the constant, or make a new kind with one reference. Strings are
 * copied; NULL counts as "" ("*" for role). */
const struct resource_kind *resource_kind_make(
    const struct resource_kind *like);
const struct resource_kind *resource_kind_ref(const struct resource_kind *kind);
void resource_kind_unref(const struct resource_kind *kind);
/* Name first (cpus, gpus, mem, disk, ports, then others by the alphabet), then
 * the rest; 0 when equal. A total order. For constants and made kinds only. */
int resource_kind_compare(const struct resource_kind *a,
                          const struct resource_kind *b);

struct resource {
    const struct resource_kind *kind; /* one reference */
    union {
        int64_t milli;         /* RESOURCE_SCALAR, > 0 */
        struct ranges ranges;  /* RESOURCE_RANGES */
        struct string_set set; /* RESOURCE_SET */
    };
};

/* Zero-initialised is a valid empty collection. */
struct resources {
    uint32_t count, capacity; /* capacity 0: the entries are inline */
    union {
        struct resource inlined[RESOURCES_INLINE];
        struct resource *heap; /* owned */
    };
};

void resources_release(struct resources *r); /* leaves it empty and usable */
void resources_copy(struct resources *to, const struct resources *from);
void resources_move(struct resources *to, struct resources *from);
const struct resource *resources_items(const struct resources *r);
bool resources_is_empty(const struct resources *r);
bool resources_equal(const struct resources *a, const struct resources *b);
/* Is every part of `part` within `whole`, kind by kind? */
bool resources_contain(const struct resources *whole,
                       const struct resources *part);
/* Like contain, but an unreserved, unallocated `part` may be covered by any
 * kind of the same name; used to say whether a task fits at all. */
bool resources_contain_any(const struct resources *whole,
                           const struct resources *part);
void resources_add(struct resources *to, const struct resources *more);
/* Copies `one`: an amount >= 0, a set in any order. */
void resources_add_one(struct resources *to, const struct resource *one);
void resources_add_scalar(struct resources *to, const char *name,
                          int64_t milli); /* unreserved; a negative amount is
                                             taken away, and must be there */
/* Precondition: contained (asserted). */
void resources_subtract(struct resources *from, const struct resources *less);

/* Sum over all kinds of one name, in thousandths; 0 when absent. */
int64_t resources_scalar(const struct resources *r, const char *name);
/* Union over all kinds of one name into `out` (unset). */
void resources_ranges(const struct resources *r, const char *name,
                      struct ranges *out);
/* The same amounts with every kind's allocation replaced ("" removes it). */
void resources_allocate(struct resources *r, const char *role);

/* The same amounts, each of a kind that may be taken back. */
void resources_make_revocable(struct resources *r);
bool resources_any_revocable(const struct resources *r);
/* All that may not be taken back, into `out` (unset). */
void resources_firm(const struct resources *r, struct resources *out);

/* "cpus:4;mem:4096;ports:[31000-32000,5-9];set:{a,b};cpus(web):1": Mesos' text
 * form. Errors: negative, non-zero that rounds to 0.000, one name with two
 * types, begin > end. A zero vanishes. `role` is the default role. */
int resources_parse(const char *text, const char *role, struct resources *out,
                    struct err *err);
/* Mesos' internal print: "cpus(allocated: dev):0.1; mem(allocated: dev):32". */
void resources_print(const struct resources *r, struct buf *out);
/* Every invariant above; asserts. */
void resources_check(const struct resources *r);
