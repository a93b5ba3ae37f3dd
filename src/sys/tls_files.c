#include "sys/tls_files.h"
#include "base/alloc.h"
#include "sys/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *copy(const char *path)
{
    return path != NULL && *path != '\0' ? xstrdup(path) : NULL;
}

void tls_material_init(struct tls_material *material,
                       const struct tls_files *files, bool is_server)
{
    *material = (struct tls_material){
        .cert = copy(files->cert),
        .key = copy(files->key),
        .ca = copy(files->ca),
        .is_server = is_server,
    };
}

void tls_material_release(struct tls_material *material)
{
    free(material->cert);
    free(material->key);
    free(material->ca);
}

int tls_material_check(const struct tls_material *m, struct err *err)
{
    if ((m->cert == NULL) != (m->key == NULL))
        return err_set(err, ERR_INVALID,
                       "TLS: a certificate and its key go together; %s is "
                       "missing",
                       m->cert == NULL ? "the certificate" : "the key");
    if (m->is_server && m->cert == NULL)
        return err_set(err, ERR_INVALID,
                       "TLS: a listener wants a certificate and its key");
    return 0;
}

/* --- the files as files --- */

static void stamp_of(const char *path, struct tls_stamp *out)
{
    struct stat st;

    *out = (struct tls_stamp){0};
    if (path == NULL || stat(path, &st) < 0)
        return;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    out->size = st.st_size;
    out->changed = st.st_mtim;
}

static void stamp_all(const struct tls_material *m,
                      struct tls_stamp out[TLS_FILE_COUNT])
{
    stamp_of(m->cert, &out[0]);
    stamp_of(m->key, &out[1]);
    stamp_of(m->ca, &out[2]);
}

static bool is_same(const struct tls_stamp *a, const struct tls_stamp *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

bool tls_material_changed(const struct tls_material *m)
{
    struct tls_stamp now[TLS_FILE_COUNT];

    stamp_all(m, now);
    for (int i = 0; i < TLS_FILE_COUNT; i++)
        if (!is_same(&now[i], &m->stamp[i]))
            return true;
    return false;
}

/* A pipe would block, and a huge file would eat the memory. */
static int check_file(const char *what, const char *path, bool is_secret,
                      struct err *err)
{
    struct stat st;

    if (path == NULL)
        return 0;
    if (stat(path, &st) < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       "%s %s: %s", what, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s %s: want a file", what, path);
    if (st.st_size > TLS_FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s %s: longer than %d bytes", what,
                       path, TLS_FILE_BYTES_MAX);
    if (!is_secret || (st.st_mode & S_IRWXO) == 0)
        return 0;
    (void)err_set(err, ERR_DENIED, "%s %s: everybody may use it (mode %04o)",
                  what, path, st.st_mode & 07777u);
    err_hint(err, "chmod 0600 %s", path);
    return -ERR_DENIED;
}

static int check_files(const struct tls_material *m, struct err *err)
{
    int rc = check_file("TLS certificate", m->cert, false, err);

    if (rc == 0)
        rc = check_file("TLS key", m->key, true, err);
    if (rc == 0)
        rc = check_file("TLS CA", m->ca, false, err);
    return rc;
}

/* --- the context --- */

/* No terminal is ever asked for a passphrase. */
static int no_passphrase(char *out, int size, int is_writing, void *context)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)context;
    return 0;
}

static int complain(const struct openssl *o, const char *what, const char *path,
                    struct err *err)
{
    const char *reason = o->ERR_reason_error_string(o->ERR_peek_last_error());
    int rc = err_set(err, ERR_INVALID, "%s %s: %s", what, path,
                     reason != NULL ? reason : "cannot be read");

    o->ERR_clear_error();
    err_hint(err, "want PEM; `openssl x509 -in FILE -noout -text` shows what a "
                  "certificate holds");
    return rc;
}

/* Expired or soon so is a matter for people: who connects will refuse it. */
static void warn_of_expiry(const struct openssl *o, SSL_CTX *context,
                           const char *path)
{
    const X509 *own = o->SSL_CTX_get0_certificate(context);
    struct tm tm = {0};

    if (own == NULL || o->ASN1_TIME_to_tm(o->X509_get0_notAfter(own), &tm) != 1)
        return;
    int64_t left_s = (int64_t)timegm(&tm) - (int64_t)time(NULL);
    if (left_s < 0)
        log_line(LOG_LEVEL_ERROR,
                 "tls_certificate_expired file=%s since_days=%lld",
                 log_value(path), (long long)(-left_s / 86400));
    else if (left_s < TLS_EXPIRY_WARN_DAYS * INT64_C(86400))
        log_line(LOG_LEVEL_WARN, "tls_certificate_expires file=%s in_days=%lld",
                 log_value(path), (long long)(left_s / 86400));
}

static int read_own(const struct tls_material *m, const struct openssl *o,
                    SSL_CTX *context, struct err *err)
{
    if (m->cert == NULL)
        return 0;
    o->SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (o->SSL_CTX_use_certificate_chain_file(context, m->cert) != 1)
        return complain(o, "TLS certificate", m->cert, err);
    if (o->SSL_CTX_use_PrivateKey_file(context, m->key, SSL_FILETYPE_PEM) !=
            1 ||
        o->SSL_CTX_check_private_key(context) != 1) {
        int rc = complain(o, "TLS key", m->key, err);
        err_hint(err, "want the key of %s in PEM, without a passphrase",
                 m->cert);
        return rc;
    }
    warn_of_expiry(o, context, m->cert);
    return 0;
}

static int read_ca(const struct tls_material *m, const struct openssl *o,
                   SSL_CTX *context, struct err *err)
{
    if (m->ca != NULL && o->SSL_CTX_load_verify_file(context, m->ca) != 1)
        return complain(o, "TLS CA", m->ca, err);
    if (m->ca == NULL && !m->is_server)
        (void)o->SSL_CTX_set_default_verify_paths(context);
    if (m->ca != NULL && m->is_server) /* so that clients know what to show */
        o->SSL_CTX_set_client_CA_list(context,
                                      o->SSL_load_client_CA_file(m->ca));
    if (m->ca != NULL || !m->is_server)
        o->SSL_CTX_set_verify(context, SSL_VERIFY_PEER, m->on_verify);
    return 0;
}

/* Buffers of idle connections are given back. No session outlives its
 * connection: one that did would not be asked for its certificate again. */
static void set_manners(const struct openssl *o, SSL_CTX *context)
{
    (void)o->SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION,
                          TLS1_2_VERSION, NULL);
    (void)o->SSL_CTX_ctrl(context, SSL_CTRL_MODE,
                          SSL_MODE_RELEASE_BUFFERS |
                              SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER,
                          NULL);
    (void)o->SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE,
                          SSL_SESS_CACHE_OFF, NULL);
    (void)o->SSL_CTX_set_num_tickets(context, 0);
    (void)o->SSL_CTX_set_options(
        context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                     SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static int fill(const struct tls_material *m, const struct openssl *o,
                SSL_CTX *context, struct err *err)
{
    set_manners(o, context);
    if (m->on_info != NULL)
        o->SSL_CTX_set_info_callback(context, m->on_info);
    int rc = read_own(m, o, context, err);
    return rc == 0 ? read_ca(m, o, context, err) : rc;
}

int tls_material_read(struct tls_material *m, const struct openssl *o,
                      SSL_CTX **out, struct err *err)
{
    stamp_all(m, m->stamp); /* before: a change from now on is seen */
    int rc = check_files(m, err);
    if (rc < 0)
        return rc;
    o->ERR_clear_error();
    SSL_CTX *context = o->SSL_CTX_new(m->is_server ? o->TLS_server_method()
                                                   : o->TLS_client_method());
    if (context == NULL)
        return err_set(err, ERR_INTERNAL, "TLS: OpenSSL gives no context");
    rc = fill(m, o, context, err);
    if (rc < 0) {
        o->SSL_CTX_free(context);
        return rc;
    }
    *out = context;
    return 0;
}
