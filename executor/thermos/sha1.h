/* SHA-1 (FIPS 180-4), because ZooKeeper's digest scheme is made of it. For
 * nothing else: it is broken as a signature. */
#pragma once
#include "base/bytes.h"

enum { SHA1_BYTES = 20 };

void sha1(struct bytes in, uint8_t out[SHA1_BYTES]);
