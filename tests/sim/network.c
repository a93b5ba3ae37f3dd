#include "tests/sim/network.h"
#include "tests/sim/message.h"

#include "base/alloc.h"
#include "base/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    CALL_MS_DEFAULT = 60000, /* as src/sys/http_client has them */
    FOLLOW_HEAD_MS = 30000,
    BREAK_NOTICED_MS = 20000 /* how late a side may learn of a broken link */
};

/* One exchange. Both sides, the lane and every event hold a reference. */
struct link {
    uint32_t refs;
    struct network *net;
    struct node *client, *server; /* server: NULL until somebody answers */
    uint64_t client_life, server_life;
    exchange_id made, served;
    char address[ADDRESS_MAX];
    const struct message_names *about;
    struct input *request; /* owned until it is on its way */
    bool is_stream, has_head;
    bool is_client_open, is_server_open;
    bool is_broken; /* nothing passes any more */
    bool is_unsent; /* it was hung up before it could leave */
    int64_t started_ms;
    int64_t to_client_ms, to_server_ms; /* order within each direction */
    struct lane *lane;                  /* of a call; NULL: out of it */
    TAILQ_ENTRY(link) next;
    UT_hash_handle hh_made, hh_served;
};

/* A kept connection: the first of the queue is the call being made. */
struct lane {
    char address[ADDRESS_MAX];
    TAILQ_HEAD(, link) queue;
    UT_hash_handle hh;
};

struct delivery {
    struct event event;
    struct link *link;   /* a reference */
    struct input *input; /* owned; NULL: a timeout */
    bool is_to_server;
};

static void lane_advance(struct lane *lane);

static void link_unref(struct link *link)
{
    if (--link->refs > 0)
        return;
    if (link->request != NULL)
        input_free(link->request);
    link->net->links--;
    free(link);
}

static void close_server_side(struct link *link)
{
    if (!link->is_server_open)
        return;
    link->is_server_open = false;
    HASH_DELETE(hh_served, link->server->served, link);
    link_unref(link);
}

static void close_client_side(struct link *link)
{
    struct lane *lane = link->lane;

    if (!link->is_client_open)
        return;
    link->is_client_open = false;
    HASH_DELETE(hh_made, link->client->made, link);
    if (lane != NULL) {
        bool was_first = TAILQ_FIRST(&lane->queue) == link;
        TAILQ_REMOVE(&lane->queue, link, next);
        link->lane = NULL;
        if (was_first)
            lane_advance(lane);
    }
    link_unref(link);
}

/* --- who can reach whom --- */

void network_init(struct network *net, struct world *w)
{
    *net = (struct network){.w = w};
}

void network_release(struct network *net)
{
    free(net->node);
}

void network_listen(struct network *net, struct node *node)
{
    if (net->node_count == net->node_capacity) {
        net->node_capacity = net->node_capacity ? net->node_capacity * 2 : 8;
        net->node =
            xreallocarray(net->node, net->node_capacity, sizeof(struct node *));
    }
    net->node[net->node_count++] = node;
}

static struct node *listener(const struct network *net, const char *address)
{
    for (uint32_t i = 0; i < net->node_count; i++)
        if (strcmp(net->node[i]->address, address) == 0)
            return net->node[i];
    return NULL;
}

void network_partition(struct network *net, struct node *a, struct node *b,
                       int64_t for_ms)
{
    struct partition *slot = &net->partition[0];

    for (int i = 1; i < PARTITIONS_MAX; i++)
        if (net->partition[i].until_ms < slot->until_ms)
            slot = &net->partition[i];
    *slot = (struct partition){a, b, net->w->now_ms + for_ms};
    world_note(net->w, a->name, "cut", 0, bytes_of_text(""),
               "from %s for %lld ms", b->name, (long long)for_ms);
}

int64_t network_cut_until(const struct network *net, const struct node *a,
                          const struct node *b)
{
    int64_t until_ms = net->w->now_ms;

    for (int i = 0; i < PARTITIONS_MAX; i++) {
        const struct partition *p = &net->partition[i];
        if (((p->a == a && p->b == b) || (p->a == b && p->b == a)) &&
            p->until_ms > until_ms)
            until_ms = p->until_ms;
    }
    return until_ms;
}

bool network_is_cut(const struct network *net, const struct node *a,
                    const struct node *b)
{
    return network_cut_until(net, a, b) > net->w->now_ms;
}

static int64_t latency_ms(struct network *net, bool is_local)
{
    const struct weather *weather = &net->weather;
    int64_t ms = world_between(net->w, 0, is_local ? 1 : 3);

    if (!is_local && weather->slow > 0 && world_chance(net->w, weather->slow))
        ms += world_between(net->w, 0, weather->slow_ms);
    return ms;
}

static bool is_local(const struct node *a, const struct node *b)
{
    return b != NULL && strcmp(a->host, b->host) == 0;
}

static bool is_lost(struct network *net, bool local)
{
    uint32_t loss = local ? net->weather.loss / 2 : net->weather.loss;

    return loss > 0 && world_chance(net->w, loss);
}

/* --- deliveries --- */

static void delivery_release(struct event *event)
{
    struct delivery *d = (struct delivery *)event;

    if (d->input != NULL)
        input_free(d->input);
    link_unref(d->link);
}

static struct delivery *delivery_new(struct link *link, struct input *input,
                                     bool is_to_server,
                                     void (*run)(struct world *,
                                                 struct event *))
{
    struct delivery *d = xcalloc(1, sizeof *d);

    d->event = (struct event){run, delivery_release};
    d->link = link;
    d->input = input;
    d->is_to_server = is_to_server;
    link->refs++;
    return d;
}

static void tell_client(struct world *w, struct event *event)
{
    struct delivery *d = (struct delivery *)event;
    struct link *link = d->link;
    struct node *client = link->client;
    struct input *input = d->input;

    (void)w;
    if (!link->is_client_open)
        return;
    d->input = NULL;
    if (input->kind == INPUT_ANSWER && link->is_stream &&
        input->response.status == 200)
        link->has_head = true;
    else if (input->kind != INPUT_RECORD)
        close_client_side(link);
    node_input_take(client, input);
}

static void tell_server(struct world *w, struct event *event)
{
    struct delivery *d = (struct delivery *)event;

    (void)w;
    if (!d->link->is_server_open)
        return;
    struct input *input = d->input;
    d->input = NULL;
    input->exchange = d->link->served;
    close_server_side(d->link);
    node_input_take(d->link->server, input);
}

static void send_to_client(struct link *link, int64_t at_ms,
                           struct input *input)
{
    if (at_ms < link->to_client_ms)
        at_ms = link->to_client_ms;
    link->to_client_ms = at_ms;
    world_at(link->net->w, at_ms,
             &delivery_new(link, input, false, tell_client)->event);
}

static void break_client(struct link *link, int64_t at_ms, const char *why)
{
    struct input *input = input_new(INPUT_BROKEN, link->made, "");

    input->why = arena_strdup(&input->arena, why);
    send_to_client(link, at_ms, input);
}

static void break_server(struct link *link, int64_t at_ms)
{
    if (!link->is_server_open)
        return;
    if (at_ms < link->to_server_ms)
        at_ms = link->to_server_ms;
    world_at(
        link->net->w, at_ms,
        &delivery_new(link, input_new(INPUT_GONE, 0, ""), true, tell_server)
             ->event);
}

/* The connection is dead; each side learns of it in its own time. */
static void link_break(struct link *link, const char *why)
{
    struct network *net = link->net;
    struct world *w = net->w;
    int64_t cut_ms = link->server != NULL
                         ? network_cut_until(net, link->client, link->server)
                         : w->now_ms;
    int64_t most_ms = world_once_in(w, 4) ? BREAK_NOTICED_MS : 100;

    if (link->is_broken)
        return;
    link->is_broken = true;
    break_client(link, world_between(w, w->now_ms, cut_ms + most_ms), why);
    break_server(link, world_between(w, w->now_ms, cut_ms + most_ms));
}

/* When what is sent now arrives; -1: it was lost, and the link with it. */
static int64_t arrival_ms(struct link *link)
{
    struct network *net = link->net;
    struct world *w = net->w;
    bool local = is_local(link->client, link->server);

    if (link->is_broken)
        return -1;
    if (link->server != NULL && !local) {
        int64_t cut_ms = network_cut_until(net, link->client, link->server);
        if (cut_ms > w->now_ms) {
            if (!world_once_in(w, 2))
                return cut_ms + latency_ms(net, false);
            link_break(link, "connection broke: Connection timed out");
            return -1;
        }
    }
    if (is_lost(net, local)) {
        link_break(link, "connection broke: Connection reset by peer");
        return -1;
    }
    return w->now_ms + latency_ms(net, local);
}

/* --- the client's side --- */

static void reach_server(struct world *w, struct event *event)
{
    struct delivery *d = (struct delivery *)event;
    struct link *link = d->link;
    struct node *server = link->server;

    if (link->is_unsent)
        return;
    if (!node_is_up(server)) {
        link->is_broken = true;
        break_client(link, w->now_ms + latency_ms(link->net, true),
                     "connection broke: Connection reset by peer");
        return;
    }
    struct input *input = d->input;
    d->input = NULL;
    link->server_life = server->life;
    link->served = ++server->next_served;
    input->exchange = link->served;
    link->is_server_open = true;
    link->refs++;
    HASH_ADD(hh_served, server->served, served, sizeof link->served, link);
    if (!link->is_client_open || link->is_broken)
        break_server(link, w->now_ms + latency_ms(link->net, true));
    node_input_take(server, input);
}

static void link_start(struct link *link)
{
    struct network *net = link->net;
    struct world *w = net->w;

    link->started_ms = w->now_ms;
    link->server = listener(net, link->address);
    if (link->server == NULL || !node_is_up(link->server)) {
        link->is_broken = true;
        break_client(link, w->now_ms + latency_ms(net, true),
                     "cannot connect: Connection refused");
        return;
    }
    if (network_is_cut(net, link->client, link->server)) {
        link->is_broken = true; /* the timeout tells, or the router */
        if (world_once_in(w, 2))
            break_client(link, w->now_ms + world_between(w, 1, 15000),
                         "cannot connect: No route to host");
        return;
    }
    int64_t at_ms = arrival_ms(link);
    if (at_ms < 0)
        return;
    link->to_server_ms = at_ms;
    world_at(w, at_ms,
             &delivery_new(link, link->request, true, reach_server)->event);
    link->request = NULL;
}

static void lane_advance(struct lane *lane)
{
    struct link *first = TAILQ_FIRST(&lane->queue);

    if (first != NULL)
        link_start(first);
}

static struct lane *lane_of(struct node *client, const char *address)
{
    struct lane *lane;

    HASH_FIND_STR(client->lanes, address, lane);
    if (lane == NULL) {
        lane = xcalloc(1, sizeof *lane);
        (void)snprintf(lane->address, sizeof lane->address, "%s", address);
        TAILQ_INIT(&lane->queue);
        HASH_ADD_STR(client->lanes, address, lane);
    }
    return lane;
}

static void on_timeout(struct world *w, struct event *event)
{
    struct delivery *d = (struct delivery *)event;
    struct link *link = d->link;

    if (!link->is_client_open || link->has_head)
        return;
    link->is_broken = true;
    link->to_client_ms = w->now_ms; /* it does not wait for what is late */
    break_client(link, w->now_ms, "no answer: timed out");
    break_server(link, w->now_ms + latency_ms(link->net, true));
}

void network_begin(struct network *net, struct node *client,
                   const struct effect *effect)
{
    struct link *link = xcalloc(1, sizeof *link);
    const char *path =
        message_split(effect->call.url, link->address, sizeof link->address);
    int64_t timeout_ms = effect->call.timeout_ms;

    link->refs = 1;
    link->net = net;
    net->links++;
    link->client = client;
    link->client_life = client->life;
    link->made = effect->exchange;
    link->is_stream = effect->kind == EFFECT_FOLLOW;
    link->is_client_open = true;
    link->about = message_names(path);
    link->request =
        message_request(effect, path, client->host, client->authorization);
    HASH_ADD(hh_made, client->made, made, sizeof link->made, link);
    if (timeout_ms <= 0)
        timeout_ms = link->is_stream ? FOLLOW_HEAD_MS : CALL_MS_DEFAULT;
    world_at(net->w, net->w->now_ms + timeout_ms,
             &delivery_new(link, NULL, false, on_timeout)->event);
    if (link->is_stream) {
        link_start(link);
        return;
    }
    link->lane = lane_of(client, link->address);
    TAILQ_INSERT_TAIL(&link->lane->queue, link, next);
    if (TAILQ_FIRST(&link->lane->queue) == link)
        link_start(link);
}

void network_hangup(struct network *net, struct node *client,
                    exchange_id exchange)
{
    struct link *link;

    HASH_FIND(hh_made, client->made, &exchange, sizeof exchange, link);
    if (link == NULL)
        return;
    int64_t at_ms = net->w->now_ms + latency_ms(net, true);
    if (link->server != NULL)
        at_ms += network_cut_until(net, client, link->server) - net->w->now_ms;
    link->is_broken = true;
    /* A call that got its turn only because the one before it was hung up has
     * no connection yet to leave by. */
    link->is_unsent = link->started_ms == net->w->now_ms;
    break_server(link, at_ms);
    close_client_side(link);
}

/* --- the server's side --- */

static struct link *find_served(const struct node *server, exchange_id exchange)
{
    struct link *link;

    HASH_FIND(hh_served, server->served, &exchange, sizeof exchange, link);
    return link;
}

struct node *network_client(const struct node *server, exchange_id exchange)
{
    const struct link *link = find_served(server, exchange);

    return link != NULL ? link->client : NULL;
}

/* The whole answer. To one who follows it is a stream that ends at once. */
static void reply(struct link *link, const struct effect *effect)
{
    int64_t at_ms = arrival_ms(link);

    if (at_ms >= 0) {
        bool ends = link->is_stream && effect->response.status == 200;
        send_to_client(link, at_ms,
                       message_answer(link->made, link->about,
                                      &effect->response,
                                      ends ? bytes_of("", 0) : effect->bytes));
        if (ends)
            break_client(link, at_ms, "stream ended");
    }
    close_server_side(link);
}

static void send_record(struct link *link, struct bytes record)
{
    int64_t at_ms = arrival_ms(link);

    if (at_ms < 0)
        return;
    send_to_client(link, at_ms,
                   message_record(link->made, link->about, record));
}

void network_serve(struct network *net, struct node *server,
                   const struct effect *effect)
{
    struct link *link = find_served(server, effect->exchange);
    int64_t at_ms;

    (void)net;
    if (link == NULL)
        return; /* who asked has left */
    switch (effect->kind) {
    case EFFECT_REPLY:
        reply(link, effect);
        break;
    case EFFECT_STREAM:
        at_ms = arrival_ms(link);
        if (at_ms >= 0)
            send_to_client(link, at_ms,
                           message_answer(link->made, link->about,
                                          &effect->response, bytes_of("", 0)));
        break;
    case EFFECT_RECORD:
        send_record(link, effect->bytes);
        break;
    default:
        at_ms = arrival_ms(link);
        if (at_ms >= 0)
            break_client(link, at_ms, "stream ended");
        close_server_side(link);
        break;
    }
}

/* --- death --- */

void network_node_down(struct network *net, struct node *node)
{
    struct link *link, *next_link;
    struct lane *lane, *next_lane;

    HASH_ITER(hh, node->lanes, lane, next_lane)
    {
        while ((link = TAILQ_FIRST(&lane->queue)) != NULL) {
            TAILQ_REMOVE(&lane->queue, link, next);
            link->lane = NULL;
        }
        HASH_DEL(node->lanes, lane);
        free(lane);
    }
    HASH_ITER(hh_made, node->made, link, next_link)
    {
        link->is_broken = true;
        if (link->server != NULL)
            break_server(link, network_cut_until(net, node, link->server) +
                                   latency_ms(net, true));
        close_client_side(link);
    }
    HASH_ITER(hh_served, node->served, link, next_link)
    {
        if (!link->is_broken)
            break_client(link,
                         network_cut_until(net, node, link->client) +
                             latency_ms(net, true),
                         "connection broke: Connection reset by peer");
        link->is_broken = true;
        close_server_side(link);
    }
}
