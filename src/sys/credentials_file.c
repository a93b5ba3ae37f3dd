#include "sys/credentials_file.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "mesos/v1/mesos.pb-c.h"
#include "sys/address.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/secret.h"
#include "wire/base64.h"
#include "wire/codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where pairs go; the texts live for the call. */
typedef int on_pair(void *context, const char *principal, const char *secret,
                    struct err *err);

static int check_mode(const char *path, struct err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return err_set(err, ERR_NOT_FOUND, "'%s' cannot be read: %s", path,
                       strerror(errno));
    if (!(st.st_mode & (S_IWGRP | S_IRWXO)))
        return 0;
    (void)err_set(err, ERR_DENIED, "'%s' may be used by others (mode %04o)",
                  path, st.st_mode & 07777U);
    err_hint(err, "chmod 600 %s", path);
    return -ERR_DENIED;
}

static int give(on_pair *on, void *context, const char *principal,
                const char *secret, struct err *err)
{
    if (!user_name_ok(principal))
        return err_set(err, ERR_INVALID,
                       "want a principal of at most %d printable characters "
                       "without space, ':' and '/'",
                       USER_NAME_MAX - 1);
    if (!secret || !*secret || strlen(secret) + USER_NAME_MAX >= SECRET_MAX)
        return err_set(err, ERR_INVALID,
                       "principal '%s': want a secret of 1 to %d bytes",
                       principal, SECRET_MAX - USER_NAME_MAX - 1);
    return on(context, principal, secret, err);
}

/* --- JSON --- */

static int decode(const ProtobufCMessageDescriptor *type, struct bytes text,
                  struct arena *arena, ProtobufCMessage **out, struct err *err)
{
    /* What a decoder says of such a text might quote it. */
    if (codec_decode(type, "credentials", MEDIA_JSON, text, arena, out, NULL) ==
        0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "want {\"credentials\": [{\"principal\": \"...\", "
                   "\"secret\": \"...\"}]} or one {\"principal\", \"secret\"}");
}

static int from_json(struct bytes text, bool is_list, on_pair *on,
                     void *context, struct arena *arena, struct err *err)
{
    ProtobufCMessage *message;
    int rc = decode(is_list ? &mesos__v1__credentials__descriptor
                            : &mesos__v1__credential__descriptor,
                    text, arena, &message, err);

    if (rc < 0)
        return rc;
    if (!is_list) {
        const Mesos__V1__Credential *one = (const void *)message;
        return give(on, context, one->principal, one->secret, err);
    }
    const Mesos__V1__Credentials *all = (const void *)message;
    for (size_t i = 0; i < all->n_credentials && rc == 0; i++)
        rc = give(on, context, all->credentials[i]->principal,
                  all->credentials[i]->secret, err);
    return rc;
}

/* --- lines --- */

/* Aurora's two properties; false when the line is none of them. */
static bool take_property(char *line, const char **principal,
                          const char **secret)
{
    static const char WHO[] = "aurora_authentication_principal=",
                      WHAT[] = "aurora_authentication_secret=";

    if (strncmp(line, WHO, sizeof WHO - 1) == 0)
        *principal = line + sizeof WHO - 1;
    else if (strncmp(line, WHAT, sizeof WHAT - 1) == 0)
        *secret = line + sizeof WHAT - 1;
    else
        return false;
    return true;
}

static int take_line(char *line, on_pair *on, void *context, struct err *err)
{
    char *space = line + strcspn(line, " \t");
    char *secret = space + strspn(space, " \t");

    if (!*secret)
        return err_set(err, ERR_INVALID, "want 'PRINCIPAL SECRET' on a line");
    *space = '\0';
    return give(on, context, line, secret, err);
}

static int from_lines(char *text, on_pair *on, void *context, struct err *err)
{
    const char *principal = NULL, *secret = NULL;
    int rc = 0, number = 0;

    for (char *line = text, *next; line && rc == 0; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        size_t size = strlen(line);
        if (size > 0 && line[size - 1] == '\r')
            line[size - 1] = '\0';
        number++;
        if (*line == '\0' || *line == '#' ||
            take_property(line, &principal, &secret))
            continue;
        rc = take_line(line, on, context, err);
        if (rc < 0)
            (void)err_wrap(err, "line %d", number);
    }
    if (rc == 0 && (principal || secret))
        rc = give(on, context, principal ? principal : "", secret, err);
    return rc;
}

/* --- files --- */

static int each_pair(const char *path, bool is_list, on_pair *on, void *context,
                     struct err *err)
{
    struct arena arena;
    struct buf text = {0};
    int rc = check_mode(path, err);

    if (rc == 0)
        rc = file_read(path, CREDENTIALS_FILE_BYTES_MAX, &text, err);
    if (rc < 0)
        return rc;
    arena_init(&arena);
    char *copy = secret_text_new(buf_text(&text), text.size);
    rc = copy[strspn(copy, " \t\r\n")] == '{'
             ? from_json(buf_bytes(&text), is_list, on, context, &arena, err)
             : from_lines(copy, on, context, err);
    if (rc < 0)
        err_place(err, "%s", path);
    secret_text_free(copy);
    secret_wipe(text.data, text.size);
    buf_release(&text);
    arena_release(&arena);
    return rc;
}

static int add_user(void *context, const char *principal, const char *secret,
                    struct err *err)
{
    char hash[SECRET_HASH_MAX];
    struct rule everything = {0};
    struct user *user;
    int rc = users_add(context, principal, &user, err);

    if (rc < 0)
        return rc;
    secret_hash_plain(secret, hash);
    rc = user_add_secret(user, SECRET_PASSWORD, hash, err);
    if (rc == 0)
        rc = action_set_parse(&everything.actions, "*", err);
    return rc == 0 ? user_add_rule(user, &everything, err) : rc;
}

int credentials_file_load(const char *path, struct users **out, struct err *err)
{
    struct users *users = users_new();
    int rc = each_pair(path, true, add_user, users, err);

    if (rc == 0)
        rc = users_seal(users, err);
    if (rc < 0)
        users_unref(users);
    else
        *out = users;
    return rc;
}

static int set_credential(void *context, const char *principal,
                          const char *secret, struct err *err)
{
    struct credential *out = context;
    struct buf plain = {0}, text = {0};

    if (out->principal)
        return err_set(err, ERR_INVALID, "want one principal, not several");
    buf_addf(&plain, "%s:%s", principal, secret);
    buf_add_text(&text, "Basic ");
    base64_encode(buf_bytes(&plain), &text);
    out->principal = xstrdup(principal);
    out->authorization = xstrdup(buf_text(&text));
    secret_wipe(plain.data, plain.size);
    secret_wipe(text.data, text.size);
    buf_release(&plain);
    buf_release(&text);
    return 0;
}

int credential_file_load(const char *path, struct credential *out,
                         struct err *err)
{
    struct credential read = {0};
    int rc = each_pair(path, false, set_credential, &read, err);

    if (rc == 0 && !read.principal) {
        rc = err_set(err, ERR_INVALID, "want a principal and its secret");
        err_place(err, "%s", path);
    }
    if (rc < 0)
        credential_release(&read);
    else
        *out = read;
    return rc;
}

void credential_warn(const struct credential *credential, const char *address)
{
    char text[ADDRESS_NAME_MAX + 32];
    struct url url;

    if (!credential->authorization)
        return;
    (void)snprintf(text, sizeof text, "%s%s", address_scheme(address), address);
    if (url_parse(text, &url, NULL) == 0 && !url.is_tls &&
        !address_is_loopback(url.host))
        log_line(LOG_LEVEL_WARN,
                 "secret_in_plain to=%s advice=\"let it speak TLS, and name it "
                 "https://\"",
                 log_value(address));
}

void credential_release(struct credential *credential)
{
    if (credential->authorization)
        secret_wipe(credential->authorization,
                    strlen(credential->authorization));
    free(credential->authorization);
    free(credential->principal);
    *credential = (struct credential){0};
}
