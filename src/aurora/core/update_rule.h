/* What an update does next: with one instance, and with how many of them at a
 * time. Pure functions of what is there and what is wanted; updater.c gathers
 * the facts and carries the answers out. */
#pragma once
#include "aurora/core/task_machine.h"
#include <stdbool.h>
#include <stdint.h>

enum { UPDATE_SIZES_MAX = 256 }; /* batch sizes of one job */

/* The numbers are those of perigee.UpdateConfig.Strategy. */
enum update_strategy {
    UPDATE_QUEUE = 1,      /* `size` in flight, rolling on */
    UPDATE_BATCH,          /* a whole batch, then the next */
    UPDATE_VARIABLE_BATCH, /* sizes in turn, the last one again and again */
    UPDATE_SURGE           /* new ones first, within capacities: surge.h */
};

/* How a job wants to be updated. `size` is owned by who holds the settings. */
struct update_settings {
    enum update_strategy strategy;
    const uint32_t *size; /* at least one */
    uint32_t size_count;
    bool autopause;                 /* after each batch but the last */
    bool rolls_back;                /* when it fails */
    uint32_t instance_failures_max; /* ends of one instance that are borne */
    uint32_t failures_max;          /* failed instances that are borne */
    int64_t watch_ms;               /* RUNNING this long is updated */
    int64_t pulse_ms;               /* 0: not coordinated */
    uint32_t minimum_health_milli;  /* SURGE: thousandths of the instances */
    uint32_t maximum_over_milli;
    uint32_t canary_count; /* changed first and judged; 0: no canary */
    uint32_t canary_failures_max;
    int64_t canary_ms; /* they must run so long; watch_ms if that is more */
    bool is_sla_aware; /* kills ask the policy of the job */
};

enum update_action {
    UPDATE_ACT_WAIT,   /* until its task changes, or was heard of */
    UPDATE_ACT_WATCH,  /* until it has run long enough */
    UPDATE_ACT_ADD,    /* start what is wanted */
    UPDATE_ACT_CHANGE, /* end the task; what is wanted follows */
    UPDATE_ACT_KILL,   /* end the task; nothing follows */
    UPDATE_ACT_DONE,
    UPDATE_ACT_FAIL
};

struct update_facts {
    bool is_wanted;        /* some configuration is to run */
    bool has_task;         /* an active one */
    bool is_same;          /* and it runs what is wanted */
    enum task_state state; /* of it */
    int64_t running_ms;    /* since when it is RUNNING */
    bool is_settled;       /* that is news, not memory: settle.h */
    uint32_t failures;     /* ends of what is wanted, so far */
};

enum update_action update_rule(const struct update_facts *facts,
                               const struct update_settings *settings,
                               int64_t now_ms);

/* How many more may begin while `working` are under way, when `groups` batches
 * have begun so far. Rolling back, batches are those of the way forward and a
 * queue is as long as it was. */
uint32_t update_room(const struct update_settings *settings, uint32_t working,
                     uint32_t groups);
