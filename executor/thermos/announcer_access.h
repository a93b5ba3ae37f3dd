/* The file of Aurora's --announcer-zookeeper-auth-config: who the executor is
 * to ZooKeeper, and who may do what with the nodes it makes.
 *
 *   { "auth": [{"scheme": "digest", "credential": "user:password"}],
 *     "acl":  [{"scheme": "digest", "credential": "user:password",
 *               "permissions": {"read": true, "write": true, "create": true,
 *                               "delete": true, "admin": true}}] }
 *
 * Credentials go to ZooKeeper as they are, but for those of "digest" in an acl,
 * which become "user:" and the base64 of the SHA-1 of "user:password". */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "sys/zookeeper.h"

enum { ANNOUNCER_ACCESS_MAX = 64 * 1024 /* bytes of the file */ };

/* Into the arena. Errors name the file and the field; no credential is ever
 * part of a text. */
int announcer_access_read(const char *path, struct arena *arena,
                          struct zk_access *out, struct err *err);
/* "user:password" as the digest scheme writes it down; NULL without a colon. */
const char *announcer_access_digest(const char *credential,
                                    struct arena *arena);
