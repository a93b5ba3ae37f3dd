/* Who did what: every change that was made, in the batch that makes it, and
 * every request that was refused. Refusals that are alike within a minute are
 * one entry with a count, so that knocking does not push out what matters; so
 * are pulses and assets. Changes and refusals are bounded apart: the oldest go,
 * and all that are older than 90 days. */
#pragma once
#include "base/bytes.h"
#include "base/vec.h"
#include "wire/program.h"

enum {
    AUDIT_CHANGES_MAX = 50000,
    AUDIT_REFUSALS_MAX = 10000,
    AUDIT_RECENT_MAX = 64,
    AUDIT_HANDSHAKES_MAX = 10, /* entries at once; then one each... */
    AUDIT_HANDSHAKE_MS = 10000,
    AUDIT_TEXT_MAX = 300,       /* of a key or a message; the rest is cut */
    AUDIT_LOOKED_AT_MAX = 20000 /* by one LIST_AUDIT; then comes a cursor */
};
#define AUDIT_KEPT_MS ((int64_t)90 * 24 * 60 * 60 * 1000)

struct aurora_program;
struct request;

struct audit_entry {
    uint64_t number;
    int64_t at_ms;
    struct blob *packed; /* owned; perigee.aurora.AuditView */
};

struct audit_list {
    struct audit_entry *item; /* a ring; owned */
    uint32_t first, count, capacity, most;
};

struct audit {
    struct audit_list changes, refusals;
    uint64_t next; /* number of the next entry; 0 before the first */
    struct audit_recent {
        uint64_t likeness; /* hash of what makes entries alike */
        uint64_t number;
        int64_t at_ms, last_ms;
        uint32_t count;
        bool is_refusal, is_dirty;
    } recent[AUDIT_RECENT_MAX];
    uint32_t recent_at;
    int64_t handshakes_ms;      /* until then those that were written count */
    uint32_t handshakes_unsaid; /* refused since the last that was written */
    int64_t flush_ms; /* when counts are written next; INT64_MAX: none is new */
};

void audit_init(struct aurora_program *p);
void audit_release(struct aurora_program *p);
/* A request that is over: `result` is "OK" or a code; `why` may be NULL. */
void audit_request(struct request *r, const char *result, const char *why,
                   struct effects *fx);
/* The same of what comes before there is a request: `what` is "GET /path". */
void audit_refused(struct aurora_program *p, const char *what,
                   const char *result, const char *why, struct effects *fx);
/* A certificate that was refused in the handshake. What it says of itself is
 * proven by nothing, so it stands in the message and never as the user. Those
 * that differ are bounded, too: nobody can fill the log with them. */
struct aurora_handshake_fact;
void audit_handshake(struct aurora_program *p,
                     const struct aurora_handshake_fact *fact,
                     struct effects *fx);
/* The scheduler's own doing, on behalf of nobody who asked. */
void audit_own(struct aurora_program *p, const char *action, const char *key,
               const char *message, struct effects *fx);
int audit_take(struct aurora_program *p, struct bytes key, struct bytes value,
               struct err *err);
void audit_time(struct aurora_program *p, int64_t now_ms, struct effects *fx);
int64_t audit_next_ms(const struct aurora_program *p);
void audit_sweep(struct aurora_program *p, int64_t now_ms, struct effects *fx);
