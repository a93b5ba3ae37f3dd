/* When machines will be away: Mesos' maintenance schedule.
 *
 * A *machine* is named by a hostname, an address, or both, and has the agents
 * for which all of that is true. It is UP while the schedule does not list it,
 * DRAINING while it does, and DOWN from master_machines_down() until
 * master_machines_up(), which takes it out of the schedule.
 *
 *            in the schedule            down
 *     UP ──────────────────► DRAINING ────────► DOWN
 *      ▲                         │               │ up: not in the schedule
 *      └──── not in it any more ─┴───────────────┘ any more
 *
 * DRAINING: offers of its agents carry the unavailability, and each framework
 * that uses something there is asked for it by an *inverse offer*: one at a
 * time, again when its answer's filter is over. What frameworks make of that is
 * their business. DOWN: its agents are shut down and gone, and no agent of it
 * is let in.
 *
 * An agent that several machines name belongs to one that is down if there is
 * one, else to the one that says most: hostname and address, hostname, address.
 *
 * The whole schedule is one record, replaced at once. */
#pragma once
#include "base/err.h"
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

enum { MASTER_MACHINES_MAX = 10000, MASTER_MACHINE_NAME_MAX = 255 };

struct agent;
struct framework;
struct master;
struct outputs;

struct machine_id {
    const char *hostname, *ip; /* "": any; the address in its usual form */
};

struct unavailability {
    int64_t start_ns;
    int64_t duration_ns; /* -1: nobody knows when it ends */
};

struct master_machine {
    char *key; /* "hostname ip" in small letters */
    char *hostname, *ip;
    uint32_t window; /* machines of one window are neighbours */
    struct unavailability when;
    bool is_down;
    UT_hash_handle hh; /* by key; in the order of the schedule */
};

struct window { /* as it comes in */
    const struct machine_id *machine;
    uint32_t machine_count;
    struct unavailability when;
};

enum inverse_answer { INVERSE_UNANSWERED, INVERSE_ACCEPTED, INVERSE_DECLINED };

/* What one framework was asked for one agent, since its window is as it is. */
struct inverse {
    struct framework *framework; /* borrowed */
    struct agent *agent;         /* borrowed */
    uint64_t number;             /* of the offer that is out; of all offers */
    bool is_out;                 /* and not answered */
    enum inverse_answer answer;  /* the last one */
    int64_t answered_ms;
    int64_t again_ms; /* it is not asked again before */
    struct inverse *agent_prev, *agent_next;
    struct inverse *framework_prev, *framework_next;
    UT_hash_handle hh; /* by number, while it is out */
};

/* Each of these changes everything or, with a text, nothing. Windows without
 * machines, machines without a name or listed twice, negative times and a
 * schedule without a machine that is down are refused. */
int master_set_schedule(struct master *m, const struct window *window,
                        uint32_t count, int64_t now_ms, struct outputs *out,
                        struct err *err);
/* All have to be DRAINING. Their agents are shut down and removed. */
int master_machines_down(struct master *m, const struct machine_id *id,
                         uint32_t count, int64_t now_ms, struct outputs *out,
                         struct err *err);
/* All have to be DOWN. */
int master_machines_up(struct master *m, const struct machine_id *id,
                       uint32_t count, int64_t now_ms, struct outputs *out,
                       struct err *err);
/* From the store, in the order of the schedule. False when it cannot be. */
bool master_restore_machine(struct master *m, const struct machine_id *id,
                            uint32_t window, struct unavailability when);
bool master_restore_down(struct master *m, const struct machine_id *id);
/* Would an agent there be let in? */
bool master_is_down(const struct master *m, const char *hostname,
                    const char *ip);
/* An agent that runs on a machine that is down is told to end everything. */
void master_turn_away(struct master *m, const char *agent_id, uint64_t stream,
                      int media, int64_t now_ms, struct outputs *out);
/* NULL: it is UP. */
const struct master_machine *machine_of_agent(const struct master *m,
                                              const struct agent *agent);

/* --- for the core itself ------------------------------------------------ */

/* Find the agent's window anew; where it changed, offers and inverse offers
 * are withdrawn and made again. */
void agent_set_window(struct master *m, struct agent *agent, int64_t now_ms,
                      struct outputs *out);
void machines_free(struct master_machine **machines);
