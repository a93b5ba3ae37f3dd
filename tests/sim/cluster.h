/* Everybody in the simulated world: one master, some machines, a plain
 * framework, the aurora scheduler and its users. Faults happen to them for
 * FAULTS_END_MS; then it is quiet, and by WORLD_END_MS all must be well. Large
 * batch tasks, of which a machine has room for one, may take turns until
 * TURNS_END_MS. */
#pragma once
#include "tests/sim/broken.h"
#include "tests/sim/checks.h"
#include "tests/sim/machine.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/people.h"
#include "tests/sim/pushes.h"
#include "tests/sim/posts.h"

enum {
    MACHINES_MIN = 3,
    MACHINES_MAX = 5,
    FAULTS_END_MS = 45 * 60 * 1000,
    /* Updates that ask somebody outside wait for minutes, instance by
     * instance: the quiet time must let two of them end. */
    WORLD_END_MS = 75 * 60 * 1000,
    TURNS_END_MS = 180 * 60 * 1000
};

struct cluster {
    struct world *w;
    struct network network;
    struct checks checks;
    struct pushes pushes;
    struct posts posts;
    struct broken broken;
    struct people people;
    struct node master, plain, aurora;
    struct node user, team, crons, keeper, bank, stranger, warden;
    struct machine machine[MACHINES_MAX];
    uint32_t machine_count;
    uint64_t plain_fate; /* seeds what the plain framework wants */
    uint64_t user_fate;  /* and what the user wants */
    bool plain_speaks_json, plain_is_aware, user_speaks_json;
    uint32_t fault_rate;     /* of this seed: 0 (calm) to 3 (storm) */
    int64_t slow_disk_until; /* of the node below */
    const struct node *slow_disk;
};

/* Build it, let everybody start, run the time, check; fails the world when an
 * invariant does not hold. */
void cluster_run(struct world *w);

const char *cluster_master_address(const struct cluster *c);
/* How long the disk takes for a batch that is written now. */
int64_t cluster_disk_ms(struct cluster *c, const struct node *node);
/* A batch is on its way to the disk: now and then, between the decision and
 * its durability is just when the node dies. */
void cluster_on_persist(struct cluster *c, struct node *node, int64_t took_ms);
/* A node went down: it will be started again. */
void cluster_on_down(struct cluster *c, struct node *node, const char *why);

/* faults.c: plan the first fault and the weather. */
void faults_begin(struct cluster *c);
