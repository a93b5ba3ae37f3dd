/* perigee-master: configuration, one program, one daemon. */
#include "base/text.h"
#include "base/version.h"
#include "master/program.h"
#include "script/config.h"
#include "script/port_security.h"
#include "sys/daemon.h"
#include "sys/file.h"
#include "sys/log.h"
#include <netdb.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

struct config {
    char *config, *ip, *hostname, *work_dir, *cluster, *log_level;
    char *min_allocatable_resources;
    char *tls_cert, *tls_key, *tls_ca;
    bool tls_require_client;
    char *security, *credentials;
    bool authenticate_http_readonly, authenticate_http_readwrite;
    bool authenticate_http_frameworks, authenticate_agents;
    int64_t port;
    int64_t heartbeat_interval, agent_ping_timeout, max_agent_ping_timeouts;
    int64_t agent_reregister_timeout, allocation_interval, offer_timeout;
    int64_t max_completed_frameworks, max_completed_tasks_per_framework;
    int64_t max_unreachable_tasks_per_framework;
};

#define FIELD(name) #name, .offset = offsetof(struct config, name)

static const struct config_option OPTION[] = {
    {FIELD(config), .type = CONFIG_STRING, .help = "Lua file to read"},
    {FIELD(ip), .type = CONFIG_STRING, .initial = "127.0.0.1",
     .help = "address to listen on; 0.0.0.0 for all"},
    {FIELD(port), .type = CONFIG_INT, .initial = "5050", .max = 65535,
     .help = "port to listen on; 0 for any free one"},
    {FIELD(hostname), .type = CONFIG_STRING,
     .help = "name that clients are told (default: of this machine)"},
    {FIELD(work_dir), .type = CONFIG_STRING, .is_required = true,
     .help = "folder of the store"},
    {FIELD(cluster), .type = CONFIG_STRING,
     .help = "name of the cluster, for people"},
    {FIELD(heartbeat_interval), .type = CONFIG_DURATION, .initial = "15secs",
     .help = "time between heartbeats to frameworks"},
    {FIELD(agent_ping_timeout), .type = CONFIG_DURATION, .initial = "15secs",
     .help = "time an agent has to answer a ping"},
    {FIELD(max_agent_ping_timeouts), .type = CONFIG_INT, .initial = "5",
     .min = 1, .max = 1000000,
     .help = "unanswered pings after which an agent is unreachable"},
    {FIELD(agent_reregister_timeout), .type = CONFIG_DURATION,
     .initial = "10mins",
     .help = "time agents and frameworks have to come back after a restart"},
    {FIELD(allocation_interval), .type = CONFIG_DURATION, .initial = "1secs",
     .help = "grain of the time for which offers are refused"},
    {FIELD(offer_timeout), .type = CONFIG_DURATION, .initial = "0",
     .help = "time after which an unanswered offer is rescinded; 0: never"},
    {FIELD(min_allocatable_resources), .type = CONFIG_STRING,
     .initial = "cpus:0.01|mem:32",
     .help = "least that is worth an offer; ';' is and, '|' is or"},
    {FIELD(max_completed_frameworks), .type = CONFIG_INT, .initial = "50",
     .max = 1000000, .help = "removed frameworks that are remembered"},
    {FIELD(max_completed_tasks_per_framework), .type = CONFIG_INT,
     .initial = "1000", .max = 1000000,
     .help = "ended tasks that are remembered"},
    {FIELD(max_unreachable_tasks_per_framework), .type = CONFIG_INT,
     .initial = "1000", .max = 1000000,
     .help = "tasks on unreachable agents that are remembered"},
    {FIELD(tls_cert), .type = CONFIG_STRING,
     .help = "our certificate chain, PEM; with tls_key: speak TLS only"},
    {FIELD(tls_key), .type = CONFIG_STRING,
     .help = "its key, PEM, for our eyes only"},
    {FIELD(tls_ca), .type = CONFIG_STRING,
     .help = "CAs whose certificates clients may show, PEM"},
    {FIELD(tls_require_client), .type = CONFIG_BOOL, .initial = "false",
     .help = "refuse clients without such a certificate"},
    {FIELD(security), .type = CONFIG_STRING,
     .help = "security.lua: who may do what at this port, frameworks and "
             "agents included"},
    {FIELD(credentials), .type = CONFIG_STRING,
     .help = "file of principals and secrets, as Mesos has it, for the realms "
             "below"},
    {FIELD(authenticate_http_readonly), .type = CONFIG_BOOL, .initial = "false",
     .help = "ask who looks at /state, /metrics..."},
    {FIELD(authenticate_http_readwrite), .type = CONFIG_BOOL,
     .initial = "false", .help = "ask who calls /api/v1, /machine/down..."},
    {FIELD(authenticate_http_frameworks), .type = CONFIG_BOOL,
     .initial = "false", .help = "ask frameworks who they are"},
    {FIELD(authenticate_agents), .type = CONFIG_BOOL, .initial = "false",
     .help = "ask agents who they are"},
    {FIELD(log_level), .type = CONFIG_STRING, .initial = "info",
     .help = "error, warn, info or debug"},
};

static const struct config_schema SCHEMA = {
    .program = "perigee-master",
    .summary = "Divides the resources of agents among frameworks.",
    .file_option = "config",
    .default_file = "/etc/perigee/master.lua",
    .option = OPTION,
    .option_count = sizeof OPTION / sizeof *OPTION,
};

/* --- what clients are told ---------------------------------------------------
 */

static char *own_hostname(const char *ip)
{
    char name[256];
    if (strncmp(ip, "127.", 4) == 0)
        return xstrdup("localhost");
    if (gethostname(name, sizeof name) != 0)
        return xstrdup(ip);
    name[sizeof name - 1] = '\0';
    return xstrdup(name);
}

/* A numeric address that others can use: the one listened on, or, when that is
 * any, what the host name stands for. */
static char *told_ip(const char *ip, const char *hostname)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[NI_MAXHOST];
    if (strcmp(ip, "0.0.0.0") != 0)
        return xstrdup(ip);
    int rc = getaddrinfo(hostname, NULL, &hints, &found);
    if (rc == 0)
        rc = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text,
                         NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    return xstrdup(rc == 0 ? text : "127.0.0.1");
}

/* The options as text, for /flags. */
static char *option_text(const struct config_option *option,
                         const struct config *config)
{
    const char *at = (const char *)config + option->offset;
    char text[64];
    switch (option->type) {
    case CONFIG_STRING: {
        const char *value = *(char *const *)(const void *)at;
        return value ? xstrdup(value) : NULL;
    }
    case CONFIG_BOOL:
        return xstrdup(*(const bool *)(const void *)at ? "true" : "false");
    case CONFIG_DURATION:
        return xstrdup(text_duration(*(const int64_t *)(const void *)at, text,
                                     sizeof text));
    case CONFIG_INT:
    case CONFIG_SIZE:
        snprintf(text, sizeof text, "%lld",
                 (long long)*(const int64_t *)(const void *)at);
        return xstrdup(text);
    }
    return NULL;
}

static uint32_t flags_make(const struct config *config,
                           struct master_flag *flag)
{
    uint32_t count = 0;
    for (size_t i = 0; i < SCHEMA.option_count; i++) {
        char *text = option_text(&OPTION[i], config);
        if (text)
            flag[count++] = (struct master_flag){OPTION[i].name, text};
    }
    return count;
}

/* --- running --- */

static void core_options(const struct config *c, struct master_config *out)
{
    *out = (struct master_config){
        .heartbeat_interval_ms = c->heartbeat_interval,
        .agent_ping_timeout_ms = c->agent_ping_timeout,
        .max_agent_ping_timeouts = c->max_agent_ping_timeouts,
        .agent_reregister_timeout_ms = c->agent_reregister_timeout,
        .allocation_interval_ms = c->allocation_interval,
        .offer_timeout_ms = c->offer_timeout,
        .min_allocatable_resources = c->min_allocatable_resources,
        .max_completed_frameworks = c->max_completed_frameworks,
        .max_completed_tasks_per_framework =
            c->max_completed_tasks_per_framework,
        .max_unreachable_tasks_per_framework =
            c->max_unreachable_tasks_per_framework,
    };
}

/* From options that were checked. */
static struct master_program *make_program(const struct config *config,
                                           struct master_options *options)
{
    struct master_flag flag[sizeof OPTION / sizeof *OPTION];
    uint32_t count = flags_make(config, flag);
    options->flag = flag;
    options->flag_count = count;
    struct master_program *program = master_program_new(options);
    options->flag = NULL;
    options->flag_count = 0;
    for (uint32_t i = 0; i < count; i++)
        free((char *)flag[i].value);
    return program;
}

/* Before anything of a client's comes in. */
static int open_gate(const struct config *config,
                     struct master_program *program, struct gate **out,
                     struct err *err)
{
    const struct port_security port = {
        .security = config->security,
        .credentials = config->credentials,
        .credentials_flag = "credentials",
        .flag = {{"authenticate_http_readonly", REALM_READONLY,
                  config->authenticate_http_readonly},
                 {"authenticate_http_readwrite", REALM_READWRITE,
                  config->authenticate_http_readwrite},
                 {"authenticate_http_frameworks", REALM_SCHEDULER,
                  config->authenticate_http_frameworks},
                 {"authenticate_agents", REALM_AGENT,
                  config->authenticate_agents}},
        .flag_count = 4,
    };
    struct gate_config gate = {.name = "mesos-master",
                               .realm_of = master_realm_of,
                               .fact = MASTER_FACT_USERS};
    int rc = port_security_settle(&port, &gate, err);
    if (rc == 0)
        rc = gate_open(out, &gate, err);
    if (rc < 0)
        return rc;
    port_security_log(&gate);
    struct access access = gate_access(*out);
    master_program_set_access(program, &access);
    return 0;
}

static int serve(const struct config *config, struct master_program *program,
                 struct err *err)
{
    struct daemon *daemon = NULL;
    struct gate *gate = NULL;
    struct daemon_config daemon_config = {
        .ip = config->ip,
        .port = (int)config->port,
        .store_dir = config->work_dir,
        .stream_bound = 16 << 20,
        .tls = {.files = {config->tls_cert, config->tls_key, config->tls_ca},
                .wants_client = config->tls_require_client},
        .ready_text = "master_ready",
    };
    int rc = open_gate(config, program, &gate, err);
    if (rc == 0)
        rc = dir_make(config->work_dir, 0700, err);
    if (rc == 0)
        rc =
            daemon_open(&daemon, &daemon_config, &MASTER_PROGRAM, program, err);
    if (rc == 0)
        rc = gate_attach(gate, daemon, err);
    if (rc == 0) {
        master_program_set_port(program, daemon_port(daemon));
        rc = daemon_run(daemon, err);
    }
    gate_close(gate);
    daemon_close(daemon);
    return rc;
}

static int run(const struct config *config, struct master_options *options,
               struct err *err)
{
    char *hostname = config->hostname && config->hostname[0]
                         ? xstrdup(config->hostname)
                         : own_hostname(config->ip);
    char *ip = told_ip(config->ip, hostname);
    options->ip = ip;
    options->hostname = hostname;
    options->port = (int)config->port;
    options->cluster = config->cluster;
    int rc = 0;
    if (getrandom(&options->core.seed, sizeof options->core.seed, 0) !=
        (ssize_t)sizeof options->core.seed)
        rc = err_set(err, ERR_IO, "cannot read random bytes");
    if (rc == 0) {
        struct master_program *program = make_program(config, options);
        rc = serve(config, program, err);
        master_program_free(program);
    }
    free(ip);
    free(hostname);
    return rc;
}

/* 1: --help or --version was answered. */
static int configure(int argc, char **argv, struct config *config,
                     struct master_options *options, struct err *err)
{
    enum log_level level;
    int rc = config_load(&SCHEMA, argc, argv, config, err);
    if (rc != 0)
        return rc;
    if (log_level_parse(config->log_level, &level) < 0)
        return err_set(err, ERR_INVALID,
                       "log_level '%s': want error, warn, info or debug",
                       config->log_level);
    log_open("master", level);
    master_options_init(options);
    core_options(config, &options->core);
    return master_options_check(options, err);
}

enum { EXIT_FAILED = 1, EXIT_BAD_CONFIG = 3 };

static int complain(const struct err *err, int status)
{
    fprintf(stderr, "perigee-master: %s%s%s\n", err->place[0] ? err->place : "",
            err->place[0] ? ": " : "", err->text);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    return status;
}

int main(int argc, char **argv)
{
    struct config config = {0};
    struct master_options options = {0};
    struct err err = {0};
    int status = 0;
    int rc = configure(argc, argv, &config, &options, &err);
    if (rc < 0)
        status = complain(&err, EXIT_BAD_CONFIG);
    else if (rc == 0 && (rc = run(&config, &options, &err)) != 0)
        status = rc < 0 ? complain(&err, EXIT_FAILED) : rc;
    config_release(&SCHEMA, &config);
    return status;
}
