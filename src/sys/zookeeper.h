/* ZooKeeper, over its single-threaded client, pumped by our loop: nothing here
 * waits. One handle is one session after another: a session that the servers
 * ended is replaced by a new one, and the owner is told, for its ephemeral
 * nodes are gone with the old one.
 *
 *   CONNECTING ──► CONNECTED ──► CONNECTING ──► ...
 *        └──────────────┴──► (EXPIRED told once) ──► CONNECTING
 *
 * Servers are numeric addresses (address_check_list): the library would resolve
 * names by waiting, and a static program cannot resolve them at all. Paths
 * begin with '/'. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct zk;

enum {
    ZK_SESSION_MS = 10000, /* the default */
    ZK_SERVERS_MAX = 32,
    ZK_PATH_MAX = 1024,
    ZK_PENDING_MAX = 4096 /* calls under way; beyond: LOST at once */
};

/* Who we are, and who may do what with the nodes that we make. */
enum { ZK_ACCESS_MAX = 16 };
enum zk_permission {
    ZK_MAY_READ = 1,
    ZK_MAY_WRITE = 2,
    ZK_MAY_CREATE = 4,
    ZK_MAY_DELETE = 8,
    ZK_MAY_ADMIN = 16
};
struct zk_identity {
    const char *scheme, *id; /* "digest", "user:password"; hashed in an acl */
    uint32_t may;            /* zk_permission; 0 in auth */
};
struct zk_access {
    struct zk_identity auth[ZK_ACCESS_MAX], acl[ZK_ACCESS_MAX];
    uint32_t auth_count, acl_count; /* no acl: everybody may do everything */
};

enum zk_state { ZK_CONNECTING, ZK_CONNECTED, ZK_EXPIRED };

enum zk_result {
    ZK_OK,
    ZK_NO_NODE,
    ZK_EXISTS,
    ZK_LOST,   /* the connection went: done or not, nobody knows */
    ZK_REFUSED /* any other reason: no permission, not empty, ... */
};

/* What a call brings. Everything is borrowed for the callback. */
struct zk_answer {
    enum zk_result result;
    const char *why;          /* in words, when not OK */
    const char *path;         /* of a CREATE: the node's real one */
    const char *const *child; /* of CHILDREN: names, child_count of them */
    uint32_t child_count;
    bool is_ours; /* of WATCH: an ephemeral node of this session */
};
typedef void zk_done(void *context, const struct zk_answer *answer);

struct zk_config {
    const char *servers; /* "10.0.0.1:2181,10.0.0.2:2181" */
    int64_t session_ms;  /* 0: the default */
    /* Borrowed for the life; NULL: nobody in particular. Servers that know not
     * the scheme, or do not believe us, refuse the session: it is tried again,
     * once a second. */
    const struct zk_access *access;
    /* Both come from the loop. on_watch: a node that is watched was created,
     * changed or deleted; the watch is over then. */
    void (*on_state)(void *context, enum zk_state state);
    void (*on_watch)(void *context, const char *path);
    void *context;
};

int zk_open(struct zk **out, struct event_base *base,
            const struct zk_config *config, struct err *err);
/* Ends the session, and its ephemeral nodes, when there is a connection. Calls
 * under way are forgotten. Accepts NULL. Not from within a callback. */
void zk_close(struct zk *zk);

/* Each is answered exactly once, unless the handle is closed first; never from
 * within the call itself. */
void zk_create(struct zk *zk, const char *path, struct bytes value,
               bool is_ephemeral, bool is_sequential, zk_done *done,
               void *context);
void zk_delete(struct zk *zk, const char *path, zk_done *done, void *context);
/* Is it there, and whose? And watch it. */
void zk_watch(struct zk *zk, const char *path, zk_done *done, void *context);
void zk_children(struct zk *zk, const char *path, zk_done *done, void *context);
