/* Quotas over the API: jobs whose tasks have so many cores, and as many times
 * 128 MB of memory and of disk. */
#pragma once
#include "update_kit.h"

typedef Perigee__Aurora__QuotaView QuotaView;

static inline const char *job(struct world *w, const char *name, int cpus,
                              int instances, const char *more)
{
    return arena_printf(
        &w->arena,
        "{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":\"prod\","
        "\"name\":\"%s\",\"instances\":%d,%s,\"task\":{\"name\":\"web\","
        "\"processes\":[{\"name\":\"p\",\"cmdline\":\"c%d\"}],\"resources\":{"
        "\"cpu_milli\":%d,\"ram_bytes\":%lld,\"disk_bytes\":%lld}}}",
        name, instances, more, cpus, cpus * 1000, (long long)cpus << 27,
        (long long)cpus << 27);
}

#define PROD "\"service\":true,\"production\":true,\"tier\":\"preferred\""
#define OTHER "\"service\":true"
#define QUICK ",\"update\":{\"watch_secs\":0,\"batch_size\":1}"
#define SURGE                                                                 \
    ",\"update\":{\"watch_secs\":0,\"strategy\":\"SURGE\","                   \
    "\"minimum_health_capacity_milli\":1000,\"maximum_over_capacity_milli\":" \
    "500}"
#define CRON                                                             \
    "\"production\":true,\"tier\":\"preferred\",\"cron\":{\"schedule\":" \
    "\"0 0 1 1 *\",\"collision_policy\":\"RUN_OVERLAP\"}"

static inline void call(struct world *w, const char *type, const char *text)
{
    post(w, arena_printf(&w->arena,
                         "{\"type\":\"%s\",\"create_job\":{\"job\":%s}}", type,
                         text));
}

static inline void create(struct world *w, const char *name, int cpus,
                          int instances, const char *more)
{
    call(w, "CREATE_JOB", job(w, name, cpus, instances, more));
}

static inline void start(struct world *w, const char *name, int cpus,
                         int instances, const char *more)
{
    call(w, "START_UPDATE", job(w, name, cpus, instances, more));
}

/* So many cores, and what belongs to them. */
static inline void quota(struct world *w, const char *role, int cpus,
                         const char *more)
{
    post(w, arena_printf(
                &w->arena,
                "{\"type\":\"SET_QUOTA\",\"set_quota\":{\"quotas\":[{\"role\":"
                "\"%s\",\"production\":{\"cpu_milli\":%d,\"ram_bytes\":%lld,"
                "\"disk_bytes\":%lld}%s}]}}",
                role, cpus * 1000, (long long)cpus << 27, (long long)cpus << 27,
                more));
}

static inline const QuotaView *view(struct world *w, const char *role)
{
    get(w, arena_printf(&w->arena, "/api/v1/quotas/%s", role));
    expect_status(w, 200);
    assert_int_equal(w->answer->n_quotas, 1);
    return w->answer->quotas[0];
}

static inline int used(struct world *w)
{
    return (int)(view(w, "www")->production->cpu_milli / 1000);
}

static inline void expect_quota(struct world *w, const char *message)
{
    expect_status(w, 409);
    assert_string_equal(w->answer->error->code, "QUOTA");
    if (message)
        assert_string_equal(w->answer->error->message, message);
}

static inline bool has_line(struct world *w, const char *line)
{
    for (size_t i = 0; i < w->answer->error->n_details; i++)
        if (strcmp(w->answer->error->details[i], line) == 0)
            return true;
    for (size_t i = 0; i < w->answer->error->n_details; i++)
        print_message("%s\n", w->answer->error->details[i]);
    return false;
}

#define NAMED(name)                                                         \
    "\"key\":{\"cluster\":\"devcluster\",\"role\":\"www\",\"environment\":" \
    "\"prod\",\"name\":\"" name "\"}"
#define SCALE_TO(name, n) \
    "{\"type\":\"SCALE_JOB\",\"scale\":{" NAMED(name) ",\"instances\":" n "}}"
#define ADD_TO(name, n)                                                       \
    "{\"type\":\"ADD_INSTANCES\",\"scale\":{" NAMED(name) ",\"instances\":" n \
                                                          "}}"
#define FINISH(type, name) \
    "{\"type\":\"" type "\",\"update\":{" NAMED(name) "}}"
