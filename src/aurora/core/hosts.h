/* The machines aurora has heard of, and the offers it holds of them. Offers of
 * one agent count as one heap of free resources: they are always accepted
 * together, so what they hold is never spent twice.
 *
 * `free` is what the offers hold. What of it anybody may have is less by what
 * is kept for single instances. Hosts with offers stand in the index that
 * placing searches (hosts_index.h).
 *
 * Every change of what a host offers gives it the next generation, and the
 * latest changes are remembered: a group that did not fit looks only at what
 * changed since. Host order is by agent id: the shorter id first, then by
 * bytes, which is the order of their numbers; `order` grows with it. */
#pragma once
#include "aurora/core/hosts_class.h"
#include "aurora/core/hosts_index.h"
#include "aurora/core/hosts_trouble.h"
#include "aurora/core/job_config.h"
#include "aurora/core/maintenance.h"
#include "aurora/core/victims.h"
#include "base/attributes.h"
#include "base/bytes.h"
#include "base/ranges.h"
#include "base/table.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    CHANGES_MAX = 1024,   /* remembered; a power of two */
    HOST_ALIGNMENT = 128, /* lines are of 64 bytes, fetched in pairs */
    LATER_STEP = 8192     /* more than any cost (hosts_index.h) */
};

struct offer {
    struct blob *id; /* owned */
    uint64_t number; /* for the timer */
    struct host *host;
    struct amounts free;
    struct revocable spare; /* beside `free` */
    struct ranges ports;
    struct offer *next; /* of the same host, oldest first */
    UT_hash_handle hh_id, hh_number;
};

/* Fields lie by use, in lines of the processor's cache: one that comes from
 * memory costs up to 170 ns, a decision about 700. */
struct host {
    /* What placing reads of every host it looks at: two lines that are fetched
     * together, the second with what a move in the index changes. */
    _Alignas(HOST_ALIGNMENT) struct amounts free; /* sum of the offers */
    struct amounts total; /* most ever seen as free + used */
    uint32_t class_slot;
    uint32_t ports_open;
    int64_t later;     /* maintenance lies ahead: added to its cost, so that
                          any other host is taken first; 0: none */
    bool is_avoided;   /* in trouble: not in the index */
    bool is_closed;    /* for maintenance: not in the index */
    bool is_dedicated; /* as its class */
    bool has_kept;     /* `kept` is not nothing */
    uint32_t cell;
    struct index_kind *kind;            /* NULL: not in the index */
    struct host *cell_prev, *cell_next; /* the ring of its cell */
    uint64_t order;
    uint64_t name; /* what constraints on "host" compare */

    /* What tasks change that come or go. */
    struct amounts used; /* by active tasks of ours on it */
    uint32_t tasks;      /* so many */
    uint64_t generation;
    struct host_class *class;
    struct offer *offers;   /* owned list */
    struct revocable spare; /* sum of the offers; only tasks of a revocable
                               tier use it, and they use no other cpus */
    struct ranges ports;    /* union of the offers */

    struct blob *agent_id; /* owned */
    uint64_t number;       /* tells it from every other host there ever was */
    uint64_t description;  /* another one whenever scripts would see it change:
                              its names, attributes, totals */
    char *hostname;        /* owned */
    char *endpoint;        /* owned; "ip:port" of the agent, "" unknown */
    struct attributes attributes;
    struct host *class_prev, *class_next;
    struct amounts kept; /* of what is free, for single instances */
    uint32_t ports_kept;
    uint64_t ports_total; /* most ever seen free */
    int64_t seen_ms;      /* last offer */
    bool is_dirty;        /* to be saved */
    bool is_lost;         /* it failed and made no offer since */
    /* maintenance.h */
    enum maintenance_mode mode;
    bool is_going; /* it is about to be unavailable, or is */
    int64_t away_from_ms, away_until_ms; /* as the master says; 0: it stays */
    int64_t away_heard_ms;               /* when it said so last */
    struct blob *inverse; /* owned; the offer that asks for it; or NULL */
    struct trouble trouble;
    struct task *first_task; /* of `tasks`; borrowed, see task_enter_host */
    struct host_victims victims;
    uint32_t launch_at; /* its open launch of this pass + 1; 0: none */
    UT_hash_handle hh;
};

/* What of its free amounts anybody may have. */
static inline struct amounts host_open(const struct host *host)
{
    struct amounts open = host->free;

    if (!host->has_kept)
        return open;
    open.cpus = open.cpus > host->kept.cpus ? open.cpus - host->kept.cpus : 0;
    open.mem = open.mem > host->kept.mem ? open.mem - host->kept.mem : 0;
    open.disk = open.disk > host->kept.disk ? open.disk - host->kept.disk : 0;
    open.gpus = open.gpus > host->kept.gpus ? open.gpus - host->kept.gpus : 0;
    return open;
}

static inline bool host_has_spare(const struct host *host,
                                  const struct revocable *need)
{
    return host->spare.cpus >= need->cpus && host->spare.mem >= need->mem;
}

struct hosts {
    struct host *by_agent;
    struct host_classes classes;
    struct host_index index;
    VEC(struct host *) in_order; /* all of them */
    struct offer *offer_by_id, *offer_by_number;
    struct host *change[CHANGES_MAX]; /* by generation; NULL: it is gone */
    uint64_t next_number, generation;
    uint64_t renamed; /* grows when a host's names or attributes change */
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
/* What of the offer may be taken back; once per offer. */
void hosts_add_spare(struct hosts *hosts, struct offer *offer,
                     const struct revocable *spare);
void hosts_take_spare(struct host *host, const struct revocable *need);
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
/* The opposite: what was taken was not spent after all. */
void hosts_give(struct hosts *hosts, struct host *host,
                const struct amounts *need, const struct ranges *ports);
/* Keep that much of what it has, or will have, for somebody; or no more. */
void hosts_keep(struct hosts *hosts, struct host *host,
                const struct amounts *need, uint32_t port_count);
void hosts_unkeep(struct hosts *hosts, struct host *host,
                  const struct amounts *need, uint32_t port_count);
/* Leave it out of the index, or not any more. */
void hosts_avoid(struct hosts *hosts, struct host *host, bool is_avoided);
/* The same for maintenance (maintenance.h); or let others go first: a multiple
 * of LATER_STEP. */
void hosts_close(struct hosts *hosts, struct host *host, bool is_closed,
                 int64_t later);
/* A script judged it: those that wait look at it again. */
void hosts_touch(struct hosts *hosts, struct host *host);
/* A task of ours began or ended to count on this host. */
void host_use(struct host *host, const struct amounts *need);
void host_unuse(struct host *host, const struct amounts *need);

/* Hosts that changed after `since`, each once, in a defined order:
 *     struct changes at = hosts_changes(hosts, since);
 *     while ((host = hosts_next_change(&at)))
 */
struct changes {
    const struct hosts *hosts;
    uint64_t since, at;
    struct host *next; /* of all hosts, when too much changed */
    bool is_log;
};
struct changes hosts_changes(const struct hosts *hosts, uint64_t since);
struct host *hosts_next_change(struct changes *changes);

/* Negative when a comes before b. */
int host_compare(const struct host *a, const struct host *b);
/* The host's own name for constraints on "host" (its attribute of that name,
 * else its hostname), or the first value of an attribute; NULL without. */
const char *host_value(const struct host *host, const char *attribute);
/* Has the host this value of the attribute (any of them)? */
bool host_has_value(const struct host *host, const char *attribute,
                    const char *value);
void hosts_check(const struct hosts *hosts);
