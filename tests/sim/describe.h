/* Bodies of the trace in words: protobuf of the known APIs becomes JSON. */
#pragma once
#include "base/bytes.h"

/* `about` begins with the kind of message: "agent.call", "agent.event",
 * "scheduler.call", "scheduler.event", "executor.call", "executor.event",
 * "aurora.call", "aurora.answer", "aurora.event"; else the body is text. At
 * most a few hundred bytes are written. */
void describe(struct bytes body, const char *about, struct buf *out);
