/* OpenSSL 3, and libevent's bufferevents on top of it, as a table of their
 * functions. The libraries are loaded by the first edge that speaks TLS, not
 * with the program: they cost a megabyte of every process that has them, and
 * most clusters' daemons have no use for them.
 *
 * A member has the name and the type of its function, so that a call reads
 * openssl->SSL_CTX_new(...) and the compiler checks it as any other. Macros of
 * OpenSSL stand on SSL_ctrl and SSL_CTX_ctrl, which are members. */
#pragma once
#include "base/err.h"
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* CALL(function), by library. */
#define OPENSSL_CRYPTO(CALL)            \
    CALL(ASN1_STRING_to_UTF8)           \
    CALL(ASN1_TIME_to_tm)               \
    CALL(CRYPTO_free)                   \
    CALL(CRYPTO_get_ex_new_index)       \
    CALL(ERR_clear_error)               \
    CALL(ERR_peek_last_error)           \
    CALL(ERR_reason_error_string)       \
    CALL(X509_NAME_ENTRY_get_data)      \
    CALL(X509_NAME_get_entry)           \
    CALL(X509_NAME_get_index_by_NID)    \
    CALL(X509_STORE_CTX_get0_cert)      \
    CALL(X509_STORE_CTX_get_ex_data)    \
    CALL(X509_VERIFY_PARAM_set1_ip_asc) \
    CALL(X509_get0_notAfter)            \
    CALL(X509_get_subject_name)         \
    CALL(X509_verify_cert_error_string)

#define OPENSSL_SSL(CALL)                    \
    CALL(OPENSSL_init_ssl)                   \
    CALL(SSL_CTX_check_private_key)          \
    CALL(SSL_CTX_ctrl)                       \
    CALL(SSL_CTX_free)                       \
    CALL(SSL_CTX_get0_certificate)           \
    CALL(SSL_CTX_load_verify_file)           \
    CALL(SSL_CTX_new)                        \
    CALL(SSL_CTX_set_client_CA_list)         \
    CALL(SSL_CTX_set_default_passwd_cb)      \
    CALL(SSL_CTX_set_default_verify_paths)   \
    CALL(SSL_CTX_set_info_callback)          \
    CALL(SSL_CTX_set_num_tickets)            \
    CALL(SSL_CTX_set_options)                \
    CALL(SSL_CTX_set_verify)                 \
    CALL(SSL_CTX_use_PrivateKey_file)        \
    CALL(SSL_CTX_use_certificate_chain_file) \
    CALL(SSL_ctrl)                           \
    CALL(SSL_free)                           \
    CALL(SSL_get0_param)                     \
    CALL(SSL_get0_peer_certificate)          \
    CALL(SSL_get_ex_data)                    \
    CALL(SSL_get_ex_data_X509_STORE_CTX_idx) \
    CALL(SSL_get_fd)                         \
    CALL(SSL_get_verify_result)              \
    CALL(SSL_load_client_CA_file)            \
    CALL(SSL_new)                            \
    CALL(SSL_read)                           \
    CALL(SSL_set1_host)                      \
    CALL(SSL_set_ex_data)                    \
    CALL(SSL_set_hostflags)                  \
    CALL(TLS_client_method)                  \
    CALL(TLS_server_method)

#define OPENSSL_EVENT(CALL)                            \
    CALL(bufferevent_get_openssl_error)                \
    CALL(bufferevent_openssl_get_ssl)                  \
    CALL(bufferevent_openssl_set_allow_dirty_shutdown) \
    CALL(bufferevent_openssl_socket_new)

struct openssl {
#define OPENSSL_MEMBER(name) __typeof__(&name) name;
    OPENSSL_CRYPTO(OPENSSL_MEMBER)
    OPENSSL_SSL(OPENSSL_MEMBER)
    OPENSSL_EVENT(OPENSSL_MEMBER)
#undef OPENSSL_MEMBER
};

/* *out is the process's table, for good. ERR_UNSUPPORTED says what to install
 * where a library is missing. */
int openssl_load(const struct openssl **out, struct err *err);
