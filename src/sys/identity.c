#include "sys/identity.h"

#include "sys/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void identity_check_free(struct identity_check *check)
{
    secret_text_free(check->password);
    free(check->hash);
    arena_release(&check->arena);
    free(check);
}

void identities_init(struct identities *all)
{
    *all = (struct identities){.known = secret_cache_new()};
}

void identities_release(struct identities *all)
{
    for (uint32_t i = 0; i < all->waiting.count; i++)
        identity_check_free(all->waiting.item[i]);
    vec_free(&all->waiting);
    secret_cache_free(all->known);
    *all = (struct identities){0};
}

const char *identity_request_text(const struct http_request *http,
                                  struct arena *arena)
{
    char *text =
        arena_printf(arena, "%s %.200s", http->method_name, http->path);

    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > 126)
            *c = '?';
    return text;
}

const struct secret *identity_secret(const struct user *user,
                                     enum secret_kind kind, const char *text)
{
    for (uint32_t i = 0; user && i < user->secrets.count; i++)
        if (user->secrets.item[i].kind == kind &&
            (!text || strcmp(user->secrets.item[i].text, text) == 0))
            return &user->secrets.item[i];
    return NULL;
}

/* --- passwords --- */

static size_t address_size(const char *peer)
{
    const char *end = strrchr(peer, ':');

    return end ? (size_t)(end - peer) : strlen(peer);
}

/* One address shall not keep all others from signing in. */
static int check_room(const struct identities *all,
                      const struct http_request *http, struct err *err)
{
    size_t bytes = http->body.size, size = address_size(http->peer);
    uint32_t same = 0;

    for (uint32_t i = 0; i < all->waiting.count; i++) {
        const struct identity_check *w = all->waiting.item[i];
        bytes += w->http.body.size;
        same += address_size(w->http.peer) == size &&
                memcmp(w->http.peer, http->peer, size) == 0;
    }
    if (all->waiting.count < WAITING_MAX && same < WAITING_OF_PEER_MAX &&
        bytes <= WAITING_BYTES_MAX)
        return 0;
    (void)err_set(err, ERR_BUSY, "%u passwords are being checked",
                  all->waiting.count);
    err_hint(err, "ask again in a second");
    return -ERR_BUSY;
}

/* Everything but the secret. */
static void copy_request(struct identity_check *w,
                         const struct http_request *http)
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
    w->http.principal = NULL;
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

void identity_check_run(struct identity_check *check)
{
    check->is_right = secret_password_is(check->hash, check->password);
}

static enum identity_verdict wait_for(struct identities *all,
                                      exchange_id exchange,
                                      const struct http_request *http,
                                      const char *password,
                                      const struct secret *secret,
                                      struct identity *out, struct err *err)
{
    if (check_room(all, http, err) < 0)
        return IDENTITY_BUSY;
    struct identity_check *w = xcalloc(1, sizeof *w);
    arena_init(&w->arena);
    w->exchange = exchange;
    w->ticket = ++all->last_ticket;
    copy_request(w, http);
    memcpy(w->user, out->name, sizeof w->user);
    w->hash = secret ? xstrdup(secret->text) : NULL;
    w->password = secret_text_new(password, strlen(password));
    *vec_add(&all->waiting) = w;
    out->check = w;
    return IDENTITY_WAITS;
}

struct identity_check *identities_end(struct identities *all,
                                      const struct users *users,
                                      uint64_t ticket, struct identity *out)
{
    struct identity_check *w = NULL;

    *out = (struct identity){0};
    for (uint32_t i = 0; i < all->waiting.count && !w; i++) {
        if (all->waiting.item[i]->ticket != ticket)
            continue;
        w = all->waiting.item[i];
        vec_remove(&all->waiting, i);
    }
    if (!w)
        return NULL;
    /* The users may have changed meanwhile. */
    const struct user *user =
        w->is_right && users ? users_find(users, w->user) : NULL;
    memcpy(out->name, w->user, sizeof out->name);
    out->secret =
        identity_secret(user, SECRET_PASSWORD, w->hash ? w->hash : "");
    if (!out->secret)
        return w;
    out->user = user;
    secret_cache_add(all->known, w->hash, w->password);
    return w;
}

/* --- what comes with a request --- */

/* "Basic dXNlcjpwYXNz" */
static enum identity_verdict basic(struct identities *all,
                                   const struct users *users,
                                   exchange_id exchange,
                                   const struct http_request *http,
                                   const char *text, struct identity *out,
                                   struct err *err)
{
    enum identity_verdict verdict = IDENTITY_KNOWN;
    char pair[SECRET_MAX];
    size_t size = 0;

    if (secret_decode_pair(text, pair, &size) < 0)
        return IDENTITY_WRONG;
    char *password = strchr(pair, ':');
    *password++ = '\0';
    (void)snprintf(out->name, sizeof out->name, "%.*s", USER_NAME_MAX - 1,
                   pair);
    const struct user *user = users_find(users, pair);
    const struct secret *secret = identity_secret(user, SECRET_PASSWORD, NULL);
    if (secret && secret_cache_has(all->known, secret->text, password)) {
        out->user = user;
        out->secret = secret;
    } else {
        verdict = wait_for(all, exchange, http, password, secret, out, err);
    }
    secret_wipe(pair, sizeof pair);
    return verdict;
}

static enum identity_verdict by_text(const struct users *users,
                                     enum secret_kind kind, const char *text,
                                     struct identity *out)
{
    out->user = users_by_secret(users, kind, text);
    out->secret = identity_secret(out->user, kind, text);
    return out->user ? IDENTITY_KNOWN : IDENTITY_WRONG;
}

static enum identity_verdict bearer(const struct users *users,
                                    const char *token, struct identity *out)
{
    char hash[SECRET_HASH_MAX];

    secret_token_hash(token, hash);
    return by_text(users, SECRET_TOKEN, hash, out);
}

enum identity_verdict identities_ask(struct identities *all,
                                     const struct users *users,
                                     exchange_id exchange,
                                     const struct http_request *http,
                                     struct identity *out, struct err *err)
{
    const char *text = http_header(http, "Authorization");

    *out = (struct identity){0};
    if (text && strncasecmp(text, "Basic ", 6) == 0)
        return basic(all, users, exchange, http,
                     text + 6 + strspn(text + 6, " "), out, err);
    if (text && strncasecmp(text, "Bearer ", 7) == 0)
        return bearer(users, text + 7 + strspn(text + 7, " "), out);
    if (!text && http->certificate)
        return by_text(users, SECRET_CERTIFICATE, http->certificate, out);
    return text ? IDENTITY_WRONG : IDENTITY_NOBODY;
}

bool identities_gone(struct identities *all, exchange_id exchange)
{
    for (uint32_t i = 0; i < all->waiting.count; i++)
        if (all->waiting.item[i]->exchange == exchange) {
            all->waiting.item[i]->is_gone = true;
            return true;
        }
    return false;
}

void identities_forget(struct identities *all)
{
    secret_cache_clear(all->known);
}
