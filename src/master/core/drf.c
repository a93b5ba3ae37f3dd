#include "master/core/drf.h"
#include <assert.h>

/* Wide enough for thousandths of megabytes of a large cluster times SCALE. */
__extension__ typedef unsigned __int128 wide;

enum { SCALE = 1000000000 };

static uint64_t dominant(const struct drf_amounts *allocated,
                         const struct drf_amounts *total)
{
    uint64_t share = 0;
    for (int i = 0; i < ALLOCATOR_SCALARS_MAX; i++) {
        if (total->milli[i] <= 0 || allocated->milli[i] <= 0)
            continue;
        uint64_t part = (uint64_t)((wide)allocated->milli[i] * SCALE /
                                   (wide)total->milli[i]);
        if (part > share)
            share = part;
    }
    return share;
}

static void refresh(struct drf_client *client, const struct drf_amounts *total)
{
    assert(client->weight_milli > 0);
    client->share = (uint64_t)((wide)dominant(&client->allocated, total) *
                               1000 / (wide)client->weight_milli);
}

static int compare(const struct drf_client *a, const struct drf_client *b)
{
    if (a->share != b->share)
        return a->share < b->share ? -1 : 1;
    if (a->given != b->given)
        return a->given < b->given ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int compare_items(const void *a, const void *b)
{
    return compare(*(struct drf_client *const *)a,
                   *(struct drf_client *const *)b);
}

void drf_release(struct drf_list *list)
{
    vec_free(list);
}

void drf_add(struct drf_list *list, struct drf_client *client)
{
    *vec_add(list) = client;
    list->is_unsorted = true;
    list->is_stale = true;
}

void drf_remove(struct drf_list *list, const struct drf_client *client)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->item[i] == client) {
            vec_remove(list, i);
            return;
        }
    }
    assert(false && "client is not in the list");
}

void drf_charge(struct drf_list *list, struct drf_client *client,
                const struct drf_amounts *amounts, int sign,
                const struct drf_amounts *total)
{
    for (int i = 0; i < ALLOCATOR_SCALARS_MAX; i++) {
        client->allocated.milli[i] += sign * amounts->milli[i];
        assert(client->allocated.milli[i] >= 0);
    }
    if (sign > 0)
        client->given++;
    refresh(client, total);
    list->is_unsorted = true;
}

/* Nearly sorted: the usual case is one client that moved. */
static void insertion_sort(struct drf_list *list)
{
    for (uint32_t i = 1; i < list->count; i++) {
        struct drf_client *client = list->item[i];
        uint32_t at = i;
        while (at > 0 && compare(client, list->item[at - 1]) < 0) {
            list->item[at] = list->item[at - 1];
            at--;
        }
        list->item[at] = client;
    }
}

void drf_sort(struct drf_list *list, const struct drf_amounts *total)
{
    if (list->is_stale) {
        for (uint32_t i = 0; i < list->count; i++)
            refresh(list->item[i], total);
        if (list->count > 1)
            qsort(list->item, list->count, sizeof(struct drf_client *),
                  compare_items);
    } else if (list->is_unsorted) {
        insertion_sort(list);
    }
    list->is_stale = list->is_unsorted = false;
}

int64_t drf_share_millionths(const struct drf_client *client,
                             const struct drf_amounts *total)
{
    return (int64_t)(dominant(&client->allocated, total) / 1000);
}
