/* An agent's containers under a daemon whose only business is to note facts. */
#pragma once
#include "agent/containers.h"
#include "base/alloc.h"
#include "sys/daemon.h"
#include "sys/file.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20 * 1000 };

/* A program whose only business is to note facts and to stop at the last. */
struct stage {
    struct daemon *daemon;
    struct containers *containers;
    struct cgroups cgroups;
    bool has_cgroups;
    char *work_dir;
    uint32_t act; /* performed at the start */
    const void *data;
    bool destroys;      /* as soon as it started */
    bool grows;         /* to 128 MB then; and not down again */
    int64_t stop_at_ms; /* the deadline; stops with status 9 */
    struct agent_started started;
    struct agent_exited exited;
    struct agent_failed failed;
    struct agent_limited limited;
    int started_count, exited_count, failed_count, limited_count, alive_count;
};

static inline void destroy_now(struct stage *stage, const char *id)
{
    struct agent_destroy destroy = {.container_id = id};
    containers_act(stage->containers, AGENT_ACT_DESTROY, &destroy);
}

static inline void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct stage *stage = self;
    (void)fx;
    stage->stop_at_ms = now_ms + DEADLINE_MS;
    containers_act(stage->containers, stage->act, stage->data);
}

static inline void on_fact(void *self, uint32_t kind, const void *data,
                           int64_t now_ms, struct effects *fx)
{
    struct stage *stage = self;
    (void)now_ms;
    switch ((enum agent_fact)kind) {
    case AGENT_FACT_ALIVE:
        stage->alive_count++;
        stage->started = *(const struct agent_started *)data;
        kill((pid_t)stage->started.pid, SIGKILL);
        break;
    case AGENT_FACT_STARTED:
        stage->started_count++;
        stage->started = *(const struct agent_started *)data;
        if (stage->destroys)
            destroy_now(stage, stage->started.container_id);
        for (int mb = 128; stage->grows && mb >= 64; mb -= 64) {
            struct agent_limit limit = {.container_id = "c1",
                                        .cpu_milli = 100,
                                        .mem_bytes = (int64_t)mb << 20};
            containers_act(stage->containers, AGENT_ACT_LIMIT, &limit);
        }
        break;
    case AGENT_FACT_LIMITED:
        stage->limited_count++;
        stage->limited = *(const struct agent_limited *)data;
        destroy_now(stage, stage->limited.container_id);
        break;
    case AGENT_FACT_EXITED:
        stage->exited_count++;
        stage->exited = *(const struct agent_exited *)data;
        effect_stop(fx, 0);
        break;
    case AGENT_FACT_LEAVE:
    case AGENT_FACT_USERS: /* nothing here gets that signal */
        break;
    case AGENT_FACT_FAILED:
        stage->failed_count++;
        stage->failed = *(const struct agent_failed *)data;
        effect_stop(fx, 0);
        break;
    }
}

static inline int64_t next_ms(const void *self)
{
    return ((const struct stage *)self)->stop_at_ms;
}

static inline void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct stage *stage = self;
    if (now_ms >= stage->stop_at_ms)
        effect_stop(fx, 9);
}

static const struct program STAGE = {.name = "stage",
                                     .on_start = on_start,
                                     .on_fact = on_fact,
                                     .next_ms = next_ms,
                                     .on_time = on_time};

static inline int set_up(void **state, bool wants_cgroups)
{
    struct stage *stage = xcalloc(1, sizeof *stage);
    char template[] = "/tmp/perigee-containers-XXXXXX";
    stage->work_dir = xstrdup(mkdtemp(template));
    assert_int_equal(chmod(stage->work_dir, 0755), 0);
    stage->stop_at_ms = INT64_MAX;
    stage->has_cgroups = wants_cgroups && geteuid() == 0 &&
                         cgroups_open(&stage->cgroups, "/proc/mounts",
                                      "perigee-test", NULL) == 0;
    *state = stage;
    return 0;
}

static inline int set_up_posix(void **state)
{
    return set_up(state, false);
}

static inline int set_up_cgroups(void **state)
{
    return set_up(state, true);
}

static inline int tear_down(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(dir_remove(stage->work_dir, NULL), 0);
    free(stage->work_dir);
    free(stage);
    return 0;
}

/* Perform one act and turn the loop until the container ended. */
static inline void play(struct stage *stage, uint32_t act, const void *data,
                        const char *fetcher)
{
    struct daemon_config config = {0};
    struct err err = {0};
    struct containers_config settings = {
        .cgroups = stage->has_cgroups ? &stage->cgroups : NULL,
        .fetcher = fetcher,
        .self = "/bin/false",
        .work_dir = stage->work_dir};
    stage->act = act;
    stage->data = data;
    assert_int_equal(daemon_open(&stage->daemon, &config, &STAGE, stage, &err),
                     0);
    assert_int_equal(
        containers_open(&stage->containers, stage->daemon, &settings, &err), 0);
    assert_int_equal(daemon_run(stage->daemon, &err), 0);
    containers_close(stage->containers);
    daemon_close(stage->daemon);
    if (stage->has_cgroups)
        assert_false(cgroup_exists(&stage->cgroups, "c1"));
}

static inline const char *sandbox(struct stage *stage)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/slaves/A/frameworks/F/executors/E/runs/c1",
             stage->work_dir);
    return path;
}

static inline struct agent_launch launch_of(struct stage *stage,
                                            const char *script)
{
    static const char *argv[4];
    static const char *envp[3];
    static char variable[600];
    snprintf(variable, sizeof variable, "MESOS_SANDBOX=%s", sandbox(stage));
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    envp[0] = "PATH=/usr/bin:/bin";
    envp[1] = variable;
    return (struct agent_launch){.container_id = "c1",
                                 .sandbox = sandbox(stage),
                                 .user = "root",
                                 .path = "/bin/sh",
                                 .argv = argv,
                                 .envp = envp,
                                 .cpu_milli = 100,
                                 .mem_bytes = 64 << 20};
}

static inline void read_file(struct stage *stage, const char *name,
                             struct buf *out)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", sandbox(stage), name);
    assert_true(file_read(path, 1 << 20, out, NULL) >= 0);
}
