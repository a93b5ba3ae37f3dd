/* A look into the scheduler at hosts that drain. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aurora_program;

enum drain_look_mode {
    DRAIN_LOOK_NONE,
    DRAIN_LOOK_DRAINING,
    DRAIN_LOOK_DRAINED
};
/* What is in force for a hostname. */
enum drain_look_mode drain_look_mode(const struct aurora_program *aurora,
                                     const char *host);
/* Tasks that drains have ended in this life. */
uint64_t drain_look_count(const struct aurora_program *aurora);
/* Some name that is in maintenance; NULL: none. */
const char *drain_look_left(const struct aurora_program *aurora);
/* A host whose unavailability has begun while a task of ours just runs there;
 * NULL: none. */
const char *drain_look_late(const struct aurora_program *aurora,
                            int64_t now_ms);
/* A host with tasks or offers that is taken to go away some time; NULL: none.
 */
const char *drain_look_away(const struct aurora_program *aurora);
/* Does the scheduler know of this task by more than memory? */
typedef bool drain_heard(void *context, const char *task_id);
/* Did a drain just now (by the scheduler's clock) take what a policy protects?
 * Then says what. */
bool drain_look_broke(const struct aurora_program *aurora, int64_t now_ms,
                      drain_heard *heard, void *context, char *out,
                      size_t size);
