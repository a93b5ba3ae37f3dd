/* The table of commands: a command is a row. */
#pragma once
#include "cli/cli.h"

struct command {
    const char *name;    /* "create", "dev start" */
    const char *usage;   /* what follows the name */
    const char *summary; /* one line; NULL: not for people */
    const char *options; /* the long options it takes besides --json, --help,
                            --verbose; space separated */
    int (*run)(struct cli *cli);
    int args_min, args_max;
};

/* The row named by the first words of argv, or NULL; *words says how many. */
const struct command *command_find(int argc, char **argv, int *words);
/* Parse the rest into cli; 0, or an exit code after reporting. 1 more case:
 * -1 when --help was printed. */
int command_parse(const struct command *command, struct cli *cli, int argc,
                  char **argv);
/* What `COMMAND --help` prints. */
void command_show(struct cli *cli, const struct command *command);
/* `clusterctl help WORDS`: all commands, those of a noun, one, or a page of the
 * job language. An exit code. */
int command_help(struct cli *cli, int argc, char **argv);
/* Refuse words that name no command: what is near, or the noun's commands. */
int command_unknown(struct cli *cli, int argc, char **argv);
/* Row `at`, or NULL behind the last. */
const struct command *command_at(int at);
/* The at-th option that a command takes; false behind the last. */
struct option_info {
    const char *name, *value, *help; /* value NULL: a flag */
    char letter;                     /* 0: none */
};
bool command_option(const struct command *command, int at,
                    struct option_info *out);
/* The known name nearest to a wrong one, or NULL. */
const char *command_nearest(const char *name);

/* The rows' functions, by file. */
int create_run(struct cli *cli);
int kill_run(struct cli *cli);
int killall_run(struct cli *cli);
int restart_run(struct cli *cli);
int cancel_run(struct cli *cli);
int scale_run(struct cli *cli);
int add_run(struct cli *cli);
int status_run(struct cli *cli);
int list_run(struct cli *cli);
int inspect_run(struct cli *cli);
int check_run(struct cli *cli);
int params_run(struct cli *cli);
int test_run(struct cli *cli);
int render_run(struct cli *cli);
int diff_run(struct cli *cli);
int plan_run(struct cli *cli);
int apply_run(struct cli *cli);
int logs_run(struct cli *cli);
int why_run(struct cli *cli);
int wait_run(struct cli *cli);
int complete_run(struct cli *cli);
int cron_next_run(struct cli *cli);
int cron_schedule_run(struct cli *cli);
int cron_deschedule_run(struct cli *cli);
int cron_start_run(struct cli *cli);
int cron_pause_run(struct cli *cli);
int cron_resume_run(struct cli *cli);
int cron_show_run(struct cli *cli);
int cron_history_run(struct cli *cli);
int cron_graph_run(struct cli *cli);
int group_create_run(struct cli *cli);
int group_status_run(struct cli *cli);
int group_list_run(struct cli *cli);
int group_scale_run(struct cli *cli);
int group_remove_run(struct cli *cli);
int group_wait_run(struct cli *cli);
int update_start_run(struct cli *cli);
int update_info_run(struct cli *cli);
int update_list_run(struct cli *cli);
int update_pause_run(struct cli *cli);
int update_resume_run(struct cli *cli);
int update_abort_run(struct cli *cli);
int update_rollback_run(struct cli *cli);
int update_wait_run(struct cli *cli);
int update_pulse_run(struct cli *cli);
int host_deactivate_run(struct cli *cli);
int host_drain_run(struct cli *cli);
int host_activate_run(struct cli *cli);
int host_status_run(struct cli *cli);
int host_list_run(struct cli *cli);
int sla_task_up_count_run(struct cli *cli);
int sla_job_uptime_run(struct cli *cli);
int sla_probe_run(struct cli *cli);
int sla_safe_domain_run(struct cli *cli);
int backup_create_run(struct cli *cli);
int backup_list_run(struct cli *cli);
int tier_list_run(struct cli *cli);
int quota_get_run(struct cli *cli);
int quota_set_run(struct cli *cli);
int quota_increase_run(struct cli *cli);
int quota_remove_run(struct cli *cli);
int quota_list_run(struct cli *cli);
int role_list_run(struct cli *cli);
int backup_inspect_run(struct cli *cli);
int backup_restore_run(struct cli *cli);
int login_run(struct cli *cli);
int logout_run(struct cli *cli);
int audit_run(struct cli *cli);
int security_status_run(struct cli *cli);
int security_check_run(struct cli *cli);
int user_hash_run(struct cli *cli);
int user_token_run(struct cli *cli);
int dev_run(struct cli *cli);
int dev_start_run(struct cli *cli);
int dev_stop_run(struct cli *cli);
int dev_status_run(struct cli *cli);
