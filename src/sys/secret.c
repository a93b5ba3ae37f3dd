#include "sys/secret.h"

#include "base/alloc.h"
#include "base/table.h"

#include <assert.h>
#include <event2/event.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
    COST_PASSES = 2,
    COST_BYTES = 19456 * 1024,
    COST_PASSES_MAX = 10,
    COST_KIB_MAX = 64 * 1024,
    KEY_BYTES = crypto_generichash_KEYBYTES,
    HASH_BYTES = crypto_generichash_BYTES
};
static const char PLAIN[] = "plain$", TOKEN[] = "blake2b$";

/* Of a password that nobody has: 32 random bytes, thrown away. */
static const char NOBODY[SECRET_HASH_MAX] =
    "$argon2id$v=19$m=19456,t=2,p=1$"
    "bFuV0yLq5jBn1cQmXo2sNw$"
    "7H0rQp4Yd8mV3kZt1xWc9eLb6uJf2aGnSo5iRqTyEvM";

static void start(void)
{
    int rc = sodium_init();

    assert(rc >= 0);
    (void)rc;
}

/* --- memory --- */

char *secret_text_new(const char *text, size_t size)
{
    start();
    char *out = sodium_malloc(size + 1);

    if (!out) /* as xmalloc does */
        abort();
    memcpy(out, text, size);
    out[size] = '\0';
    return out;
}

void secret_text_free(char *text)
{
    sodium_free(text);
}

void secret_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}

/* --- hashes --- */

static void to_hex(const char *prefix, const uint8_t hash[HASH_BYTES],
                   char out[SECRET_HASH_MAX])
{
    size_t size = strlen(prefix);

    (void)snprintf(out, SECRET_HASH_MAX, "%s", prefix);
    sodium_bin2hex(out + size, SECRET_HASH_MAX - size, hash, HASH_BYTES);
}

static bool is_hex_behind(const char *prefix, const char *text)
{
    size_t size = strlen(prefix);

    return strncmp(text, prefix, size) == 0 &&
           strlen(text + size) == 2 * (size_t)HASH_BYTES &&
           strspn(text + size, "0123456789abcdef") == 2 * (size_t)HASH_BYTES;
}

/* One key for the process, made at the first use, in the loop's thread. */
static const uint8_t *process_key(void)
{
    static uint8_t *key;

    start();
    if (!key) {
        key = sodium_malloc(KEY_BYTES);
        assert(key);
        randombytes_buf(key, KEY_BYTES);
        sodium_mprotect_readonly(key);
    }
    return key;
}

int secret_hash_password(const char *password, char out[SECRET_HASH_MAX],
                         struct err *err)
{
    _Static_assert((int)SECRET_HASH_MAX >= (int)crypto_pwhash_STRBYTES,
                   "a hash fits");
    start();
    if (crypto_pwhash_str_alg(out, password, strlen(password), COST_PASSES,
                              COST_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return 0;
    return err_set(err, ERR_NO_SPACE, "hashing a password: want %d MB",
                   COST_BYTES >> 20);
}

bool secret_hash_is_ours(const char *hash)
{
    unsigned version = 0, kib = 0, passes = 0, lanes = 0;

    return strlen(hash) < SECRET_HASH_MAX &&
           sscanf(hash, "$argon2id$v=%u$m=%u,t=%u,p=%u$", &version, &kib,
                  &passes, &lanes) == 4 &&
           version == 19 && kib >= 8 && kib <= COST_KIB_MAX && passes >= 1 &&
           passes <= COST_PASSES_MAX && lanes == 1;
}

void secret_hash_plain(const char *password, char out[SECRET_HASH_MAX])
{
    uint8_t hash[HASH_BYTES];

    crypto_generichash(hash, sizeof hash, (const uint8_t *)password,
                       strlen(password), process_key(), KEY_BYTES);
    to_hex(PLAIN, hash, out);
    sodium_memzero(hash, sizeof hash);
}

/* A hash of the fast kind costs the time of a slow one, too: how long it takes
 * must not tell who there is. */
bool secret_password_is(const char *hash, const char *password)
{
    bool is_plain = hash && strncmp(hash, PLAIN, sizeof PLAIN - 1) == 0;
    bool is_slow = hash && !is_plain;
    char text[SECRET_HASH_MAX] = "", plain[SECRET_HASH_MAX] = "";

    start();
    (void)snprintf(text, sizeof text, "%s", is_slow ? hash : NOBODY);
    bool matches =
        crypto_pwhash_str_verify(text, password, strlen(password)) == 0;
    if (!is_plain)
        return is_slow && matches;
    secret_hash_plain(password, plain);
    matches = strlen(hash) == strlen(plain) &&
              sodium_memcmp(hash, plain, strlen(plain)) == 0;
    sodium_memzero(plain, sizeof plain);
    return matches;
}

/* --- tokens --- */

void secret_token_new(char out[SECRET_HASH_MAX])
{
    uint8_t bytes[32];

    start();
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2base64(out, SECRET_HASH_MAX, bytes, sizeof bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

void secret_token_hash(const char *token, char out[SECRET_HASH_MAX])
{
    uint8_t hash[HASH_BYTES];

    start();
    crypto_generichash(hash, sizeof hash, (const uint8_t *)token, strlen(token),
                       NULL, 0);
    to_hex(TOKEN, hash, out);
}

bool secret_token_hash_is_ours(const char *hash)
{
    return is_hex_behind(TOKEN, hash);
}

int secret_decode_pair(const char *text, char out[SECRET_MAX], size_t *size)
{
    start();
    if (sodium_base642bin((unsigned char *)out, SECRET_MAX - 1, text,
                          strlen(text), NULL, size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        memchr(out, 0, *size) || !memchr(out, ':', *size)) {
        sodium_memzero(out, SECRET_MAX);
        return -1;
    }
    out[*size] = '\0';
    return 0;
}

void secret_keyed(const char *key, const char *text, char out[SECRET_HASH_MAX])
{
    uint8_t hash[HASH_BYTES];

    start();
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, strlen(text),
                       (const uint8_t *)key,
                       strnlen(key, crypto_generichash_KEYBYTES_MAX));
    to_hex("", hash, out);
}

bool secret_equal(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && sodium_memcmp(a, b, strlen(a)) == 0;
}

/* --- what was right --- */

struct known {
    uint8_t hash[HASH_BYTES];
    UT_hash_handle hh;
};

struct secret_cache {
    struct known *known; /* oldest first */
};

struct secret_cache *secret_cache_new(void)
{
    (void)process_key();
    return xcalloc(1, sizeof(struct secret_cache));
}

void secret_cache_clear(struct secret_cache *cache)
{
    for (struct known *it = cache->known, *next; it; it = next) {
        next = it->hh.next;
        HASH_DEL(cache->known, it);
        sodium_memzero(it->hash, sizeof it->hash);
        free(it);
    }
}

void secret_cache_free(struct secret_cache *cache)
{
    if (!cache)
        return;
    secret_cache_clear(cache);
    free(cache);
}

/* The one with its NUL, then the password: no two pairs are one text. */
static void hash_pair(const char *whose, const char *password,
                      uint8_t out[HASH_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, process_key(), KEY_BYTES, HASH_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)whose,
                              strlen(whose) + 1);
    crypto_generichash_update(&state, (const uint8_t *)password,
                              strlen(password));
    crypto_generichash_final(&state, out, HASH_BYTES);
    sodium_memzero(&state, sizeof state);
}

bool secret_cache_has(const struct secret_cache *cache, const char *whose,
                      const char *password)
{
    uint8_t hash[HASH_BYTES];
    struct known *it;

    hash_pair(whose, password, hash);
    HASH_FIND(hh, cache->known, hash, sizeof hash, it);
    return it != NULL;
}

void secret_cache_add(struct secret_cache *cache, const char *whose,
                      const char *password)
{
    struct known *it = xcalloc(1, sizeof *it), *oldest = cache->known;

    hash_pair(whose, password, it->hash);
    if (HASH_COUNT(cache->known) >= SECRET_CACHE_MAX) {
        HASH_DEL(cache->known, oldest);
        free(oldest);
    }
    struct known *same;
    HASH_FIND(hh, cache->known, it->hash, sizeof it->hash, same);
    if (same)
        free(it);
    else
        HASH_ADD(hh, cache->known, hash, sizeof it->hash, it);
}

/* --- the process --- */

static void wiping_free(void *data)
{
    if (data)
        explicit_bzero(data, malloc_usable_size(data));
    free(data);
}

static void *wiping_realloc(void *old, size_t size)
{
    size_t had = old ? malloc_usable_size(old) : 0;
    void *out = malloc(size);

    if (!out)
        return NULL;
    if (had > 0)
        memcpy(out, old, had < size ? had : size);
    wiping_free(old);
    return out;
}

void secret_guard_parent(void)
{
    start();
    event_set_mem_functions(malloc, wiping_realloc, wiping_free);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

void secret_guard_process(void)
{
    const struct rlimit none = {0, 0};

    secret_guard_parent();
    (void)setrlimit(RLIMIT_CORE, &none);
}
