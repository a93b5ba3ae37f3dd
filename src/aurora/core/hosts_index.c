#include "aurora/core/hosts_index.h"
#include "aurora/core/hosts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_REST = 0 };

int64_t index_share(int64_t part, int64_t whole)
{
    assert(part < (int64_t)1 << 50); /* so nothing overflows */
    return whole > 0 ? part * SHARE_ONE / whole : 0;
}

int64_t index_cost(enum placement_policy policy, int64_t cpu, int64_t mem)
{
    int64_t most = cpu > mem ? cpu : mem, least = cpu > mem ? mem : cpu;

    if (policy == PLACEMENT_SPREAD)
        return SHARE_ONE - least; /* = apart + 1024 - most */
    if (least < STRANDED_LESS && most > STRANDED_MORE)
        return most - least + most + INDEX_STRANDED;
    return most - least + most;
}

/* --- kinds --- */

/* The highest bit and the two below: a step is a quarter at most. */
static uint32_t coarse(int64_t amount)
{
    uint32_t bits = 0;

    if (amount < 4)
        return amount > 0 ? (uint32_t)amount : 0;
    while (amount >= 8) {
        amount >>= 1;
        bits++;
    }
    return 4 + bits * 4 + (uint32_t)(amount & 3);
}

static uint32_t key_of(const struct host *host)
{
    return 1 + ((uint32_t)(host->later > 0) << 30 |
                coarse(host->total.cpus) << 12 | coarse(host->total.mem) << 2 |
                (uint32_t)(host->total.gpus > 0) << 1 |
                (uint32_t)host->class->is_dedicated);
}

static struct index_kind *find_kind(struct host_index *index,
                                    const struct host *host)
{
    uint32_t key = key_of(host);

    for (uint32_t i = 0; i < index->kind_count; i++)
        if (index->kind[i]->key == key)
            return index->kind[i];
    if (index->kind_count >= INDEX_KINDS_MAX - 1) {
        key = INDEX_REST;
        for (uint32_t i = 0; i < index->kind_count; i++)
            if (index->kind[i]->key == key)
                return index->kind[i];
    }
    struct index_kind *kind = xcalloc(1, sizeof *kind);
    kind->key = key;
    kind->is_dedicated = key != INDEX_REST && host->class->is_dedicated;
    kind->is_later = key != INDEX_REST && host->later > 0;
    kind->has_gpus = key == INDEX_REST || host->total.gpus > 0;
    kind->least = kind->most = host->total;
    index->kind[index->kind_count++] = kind;
    return kind;
}

/* Its number of hosts changed: the largest kinds stay first. */
static void kind_move(struct host_index *index, struct index_kind *kind)
{
    struct index_kind **all = index->kind;
    uint32_t at = 0;

    while (all[at] != kind)
        at++;
    for (; at > 0 && all[at - 1]->hosts < kind->hosts; at--)
        all[at] = all[at - 1];
    for (; at + 1 < index->kind_count && all[at + 1]->hosts > kind->hosts; at++)
        all[at] = all[at + 1];
    all[at] = kind;
}

/* Without hosts it is the last one. */
static void kind_free(struct host_index *index, struct index_kind *kind)
{
    index->kind_count--;
    assert(index->kind[index->kind_count] == kind);
    free(kind);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Shifted, no amount of the kind has more than PART_BITS bits, so a unit's
 * share keeps 29 bits at least; and no product is more than twice the whole. */
static struct index_part part_of(int64_t least, int64_t most)
{
    const int64_t whole = (int64_t)SHARE_ONE << PART_SHIFT;
    uint32_t shift = 0;

    while (most >> shift >= INT64_C(1) << PART_BITS)
        shift++;
    int64_t up = (most >> shift) + ((most & ((INT64_C(1) << shift) - 1)) != 0);
    int64_t down = least >> shift;
    return (struct index_part){
        .shift = shift,
        .of_most = up > 0 ? (uint64_t)(whole / up) : 0,
        .of_least = (uint64_t)(down > 0 ? whole / down + 1 : whole),
    };
}

static void widen(struct index_kind *kind, const struct amounts *total)
{
    kind->least.cpus = smaller(kind->least.cpus, total->cpus);
    kind->least.mem = smaller(kind->least.mem, total->mem);
    kind->most.cpus = larger(kind->most.cpus, total->cpus);
    kind->most.mem = larger(kind->most.mem, total->mem);
    kind->cpu = part_of(kind->least.cpus, kind->most.cpus);
    kind->mem = part_of(kind->least.mem, kind->most.mem);
}

/* --- cells --- */

static void leave_cell(struct host *host)
{
    struct index_kind *kind = host->kind;
    struct host **first = &kind->cell[host->cell];
    uint32_t row = host->cell / INDEX_GRID;

    if (host->cell_next != host) {
        host->cell_prev->cell_next = host->cell_next;
        host->cell_next->cell_prev = host->cell_prev;
        if (*first == host)
            *first = host->cell_next;
        return;
    }
    *first = NULL;
    kind->row[row] &= ~(UINT64_C(1) << host->cell % INDEX_GRID);
    if (kind->row[row] == 0)
        kind->rows &= ~(UINT64_C(1) << row);
}

/* Where the ring closes: the first one when it comes before the one that is,
 * in host order, else the last one. */
static void enter_cell(struct host *host, uint32_t at)
{
    struct index_kind *kind = host->kind;
    struct host *first = kind->cell[at];

    host->cell = at;
    if (!first) {
        kind->cell[at] = host->cell_prev = host->cell_next = host;
        kind->row[at / INDEX_GRID] |= UINT64_C(1) << at % INDEX_GRID;
        kind->rows |= UINT64_C(1) << at / INDEX_GRID;
        return;
    }
    host->cell_next = first;
    host->cell_prev = first->cell_prev;
    first->cell_prev->cell_next = host;
    first->cell_prev = host;
    if (host->order < first->order)
        kind->cell[at] = host;
}

void index_remove(struct host_index *index, struct host *host)
{
    if (!host->kind)
        return;
    struct index_kind *kind = host->kind;
    leave_cell(host);
    index->hosts--;
    kind->hosts--;
    kind_move(index, kind);
    if (kind->hosts == 0)
        kind_free(index, kind);
    host->kind = NULL;
}

void index_put(struct host_index *index, struct host *host)
{
    struct amounts open = host_open(host);
    uint32_t row = index_line(index_share(open.mem, host->total.mem));
    uint32_t at =
        row * INDEX_GRID + index_line(index_share(open.cpus, host->total.cpus));

    if (host->kind) {
        if (host->cell == at)
            return;
        leave_cell(host);
    } else {
        host->kind = find_kind(index, host);
        host->kind->hosts++;
        kind_move(index, host->kind);
        index->hosts++;
        widen(host->kind, &host->total);
    }
    enter_cell(host, at);
}

/* --- checking --- */

static void check_cell(const struct index_kind *kind, uint32_t at,
                       uint32_t *hosts)
{
    const struct host *first = kind->cell[at], *h = first;

    assert(first);
    while (h) {
        assert(h->kind == kind && h->cell == at);
        assert(h->cell_next->cell_prev == h);
        assert(h->total.cpus >= kind->least.cpus &&
               h->total.cpus <= kind->most.cpus);
        assert(h->total.mem >= kind->least.mem &&
               h->total.mem <= kind->most.mem);
        ++*hosts;
        h = h->cell_next != first ? h->cell_next : NULL;
    }
}

/* Cells without a bit are not visited, here as in a search: a host in one of
 * them is missed by the count. */
static uint32_t check_kind(const struct index_kind *kind)
{
    uint32_t hosts = 0;

    for (uint32_t i = 0; i < INDEX_GRID; i++) {
        assert((kind->rows >> i & 1) == (kind->row[i] != 0));
        for (uint64_t bits = kind->row[i]; bits != 0; bits &= bits - 1)
            check_cell(kind, i * INDEX_GRID + (uint32_t)__builtin_ctzll(bits),
                       &hosts);
    }
    assert(hosts == kind->hosts && hosts > 0);
    return hosts;
}

void index_check(const struct host_index *index)
{
    uint32_t all = 0;

    for (uint32_t k = 0; k < index->kind_count; k++) {
        all += check_kind(index->kind[k]);
        assert(k == 0 || index->kind[k - 1]->hosts >= index->kind[k]->hosts);
    }
    assert(all == index->hosts);
}
