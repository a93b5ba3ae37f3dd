/* perigee-agent: owns one machine. Configuration in, daemon up; everything else
 * is decided in the program (program.h) and done by containers.c. */
#include "agent/containers.h"
#include "agent/detect.h"
#include "agent/files.h"
#include "agent/guard.h"
#include "agent/program.h"
#include "agent/sandbox.h"
#include "base/alloc.h"
#include "base/text.h"
#include "script/config.h"
#include "sys/address.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/process.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EXIT_BAD_CONFIG = 3,
    STREAM_BOUND = 16 << 20,
    FLAGS_MAX = 48,
    AGENT_SOCKET_MAX = 4096 + 16
};

struct agent_config {
    char *master, *ip, *hostname, *work_dir, *resources, *attributes;
    char *revocable_resources;
    char *executor, *fetcher, *cgroups_root, *isolation, *log_level;
    int64_t port;
    int64_t recovery_timeout, executor_registration_timeout;
    int64_t executor_reregistration_timeout, executor_shutdown_grace_period;
    int64_t gc_delay;
    bool allow_root;
    int64_t disk_watch_ms;
    char *announcer_access;
    char *tls_cert, *tls_key, *tls_ca;
    bool tls_require_client;
    char *security, *http_credentials, *credential;
    bool authenticate_http_readonly, authenticate_http_readwrite;
    bool authenticate_http_executors;
};

#define OPTION(field) offsetof(struct agent_config, field)

static const struct config_option OPTIONS[] = {
    {.name = "master",
     .type = CONFIG_STRING,
     .offset = OPTION(master),
     .help = "the master, host:port or https://host:port",
     .is_required = true},
    {.name = "ip",
     .type = CONFIG_STRING,
     .offset = OPTION(ip),
     .initial = "127.0.0.1",
     .help = "address to listen on, told to the master and to executors"},
    {.name = "port",
     .type = CONFIG_INT,
     .offset = OPTION(port),
     .initial = "5051",
     .help = "port to listen on; 0 takes any free one",
     .max = 65535},
    {.name = "hostname",
     .type = CONFIG_STRING,
     .offset = OPTION(hostname),
     .help = "name told to frameworks (default: the address)"},
    {.name = "work_dir",
     .type = CONFIG_STRING,
     .offset = OPTION(work_dir),
     .help =
         "directory of sandboxes (slaves/) and of the agent's state (meta/)",
     .is_required = true},
    {.name = "resources",
     .type = CONFIG_STRING,
     .offset = OPTION(resources),
     .initial = "",
     .help =
         "what to offer, \"cpus:4;mem:4096;disk:10240;ports:[31000-32000]\"; "
         "what is not named is detected"},
    {.name = "revocable_resources",
     .type = CONFIG_STRING,
     .offset = OPTION(revocable_resources),
     .initial = "",
     .help = "cpus and mem to offer besides, \"cpus:4;mem:1024\", to "
             "frameworks that take what may be taken back"},
    {.name = "attributes",
     .type = CONFIG_STRING,
     .offset = OPTION(attributes),
     .initial = "",
     .help = "facts about this machine, \"rack:r1;zone:a\""},
    {.name = "executor",
     .type = CONFIG_STRING,
     .offset = OPTION(executor),
     .help = "executor of tasks that name none (default: thermos beside this "
             "program)"},
    {.name = "fetcher",
     .type = CONFIG_STRING,
     .offset = OPTION(fetcher),
     .help = "program that fetches URIs (default: perigee-fetch beside this "
             "program)"},
    {.name = "isolation",
     .type = CONFIG_STRING,
     .offset = OPTION(isolation),
     .initial = "auto",
     .help = "cgroups, posix (process groups, no limits), or auto: cgroups "
             "where they can be used"},
    {.name = "cgroups_root",
     .type = CONFIG_STRING,
     .offset = OPTION(cgroups_root),
     .initial = "perigee",
     .help = "control group under which containers get theirs"},
    {.name = "allow_root",
     .type = CONFIG_BOOL,
     .offset = OPTION(allow_root),
     .initial = "false",
     .help = "let tasks run as root, when their role is root"},
    {.name = "container_disk_watch_interval",
     .type = CONFIG_DURATION,
     .offset = OPTION(disk_watch_ms),
     .initial = "1mins",
     .help = "how often thermos compares a sandbox with the task's disk"},
    {.name = "announcer_zookeeper_auth_config",
     .type = CONFIG_STRING,
     .offset = OPTION(announcer_access),
     .initial = "",
     .help = "JSON file: who executors are to ZooKeeper (auth) and who may do "
             "what with the nodes of announced tasks (acl); default: anybody "
             "may do anything"},
    {.name = "recovery_timeout",
     .type = CONFIG_DURATION,
     .offset = OPTION(recovery_timeout),
     .initial = "15mins",
     .help = "how long executors live without the agent"},
    {.name = "executor_registration_timeout",
     .type = CONFIG_DURATION,
     .offset = OPTION(executor_registration_timeout),
     .initial = "1mins",
     .help = "how long a started executor may take to subscribe"},
    {.name = "executor_reregistration_timeout",
     .type = CONFIG_DURATION,
     .offset = OPTION(executor_reregistration_timeout),
     .initial = "2secs",
     .help = "how long executors may take to come back after a restart of the "
             "agent"},
    {.name = "executor_shutdown_grace_period",
     .type = CONFIG_DURATION,
     .offset = OPTION(executor_shutdown_grace_period),
     .initial = "5secs",
     .help = "between asking an executor to shut down and destroying it"},
    {.name = "gc_delay",
     .type = CONFIG_DURATION,
     .offset = OPTION(gc_delay),
     .initial = "1weeks",
     .help = "how long sandboxes are kept after their container ended"},
    {.name = "tls_cert",
     .type = CONFIG_STRING,
     .offset = OPTION(tls_cert),
     .help = "our certificate chain, PEM, for clients and for the master; with "
             "tls_key: speak TLS only"},
    {.name = "tls_key",
     .type = CONFIG_STRING,
     .offset = OPTION(tls_key),
     .help = "its key, PEM, for our eyes only"},
    {.name = "tls_ca",
     .type = CONFIG_STRING,
     .offset = OPTION(tls_ca),
     .help = "CAs of the master and of what clients may show, PEM; without it "
             "the master is checked against the machine's"},
    {.name = "tls_require_client",
     .type = CONFIG_BOOL,
     .offset = OPTION(tls_require_client),
     .initial = "false",
     .help = "refuse clients without such a certificate"},
    {.name = "security",
     .type = CONFIG_STRING,
     .offset = OPTION(security),
     .help = "security.lua: who may do what at this port, and read which "
             "sandboxes"},
    {.name = "http_credentials",
     .type = CONFIG_STRING,
     .offset = OPTION(http_credentials),
     .help = "file of principals and secrets, as Mesos has it, for the realms "
             "below"},
    {.name = "authenticate_http_readonly",
     .type = CONFIG_BOOL,
     .offset = OPTION(authenticate_http_readonly),
     .initial = "false",
     .help = "ask who looks at /state, /files..."},
    {.name = "authenticate_http_readwrite",
     .type = CONFIG_BOOL,
     .offset = OPTION(authenticate_http_readwrite),
     .initial = "false",
     .help = "ask who calls /api/v1"},
    {.name = "authenticate_http_executors",
     .type = CONFIG_BOOL,
     .offset = OPTION(authenticate_http_executors),
     .initial = "false",
     .help = "want the token that each executor was given"},
    {.name = "credential",
     .type = CONFIG_STRING,
     .offset = OPTION(credential),
     .help = "file with the principal and secret that we show the master"},
    {.name = "log_level",
     .type = CONFIG_STRING,
     .offset = OPTION(log_level),
     .initial = "info",
     .help = "error, warn, info or debug"},
};

static const struct config_schema SCHEMA = {
    .program = "perigee-agent",
    .summary = "Owns one machine: offers its resources, runs its containers.",
    .file_option = "config",
    .default_file = "/etc/perigee/agent.lua",
    .option = OPTIONS,
    .option_count = sizeof OPTIONS / sizeof OPTIONS[0]};

static int complain(const struct err *err, int status)
{
    fprintf(stderr, "perigee-agent: %s%s%s\n",
            err->place[0] != '\0' ? err->place : "",
            err->place[0] != '\0' ? ": " : "", err->text);
    if (err->hint[0] != '\0')
        fprintf(stderr, "  %s\n", err->hint);
    return status;
}

/* --- "perigee-agent sweep WORK_DIR BEFORE_MS [CONTAINER...]": the agent's own
 * child that removes old sandboxes  */

static int sweep(int argc, char **argv)
{
    int64_t before_ms;
    if (argc < 4 || text_int(argv[3], 0, INT64_MAX, &before_ms, NULL) < 0)
        return EXIT_FAILURE;
    if (nice(10) < 0) {
        /* it may run at full speed then */
    }
    int removed = sandbox_sweep(argv[2], before_ms, argv + 4);
    if (removed > 0) {
        log_open("agent", LOG_LEVEL_INFO);
        log_line(LOG_LEVEL_INFO, "sandboxes_removed count=%d", removed);
    }
    return EXIT_SUCCESS;
}

/* --- configuration --- */

static void set_default(char **value, char *fallback)
{
    if (*value == NULL || (*value)[0] == '\0') {
        free(*value);
        *value = fallback;
    } else {
        free(fallback);
    }
}

/* An absolute work_dir that exists, without the links and dots in its name. */
static int settle_work_dir(struct agent_config *config, struct err *err)
{
    int rc = dir_make(config->work_dir, 0755, err);
    if (rc < 0) {
        err_hint(err, "choose another directory with --work_dir=DIR");
        return rc;
    }
    char *real = realpath(config->work_dir, NULL);
    if (real == NULL || access(real, W_OK) < 0) {
        free(real);
        err_set(err, ERR_IO, "work_dir '%s': not a writable directory",
                config->work_dir);
        err_hint(err, "choose another directory with --work_dir=DIR");
        return -ERR_IO;
    }
    free(config->work_dir);
    config->work_dir = real;
    return 0;
}

/* Executors get its name, and work elsewhere. One that is not there is told of
 * by who reads it. */
static void settle_ca(struct agent_config *config)
{
    char *real = config->tls_ca != NULL ? realpath(config->tls_ca, NULL) : NULL;

    if (real != NULL) {
        free(config->tls_ca);
        config->tls_ca = real;
    }
}

static int settle(struct agent_config *config, struct err *err)
{
    enum log_level level;
    if (log_level_parse(config->log_level, &level) < 0)
        return err_set(err, ERR_INVALID,
                       "log_level '%s': want error, warn, info or debug",
                       config->log_level);
    log_open("agent", level);
    if (address_check(config->master, "master", err) < 0)
        return -(int)err->code;
    settle_ca(config);
    set_default(&config->hostname, xstrdup(config->ip));
    set_default(&config->executor, detect_neighbour("thermos"));
    set_default(&config->fetcher, detect_neighbour("perigee-fetch"));
    if (access(config->executor, X_OK) < 0) {
        err_set(err, ERR_NOT_FOUND, "executor '%s': cannot be run",
                config->executor);
        err_hint(err, "name the thermos program with --executor=PATH");
        return -ERR_NOT_FOUND;
    }
    return settle_work_dir(config, err);
}

/* 1: control groups, 0: process groups. */
static int settle_isolation(const struct agent_config *config,
                            struct cgroups *cgroups, struct err *err)
{
    const char *wanted = config->isolation;
    struct err why = {0};
    if (strcmp(wanted, "auto") != 0 && strcmp(wanted, "cgroups") != 0 &&
        strcmp(wanted, "posix") != 0)
        return err_set(err, ERR_INVALID,
                       "isolation '%s': want auto, cgroups or posix", wanted);
    if (strcmp(wanted, "posix") == 0) {
        log_line(LOG_LEVEL_WARN, "isolation kind=posix why=asked: processes "
                                 "are grouped, nothing is limited");
        return 0;
    }
    int rc = geteuid() == 0 ? cgroups_open(cgroups, "/proc/mounts",
                                           config->cgroups_root, &why)
                            : err_set(&why, ERR_DENIED, "needs root");
    if (rc == 0) {
        log_line(LOG_LEVEL_INFO, "isolation kind=cgroups version=%d root=%s",
                 cgroups->version, config->cgroups_root);
        return 1;
    }
    if (strcmp(wanted, "cgroups") == 0) {
        *err = why;
        return err_wrap(err, "isolation 'cgroups'");
    }
    log_line(LOG_LEVEL_WARN,
             "isolation kind=posix why=%s: isolation is by process groups "
             "only, nothing is limited",
             log_value(why.text));
    return 0;
}

/* --- the daemon --- */

static uint32_t flags_of(const struct agent_config *config,
                         struct agent_flag *flag, char text[][32])
{
    uint32_t count = 0;
    for (size_t i = 0; i < SCHEMA.option_count && i < FLAGS_MAX; i++) {
        const char *base = (const char *)config + OPTIONS[i].offset;
        const char *value = text[i];
        if (OPTIONS[i].type == CONFIG_STRING)
            value = *(char *const *)base;
        else if (OPTIONS[i].type == CONFIG_DURATION)
            text_duration(*(const int64_t *)base, text[i], 32);
        else if (OPTIONS[i].type == CONFIG_BOOL)
            snprintf(text[i], 32, "%s", *(const bool *)base ? "true" : "false");
        else
            snprintf(text[i], 32, "%lld", (long long)*(const int64_t *)base);
        if (value != NULL)
            flag[count++] = (struct agent_flag){OPTIONS[i].name, value};
    }
    return count;
}

static bool serves_tls(const struct agent_config *config)
{
    return config->tls_cert != NULL && config->tls_cert[0] != '\0';
}

/* Executors are small and speak no TLS: they get a socket of their own. */
static void executor_socket(const struct agent_config *config,
                            char out[AGENT_SOCKET_MAX])
{
    (void)snprintf(out, AGENT_SOCKET_MAX, "%s/agent.sock", config->work_dir);
}

static int open_guard(const struct agent_config *config,
                      struct agent_guard *guard, struct err *err)
{
    const struct agent_guard_config guarding = {
        .work_dir = config->work_dir,
        .master = config->master,
        .credential = config->credential,
        .port = {.security = config->security,
                 .credentials = config->http_credentials,
                 .credentials_flag = "http_credentials",
                 .flag = {{"authenticate_http_readonly", REALM_READONLY,
                           config->authenticate_http_readonly},
                          {"authenticate_http_readwrite", REALM_READWRITE,
                           config->authenticate_http_readwrite},
                          {"authenticate_http_executors", REALM_EXECUTOR,
                           config->authenticate_http_executors}},
                 .flag_count = 3}};
    return agent_guard_open(guard, &guarding, err);
}

static int make_program(const struct agent_config *config,
                        const struct agent_guard *guard,
                        struct agent_program **out, struct err *err)
{
    struct resources resources = {0};
    struct attributes attributes = {0};
    struct agent_flag flag[FLAGS_MAX];
    char text[FLAGS_MAX][32], boot_id[CLOCK_BOOT_ID_MAX];
    char socket[AGENT_SOCKET_MAX];
    uint64_t seed = 0;
    executor_socket(config, socket);
    int rc =
        detect_resources(config->resources, config->work_dir, &resources, err);
    if (rc < 0)
        return err_wrap(err, "resources");
    rc = detect_revocable(config->revocable_resources, &resources, err);
    if (rc < 0) {
        resources_release(&resources);
        return err_wrap(err, "revocable_resources");
    }
    if (config->attributes[0] != '\0')
        rc = attributes_parse(config->attributes, &attributes, err);
    if (rc < 0) {
        resources_release(&resources);
        return err_wrap(err, "attributes");
    }
    clock_boot_id(boot_id);
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)getpid();
    struct agent_options options = {
        .master = config->master,
        .ip = config->ip,
        .port = (int)config->port,
        .hostname = config->hostname,
        .work_dir = config->work_dir,
        .executor = config->executor,
        .executor_socket = serves_tls(config) ? socket : NULL,
        .tls_ca = config->tls_ca,
        .authorization = guard->credential.authorization,
        .executor_key = guard->executor_key,
        .boot_id = boot_id,
        .switch_user = geteuid() == 0,
        .resources = &resources,
        .attributes = &attributes,
        .seed = seed,
        .executor_registration_timeout_ms =
            config->executor_registration_timeout,
        .executor_reregistration_timeout_ms =
            config->executor_reregistration_timeout,
        .executor_shutdown_grace_ms = config->executor_shutdown_grace_period,
        .recovery_timeout_ms = config->recovery_timeout,
        .gc_delay_ms = config->gc_delay,
        .flag = flag,
        .flag_count = flags_of(config, flag, text)};
    *out = agent_program_new(&options);
    struct access access = gate_access(guard->gate);
    agent_program_set_access(*out, &access);
    resources_release(&resources);
    attributes_release(&attributes);
    return 0;
}

static int run(const struct agent_config *config, const struct cgroups *cgroups,
               struct agent_guard *guard, struct agent_program *program,
               struct err *err)
{
    char store[4096 + 8], socket[AGENT_SOCKET_MAX];
    struct daemon *daemon = NULL;
    struct containers *containers = NULL;
    struct files *files = NULL;
    char *self = detect_neighbour("perigee-agent");
    snprintf(store, sizeof store, "%s/meta", config->work_dir);
    executor_socket(config, socket);
    struct daemon_config listening = {
        .ip = config->ip,
        .port = (int)config->port,
        .store_dir = store,
        .stream_bound = STREAM_BOUND,
        .tls = {.files = {config->tls_cert, config->tls_key, config->tls_ca},
                .wants_client = config->tls_require_client,
                .calls_out = address_is_tls(config->master)},
        .local = {.socket = serves_tls(config) ? socket : NULL,
                  .path = "/api/v1/executor"},
        .ready_text = "agent_ready"};
    struct containers_config settings = {
        .cgroups = cgroups,
        .fetcher = config->fetcher,
        .self = self,
        .work_dir = config->work_dir,
        .switch_user = geteuid() == 0,
        .allow_root = config->allow_root,
        .disk_watch_ms = config->disk_watch_ms,
        .announcer_access =
            *config->announcer_access ? config->announcer_access : NULL};
    int rc = daemon_open(&daemon, &listening, &AGENT_PROGRAM, program, err);
    if (rc == 0)
        rc = gate_attach(guard->gate, daemon, err);
    if (rc == 0)
        rc = containers_open(&containers, daemon, &settings, err);
    if (rc == 0) {
        files = files_open(daemon, program, config->work_dir);
        agent_program_set_port(program, daemon_port(daemon));
        agent_program_set_usage(program, containers_usage, containers);
        daemon_on_act(daemon, containers_act, containers);
        daemon_on_farewell(daemon, AGENT_FACT_LEAVE);
        daemon_add_route(daemon, "/files/", files_route, files);
        daemon_add_route(daemon, "/slave(1)/files/", files_route, files);
        rc = daemon_run(daemon, err);
    }
    containers_close(containers);
    agent_guard_close(guard);
    daemon_close(daemon);
    files_close(files);
    free(self);
    return rc;
}

int main(int argc, char **argv)
{
    struct agent_config config = {0};
    struct agent_program *program = NULL;
    struct cgroups cgroups = {0};
    struct agent_guard guard = {0};
    struct err err = {0};
    if (argc > 1 && strcmp(argv[1], "sweep") == 0)
        return sweep(argc, argv);
    int rc = config_load(&SCHEMA, argc, argv, &config, &err);
    if (rc > 0)
        return EXIT_SUCCESS;
    umask(022);
    process_raise_files();
    if (rc == 0)
        rc = settle(&config, &err);
    int isolation = rc == 0 ? settle_isolation(&config, &cgroups, &err) : rc;
    if (isolation >= 0)
        rc = open_guard(&config, &guard, &err);
    if (isolation >= 0 && rc == 0)
        rc = make_program(&config, &guard, &program, &err);
    if (isolation < 0 || rc < 0) {
        agent_guard_close(&guard);
        config_release(&SCHEMA, &config);
        return complain(&err, EXIT_BAD_CONFIG);
    }
    rc = run(&config, isolation > 0 ? &cgroups : NULL, &guard, program, &err);
    agent_program_free(program);
    config_release(&SCHEMA, &config);
    return err.code != ERR_NONE ? complain(&err, EXIT_FAILURE) : rc;
}
