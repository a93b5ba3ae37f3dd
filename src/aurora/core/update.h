/* The record of one update of a job: which instances it changes from what to
 * what, how far each has come, and what happened. What is done about it is
 * decided in updater.c.
 *
 * An instance of an update is a slot. Slots are sorted by instance; `order`
 * lists them as they are worked off: creations, changes, kills, each by
 * instance; backwards on the way back. Instances that need no change have no
 * slot.
 *
 * A surge may have two tasks of one instance: the one that is wanted in this
 * direction is the slot's `task`, the one that must go is its `other`. Each is
 * the only one of its version: a task that is being killed is followed by
 * another one of the same version only when it has ended. What an earlier
 * update left behind, still being killed, no slot knows.
 *
 * Invariants: as many slots stand in each phase as `count` says; all slots of
 * the order before `next` have begun (forward), all at or behind it (back). */
#pragma once
#include "aurora/core/job_config.h"
#include "aurora/core/update_machine.h"
#include "base/bytes.h"
#include "base/table.h"
#include "base/vec.h"

enum {
    UPDATES_PER_JOB = 10,   /* kept after their end */
    UPDATE_EVENTS_MAX = 64, /* kept per update; the oldest but the first go */
    UPDATE_KEY_MAX = 64,
    SLOT_EVENTS_MAX = 4 /* begun and ended, forward and back */
};

/* The numbers are those of perigee.aurora.UpdateInstanceView.Change. */
enum slot_kind { SLOT_CREATE = 1, SLOT_CHANGE, SLOT_KILL };

/* The numbers are those of perigee.aurora.UpdateInstanceView.Phase. */
enum slot_phase {
    SLOT_WAITING = 1,
    SLOT_WORKING,
    SLOT_DONE,
    SLOT_FAILED,
    SLOT_LEFT_OUT, /* rolling back: it never was changed */
    SLOT_PHASE_COUNT
};

/* The numbers are those of perigee.aurora.UpdateInstanceEvent.Type. */
enum slot_event_kind {
    SLOT_UPDATING = 1,
    SLOT_UPDATED,
    SLOT_ROLLING_BACK,
    SLOT_ROLLED_BACK,
    SLOT_UPDATE_FAILED,
    SLOT_ROLLBACK_FAILED
};

/* What keeps the task of a slot from being ended. The numbers are those of
 * perigee.aurora.UpdateInstanceView.Wait. */
enum slot_wait {
    SLOT_WAITS_FOR_NOBODY,
    SLOT_WAITS_FOR_POLICY,      /* it keeps too few of them missing */
    SLOT_WAITS_FOR_ANSWER,      /* the coordinator is being asked */
    SLOT_WAITS_FOR_COORDINATOR, /* he said no, or nothing */
    SLOT_WAITS_FOR_TURN         /* he is being asked about another task */
};

struct slot_event {
    int64_t at_ms;
    enum slot_event_kind kind;
};

struct slot {
    uint32_t instance;
    enum slot_kind kind;
    enum slot_phase phase;
    uint32_t group;            /* the batch it went forward in, from 1 */
    uint32_t failures;         /* ends since it began, this direction */
    struct job_config *before; /* one use; NULL: there was none */
    struct task *task;         /* borrowed; its active task, or NULL */
    struct task *other;        /* borrowed; see above; NULL but in a surge */
    int64_t watch_ms;          /* when to look again; 0: never */
    struct slot_event event[SLOT_EVENTS_MAX];
    uint32_t event_count;
    bool is_dirty;
    bool is_changed; /* stands in the update's list */
    /* Of kills that ask first; not stored. */
    enum slot_wait wait;
    uint32_t tries;   /* refusals in a row */
    int64_t again_ms; /* not before */
    uint64_t allowed; /* number of the task that may be ended at once; 0 */
    /* What the sums of a surge say of it, and its lists. */
    bool is_on_way, is_unproven, is_to_start, is_to_stop;
};

struct update_event {
    int64_t at_ms;
    enum update_state state;
    struct blob *message; /* owned; NULL without */
};

struct job;

struct update {
    uint32_t number; /* orders updates by age */
    struct blob *id; /* owned; a UUID */
    struct job *job;
    struct job_config *config; /* one use; what it brings */
    uint32_t instances;        /* wanted */
    uint32_t batch_size;       /* instead of the config's strategy; see has_ */
    bool has_batch_size;
    bool is_partial; /* only some instances: the job keeps its config */
    enum update_state state;
    VEC(struct update_event) events;
    struct slot *slot; /* owned */
    uint32_t slot_count;
    uint32_t *order;         /* owned; places in `slot` */
    uint32_t creates, kills; /* slots of these kinds: the ends of `order` */
    uint32_t next;
    uint32_t count[SLOT_PHASE_COUNT];
    uint32_t groups;      /* batches begun on the way forward */
    uint32_t pause_group; /* the last one that was paused after */
    uint32_t borne;       /* failures that the canary's verdict let pass */
    bool is_judged;       /* the canary was found good, or there is none */
    int64_t pulse_until_ms;
    VEC(uint32_t) changed; /* slots to look at */
    /* Of a surge: sums over its slots under way, and lists of them. */
    uint32_t beside;        /* instances of the job without a slot */
    uint32_t on_way;        /* wanted ones on a host, not healthy yet */
    uint32_t unproven;      /* of these, RUNNING and watched */
    uint32_t surplus;       /* place in `order` of the next that just goes */
    int64_t look_ms;        /* all slots may be looked at again from then on */
    bool is_look_set;       /* a timer stands for it */
    VEC(uint32_t) to_start; /* the wanted one is to be started */
    VEC(uint32_t) to_stop;  /* it is healthy: the other one is to go */
    bool is_due;            /* stands in aurora's list */
    bool is_dirty;
    UT_hash_handle hh;
};

struct update *update_new(struct bytes id, struct job *job);
/* Its configs are not in use any more. */
void update_free(struct update *update);
/* The key of a slot's record: "ID/instance". */
char *update_slot_key(const struct update *update, const struct slot *slot,
                      char out[UPDATE_KEY_MAX]);
/* Append a slot; instances ascend. */
struct slot *update_add_slot(struct update *update, uint32_t instance,
                             enum slot_kind kind);
/* All slots are here: make the order, the counts and `next`. */
void update_index(struct update *update);
/* NULL when the update does not change that instance. */
struct slot *update_slot(struct update *update, uint32_t instance);
void update_set_phase(struct update *update, struct slot *slot,
                      enum slot_phase phase);
/* The configuration that the slot is to run in this direction, or NULL. */
struct job_config *update_wanted(const struct update *update,
                                 const struct slot *slot);
/* Has it begun, in this direction? */
bool slot_has_begun(const struct slot *slot);
void slot_add_event(struct slot *slot, enum slot_event_kind kind,
                    int64_t now_ms);
void update_add_event(struct update *update, enum update_state state,
                      const char *message, int64_t now_ms);
int64_t update_created_ms(const struct update *update);
int64_t update_changed_ms(const struct update *update);
/* Its strategy and limits; `size` is borrowed. */
struct update_settings update_settings_of(const struct update *update);
bool update_is_surge(const struct update *update);
/* The slot's pointer for a task of its instance. */
struct task **update_side(const struct update *update, struct slot *slot,
                          const struct task *task);
/* An active task of the slot's instance came, or is found again. */
void update_seat(const struct update *update, struct slot *slot,
                 struct task *task);
/* How many instances the job has when it is over, in this direction; of a
 * surge. */
uint32_t update_target(const struct update *update);
/* How many slots the canary has: 0 without one. */
uint32_t canary_size(const struct update *update);
/* Is it the canary's turn, on the way forward? */
bool canary_is_on(const struct update *update);
void update_check(const struct update *update);
