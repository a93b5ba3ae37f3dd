#include "wire/base64.h"

static const char ALPHABET[] = BASE64_ALPHABET;

void base64_encode(struct bytes in, struct buf *out)
{
    buf_reserve(out, (in.size + 2) / 3 * 4);
    for (size_t i = 0; i < in.size; i += 3) {
        size_t left = in.size - i;
        uint32_t group = (uint32_t)in.data[i] << 16 |
                         (left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0) |
                         (left > 2 ? in.data[i + 2] : 0);
        char text[4] = {
            ALPHABET[group >> 18],
            ALPHABET[group >> 12 & 63],
            left > 1 ? ALPHABET[group >> 6 & 63] : '=',
            left > 2 ? ALPHABET[group & 63] : '=',
        };
        buf_add(out, text, sizeof text);
    }
}

static int digit(uint8_t c)
{
    for (int i = 0; i < 64; i++)
        if (ALPHABET[i] == (char)c)
            return i;
    return -1;
}

bool base64_decode(struct bytes text, struct arena *arena, struct bytes *out)
{
    if (text.size % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.size &&
           text.data[text.size - 1 - padding] == '=')
        padding++;
    size_t digits = text.size - padding;
    uint8_t *data = arena_alloc(arena, text.size / 4 * 3 + 1);
    size_t size = 0;
    uint32_t group = 0;

    for (size_t i = 0; i < text.size; i++) {
        int value = i < digits ? digit(text.data[i]) : 0;
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            data[size++] = (uint8_t)(group >> 16);
            data[size++] = (uint8_t)(group >> 8);
            data[size++] = (uint8_t)group;
            group = 0;
        }
    }
    *out = (struct bytes){data, size - padding};
    return true;
}
