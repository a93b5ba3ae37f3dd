/* The insides of the user, shared by its files: user.c (the program: steps,
 * updates, reads) and user_messages.c (what it asks for). */
#pragma once
#include "base/arena.h"
#include "base/rng.h"
#include "perigee/aurora.pb-c.h"
#include "tests/sim/user.h"

typedef Perigee__Aurora__Call Call;
typedef Perigee__Aurora__Answer Answer;

struct user {
    struct user_options options;
    char *url; /* owned */
    struct rng rng;
    struct user_job job[USER_JOBS];
    exchange_id next_exchange;
    exchange_id read; /* under way; 0: none */
    uint32_t read_job;
    bool read_is_clear; /* no step of that job was under way meanwhile */
    int64_t read_at_ms;
    exchange_id quota; /* being asked for; 0: not now */
    bool has_quota;    /* the roles have one for production */
    int64_t quota_at_ms;
    char problem[300];
};

Perigee__Aurora__JobKey *user_key_message(const struct user *u,
                                          const struct user_job *job,
                                          struct arena *arena);
/* What lets our roles have jobs of production. */
void user_set_quota(struct arena *arena, Call *call);
/* The call of a step, by its verb. */
void user_set_create(const struct user *u, const struct user_job *job,
                     const struct user_step *step, struct arena *arena,
                     Call *call);
void user_set_scale(const struct user *u, const struct user_job *job,
                    const struct user_step *step, struct arena *arena,
                    Call *call);
void user_set_target(const struct user *u, const struct user_job *job,
                     const struct user_step *step, struct arena *arena,
                     Call *call);
void user_set_update(const struct user *u, struct user_job *job,
                     const struct user_step *step, struct arena *arena,
                     Call *call);
