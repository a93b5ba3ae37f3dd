#include "aurora/core/app_group_tree.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void group_tree_release(struct group_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        free(tree->item[i].name);
        vec_free(&tree->item[i].need);
    }
    free(tree->item);
    *tree = (struct group_tree){0};
}

/* --- building --- */

static uint32_t depth_of(const struct group_tree *tree, uint32_t node)
{
    uint32_t depth = 0;

    for (; node != TREE_NONE; node = tree->item[node].parent)
        depth++;
    return depth;
}

static int add(struct group_tree *tree, uint32_t parent, const char *name,
               uint32_t *out, struct err *err)
{
    assert((parent == TREE_NONE) == (tree->count == 0));
    if (tree->count == TREE_NODES_MAX)
        return err_set(err, ERR_LIMIT,
                       "group '%s': want at most %d jobs and groups in it",
                       tree->item[0].name, TREE_NODES_MAX - 1);
    if (depth_of(tree, parent) > TREE_DEPTH_MAX)
        return err_set(err, ERR_LIMIT,
                       "group '%s': want groups nested at most %d deep",
                       tree->item[0].name, TREE_DEPTH_MAX - 1);
    *out = tree->count;
    *vec_add(tree) = (struct tree_node){.name = xstrdup(name),
                                        .parent = parent,
                                        .end = *out + 1,
                                        .member = TREE_NONE};
    return 0;
}

int group_tree_begin(struct group_tree *tree, uint32_t parent, const char *name,
                     uint32_t *out, struct err *err)
{
    return add(tree, parent, name, out, err);
}

int group_tree_add_job(struct group_tree *tree, uint32_t parent,
                       const char *name, uint32_t *out, struct err *err)
{
    if (tree->members == TREE_MEMBERS_MAX)
        return err_set(err, ERR_LIMIT, "group '%s': want at most %d jobs in it",
                       tree->item[0].name, TREE_MEMBERS_MAX);
    int rc = add(tree, parent, name, out, err);
    if (rc < 0)
        return rc;
    tree->item[*out].member = tree->members++;
    for (uint32_t n = *out; n != TREE_NONE; n = tree->item[n].parent)
        tree->item[n].jobs++;
    return 0;
}

void group_tree_end(struct group_tree *tree, uint32_t node)
{
    tree->item[node].end = tree->count;
}

uint32_t group_tree_child(const struct group_tree *tree, uint32_t parent,
                          const char *name)
{
    uint32_t end = tree->item[parent].end;

    for (uint32_t n = parent + 1; n < end; n = tree->item[n].end)
        if (strcmp(tree->item[n].name, name) == 0)
            return n;
    return TREE_NONE;
}

int group_tree_need(struct group_tree *tree, uint32_t node, uint32_t need,
                    struct err *err)
{
    struct tree_node *n = &tree->item[node];

    assert(n->parent == tree->item[need].parent);
    for (uint32_t i = 0; i < n->need.count; i++)
        if (n->need.item[i] == need)
            return 0;
    if (tree->needs == TREE_NEEDS_MAX)
        return err_set(err, ERR_LIMIT,
                       "group '%s': want at most %d dependencies in it",
                       tree->item[0].name, TREE_NEEDS_MAX);
    *vec_add(&n->need) = need;
    tree->needs++;
    return 0;
}

/* --- sealing --- */

static bool needs_one_of(const struct tree_node *n, const bool *is_left)
{
    for (uint32_t i = 0; i < n->need.count; i++)
        if (is_left[n->need.item[i]])
            return true;
    return false;
}

/* Go along what is needed among those that are left, until one comes again:
 * from there on it is a circle. */
static int refuse_circle(const struct group_tree *tree, const bool *is_left,
                         struct err *err)
{
    bool *is_met = xcalloc(tree->count, sizeof *is_met);
    struct buf text = {0};
    uint32_t at = 0;

    while (!is_left[at])
        at++;
    for (int round = 0; round < 2; round++) {
        uint32_t first = at;
        bool want_met = round == 1; /* round 0 finds it, round 1 tells it */
        while (is_met[at] == want_met) {
            const struct tree_node *n = &tree->item[at];
            uint32_t i = 0;
            is_met[at] = !want_met;
            if (want_met)
                buf_addf(&text, "%s -> ", n->name);
            while (!is_left[n->need.item[i]])
                i++;
            at = n->need.item[i];
        }
        if (want_met)
            buf_add_text(&text, tree->item[first].name);
    }
    (void)err_set(err, ERR_INVALID, "group '%s': a circle: %s",
                  tree->item[0].name, buf_text(&text));
    err_field(err, "depends_on");
    err_hint(err, "want an order: leave one of these dependencies out");
    buf_release(&text);
    free(is_met);
    return -ERR_INVALID;
}

/* Needed groups without a job give way to what they need themselves; those
 * were resolved before. `is_known` is scratch. */
static void resolve(struct group_tree *tree, struct tree_node *n,
                    bool *is_known)
{
    uint32_t count = n->need.count;

    memset(is_known, 0, tree->count * sizeof *is_known);
    for (uint32_t i = 0; i < count; i++)
        is_known[n->need.item[i]] = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct tree_node *other = &tree->item[n->need.item[i]];
        for (uint32_t j = 0; other->jobs == 0 && j < other->need.count; j++) {
            if (is_known[other->need.item[j]])
                continue;
            is_known[other->need.item[j]] = true;
            *vec_add(&n->need) = other->need.item[j];
        }
    }
    for (uint32_t i = n->need.count; i-- > 0;)
        if (tree->item[n->need.item[i]].jobs == 0)
            vec_remove(&n->need, i);
}

/* Take away, again and again, what waits for nothing that is left. */
static int order(struct group_tree *tree, struct err *err)
{
    bool *is_left = xcalloc(tree->count, sizeof *is_left);
    bool *is_known = xcalloc(tree->count, sizeof *is_known);
    uint32_t left = tree->count, before = left + 1;
    int rc = 0;

    memset(is_left, true, tree->count * sizeof *is_left);
    while (left > 0 && left < before) {
        before = left;
        for (uint32_t n = 0; n < tree->count; n++) {
            if (!is_left[n] || needs_one_of(&tree->item[n], is_left))
                continue;
            is_left[n] = false;
            left--;
            resolve(tree, &tree->item[n], is_known);
        }
    }
    if (left > 0)
        rc = refuse_circle(tree, is_left, err);
    free(is_left);
    free(is_known);
    return rc;
}

/* The highest level of what the node waits for, itself or as part of others;
 * `top` is the highest level within each node, so far. */
static uint32_t base_of(const struct group_tree *tree, uint32_t node,
                        const uint32_t *base, const uint32_t *top)
{
    const struct tree_node *n = &tree->item[node];
    uint32_t high = n->parent == TREE_NONE ? 0 : base[n->parent];

    for (uint32_t i = 0; i < n->need.count; i++)
        if (top[n->need.item[i]] > high)
            high = top[n->need.item[i]];
    return high;
}

static void find_levels(struct group_tree *tree)
{
    uint32_t *base = xcalloc(tree->count, sizeof *base);
    uint32_t *top = xcalloc(tree->count, sizeof *top);
    bool is_moving = true;

    while (is_moving) {
        is_moving = false;
        for (uint32_t n = 0; n < tree->count; n++) {
            uint32_t high = base_of(tree, n, base, top);
            if (high == base[n] && top[n] > 0)
                continue;
            is_moving |= high != base[n];
            base[n] = high;
            if (tree->item[n].member == TREE_NONE)
                continue;
            tree->item[n].level = high + 1;
            is_moving |= top[n] != high + 1;
            for (uint32_t up = n; up != TREE_NONE; up = tree->item[up].parent)
                if (top[up] < high + 1)
                    top[up] = high + 1;
        }
    }
    free(base);
    free(top);
}

int group_tree_seal(struct group_tree *tree, struct err *err)
{
    assert(tree->count > 0 && tree->item[0].end == tree->count);
    int rc = order(tree, err);

    if (rc == 0)
        find_levels(tree);
    return rc;
}

/* --- asking --- */

/* Is every member in the subtree of each node as `is_it` says? */
static bool *whole_nodes(const struct group_tree *tree, const bool *is_it)
{
    bool *is_whole = xcalloc(tree->count + 1, sizeof *is_whole);

    memset(is_whole, true, tree->count * sizeof *is_whole);
    for (uint32_t n = 0; n < tree->count; n++) {
        uint32_t member = tree->item[n].member;
        if (member == TREE_NONE || is_it[member])
            continue;
        for (uint32_t up = n; up != TREE_NONE && is_whole[up];
             up = tree->item[up].parent)
            is_whole[up] = false;
    }
    return is_whole;
}

/* What holds for no node above the member, nor for itself. */
static void free_members(const struct group_tree *tree, bool *is_held,
                         bool *out)
{
    for (uint32_t n = 0; n < tree->count; n++) {
        const struct tree_node *node = &tree->item[n];
        if (node->parent != TREE_NONE && is_held[node->parent])
            is_held[n] = true;
        if (node->member != TREE_NONE)
            out[node->member] = !is_held[n];
    }
}

void group_tree_may_start(const struct group_tree *tree, const bool *is_up,
                          bool *out)
{
    bool *is_whole = whole_nodes(tree, is_up);
    bool *is_held = xcalloc(tree->count + 1, sizeof *is_held);

    for (uint32_t n = 0; n < tree->count; n++)
        for (uint32_t i = 0; i < tree->item[n].need.count; i++)
            is_held[n] |= !is_whole[tree->item[n].need.item[i]];
    free_members(tree, is_held, out);
    free(is_held);
    free(is_whole);
}

void group_tree_may_stop(const struct group_tree *tree, const bool *is_gone,
                         bool *out)
{
    bool *is_whole = whole_nodes(tree, is_gone);
    bool *is_held = xcalloc(tree->count + 1, sizeof *is_held);

    for (uint32_t n = 0; n < tree->count; n++)
        for (uint32_t i = 0; !is_whole[n] && i < tree->item[n].need.count; i++)
            is_held[tree->item[n].need.item[i]] = true;
    free_members(tree, is_held, out);
    free(is_held);
    free(is_whole);
}

uint32_t group_tree_node_of(const struct group_tree *tree, uint32_t member)
{
    for (uint32_t n = 0; n < tree->count; n++)
        if (tree->item[n].member == member)
            return n;
    return TREE_NONE;
}

static uint32_t add_missing(const struct group_tree *tree, uint32_t node,
                            const bool *is_up, uint32_t count, uint32_t *out,
                            uint32_t max)
{
    for (uint32_t n = node; n < tree->item[node].end && count < max; n++) {
        uint32_t member = tree->item[n].member;
        if (member != TREE_NONE && !is_up[member])
            out[count++] = member;
    }
    return count;
}

uint32_t group_tree_waits(const struct group_tree *tree, uint32_t member,
                          const bool *is_up, uint32_t *out, uint32_t max)
{
    uint32_t count = 0;

    for (uint32_t n = group_tree_node_of(tree, member); n != TREE_NONE;
         n = tree->item[n].parent)
        for (uint32_t i = 0; i < tree->item[n].need.count; i++)
            count = add_missing(tree, tree->item[n].need.item[i], is_up, count,
                                out, max);
    return count;
}

void group_tree_path(const struct group_tree *tree, uint32_t node,
                     struct buf *out)
{
    uint32_t above[TREE_DEPTH_MAX + 2], count = 0;

    for (; tree->item[node].parent != TREE_NONE; node = tree->item[node].parent)
        above[count++] = node;
    while (count-- > 0)
        buf_addf(out, "%s%s", tree->item[above[count]].name, count ? "/" : "");
}
