/* Checksums and hashes that are not for security: XXH64 (libxxhash). SHA-256
 * for content identity lives in sys/sha256.h. */
#pragma once
#include "base/bytes.h"
#include <stdint.h>

uint64_t hash64(struct bytes bytes, uint64_t seed);
