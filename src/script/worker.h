/* Script workers of a daemon: at most 2 children, a queue of 64, results by
 * callback from the loop. A worker evaluates one bundle and exits. */
#pragma once
#include "script/evaluate.h"

enum { WORKERS_MAX = 2, WORKER_QUEUE_MAX = 64 };

struct event_base;
struct worker_pool;

/* result: a packed perigee.Evaluation (problems say so when the budget was
 * exceeded or the child died). */
typedef void worker_done(void *context, uint64_t ticket, struct bytes result);

int worker_pool_open(struct worker_pool **out, struct event_base *base,
                     const struct script_limits *limits, worker_done *done,
                     void *context, struct err *err);
void worker_pool_close(struct worker_pool *pool);
/* Evaluate canonical perigee.Bundle bytes; -ERR_BUSY when the queue is full.
 * Equal bundles are answered from a cache by hash. */
int worker_pool_evaluate(struct worker_pool *pool, uint64_t ticket,
                         struct bytes bundle, struct err *err);
