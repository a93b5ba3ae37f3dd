/* Files of principals and their secrets in plain, as Mesos and Aurora have
 * them; their owner's alone: one that everybody may use is refused.
 *
 * Of many (Mesos' --credentials, --http_credentials):
 *     {"credentials": [{"principal": "aurora", "secret": "..."}]}
 * or lines
 *     aurora ...
 * Of one (Mesos' --credential, Aurora's --framework_authentication_file):
 *     {"principal": "aurora", "secret": "..."}
 * or such a line, or
 *     aurora_authentication_principal=aurora
 *     aurora_authentication_secret=...
 * Empty lines and those that begin with '#' say nothing. */
#pragma once
#include "base/permission.h"

enum { CREDENTIALS_FILE_BYTES_MAX = 1 << 20 };

/* Users that may do everything, sealed; what Mesos calls authenticated. */
int credentials_file_load(const char *path, struct users **out,
                          struct err *err);

/* Who we are to somebody else. */
struct credential {
    char *principal;     /* owned */
    char *authorization; /* owned, wiped: "Basic ..." */
};
int credential_file_load(const char *path, struct credential *out,
                         struct err *err);
/* Say so in the log when it would travel to that daemon ("host:port",
 * "https://host:port") for everybody to read. */
void credential_warn(const struct credential *credential, const char *address);
void credential_release(struct credential *credential);
