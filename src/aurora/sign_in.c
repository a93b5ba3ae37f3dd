#include "aurora/sign_in.h"
#include "aurora/security.h"

#include "sys/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A request whose password is being checked. The thread has `hash`, `password`
 * and `is_right`; all else is the loop's. */
struct waiting {
    exchange_id exchange;
    uint64_t ticket;
    struct arena arena; /* owns the copy of the request */
    struct http_request http;
    char user[USER_NAME_MAX]; /* as it was given, cut */
    char *hash;               /* owned; NULL: there is no such user */
    char *password;           /* owned, wiped */
    bool is_right, is_gone;
};

static void waiting_free(struct waiting *w)
{
    secret_text_free(w->password);
    free(w->hash);
    arena_release(&w->arena);
    free(w);
}

/* --- serving, refusing --- */

static void serve(struct aurora_program *p, exchange_id exchange,
                  const struct http_request *http, const struct user *user,
                  const struct secret *secret, int64_t now_ms,
                  struct effects *fx)
{
    struct err err = {0};

    p->sign_in.caller = (struct caller){user, secret, http->peer};
    if (rate_take_user(p, user, now_ms, &err) < 0)
        api_refuse_early(p, exchange, 429, &err, now_ms, fx);
    else
        api_serve(p, exchange, http, now_ms, fx);
    p->sign_in.caller = (struct caller){0};
}

static const char *what_of(const struct http_request *http, struct arena *arena)
{
    char *text =
        arena_printf(arena, "%s %.200s", http->method_name, http->path);

    /* The path may hold any byte. */
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > 126)
            *c = '?';
    return text;
}

/* Whatever was wrong: who does not exist and a wrong secret look alike. */
static void refuse(struct aurora_program *p, exchange_id exchange,
                   const struct http_request *http, bool had_secret,
                   const char *name, int64_t now_ms, struct effects *fx)
{
    struct err err = {0};
    bool is_known = name && users_find(p->sign_in.users, name);

    p->sign_in.wrong++;
    (void)err_set(&err, ERR_DENIED,
                  had_secret ? "this user and secret are not known here"
                             : "want to know who asks");
    err_hint(&err, "send a password, token or certificate of security.lua; "
                   "clusterctl reads ~/.netrc and ~/.config/clusterctl/");
    /* What is no user's name may be a password that was put in its place. */
    effect_log(fx, 1, "sign_in_refused peer=%s user=%s secret=%s", http->peer,
               is_known ? name : "-", had_secret ? "wrong" : "none");
    p->sign_in.caller = (struct caller){NULL, NULL, http->peer};
    audit_refused(
        p, what_of(http, &fx->arena), "UNAUTHENTICATED",
        is_known ? arena_printf(&fx->arena, "wrong secret for user %s", name)
        : had_secret ? "unknown user or secret"
                     : "no secret",
        fx);
    api_refuse_early(p, exchange, 401, &err, now_ms, fx);
    p->sign_in.caller = (struct caller){0};
}

/* --- passwords --- */

static const char *password_hash(const struct user *user)
{
    for (uint32_t i = 0; user && i < user->secrets.count; i++)
        if (user->secrets.item[i].kind == SECRET_PASSWORD)
            return user->secrets.item[i].text;
    return NULL;
}

static const struct secret *find_secret(const struct user *user,
                                        enum secret_kind kind, const char *text)
{
    for (uint32_t i = 0; user && i < user->secrets.count; i++)
        if (user->secrets.item[i].kind == kind &&
            (!text || strcmp(user->secrets.item[i].text, text) == 0))
            return &user->secrets.item[i];
    return NULL;
}

static size_t address_size(const char *peer)
{
    const char *end = strrchr(peer, ':');

    return end ? (size_t)(end - peer) : strlen(peer);
}

/* One address shall not keep all others from signing in. */
static int check_room(const struct aurora_program *p,
                      const struct http_request *http, struct err *err)
{
    size_t bytes = http->body.size, size = address_size(http->peer);
    uint32_t same = 0;

    for (uint32_t i = 0; i < p->sign_in.waiting.count; i++) {
        const struct waiting *w = p->sign_in.waiting.item[i];
        bytes += w->http.body.size;
        same += address_size(w->http.peer) == size &&
                memcmp(w->http.peer, http->peer, size) == 0;
    }
    if (p->sign_in.waiting.count < WAITING_MAX && same < WAITING_OF_PEER_MAX &&
        bytes <= WAITING_BYTES_MAX)
        return 0;
    (void)err_set(err, ERR_BUSY, "%u passwords are being checked",
                  p->sign_in.waiting.count);
    err_hint(err, "ask again in a second");
    return -ERR_BUSY;
}

/* Everything but the secret. */
static void copy_request(struct waiting *w, const struct http_request *http)
{
    struct arena *a = &w->arena;
    struct http_header *header =
        arena_alloc(a, (http->header_count + 1) * sizeof *header);

    w->http = *http;
    w->http.path = arena_strdup(a, http->path);
    w->http.query = arena_strdup(a, http->query);
    w->http.method_name = arena_strdup(a, http->method_name);
    w->http.peer = arena_strdup(a, http->peer);
    w->http.certificate = NULL;
    w->http.header = header;
    w->http.header_count = 0;
    for (uint32_t i = 0; i < http->header_count; i++)
        if (strcasecmp(http->header[i].name, "Authorization") != 0)
            header[w->http.header_count++] =
                (struct http_header){arena_strdup(a, http->header[i].name),
                                     arena_strdup(a, http->header[i].value)};
    w->http.body = bytes_of(arena_memdup(a, http->body.data, http->body.size),
                            http->body.size);
}

void aurora_verify_run(void *work)
{
    struct waiting *w = work;

    w->is_right = secret_password_is(w->hash, w->password);
}

static void wait_for(struct aurora_program *p, exchange_id exchange,
                     const struct http_request *http, const char *name,
                     const char *password, const struct user *user,
                     int64_t now_ms, struct effects *fx)
{
    struct err err = {0};

    if (check_room(p, http, &err) < 0) {
        p->sign_in.caller = (struct caller){NULL, NULL, http->peer};
        api_refuse_early(p, exchange, 429, &err, now_ms, fx);
        return;
    }
    struct waiting *w = xcalloc(1, sizeof *w);
    const char *hash = password_hash(user);
    arena_init(&w->arena);
    w->exchange = exchange;
    w->ticket = ++p->next_ticket;
    copy_request(w, http);
    (void)snprintf(w->user, sizeof w->user, "%.*s", USER_NAME_MAX - 1, name);
    w->hash = hash ? xstrdup(hash) : NULL;
    w->password = secret_text_new(password, strlen(password));
    *vec_add(&p->sign_in.waiting) = w;
    struct aurora_verify act = {.ticket = w->ticket, .work = w};
    effect_act(fx, AURORA_ACT_VERIFY, &act, sizeof act);
}

void sign_in_verified(struct aurora_program *p,
                      const struct aurora_verified *fact, int64_t now_ms,
                      struct effects *fx)
{
    struct waiting *w = NULL;

    for (uint32_t i = 0; i < p->sign_in.waiting.count && !w; i++) {
        if (p->sign_in.waiting.item[i]->ticket != fact->ticket)
            continue;
        w = p->sign_in.waiting.item[i];
        vec_remove(&p->sign_in.waiting, i);
    }
    if (!w)
        return;
    /* The rules may have changed meanwhile. */
    const struct user *user =
        w->is_right ? users_find(p->sign_in.users, w->user) : NULL;
    const struct secret *secret =
        find_secret(user, SECRET_PASSWORD, w->hash ? w->hash : "");
    if (secret)
        secret_cache_add(p->sign_in.known, w->hash, w->password);
    if (!w->is_gone && secret)
        serve(p, w->exchange, &w->http, user, secret, now_ms, fx);
    else if (!w->is_gone)
        refuse(p, w->exchange, &w->http, true, w->user, now_ms, fx);
    waiting_free(w);
}

/* --- what comes with a request --- */

/* "Basic dXNlcjpwYXNz" */
static void basic(struct aurora_program *p, exchange_id exchange,
                  const struct http_request *http, const char *text,
                  int64_t now_ms, struct effects *fx)
{
    char pair[SECRET_MAX];
    size_t size = 0;

    if (secret_decode_pair(text, pair, &size) < 0) {
        refuse(p, exchange, http, true, NULL, now_ms, fx);
        return;
    }
    char *password = strchr(pair, ':');
    *password++ = '\0';
    const struct user *user = users_find(p->sign_in.users, pair);
    const struct secret *secret = find_secret(user, SECRET_PASSWORD, NULL);
    if (secret && secret_cache_has(p->sign_in.known, secret->text, password))
        serve(p, exchange, http, user, secret, now_ms, fx);
    else
        wait_for(p, exchange, http, pair, password, user, now_ms, fx);
    secret_wipe(pair, sizeof pair);
}

static void bearer(struct aurora_program *p, exchange_id exchange,
                   const struct http_request *http, const char *token,
                   int64_t now_ms, struct effects *fx)
{
    char hash[SECRET_HASH_MAX];

    secret_token_hash(token, hash);
    const struct user *user =
        users_by_secret(p->sign_in.users, SECRET_TOKEN, hash);
    if (user)
        serve(p, exchange, http, user, find_secret(user, SECRET_TOKEN, hash),
              now_ms, fx);
    else
        refuse(p, exchange, http, true, NULL, now_ms, fx);
}

static void certificate(struct aurora_program *p, exchange_id exchange,
                        const struct http_request *http, int64_t now_ms,
                        struct effects *fx)
{
    const struct user *user = users_by_secret(
        p->sign_in.users, SECRET_CERTIFICATE, http->certificate);

    if (user)
        serve(p, exchange, http, user,
              find_secret(user, SECRET_CERTIFICATE, http->certificate), now_ms,
              fx);
    else
        refuse(p, exchange, http, true, NULL, now_ms, fx);
}

void sign_in_request(struct aurora_program *p, exchange_id exchange,
                     const struct http_request *http, int64_t now_ms,
                     struct effects *fx)
{
    const char *text = http_header(http, "Authorization");

    if (text && strncasecmp(text, "Basic ", 6) == 0)
        basic(p, exchange, http, text + 6 + strspn(text + 6, " "), now_ms, fx);
    else if (text && strncasecmp(text, "Bearer ", 7) == 0)
        bearer(p, exchange, http, text + 7 + strspn(text + 7, " "), now_ms, fx);
    else if (!text && http->certificate)
        certificate(p, exchange, http, now_ms, fx);
    else
        refuse(p, exchange, http, text != NULL, NULL, now_ms, fx);
}

bool sign_in_gone(struct aurora_program *p, exchange_id exchange)
{
    for (uint32_t i = 0; i < p->sign_in.waiting.count; i++)
        if (p->sign_in.waiting.item[i]->exchange == exchange) {
            p->sign_in.waiting.item[i]->is_gone = true;
            return true;
        }
    return false;
}

/* --- the rules --- */

/* Streams go on under the new rules, if their user still has the secret that
 * they were begun with. */
static void judge_streams(struct aurora_program *p, struct users *old,
                          struct effects *fx)
{
    for (uint32_t i = 0; i < p->subscribers.count;) {
        struct subscriber *s = &p->subscribers.item[i];
        const struct user *user =
            s->user ? users_find(p->sign_in.users, s->user->name) : NULL;
        const struct secret *secret =
            user && s->secret
                ? find_secret(user, s->secret->kind, s->secret->text)
                : NULL;
        if (!secret) {
            stream_end_denied(p, i, fx);
            continue;
        }
        s->user = user;
        s->secret = secret;
        i++;
    }
    users_unref(old);
}

static void take_rules(struct aurora_program *p, struct users *users,
                       struct os_users *os_users, int64_t now_ms)
{
    p->sign_in.users = users;
    vec_free(&p->sign_in.os_users.by_role);
    p->sign_in.os_users = *os_users;
    p->sign_in.loaded_ms = now_ms;
    p->sign_in.failed_ms = 0;
    free(p->sign_in.failure);
    p->sign_in.failure = NULL;
    p->sign_in.loads++;
}

void aurora_program_set_security(struct aurora_program *p, struct users *users,
                                 struct os_users *os_users, const char *file,
                                 int64_t now_ms)
{
    take_rules(p, users, os_users, now_ms);
    if (!users)
        return;
    p->sign_in.file = xstrdup(file);
    p->sign_in.known = secret_cache_new();
}

void sign_in_reloaded(struct aurora_program *p,
                      const struct aurora_security_fact *fact, int64_t now_ms,
                      struct effects *fx)
{
    struct users *old = p->sign_in.users;
    struct os_users os_users = fact->os_users;

    if (*fact->why) {
        p->sign_in.failures++;
        p->sign_in.failed_ms = now_ms;
        free(p->sign_in.failure);
        p->sign_in.failure = xstrdup(fact->why);
        effect_log(
            fx, 0,
            "security_refused why=\"%s\" note=\"the rules of before stay "
            "in force\"",
            fact->why);
        return;
    }
    take_rules(p, fact->users, &os_users, now_ms);
    effect_log(fx, 2, "security_loaded users=%u roles_mapped=%u",
               fact->users ? fact->users->all.count : 0,
               os_users.by_role.count);
    if (!old)
        return;
    secret_cache_clear(p->sign_in.known);
    judge_streams(p, old, fx);
}

void sign_in_release(struct aurora_program *p)
{
    struct sign_in *s = &p->sign_in;

    for (uint32_t i = 0; i < s->waiting.count; i++)
        waiting_free(s->waiting.item[i]);
    vec_free(&s->waiting);
    secret_cache_free(s->known);
    users_unref(s->users);
    vec_free(&s->os_users.by_role);
    free(s->file);
    free(s->failure);
    free(s->asset_key);
}

static void counter(struct metrics *m, const char *name, const char *help,
                    uint64_t value)
{
    metrics_add(m, METRIC_COUNTER, name, NULL, help, NULL, (double)value);
}

void sign_in_metrics(const struct aurora_program *p, struct metrics *m)
{
    const struct sign_in *s = &p->sign_in;

    metrics_add(m, METRIC_GAUGE, "aurora_security_users", NULL,
                "Users that security.lua names; 0 without one", NULL,
                s->users ? (double)s->users->all.count : 0);
    metrics_add(m, METRIC_GAUGE, "aurora_security_stale", NULL,
                "1 while security.lua cannot be read and older rules hold",
                NULL, s->failed_ms != 0);
    counter(m, "aurora_security_loads_total", "Times security.lua was read",
            s->loads);
    counter(m, "aurora_security_failures_total",
            "Times security.lua was refused", s->failures);
    counter(m, "aurora_sign_in_failures_total",
            "Requests of nobody, or with a wrong secret", s->wrong);
    counter(m, "aurora_denied_total", "Requests that their user may not make",
            s->denied);
}

/* --- addresses of assets, for tasks, which are no users --- */

char *asset_url_of(struct aurora_program *p, const char *role,
                   struct arena *arena)
{
    char key[SECRET_HASH_MAX];

    if (!p->asset_url || !p->sign_in.users || !p->sign_in.asset_key)
        return p->asset_url;
    secret_keyed(p->sign_in.asset_key, role, key);
    return arena_printf(arena, "%s%s/%s/", p->asset_url, role, key);
}

bool asset_key_is(const struct aurora_program *p, const char *role,
                  const char *given)
{
    char key[SECRET_HASH_MAX];

    if (!p->sign_in.asset_key)
        return false;
    secret_keyed(p->sign_in.asset_key, role, key);
    return secret_equal(key, given);
}

void asset_key_make(struct aurora_program *p, struct effects *fx)
{
    char key[SECRET_HASH_MAX];

    if (!p->sign_in.users || p->sign_in.asset_key)
        return;
    secret_token_new(key);
    p->sign_in.asset_key = xstrdup(key);
    secret_wipe(key, sizeof key);
    store_save_scheduler(p, fx);
}
