/* Processes by /proc: identity that survives the reuse of pids, and finding
 * what belongs to a container where there are no control groups. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCS_MAX = 65536 };

/* Start time of a process in clock ticks since boot, also of a zombie; 0 when
 * there is no such process. With its pid this names a process for good. */
uint64_t proc_born(pid_t pid);
/* Does it run? A zombie does not. */
bool proc_is_alive(pid_t pid);
/* Every process that belongs to the executor: its session and process group,
 * what descends from it, and what was started with this sandbox in its
 * environment (so that orphans are found after the executor's death), except
 * ourselves. `born` guards against a pid in use again. Returns how many, at
 * most `max`. */
int procs_of_container(pid_t executor, uint64_t born, const char *sandbox,
                       pid_t *out, int max);
/* The oldest of some processes, or 0. */
pid_t procs_oldest(const pid_t *pid, int count);
