/* A machine: an agent and the containers that live on it, whatever becomes of
 * the agent. A container holds an executor (the real program) and its runner,
 * which is imagined: the task's command says how long it runs and how it ends,
 * "sim MS STATUS" (MS < 0: until it is killed).
 *
 *   LAUNCH ─► executor starts ─► START_RUNNER ─► the task runs ─► its end
 *
 * What runs here is the truth that everybody else's belief is held against. */
#pragma once
#include "agent/program.h"
#include "base/resources.h"
#include "base/vec.h"
#include "executor/thermos/core/thermos.h"
#include "tests/sim/node.h"

/* One life of one task. Kept until the world ends. */
struct run {
    char *task_id;
    char *instance; /* "role/env/name/3" of aurora's; "" of plain tasks */
    struct container *container;
    struct resources resources;   /* of the task, unallocated */
    int64_t started_ms, ended_ms; /* ended_ms 0: is alive */
    int64_t aurora_ms;            /* the scheduler's clock when it started */
    int64_t ends_ms;              /* when it ends by itself; INT64_MAX: never */
    int status;                   /* how it ends by itself */
    uint32_t version;             /* of the job it is an instance of */
    bool is_broken;               /* it fails at once: its host is broken */
    enum thermos_state end;       /* FINISHED, FAILED or KILLED, when told */
};

struct container {
    struct machine *machine;
    char id[64];
    struct node executor;
    bool is_alive;       /* an executor, or what it left, lives */
    bool is_destroyed;   /* its end was ordered */
    uint64_t agent_life; /* that launched it: whose child it is */
    int64_t pid, launched_ms;
    char *endpoint, *framework_id, *executor_id; /* owned */
    int64_t recovery_ms, backoff_ms, grace_ms;
    struct run *run; /* NULL: no task yet */
    bool is_runner_alive;
    uint64_t runner;         /* which one; what earlier ones meant is void */
    int64_t orphan_until_ms; /* wall time; 0: the task dies with the executor */
    int64_t kill_ms;         /* when the runner ends the task; INT64_MAX */
};

struct machine {
    struct node agent;
    struct cluster *cluster;
    uint32_t number;
    uint32_t boots;
    bool is_dead;          /* for good */
    int64_t down_since_ms; /* for maintenance, says the master; 0: it is not */
    int64_t downed_ms;     /* when that was so last; 0: never */
    struct resources total;
    struct attributes attributes;
    VEC(struct container *) containers; /* all that ever were; owned */
    VEC(struct run *) runs;             /* owned */
    uint32_t launches;
};

void machine_init(struct machine *m, struct cluster *cluster, uint32_t number,
                  const char *resources);
void machine_release(struct machine *m);
/* The power goes: the agent and everything in containers dies. */
void machine_reboot(struct machine *m);
/* Another machine takes its place and address: its disk is empty. */
void machine_replace(struct machine *m);
/* The power goes for good. */
void machine_die(struct machine *m);
/* Faults, on a container picked by chance; nothing when there is none. */
void machine_crash_executor(struct machine *m);
void machine_crash_runner(struct machine *m);
void machine_pause_executor(struct machine *m, int64_t for_ms);
uint32_t machine_alive(const struct machine *m); /* containers */
/* For another task with its executor: thousandths. */
int64_t machine_free_cpu(const struct machine *m);
