/* The shell's side of coordinators: each question is a child (perigee-post)
 * that is fed the body and whose output is the answer. */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct daemon;
struct event_base;
struct process_watch;

struct coordinator_shell {
    struct daemon *daemon;       /* borrowed */
    struct process_watch *watch; /* owned */
    char post[PATH_MAX];         /* perigee-post */
    VEC(struct asked *) asked;   /* owned; each a child that lives */
};

/* `post` is the path of perigee-post. */
void coordinator_shell_attach(struct coordinator_shell *shell,
                              struct daemon *daemon, struct event_base *base,
                              const char *post);
/* Is the act about coordinators? Then it was dealt with. */
bool coordinator_shell_act(struct coordinator_shell *shell, uint32_t kind,
                           const void *data);
/* Children that still ask are killed; nobody is told. */
void coordinator_shell_close(struct coordinator_shell *shell);
