/* Whom the scheduler notifies, and what must hold of that: what happens to a
 * task or a run is committed together with the notices about it; nothing is
 * told before it is durable, nothing is forgotten before it was taken. */
#pragma once
#include "base/table.h"
#include "wire/program.h"
#include <stdbool.h>

struct aurora_notify;
struct cluster;
struct node;

/* A notice that was taken, or that a script said nothing about. */
struct posted {
    char *id; /* owned */
    UT_hash_handle hh;
};

struct posts {
    struct posted *taken;
    uint64_t told, refused; /* acts */
};

void posts_release(struct posts *posts);
/* The scheduler tells somebody: taken, refused, not answered; the fact says
 * what it got to know of it. */
void posts_take(struct cluster *c, struct node *node,
                const struct aurora_notify *act);
/* A script was asked about the notice of this judgement; does it answer? */
void posts_asked(struct cluster *c, struct bytes judgement);
/* A batch of the scheduler is about to become durable. */
void posts_on_batch(struct cluster *c, const struct effects *batch);
/* The time is over: nothing waits to be told. */
void final_posts(struct cluster *c);
