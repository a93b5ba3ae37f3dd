/* Standard base64 (RFC 4648, with padding): how bytes stand in JSON. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"

#define BASE64_ALPHABET                \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef" \
    "ghijklmnopqrstuvwxyz0123456789+/"

void base64_encode(struct bytes in, struct buf *out);
/* Decode into the arena; false when the text is not base64. */
bool base64_decode(struct bytes text, struct arena *arena, struct bytes *out);
