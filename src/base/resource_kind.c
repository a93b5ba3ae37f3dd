/* Kinds: what a resource is, apart from how much (resources.h). A kind that is
 * not a constant is one block of memory: the struct and its strings. */
#include "base/resources.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where a name sorts: in the order in which Mesos' agents list what they found,
 * so that the texts of both agree; other names follow, by the alphabet. */
enum { RANK_CPUS, RANK_GPUS, RANK_MEM, RANK_DISK, RANK_PORTS, RANK_OTHER };

#define UNRESERVED(place, known, is)                                 \
    {                                                                \
        .rank = (place), .name = (known), .type = (is), .role = "*", \
        .allocation = "", .reservation = "", .disk = ""              \
    }

const struct resource_kind RESOURCE_CPUS =
    UNRESERVED(RANK_CPUS, "cpus", RESOURCE_SCALAR);
const struct resource_kind RESOURCE_GPUS =
    UNRESERVED(RANK_GPUS, "gpus", RESOURCE_SCALAR);
const struct resource_kind RESOURCE_MEM =
    UNRESERVED(RANK_MEM, "mem", RESOURCE_SCALAR);
const struct resource_kind RESOURCE_DISK =
    UNRESERVED(RANK_DISK, "disk", RESOURCE_SCALAR);
const struct resource_kind RESOURCE_PORTS =
    UNRESERVED(RANK_PORTS, "ports", RESOURCE_RANGES);

static const struct resource_kind *const by_rank[RANK_OTHER] = {
    &RESOURCE_CPUS, &RESOURCE_GPUS,  &RESOURCE_MEM,
    &RESOURCE_DISK, &RESOURCE_PORTS,
};

static uint8_t rank_of(const char *name)
{
    uint8_t rank = 0;

    while (rank < RANK_OTHER && strcmp(by_rank[rank]->name, name) != 0)
        rank++;
    return rank;
}

/* Constants share their strings, so the addresses decide most of the time. */
static int text_compare(const char *a, const char *b)
{
    return a == b ? 0 : strcmp(a, b);
}

int resource_kind_compare(const struct resource_kind *a,
                          const struct resource_kind *b)
{
    if (a == b)
        return 0;
    int order = (int)a->rank - (int)b->rank;
    if (order == 0 && a->rank == RANK_OTHER)
        order = text_compare(a->name, b->name);
    if (order == 0)
        order = (int)a->type - (int)b->type;
    if (order == 0)
        order = text_compare(a->role, b->role);
    if (order == 0)
        order = text_compare(a->reservation, b->reservation);
    if (order == 0)
        order = text_compare(a->disk, b->disk);
    if (order == 0)
        order = (int)a->revocable - (int)b->revocable;
    if (order == 0)
        order = (int)a->shared - (int)b->shared;
    if (order == 0)
        order = text_compare(a->allocation, b->allocation);
    return order;
}

/* Copy a string into the block at *to and go behind it. What the constants
 * have as well is taken from them, which makes comparing cheap. */
static const char *place(char **to, const char *text, const char *shared)
{
    if (strcmp(text, shared) == 0)
        return shared;
    char *at = *to;
    *to = stpcpy(at, text) + 1;
    return at;
}

const struct resource_kind *resource_kind_make(const struct resource_kind *like)
{
    struct resource_kind want = *like;

    assert(want.name && want.name[0]);
    want.role = want.role ? want.role : "*";
    want.allocation = want.allocation ? want.allocation : "";
    want.reservation = want.reservation ? want.reservation : "";
    want.disk = want.disk ? want.disk : "";
    want.rank = rank_of(want.name);
    const struct resource_kind *plain =
        by_rank[want.rank < RANK_OTHER ? want.rank : 0];
    if (resource_kind_compare(&want, plain) == 0)
        return plain;

    size_t size = sizeof want + strlen(want.name) + strlen(want.role) +
                  strlen(want.allocation) + strlen(want.reservation) +
                  strlen(want.disk) + 5;
    struct resource_kind *kind = xmalloc(size);
    char *strings = (char *)(kind + 1);
    want.refs = 1;
    want.name = place(&strings, want.name, plain->name);
    want.role = place(&strings, want.role, plain->role);
    want.allocation = place(&strings, want.allocation, plain->allocation);
    want.reservation = place(&strings, want.reservation, plain->reservation);
    want.disk = place(&strings, want.disk, plain->disk);
    *kind = want;
    return kind;
}

/* Only what resource_kind_make() allocated has references, and that memory may
 * be written; the constants have none. */
static struct resource_kind *counted(const struct resource_kind *kind)
{
    return kind->refs ? (struct resource_kind *)kind : NULL;
}

const struct resource_kind *resource_kind_ref(const struct resource_kind *kind)
{
    struct resource_kind *own = counted(kind);

    if (own) {
        assert(own->refs < UINT32_MAX);
        own->refs++;
    }
    return kind;
}

void resource_kind_unref(const struct resource_kind *kind)
{
    struct resource_kind *own = kind ? counted(kind) : NULL;

    if (own && --own->refs == 0)
        free(own);
}
