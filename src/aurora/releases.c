/* The releases of the job library that bundles were evaluated with here. A
 * function is called again with the one it came with, also after this scheduler
 * got a newer one. */
#include "aurora/assets.h"
#include "aurora/state.h"

#include <stdlib.h>
#include <string.h>

static struct release *find(struct aurora_program *p, const char *hash)
{
    struct release *release;

    HASH_FIND_STR(p->releases, hash, release);
    return release;
}

void release_restore(struct aurora_program *p, const char *hash,
                     struct bytes bytes)
{
    struct release *release = find(p, hash);

    if (release)
        return;
    release = xcalloc(1, sizeof *release);
    release->hash = xstrdup(hash);
    release->bytes = blob_new(bytes);
    HASH_ADD_KEYPTR(hh, p->releases, release->hash, strlen(release->hash),
                    release);
}

void release_keep(struct aurora_program *p, struct bundle *bundle,
                  struct effects *fx)
{
    const char *own = p->options.stdlib_hash;

    if (bundle->release || !*own)
        return;
    bundle->release = xstrdup(own);
    effect_persist(fx, "bundle_release", bytes_of_text(bundle->sha256),
                   bytes_of_text(bundle->release));
    if (find(p, own) || p->options.stdlib_release.size == 0)
        return;
    release_restore(p, own, p->options.stdlib_release);
    effect_persist(fx, "release", bytes_of_text(own),
                   p->options.stdlib_release);
}

struct bytes release_of(struct aurora_program *p, const char *bundle)
{
    const char *hash = bundle_release(p, bundle);
    const struct release *release = hash ? find(p, hash) : NULL;

    if (!release || strcmp(hash, p->options.stdlib_hash) == 0)
        return bytes_of("", 0);
    return blob_bytes(release->bytes);
}

static void drop(struct aurora_program *p, struct release *release)
{
    HASH_DEL(p->releases, release);
    blob_unref(release->bytes);
    free(release->hash);
    free(release);
}

void releases_sweep(struct aurora_program *p, struct effects *fx)
{
    for (struct bundle *b = p->bundles; b; b = b->hh.next) {
        struct release *release = b->release ? find(p, b->release) : NULL;
        if (release)
            release->is_named = true;
    }
    for (struct release *r = p->releases, *next; r; r = next) {
        next = r->hh.next;
        if (r->is_named) {
            r->is_named = false;
            continue;
        }
        effect_forget(fx, "release", bytes_of_text(r->hash));
        drop(p, r);
    }
}

void releases_release(struct aurora_program *p)
{
    while (p->releases)
        drop(p, p->releases);
}
