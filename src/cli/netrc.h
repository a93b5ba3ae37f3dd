/* ~/.netrc, as ftp and curl read it: machine NAME login USER password SECRET.
 * What stands behind `default` is not for us: a secret goes to the host it was
 * meant for and to no other. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include <stdbool.h>

enum { NETRC_BYTES_MAX = 1 << 20 };

struct netrc_entry {
    const char *login, *password; /* in the arena; NULL: not given */
};

/* The first entry for `machine`; false when there is none. */
bool netrc_find(struct bytes text, const char *machine, struct arena *arena,
                struct netrc_entry *out);
