/* The shell's side of users: the files that say who they are, read again when
 * they change or when a SIGHUP asks for it; and the thread that checks
 * passwords. */
#pragma once
#include "base/err.h"
#include "sys/reread.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora_program;
struct beside;
struct daemon;
struct event_base;

struct security_shell {
    const char *security, *roles; /* files; borrowed; NULL: none */
    struct daemon *daemon;        /* borrowed */
    struct beside *beside;        /* owned */
    struct reread reread;
};

/* Read them for the first time: what is wrong ends the scheduler's start. */
int security_shell_load(struct security_shell *shell,
                        struct aurora_program *program, struct err *err);
int security_shell_attach(struct security_shell *shell, struct daemon *daemon,
                          struct event_base *base, struct err *err);
/* Is the act about passwords? Then it was dealt with. */
bool security_shell_act(struct security_shell *shell, uint32_t kind,
                        const void *data);
void security_shell_close(struct security_shell *shell);
