/* What the files about updates under way share, and nobody else uses:
 *
 *   updater.c         what changes, states, what users ask, restarts
 *   update_work.c     one instance in place, batches, the next step
 *   update_surge.c    new instances before old ones go
 *   update_canary.c   a first batch that is judged
 *   update_sla.c      kills that ask the job's policy first */
#pragma once
#include "aurora/core/internal.h"

/* --- updater.c --- */

/* Look at the update, or at a slot of it, before this input is over. */
void updating_set_due(struct aurora *a, struct update *u);
void updating_look_again(struct aurora *a, struct update *u, int64_t at_ms);
void updating_set_changed(struct aurora *a, struct update *u,
                          struct slot *slot);
void updating_enter(struct aurora *a, struct update *u, enum update_state to,
                    const char *message, int64_t now_ms);
/* Something worth telling happened; the state stays. */
void updating_tell(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms);
void updating_tell_slot(struct aurora *a, struct update *u, struct slot *slot,
                        enum slot_event_kind kind, int64_t now_ms);
/* It is over, one way or the other: the job goes on without it. */
void updating_finish(struct aurora *a, struct update *u, enum update_state to,
                     const char *message, int64_t now_ms);
/* Every instance that was begun goes back to what it was. */
void updating_turn_back(struct aurora *a, struct update *u, const char *message,
                        int64_t now_ms);
bool updating_has_pulse(const struct update *u, int64_t now_ms);
void updating_await_pulse(struct aurora *a, struct update *u,
                          const char *message, int64_t now_ms);

/* --- update_work.c --- */

/* For how long an instance of this slot must be RUNNING. */
int64_t updating_watch_ms(const struct update *u);
struct update_facts updating_facts(const struct aurora *a,
                                   const struct update *u,
                                   const struct slot *slot, int64_t now_ms);
/* Look at the slot again then. */
void updating_watch(struct aurora *a, struct update *u, struct slot *slot,
                    int64_t at_ms);
void updating_begin_slot(struct aurora *a, struct update *u, struct slot *slot,
                         int64_t now_ms);
void updating_end_slot(struct aurora *a, struct update *u, struct slot *slot,
                       bool is_done, int64_t now_ms);
/* End a task that another one of the instance follows. One that has not
 * reached a host is dropped, and nothing follows by itself. */
void updating_change(struct aurora *a, struct task *task, int64_t now_ms);

/* --- update_sla.c --- */

/* May we end this task of the slot now, as far as the job's policy says? When
 * not, the slot is looked at again in time. */
bool updating_may_end(struct aurora *a, struct update *u, struct slot *slot,
                      const struct task *task, int64_t now_ms);

/* --- update_surge.c --- */

/* A slot of a surge changed, under way or not: keep the sums; go on with it
 * when it is under way. */
void surge_look(struct aurora *a, struct update *u, struct slot *slot,
                int64_t now_ms);
/* Stop and start what the capacities allow now. */
void surge_go_on(struct aurora *a, struct update *u, int64_t now_ms);
/* The direction changed, or the sums begin anew: `task` and `other` of every
 * slot are set again. */
void surge_seat(struct update *u);
/* Rolling back now: what still runs begins at once, whatever the order, since
 * it takes no place and gives one back. */
void surge_turn_back(struct aurora *a, struct update *u, int64_t now_ms);
/* The update is over: one task of each instance stays, the one that is known
 * to be good. */
void surge_collapse(struct aurora *a, struct update *u, int64_t now_ms);
/* After that, when its tasks are counted as any job's: an instance that lost
 * its old task and has no new one yet gets the old one back, if the quota has
 * room beside those that are still being killed. */
void surge_refill(struct aurora *a, struct update *u, int64_t now_ms);

/* --- update_canary.c --- */

/* How many more slots may begin, as far as the canary is concerned. */
uint32_t canary_room(const struct update *u);
/* Failed slots that are borne now. */
uint32_t canary_failures_max(const struct update *u);
/* All of it has begun and ended, and not too badly: let the others follow. */
void canary_judge(struct aurora *a, struct update *u, int64_t now_ms);
