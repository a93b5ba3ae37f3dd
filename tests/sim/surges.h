/* Whether an update that starts new instances first explains that two tasks of
 * an instance live at the same time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct aurora_program;

struct surging {
    const char *task_id;
    uint32_t version;
};

/* A surge may have one of each version, and ends with one of them killed.
 * `aurora` is NULL while it is down: then what it decided is not known. */
bool surge_explains(const struct aurora_program *aurora,
                    const struct surging *one, const struct surging *other);
