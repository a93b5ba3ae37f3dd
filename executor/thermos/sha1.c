#include "executor/thermos/sha1.h"

#include <string.h>

enum { BLOCK = 64, ROUNDS = 80, WORDS = 5 };

static uint32_t turn(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t read_word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

/* The function and constant of a round. */
static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20)
        return ((b & c) | (~b & d)) + 0x5a827999u;
    if (round < 40)
        return (b ^ c ^ d) + 0x6ed9eba1u;
    if (round < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    return (b ^ c ^ d) + 0xca62c1d6u;
}

static void take_block(uint32_t state[WORDS], const uint8_t *block)
{
    uint32_t w[ROUNDS], s[WORDS];

    for (int i = 0; i < 16; i++)
        w[i] = read_word(block + 4 * i);
    for (int i = 16; i < ROUNDS; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(s, state, sizeof s);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t next = turn(s[0], 5) + mix(i, s[1], s[2], s[3]) + s[4] + w[i];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = turn(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (int i = 0; i < WORDS; i++)
        state[i] += s[i];
}

/* What is left, a one bit, zeroes, and the number of bits: a block or two. */
static void take_end(uint32_t state[WORDS], struct bytes rest, uint64_t size)
{
    uint8_t end[2 * BLOCK] = {0};
    size_t blocks = rest.size + 9 > BLOCK ? 2 : 1;

    if (rest.size > 0)
        memcpy(end, rest.data, rest.size);
    end[rest.size] = 0x80;
    for (size_t i = 0; i < 8; i++)
        end[blocks * BLOCK - 1 - i] = (uint8_t)(size * 8 >> (8 * i));
    for (size_t i = 0; i < blocks; i++)
        take_block(state, end + i * BLOCK);
}

void sha1(struct bytes in, uint8_t out[SHA1_BYTES])
{
    uint32_t state[WORDS] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
                             0xc3d2e1f0u};
    size_t at = 0;

    for (; in.size - at >= BLOCK; at += BLOCK)
        take_block(state, in.data + at);
    take_end(state, bytes_of(in.data + at, in.size - at), in.size);
    for (int i = 0; i < SHA1_BYTES; i++)
        out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
