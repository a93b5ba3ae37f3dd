#include "executor/thermos/announcer_access.h"

#include "executor/thermos/sha1.h"
#include "perigee/announcer.pb-c.h"
#include "sys/file.h"
#include "wire/base64.h"
#include "wire/codec.h"

#include <string.h>

typedef Perigee__AnnouncerAccess access_file;
typedef Perigee__AnnouncerAccess__Acl access_acl;

const char *announcer_access_digest(const char *credential, struct arena *arena)
{
    const char *colon = strchr(credential, ':');
    uint8_t hash[SHA1_BYTES];
    struct buf text = {0};

    if (colon == NULL)
        return NULL;
    sha1(bytes_of_text(credential), hash);
    buf_add(&text, credential, (size_t)(colon - credential) + 1);
    base64_encode(bytes_of(hash, sizeof hash), &text);
    const char *out = arena_strdup(arena, buf_text(&text));
    buf_release(&text);
    return out;
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

/* Both are there, and a digest has its two halves. */
static int check(const char *list, size_t at, const char *scheme,
                 const char *credential, struct err *err)
{
    if (!is_set(scheme))
        return err_set(err, ERR_INVALID, "%s[%zu].scheme: it is missing", list,
                       at);
    if (!is_set(credential))
        return err_set(err, ERR_INVALID, "%s[%zu].credential: it is missing",
                       list, at);
    if (strcmp(scheme, "digest") == 0 && strchr(credential, ':') == NULL)
        return err_set(err, ERR_INVALID,
                       "%s[%zu].credential: want \"user:password\"", list, at);
    return 0;
}

static uint32_t permissions_of(const access_acl *acl)
{
    const Perigee__AnnouncerAccess__Permissions *p = acl->permissions;
    if (p == NULL)
        return 0;
    return (p->read ? ZK_MAY_READ : 0u) | (p->write ? ZK_MAY_WRITE : 0u) |
           (p->create ? ZK_MAY_CREATE : 0u) |
           (p->delete_ ? ZK_MAY_DELETE : 0u) | (p->admin ? ZK_MAY_ADMIN : 0u);
}

static int take_auth(const access_file *file, struct zk_access *out,
                     struct err *err)
{
    if (file->n_auth > ZK_ACCESS_MAX)
        return err_set(err, ERR_LIMIT, "auth: over %d entries", ZK_ACCESS_MAX);
    for (size_t i = 0; i < file->n_auth; i++) {
        int rc = check("auth", i, file->auth[i]->scheme,
                       file->auth[i]->credential, err);
        if (rc != 0)
            return rc;
        out->auth[out->auth_count++] = (struct zk_identity){
            file->auth[i]->scheme, file->auth[i]->credential, 0};
    }
    return 0;
}

static int take_acl(const access_file *file, struct arena *arena,
                    struct zk_access *out, struct err *err)
{
    if (file->n_acl > ZK_ACCESS_MAX)
        return err_set(err, ERR_LIMIT, "acl: over %d entries", ZK_ACCESS_MAX);
    for (size_t i = 0; i < file->n_acl; i++) {
        const access_acl *acl = file->acl[i];
        const char *id = acl->credential;
        int rc = check("acl", i, acl->scheme, id, err);
        if (rc == 0 && permissions_of(acl) == 0)
            rc = err_set(err, ERR_INVALID,
                         "acl[%zu].permissions: nothing is allowed", i);
        if (rc != 0)
            return rc;
        if (strcmp(acl->scheme, "digest") == 0)
            id = announcer_access_digest(id, arena);
        out->acl[out->acl_count++] =
            (struct zk_identity){acl->scheme, id, permissions_of(acl)};
    }
    return 0;
}

/* A reader's own words would show a piece of the file, and with it a secret. */
static int decode(struct bytes text, struct arena *arena,
                  ProtobufCMessage **out, struct err *err)
{
    struct err why = {0};
    int rc = codec_decode_strictly(&perigee__announcer_access__descriptor,
                                   "AnnouncerAccess", MEDIA_JSON, text, arena,
                                   out, &why);
    if (rc == 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "%s%swant JSON with \"auth\" and \"acl\" as "
                   "perigee-agent(1) shows them",
                   why.field, *why.field ? ": " : "");
}

static int read_access(const char *path, struct arena *arena,
                       struct zk_access *out, struct err *err)
{
    struct buf text = {0};
    ProtobufCMessage *message = NULL;
    int rc = file_read(path, ANNOUNCER_ACCESS_MAX, &text, err);

    if (rc == 0)
        rc = decode(buf_bytes(&text), arena, &message, err);
    if (rc == 0)
        rc = take_auth((const access_file *)message, out, err);
    if (rc == 0)
        rc = take_acl((const access_file *)message, arena, out, err);
    buf_release(&text);
    return rc;
}

int announcer_access_read(const char *path, struct arena *arena,
                          struct zk_access *out, struct err *err)
{
    struct zk_access access = {0};
    int rc = read_access(path, arena, &access, err);
    if (rc != 0) {
        rc = err_wrap(err, "announcer's access file '%s'", path);
        err_hint(err, "the agent names it by "
                      "--announcer_zookeeper_auth_config; roles must be able "
                      "to read it");
        return rc;
    }
    *out = access;
    return 0;
}
