/* Is what we know of a task news, or memory? After a new life, and after a
 * while without the master, a task may have ended and nobody could say so.
 * aurora_connected asks after every task that should be on an agent; until it
 * was heard of again, by the answer or by a report of its own, nobody may judge
 * it to be healthy: not the watch of an update, nor a canary's, a rolling
 * restart's, nor what waits for a group's member; and no drain may count on it.
 *
 *   no stream of events              not settled, however long
 *   heard of since the stream began  settled
 *   not heard of                     settled SETTLE_MS after it began
 *
 * The last line is for masters that do not answer for every task: they must not
 * hold up work for ever. Those that somebody waits for are asked after again
 * meanwhile, as their agents may have come back since. That a stream is dead
 * the link notices by its end, or by heartbeats that are missing. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum settle_times { /* ms */
                    SETTLE_MS = 60 * 1000,
                    SETTLE_AGAIN_MS = 10 * 1000
};

struct settle_facts {
    bool is_connected;
    bool is_unheard; /* of what ran when the stream began */
    int64_t connected_ms;
};

bool settle_rule(const struct settle_facts *facts, int64_t now_ms);
