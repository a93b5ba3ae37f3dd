#include "base/hash.h"
#define XXH_INLINE_ALL /* no symbol of the library is needed */
#include <xxhash.h>

uint64_t hash64(struct bytes bytes, uint64_t seed)
{
    static const uint8_t nothing[1]; /* an empty view may have no address */

    return XXH64(bytes.data ? bytes.data : nothing, bytes.size, seed);
}
