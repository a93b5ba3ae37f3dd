/* Dominant resource fairness: a list of clients kept in the order in which they
 * may take. The share of a client is the largest part it has of any one
 * scalar, over its weight; integers only. Shares are recomputed when the
 * totals change, and for the clients that were given or gave back something. */
#pragma once
#include "master/core/allocator.h"

struct drf_amounts {
    int64_t milli[ALLOCATOR_SCALARS_MAX];
};

struct drf_client {
    const char *name; /* owned by whoever embeds this */
    int64_t weight_milli;
    uint64_t share; /* in billionths, weighted; as of the last sort */
    uint64_t given; /* how often something was allocated to it */
    struct drf_amounts allocated;
};

struct drf_list {
    struct drf_client **item;
    uint32_t count, capacity;
    bool is_unsorted; /* a share or the membership changed */
    bool is_stale;    /* totals changed: every share is old */
};

void drf_release(struct drf_list *list);
void drf_add(struct drf_list *list, struct drf_client *client);
void drf_remove(struct drf_list *list, const struct drf_client *client);
/* Charge (or with sign -1 uncharge) a client that is in `list`. */
void drf_charge(struct drf_list *list, struct drf_client *client,
                const struct drf_amounts *amounts, int sign,
                const struct drf_amounts *total);
/* Put the list in order; cheap when little changed. */
void drf_sort(struct drf_list *list, const struct drf_amounts *total);
/* The unweighted dominant share in millionths. */
int64_t drf_share_millionths(const struct drf_client *client,
                             const struct drf_amounts *total);
