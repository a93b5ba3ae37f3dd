/* Work beside a loop: one thread takes pieces of work in the order they came,
 * and the loop hears when each is done. For what costs time in proportion to
 * megabytes and needs nothing of the loop's: decoding, hashing, copying.
 *
 * A piece of work touches only what its context owns until it is done. The
 * thread gives way to the loop. */
#pragma once
#include "base/err.h"

struct event_base;
struct beside;

typedef void beside_work(void *context);

int beside_open(struct beside **out, struct event_base *base, struct err *err);
/* Finishes the piece under way; what waits is not begun, and nothing is told
 * any more. NULL is fine. */
void beside_close(struct beside *beside);
/* `work` on the thread, then `done` from the loop. */
void beside_add(struct beside *beside, beside_work *work, beside_work *done,
                void *context);
