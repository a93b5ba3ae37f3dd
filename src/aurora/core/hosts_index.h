/* Where placing looks for hosts: by what they have free.
 *
 * A **kind** holds hosts of nearly equal totals. Within it a grid of cells,
 * free cpu share by free memory share, each a ring of hosts; a bit per cell
 * says whether it has hosts at all. Lines lie close together where little is
 * free (most hosts of a busy cluster) and far apart where much is: eight to an
 * octave of the share + 1/128. How good any host of a cell can be for a task is
 * known from the cell's place (a bound), so a search visits the cells of all
 * kinds in the order of their bounds and ends when the next bound is no better
 * than the best host found:
 *
 *      memory                     packing: the cost of a host is
 *       ^  . . . : : . . .          |cpu - memory| + max(cpu, memory)
 *       |  . . : : : . . .        of the shares left behind by the task:
 *       |  . : # : . . . .        best are the cells near the task's own
 *       |  : # # : . . . .        shares (*), along the diagonal.
 *       +--*-:-:-.-.-.-.-> cpu    Spreading: 1024 - min(cpu, memory).
 *
 * In clusters of up to SEARCH_EXACT hosts a search is exact: it looks at every
 * host of every cell that can hold a better one. In larger ones it looks for
 * nothing that is better by less than SEARCH_SLACK, neither in another cell nor
 * in another kind: the first kinds, which are the largest, mostly decide it.
 * Cells where the task may not have room (its own shares lie within them) are
 * taken only when they are better by SEARCH_UNSURE, and SEARCH_FIRST hosts are
 * looked at; of others SEARCH_PER_CELL hosts (SEARCH_LOST while nothing is
 * found). A search ends after SEARCH_SCORED hosts that fit or SEARCH_LOOKED in
 * all. When none of these fits it begins again, more patiently, then exactly: a
 * host that fits is always found when there is one. */
#pragma once
#include "aurora/core/job_config.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum placement_policy { PLACEMENT_PACK, PLACEMENT_SPREAD };

enum {
    LINES_SHIFT = 3,
    LINES_FIRST = 1 << LINES_SHIFT,
    INDEX_GRID = 57,      /* index_line(SHARE_ONE) + 1 */
    INDEX_KINDS_MAX = 64, /* the last one takes what is left over */
    SHARE_ONE = 1024,
    SEARCH_EXACT = 64,
    SEARCH_SCORED = 8,
    SEARCH_LOOKED = 256,
    SEARCH_PER_CELL = 8,
    SEARCH_LOST = 64, /* of a cell, while nothing is found */
    SEARCH_FIRST = 2,
    SEARCH_SLACK = 10, /* in 1/1024: nearer to the best is not looked for */
    SEARCH_UNSURE = 32
};

struct host;

/* What makes shares of a kind's totals from an amount without a division, of
 * which every kind looked at would cost four: (amount >> shift) times the share
 * of one such unit, in 1/2^PART_SHIFT. */
enum { PART_BITS = 31, PART_SHIFT = 50 };
struct index_part {
    uint32_t shift;
    uint64_t of_most, of_least; /* of the largest total, rounded down; of the
                                   least, rounded up */
};

struct index_kind {
    uint32_t key; /* its totals, coarsely; INDEX_REST: of any */
    uint32_t hosts;
    bool is_dedicated;          /* all of them */
    bool is_later;              /* maintenance lies ahead of all of them */
    bool has_gpus;              /* some of them may */
    struct amounts least, most; /* of the totals of hosts that were in it */
    struct index_part cpu, mem; /* follow them */
    uint64_t rows;              /* bit n: row[n] is not 0 */
    uint64_t row[INDEX_GRID];   /* by memory; bit n: cpu line n has hosts */
    /* By memory, then cpu: the host of the ring where a search begins; NULL:
     * none. */
    struct host *cell[INDEX_GRID * INDEX_GRID];
};

struct host_index {
    enum placement_policy policy;
    uint32_t hosts;
    struct index_kind *kind[INDEX_KINDS_MAX]; /* owned; most hosts first */
    uint32_t kind_count;
};

/* Let the host stand where what it has free says. Before its totals or its
 * class change it is taken out. */
void index_put(struct host_index *index, struct host *host);
void index_remove(struct host_index *index, struct host *host);

/* The line of the grid on which a share (0 to 1024) lies, and the first share
 * of a line. */
static inline uint32_t index_line(int64_t share)
{
    uint32_t v = (uint32_t)share + LINES_FIRST;
    uint32_t octave = 31 - (uint32_t)__builtin_clz(v) - LINES_SHIFT;

    return octave * LINES_FIRST + (v >> octave & (LINES_FIRST - 1));
}

static inline int32_t index_line_from(uint32_t line)
{
    return (int32_t)((LINES_FIRST + line % LINES_FIRST) << line / LINES_FIRST) -
           LINES_FIRST;
}

/* In 1/1024. */
int64_t index_share(int64_t part, int64_t whole);
/* What the policy dislikes about the shares left on a host: 0 to 2048, and
 * INDEX_STRANDED more when packing would strand much of one of them, having
 * nearly used up the other. Such a host is taken only when nothing else has
 * room, an empty host included: what is stranded is lost to everybody. */
enum {
    INDEX_STRANDED = 2 * SHARE_ONE,
    STRANDED_LESS = SHARE_ONE / 16, /* left of one share: less than this */
    STRANDED_MORE = SHARE_ONE / 8   /* of the other: more than this */
};
int64_t index_cost(enum placement_policy policy, int64_t cpu, int64_t mem);

/* The cost of a host that may have the task; negative: it may not. */
typedef int64_t index_judge(void *context, struct host *host);
struct index_search {
    const struct amounts *need;
    bool is_dedicated; /* dedicated hosts are possible */
    index_judge *judge;
    void *context;
};
/* The host of the least cost, the first in host order of equal ones that were
 * looked at; NULL when none may have it. */
struct host *index_find(const struct host_index *index,
                        const struct index_search *search);
void index_check(const struct host_index *index);
