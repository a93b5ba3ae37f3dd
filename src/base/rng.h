/* A seeded generator (xoshiro256**, seeded by splitmix64): the only randomness
 * a core may use, so that a seed replays a run. Not for secrets. */
#pragma once
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
