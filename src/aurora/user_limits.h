/* How many jobs and tasks one user may have, and how large a bundle: limits of
 * security.lua. A job counts for the user who created it or made it larger
 * last, with the instances that it is to have. */
#pragma once
#include "aurora/api.h"

/* A job as a call wants it. */
struct growth {
    struct job_key key;
    uint32_t instances;
    bool grows; /* filled in: there is more of it than before */
};

/* ERR_LIMIT shows the sum. Nothing was changed yet. */
int user_limits_check(struct request *r, struct growth *growth, uint32_t count,
                      struct err *err);
/* The change was made: what grew is the user's. */
void user_limits_own(struct request *r, const struct growth *growth,
                     uint32_t count);
/* The bundle or asset that came with the call. */
int user_limits_check_bytes(const struct request *r, struct err *err);
