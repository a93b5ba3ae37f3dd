#include "sys/sha256.h"
#include <assert.h>
#include <sodium/crypto_hash_sha256.h>

static_assert(SHA256_BYTES == crypto_hash_sha256_BYTES, "a digest's size");

void sha256(struct bytes bytes, uint8_t out[SHA256_BYTES])
{
    crypto_hash_sha256(out, bytes.data, bytes.size);
}

char *sha256_text(struct bytes bytes, char out[SHA256_TEXT_MAX])
{
    static const char digit[] = "0123456789abcdef";
    uint8_t hash[SHA256_BYTES];

    sha256(bytes, hash);
    for (int i = 0; i < SHA256_BYTES; i++) {
        out[2 * i] = digit[hash[i] >> 4];
        out[2 * i + 1] = digit[hash[i] & 15];
    }
    out[2 * SHA256_BYTES] = 0;
    return out;
}
