/* The files of one side of TLS (sys/tls.h), and the OpenSSL context that they
 * make. */
#pragma once
#include "sys/openssl.h"
#include "sys/tls.h"
#include <sys/types.h>
#include <time.h>

enum { TLS_FILE_COUNT = 3, TLS_EXPIRY_WARN_DAYS = 14 };

/* What tells that a file is another than before. */
struct tls_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct tls_material {
    char *cert, *key, *ca; /* owned; NULL: not given */
    bool is_server;
    struct tls_stamp stamp[TLS_FILE_COUNT];              /* as last looked at */
    void (*on_info)(const SSL *ssl, int where, int ret); /* or NULL */
    SSL_verify_cb on_verify; /* of the other side's certificate; or NULL */
};

void tls_material_init(struct tls_material *material,
                       const struct tls_files *files, bool is_server);
void tls_material_release(struct tls_material *material);
/* Is what is given enough, and does it go together? */
int tls_material_check(const struct tls_material *material, struct err *err);
/* Read everything into a new context. */
int tls_material_read(struct tls_material *material,
                      const struct openssl *openssl, SSL_CTX **out,
                      struct err *err);
/* Is a file another than at the last read, good or bad? */
bool tls_material_changed(const struct tls_material *material);
