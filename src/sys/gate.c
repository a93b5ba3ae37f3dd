#include "sys/gate.h"

#include "base/alloc.h"
#include "sys/beside.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/identity.h"
#include "sys/log.h"
#include "sys/reread.h"
#include "sys/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGGED_PER_SECOND_MAX = 20 };

struct gate {
    struct gate_config config;
    struct users *users; /* owned reference; NULL: nobody is asked */
    struct identities identities;
    struct reread reread;
    struct daemon *daemon; /* borrowed */
    struct beside *beside; /* owned */
    int64_t logged_s;      /* the second that is counted */
    uint32_t logged, unlogged;
};

/* --- opening --- */

static void begin_reading(void *context);

int gate_open(struct gate **out, const struct gate_config *config,
              struct err *err)
{
    struct gate *gate = xcalloc(1, sizeof *gate);
    const char *const file[REREAD_FILES_MAX] = {config->file};
    int rc = 0;

    gate->config = *config;
    if (config->file) {
        secret_guard_parent();
        identities_init(&gate->identities);
        reread_init(&gate->reread, file, begin_reading, gate);
        rc = config->read(config->file, &gate->users, err);
    }
    if (rc < 0)
        gate_close(gate);
    else
        *out = gate;
    return rc;
}

struct access gate_access(const struct gate *gate)
{
    struct access access = {0};

    if (gate->users)
        access.users = users_ref(gate->users);
    memcpy(access.asks, gate->config.asks, sizeof access.asks);
    return access;
}

void gate_close(struct gate *gate)
{
    if (!gate)
        return;
    reread_close(&gate->reread);
    beside_close(gate->beside);
    if (gate->config.file)
        identities_release(&gate->identities);
    users_unref(gate->users);
    free(gate);
}

/* --- the file, again --- */

struct reading {
    struct gate *gate;
    struct users *users;
    struct err err;
};

static void on_work(void *context)
{
    struct reading *r = context;
    const struct gate_config *config = &r->gate->config;

    (void)config->read(config->file, &r->users, &r->err);
}

static void on_done(void *context)
{
    struct reading *r = context;
    struct gate *gate = r->gate;

    if (r->err.code) {
        log_line(LOG_LEVEL_ERROR,
                 "security_refused why=%s place=%s note=\"the rules of before "
                 "stay in force\"",
                 log_value(r->err.text), log_value(r->err.place));
    } else {
        struct gate_fact fact = {users_ref(r->users)};
        users_unref(gate->users);
        gate->users = r->users;
        identities_forget(&gate->identities);
        log_line(LOG_LEVEL_INFO, "security_loaded users=%u",
                 r->users->all.count);
        daemon_fact(gate->daemon, gate->config.fact, &fact, sizeof fact);
    }
    free(r);
    reread_done(&gate->reread);
}

static void begin_reading(void *context)
{
    struct gate *gate = context;
    struct reading *r = xcalloc(1, sizeof *r);

    r->gate = gate;
    beside_add(gate->beside, on_work, on_done, r);
}

/* --- refusing --- */

/* Who floods us with wrong secrets shall not fill the disk, too. */
static bool may_log(struct gate *gate)
{
    int64_t second = clock_monotonic_ms() / 1000;

    if (second != gate->logged_s) {
        if (gate->unlogged > 0)
            log_line(LOG_LEVEL_WARN, "sign_in_refused more=%u", gate->unlogged);
        gate->logged_s = second;
        gate->logged = gate->unlogged = 0;
    }
    if (gate->logged < LOGGED_PER_SECOND_MAX) {
        gate->logged++;
        return true;
    }
    gate->unlogged++;
    return false;
}

/* What is no user's name may be a password that was put in its place. */
static void log_refusal(struct gate *gate, const struct http_request *http,
                        bool had_secret, const char *name)
{
    bool is_known = *name && users_find(gate->users, name);
    struct arena arena;

    if (!may_log(gate))
        return;
    arena_init(&arena);
    log_line(LOG_LEVEL_WARN,
             "sign_in_refused peer=%s user=%s secret=%s call=%s", http->peer,
             is_known ? name : "-", had_secret ? "wrong" : "none",
             log_value(identity_request_text(http, &arena)));
    arena_release(&arena);
}

static void refuse(struct gate *gate, exchange_id exchange,
                   const struct http_request *http, bool had_secret,
                   const char *name)
{
    enum realm realm = gate->config.realm_of(http);
    char challenge[96];
    const struct http_header header = {"WWW-Authenticate", challenge};

    (void)snprintf(challenge, sizeof challenge, "Basic realm=\"%s-%s\"",
                   gate->config.name, realm_name(realm));
    log_refusal(gate, http, had_secret, name);
    daemon_reply(gate->daemon, exchange,
                 &(struct http_response){
                     .status = 401,
                     .type = MEDIA_TEXT,
                     .header = &header,
                     .header_count = 1,
                     .body = bytes_of_text(
                         had_secret ? "this user and secret are not known here"
                                    : "want to know who asks"),
                 });
}

static void refuse_busy(struct gate *gate, exchange_id exchange,
                        const struct err *err)
{
    const struct http_header header = {"Retry-After", "1"};

    daemon_reply(gate->daemon, exchange,
                 &(struct http_response){.status = 429,
                                         .type = MEDIA_TEXT,
                                         .header = &header,
                                         .header_count = 1,
                                         .body = bytes_of_text(err->text)});
}

/* --- admitting --- */

static void admit(struct gate *gate, exchange_id exchange,
                  const struct http_request *http, const struct user *user)
{
    struct http_request known = *http;

    known.principal = user ? user->name : NULL;
    daemon_admit(gate->daemon, exchange, &known);
}

struct checking {
    struct gate *gate;
    struct identity_check *check; /* the identities' */
    uint64_t ticket;
};

static void check_password(void *context)
{
    identity_check_run(((struct checking *)context)->check);
}

static void on_checked(void *context)
{
    struct checking *checking = context;
    struct gate *gate = checking->gate;
    struct identity who;
    struct identity_check *check =
        identities_end(&gate->identities, gate->users, checking->ticket, &who);

    free(checking);
    if (!check)
        return;
    if (!check->is_gone && who.user)
        admit(gate, check->exchange, &check->http, who.user);
    else if (!check->is_gone)
        refuse(gate, check->exchange, &check->http, true, who.name);
    identity_check_free(check);
}

static void begin_check(struct gate *gate, struct identity_check *check)
{
    struct checking *checking = xcalloc(1, sizeof *checking);

    *checking = (struct checking){gate, check, check->ticket};
    beside_add(gate->beside, check_password, on_checked, checking);
}

static void on_ask(void *context, exchange_id exchange,
                   const struct http_request *http)
{
    struct gate *gate = context;
    struct identity who;
    struct err err = {0};

    if (!gate->config.asks[gate->config.realm_of(http)]) {
        admit(gate, exchange, http, NULL);
        return;
    }
    switch (identities_ask(&gate->identities, gate->users, exchange, http, &who,
                           &err)) {
    case IDENTITY_KNOWN:
        admit(gate, exchange, http, who.user);
        break;
    case IDENTITY_WAITS:
        begin_check(gate, who.check);
        break;
    case IDENTITY_BUSY:
        refuse_busy(gate, exchange, &err);
        break;
    case IDENTITY_WRONG:
        refuse(gate, exchange, http, true, who.name);
        break;
    case IDENTITY_NOBODY:
        refuse(gate, exchange, http, false, "");
        break;
    }
}

static bool on_gone(void *context, exchange_id exchange)
{
    return identities_gone(&((struct gate *)context)->identities, exchange);
}

int gate_attach(struct gate *gate, struct daemon *daemon, struct err *err)
{
    struct event_base *base = daemon_base(daemon);

    if (!gate->users)
        return 0;
    gate->daemon = daemon;
    int rc = beside_open(&gate->beside, base, err);
    if (rc == 0)
        rc = reread_watch(&gate->reread, base, err);
    if (rc == 0)
        daemon_on_ask(daemon, on_ask, on_gone, gate);
    return rc;
}
