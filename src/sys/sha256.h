/* SHA-256 (libsodium): identity of bundles and assets. */
#pragma once
#include "base/bytes.h"
enum { SHA256_BYTES = 32, SHA256_TEXT_MAX = 65 };
void sha256(struct bytes bytes, uint8_t out[SHA256_BYTES]);
char *sha256_text(struct bytes bytes, char out[SHA256_TEXT_MAX]);
