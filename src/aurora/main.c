/* perigee-aurora: the scheduler's shell. It decides nothing. */
#include "aurora/backup_shell.h"
#include "aurora/config.h"
#include "aurora/post_shell.h"
#include "aurora/program.h"
#include "aurora/security_shell.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/job_key.h"
#include "base/timezone.h"
#include "base/version.h"
#include "script/config.h"
#include "script/evaluate.h"
#include "script/worker.h"
#include "sys/address.h"
#include "sys/beside.h"
#include "sys/credentials_file.h"
#include "sys/daemon.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/process.h"
#include "sys/secret.h"
#include "sys/zones.h"

#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 10000 }; /* of clients and followers */

/* What the shell is made of. */
struct shell {
    struct aurora_config config;
    char thermos[PATH_MAX]; /* the default of thermos_path */
    char post[PATH_MAX];    /* perigee-post */
    char store[PATH_MAX];
    struct buf release; /* of the job library */
    struct aurora_program *program;
    struct daemon *daemon;
    struct worker_pool *workers;
    struct backup_shell backups;
    struct beside *beside;
    struct security_shell security;
    struct credential credential; /* to the master; empty: nobody */
    struct post_shell posts;
};

/* --- script workers --- */

static void tell(struct shell *shell, uint64_t ticket, bool is_busy,
                 struct bytes result)
{
    struct aurora_evaluated fact = {.ticket = ticket, .is_busy = is_busy};

    daemon_fact_with(shell->daemon, AURORA_FACT_EVALUATED, &fact, sizeof fact,
                     offsetof(struct aurora_evaluated, result), result);
}

static void on_evaluated(void *context, uint64_t ticket, struct bytes result)
{
    tell(context, ticket, false, result);
}

static void tell_judged(struct shell *shell, uint64_t ticket, bool is_busy,
                        struct bytes verdicts)
{
    struct aurora_judged_fact fact = {.ticket = ticket, .is_busy = is_busy};

    daemon_fact_with(shell->daemon, AURORA_FACT_JUDGED, &fact, sizeof fact,
                     offsetof(struct aurora_judged_fact, result), verdicts);
}

static void on_judged(void *context, uint64_t ticket, struct bytes verdicts)
{
    tell_judged(context, ticket, false, verdicts);
}

static void judge(struct shell *shell, const struct aurora_judge *act)
{
    struct err err = {0};

    if (worker_pool_judge(shell->workers, act->ticket, act->bundle,
                          act->judgement, act->stdlib, &err) < 0)
        tell_judged(shell, act->ticket, true, bytes_of("", 0));
}

/* --- large requests --- */

struct reading {
    struct shell *shell;
    struct aurora_decode act;
};

static void read_body(void *context)
{
    aurora_decode_run(((struct reading *)context)->act.work);
}

static void on_read(void *context)
{
    struct reading *reading = context;
    struct aurora_decoded fact = {.ticket = reading->act.ticket};

    daemon_fact(reading->shell->daemon, AURORA_FACT_DECODED, &fact,
                sizeof fact);
    free(reading);
}

static void decode(struct shell *shell, const struct aurora_decode *act)
{
    struct reading *reading = xcalloc(1, sizeof *reading);

    *reading = (struct reading){shell, *act};
    beside_add(shell->beside, read_body, on_read, reading);
}

static void on_act(void *context, uint32_t kind, const void *data)
{
    struct shell *shell = context;
    const struct aurora_evaluate *act = data;
    struct err err = {0};

    if (backup_shell_act(&shell->backups, kind, data) ||
        security_shell_act(&shell->security, kind, data) ||
        post_shell_act(&shell->posts, kind, data))
        return;
    if (kind == AURORA_ACT_JUDGE)
        judge(shell, data);
    if (kind == AURORA_ACT_DECODE)
        decode(shell, data);
    if (kind != AURORA_ACT_EVALUATE)
        return;
    if (worker_pool_evaluate(shell->workers, act->ticket, act->bundle,
                             act->pick, &err) < 0) {
        log_line(LOG_LEVEL_WARN, "evaluate_refused why=%s",
                 log_value(err.text));
        tell(shell, act->ticket, true, bytes_of("", 0));
    }
}

/* --- configuration --- */

static int check_environments(const char *expression, struct err *err)
{
    regex_t compiled;
    char why[128];
    /* \d is a digit to us; it cannot make an expression wrong. */
    int rc = regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB);

    if (rc == 0) {
        regfree(&compiled);
        return 0;
    }
    (void)regerror(rc, NULL, why, sizeof why);
    return err_set(err, ERR_INVALID, "allowed_job_environments '%s': %s",
                   expression, why);
}

/* A program beside our own binary. */
static void find_beside(const char *program, char out[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 64);

    out[size < 0 ? 0 : size] = '\0';
    char *slash = strrchr(out, '/');
    char *name = slash ? slash + 1 : out;
    (void)snprintf(name, 64, "%s", program);
}

/* "/aurora": from the root, no empty part, nothing at the end. */
static bool path_is_plain(const char *path)
{
    size_t size = strlen(path);
    return size > 1 && size < 512 && path[0] == '/' && path[size - 1] != '/' &&
           strstr(path, "//") == NULL;
}

static int check_config(struct shell *shell, struct err *err)
{
    struct aurora_config *c = &shell->config;
    enum log_level level;

    if (log_level_parse(c->log_level, &level) < 0)
        return err_set(err, ERR_INVALID,
                       "log_level '%s': want error, warn, info or debug",
                       c->log_level);
    log_open("aurora", level);
    if (c->zookeeper && address_check_list(c->zookeeper, 32, err) < 0)
        return err_wrap(err, "zookeeper");
    if (!path_is_plain(c->announce_root))
        return err_set(err, ERR_INVALID,
                       "serverset_path '%s': want /NAME or /NAME/NAME...",
                       c->announce_root);
    if (!timezone_is_known(c->cron_timezone))
        return err_set(err, ERR_INVALID,
                       "cron_timezone '%s': want one as in Europe/Paris",
                       c->cron_timezone);
    if (strcmp(c->placement, "pack") != 0 &&
        strcmp(c->placement, "spread") != 0)
        return err_set(err, ERR_INVALID, "placement '%s': want pack or spread",
                       c->placement);
    if (address_check(c->master, "master", err) < 0)
        return -(int)err->code;
    if (!job_key_part_ok(c->cluster_name))
        return err_set(err, ERR_INVALID,
                       "cluster_name '%s': want letters, digits, '_', '-', '.'",
                       c->cluster_name);
    if (c->heartbeat_ms <= 0 || c->hold_ms < 0 || c->jitter_ms < 0 ||
        c->preemption_delay_ms < 0 || c->slot_first_ms <= 0 ||
        c->slot_interval_ms <= 0 || c->slot_hold_ms <= 0 ||
        c->reconcile_explicit_ms <= 0 || c->reconcile_implicit_ms <= 0)
        return err_set(err, ERR_INVALID, "durations: want more than 0");
    if (c->backup_interval_ms < 0 || c->backup_rate < 64 << 10 ||
        c->backup_rate > (int64_t)1 << 40)
        return err_set(err, ERR_INVALID,
                       "backups: want an interval that is not negative and a "
                       "backup_rate of 64KB to 1024GB");
    if (c->backup_dir && strlen(c->backup_dir) > PATH_MAX - 64)
        return err_set(err, ERR_INVALID, "backup_dir '%.100s...': too long",
                       c->backup_dir);
    shell->posts.mail = (struct post_mail){.server = c->mail_server,
                                           .from = c->mail_from,
                                           .tls = c->mail_tls,
                                           .ca = c->mail_ca_file,
                                           .user = c->mail_user,
                                           .password = c->mail_password_file};
    if (post_mail_check(&shell->posts.mail, err) < 0)
        return -(int)err->code;
    find_beside("thermos", shell->thermos);
    find_beside("perigee-post", shell->post);
    return check_environments(c->allowed_job_environments, err);
}

static struct aurora_options options_of(struct shell *shell)
{
    struct aurora_config *c = &shell->config;
    struct aurora_options options = AURORA_OPTIONS;

    options.cluster = c->cluster_name;
    options.master = c->master;
    options.principal = shell->credential.principal;
    options.authorization = shell->credential.authorization;
    options.hostname = c->hostname ? c->hostname : c->ip;
    options.user = c->user;
    options.thermos_path = c->thermos_path ? c->thermos_path : shell->thermos;
    options.environments = c->allowed_job_environments;
    options.stdlib_hash = script_stdlib_hash();
    options.stdlib_release = buf_bytes(&shell->release);
    options.tasks_per_job_max = (uint32_t)c->max_tasks_per_job;
    options.sla_instances_min = (uint32_t)c->sla_instances_min;
    options.sla_duration_max_ms = c->sla_duration_ms;
    options.sla_protects_all = c->sla_protects_all;
    options.tiers = c->tiers;
    options.drain_poll_ms = c->drain_poll_ms > 0 ? c->drain_poll_ms : 1;
    options.away_window_ms = c->away_window_ms;
    options.takes_revocable = c->takes_revocable;
    options.spares_cpus = c->spares_cpus;
    options.spares_mem = c->spares_mem;
    options.preempt = (struct preempt_rules){
        c->enable_preemptor, c->preemption_delay_ms, c->slot_first_ms,
        c->slot_interval_ms, c->slot_hold_ms,        (uint32_t)c->slot_batch};
    options.offer_hold_ms = c->hold_ms;
    options.offer_jitter_ms = c->jitter_ms;
    options.keeps_places = c->update_affinity;
    options.spreads = strcmp(c->placement, "spread") == 0;
    options.executor_cpus_milli = c->executor_cpu_milli;
    options.executor_mem_milli = c->executor_ram / (1024 * 1024) * 1000;
    options.failover_timeout_ms = c->failover_ms;
    options.heartbeat_ms = c->heartbeat_ms;
    options.requests_per_second = c->requests_per_second;
    options.reconcile_batch = (uint32_t)c->reconcile_batch;
    options.reconcile_pause_ms = c->reconcile_pause_ms;
    options.reconcile_first_ms = c->reconcile_first_ms;
    options.reconcile_explicit_ms = c->reconcile_explicit_ms;
    options.reconcile_implicit_ms = c->reconcile_implicit_ms;
    options.zookeeper = c->zookeeper;
    options.announce_root = c->announce_root;
    options.timezone = c->cron_timezone;
    options.zone_load = zone_load;
    options.mail_from = c->mail_from;
    options.notice_give_up_ms = c->notice_give_up_ms;
    options.allow_announce_path = c->allow_announce_path;
    options.can_back_up = true;
    options.backup_interval_ms = c->backup_interval_ms;
    options.backup_last_ms = backup_shell_last_ms(&shell->backups);
    options.log_level = (int)log_level();
    if (getrandom(&options.seed, sizeof options.seed, 0) < 0)
        options.seed = (uint64_t)getpid();
    return options;
}

/* --- the stages --- */

static void set_up_backups(struct shell *shell)
{
    struct backup_shell *backups = &shell->backups;
    const struct aurora_config *c = &shell->config;

    (void)snprintf(backups->dir, sizeof backups->dir, "%s%s",
                   c->backup_dir ? c->backup_dir : c->work_dir,
                   c->backup_dir ? "" : "/backups");
    backups->keep = (uint32_t)c->backups_max;
    backups->bytes_per_s = c->backup_rate;
}

/* Executors fetch assets, which are named by their SHA-256, and have no
 * certificate to show. */
static struct daemon_tls tls_of(const struct aurora_config *c)
{
    return (struct daemon_tls){.files = {c->tls_cert, c->tls_key, c->tls_ca},
                               .wants_client = c->tls_require_client,
                               .open_path = "/assets/",
                               .calls_out = address_is_tls(c->master)};
}

static int open_daemon(struct shell *shell, struct err *err)
{
    struct aurora_config *c = &shell->config;
    struct aurora_options options;
    struct daemon_config config = {.ip = c->ip,
                                   .port = (int)c->port,
                                   .store_dir = shell->store,
                                   .stream_bound = 4 << 20,
                                   .tls = tls_of(c),
                                   .connections_max = CONNECTIONS_MAX};
    char endpoint[320];

    script_stdlib_release(&shell->release);
    set_up_backups(shell);
    options = options_of(shell);
    snprintf(shell->store, sizeof shell->store, "%s/store", c->work_dir);
    if (dir_make(c->work_dir, 0755, err) < 0)
        return -(int)err->code;
    shell->program = aurora_program_new(&options);
    shell->security.security = c->security;
    shell->security.roles = c->roles;
    if (security_shell_load(&shell->security, shell->program, err) < 0)
        return -(int)err->code;
    if (daemon_open(&shell->daemon, &config, &AURORA_PROGRAM, shell->program,
                    err) < 0)
        return -(int)err->code;
    snprintf(endpoint, sizeof endpoint, "%s%s:%d",
             c->tls_cert && *c->tls_cert ? "https://" : "", options.hostname,
             daemon_port(shell->daemon));
    aurora_program_set_endpoint(shell->program, endpoint);
    daemon_on_act(shell->daemon, on_act, shell);
    backup_shell_attach(&shell->backups, shell->daemon);
    if (worker_pool_open(&shell->workers, daemon_base(shell->daemon),
                         &SCRIPT_LIMITS, on_evaluated, shell, err) < 0)
        return -(int)err->code;
    worker_pool_on_judged(shell->workers, on_judged);
    if (security_shell_attach(&shell->security, shell->daemon,
                              daemon_base(shell->daemon), err) < 0)
        return -(int)err->code;
    post_shell_attach(&shell->posts, shell->daemon, daemon_base(shell->daemon),
                      shell->post);
    return beside_open(&shell->beside, daemon_base(shell->daemon), err);
}

static void close_all(struct shell *shell)
{
    security_shell_close(&shell->security);
    post_shell_close(&shell->posts);
    beside_close(shell->beside); /* before the requests that it reads go */
    if (shell->workers)
        worker_pool_close(shell->workers);
    if (shell->daemon)
        daemon_close(shell->daemon);
    aurora_program_free(shell->program);
    credential_release(&shell->credential);
    buf_release(&shell->release);
    config_release(&AURORA_CONFIG, &shell->config);
}

/* Exit codes, as the other daemons have them. */
enum { EXIT_FAILED = 1, EXIT_BAD_CONFIG = 3 };

static int report(const struct err *err, int status)
{
    fprintf(stderr, "perigee-aurora: %s\n", err->text);
    if (err->place[0])
        fprintf(stderr, "  at %s\n", err->place);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    return status;
}

/* Before anything of a client's comes in. */
static int guard(struct shell *shell, struct err *err)
{
    const char *file = shell->config.framework_authentication_file;

    if (shell->config.security || file)
        secret_guard_process();
    int rc = file ? credential_file_load(file, &shell->credential, err) : 0;
    credential_warn(&shell->credential, shell->config.master);
    return rc;
}

int main(int argc, char **argv)
{
    static struct shell shell;
    struct err err = {0};
    int worker = script_worker_main(argc, argv);

    if (worker >= 0)
        return worker;
    log_open("aurora", LOG_LEVEL_INFO);
    int rc = config_load(&AURORA_CONFIG, argc, argv, &shell.config, &err);
    if (rc > 0)
        return EXIT_SUCCESS;
    if (rc < 0 || check_config(&shell, &err) < 0) {
        rc = report(&err, EXIT_BAD_CONFIG);
    } else if (guard(&shell, &err) < 0 || open_daemon(&shell, &err) < 0) {
        rc = report(&err, EXIT_FAILED);
    } else {
        process_wake_promptly();
        rc = daemon_run(shell.daemon, &err);
        if (err.code)
            rc = report(&err, EXIT_FAILED);
    }
    close_all(&shell);
    return rc;
}
