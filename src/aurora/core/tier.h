/* Tiers: how far a job's tasks may be pushed aside for others. A job names one.
 *
 *                  preemptible  revocable
 *     preferred        no          no      production
 *     preemptible      yes         no      the default
 *     revocable        yes         yes     on resources that may be taken back
 *
 * An operator adds tiers of his own beside these; neither their names nor what
 * they mean can be changed. **Production** is what has neither flag: only that
 * is held to a role's quota of production, and it may push aside what is
 * preemptible, whoever's it is (preempt.h). What is revocable is preemptible,
 * too: there is no promise to keep. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    TIERS_MAX = 64, /* with the three that are always there */
    TIER_NAME_MAX = 64
};

struct tier {
    char name[TIER_NAME_MAX];
    bool is_preemptible, is_revocable;
};

struct tiers {
    struct tier item[TIERS_MAX]; /* the three, then the operator's by name */
    uint32_t count;
};

/* The three and those of `text`, "spot:preemptible=true,revocable=true;gold:"
 * (NULL or "": none). ERR_INVALID names the tier, and what it wants. */
int tiers_parse(const char *text, struct tiers *out, struct err *err);
/* NULL: there is no such tier. */
const struct tier *tiers_find(const struct tiers *tiers, const char *name);
/* "preferred, preemptible, revocable" */
void tiers_list(const struct tiers *tiers, struct buf *out);

static inline bool tier_is_production(const struct tier *tier)
{
    return !tier->is_preemptible && !tier->is_revocable;
}
