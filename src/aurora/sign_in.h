/* Who asks (sys/identity.h), and what becomes of his request. A password that
 * was not seen before is checked beside the loop while its request waits. */
#pragma once
#include "base/permission.h"
#include "script/security_file.h"
#include "sys/identity.h"
#include "wire/program.h"

struct aurora_program;
struct aurora_security_fact;
struct aurora_verified;
struct metrics;

/* Who makes the request that is being served. */
struct caller {
    const struct user *user; /* NULL: nobody */
    const struct secret *secret;
    const char *peer; /* "address:port"; NULL: none */
};

struct sign_in {
    struct users *users;      /* shared; NULL: nobody is asked who they are */
    struct os_users os_users; /* owned */
    struct identities identities; /* unused without users */
    struct caller caller;
    char *file;        /* owned; NULL without users */
    int64_t loaded_ms; /* when the rules in force were read */
    int64_t failed_ms; /* when reading them failed last; 0: it is fine */
    char *failure;     /* owned; why; NULL */
    char *asset_key;   /* owned; of the addresses that tasks fetch from */
    uint64_t loads, failures, wrong, denied;
};

/* Serve the request (api_serve) when it is known who makes it: now, or later;
 * or refuse it. */
void sign_in_request(struct aurora_program *p, exchange_id exchange,
                     const struct http_request *http, int64_t now_ms,
                     struct effects *fx);
void sign_in_verified(struct aurora_program *p,
                      const struct aurora_verified *fact, int64_t now_ms,
                      struct effects *fx);
/* New rules, or why there are none. */
void sign_in_reloaded(struct aurora_program *p,
                      const struct aurora_security_fact *fact, int64_t now_ms,
                      struct effects *fx);
/* Did the exchange wait? */
bool sign_in_gone(struct aurora_program *p, exchange_id exchange);
void sign_in_release(struct aurora_program *p);
void sign_in_metrics(const struct aurora_program *p, struct metrics *m);
