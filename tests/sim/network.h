/* The imagined network. A CALL or FOLLOW of one node becomes a request at the
 * node that listens on the address, and its answer goes back, as in reality:
 *
 * - within one connection nothing is reordered or duplicated; what was lost
 *   ends the connection, and each side learns of it in its own time;
 * - calls of one node to one address share a connection and go one after
 *   another; a connection that broke may still deliver what was on it, after
 *   calls that came later on the next one: that is reordering;
 * - a partition holds back what is sent and forbids new connections; a long
 *   one ends connections, at different times on each side. */
#pragma once
#include "tests/sim/node.h"

enum { PARTITIONS_MAX = 16 };

struct weather { /* in thousandths of messages */
    uint32_t loss;
    uint32_t slow; /* are delayed by up to slow_ms */
    int64_t slow_ms;
};

struct partition {
    struct node *a, *b;
    int64_t until_ms;
};

struct network {
    struct world *w;
    struct node **node; /* all that listen; borrowed */
    uint32_t node_count, node_capacity;
    struct weather weather;
    struct partition partition[PARTITIONS_MAX];
    uint32_t links; /* now open, for the check that nothing leaks */
};

void network_init(struct network *net, struct world *w);
void network_release(struct network *net);
void network_listen(struct network *net, struct node *node);
void network_partition(struct network *net, struct node *a, struct node *b,
                       int64_t for_ms);
bool network_is_cut(const struct network *net, const struct node *a,
                    const struct node *b);
/* Until when; the present when it is not cut. */
int64_t network_cut_until(const struct network *net, const struct node *a,
                          const struct node *b);

/* For nodes. */
void network_begin(struct network *net, struct node *client,
                   const struct effect *effect); /* CALL or FOLLOW */
void network_hangup(struct network *net, struct node *client,
                    exchange_id exchange);
/* REPLY, STREAM, RECORD, CLOSE */
void network_serve(struct network *net, struct node *server,
                   const struct effect *effect);
/* The node's life ended: every connection of it ends. */
void network_node_down(struct network *net, struct node *node);
/* Who asked: the node at the other end of a served exchange, or NULL. */
struct node *network_client(const struct node *server, exchange_id exchange);
