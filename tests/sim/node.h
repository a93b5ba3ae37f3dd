/* A node: one program on one imagined host, driven as src/sys/daemon drives it
 * in reality. Inputs queue; a turn feeds them all; its PERSIST effects are one
 * batch; its other effects leave, in order, when that batch and all before it
 * are durable. The node may die at any step. What survives is its disk: every
 * batch that was durable, and sometimes some that were on the way.
 *
 *   DOWN ──node_start──► UP ──node_crash──► DOWN
 *                         └──EFFECT_STOP──► DOWN (in good order)
 *
 * A *life* is the time between a start and the next end; whatever was meant
 * for an earlier life is dropped. */
#pragma once
#include "base/arena.h"
#include "tests/sim/disk.h"
#include "tests/sim/world.h"
#include "wire/program.h"

enum {
    NODE_NAME_MAX = 24,
    ADDRESS_MAX = 32,
    /* A program's check() costs more than most of its steps: it is called after
     * each step that stores something, and else after so many. What is wrong
     * stays wrong that long. */
    NODE_CHECK_EACH = 8
};

/* Years that the wall clock shows at the beginning of the world, in ms. */
#define WALL_START_MS INT64_C(1800000000000)

enum input_kind {
    INPUT_REQUEST,
    INPUT_GONE,
    INPUT_ANSWER,
    INPUT_RECORD,
    INPUT_BROKEN,
    INPUT_FACT
};

struct input {
    struct input *next;
    enum input_kind kind;
    exchange_id exchange;
    struct arena arena; /* owns what the rest points to */
    const char *about;  /* a literal for the trace: "agent.call" */
    struct http_request request;
    struct http_response response;
    struct bytes record;
    const char *why;
    uint32_t fact_kind;
    void *fact;
};

struct input *input_new(enum input_kind kind, exchange_id exchange,
                        const char *about);
void input_free(struct input *input);

struct node;
/* What one sort of node is made of. */
struct node_kind {
    const struct program *program;
    void *(*begin)(struct node *node); /* the state of a new life */
    void (*end)(void *self);
    /* Perform an ACT; NULL: the program has none. Must add what it was asked
     * to the trace: the world cannot know what is in it. */
    void (*act)(struct node *node, uint32_t kind, const void *data);
    /* The life is over, and why: "crash", "stop", "disk". May be NULL. */
    void (*on_down)(struct node *node, const char *why, int status);
};

struct turn; /* effects that wait for the disk */

struct node {
    struct world *w;
    const struct node_kind *kind;
    void *context; /* the kind's */
    uint32_t number;
    char name[NODE_NAME_MAX];
    char address[ADDRESS_MAX]; /* "10.0.0.1:5050"; "" does not listen */
    char host[ADDRESS_MAX];    /* nodes of one host reach each other always */
    const char *authorization; /* header of its calls to aurora; NULL: none */
    void *self;                /* NULL: down */
    uint64_t life;
    uint64_t seed;        /* of this node; each life draws from it */
    int64_t clock_off_ms; /* the wall clock of its host is wrong by */
    struct disk disk;
    struct input *first, **last; /* the inbox */
    int64_t turn_at_ms;          /* scheduled turn; INT64_MAX: none */
    uint64_t turn_number;        /* of the scheduled turn that counts */
    uint32_t spins;              /* turns in a row with nothing but a timer */
    uint32_t unchecked;          /* steps since its check() */
    struct turn *turns, **turns_end; /* decided, not yet released */
    uint64_t last_batch;
    bool is_stopping;
    bool is_buried;          /* it will not start again */
    int64_t paused_until_ms; /* SIGSTOP: it does nothing before */
    int stop_status;
    struct link *made;   /* our requests, by exchange */
    struct link *served; /* requests to us, by exchange */
    struct lane *lanes;  /* kept connections for calls, by address */
    exchange_id next_served;
};

void node_init(struct node *node, struct world *w, const struct node_kind *kind,
               const char *name, const char *address, void *context);
void node_release(struct node *node); /* down or up */
bool node_is_up(const struct node *node);
int64_t node_wall_ms(const struct node *node);
/* Replay the disk and begin a life. The node must be down. */
void node_start(struct node *node);
/* kill -9. Does nothing to a node that is down. */
void node_crash(struct node *node, const char *why);
/* SIGSTOP, and SIGCONT after a while: what comes meanwhile waits. */
void node_pause(struct node *node, int64_t for_ms);
/* Queue an input for this life (takes it). */
void node_input_take(struct node *node, struct input *input);
/* A fact: `size` bytes are copied; `about` is the whole of it in words. */
void node_fact(struct node *node, uint32_t kind, const void *data, size_t size,
               const char *about);
/* The same in delay_ms, unless the life is over then. */
void node_fact_later(struct node *node, int64_t delay_ms, uint32_t kind,
                     const void *data, size_t size, const char *about);
/* The same, with the bytes that the struct bytes at offset `at` points to. */
void node_fact_with(struct node *node, int64_t delay_ms, uint32_t kind,
                    const void *data, size_t size, size_t at,
                    const char *about);
/* The host's wall clock jumps. */
void node_clock_jump(struct node *node, int64_t by_ms);
