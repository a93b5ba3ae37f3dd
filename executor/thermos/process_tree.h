/* Who descends from whom, as the kernel says it: the way to children that left
 * their process group (double-forked daemons), which a subreaper inherits. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TREE_CHILDREN_MAX = 4096 };

/* The direct children of a process, zombies too; how many were written. */
size_t tree_children(pid_t parent, pid_t *out, size_t max);
/* Field 22 of /proc/pid/stat: with the pid it names a process for good. 0 when
 * there is no such process. */
uint64_t tree_start_ticks(pid_t pid);
/* The same for who is born now; 0 when nobody knows. */
uint64_t tree_ticks_now(void);
/* Whose child it is; 0 when there is no such process. */
pid_t tree_parent(pid_t pid);
/* Send to the process and, when it leads or belongs to a group other than
 * ours, to its group. */
void tree_signal(pid_t pid, int signal);
