/* Who makes a request: what comes with it (a password, a token, a certificate
 * that was verified) and the user whom that belongs to. A password that was not
 * seen before takes 30 ms to check (sys/secret.h); somebody's thread does it
 * while the request waits here. What was right is remembered.
 *
 * Who does not exist and a wrong secret look alike, and take as long. */
#pragma once
#include "base/permission.h"
#include "wire/program.h"

enum identity_limits {
    WAITING_MAX = 64,
    WAITING_OF_PEER_MAX = 16,
    WAITING_BYTES_MAX = 64 << 20 /* of bodies */
};

/* A request whose password is being checked. The thread has `hash`, `password`
 * and `is_right`; all else is the loop's. */
struct identity_check {
    exchange_id exchange;
    uint64_t ticket;
    struct arena arena; /* owns the copy of the request */
    struct http_request http;
    char user[USER_NAME_MAX]; /* as it was given, cut */
    char *hash;               /* owned; NULL: there is no such user */
    char *password;           /* owned, wiped */
    bool is_right, is_gone;
};

struct identities {
    struct secret_cache *known;           /* owned */
    VEC(struct identity_check *) waiting; /* owned */
    uint64_t last_ticket;
};
void identities_init(struct identities *all);
void identities_release(struct identities *all);

enum identity_verdict {
    IDENTITY_KNOWN,
    IDENTITY_WAITS, /* for `check` */
    IDENTITY_BUSY,  /* too many wait; err says so */
    IDENTITY_WRONG, /* what came with it is nobody's */
    IDENTITY_NOBODY /* nothing came with it */
};

struct identity {
    const struct user *user; /* of `users`; IDENTITY_KNOWN */
    const struct secret *secret;
    char name[USER_NAME_MAX];     /* IDENTITY_WRONG: as it was given, cut; "" */
    struct identity_check *check; /* IDENTITY_WAITS; not the caller's */
};

enum identity_verdict identities_ask(struct identities *all,
                                     const struct users *users,
                                     exchange_id exchange,
                                     const struct http_request *http,
                                     struct identity *out, struct err *err);
/* The thread's part. */
void identity_check_run(struct identity_check *check);
/* It was checked. The request that waited, which is the caller's to free, and
 * whose it is by the present users (IDENTITY_KNOWN or IDENTITY_WRONG); NULL
 * when none has this ticket. */
struct identity_check *identities_end(struct identities *all,
                                      const struct users *users,
                                      uint64_t ticket, struct identity *out);
void identity_check_free(struct identity_check *check);
/* Its other side left: did the exchange wait? */
bool identities_gone(struct identities *all, exchange_id exchange);
/* There are new users: what was right before is checked again. */
void identities_forget(struct identities *all);

/* The user's secret of that kind and text (NULL: any); NULL: none. */
const struct secret *identity_secret(const struct user *user,
                                     enum secret_kind kind, const char *text);
/* "POST /api/v1": for logs, whatever bytes the path has. */
const char *identity_request_text(const struct http_request *http,
                                  struct arena *arena);
