/* The scheduler's own life with 1,000,000 tasks: 100 services of 10,000, each
 * task RUNNING on one of 10,000 hosts, with its history and a port. Its store
 * is opened as the daemon opens it, checks included, and the records become the
 * scheduler's state; then what that takes of memory. */
#include "aurora/core/job_config.h"
#include "aurora/program.h"
#include "bench/kit.h"
#include "perigee/aurora_store.pb-c.h"
#include "sys/file.h"
#include "sys/store.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    JOBS = 100,
    TASKS_PER_JOB = 10000,
    HOSTS = 10000,
    BATCH = 4000,
    EVENTS = 4
};
static const uint64_t BEGAN_MS = 1795253739000;

static int tasks_per_job = TASKS_PER_JOB;

/* --- the records --- */

struct filling {
    struct store *store;
    struct store_op op[BATCH];
    int count;
};

static void flush(struct filling *f)
{
    struct err err = {0};

    if (f->count > 0 &&
        store_commit(f->store, f->op, (size_t)f->count, &err) < 0)
        bench_fail("%s", err.text);
    for (int i = 0; i < f->count; i++) {
        free((void *)(uintptr_t)f->op[i].key.data);
        free((void *)(uintptr_t)f->op[i].value.data);
    }
    f->count = 0;
}

static void put(struct filling *f, const char *table, const char *key,
                const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    char *copy = strdup(key);

    protobuf_c_message_pack(message, packed);
    f->op[f->count++] =
        (struct store_op){table, bytes_of_text(copy), bytes_of(packed, size)};
    if (f->count == BATCH)
        flush(f);
}

static void host_id(int host, char out[64])
{
    (void)snprintf(out, 64, "a290360e-cc63-4d73-9819-d999713986be-S%d", host);
}

static void put_hosts(struct filling *f)
{
    Perigee__Aurora__HostRecord__Attribute rack =
        PERIGEE__AURORA__HOST_RECORD__ATTRIBUTE__INIT;
    Perigee__Aurora__HostRecord__Attribute *attribute = &rack;

    for (int i = 0; i < HOSTS; i++) {
        Perigee__Aurora__HostRecord r = PERIGEE__AURORA__HOST_RECORD__INIT;
        char id[64], name[64], endpoint[32], value[16];
        host_id(i, id);
        (void)snprintf(name, sizeof name, "node-%05d.west.example.net", i);
        (void)snprintf(endpoint, sizeof endpoint, "10.1.%d.%d:5051", i / 250,
                       i % 250);
        (void)snprintf(value, sizeof value, "r%d", i / 40);
        rack.name = "rack";
        rack.value = value;
        r.agent_id = id;
        r.hostname = name;
        r.endpoint = endpoint;
        r.n_attributes = 1;
        r.attributes = &attribute;
        r.has_cpus = r.has_mem = r.has_disk = r.has_seen_ms = true;
        r.cpus = r.mem = r.disk = 1000000000;
        r.seen_ms = BEGAN_MS;
        put(f, "host", id, &r.base);
    }
}

static void put_config(struct filling *f, const char *name, char id[80])
{
    Perigee__Aurora__ConfigRecord r = PERIGEE__AURORA__CONFIG_RECORD__INIT;
    Perigee__Job job = PERIGEE__JOB__INIT;
    Perigee__TaskConfig task = PERIGEE__TASK_CONFIG__INIT;
    Perigee__ResourceAmounts need = PERIGEE__RESOURCE_AMOUNTS__INIT;
    uint8_t packed[512];

    need.has_cpu_milli = need.has_ram_bytes = need.has_disk_bytes = true;
    need.cpu_milli = 100;
    need.ram_bytes = need.disk_bytes = 64 << 20;
    task.name = (char *)(uintptr_t)name;
    task.resources = &need;
    job.cluster = "devcluster";
    job.role = "www-data";
    job.environment = "prod";
    job.name = (char *)(uintptr_t)name;
    job.has_service = job.service = true;
    job.task = &task;
    size_t size = perigee__job__pack(&job, packed);
    (void)job_config_id(bytes_of(packed, size), id);
    r.job = &job;
    put(f, "config", id, &r.base);
}

static void put_task(struct filling *f, Perigee__Aurora__JobKey *key,
                     char *config_id, int job, int instance)
{
    static const Perigee__Aurora__TaskState states[EVENTS] = {3, 4, 5, 6};
    Perigee__Aurora__TaskRecord r = PERIGEE__AURORA__TASK_RECORD__INIT;
    Perigee__Aurora__TaskRecord__Place place =
        PERIGEE__AURORA__TASK_RECORD__PLACE__INIT;
    Perigee__Aurora__TaskEvent event[EVENTS], *events[EVENTS];
    uint64_t number =
        (uint64_t)job * (uint64_t)tasks_per_job + (uint64_t)instance;
    int host = (int)(number * 7919 % HOSTS);
    uint32_t port = 31000 + (uint32_t)(number / HOSTS);
    char id[160], agent[64], name[64], endpoint[32];

    (void)snprintf(id, sizeof id,
                   "%" PRIu64 "-www-data-prod-%s-%d-c4867470-f067-44be-b566-"
                   "%012" PRIx64,
                   BEGAN_MS + number / 10, key->name, instance,
                   number * 0x9e3779b97f4a7c15 >> 16);
    host_id(host, agent);
    (void)snprintf(name, sizeof name, "node-%05d.west.example.net", host);
    (void)snprintf(endpoint, sizeof endpoint, "10.1.%d.%d:5051", host / 250,
                   host % 250);
    for (int i = 0; i < EVENTS; i++) {
        perigee__aurora__task_event__init(&event[i]);
        event[i].has_at_ms = event[i].has_state = true;
        event[i].at_ms = BEGAN_MS + number / 10 + (uint64_t)i * 1000;
        event[i].state = states[i];
        events[i] = &event[i];
    }
    event[3].message = "health checks passed";
    place.agent_id = agent;
    place.hostname = name;
    place.endpoint = endpoint;
    place.n_ports = 1;
    place.ports = &port;
    r.task_id = id;
    r.key = key;
    r.config_id = config_id;
    r.has_instance = r.has_state = r.has_failures = true;
    r.instance = (uint32_t)instance;
    r.state = PERIGEE__AURORA__TASK_STATE__RUNNING;
    r.has_number = true;
    r.number = number + 1;
    r.place = &place;
    r.n_events = EVENTS;
    r.events = events;
    put(f, "task", id, &r.base);
}

static void put_job(struct filling *f, int number)
{
    Perigee__Aurora__JobRecord r = PERIGEE__AURORA__JOB_RECORD__INIT;
    Perigee__Aurora__JobKey key = PERIGEE__AURORA__JOB_KEY__INIT;
    char config[80], name[32], text[80];

    (void)snprintf(name, sizeof name, "service-%03d", number);
    (void)snprintf(text, sizeof text, "www-data/prod/%s", name);
    put_config(f, name, config);
    key.cluster = "devcluster";
    key.role = "www-data";
    key.environment = "prod";
    key.name = name;
    r.key = &key;
    r.config_id = config;
    r.has_instances = r.has_created_ms = true;
    r.instances = (uint32_t)tasks_per_job;
    r.created_ms = BEGAN_MS;
    put(f, "job", text, &r.base);
    for (int i = 0; i < tasks_per_job; i++)
        put_task(f, &key, config, number, i);
}

static void fill(const char *dir)
{
    struct filling *f = calloc(1, sizeof *f);
    struct err err = {0};

    if (store_open(&f->store, dir, &err) < 0)
        bench_fail("%s", err.text);
    put_hosts(f);
    for (int job = 0; job < JOBS; job++)
        put_job(f, job);
    flush(f);
    store_close(f->store);
    free(f);
}

/* --- the restart --- */

static int on_stored(void *context, const char *table, struct bytes key,
                     struct bytes value, struct err *err)
{
    return AURORA_PROGRAM.on_stored(context, table, key, value, err);
}

static long memory_kib(const char *what)
{
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, what, strlen(what)) == 0)
            value = strtol(line + strlen(what), NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return value;
}

static int64_t processor_ns(int who)
{
    struct rusage used;

    (void)getrusage(who, &used);
    return ((int64_t)used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000 +
           ((int64_t)used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

struct life {
    int64_t open_ns, start_ns;
    int64_t own_ns, check_ns; /* processor time: ours, the verifying child's */
    long rss_kib, peak_kib;
};

static struct life live(const char *dir)
{
    struct aurora_options options = AURORA_OPTIONS;
    struct aurora_program *p = aurora_program_new(&options);
    struct store *store;
    struct effects fx;
    struct err err = {0};
    struct life life;
    int64_t began = bench_ns();

    effects_init(&fx);
    if (store_open_each(&store, dir, on_stored, p, &err) < 0)
        bench_fail("%s", err.text);
    life.open_ns = bench_ns() - began;
    AURORA_PROGRAM.on_start(p, (int64_t)BEGAN_MS + 3600000, &fx);
    life.start_ns = bench_ns() - began - life.open_ns;
    for (uint32_t i = 0; i < fx.count; i++)
        if (fx.item[i].kind == EFFECT_STOP)
            bench_fail("the records were refused");
    effects_clear(&fx);
    life.own_ns = processor_ns(RUSAGE_SELF);
    life.check_ns = processor_ns(RUSAGE_CHILDREN);
    life.rss_kib = memory_kib("VmRSS:");
    life.peak_kib = memory_kib("VmHWM:");
    return life;
}

/* In a process of its own: what was filled before it leaves no trace. */
static struct life live_apart(const char *dir)
{
    struct life life = {0};
    int ends[2];

    if (pipe(ends) < 0)
        bench_fail("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        life = live(dir);
        _exit(write(ends[1], &life, sizeof life) == sizeof life ? 0 : 1);
    }
    (void)close(ends[1]);
    if (read(ends[0], &life, sizeof life) != sizeof life)
        bench_fail("the restart failed");
    (void)close(ends[0]);
    (void)waitpid(pid, NULL, 0);
    return life;
}

static void in_own_process(void (*work)(const char *), const char *dir)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        work(dir);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        bench_fail("the store was not filled");
}

int main(int argc, char **argv)
{
    struct life best = {.open_ns = INT64_MAX / 4};
    char dir[4200];

    bench_open(argc, argv, "restart");
    bench_leans_on(BENCH_MEMORY);
    if (bench_is_quick())
        tasks_per_job = TASKS_PER_JOB / 10;
    (void)snprintf(dir, sizeof dir, "%s/store", bench_dir());
    in_own_process(fill, dir);
    for (int i = 0; i < 3; i++) {
        struct life life = live_apart(dir);
        if (life.open_ns + life.start_ns < best.open_ns + best.start_ns)
            best = life;
    }
    double tasks = (double)JOBS * tasks_per_job;
    bench_figure("verify and read the store", (double)best.open_ns / 1e6, "ms",
                 0, NULL);
    bench_figure("make jobs and tasks of it", (double)best.start_ns / 1e6, "ms",
                 0, NULL);
    bench_figure("restart with 1M tasks",
                 (double)(best.open_ns + best.start_ns) / 1e6 * (1e6 / tasks),
                 "ms", 0, NULL);
    bench_figure("processor time of it, without the check",
                 (double)best.own_ns / 1e6, "ms", 0, NULL);
    bench_figure("processor time of the check", (double)best.check_ns / 1e6,
                 "ms", 0, NULL);
    bench_figure("memory of a task", (double)best.rss_kib * 1024 / tasks, "B",
                 0, NULL);
    bench_figure("memory of 1M tasks",
                 (double)best.rss_kib / 1024 * (1e6 / tasks), "MiB", 0, NULL);
    bench_figure("at most, while restarting",
                 (double)best.peak_kib / 1024 * (1e6 / tasks), "MiB", 0, NULL);
    return bench_close();
}
