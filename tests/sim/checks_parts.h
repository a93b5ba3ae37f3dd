/* The insides of the checks, shared by their files: checks.c (what holds at
 * every step) and checks_final.c (what holds at the end). */
#pragma once
#include "base/table.h"
#include "tests/sim/checks.h"

enum { TOLD_MAX = 16 }; /* different updates of one task */

struct told {
    char key[256]; /* "plain plain-7-1" */
    struct uuid uuid[TOLD_MAX];
    uint32_t count;
    int terminal;     /* mesos.v1.TaskState; -1: none yet */
    uint64_t teller;  /* the master's life that told it */
    bool has_ended;   /* told so, also by an answer to RECONCILE */
    bool is_given_up; /* told that it is lost: nothing more is owed */
    bool is_over;     /* told that it ended, is lost, or cannot be reached */
    int64_t over_ms;  /* since when */
    uint64_t stream;  /* the last one that told anything (struct news) */
    UT_hash_handle hh;
};

/* An update whose executor was told that the agent keeps it: now the framework
 * must hear of it, whatever happens. */
struct owed {
    struct uuid uuid;
    char *task_id; /* owned */
    int64_t since_ms;
    bool is_told;
    UT_hash_handle hh;
};

/* Made when nothing was told, yet. */
struct told *told_about(struct checks *checks, const struct node *node,
                        const char *task_id);
