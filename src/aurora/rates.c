/* How often one address may ask: a bucket of tokens each, filled with time. An
 * address whose bucket is full again is as good as one never seen, so the table
 * holds only those that asked lately, and of more than fit, the newest. */
#include "aurora/state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEERS_MAX = 4096,
    PEER_TEXT_MAX = 64,
    BURST_SECONDS = 2, /* what may come at once: the rate of so long */
    TOKEN = 1000       /* of a request, so that a millisecond adds the rate */
};

struct peer {
    char address[PEER_TEXT_MAX];
    int64_t tokens; /* thousandths */
    int64_t at_ms;  /* when that was so */
    UT_hash_handle hh;
};

/* "10.0.0.1:4711", "[::1]:4711": without the port. */
static void address_of(const char *peer, char out[PEER_TEXT_MAX])
{
    const char *end = strrchr(peer, ':');
    int size = (int)(end ? (size_t)(end - peer) : strlen(peer));

    (void)snprintf(out, PEER_TEXT_MAX, "%.*s", size, peer);
}

static struct peer *find(struct aurora_program *p,
                         const char address[PEER_TEXT_MAX], int64_t full,
                         int64_t now_ms)
{
    struct peer *peer;

    HASH_FIND_STR(p->peers, address, peer);
    if (peer) {
        /* Those who asked last stand last. */
        HASH_DEL(p->peers, peer);
    } else {
        if (HASH_COUNT(p->peers) >= PEERS_MAX) {
            struct peer *oldest = p->peers;
            HASH_DEL(p->peers, oldest);
            free(oldest);
        }
        peer = xcalloc(1, sizeof *peer);
        memcpy(peer->address, address, PEER_TEXT_MAX);
        peer->tokens = full;
        peer->at_ms = now_ms;
    }
    HASH_ADD_STR(p->peers, address, peer);
    return peer;
}

static bool take(struct aurora_program *p, const char address[PEER_TEXT_MAX],
                 int64_t rate, int64_t now_ms)
{
    int64_t full = rate * BURST_SECONDS * TOKEN;
    struct peer *peer = find(p, address, full, now_ms);
    int64_t passed = now_ms - peer->at_ms;
    /* Clocks are set back and forth; longer than this fills any bucket. */
    if (passed < 0)
        passed = 0;
    if (passed > BURST_SECONDS * TOKEN)
        passed = BURST_SECONDS * TOKEN;
    peer->at_ms = now_ms;
    peer->tokens += passed * rate;
    if (peer->tokens > full)
        peer->tokens = full;
    if (peer->tokens >= TOKEN) {
        peer->tokens -= TOKEN;
        return true;
    }
    p->rate_refusals++;
    return false;
}

static int refuse(const char *whose, int64_t rate, const char *where,
                  struct err *err)
{
    (void)err_set(err, ERR_BUSY, "requests of %s: want at most %lld a second",
                  whose, (long long)rate);
    err_hint(err, "ask again in a second; %s sets the limit", where);
    return -ERR_BUSY;
}

int rate_take(struct aurora_program *p, const char *text, int64_t now_ms,
              struct err *err)
{
    int64_t rate = p->options.requests_per_second;
    char address[PEER_TEXT_MAX];

    address_of(text, address);
    if (rate == 0 || take(p, address, rate, now_ms))
        return 0;
    return refuse(address, rate, "api_requests_per_second of the scheduler",
                  err);
}

int rate_take_user(struct aurora_program *p, const struct user *user,
                   int64_t now_ms, struct err *err)
{
    int64_t rate = user->limits.requests_per_second;
    char whose[PEER_TEXT_MAX + 8];

    /* No address has a space; a long name shares with its like. */
    (void)snprintf(whose, sizeof whose, "user %s", user->name);
    whose[PEER_TEXT_MAX - 1] = '\0';
    if (rate == 0 || take(p, whose, rate, now_ms))
        return 0;
    return refuse(whose, rate, "security.lua", err);
}

void rates_release(struct aurora_program *p)
{
    struct peer *peer, *next;

    for (peer = p->peers; peer; peer = next) {
        next = peer->hh.next;
        HASH_DEL(p->peers, peer);
        free(peer);
    }
}
