/* What an operator can set: flags, and the same names in aurora.lua. */
#pragma once
#include "script/config.h"
#include <stdbool.h>
#include <stdint.h>

/* Texts are owned by whoever read them (script/config.h); times in ms. */
struct aurora_config {
    char *placement;
    bool update_affinity;
    char *master, *ip, *hostname, *cluster_name, *work_dir, *thermos_path;
    char *allowed_job_environments, *user, *log_level;
    int64_t requests_per_second;
    int64_t reconcile_batch, reconcile_pause_ms, reconcile_first_ms;
    int64_t reconcile_explicit_ms, reconcile_implicit_ms;
    int64_t port, max_tasks_per_job, executor_cpu_milli;
    int64_t executor_ram, hold_ms, jitter_ms, failover_ms, heartbeat_ms;
    char *tls_cert, *tls_key, *tls_ca;
    bool tls_require_client;
    char *security, *roles, *framework_authentication_file;
    char *zookeeper, *announce_root, *cron_timezone, *backup_dir;
    int64_t backup_interval_ms, backups_max, backup_rate;
    bool allow_announce_path;
    char *mail_server, *mail_from, *mail_user, *mail_password_file, *mail_tls;
    char *mail_ca_file;
    int64_t notice_give_up_ms;
    int64_t sla_instances_min, sla_duration_ms;
    bool sla_protects_all;
    char *tiers;
    int64_t drain_poll_ms, away_window_ms;
    bool takes_revocable, spares_cpus, spares_mem;
    bool enable_preemptor;
    int64_t preemption_delay_ms, slot_first_ms, slot_interval_ms, slot_hold_ms;
    int64_t slot_batch;
};

/* Names, defaults and ranges; fills a struct aurora_config. */
extern const struct config_schema AURORA_CONFIG;
