#include "sys/openssl.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The names that the headers at hand were made for; nothing else would do. */
#define CRYPTO_LIBRARY "libcrypto.so.3"
#define SSL_LIBRARY "libssl.so.3"
#define EVENT_LIBRARY "libevent_openssl-2.1.so.7"

#define OPENSSL_ROW(name) {#name, offsetof(struct openssl, name)},

struct row {
    const char *name;
    size_t offset;
};

static const struct row CRYPTO[] = {OPENSSL_CRYPTO(OPENSSL_ROW){NULL, 0}};
static const struct row SSL_ROWS[] = {OPENSSL_SSL(OPENSSL_ROW){NULL, 0}};
static const struct row EVENT[] = {OPENSSL_EVENT(OPENSSL_ROW){NULL, 0}};

static int fill(struct openssl *out, const char *library, const struct row *row,
                struct err *err)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);

    if (handle == NULL) {
        (void)err_set(err, ERR_UNSUPPORTED, "TLS: %s", dlerror());
        err_hint(err, "install libssl3 and libevent-openssl-2.1-7");
        return -ERR_UNSUPPORTED;
    }
    for (; row->name != NULL; row++) {
        void *symbol = dlsym(handle, row->name);
        if (symbol == NULL)
            return err_set(err, ERR_UNSUPPORTED, "TLS: %s has no %s", library,
                           row->name);
        memcpy((char *)out + row->offset, &symbol, sizeof symbol);
    }
    return 0;
}

int openssl_load(const struct openssl **out, struct err *err)
{
    static struct openssl table;
    static bool is_loaded;
    int rc = 0;

    if (!is_loaded) {
        rc = fill(&table, CRYPTO_LIBRARY, CRYPTO, err);
        if (rc == 0)
            rc = fill(&table, SSL_LIBRARY, SSL_ROWS, err);
        if (rc == 0)
            rc = fill(&table, EVENT_LIBRARY, EVENT, err);
        /* Neither the machine's openssl.cnf nor work behind main's end. */
        if (rc == 0 && table.OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
                                                  OPENSSL_INIT_NO_ATEXIT,
                                              NULL) != 1)
            rc = err_set(err, ERR_INTERNAL, "TLS: OpenSSL cannot be used");
        is_loaded = rc == 0;
    }
    if (rc == 0)
        *out = &table;
    return rc;
}
