/* The shell's side of talking to the outside world: questions to coordinators
 * and notifications. Each is a child (perigee-post) that is fed what is to be
 * sent and whose output is the answer. Names are looked up, passwords read and
 * TLS spoken there. What it is to send to stands in what it is fed, not in its
 * arguments: URLs are secrets at times. */
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

/* Where mails are handed in, as people configure it. Borrowed texts; `server`
 * NULL: nowhere. */
struct post_mail {
    const char *server;   /* host:port */
    const char *from;     /* address */
    const char *tls;      /* "offered", "required" or "wrapped" */
    const char *ca;       /* path of the certificates trusted; NULL: as usual */
    const char *user;     /* NULL: nobody signs in */
    const char *password; /* path of a file; NULL without user */
};
/* ERR_INVALID says what does not go together. */
int post_mail_check(const struct post_mail *mail, struct err *err);

struct post_shell {
    struct daemon *daemon;       /* borrowed */
    struct process_watch *watch; /* owned */
    char post[PATH_MAX];         /* perigee-post */
    struct post_mail mail;       /* set by the owner */
    VEC(struct posted *) posted; /* owned; each a child that lives */
};

/* `post` is the path of perigee-post. */
void post_shell_attach(struct post_shell *shell, struct daemon *daemon,
                       struct event_base *base, const char *post);
/* Is the act about these? Then it was dealt with. */
bool post_shell_act(struct post_shell *shell, uint32_t kind, const void *data);
/* Children at work are killed; nobody is told. */
void post_shell_close(struct post_shell *shell);
