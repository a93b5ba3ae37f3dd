/* What the allocator is made of; for its own files only. */
#pragma once
#include "base/heap.h"
#include "base/table.h"
#include "master/core/allocator.h"
#include "master/core/drf.h"
#include <utlist.h>

/* A framework in one of its roles. Clients live as long as the framework, so
 * that what is allocated keeps its owner when the framework leaves a role. */
struct client {
    struct drf_client drf; /* first: the lists hold pointers to it */
    struct framework_entry *framework; /* borrowed: owns this client */
    struct role_entry *role;           /* borrowed: never removed */
    bool is_subscribed, is_suppressed;
    struct refusals *refusals; /* owned; by agent */
    struct client *next;       /* of the framework */
};

struct role_entry {
    struct drf_client drf; /* first; name is owned */
    struct drf_list clients;
    UT_hash_handle hh; /* by name */
};

struct framework_entry {
    uint64_t number;
    char *id;
    bool is_active, takes_gpus, takes_revocable;
    struct client *client; /* list */
    UT_hash_handle hh;     /* by number */
};

/* What one client refused on one agent. */
struct refusals {
    uint64_t agent;
    struct refusal_entry *entry; /* list; owned */
    UT_hash_handle hh;           /* by agent, in client */
};
struct refusal_entry {
    uint64_t number;
    struct client *client;
    struct refusals *set;
    struct resources resources;
    struct refusal_entry *prev, *next;
    UT_hash_handle hh; /* by number, in the allocator */
};

/* What one client has on one agent. */
struct share {
    struct client *client;
    struct resources resources;
};
struct agent_entry {
    uint64_t number;
    struct resources total, free;
    VEC(struct share) shares;
    bool is_active, is_touched, has_gpus, has_reservations, has_revocable;
    UT_hash_handle hh; /* by number */
};

struct allocator {
    int64_t interval_ms, start_ms;
    struct rng *rng;
    VEC(struct resources) alternatives; /* one of these makes an offer */
    char *scalar[ALLOCATOR_SCALARS_MAX];
    int scalar_count;
    struct drf_amounts total;
    struct agent_entry *agents;
    struct framework_entry *frameworks;
    struct role_entry *roles;
    struct drf_list role_order;
    struct refusal_entry *refusals;
    uint64_t next_refusal;
    struct heap ends;      /* of refusals: id = number */
    VEC(uint64_t) touched; /* agents with something new to give */
    bool is_all_touched;
    uint64_t runs;
};

/* --- allocator.c */
struct agent_entry *find_agent(const struct allocator *a, uint64_t number);
/* Something new may be offered on it. */
void touch(struct allocator *a, struct agent_entry *agent);
/* Move resources from free to a client. */
void take(struct allocator *a, struct agent_entry *agent, struct client *client,
          const struct resources *resources);

/* --- refusals.c */
void client_forgive(struct allocator *a, struct client *client);
void client_forgive_agent(struct allocator *a, struct client *client,
                          uint64_t agent);
bool client_refuses(const struct client *client, uint64_t agent,
                    const struct resources *resources);
void client_refuse(struct allocator *a, struct client *client, uint64_t agent,
                   const struct resources *resources, int64_t end_ms);
/* The first tick after `at_ms`, never `at_ms` itself: a refusal of no length
 * must not turn into offers without a pause. */
int64_t tick_after(const struct allocator *a, int64_t at_ms);
/* Drop those whose time is over, and touch their agents. */
void end_refusals(struct allocator *a, int64_t now_ms);
