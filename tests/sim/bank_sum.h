/* What the bank's roles (bank.h) have, added up from the tasks that the
 * scheduler believes in, and not from the sums that it keeps. */
#pragma once
#include <stdbool.h>

enum { BANK_ROLES = 2, BANK_ROLE_CPU = 2000, BANK_CPU = 3000 };

struct aurora_program;
const char *bank_role(int at);
/* Is it an instance of theirs? */
bool bank_has(const char *instance);
/* The first role whose tasks of production are together more than its quota,
 * or NULL. `aurora` may be NULL. */
const char *bank_excess(const struct aurora_program *aurora);
