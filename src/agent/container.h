/* One container, between containers.c (what is asked), container.c (how it is
 * watched and ended) and container_launch.c (how it is started). */
#pragma once
#include "agent/containers.h"
#include "agent/sandbox.h"
#include "base/arena.h"
#include "base/table.h"
#include <sys/types.h>

struct event;
struct process_watch;

enum container_state {
    CONTAINER_FETCHING,   /* the fetcher runs */
    CONTAINER_RUNNING,    /* the executor runs */
    CONTAINER_DESTROYING, /* until no process is left */
};

struct container {
    struct containers *all;
    char id[AGENT_CONTAINER_ID_MAX];
    char *sandbox; /* owned */
    enum container_state state;
    pid_t pid; /* fetcher, then executor; 0: none or not known */
    uint64_t born;
    bool is_child;   /* of this process; else watched by its pidfd */
    bool has_failed; /* FAILED instead of EXITED at the end */
    bool is_tidy;    /* agent_launch's */
    bool has_status;
    int status;
    int watch_fd;  /* pidfd of an executor that is no child */
    int memory_fd; /* out of memory alarm */
    struct event *watch_event, *memory_event, *retry;
    int64_t retry_ms;
    uint32_t looks; /* while destroying */
    int64_t cpu_milli, mem_bytes;
    struct arena arena;         /* of the launch */
    struct agent_launch launch; /* until the executor runs */
    struct sandbox_user user;
    uint32_t uris_fetched;
    int talk_fd; /* what the fetcher says, read when it exits */
    char failure[AGENT_FACT_TEXT_MAX];
    UT_hash_handle hh;
};

struct containers {
    struct daemon *daemon;
    struct containers_config config;
    struct process_watch *watch;
    struct container *container; /* by id */
    pid_t sweeper;               /* 0: none runs */
};

struct container *container_find(struct containers *all, const char *id);
struct container *container_add(struct containers *all, const char *id,
                                const char *sandbox);
/* Let go of the record; its processes stay as they are. */
void container_forget(struct container *container);
/* Make the sandbox and the group, fetch, start; every outcome is a fact. */
void container_launch(struct containers *all,
                      const struct agent_launch *launch);
/* Take up one that ran before this process did. */
void container_recover(struct containers *all,
                       const struct agent_recover *recover);
/* End every process of it, then tell EXITED or FAILED, then forget it. */
void container_destroy(struct container *container);
/* Destroy it; FAILED with this text is what is told. */
void container_fail(struct container *container, const char *text);
/* A child of it ended while it was being destroyed: look at once. */
void container_look(struct container *container);
void container_watch_memory(struct container *container);
void container_started(struct container *container, enum agent_fact kind);
/* A process_exited for the executor. */
void container_executor_exited(void *container, pid_t pid, int status);
