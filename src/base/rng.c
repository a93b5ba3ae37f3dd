/* xoshiro256** by Blackman and Vigna; the algorithm is in the public domain. */
#include "base/rng.h"
#include <assert.h>

/* splitmix64: spreads any seed, also 0, over the whole state. */
static uint64_t spread(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->state[i] = spread(&seed);
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    assert(bound > 0);
    /* Values under 2^64 mod bound would make small results too likely. Fewer
     * than half of all values are refused, so this ends soon. */
    uint64_t refused = (0 - bound) % bound, value;

    do
        value = rng_next(rng);
    while (value < refused);
    return value % bound;
}
