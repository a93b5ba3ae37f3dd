/* The search of hosts_index.h. */
#include "aurora/core/hosts.h"
#include "aurora/core/hosts_index.h"

#include <assert.h>
#include <string.h>

enum {
    NOWHERE = 2 * LATER_STEP, /* more than any rank */
    NO_LINE = INDEX_GRID
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
    uint64_t rows, lines;         /* where the task can fit at all */
    uint32_t row_sure, line_sure; /* every host has room from here on */
    int32_t later;      /* every host of the kind costs that much more */
    int32_t rank;       /* no better cell is worth looking for */
    uint32_t row, line; /* that cell; NO_LINE: to be found */
    uint64_t visited;   /* rows with cells that were; `left`: the others */
    uint64_t left[INDEX_GRID];
};

struct search {
    const struct host_index *index;
    const struct index_search *wanted;
    uint32_t lanes; /* of the first kinds; others were not needed yet */
    struct lane lane[INDEX_KINDS_MAX];
    struct host *host; /* the best so far, its cost, and the work it took */
    int64_t cost;
    uint32_t scored, looked;
    bool is_lost; /* nothing was found where there should be something */
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
static int32_t bound_to_spread(struct span cpu, struct span mem)
{
    return SHARE_ONE - (cpu.to < mem.to ? cpu.to : mem.to);
}

static int32_t bound_to_pack(struct span cpu, struct span mem)
{
    int32_t apart = 0;

    if (cpu.from > mem.to)
        apart = cpu.from - mem.to;
    if (mem.from > cpu.to)
        apart = mem.from - cpu.to;
    if (is_stranding(cpu, mem) || is_stranding(mem, cpu))
        apart += INDEX_STRANDED;
    return apart + (cpu.from > mem.from ? cpu.from : mem.from);
}

/* --- the best cell of a kind --- */

/* The best cell so far. Cells are ranked by their bounds, SEARCH_UNSURE behind
 * where hosts may turn out to have no room: those that have are soon taken, so
 * two of three looks were wasted there. */
struct choice {
    int32_t rank, limit; /* another one has to be below the limit */
    uint32_t row, line;
};

static void consider(struct choice *best, int32_t rank, uint32_t row,
                     uint32_t line)
{
    if (rank < best->limit)
        *best = (struct choice){rank, rank - SEARCH_SLACK, row, line};
}

static uint64_t row_left(const struct lane *lane, uint32_t row)
{
    return lane->visited >> row & 1 ? lane->left[row]
                                    : lane->kind->row[row] & lane->lines;
}

/* In a row the bound falls up to the diagonal and grows behind it. */
static void consider_row(const struct lane *lane, uint32_t row, struct span mem,
                         struct choice *best)
{
    int32_t at = mem.from + lane->cpu.low;
    uint32_t split = index_line(at < SHARE_ONE ? at : SHARE_ONE);
    int32_t behind = row < lane->row_sure ? SEARCH_UNSURE : 0;
    uint64_t bits = row_left(lane, row), below;

    if (split < lane->line_sure)
        split = lane->line_sure;
    below = bits & before(split);
    if (bits != below) {
        uint32_t line = lowest(bits ^ below);
        struct span cpu = left_of(line, lane->cpu);
        consider(best, bound_to_pack(cpu, mem) + behind, row, line);
    }
    if (below) {
        uint32_t line = highest(below);
        struct span cpu = left_of(line, lane->cpu);
        if (line < lane->line_sure)
            behind = SEARCH_UNSURE;
        consider(best, bound_to_pack(cpu, mem) + behind, row, line);
    }
}

static void choose_to_pack(const struct lane *lane, struct choice *best)
{
    for (uint64_t rows = lane->rows; rows; rows &= rows - 1) {
        uint32_t row = lowest(rows);
        struct span mem = left_of(row, lane->mem);
        if (mem.from >= best->limit)
            break;
        consider_row(lane, row, mem, best);
    }
}

static void choose_to_spread(const struct lane *lane, struct choice *best)
{
    for (uint64_t rows = lane->rows; rows;
         rows ^= UINT64_C(1) << highest(rows)) {
        uint32_t row = highest(rows);
        struct span mem = left_of(row, lane->mem);
        uint64_t bits = row_left(lane, row);
        if (SHARE_ONE - mem.to >= best->limit)
            break;
        if (bits) {
            uint32_t line = highest(bits);
            struct span cpu = left_of(line, lane->cpu);
            consider(best, bound_to_spread(cpu, mem), row, line);
        }
    }
}

/* Find the best cell, if it ranks below the limit. */
static void next_cell(struct lane *lane, enum placement_policy policy,
                      int32_t limit)
{
    struct choice best = {limit, limit, 0, NO_LINE};

    if (policy == PLACEMENT_SPREAD)
        choose_to_spread(lane, &best);
    else
        choose_to_pack(lane, &best);
    lane->rank = best.rank;
    lane->row = best.row;
    lane->line = best.line;
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
                    const struct index_part *part, struct taken *out)
{
    uint64_t parts = (uint64_t)need >> part->shift;

    if (need > most)
        return false;
    out->low = (int32_t)(parts * part->of_most >> PART_SHIFT);
    out->high = SHARE_ONE;
    if (need < least) {
        uint64_t high = ((parts + 1) * part->of_least >> PART_SHIFT) + 1;
        out->high = high < SHARE_ONE ? (int32_t)high : SHARE_ONE;
    }
    return true;
}

/* Without rows when no host of the kind may have the task. */
static void lane_open(struct lane *lane, struct index_kind *kind,
                      const struct index_search *wanted)
{
    const struct amounts *need = wanted->need;

    lane->kind = kind;
    lane->rows = 0;
    if ((kind->is_dedicated && !wanted->is_dedicated) ||
        (need->gpus > 0 && !kind->has_gpus) ||
        !take_of(need->cpus, kind->least.cpus, kind->most.cpus, &kind->cpu,
                 &lane->cpu) ||
        !take_of(need->mem, kind->least.mem, kind->most.mem, &kind->mem,
                 &lane->mem))
        return;
    lane->rows = kind->rows & ~before(index_line(lane->mem.low));
    lane->lines = ~before(index_line(lane->cpu.low));
    lane->row_sure = index_line(lane->mem.high - 1) + 1;
    lane->line_sure = index_line(lane->cpu.high - 1) + 1;
    lane->later = kind->is_later ? LATER_STEP : 0;
    lane->rank = 0;
    lane->line = NO_LINE;
    lane->visited = 0;
}

/* Kinds are looked at one after the other, the largest first; most searches
 * need no more than three. */
static struct lane *lane_of(struct search *search, uint32_t kind)
{
    if (kind == search->lanes)
        lane_open(&search->lane[search->lanes++], search->index->kind[kind],
                  search->wanted);
    return &search->lane[kind];
}

/* The kind with the best cell of all, if it ranks below `limit`; NULL
 * without. */
static struct lane *nearest(struct search *search, int32_t limit)
{
    struct lane *best = NULL;

    for (uint32_t i = 0; i < search->index->kind_count && limit > 0; i++) {
        struct lane *lane = lane_of(search, i);
        if (!lane->rows || lane->rank >= limit - lane->later)
            continue;
        if (lane->line == NO_LINE)
            next_cell(lane, search->index->policy, limit - lane->later);
        if (lane->line == NO_LINE)
            continue;
        best = lane;
        limit = lane->rank + lane->later - SEARCH_SLACK;
    }
    return best;
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

/* Is the host found so good that no cell can hold one that is better by more
 * than the slack, when the lane's is the best? */
static bool is_good(const struct search *search, const struct lane *lane)
{
    return search->host &&
           search->cost < lane->rank + lane->later + SEARCH_SLACK;
}

/* How many hosts of the cell are looked at. */
static uint32_t patience(const struct search *search, const struct lane *lane)
{
    if (!search->is_lost &&
        (lane->row < lane->row_sure || lane->line < lane->line_sure))
        return SEARCH_FIRST;
    return search->host ? SEARCH_PER_CELL : SEARCH_LOST;
}

/* Hosts that may not have the task are looked at for long only while nothing
 * is found. When none of these may, the ring is turned: the next search begins
 * behind them, or what is never allowed would gather where searches begin. */
static void visit(struct search *search, const struct lane *lane)
{
    struct host **first =
        &lane->kind->cell[lane->row * INDEX_GRID + lane->line];
    uint32_t looks = 0, scored = search->scored;
    struct host *host = *first;

    do {
        struct host *next = host->cell_next;
        __builtin_prefetch(next);
        look_at(search, host);
        host = next;
        looks++;
    } while (host != *first && !is_good(search, lane) &&
             looks < patience(search, lane));
    if (search->scored == scored)
        *first = host;
}

static void search_few(struct search *search, bool is_lost)
{
    struct lane *lane;
    int32_t limit = NOWHERE;

    search->lanes = 0;
    search->is_lost = is_lost;
    while (search->looked < SEARCH_LOOKED && search->scored < SEARCH_SCORED &&
           (lane = nearest(search, limit)) != NULL) {
        visit(search, lane);
        if (is_good(search, lane))
            break;
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
    bool is_spread = search->index->policy == PLACEMENT_SPREAD;
    struct span mem = left_of(row, lane->mem);

    for (uint64_t bits = lane->kind->row[row] & lane->lines; bits;
         bits &= bits - 1) {
        uint32_t line = lowest(bits);
        struct span cpu = left_of(line, lane->cpu);
        int32_t bound =
            is_spread ? bound_to_spread(cpu, mem) : bound_to_pack(cpu, mem);
        if (!search->host || bound + lane->later <= search->cost)
            look_at_all(search, lane->kind->cell[row * INDEX_GRID + line]);
    }
}

static void search_all(struct search *search)
{
    search->lanes = 0;
    for (uint32_t i = 0; i < search->index->kind_count; i++) {
        const struct lane *lane = lane_of(search, i);
        for (uint64_t rows = lane->rows; rows; rows &= rows - 1)
            search_row(search, lane, lowest(rows));
    }
}

struct host *index_find(const struct host_index *index,
                        const struct index_search *wanted)
{
    bool is_exact = index->hosts <= SEARCH_EXACT;
    struct search search;

    search.index = index;
    search.wanted = wanted;
    search.host = NULL;
    search.cost = 0;
    search.scored = search.looked = 0;
    if (!is_exact)
        search_few(&search, false);
    /* Without a single look no cell is left in which it could fit. */
    if (!search.host && search.looked > 0)
        search_few(&search, true);
    if (!search.host && (search.looked > 0 || is_exact))
        search_all(&search);
    return search.host;
}
