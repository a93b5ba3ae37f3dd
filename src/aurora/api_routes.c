/* Every call of POST /api/v1, as a table. */
#include "aurora/api.h"

/* A row: the type; what it is; which permission it wants, on what; who works it
 * off; which field of Call it is about; which fields of Answer it fills
 * (besides sequence), each name followed by a space. The schema at
 * /api/v1/schema is made of these rows. */
// clang-format off
#define TYPE(name) PERIGEE__AURORA__CALL__TYPE__##name
#define MAY(name) ACTION_##name
static const struct api_route ROUTES[] = {
    {TYPE(CREATE_JOB), API_CHANGES | API_NEEDS_FIELD, MAY(JOB_CREATE), ON_JOB, api_create, "create_job", "jobs "},
    {TYPE(START_UPDATE), API_CHANGES | API_NEEDS_FIELD, MAY(UPDATE_START), ON_JOB, api_create, "create_job", "updates note "},
    {TYPE(PAUSE_UPDATE), API_CHANGES | API_NEEDS_FIELD, MAY(UPDATE_PAUSE), ON_JOB, api_update_act, "update", "updates note "},
    {TYPE(RESUME_UPDATE), API_CHANGES | API_NEEDS_FIELD, MAY(UPDATE_RESUME), ON_JOB, api_update_act, "update", "updates note "},
    {TYPE(ABORT_UPDATE), API_CHANGES | API_NEEDS_FIELD, MAY(UPDATE_ABORT), ON_JOB, api_update_act, "update", "updates note "},
    {TYPE(ROLLBACK_UPDATE), API_CHANGES | API_NEEDS_FIELD, MAY(UPDATE_ROLLBACK), ON_JOB, api_update_act, "update", "updates note "},
    {TYPE(PULSE_UPDATE), API_CHANGES | API_NEEDS_FIELD, MAY(UPDATE_PULSE), ON_JOB, api_update_pulse, "update", "pulse "},
    {TYPE(LIST_UPDATES), 0, MAY(JOB_READ), ON_EACH, api_update_list, "update", "updates cursor "},
    {TYPE(GET_UPDATE), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_update_get, "update", "updates "},
    {TYPE(BACKUP_CREATE), API_CHANGES, MAY(BACKUP_CREATE), ON_CLUSTER, api_backup_create, NULL, "backup_running "},
    {TYPE(LIST_BACKUPS), 0, MAY(BACKUP_READ), ON_CLUSTER, api_list_backups, NULL, "backups backup_running backup_failed note "},
    {TYPE(START_CRON), API_CHANGES | API_NEEDS_FIELD, MAY(CRON_START), ON_JOB, api_cron_start, "cron", "firing "},
    {TYPE(PAUSE_CRON), API_CHANGES | API_NEEDS_FIELD, MAY(CRON_PAUSE), ON_JOB, api_cron_change, "cron", "crons "},
    {TYPE(RESUME_CRON), API_CHANGES | API_NEEDS_FIELD, MAY(CRON_RESUME), ON_JOB, api_cron_change, "cron", "crons "},
    {TYPE(DESCHEDULE_CRON), API_CHANGES | API_NEEDS_FIELD, MAY(CRON_DESCHEDULE), ON_JOB, api_cron_change, "cron", "crons "},
    {TYPE(LIST_CRON), 0, MAY(JOB_READ), ON_EACH, api_cron_list, "cron", "crons cursor "},
    {TYPE(GET_CRON), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_cron_get, "cron", "crons "},
    {TYPE(DEPLOY_GROUP), API_CHANGES | API_NEEDS_FIELD, MAY(GROUP_DEPLOY), ON_JOB, api_group_deploy, "deploy_group", "groups note "},
    {TYPE(SCALE_GROUP), API_CHANGES | API_NEEDS_FIELD, MAY(GROUP_SCALE), ON_JOB, api_group_scale, "scale_group", "groups note "},
    {TYPE(REMOVE_GROUP), API_CHANGES | API_NEEDS_FIELD, MAY(GROUP_REMOVE), ON_JOB, api_group_remove, "groups", "groups note "},
    {TYPE(LIST_GROUPS), 0, MAY(JOB_READ), ON_EACH, api_group_list, "groups", "groups cursor "},
    {TYPE(GET_GROUP), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_group_get, "groups", "groups "},
    {TYPE(KILL_JOB), API_CHANGES | API_NEEDS_FIELD, MAY(JOB_KILL), ON_JOB, api_target, "target", "instances rolling note "},
    {TYPE(RESTART_JOB), API_CHANGES | API_NEEDS_FIELD, MAY(JOB_RESTART), ON_JOB, api_target, "target", "instances rolling note "},
    {TYPE(PREVIEW_UPDATE), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_preview, "create_job", "preview "},
    {TYPE(PREVIEW_QUOTA), API_NEEDS_FIELD, MAY(JOB_READ), ON_EACH, api_preview_quota, "preview_quota", "quota_refusals "},
    {TYPE(CANCEL_ROLLING), API_CHANGES | API_NEEDS_FIELD, MAY(JOB_RESTART), ON_JOB, api_cancel_rolling, "target", "rolling "},
    {TYPE(SCALE_JOB), API_CHANGES | API_NEEDS_FIELD, MAY(JOB_SCALE), ON_JOB, api_scale, "scale", "instances note "},
    {TYPE(ADD_INSTANCES), API_CHANGES | API_NEEDS_FIELD, MAY(JOB_SCALE), ON_JOB, api_scale, "scale", "instances note "},
    {TYPE(PUT_ASSET), API_CHANGES | API_NEEDS_FIELD, MAY(ASSET_PUT), ON_ANY, api_put_asset, "put_asset", ""},
    {TYPE(EVALUATE), API_NEEDS_FIELD, MAY(JOB_READ), ON_ANY, api_evaluate, "create_job", "jobs "},
    {TYPE(LIST_JOBS), 0, MAY(JOB_READ), ON_EACH, api_list, "list", "jobs cursor "},
    {TYPE(GET_JOB), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_get_job, "tasks", "jobs tasks configs cursor "},
    {TYPE(GET_TASKS), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_get_tasks, "tasks", "tasks cursor "},
    {TYPE(WHY), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_why, "why", "why "},
    {TYPE(GET_VERSION), 0, MAY(NONE), ON_NOTHING, api_version, NULL, "version "},
    {TYPE(GET_BUNDLE), API_NEEDS_FIELD, MAY(JOB_READ), ON_EACH, api_get_bundle, "get_bundle", "bundle "},
    {TYPE(GET_TASK), API_NEEDS_FIELD, MAY(JOB_READ), ON_EACH, api_get_task, "get_task", "tasks "},
    {TYPE(LIST_TASKS), 0, MAY(JOB_READ), ON_EACH, api_find_tasks, "find_tasks", "tasks cursor "},
    {TYPE(LIST_CONFIGS), API_NEEDS_FIELD, MAY(JOB_READ), ON_JOB, api_configs, "tasks", "groups_by_config "},
    {TYPE(LIST_PENDING), 0, MAY(JOB_READ), ON_EACH, api_pending, "roles", "pending cursor "},
    {TYPE(LIST_ROLES), 0, MAY(JOB_READ), ON_EACH, api_roles, "roles", "roles cursor "},
    {TYPE(LIST_HOSTS), 0, MAY(HOST_READ), ON_CLUSTER, api_hosts, "hosts", "hosts cursor "},
    {TYPE(LIST_OFFERS), 0, MAY(HOST_READ), ON_CLUSTER, api_offers, "hosts", "offers cursor "},
    {TYPE(LIST_TIERS), 0, MAY(NONE), ON_NOTHING, api_tiers, NULL, "tiers "},
    {TYPE(GET_STATE), 0, MAY(CLUSTER_READ), ON_CLUSTER, api_state, NULL, "state "},
    {TYPE(RECONCILE), API_CHANGES, MAY(CLUSTER_RECONCILE), ON_CLUSTER, api_reconcile, "reconcile", "note "},
    {TYPE(START_MAINTENANCE), API_CHANGES | API_NEEDS_FIELD, MAY(HOST_DEACTIVATE), ON_CLUSTER, api_maintenance_change, "maintenance", "maintenance unknown_hosts "},
    {TYPE(DRAIN_HOSTS), API_CHANGES | API_NEEDS_FIELD, MAY(HOST_DRAIN), ON_CLUSTER, api_maintenance_change, "maintenance", "maintenance unknown_hosts "},
    {TYPE(END_MAINTENANCE), API_CHANGES | API_NEEDS_FIELD, MAY(HOST_ACTIVATE), ON_CLUSTER, api_maintenance_change, "maintenance", "maintenance unknown_hosts "},
    {TYPE(MAINTENANCE_STATUS), 0, MAY(HOST_READ), ON_CLUSTER, api_maintenance_status, "maintenance", "maintenance unknown_hosts cursor "},
    {TYPE(LIST_AUDIT), 0, MAY(AUDIT_READ), ON_EACH, api_audit, "audit", "audit cursor "},
    {TYPE(GET_SECURITY), 0, MAY(NONE), ON_NOTHING, api_security, NULL, "security "},
    {TYPE(GET_SLA), API_NEEDS_FIELD, MAY(SLA_READ), ON_JOB, api_sla_get, "sla", "sla "},
    {TYPE(PROBE_HOSTS), API_NEEDS_FIELD, MAY(SLA_READ), ON_CLUSTER, api_sla_probe, "sla", "probes unknown_hosts "},
    {TYPE(LIST_SAFE_HOSTS), 0, MAY(SLA_READ), ON_CLUSTER, api_sla_safe, "sla", "probes cursor "},
    {TYPE(SET_QUOTA), API_CHANGES | API_NEEDS_FIELD, MAY(QUOTA_SET), ON_EACH, api_set_quota, "set_quota", "quotas "},
    {TYPE(LIST_QUOTAS), 0, MAY(QUOTA_READ), ON_EACH, api_list_quotas, "quotas", "quotas cursor "},
    {TYPE(SUBSCRIBE), API_STREAMS, MAY(JOB_READ), ON_EACH, stream_subscribe, "subscribe", ""},
};
// clang-format on

const struct api_route *api_routes(uint32_t *count)
{
    *count = sizeof ROUTES / sizeof *ROUTES;
    return ROUTES;
}

const struct api_route *api_route(Perigee__Aurora__Call__Type type)
{
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++)
        if (ROUTES[i].type == type)
            return &ROUTES[i];
    return NULL;
}
