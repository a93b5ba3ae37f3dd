/* Where a daemon's script workers are born: a small process beside it, which
 * forks them, waits for them and kills them when told. A daemon that has grown
 * would stand still for each birth; the nursery was started when it was small.
 *
 * It gives way to its daemon, never evaluates itself, and ends with the daemon;
 * its children end with it. Lost, it is started again by the next birth; whose
 * children were under way hears so. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define NURSERY_ARGUMENT "--script-nursery"

enum { NURSERY_CHILDREN_MAX = 8 };

struct event_base;
struct nursery;

struct nursery_end {
    bool is_born; /* false: it could not be forked */
    int wait_status;
    int64_t cpu_ms; /* that it took */
};

struct nursery_events {
    /* A child ended; its answer may still stand in the pipe. */
    void (*ended)(void *context, uint64_t child, const struct nursery_end *end);
    /* The nursery is gone, and every child with it. */
    void (*lost)(void *context);
    void *context;
};

int nursery_open(struct nursery **out, struct event_base *base,
                 const struct nursery_events *events, struct err *err);
/* Children still there are killed; waits for that. NULL is fine. */
void nursery_close(struct nursery *nursery);
/* Bear a child, named by a number that no living one has: standard input and
 * output are these, both stay the caller's. ERR_BUSY: it died a moment ago, and
 * `lost` will say so. */
int nursery_start(struct nursery *nursery, uint64_t child, int request_fd,
                  int answer_fd, struct err *err);
/* It ends soon, which is told; nothing when it has ended already. */
void nursery_kill(struct nursery *nursery, uint64_t child);
/* Of the process; 0: none at the moment. */
int nursery_pid(const struct nursery *nursery);

/* The nursery's side, until the daemon closes its end. In each child `serve` is
 * called and gives the exit status. */
int nursery_main(int (*serve)(void));
