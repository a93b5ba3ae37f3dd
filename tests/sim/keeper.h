/* A keeper of machines: takes some of them out of use over the API at seeded
 * times, one after the other, drains them and gives them back. Like the users
 * (user.h) it repeats what is not answered, never crashes, and remembers what
 * was acknowledged. */
#pragma once
#include "tests/sim/node.h"

enum { KEEPER_WINDOWS_MAX = 3, KEEPER_HOSTS = 3 };

enum keeper_verb { KEEPER_SCHEDULE, KEEPER_DRAIN, KEEPER_END, KEEPER_VERBS };

struct keeper_options {
    const char *aurora, *cluster;   /* "host:port"; as all below borrowed */
    const char *host[KEEPER_HOSTS]; /* names of machines */
    bool speaks_json, is_idle;
    int64_t first_ms, last_ms; /* wall times of all steps */
    uint64_t fate;
};

/* One machine's maintenance. */
struct keeper_window {
    const char *host;
    int64_t at_ms[KEEPER_VERBS]; /* wall times, not before */
    uint32_t timeout_secs;
    uint32_t percentage; /* of jobs without a policy; 0: none */
};

struct keeper;
struct keeper *keeper_new(const struct keeper_options *options);
void keeper_free(struct keeper *k);
extern const struct program KEEPER_PROGRAM;

/* What is wrong with an answer; "" when nothing is. */
const char *keeper_problem(const struct keeper *k);
/* The window whose drain was acknowledged and whose end was not asked for yet;
 * NULL: none. */
const struct keeper_window *keeper_draining(const struct keeper *k);
/* Everything is done, and given back. */
bool keeper_is_done(const struct keeper *k);
