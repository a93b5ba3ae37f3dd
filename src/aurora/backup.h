/* Backups as the program sees them: when one is due, what clients ask. The
 * shell (backup_shell.c) knows the directory. */
#pragma once
#include "aurora/program.h"

enum { BACKUP_LISTS_MAX = 16, BACKUP_RETRY_MS = 60 * 1000 };

struct request;

struct backups {
    int64_t due_ms;     /* the next automatic one; INT64_MAX: never */
    int64_t running_ms; /* when the one under way was begun; 0: none */
    struct {
        struct request **item; /* owned; LIST_BACKUPS, waiting for the shell */
        uint32_t count, capacity;
    } lists;
    uint64_t next_ticket;
    uint64_t made, failed; /* in this life */
    int64_t made_ms;       /* when the newest was begun; 0: none known */
    int64_t failed_ms;     /* the same of the last that failed */
    char *why;             /* owned; it failed for; NULL: none did */
};
