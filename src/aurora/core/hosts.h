/* The machines aurora has heard of, and the offers it holds of them. Offers of
 * one agent count as one heap of free resources: they are always accepted
 * together, so what they hold is never spent twice.
 *
 * The index that placing uses: hosts with offers whose attributes (but "host"),
 * free amounts and totals are equal are interchangeable, and stand in one
 * **shape**, a heap by host order. Placing looks at shapes, not at hosts, and a
 * fresh cluster of equal machines is one shape.
 *
 * Every change of what a host offers gives it the next generation, and shapes
 * are listed by their newest one: a group that did not fit looks only at what
 * changed since. Host order is by agent id: the shorter id first, then by
 * bytes, which is the order of their numbers. */
#pragma once
#include "aurora/core/job_config.h"
#include "base/attributes.h"
#include "base/bytes.h"
#include "base/ranges.h"
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

enum { SHAPE_PORTS_MAX = PORT_NAMES_MAX };

struct host;

/* Equal attributes, "host" apart. Kept while a host has it. */
struct host_class {
    uint64_t number;
    uint32_t refs;
    char *text; /* owned; canonical */
    UT_hash_handle hh;
};

/* Integers only, no padding: compared and hashed as memory. */
struct shape_key {
    uint64_t class_number;
    struct amounts free, total;
    uint64_t ports; /* free ones, at most SHAPE_PORTS_MAX */
};

struct shape {
    struct shape_key key;
    struct host_class *class;
    struct host **heap; /* owned; heap[0] is the first in host order */
    uint32_t count, capacity;
    uint64_t generation;         /* newest of its hosts since it was made */
    struct shape *older, *newer; /* by generation */
    uint64_t attempt;            /* scratch of placing */
    int64_t score;               /* scratch of placing */
    UT_hash_handle hh;
};

struct offer {
    struct blob *id; /* owned */
    uint64_t number; /* for the timer */
    struct host *host;
    struct amounts free;
    struct ranges ports;
    struct offer *next; /* of the same host, oldest first */
    UT_hash_handle hh_id, hh_number;
};

struct host {
    struct blob *agent_id; /* owned */
    uint64_t number;       /* tells it from every other host there ever was */
    uint64_t description;  /* another one whenever scripts would see it change:
                              its names, attributes, totals */
    char *hostname;        /* owned */
    char *endpoint;        /* owned; "ip:port" of the agent, "" unknown */
    struct attributes attributes;
    struct host_class *class;
    struct offer *offers; /* owned list */
    struct amounts free;  /* sum of the offers */
    struct ranges ports;  /* union of the offers */
    struct amounts used;  /* by our own active tasks */
    struct amounts total; /* most ever seen as free + used */
    uint64_t ports_total; /* most ever seen free */
    uint32_t tasks;       /* active tasks of ours on it */
    int64_t seen_ms;      /* last offer */
    struct shape *shape;  /* NULL while it has no offer */
    uint32_t heap_at;
    bool is_dirty;      /* to be saved */
    bool is_lost;       /* it failed and made no offer since */
    uint32_t launch_at; /* its open launch of this pass + 1; 0: none */
    UT_hash_handle hh;
};

struct hosts {
    struct host *by_agent;
    struct host_class *class;
    struct shape *shape;
    struct shape *newest;
    struct offer *offer_by_id, *offer_by_number;
    uint64_t next_number, generation, attempt;
};

void hosts_release(struct hosts *hosts);
struct host *hosts_find(struct hosts *hosts, struct bytes agent_id);
/* Find or make; a changed name, endpoint or attribute is taken over and sets
 * is_dirty. */
struct host *hosts_update(struct hosts *hosts, struct bytes agent_id,
                          const char *hostname, const char *endpoint,
                          const struct attributes *attributes);
/* Forget a host that has neither offers nor tasks. */
void hosts_remove(struct hosts *hosts, struct host *host);

/* A new offer; NULL when its id is held already. */
struct offer *hosts_add_offer(struct hosts *hosts, struct host *host,
                              struct bytes id, const struct amounts *amounts,
                              const struct ranges *ports, int64_t now_ms);
struct offer *hosts_find_offer(struct hosts *hosts, struct bytes id);
struct offer *hosts_offer_by_number(struct hosts *hosts, uint64_t number);
void hosts_remove_offer(struct hosts *hosts, struct offer *offer);
void hosts_remove_offers_of(struct hosts *hosts, struct host *host);
void hosts_remove_all_offers(struct hosts *hosts);

/* Spend part of what the host offers; `ports` (unset) gets `port_count` of its
 * lowest free ports. Precondition: it fits. */
void hosts_take(struct hosts *hosts, struct host *host,
                const struct amounts *need, uint32_t port_count,
                struct ranges *ports);
/* A script judged it: those that wait look at it again. */
void hosts_touch(struct hosts *hosts, struct host *host);
/* A task of ours began or ended to count on this host. */
void host_use(struct host *host, const struct amounts *need);
void host_unuse(struct host *host, const struct amounts *need);

/* Negative when a comes before b. */
int host_compare(const struct host *a, const struct host *b);
/* The host's own name for constraints on "host" (its attribute of that name,
 * else its hostname), or the first value of an attribute; NULL without. */
const char *host_value(const struct host *host, const char *attribute);
/* Has the host this value of the attribute (any of them)? */
bool host_has_value(const struct host *host, const char *attribute,
                    const char *value);
void hosts_check(const struct hosts *hosts);
