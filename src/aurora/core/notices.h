/* Notifications on their way: the outbox.
 *
 * A **notice** is one thing to tell one receiver. It is made, and saved, with
 * the change that it is about; its record goes when the receiver has taken it,
 * or when nobody took it for too long. So every notice is told at least once,
 * whoever crashes when; a receiver knows one that it had already by its id.
 *
 * Notices of one job to one receiver stand in a **line** and go one after the
 * other, in the order in which they were made. A line whose first notice was
 * not taken waits before it tries again, each time twice as long; other lines
 * go on meanwhile. A few lines at a time are being served, each in its turn.
 *
 * Telling is the shell's work (an act with a ticket; a fact says what became of
 * it). Nothing here is waited for by anything else.
 *
 * Invariants, asserted by notices_check: a line has notices, and its count of
 * them; what is under way has a ticket; lines to be served stand in the queue,
 * each once. */
#pragma once
#include "aurora/core/cron.h"
#include "aurora/core/notify.h"
#include "aurora/core/task_machine.h"
#include "aurora/core/update.h"
#include "base/bytes.h"
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora;
struct err;
struct job_config;
struct task;

enum {
    NOTICES_MAX = 50000, /* in all */
    NOTICES_PER_LINE_MAX = 100,
    NOTICES_UNDER_WAY_MAX = 8, /* lines being served at a time */
    NOTICE_PARTS_MAX = 16,     /* what one answer of a script may send */
    NOTICE_RETRY_FIRST_MS = 2000,
    NOTICE_RETRY_MAX_MS = 10 * 60 * 1000,
    NOTICE_BUSY_MS = 500,           /* no worker had time for its script */
    NOTICE_WAIT_MS = 5 * 60 * 1000, /* a task that waits longer is late */
    NOTICE_WHY_MAX = 300,
    NOTICE_ID_MAX = 44
};

/* What happened; texts are shared. */
struct notice_facts {
    enum notify_what what;
    int64_t at_ms;
    struct blob *task_id, *update_id, *message; /* owned; NULL: none */
    uint32_t instance, failures; /* of the task: the retries so far */
    enum task_state state, before;
    int64_t scheduled; /* seconds, of the run; 0: none */
    int64_t late_ms;
    enum firing_state firing;
    uint32_t tries; /* of the run */
    enum update_state update;
};

struct notice_line;

struct notice {
    uint64_t life, number; /* its id, for ever: the ceiling of events that this
                              process began at, and a count of its own */
    struct job_config *config; /* one use */
    uint32_t rule;             /* of it */
    struct notice_facts facts;
    struct blob *delivery; /* owned; packed, what a script said; or NULL */
    uint32_t tries;        /* that were not taken */
    uint32_t more;         /* that came behind it and found no room */
    char *why;             /* owned; the newest failure, or NULL */
    struct notice_line *line;
    struct notice *next;
    uint32_t dirty_at; /* place in the list of dirty ones + 1; 0: clean */
};

struct notice_line {
    char *name; /* owned: the job's key, a space, and the receiver */
    uint64_t number;
    struct notice *first, *last; /* owned; oldest first */
    uint32_t count;
    uint64_t ticket;   /* of the first one, under way; 0: it is not */
    uint32_t failures; /* in a row */
    bool is_queued;
    struct notice_line *before, *behind; /* in the queue */
    UT_hash_handle hh, hh_number;
};

struct notices {
    struct notice_line *by_name, *by_number;
    struct notice_line *queue_first, *queue_last; /* to be served */
    uint64_t life, next_notice, next_line;
    struct notice_line *serving[NOTICES_UNDER_WAY_MAX]; /* have a ticket */
    uint32_t count, under_way;
    int64_t give_up_ms; /* a notice that old is not tried again */
    uint64_t made, delivered, failed, given_up, dropped;
};

/* "<life>-<number>" with zeros: as texts ids are in the order of their making.
 * The key of its record, too. */
char *notice_id(const struct notice *notice, char out[NOTICE_ID_MAX]);
const struct notify_rule *notice_rule(const struct notice *notice);
/* A URL or an address; "script 0" of what a script is to say. */
const char *notice_receiver(const struct notice *notice);

/* A notice for each rule of the config that is about this; the facts' texts
 * stay the caller's. */
void notices_tell(struct aurora *a, struct job_config *config,
                  const struct notice_facts *facts);
/* The same of a task that took another state, of a run, of an update that
 * ended; nothing when nobody wants to hear of it. */
void notices_tell_task(struct aurora *a, const struct task *task,
                       enum task_state before, int64_t now_ms);
void notices_tell_run(struct aurora *a, const struct firing *firing,
                      int64_t now_ms);
void notices_tell_update(struct aurora *a, const struct update *update,
                         int64_t now_ms);
/* A task waits: look at it again after a while. */
void notices_note_waits(struct aurora *a, const struct task *task);
void notices_wait_timer(struct aurora *a, uint64_t task, int64_t now_ms);
/* ERR_DAMAGED when it contradicts other records. Copies it, but for `delivery`
 * and the texts of the facts, which it shares. `receiver` is that of what a
 * script said; NULL otherwise. */
int aurora_restore_notice(struct aurora *a, const struct notice *record,
                          const char *config_id, const char *receiver,
                          struct err *err);
void notices_restored(struct aurora *a, uint64_t ceiling);

/* Serve what may be served now: tickets come into the work. */
void notices_go_on(struct aurora *a);
/* NULL when it is not under way (any more). */
const struct notice *aurora_notice(const struct aurora *a, uint64_t ticket);
/* It was taken. */
void aurora_notified(struct aurora *a, uint64_t ticket);
/* It was not; another time will do no better when that is final. */
void aurora_not_notified(struct aurora *a, uint64_t ticket, const char *why,
                         bool is_final, int64_t now_ms);
/* Nobody could try. */
void aurora_notify_busy(struct aurora *a, uint64_t ticket, int64_t now_ms);
/* What the script of this notice said: a notice of its own for each part takes
 * its place. Bytes are copied. */
struct notice_part {
    const char *receiver; /* of its line */
    struct bytes delivery;
};
void aurora_notice_parts(struct aurora *a, uint64_t ticket,
                         const struct notice_part *part, uint32_t count);
void notices_timer(struct aurora *a, uint64_t line);
void notices_release(struct aurora *a);
void notices_check(const struct aurora *a);
