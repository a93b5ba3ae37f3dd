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

/* --- cells --- */

static void put_at(struct index_cell *cell, uint32_t at,
                   struct index_entry entry)
{
    cell->item[at] = entry;
    entry.host->heap_at = at;
}

static void sift_up(struct index_cell *cell, uint32_t at,
                    struct index_entry entry)
{
    while (at > 0 && cell->item[(at - 1) / 2].order > entry.order) {
        put_at(cell, at, cell->item[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put_at(cell, at, entry);
}

static void sift_down(struct index_cell *cell, uint32_t at,
                      struct index_entry entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= cell->count)
            break;
        if (child + 1 < cell->count &&
            cell->item[child + 1].order < cell->item[child].order)
            child++;
        if (cell->item[child].order > entry.order)
            break;
        put_at(cell, at, cell->item[child]);
        at = child;
    }
    put_at(cell, at, entry);
}

static void cell_add(struct index_cell *cell, struct host *host)
{
    (void)*vec_add(cell);
    sift_up(cell, cell->count - 1, (struct index_entry){host->order, host});
}

static void cell_remove(struct index_cell *cell, const struct host *host)
{
    uint32_t at = host->heap_at;
    struct index_entry last = cell->item[--cell->count];

    if (last.host == host)
        return;
    if (at > 0 && cell->item[(at - 1) / 2].order > last.order)
        sift_up(cell, at, last);
    else
        sift_down(cell, at, last);
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

static void kind_free(struct host_index *index, struct index_kind *kind)
{
    uint32_t at = 0;

    while (index->kind[at] != kind)
        at++;
    index->kind[at] = index->kind[--index->kind_count];
    for (uint32_t i = 0; i < INDEX_GRID * INDEX_GRID; i++)
        vec_free(&kind->cell[i]);
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

static void widen(struct index_kind *kind, const struct amounts *total)
{
    kind->least.cpus = smaller(kind->least.cpus, total->cpus);
    kind->least.mem = smaller(kind->least.mem, total->mem);
    kind->most.cpus = larger(kind->most.cpus, total->cpus);
    kind->most.mem = larger(kind->most.mem, total->mem);
}

static void leave_cell(struct host *host)
{
    struct index_kind *kind = host->kind;
    struct index_cell *cell = &kind->cell[host->cell];
    uint32_t row = host->cell / INDEX_GRID;

    cell_remove(cell, host);
    if (cell->count > 0)
        return;
    kind->row[row] &= ~(UINT64_C(1) << host->cell % INDEX_GRID);
    if (kind->row[row] == 0)
        kind->rows &= ~(UINT64_C(1) << row);
}

static void enter_cell(struct host *host, uint32_t at)
{
    struct index_kind *kind = host->kind;

    host->cell = at;
    cell_add(&kind->cell[at], host);
    kind->row[at / INDEX_GRID] |= UINT64_C(1) << at % INDEX_GRID;
    kind->rows |= UINT64_C(1) << at / INDEX_GRID;
}

void index_remove(struct host_index *index, struct host *host)
{
    if (!host->kind)
        return;
    leave_cell(host);
    index->hosts--;
    if (--host->kind->hosts == 0)
        kind_free(index, host->kind);
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
        index->hosts++;
        widen(host->kind, &host->total);
    }
    enter_cell(host, at);
}

/* --- checking --- */

static void check_cell(const struct index_kind *kind, uint32_t at,
                       uint32_t *hosts)
{
    const struct index_cell *cell = &kind->cell[at];
    bool bit = kind->row[at / INDEX_GRID] >> at % INDEX_GRID & 1;

    assert(bit == (cell->count > 0));
    for (uint32_t i = 0; i < cell->count; i++) {
        const struct host *h = cell->item[i].host;
        assert(h->kind == kind && h->cell == at && h->heap_at == i);
        assert(h->order == cell->item[i].order);
        assert(i == 0 || cell->item[(i - 1) / 2].order < h->order);
        assert(h->total.cpus >= kind->least.cpus &&
               h->total.cpus <= kind->most.cpus);
        assert(h->total.mem >= kind->least.mem &&
               h->total.mem <= kind->most.mem);
    }
    *hosts += cell->count;
}

void index_check(const struct host_index *index)
{
    uint32_t all = 0;

    for (uint32_t k = 0; k < index->kind_count; k++) {
        uint32_t hosts = 0;
        for (uint32_t i = 0; i < INDEX_GRID * INDEX_GRID; i++)
            check_cell(index->kind[k], i, &hosts);
        assert(hosts == index->kind[k]->hosts && hosts > 0);
        for (uint32_t i = 0; i < INDEX_GRID; i++)
            assert((index->kind[k]->rows >> i & 1) ==
                   (index->kind[k]->row[i] != 0));
        all += hosts;
    }
    assert(all == index->hosts);
}
