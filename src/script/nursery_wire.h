/* What goes between a daemon and its nursery: packets of a socket pair, never
 * leaving this machine, so plain structs. */
#pragma once
#include <stdint.h>

enum nursery_word {
    NURSERY_BEAR = 1, /* with two descriptors: request, answer */
    NURSERY_KILL,
    NURSERY_ENDED, /* the answers */
    NURSERY_UNBORN
};

struct nursery_packet {
    uint64_t child;
    int64_t cpu_ms;
    int32_t word; /* enum nursery_word */
    int32_t wait_status;
};
