/* Who may come in at the ports of master and agents, and for what. A port has
 * realms, as Mesos' have; who enters one that asks must be somebody, and may do
 * there what his permissions (base/permission.h) say. In a realm that does not
 * ask everybody may do everything.
 *
 * Who somebody is was found out before (sys/gate.h); here he is a name, because
 * the rules may have changed since: a name that they do not know any more may
 * do nothing. */
#pragma once
#include "base/permission.h"

enum realm {
    REALM_OPEN,      /* never asks: /health, /version; what proves itself in
                        another way */
    REALM_READONLY,  /* plain endpoints that only look, and sandboxes */
    REALM_READWRITE, /* the operator API, and endpoints that change */
    REALM_SCHEDULER, /* frameworks; the master's */
    REALM_AGENT,     /* agents; the master's */
    REALM_EXECUTOR,  /* executors; the agent's */
    REALM_COUNT
};
/* "readonly"; behind "mesos-master-" what a 401 tells. */
const char *realm_name(enum realm realm);

struct access {
    struct users *users;    /* shared; NULL: nobody is known */
    bool asks[REALM_COUNT]; /* never REALM_OPEN */
};
/* Is nobody asked anywhere? */
bool access_is_open(const struct access *access);
/* `name` NULL: nobody. ACTION_NONE is what each user may do. */
bool access_may(const struct access *access, enum realm realm, const char *name,
                enum action action, const struct object *object);
/* May it do that to anything at all? */
bool access_may_somewhere(const struct access *access, enum realm realm,
                          const char *name, enum action action);
/* Other users from now on, whose reference it takes; those of before are let
 * go. */
void access_take(struct access *access, struct users *users);
