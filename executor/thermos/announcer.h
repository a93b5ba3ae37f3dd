/* Keeps one task announced in ZooKeeper, as a member of a ServerSet: an
 * ephemeral, sequential node PATH/member_NNNNNNNNNN. It is made again when
 * somebody deletes it and when the session is lost, until it is taken back.
 * A node whose making was cut off is looked for before another is made, so that
 * there is never more than one. */
#pragma once
#include "base/err.h"

struct announcer;
struct event_base;
struct zk_access;

struct announcer_config {
    const char *servers;            /* "10.0.0.1:2181,..." */
    const char *path;               /* "/aurora/role/env/job" */
    const char *member;             /* what the node holds */
    const struct zk_access *access; /* NULL: open to everybody */
    /* From the loop. joined: the first time that the node is there. left: after
     * announcer_leave, when it is not there any more. */
    void (*joined)(void *context);
    void (*left)(void *context);
    void *context;
};

/* Texts are borrowed for the life. */
int announcer_open(struct announcer **out, struct event_base *base,
                   const struct announcer_config *config, struct err *err);
/* Accepts NULL. The node goes with the session. */
void announcer_close(struct announcer *announcer);
/* Take it back, for good. Without a connection `left` is not told before there
 * is one. */
void announcer_leave(struct announcer *announcer);
