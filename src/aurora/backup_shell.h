/* The shell's side of backups: the directory they lie in, and the daemon that
 * makes them. Answers the acts of backup.c with facts. */
#pragma once
#include "base/err.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct daemon;

struct backup_shell {
    struct daemon *daemon; /* borrowed */
    char dir[PATH_MAX];
    uint32_t keep;
    int64_t bytes_per_s;
};

/* When the newest backup of the directory was made; 0: there is none. */
int64_t backup_shell_last_ms(const struct backup_shell *shell);
/* Have the daemon tell this shell of its backups. */
void backup_shell_attach(struct backup_shell *shell, struct daemon *daemon);
/* Is the act about backups? Then it was dealt with. */
bool backup_shell_act(struct backup_shell *shell, uint32_t kind,
                      const void *data);
