/* Secrets: passwords are kept as Argon2id hashes, tokens (which are long and
 * random) as plain hashes; what is compared is compared in constant time; what
 * is no longer needed is wiped. libsodium's door, and the only one.
 *
 * A password takes ~30 ms to check, so that nobody tries many. A daemon does it
 * on a thread (sys/beside.h), and remembers in a secret_cache what was right,
 * under a keyed hash whose key dies with the process: then a request costs
 * microseconds. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SECRET_HASH_MAX = 128, /* with its NUL: of any hash below */
    SECRET_MAX = 1024,     /* bytes of a password or token, with its NUL */
    SECRET_CACHE_MAX = 4096
};

/* Text in memory that is locked, left out of core dumps, and wiped when it is
 * freed. Holds `size` bytes and a NUL. NULL is fine to free. */
char *secret_text_new(const char *text, size_t size);
void secret_text_free(char *text);
void secret_wipe(void *data, size_t size);

/* "$argon2id$...". */
int secret_hash_password(const char *password, char out[SECRET_HASH_MAX],
                         struct err *err);
/* Is the text such a hash, of costs that we bear (64 MiB, 10 passes)? */
bool secret_hash_is_ours(const char *hash);
/* A hash of a password that is written down in a file as it is: for this
 * process only. */
void secret_hash_plain(const char *password, char out[SECRET_HASH_MAX]);
/* Is it the password of that hash (either kind)? A NULL hash is of nobody; that
 * takes as long to find out. On any thread. */
bool secret_password_is(const char *hash, const char *password);

/* 32 random bytes, as text without '+' and '/'. */
void secret_token_new(char out[SECRET_HASH_MAX]);
/* "blake2b$...": what is kept of a token. */
void secret_token_hash(const char *token, char out[SECRET_HASH_MAX]);
bool secret_token_hash_is_ours(const char *hash);

/* "user:password" out of the base64 of a Basic header; there is one ':', and no
 * zero byte. Negative: it is none. The caller wipes it. */
int secret_decode_pair(const char *text, char out[SECRET_MAX], size_t *size);
/* A hash of `text` that only who has the key can make. */
void secret_keyed(const char *key, const char *text, char out[SECRET_HASH_MAX]);
/* In constant time. */
bool secret_equal(const char *a, const char *b);

/* Passwords found right. What fell out, or was never in, is checked again. */
struct secret_cache;
struct secret_cache *secret_cache_new(void);
void secret_cache_free(struct secret_cache *cache);
bool secret_cache_has(const struct secret_cache *cache, const char *whose,
                      const char *password);
void secret_cache_add(struct secret_cache *cache, const char *whose,
                      const char *password);
void secret_cache_clear(struct secret_cache *cache);

/* This process holds secrets: it leaves no core dump, other processes of its
 * user cannot look into it, and the buffers of its connections are wiped before
 * they are freed. Before the first use of libevent. */
void secret_guard_process(void);
/* The same of one whose children may leave core dumps: only itself does not. */
void secret_guard_parent(void);
