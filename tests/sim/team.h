/* A user of aurora's groups: three groups of up to five jobs that are created,
 * changed, scaled and removed over the API at seeded times, each in an order of
 * its own. Like the other user (user.h) it repeats what is not answered, never
 * crashes, and remembers what was acknowledged. */
#pragma once
#include "tests/sim/node.h"
#include "tests/sim/user.h"

enum {
    TEAM_GROUPS = 3,
    TEAM_MEMBERS_MAX = 5,
    TEAM_STEPS_MAX = 5,
    TEAM_INSTANCES_MAX = 3
};

enum team_verb { TEAM_DEPLOY, TEAM_SCALE, TEAM_REMOVE };

struct team_member {
    struct user_job job; /* what it is, and what is wanted of it */
    uint32_t needs;      /* members that must be up first, as a set of bits */
    bool is_in;          /* of the group, as wanted */
    /* Since the group was created: */
    uint32_t begun;    /* instances that ran, as a set of bits */
    uint32_t least;    /* instances ever wanted */
    bool has_finished; /* a run of one that ends by itself did */
};

struct team_group {
    char name[16];
    struct team_member member[TEAM_MEMBERS_MAX];
    uint32_t members;
    struct {
        enum team_verb verb;
        int64_t at_ms; /* wall time, not before */
        bool hurries;  /* does not wait until it is done */
    } step[TEAM_STEPS_MAX];
    uint32_t steps, done;
    bool is_chosen;  /* the step's wishes stand in `member` */
    bool is_watched; /* the step was acknowledged: wait until it is done */
    bool is_there;   /* created, and not removed since */
    exchange_id exchange;
    int64_t retry_ms;
    uint32_t calls;
};

struct team;
struct team *team_new(const struct user_options *options);
void team_free(struct team *team);
extern const struct program TEAM_PROGRAM;

/* What is wrong with an answer; "" when nothing is. */
const char *team_problem(const struct team *team);
struct team_group *team_group(struct team *team, uint32_t at);
/* A task begins or ended ("role/env/name/3"): what is wrong with that, or NULL.
 */
const char *team_on_begin(struct team *team, const char *instance);
void team_on_end(struct team *team, const char *instance, bool has_finished);
