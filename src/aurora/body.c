/* The body of a call. A small one is decoded at once; what a large one costs is
 * paid beside the loop: decoding it, hashing an asset, taking a bundle apart.
 * The request lives in p->decoding meanwhile, and nobody else touches it. */
#include "aurora/api.h"

#include "base/hash.h"
#include "perigee/aurora_store.pb-c.h"
#include "sys/sha256.h"
#include "wire/codec.h"

#include <stdlib.h>

enum {
    HERE_BYTES_MAX = 32 << 10, /* 1 ms or so, as JSON */
    JSON_VALUES_MAX = 100000,
    DECODINGS_MAX = 64,
    DECODINGS_BYTES_MAX = 64 << 20
};

typedef Perigee__Aurora__Call Call;

int body_media(struct request *r, const struct http_request *http, int *status,
               struct err *err)
{
    r->body.type = media_type_parse(http_header(http, "Content-Type"));
    if (r->body.type == MEDIA_JSON || r->body.type == MEDIA_PROTOBUF)
        return 0;
    *status = 415;
    return err_set(err, ERR_UNSUPPORTED,
                   "Content-Type: want application/json "
                   "or application/x-protobuf");
}

/* --- reading, on any thread --- */

static void send_asset(struct body *body, struct bytes content,
                       const char *sha256)
{
    struct asset_sent *asset = &body->asset[body->asset_count++];
    Perigee__Aurora__AssetRecord r = PERIGEE__AURORA__ASSET_RECORD__INIT;

    r.has_content = r.has_at_ms = true;
    r.content.data = (uint8_t *)(uintptr_t)content.data;
    r.content.len = content.size;
    r.at_ms = (uint64_t)body->at_ms;
    size_t size = perigee__aurora__asset_record__get_packed_size(&r);
    uint8_t *packed = arena_alloc(&body->arena, size + 1);
    perigee__aurora__asset_record__pack(&r, packed);
    *asset = (struct asset_sent){.sha256 = sha256,
                                 .content = blob_new(content),
                                 .record = bytes_of(packed, size)};
}

static struct bytes data_bytes(const ProtobufCBinaryData *data)
{
    return bytes_of(data->data, data->len);
}

static void read_asset(struct body *body,
                       const Perigee__Aurora__Call__PutAsset *put)
{
    char *text = arena_alloc(&body->arena, SHA256_TEXT_MAX);

    body->asset = arena_alloc(&body->arena, sizeof *body->asset);
    send_asset(body, data_bytes(&put->content),
               sha256_text(data_bytes(&put->content), text));
}

/* Assets apart; what is left is what is stored. */
static void read_bundle(struct body *body, struct bytes packed)
{
    ProtobufCAllocator allocator = codec_arena_allocator(&body->arena);
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(&allocator, packed.size, packed.data);
    struct buf out = {0};

    if (!bundle)
        return;
    bool *apart = arena_alloc(&body->arena, bundle->n_files + 1);
    body->asset =
        arena_alloc(&body->arena, (bundle->n_files + 1) * sizeof *body->asset);
    for (size_t i = 0; i < bundle->n_files; i++) {
        Perigee__BundleFile *file = bundle->files[i];
        apart[i] = file->asset && file->has_content && file->sha256;
        if (apart[i])
            send_asset(body, data_bytes(&file->content), file->sha256);
        file->has_content = file->has_content && !apart[i];
    }
    codec_encode(&bundle->base, MEDIA_PROTOBUF, &out);
    body->stored = blob_new(buf_bytes(&out));
    buf_release(&out);
    for (size_t i = 0; i < bundle->n_files; i++)
        bundle->files[i]->has_content |= apart[i];
    body->bundle = bundle;
}

/* JSON takes a hundred times its size to read when it is all small values;
 * megabytes are wanted as few long texts only. Counts what separates values. */
static int check_json(const struct body *body, struct err *err)
{
    struct bytes in = body->bytes;
    bool is_text = false;
    uint32_t count = 0;

    if (body->type != MEDIA_JSON || in.size <= HERE_BYTES_MAX)
        return 0;
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] == '"')
            is_text = !is_text;
        else if (is_text && in.data[i] == '\\')
            i++;
        else if (!is_text && (in.data[i] == ',' || in.data[i] == '['))
            count++;
    }
    if (count <= JSON_VALUES_MAX)
        return 0;
    return err_set(err, ERR_LIMIT, "call of %u values: want at most %d", count,
                   JSON_VALUES_MAX);
}

/* Of a job or a group; empty without. */
static struct bytes bundle_of(const Call *call)
{
    if (call->create_job && call->create_job->has_bundle)
        return data_bytes(&call->create_job->bundle);
    if (call->deploy_group && call->deploy_group->has_bundle)
        return data_bytes(&call->deploy_group->bundle);
    return bytes_of("", 0);
}

/* At most; base64 takes four letters for three bytes. */
static size_t encoded_size(const struct body *body, size_t size)
{
    return body->type == MEDIA_JSON ? (size + 2) / 3 * 4 : size;
}

/* What the call says beside its megabytes is looked at by the loop. */
static int check_size(const struct body *body, const Call *call,
                      struct err *err)
{
    size_t size = body->bytes.size;

    if (size <= CALL_BYTES_MAX)
        return 0;
    if (call->put_asset && call->put_asset->has_content)
        size -= encoded_size(body, call->put_asset->content.len);
    size -= encoded_size(body, bundle_of(call).size);
    if (size <= CALL_BYTES_MAX)
        return 0;
    return err_set(err, ERR_LIMIT,
                   "call of %zu KiB beside an asset or bundle: want at most "
                   "%d KiB",
                   size >> 10, CALL_BYTES_MAX >> 10);
}

static int read_call(struct request *r)
{
    struct body *body = &r->body;
    ProtobufCMessage *message;
    int rc = check_json(body, &body->refusal);

    if (rc < 0)
        return rc;
    rc = codec_decode_strictly(&perigee__aurora__call__descriptor, "Call",
                               body->type, body->bytes, &body->arena, &message,
                               &body->refusal);
    if (rc < 0)
        return rc;
    Call *call = (Call *)message;
    struct bytes bundle = bundle_of(call);
    rc = check_size(body, call, &body->refusal);
    if (rc < 0)
        return rc;
    if (r->given_key)
        r->fingerprint = hash64(body->bytes, 0);
    if (call->put_asset && call->put_asset->has_content)
        read_asset(body, call->put_asset);
    else if (bundle.size > 0)
        read_bundle(body, bundle);
    r->call = call;
    return 0;
}

/* The C library merges the many small pieces that a decoder gave back when
 * somebody gives back a large one: that shall not be the loop. */
static void tidy_memory(void)
{
    enum { LARGE = 96 << 10 }; /* and small enough to come from the heap */
    void *volatile piece = malloc(LARGE);

    free(piece);
}

void aurora_decode_run(void *work)
{
    struct request *r = work;
    bool is_large = r->body.bytes.size > HERE_BYTES_MAX;

    if (read_call(r) < 0)
        arena_release(&r->body.arena); /* here: it may be much */
    if (is_large)
        tidy_memory();
}

void body_release(struct body *body)
{
    for (uint32_t i = 0; i < body->asset_count; i++)
        blob_unref(body->asset[i].content);
    blob_unref(body->stored);
    arena_release(&body->arena);
}

/* --- here or there --- */

static int check_room(const struct aurora_program *p, struct err *err)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < p->decoding.count; i++)
        bytes += p->decoding.item[i]->body.bytes.size;
    if (p->decoding.count < DECODINGS_MAX && bytes < DECODINGS_BYTES_MAX)
        return 0;
    (void)err_set(err, ERR_BUSY, "%u large requests are being read",
                  p->decoding.count);
    err_hint(err, "ask again in a second");
    return -ERR_BUSY;
}

int body_read(struct request *r, struct bytes body, int64_t now_ms,
              struct effects *fx, struct err *err)
{
    struct aurora_program *p = r->p;

    r->body.at_ms = now_ms;
    if (body.size <= HERE_BYTES_MAX) {
        r->body.bytes = body;
        aurora_decode_run(r);
        r->body.bytes = bytes_of("", 0); /* it was borrowed */
        return 0;
    }
    int rc = check_room(p, err);
    if (rc < 0)
        return rc;
    r->body.bytes =
        bytes_of(arena_memdup(&r->arena, body.data, body.size), body.size);
    r->ticket = ++p->next_ticket;
    *vec_add(&p->decoding) = r;
    struct aurora_decode act = {.ticket = r->ticket, .work = r};
    effect_act(fx, AURORA_ACT_DECODE, &act, sizeof act);
    return 1;
}

struct request *body_done(struct aurora_program *p, uint64_t ticket)
{
    for (uint32_t i = 0; i < p->decoding.count; i++) {
        struct request *r = p->decoding.item[i];
        if (r->ticket != ticket)
            continue;
        vec_remove(&p->decoding, i);
        if (!r->is_gone)
            return r;
        request_free(r); /* who asked has left before we understood */
        return NULL;
    }
    return NULL;
}
