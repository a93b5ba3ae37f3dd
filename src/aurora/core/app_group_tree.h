/* What waits for what in an application group (what users call a Group): a tree
 * of groups and jobs in which a node may need siblings. What a group needs is
 * needed by everything in it; a group is up when all jobs in it are.
 *
 * Nodes stand in preorder, the root first: a subtree is [node, node.end), and a
 * parent stands before its children. Jobs are known by their place among the
 * members of the group (app_group.h). A need of a group without any job is
 * replaced by what that group needs, when the tree is sealed.
 *
 * Invariant of a sealed tree: no circle; every member at or below `members`
 * stands in it exactly once. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

#define TREE_NONE UINT32_MAX

enum {
    TREE_NODES_MAX = 2000,
    TREE_DEPTH_MAX = 17, /* the language's, and the root */
    TREE_NEEDS_MAX = 10000,
    TREE_MEMBERS_MAX = 1000
};

struct tree_node {
    char *name;         /* owned */
    uint32_t parent;    /* TREE_NONE: the root */
    uint32_t end;       /* behind its subtree */
    uint32_t member;    /* of a job; TREE_NONE: a group */
    uint32_t jobs;      /* in its subtree */
    uint32_t level;     /* of a job: 1 + the highest level it waits for */
    VEC(uint32_t) need; /* siblings */
};

struct group_tree {
    struct tree_node *item; /* owned */
    uint32_t count, capacity;
    uint32_t members; /* jobs in it */
    uint32_t needs;   /* of all nodes */
};

/* Zero-initialised is empty. */
void group_tree_release(struct group_tree *tree);
/* Begin a group or add a job below `parent` (TREE_NONE: the root), all nodes in
 * preorder; a group ends with group_tree_end. The new node in *out; ERR_LIMIT
 * when it would be too large or too deep. Jobs are numbered as they come. */
int group_tree_begin(struct group_tree *tree, uint32_t parent, const char *name,
                     uint32_t *out, struct err *err);
int group_tree_add_job(struct group_tree *tree, uint32_t parent,
                       const char *name, uint32_t *out, struct err *err);
void group_tree_end(struct group_tree *tree, uint32_t node);
/* A child of that name, or TREE_NONE. */
uint32_t group_tree_child(const struct group_tree *tree, uint32_t parent,
                          const char *name);
/* `node` waits for its sibling `need`. */
int group_tree_need(struct group_tree *tree, uint32_t node, uint32_t need,
                    struct err *err);
/* It is complete: refuse circles (ERR_INVALID shows one: "a -> b -> a") and
 * work out levels. */
int group_tree_seal(struct group_tree *tree, struct err *err);

/* For each member: is everything up that it waits for? */
void group_tree_may_start(const struct group_tree *tree, const bool *is_up,
                          bool *out);
/* For each member: has everything ended that waits for it? */
void group_tree_may_stop(const struct group_tree *tree, const bool *is_gone,
                         bool *out);
/* Members that this one waits for and that are not up, by their places; how
 * many of them were put into `out`. */
uint32_t group_tree_waits(const struct group_tree *tree, uint32_t member,
                          const bool *is_up, uint32_t *out, uint32_t max);
/* The node of a member, or TREE_NONE. */
uint32_t group_tree_node_of(const struct group_tree *tree, uint32_t member);
/* "storage/db": the names from below the root. */
void group_tree_path(const struct group_tree *tree, uint32_t node,
                     struct buf *out);
