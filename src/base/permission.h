/* Who may do what: users, what they prove themselves with, and the permissions
 * they hold. Plain values; nothing here reads a file or knows a secret. Who
 * builds a `struct users` seals it, and from then on it never changes.
 *
 * A permission is a set of actions on the jobs whose cluster, role, environment
 * and name its four patterns match ('*' and '?' as in a shell). Something that
 * is more than one job is matched with fewer parts: a role has no environment,
 * so only a permission whose patterns for environment and name are "*" holds
 * for it; the cluster as a whole wants "*" for the role, too.
 *
 * What nobody granted is denied: there are no permissions that take away. */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can be done. Actions that end in ".read" only look: what may not be read
 * looks as if it did not exist. */
#define ACTION_LIST(X)                          \
    X(JOB_READ, "job.read")                     \
    X(JOB_CREATE, "job.create")                 \
    X(JOB_KILL, "job.kill")                     \
    X(JOB_RESTART, "job.restart")               \
    X(JOB_SCALE, "job.scale")                   \
    X(UPDATE_START, "update.start")             \
    X(UPDATE_PAUSE, "update.pause")             \
    X(UPDATE_RESUME, "update.resume")           \
    X(UPDATE_ABORT, "update.abort")             \
    X(UPDATE_ROLLBACK, "update.rollback")       \
    X(UPDATE_PULSE, "update.pulse")             \
    X(CRON_START, "cron.start")                 \
    X(CRON_PAUSE, "cron.pause")                 \
    X(CRON_RESUME, "cron.resume")               \
    X(CRON_DESCHEDULE, "cron.deschedule")       \
    X(GROUP_DEPLOY, "group.deploy")             \
    X(GROUP_SCALE, "group.scale")               \
    X(GROUP_REMOVE, "group.remove")             \
    X(ASSET_PUT, "asset.put")                   \
    X(QUOTA_READ, "quota.read")                 \
    X(QUOTA_SET, "quota.set")                   \
    X(TIER_READ, "tier.read")                   \
    X(TIER_SET, "tier.set")                     \
    X(SLA_READ, "sla.read")                     \
    X(HOST_READ, "host.read")                   \
    X(HOST_DRAIN, "host.drain")                 \
    X(HOST_DEACTIVATE, "host.deactivate")       \
    X(HOST_ACTIVATE, "host.activate")           \
    X(NOTIFY_READ, "notify.read")               \
    X(NOTIFY_TEST, "notify.test")               \
    X(CLUSTER_READ, "cluster.read")             \
    X(CLUSTER_RECONCILE, "cluster.reconcile")   \
    X(FRAMEWORK_REGISTER, "framework.register") \
    X(AGENT_REGISTER, "agent.register")         \
    X(BACKUP_READ, "backup.read")               \
    X(BACKUP_CREATE, "backup.create")           \
    X(AUDIT_READ, "audit.read")                 \
    X(SECURITY_READ, "security.read")

enum action {
    ACTION_NONE, /* of what every user may do */
#define X(name, text) ACTION_##name,
    ACTION_LIST(X)
#undef X
        ACTION_COUNT
};

enum permission_limits {
    USERS_MAX = 10000,
    USER_NAME_MAX = 64,
    USER_SECRETS_MAX = 16,
    USER_RULES_MAX = 1000, /* those of its roles, too */
    SECRET_TEXT_MAX = 256,
    PATTERN_MAX = 64
};

/* "job.create"; "" of ACTION_NONE. */
const char *action_name(enum action action);

struct action_set {
    uint64_t bits[(ACTION_COUNT + 63) / 64];
};
static inline bool action_set_has(const struct action_set *set,
                                  enum action action)
{
    return set->bits[action / 64] >> (action % 64) & 1;
}
static inline void action_set_add(struct action_set *set, enum action action)
{
    set->bits[action / 64] |= UINT64_C(1) << (action % 64);
}
/* Add what the pattern names: "job.kill", "job.*", "*.read", "*". ERR_INVALID
 * when it names nothing. */
int action_set_parse(struct action_set *set, const char *pattern,
                     struct err *err);
/* The action that was meant, or NULL. */
const char *action_nearest(const char *text);

/* What is acted on. NULL parts: all of them at once. */
struct object {
    const char *cluster, *role, *env, *name;
};
enum { OBJECT_PARTS = 4 };

struct pattern {
    enum pattern_kind { PATTERN_ANY, PATTERN_EXACT, PATTERN_GLOB } kind;
    char text[PATTERN_MAX];
};
/* NULL and "" are "*". ERR_INVALID: too long, or no key could have it. */
int pattern_parse(struct pattern *out, const char *text, struct err *err);

struct rule {
    struct action_set actions;
    struct pattern part[OBJECT_PARTS];
};

enum secret_kind {
    SECRET_PASSWORD,   /* text: an Argon2id hash */
    SECRET_TOKEN,      /* text: a hash of the token */
    SECRET_CERTIFICATE /* text: the name in a certificate that was verified */
};

struct secret {
    enum secret_kind kind;
    char *text; /* owned */
};

/* 0: any number. */
struct user_limits {
    int64_t requests_per_second;
    int64_t jobs, tasks; /* of the roles it may create jobs in, by it */
    int64_t bundle_bytes;
};

struct user {
    char *name; /* owned */
    VEC(struct secret) secrets;
    VEC(struct rule) rules;
    struct action_set somewhere; /* what the rules allow at all; sealed */
    struct user_limits limits;
    uint32_t order; /* in the file */
};

/* Shared: whoever keeps a user keeps them all. */
struct users {
    uint32_t references;
    VEC(struct user *) all; /* sealed: by name */
    /* Sealed: tokens and certificates, by kind and text. */
    VEC(struct user_secret {
        const struct secret *secret;
        const struct user *user;
    })
    by_secret;
};

struct users *users_new(void); /* with one reference */
struct users *users_ref(struct users *users);
void users_unref(struct users *users); /* NULL is fine */
/* A name goes into logs, keys and headers: printable, no space, no ':' (which
 * ends it in a request), no '/'. */
bool user_name_ok(const char *name);
/* A new one; ERR_EXISTS, ERR_LIMIT, ERR_INVALID about its name. */
int users_add(struct users *users, const char *name, struct user **out,
              struct err *err);
int user_add_secret(struct user *user, enum secret_kind kind, const char *text,
                    struct err *err);
int user_add_rule(struct user *user, const struct rule *rule, struct err *err);
/* No more changes. ERR_EXISTS when two users have one token or certificate. */
int users_seal(struct users *users, struct err *err);

const struct user *users_find(const struct users *users, const char *name);
const struct user *users_by_secret(const struct users *users,
                                   enum secret_kind kind, const char *text);

/* May the user do it to that? At most a microsecond with the twenty rules that
 * a user may be expected to have. */
bool user_may(const struct user *user, enum action action,
              const struct object *object);
/* May it do it to anything at all? */
bool user_may_somewhere(const struct user *user, enum action action);
