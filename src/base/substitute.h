/* {{...}}: what only the machine knows, put into a command line on it. The
 * names are a closed list (DSL.md rule 3); no spaces inside, no nesting; a name
 * that nothing binds is an error. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdint.h>

enum { SUBSTITUTE_OUT_MAX = 1 << 20 }; /* bytes of a result */

struct binding {
    const char *name, *value;
};

/* Everything is borrowed. NULL texts are unbound. */
struct bindings {
    const char *cluster, *role, *environment, *name; /* mesos.* */
    const char *hostname, *instance;                 /* mesos.* */
    const char *task_id, *user;                      /* thermos.* */
    const struct binding *port; /* thermos.ports[NAME], value in decimal */
    uint32_t port_count;
    const struct binding *env; /* env[NAME]; the first of a name counts */
    uint32_t env_count;
};

/* Append `text` with every {{...}} replaced. On failure `out` is as it was. */
int substitute(const char *text, const struct bindings *bindings,
               struct buf *out, struct err *err);
