/* The tables of commands and options: finding the one, reading the others. */
#include "cli/command.h"

#include "base/text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FILE_OPTIONS "param bind root"
#define WAIT_OPTIONS "no-wait timeout"
#define KILL_OPTIONS " message batch-size max-total-failures no-batching"

/* clang-format off */
static const struct command COMMANDS[] = {
    {"create", "KEY [FILE]", "create a job from a job file",
     FILE_OPTIONS " wait-until timeout accept-server", create_run, 1, 2},
    {"kill", "KEY[/INSTANCES]", "kill a job, or some of its instances",
     WAIT_OPTIONS KILL_OPTIONS " strict", kill_run, 1, 1},
    {"killall", "KEY", "kill every instance of a job",
     WAIT_OPTIONS KILL_OPTIONS, killall_run, 1, 1},
    {"restart", "KEY[/INSTANCES]", "replace running instances by new ones",
     WAIT_OPTIONS " message batch-size watch-secs max-per-instance-failures "
     "max-total-failures strict", restart_run, 1, 1},
    {"cancel", "KEY", "begin no further batch of a restart or kill",
     "message", cancel_run, 1, 1},
    {"scale", "KEY N", "make it N instances, more or fewer",
     WAIT_OPTIONS, scale_run, 2, 2},
    {"add", "KEY[/INSTANCE] COUNT", "add COUNT instances, like this one",
     WAIT_OPTIONS, add_run, 2, 2},
    {"status", "KEY", "what every instance of a job does, and did",
     "", status_run, 1, 1},
    {"list", "[CLUSTER[/ROLE[/ENV]]]", "jobs, with the state of their instances",
     "", list_run, 0, 1},
    {"check", "FILE...", "find every mistake in job files",
     FILE_OPTIONS, check_run, 1, CLI_ARGS_MAX},
    {"inspect", "KEY [FILE]", "what a job file says, or what is stored",
     FILE_OPTIONS " source", inspect_run, 1, 2},
    {"params", "FILE", "the parameters that a job file declares",
     FILE_OPTIONS, params_run, 1, 1},
    {"test", "FILE...", "run the assertions of FILE's _test.lua",
     FILE_OPTIONS, test_run, 1, CLI_ARGS_MAX},
    {"render", "KEY[/INSTANCE] FILE", "what one instance would run",
     FILE_OPTIONS " host", render_run, 2, 2},
    {"diff", "KEY [FILE]", "a job file against what runs",
     FILE_OPTIONS, diff_run, 1, 2},
    {"plan", "FILE", "what apply would do",
     FILE_OPTIONS " prune", plan_run, 1, 1},
    {"apply", "FILE", "make the cluster run what the file says",
     FILE_OPTIONS " prune batch-size message accept-server wait-until timeout",
     apply_run, 1, 1},
    {"logs", "KEY/INSTANCE [PROCESS]", "what a process wrote",
     "follow stderr", logs_run, 1, 2},
    {"why", "KEY", "why instances of a job wait",
     "", why_run, 1, 1},
    {"wait", "KEY", "wait until a job is RUNNING, FINISHED or GONE",
     "for timeout", wait_run, 1, 1},
    {"group create", "KEY [FILE]", "start the jobs of a group in its order",
     FILE_OPTIONS " message accept-server wait timeout", group_create_run, 1,
     2},
    {"group status", "KEY", "a group as a tree, with the state of its jobs",
     "", group_status_run, 1, 1},
    {"group list", "[CLUSTER[/ROLE[/ENV]]]", "groups, and how far they are",
     "", group_list_run, 0, 1},
    {"group scale", "KEY FACTOR", "multiply the instances of its services",
     WAIT_OPTIONS " message", group_scale_run, 2, 2},
    {"group remove", "KEY", "kill its jobs, against its order",
     WAIT_OPTIONS " message", group_remove_run, 1, 1},
    {"group wait", "KEY", "until it runs or is gone; 0: it does, 4: it failed",
     "timeout", group_wait_run, 1, 1},
    {"update start", "KEY[/INSTANCES] [FILE]",
     "bring a service to what a job file says",
     FILE_OPTIONS " message batch-size accept-server wait timeout",
     update_start_run, 1, 2},
    {"update info", "KEY [ID]", "how far an update is, and its history",
     "", update_info_run, 1, 2},
    {"update list", "[CLUSTER[/ROLE[/ENV[/NAME]]]]", "updates, newest last",
     "active", update_list_run, 0, 1},
    {"update pause", "KEY [ID]", "let it change no further instance",
     "message", update_pause_run, 1, 2},
    {"update resume", "KEY [ID]", "let a paused update go on",
     "message", update_resume_run, 1, 2},
    {"update abort", "KEY [ID]", "end it, and leave instances as they are",
     "message", update_abort_run, 1, 2},
    {"update rollback", "KEY [ID]", "bring every instance back",
     "message", update_rollback_run, 1, 2},
    {"update wait", "KEY [ID]", "until it is over; 0: rolled forward, 4: not",
     "timeout", update_wait_run, 1, 2},
    {"update pulse", "KEY [ID]", "let a coordinated update go on",
     "", update_pulse_run, 1, 2},
    {"cron schedule", "KEY [FILE]", "create or change a cron job",
     FILE_OPTIONS " accept-server", cron_schedule_run, 1, 2},
    {"cron deschedule", "KEY", "its schedule ends; what runs goes on",
     "", cron_deschedule_run, 1, 1},
    {"cron start", "KEY", "a run now, whatever the schedule says",
     "", cron_start_run, 1, 1},
    {"cron show", "[CLUSTER[/ROLE[/ENV]] | KEY]", "cron jobs and their figures",
     "", cron_show_run, 0, 1},
    {"cron history", "KEY", "its scheduled times, and what became of each",
     "count", cron_history_run, 1, 1},
    {"cron graph", "[CLUSTER[/ROLE[/ENV]]]", "which job runs after which",
     "dot", cron_graph_run, 0, 1},
    {"cron pause", "KEY", "let its scheduled times pass",
     "", cron_pause_run, 1, 1},
    {"cron resume", "KEY", "go on with its schedule",
     "", cron_resume_run, 1, 1},
    {"cron next", "SCHEDULE", "when a schedule runs next; needs no cluster",
     "zone from count", cron_next_run, 1, 1},
    {"host deactivate", "HOST...", "take hosts only when no other has room",
     "file reason cluster", host_deactivate_run, 0, CLI_ARGS_MAX},
    {"host drain", "HOST...", "end what runs there, with care; take nothing",
     "file reason percentage duration force-after batch-size script wait "
     "timeout cluster", host_drain_run, 0, CLI_ARGS_MAX},
    {"host activate", "HOST...", "end a maintenance, or give it up",
     "file cluster", host_activate_run, 0, CLI_ARGS_MAX},
    {"host status", "[HOST...]", "hosts in maintenance, and what they wait for",
     "file cluster", host_status_run, 0, CLI_ARGS_MAX},
    {"host list", "", "every host that is known",
     "cluster", host_list_run, 0, 0},
    {"sla task-up-count", "KEY", "instances that were up for so long",
     "durations", sla_task_up_count_run, 1, 1},
    {"sla job-uptime", "KEY", "for how long a share of the instances was up",
     "percentiles", sla_job_uptime_run, 1, 1},
    {"sla probe", "HOST...", "what jobs would be left with if these went",
     "file percentage duration cluster", sla_probe_run, 0, CLI_ARGS_MAX},
    {"sla safe-domain", "", "hosts that may go, one at a time",
     "percentage duration min-instances cluster", sla_safe_domain_run, 0, 0},
    {"backup create", "[CLUSTER]", "have the scheduler save a copy of its state",
     "", backup_create_run, 0, 1},
    {"backup list", "[CLUSTER]", "the copies that the scheduler keeps",
     "", backup_list_run, 0, 1},
    {"backup inspect", "ID|FILE [KEY]", "verify a backup and show what is in it",
     "backups", backup_inspect_run, 1, 2},
    {"backup restore", "ID|FILE --store DIR",
     "make a backup the store of a stopped scheduler",
     "store backups new-framework without", backup_restore_run, 1, 1},
    {"quota get", "CLUSTER/ROLE", "what a role may use, and what it uses",
     "", quota_get_run, 1, 1},
    {"quota set", "CLUSTER/ROLE CPU RAM DISK | NAME=AMOUNT...",
     "give a role a quota: cpu=10 ram=20GB all.tasks=500 parent=ROLE",
     "force", quota_set_run, 2, 20},
    {"quota increase", "CLUSTER/ROLE CPU RAM DISK | NAME=AMOUNT...",
     "add to the quota of a role", "", quota_increase_run, 2, 20},
    {"quota remove", "CLUSTER/ROLE", "take the quota of a role away",
     "force", quota_remove_run, 1, 1},
    {"quota list", "[CLUSTER[/ROLE]]", "the quotas, and what is in use of each",
     "", quota_list_run, 0, 1},
    {"role list", "[CLUSTER[/ROLE]]", "the roles with their use and quotas",
     "", role_list_run, 0, 1},
    {"tier list", "[CLUSTER]", "the tiers that jobs may name",
     "", tier_list_run, 0, 1},
    {"login", "CLUSTER", "keep who you are there; the secret is read from stdin",
     "user", login_run, 1, 1},
    {"logout", "CLUSTER", "forget who you are there", "", logout_run, 1, 1},
    {"audit", "[CLUSTER]", "who changed what, and who was refused",
     "user action key result since until count", audit_run, 0, 1},
    {"security status", "[CLUSTER]", "who you are, and what you may do",
     "", security_status_run, 0, 1},
    {"security check", "FILE...",
     "find every mistake in security.lua and roles.lua",
     "", security_check_run, 1, CLI_ARGS_MAX},
    {"user hash", "", "the hash of a password, for security.lua",
     "", user_hash_run, 0, 0},
    {"user token", "", "a new token, and its hash for security.lua",
     "", user_token_run, 0, 0},
    {"dev start", "", "start a whole cluster on this machine",
     "dir agents port", dev_start_run, 0, 0},
    {"dev stop", "", "end that cluster and all its tasks",
     "dir", dev_stop_run, 0, 0},
    {"dev status", "", "is that cluster up?",
     "dir", dev_status_run, 0, 0},
    {"dev", "", "run that cluster in the foreground, until Ctrl-C",
     "dir agents port", dev_run, 0, 0},
    {"complete", "-- AT WORD...", NULL, "", complete_run, 1, CLI_ARGS_MAX},
};

/* Every long option there is; `at` is where its value goes in struct cli. */
static const struct cli_option {
    const char *name, *value; /* value NULL: a flag */
    char letter;              /* 0: none */
    size_t at;
    const char *help;
} OPTIONS[] = {
    {"param", "NAME=VALUE", 'p', 0, "give a parameter of the job file"},
    {"bind", "NAME=VALUE", 0, 0, "the same, as Aurora called it"},
    {"root", "DIR", 0, offsetof(struct cli, root),
     "folder the job file may read from (default: its own)"},
    {"for", "STATE", 0, offsetof(struct cli, wait_for),
     "RUNNING, FINISHED or GONE (default RUNNING)"},
    {"wait-until", "STATE", 0, offsetof(struct cli, wait_until),
     "PENDING, RUNNING or FINISHED (default PENDING)"},
    {"timeout", "SECONDS", 0, offsetof(struct cli, timeout),
     "give up waiting after this long (exit code 9)"},
    {"wait", NULL, 0, offsetof(struct cli, wait),
     "wait until it is over (exit code 4: it did not succeed)"},
    {"active", NULL, 0, offsetof(struct cli, active),
     "only those under way"},
    {"no-wait", NULL, 0, offsetof(struct cli, no_wait),
     "return as soon as the scheduler has accepted"},
    {"message", "TEXT", 'm', offsetof(struct cli, message),
     "why, for the tasks' history"},
    {"batch-size", "N", 0, offsetof(struct cli, batch_size),
     "how many at a time (default 1; 0: all at once)"},
    {"no-batching", NULL, 0, offsetof(struct cli, no_batching),
     "all at once, which is what happens without --batch-size"},
    {"watch-secs", "N", 0, offsetof(struct cli, watch_secs),
     "how long an instance must run to count as restarted (default 30)"},
    {"max-per-instance-failures", "N", 0,
     offsetof(struct cli, instance_failures),
     "how often one may end again meanwhile (default 0; -1: no limit)"},
    {"max-total-failures", "N", 0, offsetof(struct cli, total_failures),
     "how many instances, or batches of a kill, may fail (default 0)"},
    {"strict", NULL, 0, offsetof(struct cli, strict),
     "refuse when one of these instances is not active"},
    {"accept-server", NULL, 0, offsetof(struct cli, accept_server),
     "take the scheduler's evaluation where it differs from ours"},
    {"source", NULL, 0, offsetof(struct cli, source),
     "the files that the stored job came from"},
    {"host", "NAME", 0, offsetof(struct cli, host),
     "the host that it would run on"},
    {"prune", NULL, 0, offsetof(struct cli, prune),
     "also remove jobs that this file had and has no more"},
    {"zone", "NAME", 0, offsetof(struct cli, zone),
     "time zone of the schedule, as Europe/Paris (default UTC)"},
    {"from", "TIME", 0, offsetof(struct cli, from),
     "runs after this: 2026-11-20T22:00:00Z, or epoch seconds (default now)"},
    {"count", "N", 0, offsetof(struct cli, count),
     "how many (default 5; of a history 20, of an audit 50)"},
    {"action", "ACTION", 0, offsetof(struct cli, action),
     "of this action: job.kill, job.*"},
    {"key", "KEY", 0, offsetof(struct cli, key),
     "about this job or role; '*' and '?' as in a shell"},
    {"result", "RESULT", 0, offsetof(struct cli, result),
     "with this result: OK, DENIED, ...; REFUSED: all but OK"},
    {"since", "TIME", 0, offsetof(struct cli, since),
     "from then on: 2hrs (ago), 2026-11-21, 2026-11-21T13:00:00Z"},
    {"until", "TIME", 0, offsetof(struct cli, until), "before then"},
    {"file", "FILE", 0, offsetof(struct cli, file),
     "further hosts, one name a line"},
    {"reason", "TEXT", 0, offsetof(struct cli, reason),
     "why, for who looks at the host and for its tasks' history"},
    {"percentage", "N", 0, offsetof(struct cli, percentage),
     "how many of 100 instances stay up (of jobs without a policy)"},
    {"duration", "TIME", 0, offsetof(struct cli, duration),
     "up means for this long, as 30m or 2h (default 30m)"},
    {"durations", "LIST", 0, offsetof(struct cli, durations),
     "lengths of time (default 1m,10m,1h,12h,7d)"},
    {"percentiles", "LIST", 0, offsetof(struct cli, percentiles),
     "below 100 (default 99,95,90,85,75,60,50,30,10)"},
    {"min-instances", "N", 0, offsetof(struct cli, instances_min),
     "jobs with fewer do not count (default 10)"},
    {"force-after", "TIME", 0, offsetof(struct cli, force_after),
     "end what is left without asking, as 7d (default 1d; with --percentage "
     "7d)"},
    {"script", "COMMAND", 0, offsetof(struct cli, script),
     "run COMMAND HOST when a host is drained"},
    {"cluster", "NAME", 0, offsetof(struct cli, cluster),
     "of which cluster (default: the only one, or devcluster)"},
    {"dot", NULL, 0, offsetof(struct cli, dot), "in the language of Graphviz"},
    {"follow", NULL, 'f', offsetof(struct cli, follow),
     "go on printing what is written"},
    {"stderr", NULL, 0, offsetof(struct cli, stderr_log),
     "the error output instead of the output"},
    {"dir", "DIR", 0, offsetof(struct cli, directory),
     "where the cluster keeps its state"},
    {"store", "DIR", 0, offsetof(struct cli, store),
     "the directory to put in place; a scheduler's is WORK_DIR/store"},
    {"backups", "DIR", 0, offsetof(struct cli, backups),
     "where backups lie (default: where the scheduler says)"},
    {"force", NULL, 0, offsetof(struct cli, force),
     "also below what is in use; nothing is killed for it"},
    {"new-framework", NULL, 0, offsetof(struct cli, new_framework),
     "subscribe as a new framework: the old one goes on elsewhere, or is gone"},
    {"without", "LIST", 0, offsetof(struct cli, without),
     "leave these jobs out: role, role/env, role/env/name, with commas"},
    {"agents", "N", 0, offsetof(struct cli, agents),
     "how many agents (default 2)"},
    {"port", "BASE", 0, offsetof(struct cli, port),
     "the master's port; others follow (default 5050)"},
    {"user", "NAME", 0, offsetof(struct cli, user),
     "of login: the secret is this user's password (default: it is a token); of "
     "an audit: what this user did"},
    {"insecure", NULL, 0, offsetof(struct cli, insecure),
     "send your secret without TLS, too"},
    {"json", NULL, 0, offsetof(struct cli, json), "one JSON document as answer"},
    {"verbose", NULL, 'v', offsetof(struct cli, verbose), "say more"},
};
/* clang-format on */

enum {
    COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0],
    OPTION_COUNT = sizeof OPTIONS / sizeof OPTIONS[0]
};

static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);

    for (const char *p = list; (p = strstr(p, word)) != NULL; p += size)
        if ((p == list || p[-1] == ' ') && (p[size] == ' ' || p[size] == '\0'))
            return true;
    return false;
}

static bool takes(const struct command *command, const struct cli_option *o)
{
    return strcmp(o->name, "json") == 0 || strcmp(o->name, "verbose") == 0 ||
           strcmp(o->name, "insecure") == 0 ||
           has_word(command->options, o->name);
}

/* "job create" is "create": Aurora's users type the noun. */
static int skip_noun(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[0], "job") == 0 ? 1 : 0;
}

const struct command *command_find(int argc, char **argv, int *words)
{
    int skip = skip_noun(argc, argv);

    for (int i = 0; i < COMMAND_COUNT && argc > skip; i++) {
        const char *name = COMMANDS[i].name;
        const char *space = strchr(name, ' ');
        size_t head = space ? (size_t)(space - name) : strlen(name);
        const char *given = argv[skip];

        if (strlen(given) != head || strncmp(given, name, head) != 0)
            continue;
        if (space != NULL &&
            (argc < skip + 2 || strcmp(argv[skip + 1], space + 1) != 0))
            continue;
        *words = skip + (space ? 2 : 1);
        return &COMMANDS[i];
    }
    return NULL;
}

const struct command *command_at(int at)
{
    return at < COMMAND_COUNT ? &COMMANDS[at] : NULL;
}

bool command_option(const struct command *command, int at,
                    struct option_info *out)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct cli_option *o = &OPTIONS[i];
        if (!takes(command, o) || at-- > 0)
            continue;
        *out = (struct option_info){o->name, o->value, o->help, o->letter};
        return true;
    }
    return false;
}

const char *command_nearest(const char *name)
{
    const char *names[COMMAND_COUNT + 1];
    int count = 0;

    for (int i = 0; i < COMMAND_COUNT; i++)
        if (COMMANDS[i].summary != NULL)
            names[count++] = COMMANDS[i].name;
    names[count] = NULL;
    return text_nearest(name, names);
}

static const struct cli_option *option_by_name(const struct command *command,
                                               const char *name, size_t size)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (takes(command, &OPTIONS[i]) && strlen(OPTIONS[i].name) == size &&
            strncmp(OPTIONS[i].name, name, size) == 0)
            return &OPTIONS[i];
    return NULL;
}

static const struct cli_option *option_by_letter(const struct command *command,
                                                 char letter)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (takes(command, &OPTIONS[i]) && OPTIONS[i].letter == letter)
            return &OPTIONS[i];
    return NULL;
}

/* Argument lists are read by everybody on the machine. */
static bool is_secret(const char *given)
{
    static const char *const name[] = {"--password", "--token", "--secret",
                                       "--credential", "--credentials"};
    size_t size = strcspn(given, "=");

    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        if (strlen(name[i]) == size && strncmp(given, name[i], size) == 0)
            return true;
    return false;
}

static int unknown_option(struct cli *cli, const struct command *command,
                          const char *given)
{
    if (is_secret(given))
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "`clusterctl login CLUSTER` reads it from stdin and "
                          "keeps it; ~/.netrc is read, too",
                          "%s: secrets do not belong into argument lists",
                          command->name);
    const char *names[OPTION_COUNT + 1];
    int count = 0;

    for (int i = 0; i < OPTION_COUNT; i++)
        if (takes(command, &OPTIONS[i]))
            names[count++] = OPTIONS[i].name;
    names[count] = NULL;
    const char *nearest =
        given[1] == '-' ? text_nearest(given + 2, names) : NULL;
    const char *hint =
        nearest ? arena_printf(&cli->arena, "did you mean --%s?", nearest)
                : arena_printf(&cli->arena, "`clusterctl help %s` lists them",
                               command->name);
    return cli_refuse(cli, EXIT_BAD_PARAMETER, hint, "%s: no option %s",
                      command->name, given);
}

static int add_parameter(struct cli *cli, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "parameter '%s': want NAME=VALUE", text);
    if (cli->parameter_count == CLI_PARAMETERS_MAX)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "more than %d parameters", CLI_PARAMETERS_MAX);
    cli->parameter[cli->parameter_count++] = (struct script_parameter){
        .name = arena_strndup(&cli->arena, text, (size_t)(equals - text)),
        .value = equals + 1,
    };
    return 0;
}

static int set_option(struct cli *cli, const struct cli_option *o,
                      const char *value)
{
    if (o->value == NULL)
        *(bool *)((char *)cli + o->at) = true;
    else if (o->at == 0)
        return add_parameter(cli, value);
    else
        *(const char **)((char *)cli + o->at) = value;
    return 0;
}

/* One argument that begins with '-'; *at moves over a separate value. */
static int parse_option(const struct command *command, struct cli *cli,
                        int argc, char **argv, int *at)
{
    const char *given = argv[*at], *value = NULL;
    const struct cli_option *o;

    if (given[1] == '-') {
        const char *equals = strchr(given, '=');
        size_t size = equals ? (size_t)(equals - given - 2) : strlen(given + 2);
        o = option_by_name(command, given + 2, size);
        value = equals ? equals + 1 : NULL;
    } else {
        o = option_by_letter(command, given[1]);
        value = given[1] && given[2] ? given + 2 : NULL;
    }
    if (o == NULL)
        return unknown_option(cli, command, given);
    if (o->value == NULL && value != NULL)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "option --%s takes no value", o->name);
    if (o->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                              "option --%s: want %s", o->name, o->value);
        value = argv[++*at];
    }
    return set_option(cli, o, value);
}

int command_parse(const struct command *command, struct cli *cli, int argc,
                  char **argv)
{
    bool only_args = false;

    for (int at = 0; at < argc; at++) {
        const char *given = argv[at];
        int rc;

        if (!only_args && strcmp(given, "--") == 0) {
            only_args = true;
        } else if (!only_args &&
                   (strcmp(given, "--help") == 0 || strcmp(given, "-h") == 0)) {
            command_show(cli, command);
            return -1;
        } else if (!only_args && given[0] == '-' && given[1] != '\0') {
            if ((rc = parse_option(command, cli, argc, argv, &at)) != 0)
                return rc;
        } else if (cli->arg_count == CLI_ARGS_MAX) {
            return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                              "more than %d arguments", CLI_ARGS_MAX);
        } else {
            cli->arg[cli->arg_count++] = given;
        }
    }
    if (cli->arg_count < command->args_min ||
        cli->arg_count > command->args_max)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "usage: clusterctl %s %s", command->name,
                          command->usage);
    return 0;
}
