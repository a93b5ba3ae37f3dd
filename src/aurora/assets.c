/* Bundles and their assets: what jobs were made of, kept while a job names it.
 * An asset is stored once, whoever names it; a bundle is stored without the
 * contents of its assets. */
#include "aurora/assets.h"
#include "aurora/api.h"
#include "aurora/security.h"

#include "perigee/aurora_store.pb-c.h"
#include "sys/sha256.h"

#include <stdlib.h>
#include <string.h>

enum { AS_JSON_MAX = 512 << 10 }; /* of a bundle; more holds up the loop */

struct asset *asset_find(struct aurora_program *p, const char *sha256)
{
    struct asset *asset;

    if (!sha256)
        return NULL;
    HASH_FIND_STR(p->assets, sha256, asset);
    return asset;
}

static struct bundle *bundle_find(struct aurora_program *p, const char *sha256)
{
    struct bundle *bundle;

    HASH_FIND_STR(p->bundles, sha256, bundle);
    return bundle;
}

const char *bundle_release(struct aurora_program *p, const char *sha256)
{
    const struct bundle *bundle = bundle_find(p, sha256);

    return bundle ? bundle->release : NULL;
}

/* Records come by table: the bundle is here before its release is told. */
void bundle_restore_release(struct aurora_program *p, const char *sha256,
                            struct bytes release)
{
    struct bundle *bundle = bundle_find(p, sha256);

    if (bundle && !bundle->release)
        bundle->release = xstrndup((const char *)release.data, release.size);
}

struct bytes bundle_bytes(struct aurora_program *p, const char *sha256)
{
    const struct bundle *bundle = bundle_find(p, sha256);

    return blob_bytes(bundle ? bundle->bytes : NULL);
}

static void asset_add(struct aurora_program *p, const char *sha256,
                      struct blob *content, int64_t at_ms)
{
    struct asset *asset = xcalloc(1, sizeof *asset);

    asset->sha256 = xstrdup(sha256);
    asset->content = content;
    asset->at_ms = at_ms;
    p->asset_bytes += content->size;
    HASH_ADD_KEYPTR(hh, p->assets, asset->sha256, strlen(asset->sha256), asset);
}

void asset_restore(struct aurora_program *p, const char *sha256,
                   struct bytes content, int64_t at_ms)
{
    if (!asset_find(p, sha256))
        asset_add(p, sha256, blob_new(content), at_ms);
}

/* Content whose hash is known to be right. */
static int keep_asset(struct aurora_program *p, const struct asset_sent *sent,
                      int64_t now_ms, struct effects *fx, struct err *err)
{
    struct asset *asset = asset_find(p, sent->sha256);
    size_t size = sent->content->size;

    if (asset) {
        asset->at_ms = now_ms;
        return 0;
    }
    if (size > ASSET_MAX)
        return err_set(err, ERR_LIMIT, "asset of %zu bytes: want at most %d",
                       size, ASSET_MAX);
    if (p->asset_bytes + size > ASSETS_BYTES_MAX)
        return err_set(err, ERR_NO_SPACE, "assets: %d MB are kept already",
                       ASSETS_BYTES_MAX >> 20);
    asset_add(p, sent->sha256, blob_ref(sent->content), now_ms);
    effect_persist(fx, "asset", bytes_of_text(sent->sha256), sent->record);
    return 0;
}

static void pack_bundle(const Perigee__Bundle *bundle, struct buf *out)
{
    size_t size = perigee__bundle__get_packed_size(bundle);

    buf_reserve(out, size);
    out->size += perigee__bundle__pack(bundle, out->data + out->size);
}

static void bundle_add(struct aurora_program *p, const char *sha256,
                       struct blob *bytes, int64_t now_ms)
{
    struct bundle *bundle = xcalloc(1, sizeof *bundle);

    bundle->sha256 = xstrdup(sha256);
    bundle->bytes = bytes;
    bundle->at_ms = now_ms;
    HASH_ADD_KEYPTR(hh, p->bundles, bundle->sha256, strlen(bundle->sha256),
                    bundle);
}

void bundle_restore(struct aurora_program *p, const char *sha256,
                    struct bytes bytes, int64_t now_ms)
{
    if (!bundle_find(p, sha256))
        bundle_add(p, sha256, blob_new(bytes), now_ms);
}

/* Stored under the hash of what is stored: that is the bundle_hash of its jobs,
 * which does not depend on whether assets travelled with it. */
static void store_bundle(struct aurora_program *p, struct blob *stored,
                         const char *hash, int64_t now_ms, struct effects *fx)
{
    char sha256[SHA256_TEXT_MAX];

    if (hash && strlen(hash) == SHA256_TEXT_MAX - 1)
        memcpy(sha256, hash, sizeof sha256);
    else
        (void)sha256_text(blob_bytes(stored), sha256);
    if (!bundle_find(p, sha256)) {
        bundle_add(p, sha256, blob_ref(stored), now_ms);
        effect_persist(fx, "bundle", bytes_of_text(sha256), blob_bytes(stored));
    }
    release_keep(p, bundle_find(p, sha256), fx);
}

int bundle_put(struct aurora_program *p, const struct body *body,
               const char *hash, int64_t now_ms, struct effects *fx,
               struct err *err)
{
    for (uint32_t i = 0; i < body->asset_count; i++) {
        int rc = keep_asset(p, &body->asset[i], now_ms, fx, err);
        if (rc < 0)
            return rc;
    }
    store_bundle(p, body->stored, hash, now_ms, fx);
    return 0;
}

static int missing_asset(const Perigee__BundleFile *file, struct err *err)
{
    (void)err_set(err, ERR_NOT_FOUND,
                  "asset '%s': its content is neither here nor in the bundle",
                  file->path ? file->path : "?");
    err_hint(err, "send it first with PUT_ASSET");
    return -ERR_NOT_FOUND;
}

int bundle_check_here(struct aurora_program *p, const Perigee__Bundle *bundle,
                      int64_t now_ms, struct err *err)
{
    int rc = 0;

    if (!bundle) {
        (void)err_set(err, ERR_INVALID, "bundle: not a perigee.Bundle");
        err_field(err, "create_job.bundle");
        return -ERR_INVALID;
    }
    for (size_t i = 0; i < bundle->n_files && rc == 0; i++) {
        const Perigee__BundleFile *file = bundle->files[i];
        struct asset *asset = NULL;
        if (!file->asset || file->has_content)
            continue;
        asset = asset_find(p, file->sha256);
        if (!asset)
            rc = missing_asset(file, err);
        else if (asset->content->size != file->size_bytes)
            rc = err_set(err, ERR_INVALID, "asset '%s': want size_bytes %u",
                         file->path ? file->path : "?", asset->content->size);
        else
            asset->at_ms = now_ms;
    }
    return rc;
}

/* Borrow the contents that are missing from the assets kept here. */
static int fill_contents(struct aurora_program *p, Perigee__Bundle *bundle,
                         bool *borrowed, struct err *err)
{
    for (size_t i = 0; i < bundle->n_files; i++) {
        Perigee__BundleFile *file = bundle->files[i];
        if (!file->asset || file->has_content)
            continue;
        struct asset *asset = asset_find(p, file->sha256);
        if (!asset)
            return missing_asset(file, err);
        borrowed[i] = true;
        file->has_content = true;
        file->content.data = asset->content->data;
        file->content.len = asset->content->size;
    }
    return 0;
}

int bundle_fill(struct aurora_program *p, struct bytes bytes,
                struct buf *canonical, struct err *err)
{
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(NULL, bytes.size, bytes.data);

    if (!bundle) {
        (void)err_set(err, ERR_INVALID, "bundle: not a perigee.Bundle");
        err_field(err, "create_job.bundle");
        return -ERR_INVALID;
    }
    bool *borrowed = xcalloc(bundle->n_files + 1, sizeof *borrowed);
    int rc = fill_contents(p, bundle, borrowed, err);
    if (rc == 0)
        pack_bundle(bundle, canonical);
    for (size_t i = 0; i < bundle->n_files; i++)
        if (borrowed[i])
            bundle->files[i]->content = (ProtobufCBinaryData){0};
    free(borrowed);
    perigee__bundle__free_unpacked(bundle, NULL);
    return rc;
}

/* --- keeping what is named --- */

static void mark_job_assets(struct aurora_program *p, const Perigee__Job *job)
{
    for (size_t i = 0; job->task && i < job->task->n_fetch; i++) {
        struct asset *asset = asset_find(p, job->task->fetch[i]->sha256);
        if (asset && job->task->fetch[i]->asset)
            asset->is_named = true;
    }
}

static void mark_bundle(struct aurora_program *p, const char *sha256)
{
    struct bundle *bundle = sha256 ? bundle_find(p, sha256) : NULL;

    if (!bundle || bundle->is_named)
        return;
    bundle->is_named = true;
    struct bytes bytes = blob_bytes(bundle->bytes);
    Perigee__Bundle *b = perigee__bundle__unpack(NULL, bytes.size, bytes.data);
    for (size_t i = 0; b && i < b->n_files; i++) {
        struct asset *asset = asset_find(p, b->files[i]->sha256);
        if (asset && b->files[i]->asset)
            asset->is_named = true;
    }
    if (b)
        perigee__bundle__free_unpacked(b, NULL);
}

static void drop_asset(struct aurora_program *p, struct asset *asset)
{
    HASH_DEL(p->assets, asset);
    p->asset_bytes -= asset->content->size;
    blob_unref(asset->content);
    free(asset->sha256);
    free(asset);
}

static void drop_bundle(struct aurora_program *p, struct bundle *bundle)
{
    HASH_DEL(p->bundles, bundle);
    blob_unref(bundle->bytes);
    free(bundle->release);
    free(bundle->sha256);
    free(bundle);
}

void assets_sweep(struct aurora_program *p, int64_t now_ms, struct effects *fx)
{
    for (struct job_config *c = p->core.configs; c; c = c->hh.next) {
        mark_job_assets(p, job_of(c));
        mark_bundle(p, job_of(c)->bundle_hash);
    }
    for (struct asset *a = p->assets, *next; a; a = next) {
        next = a->hh.next;
        if (!a->is_named && now_ms - a->at_ms >= ASSET_KEPT_MS) {
            effect_forget(fx, "asset", bytes_of_text(a->sha256));
            drop_asset(p, a);
            continue;
        }
        a->is_named = false;
    }
    for (struct bundle *b = p->bundles, *next; b; b = next) {
        next = b->hh.next;
        if (!b->is_named && now_ms - b->at_ms >= ASSET_KEPT_MS) {
            effect_forget(fx, "bundle", bytes_of_text(b->sha256));
            if (b->release)
                effect_forget(fx, "bundle_release", bytes_of_text(b->sha256));
            drop_bundle(p, b);
            continue;
        }
        b->is_named = false;
    }
}

void assets_release(struct aurora_program *p)
{
    for (struct asset *a = p->assets, *next; a; a = next) {
        next = a->hh.next;
        drop_asset(p, a);
    }
    for (struct bundle *b = p->bundles, *next; b; b = next) {
        next = b->hh.next;
        drop_bundle(p, b);
    }
}

/* --- calls --- */

void api_put_asset(struct request *r, int64_t now_ms, struct effects *fx)
{
    const Perigee__Aurora__Call__PutAsset *put = r->call->put_asset;
    const char *said = put && put->sha256 ? put->sha256 : "";
    struct err err = {0};

    if (!put || !put->has_content) {
        (void)err_set(&err, ERR_INVALID, "put_asset.content: missing");
        err_field(&err, "put_asset.content");
    } else if (*said && strcmp(r->body.asset->sha256, said) != 0)
        (void)err_set(&err, ERR_INVALID,
                      "asset: its SHA-256 is %s, not %s as said",
                      r->body.asset->sha256, said);
    else
        (void)keep_asset(r->p, r->body.asset, now_ms, fx, &err);
    if (err.code)
        api_refuse(r, &err, now_ms, fx);
    else
        api_answer(r, api_answer_new(r), now_ms, fx);
}

/* A file may make jobs of several roles: it is read by who may see all that is
 * here of it, and not by who sees one. */
static bool is_seen(const struct request *r, const char *sha256)
{
    bool is_any = !r->user;

    for (struct job_config *c = r->p->core.configs; r->user && c;
         c = c->hh.next) {
        const char *hash = job_of(c)->bundle_hash;
        if (!hash || strcmp(hash, sha256) != 0)
            continue;
        if (!security_sees(r, &c->key))
            return false;
        is_any = true;
    }
    return is_any;
}

void api_get_bundle(struct request *r, int64_t now_ms, struct effects *fx)
{
    const char *sha256 =
        r->call->get_bundle ? r->call->get_bundle->sha256 : NULL;
    struct bundle *bundle = sha256 ? bundle_find(r->p, sha256) : NULL;
    struct buf canonical = {0};
    struct err err = {0};
    bool is_hidden = bundle && !is_seen(r, sha256);

    if (is_hidden)
        security_note_hidden(r);
    if (!bundle || is_hidden)
        (void)err_set(&err, ERR_NOT_FOUND, "bundle '%s' is not kept here%s",
                      sha256 ? sha256 : "",
                      r->user ? ", or made jobs that you may not see" : "");
    else
        (void)bundle_fill(r->p, blob_bytes(bundle->bytes), &canonical, &err);
    if (!err.code && r->media == MEDIA_JSON && canonical.size > AS_JSON_MAX) {
        (void)err_set(&err, ERR_LIMIT,
                      "bundle of %zu KiB as JSON: want at most %d KiB",
                      canonical.size >> 10, AS_JSON_MAX >> 10);
        err_hint(&err, "ask for application/x-protobuf");
        buf_release(&canonical);
    }
    if (err.code) {
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    Perigee__Aurora__Answer *answer = api_answer_new(r);
    answer->has_bundle = true;
    answer->bundle.data =
        arena_memdup(&r->arena, canonical.data, canonical.size);
    answer->bundle.len = canonical.size;
    buf_release(&canonical);
    api_answer(r, answer, now_ms, fx);
}
