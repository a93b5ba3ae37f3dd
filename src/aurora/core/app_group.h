/* The record of an application group: jobs that are started, changed and
 * removed together, in the order of a tree (app_group_tree.h). Its members are
 * jobs by their keys: the group owns no job, and a job that is killed or pruned
 * does not ask the group. What is done about it is decided in
 * app_group_driver.c.
 *
 * Members in the tree come first, in its numbering; behind them are those that
 * are leaving: a deployment has dropped them and removes them at its end. A
 * member that waits to be created has a job without any task: it is held.
 *
 * Invariants: a job is a member of one group at most; only a member with
 * MEMBER_UPDATE has a configuration; a group in REMOVED does not exist. */
#pragma once
#include "aurora/core/app_group_machine.h"
#include "aurora/core/app_group_tree.h"
#include "aurora/core/job_config.h"
#include "base/bytes.h"
#include "base/job_key.h"
#include "base/table.h"
#include "base/vec.h"

enum {
    APP_GROUPS_MAX = 10000,
    APP_GROUP_EVENTS_MAX = 32, /* kept; the oldest but the first go */
    MEMBER_MESSAGE_MAX = 400
};

struct app_group;
struct job;

struct app_member {
    struct app_group *group;
    struct job_key key;
    struct blob *key_text; /* owned */
    struct job *job;       /* borrowed; of that key, or NULL */
    enum member_action action;
    enum member_phase phase;
    struct job_config *config; /* one use; what an UPDATE brings, or NULL */
    uint32_t instances;        /* of UPDATE and SCALE */
    uint32_t update;           /* number of the update begun; 0: none */
    uint32_t level;            /* of one that leaves: the highest goes first */
    bool is_leaving;
    int64_t judged_by_ms; /* an UPDATE waits for scripts that judge its hosts,
                             until then; 0: it does not. Not stored */
    struct blob *message; /* owned; why it is FAILED */
    bool is_dirty;
    UT_hash_handle hh;
};

struct app_group_event {
    int64_t at_ms;
    enum app_group_state state;
    struct blob *message; /* owned; NULL without */
};

struct app_group {
    struct job_key key;    /* role and environment are those of its jobs */
    struct blob *key_text; /* owned; shared with events */
    struct blob *source;   /* owned; the tree as users wrote it, packed */
    struct group_tree tree;
    VEC(struct app_member *) members; /* owned */
    enum app_group_state state;
    VEC(struct app_group_event) events;
    bool is_backward; /* the deployment scales down: dependants first */
    bool is_due, is_dirty;
};

struct app_group *app_group_new(const struct job_key *key);
/* Its members, which are in no table any more, and their configs, which are not
 * in use any more, go with it. */
void app_group_free(struct app_group *group);
/* A member at the end of the list; in no table yet. */
struct app_member *app_group_add(struct app_group *group,
                                 const struct job_key *key);
void app_member_free(struct app_member *member);
void app_group_add_event(struct app_group *group, enum app_group_state state,
                         const char *message, int64_t now_ms);
int64_t app_group_created_ms(const struct app_group *group);
int64_t app_group_changed_ms(const struct app_group *group);
/* It has a job without tasks: what it waits for is not up. */
bool app_member_is_held(const struct app_member *member);
/* Members by phase. */
void app_group_count(const struct app_group *group,
                     uint32_t count[MEMBER_PHASE_COUNT]);
void app_group_check(const struct app_group *group);
