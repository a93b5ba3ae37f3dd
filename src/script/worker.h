/* Script workers of a daemon: at most 2 children, a queue of 64, results by
 * callback from the loop. A worker evaluates one bundle and exits; asked a
 * question, it then calls one function of it for many hosts (script/judge.h).
 *
 * Questions have a queue of their own, and never more than one worker: a slow
 * function keeps no job from being created. */
#pragma once
#include "script/evaluate.h"

enum { WORKERS_MAX = 2, WORKER_QUEUE_MAX = 64, QUESTIONS_MAX = 16 };

struct event_base;
struct worker_pool;

/* result: a packed perigee.Evaluation (problems say so when the budget was
 * exceeded or the child died). */
typedef void worker_done(void *context, uint64_t ticket, struct bytes result);

/* verdicts: packed perigee.Verdicts, one per host; when there are fewer, the
 * last one is that of all further hosts. */
typedef void worker_judged(void *context, uint64_t ticket,
                           struct bytes verdicts);

int worker_pool_open(struct worker_pool **out, struct event_base *base,
                     const struct script_limits *limits, worker_done *done,
                     void *context, struct err *err);
void worker_pool_close(struct worker_pool *pool);
/* Evaluate canonical perigee.Bundle bytes; -ERR_BUSY when the queue is full.
 * `pick` "cluster/role/environment/name" wants this job alone, "group:NAME" the
 * jobs of that group, so that a file of many jobs costs its reader little;
 * without such a job come the keys of the first ones. NULL wants all, and more than WORKER_RESULT_MAX is a problem.
 * Equal small bundles are answered from a cache. */
int worker_pool_evaluate(struct worker_pool *pool, uint64_t ticket,
                         struct bytes bundle, const char *pick,
                         struct err *err);
/* Whom questions are answered to; without, none may be asked. */
void worker_pool_on_judged(struct worker_pool *pool, worker_judged *judged);
/* A packed perigee.Judgement about functions of the bundle (empty for LIKE),
 * evaluated with `stdlib`, a packed perigee.Release that one of our programs
 * made (empty: our own). -ERR_BUSY when QUESTIONS_MAX wait already. */
int worker_pool_judge(struct worker_pool *pool, uint64_t ticket,
                      struct bytes bundle, struct bytes judgement,
                      struct bytes stdlib, struct err *err);
