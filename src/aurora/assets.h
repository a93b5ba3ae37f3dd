/* What jobs came from, by the SHA-256 of its bytes: bundles, the contents of
 * their assets, and the library that they were evaluated with. Kept while a job
 * names it, and for a while longer. The structs are in state.h. */
#pragma once
#include "aurora/state.h"

/* --- assets.c --- */
struct asset *asset_find(struct aurora_program *p, const char *sha256);
void asset_restore(struct aurora_program *p, const char *sha256,
                   struct bytes content, int64_t at_ms);
void bundle_restore(struct aurora_program *p, const char *sha256,
                    struct bytes bytes, int64_t now_ms);
/* Keep the bundle that a job came from, its assets apart. A script worker has
 * checked the hashes in it, and told its own (NULL: work it out): hashing
 * megabytes would hold up the loop. */
int bundle_put(struct aurora_program *p, const struct body *body,
               const char *hash, int64_t now_ms, struct effects *fx,
               struct err *err);
/* Is the content of each asset here or in the bundle? ERR_NOT_FOUND names one
 * that is not; the others stay for another while. */
int bundle_check_here(struct aurora_program *p, const Perigee__Bundle *bundle,
                      int64_t now_ms, struct err *err);
/* The release that the bundle was evaluated with; NULL unknown. */
const char *bundle_release(struct aurora_program *p, const char *sha256);
void bundle_restore_release(struct aurora_program *p, const char *sha256,
                            struct bytes release);
/* Its canonical bytes without the contents of assets; empty when it is not
 * kept. */
struct bytes bundle_bytes(struct aurora_program *p, const char *sha256);
/* The bundle with the contents of its assets filled in from what is here;
 * ERR_NOT_FOUND names an asset that is missing. */
int bundle_fill(struct aurora_program *p, struct bytes bytes,
                struct buf *canonical, struct err *err);
/* Forget what no job names any more. */
void assets_sweep(struct aurora_program *p, int64_t now_ms, struct effects *fx);
void assets_release(struct aurora_program *p);

/* --- releases.c --- */
void release_restore(struct aurora_program *p, const char *hash,
                     struct bytes bytes);
/* The bundle was evaluated here: with our own release, unless it was before. */
void release_keep(struct aurora_program *p, struct bundle *bundle,
                  struct effects *fx);
/* What functions of the bundle are called with; empty: our own release. */
struct bytes release_of(struct aurora_program *p, const char *bundle);
/* After assets_sweep(): forget what no bundle names. */
void releases_sweep(struct aurora_program *p, struct effects *fx);
void releases_release(struct aurora_program *p);
