/* What a file gave, as messages: its jobs, groups of jobs, and what operators
 * write. Here is checked what no constructor can see: that keys differ, that
 * groups start in an order, and each job as a whole (script/job_check.h). */
#pragma once
#include "script/evaluation.h"
#include "script/value.h"

enum { GROUP_DEPTH_MAX = 16 };

struct collector {
    lua_State *L;
    struct evaluation *e;
    Perigee__Evaluation *out;
    size_t size; /* of the list that the file gave */
    bool has_groups;
    Perigee__Job **job; /* all in e->arena */
    struct call_site *site;
    size_t count, capacity;
};

/* list, light userdata of a Perigee__Evaluation -> nothing */
int collect_result(lua_State *L);

/* Add the job at `index`, unless it is there already. */
void collect_job(struct collector *c, int index);
/* The groups in the list at `index`, and the jobs in them (script/group.c). */
void collect_groups(struct collector *c, int index);
/* Say of the problems inside the value on top where it stands. */
void collect_paths(lua_State *L, struct evaluation *e, const char *path);
