/* The search of hosts_index.h. */
#include "aurora/core/hosts.h"
#include "aurora/core/hosts_index.h"

#include <assert.h>
#include <string.h>

enum { NOWHERE = INT32_MAX, UNKNOWN = INDEX_GRID * INDEX_GRID };

/* What a task takes of the hosts of a kind: between low and high, in shares. */
struct taken {
    int32_t low, high;
};

/* One kind under search. */
struct lane {
    const struct index_kind *kind;
    struct taken cpu, mem;
    uint64_t rows, lines; /* where the task can fit at all */
    int32_t bound;        /* of the best cell not visited */
    uint32_t best; /* that cell; UNKNOWN: none is better than the bound */
    uint64_t
        visited; /* rows with cells that were; their others are in `left` */
    uint64_t left[INDEX_GRID];
};

static uint64_t row_left(const struct lane *lane, uint32_t row)
{
    return lane->visited >> row & 1 ? lane->left[row]
                                    : lane->kind->row[row] & lane->lines;
}

static void leave_out(struct lane *lane, uint32_t cell)
{
    uint32_t row = cell / INDEX_GRID;

    lane->left[row] = row_left(lane, row) & ~(UINT64_C(1) << cell % INDEX_GRID);
    lane->visited |= UINT64_C(1) << row;
    if (lane->left[row] == 0)
        lane->rows &= ~(UINT64_C(1) << row);
}

/* The shares that may be left on a host of line n of the grid. */
struct span {
    int32_t from, to;
};

static struct span left_of(uint32_t line, struct taken taken)
{
    int32_t from = index_line_from(line) - taken.high - 1;
    int32_t to = index_line_from(line + 1) - taken.low;

    return (struct span){from > 0 ? from : 0, to > 0 ? to : 0};
}

/* Does a task that leaves these shares strand one of them for sure? */
static bool is_stranding(struct span one, struct span other)
{
    return one.to < STRANDED_LESS && other.from > STRANDED_MORE;
}

/* No host of the cell costs less. */
static int32_t bound_of(enum placement_policy policy, struct span cpu,
                        struct span mem)
{
    int32_t apart = 0;

    if (policy == PLACEMENT_SPREAD)
        return SHARE_ONE - (cpu.to < mem.to ? cpu.to : mem.to);
    if (cpu.from > mem.to)
        apart = cpu.from - mem.to;
    if (mem.from > cpu.to)
        apart = mem.from - cpu.to;
    if (is_stranding(cpu, mem) || is_stranding(mem, cpu))
        apart += INDEX_STRANDED;
    return apart + (cpu.from > mem.from ? cpu.from : mem.from);
}

static uint32_t lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

static uint32_t highest(uint64_t bits)
{
    return 63 - (uint32_t)__builtin_clzll(bits);
}

static void consider(struct lane *lane, enum placement_policy policy,
                     uint32_t row, uint32_t line, struct span mem)
{
    int32_t bound = bound_of(policy, left_of(line, lane->cpu), mem);

    if (bound >= lane->bound)
        return;
    lane->bound = bound;
    lane->best = row * INDEX_GRID + line;
}

/* In a row the bound falls up to the diagonal and grows behind it. */
static void consider_row(struct lane *lane, uint32_t row, struct span mem)
{
    int32_t at = mem.from + lane->cpu.low;
    uint32_t diagonal = index_line(at < SHARE_ONE ? at : SHARE_ONE);
    uint64_t below = (UINT64_C(1) << diagonal) - 1, bits = row_left(lane, row);

    if (bits & ~below)
        consider(lane, PLACEMENT_PACK, row, lowest(bits & ~below), mem);
    if (bits & below)
        consider(lane, PLACEMENT_PACK, row, highest(bits & below), mem);
}

static void next_to_pack(struct lane *lane)
{
    for (uint64_t rows = lane->rows; rows; rows &= rows - 1) {
        uint32_t row = lowest(rows);
        struct span mem = left_of(row, lane->mem);
        if (mem.from >= lane->bound)
            break;
        consider_row(lane, row, mem);
    }
}

static void next_to_spread(struct lane *lane)
{
    for (uint64_t rows = lane->rows; rows;
         rows ^= UINT64_C(1) << highest(rows)) {
        uint32_t row = highest(rows);
        struct span mem = left_of(row, lane->mem);
        uint64_t bits = row_left(lane, row);
        if (SHARE_ONE - mem.to >= lane->bound)
            break;
        if (bits)
            consider(lane, PLACEMENT_SPREAD, row, highest(bits), mem);
    }
}

/* Find the best cell, if its bound is below the limit. */
static void next_cell(struct lane *lane, enum placement_policy policy,
                      int32_t limit)
{
    lane->bound = limit;
    lane->best = UNKNOWN;
    if (policy == PLACEMENT_SPREAD)
        next_to_spread(lane);
    else
        next_to_pack(lane);
}

/* False when no host of the kind is large enough. */
static bool take_of(int64_t need, int64_t least, int64_t most,
                    struct taken *out)
{
    if (need > most)
        return false;
    int64_t high =
        least > 0 && need < least ? index_share(need, least) + 1 : SHARE_ONE;
    *out = (struct taken){(int32_t)index_share(need, most), (int32_t)high};
    return true;
}

static bool lane_open(struct lane *lane, const struct index_kind *kind,
                      const struct index_search *search)
{
    if ((kind->is_dedicated && !search->is_dedicated) ||
        (search->need->gpus > 0 && !kind->has_gpus) ||
        !take_of(search->need->cpus, kind->least.cpus, kind->most.cpus,
                 &lane->cpu) ||
        !take_of(search->need->mem, kind->least.mem, kind->most.mem,
                 &lane->mem))
        return false;
    lane->kind = kind;
    lane->visited = 0;
    lane->lines = ~UINT64_C(0) << index_line(lane->cpu.low);
    lane->rows = kind->rows & ~UINT64_C(0) << index_line(lane->mem.low);
    return lane->rows != 0;
}

struct limits {
    uint32_t scored, looked, per_cell;
    int32_t slack;
};

/* The best so far, and the work it took. */
struct found {
    struct host *host;
    int64_t cost;
    uint32_t scored, looked;
};

static void look_at(struct host *host, const struct index_search *search,
                    struct found *found)
{
    int64_t cost = search->judge(search->context, host);

    found->looked++;
    if (cost < 0)
        return;
    found->scored++;
    if (!found->host || cost < found->cost ||
        (cost == found->cost && host->order < found->host->order)) {
        found->host = host;
        found->cost = cost;
    }
}

/* Half of the looks go to the first ones, the others anywhere: what is never
 * allowed would gather at the top. */
static void visit(const struct index_cell *cell,
                  const struct index_search *search, uint32_t looks,
                  struct found *found)
{
    uint32_t first = cell->count <= looks ? cell->count : looks / 2;
    uint32_t others = cell->count - first, at = 0;

    for (uint32_t i = 0; i < first; i++) {
        if (i + 4 < first)
            __builtin_prefetch(cell->item[i + 4].host);
        look_at(cell->item[i].host, search, found);
    }
    if (others > 0)
        at = search->seed * UINT32_C(2654435761) % others;
    for (uint32_t i = first; others > 0 && i < looks; i++) {
        look_at(cell->item[first + at].host, search, found);
        at = at + 1 < others ? at + 1 : 0;
    }
}

/* Visit cells of one kind in the order of their bounds. */
static void search_kind(const struct index_kind *kind,
                        enum placement_policy policy,
                        const struct index_search *search,
                        const struct limits *limits, struct found *found)
{
    uint32_t scored = found->scored, looked = found->looked;
    struct lane lane;

    if ((kind->is_later && found->host && found->cost < LATER_STEP) ||
        !lane_open(&lane, kind, search))
        return;
    while (found->scored - scored < limits->scored &&
           found->looked - looked < limits->looked) {
        int32_t limit = NOWHERE;
        if (found->host && found->cost < LATER_STEP)
            limit = (int32_t)found->cost + 1 - limits->slack;
        next_cell(&lane, policy, limit);
        if (lane.best == UNKNOWN)
            break;
        visit(&kind->cell[lane.best], search, limits->per_cell, found);
        leave_out(&lane, lane.best);
    }
}

static struct host *search_all(const struct host_index *index,
                               const struct index_search *search,
                               const struct limits *limits)
{
    struct found found = {0};

    for (uint32_t i = 0; i < index->kind_count; i++) {
        search_kind(index->kind[i], index->policy, search, limits, &found);
        if (found.host && found.cost < limits->slack)
            break;
    }
    return found.host;
}

struct host *index_find(const struct host_index *index,
                        const struct index_search *search)
{
    static const struct limits few = {SEARCH_SCORED, SEARCH_LOOKED,
                                      SEARCH_PER_CELL, SEARCH_SLACK};
    static const struct limits any = {1, UINT32_MAX, UINT32_MAX, 0};
    static const struct limits all = {UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
    struct host *host;

    if (index->hosts <= SEARCH_EXACT)
        return search_all(index, search, &all);
    host = search_all(index, search, &few);
    return host ? host : search_all(index, search, &any);
}
