/* An operator who speaks to the master: puts machines into its maintenance
 * schedule at seeded times, one after the other, takes some of them down and up
 * again, and takes other windows back, early or late. He repeats what is not
 * answered and remembers what was acknowledged; that it is in force, and what
 * follows from it, is checked in check_warden.h. */
#pragma once
#include "tests/sim/node.h"

enum { WARDEN_WINDOWS_MAX = 2, WARDEN_HOSTS = 3 };

/* The steps of one window. One that is taken back has no DOWN. */
enum warden_verb { WARDEN_SCHEDULE, WARDEN_DOWN, WARDEN_UP, WARDEN_VERBS };

struct warden_options {
    const char *master;             /* "host:port"; as all below borrowed */
    const char *host[WARDEN_HOSTS]; /* names, which are addresses as well */
    bool speaks_json, is_idle;
    int64_t first_ms, last_ms; /* wall times of all steps */
    uint64_t fate;
};

struct warden_window {
    const char *host;
    bool goes_down;      /* and comes up; or the window is taken back */
    bool is_by_hostname; /* named by that alone */
    int64_t start_ms, duration_ms; /* of the unavailability; -1: for good */
    int64_t at_ms[WARDEN_VERBS];   /* wall times, not before */
};

/* What was acknowledged and stands until he asks for something else. */
enum warden_mode { WARDEN_IS_UP, WARDEN_IS_GOING, WARDEN_IS_DOWN };
struct warden_fact {
    const char *host; /* NULL: nothing is certain just now */
    enum warden_mode mode;
};

struct warden;
struct warden *warden_new(const struct warden_options *options);
void warden_free(struct warden *warden);
extern const struct program WARDEN_PROGRAM;

/* What is wrong with an answer; "" when nothing is. */
const char *warden_problem(const struct warden *warden);
struct warden_fact warden_fact(const struct warden *warden);
/* Every window is over. */
bool warden_is_done(const struct warden *warden);
