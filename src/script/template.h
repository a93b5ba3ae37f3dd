/* {{...}} in command lines: what only the machine knows. The names are a
 * closed list (DSL.md rule 3). Here they are checked and ports are found;
 * thermos fills them in. */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>

struct template_ref {
    struct bytes whole; /* with the braces */
    struct bytes port;  /* of thermos.ports[NAME], else empty */
};

/* Find the first {{...}} in `*text` and move *text behind it. 0: none left;
 * 1: *out is one; -1: it is wrong: `message` and `expected` (both replaced)
 * say how. */
int template_next(struct bytes *text, struct template_ref *out,
                  struct buf *message, struct buf *expected);
