/* Where a dev cluster lies and what it is made of. */
#include "cli/dev_cluster.h"

#include "base/text.h"
#include "cli/cluster.h"
#include "sys/file.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_BYTES_MAX = 64 << 10, TOOL_BYTES_MAX = 256 << 20 };

/* The directory of the dev cluster that clusterctl knows, or NULL. */
static const char *known_directory(struct cli *cli)
{
    const Perigee__Cluster *known;
    struct err err = {0};

    return cluster_find(cli, "devcluster", &known, &err) == 0 ? known->dir
                                                              : NULL;
}

const char *dev_directory(struct cli *cli)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const char *known;

    if (cli->directory != NULL) {
        char *real = realpath(cli->directory, NULL);
        const char *dir =
            arena_strdup(&cli->arena, real != NULL ? real : cli->directory);
        free(real);
        if (dir[0] == '/')
            return dir;
        char here[4096];
        return getcwd(here, sizeof here) != NULL
                   ? arena_printf(&cli->arena, "%s/%s", here, dir)
                   : dir;
    }
    if ((known = known_directory(cli)) != NULL)
        return known;
    if (geteuid() == 0)
        return "/var/lib/perigee/dev";
    if (data != NULL && data[0] == '/')
        return arena_printf(&cli->arena, "%s/perigee/dev", data);
    return arena_printf(&cli->arena, "%s/.local/share/perigee/dev",
                        home != NULL ? home : "/tmp");
}

static const char *state_path(struct cli *cli, const char *dir)
{
    return arena_printf(&cli->arena, "%s/cluster.json", dir);
}

static int load_state(struct cli *cli, const char *dir,
                      const Perigee__Cluster **out, struct err *err)
{
    struct buf text = {0};
    ProtobufCMessage *message;
    int rc = file_read(state_path(cli, dir), STATE_BYTES_MAX, &text, err);

    if (rc == 0)
        rc = codec_decode(&perigee__cluster__descriptor, "Cluster", MEDIA_JSON,
                          buf_bytes(&text), &cli->arena, &message, err);
    buf_release(&text);
    if (rc == 0)
        *out = (Perigee__Cluster *)message;
    else if (err->code != ERR_NOT_FOUND)
        err_place(err, "%s", state_path(cli, dir));
    return rc;
}

static const char *binary(struct cli *cli, const char *name)
{
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size < 0)
        return name;
    self[size] = '\0';
    char *slash = strrchr(self, '/');
    *slash = '\0';
    return arena_printf(&cli->arena, "%s/%s", self, name);
}

/* What runs as a task's user lies in D/bin: a checkout in a private folder,
 * such as /root, is out of that user's reach. */
static const char *tool(struct cli *cli, const struct dev_cluster *c,
                        const char *name)
{
    return arena_printf(&cli->arena, "%s/bin/%s", c->dir, name);
}

int dev_cluster_equip(struct cli *cli, const struct dev_cluster *c,
                      struct err *err)
{
    static const char *const name[] = {"thermos", "perigee-fetch"};
    int rc = dir_make(tool(cli, c, ""), 0755, err);

    for (size_t i = 0; rc == 0 && i < sizeof name / sizeof name[0]; i++) {
        struct buf ours = {0}, theirs = {0};
        const char *to = tool(cli, c, name[i]);

        rc = file_read(binary(cli, name[i]), TOOL_BYTES_MAX, &ours, err);
        (void)file_read(to, TOOL_BYTES_MAX, &theirs, NULL); /* may be none */
        if (rc == 0 && !bytes_equal(buf_bytes(&ours), buf_bytes(&theirs)))
            rc = file_write(to, buf_bytes(&ours), 0755, false, err);
        buf_release(&ours);
        buf_release(&theirs);
    }
    return rc;
}

static const char *flag(struct cli *cli, const char *name, const char *value)
{
    return arena_printf(&cli->arena, "--%s=%s", name, value);
}

/* What every daemon is given. */
static int common(struct cli *cli, const struct dev_cluster *c,
                  struct dev_daemon *d, const char *program)
{
    int n = 0;

    d->argv[n++] = binary(cli, program);
    d->argv[n++] = "--ip=127.0.0.1";
    d->argv[n++] = arena_printf(&cli->arena, "--port=%d", d->port);
    d->argv[n++] = "--hostname=127.0.0.1";
    d->argv[n++] =
        arena_printf(&cli->arena, "--work_dir=%s/%s", c->dir, d->name);
    return n;
}

static void plan_master(struct cli *cli, const struct dev_cluster *c,
                        struct dev_daemon *d)
{
    *d = (struct dev_daemon){.name = "master", .port = c->port};
    int n = common(cli, c, d, "perigee-master");
    d->argv[n] = "--cluster=devcluster";
}

static void plan_aurora(struct cli *cli, const struct dev_cluster *c,
                        struct dev_daemon *d)
{
    *d = (struct dev_daemon){.name = "aurora", .port = c->port + 1};
    int n = common(cli, c, d, "perigee-aurora");
    d->argv[n++] = arena_printf(&cli->arena, "--master=127.0.0.1:%d", c->port);
    d->argv[n++] = "--cluster_name=devcluster";
    d->argv[n] = flag(cli, "thermos_path", tool(cli, c, "thermos"));
}

static void plan_observer(struct cli *cli, const struct dev_cluster *c,
                          struct dev_daemon *d)
{
    *d = (struct dev_daemon){.name = "observer", .port = c->port + 2};
    int n = 0;
    d->argv[n++] = binary(cli, "thermos");
    d->argv[n++] = "observe";
    d->argv[n++] = "--ip=127.0.0.1";
    d->argv[n++] = arena_printf(&cli->arena, "--port=%d", d->port);
    d->argv[n] = arena_printf(&cli->arena, "--root=%s", c->dir);
}

static void plan_agent(struct cli *cli, const struct dev_cluster *c,
                       uint32_t index, struct dev_daemon *d)
{
    uint32_t first = c->task_port[index];

    *d = (struct dev_daemon){
        .name = arena_printf(&cli->arena, "agent-%u", index),
        .port = c->port + 10 + (int)index,
    };
    int n = common(cli, c, d, "perigee-agent");
    d->argv[n++] = arena_printf(&cli->arena, "--master=127.0.0.1:%d", c->port);
    d->argv[n++] = arena_printf(
        &cli->arena, "--resources=cpus:4;mem:4096;disk:10240;ports:[%u-%u]",
        first, first + DEV_TASK_PORTS - 1);
    d->argv[n++] =
        arena_printf(&cli->arena, "--attributes=host:agent-%u;rack:r%u;zone:%s",
                     index, index % 2, index % 2 ? "b" : "a");
    d->argv[n++] = flag(cli, "executor", tool(cli, c, "thermos"));
    d->argv[n] =
        flag(cli, "cgroups_root",
             arena_printf(&cli->arena, "%s/%s", c->cgroups_root, d->name));
}

static void plan(struct cli *cli, struct dev_cluster *c)
{
    c->cgroups_root = arena_printf(&cli->arena, "perigee-dev-%d", c->port);
    c->daemon_count = 3 + c->agents;
    c->daemon = arena_zalloc(&cli->arena, sizeof *c->daemon * c->daemon_count);
    plan_master(cli, c, &c->daemon[0]);
    plan_aurora(cli, c, &c->daemon[1]);
    plan_observer(cli, c, &c->daemon[2]);
    for (uint32_t i = 0; i < c->agents; i++)
        plan_agent(cli, c, i, &c->daemon[3 + i]);
}

/* Agents beyond the known ones get the next thousand that nobody listens in. */
static int choose_task_ports(struct dev_cluster *c, uint32_t known,
                             struct err *err)
{
    uint32_t next = DEV_TASK_PORTS_FIRST;

    for (uint32_t i = 0; i < known; i++)
        if (c->task_port[i] >= next)
            next = c->task_port[i] + DEV_TASK_PORTS;
    for (uint32_t i = known; i < c->agents; i++) {
        while (next + DEV_TASK_PORTS <= 65536 &&
               dev_range_is_taken(next, DEV_TASK_PORTS))
            next += DEV_TASK_PORTS;
        if (next + DEV_TASK_PORTS > 65536)
            return err_set(err, ERR_LIMIT,
                           "no %d free task ports are left for agent %u",
                           DEV_TASK_PORTS, i);
        c->task_port[i] = next;
        next += DEV_TASK_PORTS;
    }
    return 0;
}

static int apply_options(struct cli *cli, struct dev_cluster *c,
                         struct err *err)
{
    int64_t value;
    int rc;

    if (cli->port != NULL) {
        if ((rc = text_int(cli->port, 1, 65000, &value, err)) < 0) {
            (void)err_wrap(err, "--port");
            return rc;
        }
        c->port = (int)value;
    }
    if (cli->agents != NULL) {
        if ((rc = text_int(cli->agents, 1, DEV_AGENTS_MAX, &value, err)) < 0) {
            (void)err_wrap(err, "--agents");
            return rc;
        }
        c->agents = (uint32_t)value;
    }
    return 0;
}

int dev_cluster_load(struct cli *cli, bool must_exist, struct dev_cluster *out,
                     struct err *err)
{
    const Perigee__Cluster *state = NULL;
    struct dev_cluster c = {.dir = dev_directory(cli),
                            .port = DEV_PORT_DEFAULT,
                            .agents = DEV_AGENTS_DEFAULT};
    uint32_t known = 0;
    int rc = load_state(cli, c.dir, &state, err);

    if (rc < 0 && err->code == ERR_NOT_FOUND && must_exist) {
        rc = err_set(err, ERR_NOT_FOUND, "no dev cluster in %s", c.dir);
        err_hint(err, "`clusterctl dev start` makes one; --dir names another "
                      "directory");
    }
    if (rc < 0 && (err->code != ERR_NOT_FOUND || must_exist))
        return rc;
    if (rc == 0) {
        c.port = (int)state->port;
        known = (uint32_t)(state->n_task_ports < DEV_AGENTS_MAX
                               ? state->n_task_ports
                               : DEV_AGENTS_MAX);
        c.agents = known;
        for (uint32_t i = 0; i < known; i++)
            c.task_port[i] = state->task_ports[i];
    }
    *err = (struct err){0};
    if ((rc = apply_options(cli, &c, err)) < 0 ||
        (rc = choose_task_ports(&c, known < c.agents ? known : c.agents, err)) <
            0)
        return rc;
    plan(cli, &c);
    *out = c;
    return 0;
}

Perigee__Cluster *dev_cluster_entry(struct cli *cli,
                                    const struct dev_cluster *c)
{
    Perigee__Cluster *entry = arena_alloc(&cli->arena, sizeof *entry);

    perigee__cluster__init(entry);
    entry->name = "devcluster";
    entry->master = arena_printf(&cli->arena, "127.0.0.1:%d", c->port);
    entry->aurora = arena_printf(&cli->arena, "127.0.0.1:%d", c->port + 1);
    entry->dir = (char *)c->dir;
    entry->has_port = true;
    entry->port = (uint32_t)c->port;
    entry->n_agents = entry->n_task_ports = c->agents;
    entry->agents = arena_alloc(&cli->arena, sizeof *entry->agents * c->agents);
    entry->task_ports = arena_memdup(&cli->arena, c->task_port,
                                     sizeof *entry->task_ports * c->agents);
    for (uint32_t i = 0; i < c->agents; i++)
        entry->agents[i] =
            arena_printf(&cli->arena, "127.0.0.1:%d", c->port + 10 + (int)i);
    return entry;
}

/* The same entry as a Lua list, for clusterctl itself. */
static int register_cluster(struct cli *cli, const Perigee__Cluster *entry,
                            struct err *err)
{
    struct buf text = {0};
    const char *path;
    int rc = cluster_dev_file(cli, &path, err);

    if (rc < 0)
        return rc;
    buf_addf(&text,
             "-- Written by `clusterctl dev start`.\nreturn {\n"
             "  { name = \"%s\", aurora = \"%s\", master = \"%s\",\n"
             "    agents = {",
             entry->name, entry->aurora, entry->master);
    for (size_t i = 0; i < entry->n_agents; i++)
        buf_addf(&text, "%s \"%s\"", i ? "," : "", entry->agents[i]);
    buf_addf(&text, " },\n    dir = [==[%s]==] },\n}\n", entry->dir);
    rc = file_write(path, buf_bytes(&text), 0644, false, err);
    buf_release(&text);
    return rc;
}

int dev_cluster_save(struct cli *cli, const struct dev_cluster *cluster,
                     struct err *err)
{
    Perigee__Cluster *entry = dev_cluster_entry(cli, cluster);
    struct buf text = {0};

    codec_encode_pretty(&entry->base, &text);
    int rc = file_write(state_path(cli, cluster->dir), buf_bytes(&text), 0644,
                        false, err);
    buf_release(&text);
    return rc < 0 ? rc : register_cluster(cli, entry, err);
}

void dev_cluster_forget(struct cli *cli)
{
    const char *path;

    if (cluster_dev_file(cli, &path, NULL) == 0)
        (void)unlink(path);
}
