/* Users of two roles under one quota, who want more than they may have: at
 * seeded times they create, change, scale and kill services of production and
 * start runs of a cron job beside each other, whatever they were answered. What
 * is refused is none of their business; that never more runs than was allowed
 * is checked at every step, by adding up what there is (bank_excess). */
#pragma once
#include "tests/sim/bank_sum.h"
#include "tests/sim/node.h"
#include "tests/sim/user.h"

struct bank;
struct bank *bank_new(const struct user_options *options);
void bank_free(struct bank *bank);
extern const struct program BANK_PROGRAM;
/* What is wrong with an answer; "" when nothing is. */
const char *bank_problem(const struct bank *bank);
