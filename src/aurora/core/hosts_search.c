/* The search of hosts_index.h. */
#include "aurora/core/hosts.h"
#include "aurora/core/hosts_index.h"

#include <assert.h>
#include <string.h>

enum {
    NOWHERE = 2 * LATER_STEP, /* more than any bound */
    NO_LINE = INDEX_GRID,
    REACH_FIRST = 64, /* bounds below it are looked for first */
    REACH_STEP = 8
};

/* What a task takes of the hosts of a kind: between low and high, in shares. */
struct taken {
    int32_t low, high;
};

/* The shares that may be left on a host of line n of the grid. */
struct span {
    int32_t from, to;
};

/* One kind under search. */
struct lane {
    struct index_kind *kind;
    struct taken cpu, mem;
    uint64_t rows, lines; /* where the task can fit at all */
    int32_t later;        /* every host of the kind costs that much more */
    int32_t bound;        /* of the best cell not visited, or less */
    uint32_t row, line;   /* that cell; NO_LINE: to be found */
    uint64_t visited;     /* rows with cells that were; `left`: the others */
    uint64_t left[INDEX_GRID];
};

struct search {
    const struct host_index *index;
    const struct index_search *wanted;
    uint32_t lanes;
    struct lane lane[INDEX_KINDS_MAX];
    struct host *host; /* the best so far, its cost, and the work it took */
    int64_t cost;
    uint32_t scored, looked;
};

/* --- lines --- */

static uint32_t lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

static uint32_t highest(uint64_t bits)
{
    return 63 - (uint32_t)__builtin_clzll(bits);
}

/* Lines before line n; n < 64. */
static uint64_t before(uint32_t line)
{
    return (UINT64_C(1) << line) - 1;
}

static struct span left_of(uint32_t line, struct taken taken)
{
    int32_t from = index_line_from(line) - taken.high;
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

/* --- the best cell of a kind --- */

static void consider(struct lane *lane, enum placement_policy policy,
                     uint32_t row, uint32_t line, struct span mem)
{
    int32_t bound = bound_of(policy, left_of(line, lane->cpu), mem);

    if (bound >= lane->bound)
        return;
    lane->bound = bound;
    lane->row = row;
    lane->line = line;
}

static uint64_t row_left(const struct lane *lane, uint32_t row)
{
    return lane->visited >> row & 1 ? lane->left[row]
                                    : lane->kind->row[row] & lane->lines;
}

/* In a row the bound falls up to the diagonal and grows behind it. */
static void consider_row(struct lane *lane, uint32_t row, struct span mem)
{
    int32_t at = mem.from + lane->cpu.low;
    uint64_t below = before(index_line(at < SHARE_ONE ? at : SHARE_ONE));
    uint64_t bits = row_left(lane, row);

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
    lane->line = NO_LINE;
    if (policy == PLACEMENT_SPREAD)
        next_to_spread(lane);
    else
        next_to_pack(lane);
}

/* The best cell was visited. */
static void leave_out(struct lane *lane)
{
    uint32_t row = lane->row;

    lane->left[row] = row_left(lane, row) & ~(UINT64_C(1) << lane->line);
    lane->visited |= UINT64_C(1) << row;
    if (lane->left[row] == 0)
        lane->rows &= ~(UINT64_C(1) << row);
    lane->line = NO_LINE;
}

/* --- kinds --- */

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

static bool lane_open(struct lane *lane, struct index_kind *kind,
                      const struct index_search *wanted)
{
    if ((kind->is_dedicated && !wanted->is_dedicated) ||
        (wanted->need->gpus > 0 && !kind->has_gpus) ||
        !take_of(wanted->need->cpus, kind->least.cpus, kind->most.cpus,
                 &lane->cpu) ||
        !take_of(wanted->need->mem, kind->least.mem, kind->most.mem,
                 &lane->mem))
        return false;
    lane->kind = kind;
    lane->rows = kind->rows & ~before(index_line(lane->mem.low));
    lane->lines = ~before(index_line(lane->cpu.low));
    lane->later = kind->is_later ? LATER_STEP : 0;
    lane->bound = 0;
    lane->line = NO_LINE;
    lane->visited = 0;
    return lane->rows != 0;
}

static void open_lanes(struct search *search)
{
    search->lanes = 0;
    for (uint32_t i = 0; i < search->index->kind_count; i++)
        if (lane_open(&search->lane[search->lanes], search->index->kind[i],
                      search->wanted))
            search->lanes++;
}

/* The kind with the best cell of all, if its bound is below `limit`; NULL
 * without. What is far away is looked for only when nothing is near. */
static struct lane *nearest(struct search *search, int32_t limit)
{
    for (int64_t reach = REACH_FIRST;; reach *= REACH_STEP) {
        int32_t at = reach < limit ? (int32_t)reach : limit;
        struct lane *best = NULL;
        for (uint32_t i = 0; i < search->lanes; i++) {
            struct lane *lane = &search->lane[i];
            if (lane->bound >= at - lane->later)
                continue;
            if (lane->line == NO_LINE)
                next_cell(lane, search->index->policy, at - lane->later);
            if (lane->line == NO_LINE)
                continue;
            best = lane;
            at = lane->bound + lane->later;
        }
        if (best || reach >= limit)
            return best;
    }
}

/* --- hosts --- */

static void look_at(struct search *search, struct host *host)
{
    int64_t cost = search->wanted->judge(search->wanted->context, host);

    search->looked++;
    if (cost < 0)
        return;
    search->scored++;
    if (!search->host || cost < search->cost ||
        (cost == search->cost && host->order < search->host->order)) {
        search->host = host;
        search->cost = cost;
    }
}

/* Hosts that may not have the task are looked at for long only while nothing
 * is found. When none of these may, the ring is turned: the next search begins
 * behind them, or what is never allowed would gather where searches begin. */
static void visit(struct search *search, const struct lane *lane)
{
    struct host **first =
        &lane->kind->cell[lane->row * INDEX_GRID + lane->line];
    int32_t enough = lane->bound + lane->later + SEARCH_SLACK;
    uint32_t looks = 0, scored = search->scored;
    struct host *host = *first;

    do {
        struct host *next = host->cell_next;
        __builtin_prefetch(next);
        look_at(search, host);
        host = next;
        looks++;
    } while (host != *first && !(search->host && search->cost < enough) &&
             looks < (search->host ? SEARCH_PER_CELL : SEARCH_LOST));
    if (search->scored == scored)
        *first = host;
}

static void search_few(struct search *search)
{
    struct lane *lane;
    int32_t limit = NOWHERE;

    open_lanes(search);
    while (search->looked < SEARCH_LOOKED && search->scored < SEARCH_SCORED &&
           (lane = nearest(search, limit)) != NULL) {
        visit(search, lane);
        leave_out(lane);
        if (search->host && search->cost < LATER_STEP)
            limit = (int32_t)search->cost + 1 - SEARCH_SLACK;
    }
}

static void look_at_all(struct search *search, struct host *first)
{
    struct host *host = first;

    do {
        look_at(search, host);
        host = host->cell_next;
    } while (host != first);
}

static void search_row(struct search *search, const struct lane *lane,
                       uint32_t row)
{
    struct span mem = left_of(row, lane->mem);

    for (uint64_t bits = lane->kind->row[row] & lane->lines; bits;
         bits &= bits - 1) {
        uint32_t line = lowest(bits);
        int32_t bound =
            bound_of(search->index->policy, left_of(line, lane->cpu), mem);
        if (!search->host || bound + lane->later <= search->cost)
            look_at_all(search, lane->kind->cell[row * INDEX_GRID + line]);
    }
}

static void search_all(struct search *search)
{
    open_lanes(search);
    for (uint32_t i = 0; i < search->lanes; i++)
        for (uint64_t rows = search->lane[i].rows; rows; rows &= rows - 1)
            search_row(search, &search->lane[i], lowest(rows));
}

struct host *index_find(const struct host_index *index,
                        const struct index_search *wanted)
{
    struct search search;

    search.index = index;
    search.wanted = wanted;
    search.host = NULL;
    search.cost = 0;
    search.scored = search.looked = 0;
    if (index->hosts > SEARCH_EXACT)
        search_few(&search);
    if (!search.host)
        search_all(&search);
    return search.host;
}
