/* thermos is static and can load nothing: its table of OpenSSL is what it was
 * linked with. Executors never touch it; the observer does, when it is given a
 * certificate. */
#include "sys/openssl.h"

#define OPENSSL_LINKED(name) .name = name,

static const struct openssl TABLE = {OPENSSL_CRYPTO(OPENSSL_LINKED) OPENSSL_SSL(
    OPENSSL_LINKED) OPENSSL_EVENT(OPENSSL_LINKED)};

int openssl_load(const struct openssl **out, struct err *err)
{
    /* A second time does nothing. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT,
                         NULL) != 1)
        return err_set(err, ERR_INTERNAL, "TLS: OpenSSL cannot be used");
    *out = &TABLE;
    return 0;
}
