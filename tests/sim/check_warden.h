/* The master's maintenance schedule under faults: what was acknowledged is in
 * force; no agent is let in and, after a while, no task begins on a machine
 * that is down; nobody is asked for a machine that stays, and who was asked is
 * told when it does; of a machine whose time has come the scheduler has told
 * every task to end. In the end every machine is back. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct run;

/* What it remembers between steps. */
struct warden_look {
    uint64_t life;
    int64_t clock_off_ms, late_since_ms; /* 0: no host is late */
};

/* After a step of the master or of the warden; after one of the scheduler. */
void check_warden(struct cluster *c);
void check_going(struct cluster *c);
/* A task begins. */
void check_not_down(struct cluster *c, const struct run *run);
/* Was its machine taken down behind that time, or so shortly before it that the
 * agent may still have been leaving? What lived then may be said to be lost
 * while it lives, and what the agent kept then went with it. */
bool was_taken_down(const struct run *run, int64_t at_ms);
void final_warden(struct cluster *c);
