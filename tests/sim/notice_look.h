/* What the scheduler believes of notices: a file of its own, since its names
 * and the world's clash. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { NOTICE_LOOK_MAX = 44 };

struct aurora_program;
/* The id of the notice that is told under this ticket; false: of none. */
bool notice_look(const struct aurora_program *p, uint64_t ticket,
                 char out[NOTICE_LOOK_MAX]);
