#include "executor/thermos/observer/command.h"

#include "base/text.h"
#include "sys/log.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES_DEFAULT = 20, OBSERVER_PORT = 1338 };

struct verb {
    const char *name;
    int args_min, args_max;
    bool wants_task; /* the first argument is one */
    int (*run)(struct request *r);
    const char *help;
};

#define ROOT_HELP                                                            \
    "  --root DIR       look below DIR: an agent's work_dir, a sandbox, or " \
    "a\n"                                                                    \
    "                   folder of them; may be repeated\n"

static const struct verb verbs[] = {
    {"status", 0, 0, false, command_status,
     "usage: thermos status [--all] [options]\n\n"
     "The tasks of this machine, newest first: those that run, or --all.\n\n"
     "  --all            finished ones, too\n" ROOT_HELP
     "  --json           for programs\n"},
    {"inspect", 1, 1, true, command_inspect,
     "usage: thermos inspect TASK [options]\n\n"
     "One task: its processes, their runs, its ports and how it ended. TASK "
     "is\n"
     "a task id, the beginning of one, or the folder of a "
     "sandbox.\n\n" ROOT_HELP "  --json           for programs\n"},
    {"tail", 1, 2, true, command_tail,
     "usage: thermos tail TASK [PROCESS] [options]\n\n"
     "The end of what PROCESS (or every process) of a task has written.\n\n"
     "  -f, --follow     go on until the task ends\n"
     "  -n, --lines N    how many lines to begin with (default 20)\n"
     "  --stderr         standard error instead of standard "
     "output\n" ROOT_HELP},
    {"kill", 1, 1, true, command_kill,
     "usage: thermos kill TASK [options]\n\n"
     "End a task as its scheduler would: SIGTERM, its final processes, "
     "SIGKILL.\n"
     "Returns when it has ended.\n\n"
     "  --no-wait        return at once\n"
     "  --timeout TIME   how long to wait, as in 90secs (default "
     "2mins)\n" ROOT_HELP},
    {"read", 1, 1, false, command_read,
     "usage: thermos read STREAM [--json]\n\n"
     "The records of a checkpoint: the file .thermos/stream of a sandbox.\n\n"
     "  --json           one object per line\n"},
    {"observe", 0, 1, false, command_observe,
     "usage: thermos observe [DIR] [options]\n\n"
     "Serve the tasks of this machine, or of DIR, over HTTP: pages, logs, "
     "sandboxes,\n"
     "JSON. DIR is as in --root.\n\n"
     "  --port N         port to listen on (default 1338); 0 takes any\n"
     "  --ip ADDRESS     address to listen on (default 127.0.0.1)\n"
     "  --tls-cert FILE  our certificate chain, PEM; with --tls-key: speak TLS "
     "only\n"
     "  --tls-key FILE   its key, PEM, for our eyes only\n"
     "  --tls-ca FILE    CAs whose certificates clients may show, PEM\n"
     "  --tls-require-client\n"
     "                   refuse clients without such a "
     "certificate\n" ROOT_HELP},
};
enum { VERB_COUNT = sizeof verbs / sizeof *verbs };

int command_fail(const struct err *err, int status)
{
    (void)fprintf(stderr, "thermos: %s%s%s\n", err->place,
                  *err->place ? ": " : "", err->text);
    if (*err->hint)
        (void)fprintf(stderr, "%s\n", err->hint);
    return status;
}

const char *command_paint(const struct request *r, const char *code)
{
    return r->colour ? code : "";
}

const char *command_state_colour(task_state_t state)
{
    switch (state) {
    case PERIGEE__THERMOS__TASK__STATE__SUCCESS:
        return "\033[32m";
    case PERIGEE__THERMOS__TASK__STATE__FAILED:
        return "\033[31m";
    case PERIGEE__THERMOS__TASK__STATE__KILLED:
        return "\033[2m";
    default:
        return "\033[36m";
    }
}

/* --- the command line --- */

enum option_key {
    OPTION_ALL = 256,
    OPTION_IP,
    OPTION_JSON,
    OPTION_NO_WAIT,
    OPTION_PORT,
    OPTION_ROOT,
    OPTION_STDERR,
    OPTION_TIMEOUT,
    OPTION_TLS_CA,
    OPTION_TLS_CERT,
    OPTION_TLS_CLIENT,
    OPTION_TLS_KEY
};

static const struct option options[] = {
    {"all", no_argument, NULL, OPTION_ALL},
    {"follow", no_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {"ip", required_argument, NULL, OPTION_IP},
    {"json", no_argument, NULL, OPTION_JSON},
    {"lines", required_argument, NULL, 'n'},
    {"no-wait", no_argument, NULL, OPTION_NO_WAIT},
    {"port", required_argument, NULL, OPTION_PORT},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"stderr", no_argument, NULL, OPTION_STDERR},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"tls-ca", required_argument, NULL, OPTION_TLS_CA},
    {"tls-cert", required_argument, NULL, OPTION_TLS_CERT},
    {"tls-key", required_argument, NULL, OPTION_TLS_KEY},
    {"tls-require-client", no_argument, NULL, OPTION_TLS_CLIENT},
    {0}};

static int take_number(const char *name, int64_t max, int64_t *out,
                       struct err *err)
{
    int rc = text_int(optarg, 0, max, out, err);
    return rc < 0 ? err_wrap(err, "%s", name) : 0;
}

/* A folder that somebody named: it is there, or misspelt. */
static int take_folder(struct request *r, const char *folder, struct err *err)
{
    struct stat st;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_NOT_FOUND, "there is no folder '%s'", folder);
    return machine_add_root(&r->machine, folder, err);
}

static int take_option(struct request *r, int key, struct err *err)
{
    int64_t port;
    int rc = 0;
    switch (key) {
    case OPTION_ALL:
        r->all = true;
        break;
    case OPTION_IP:
        r->ip = optarg;
        break;
    case OPTION_JSON:
        r->json = true;
        break;
    case OPTION_NO_WAIT:
        r->no_wait = true;
        break;
    case OPTION_TLS_CA:
        r->tls_ca = optarg;
        break;
    case OPTION_TLS_CERT:
        r->tls_cert = optarg;
        break;
    case OPTION_TLS_KEY:
        r->tls_key = optarg;
        break;
    case OPTION_TLS_CLIENT:
        r->tls_require_client = true;
        break;
    case OPTION_STDERR:
        r->use_stderr = true;
        break;
    case 'f':
        r->follow = true;
        break;
    case 'n':
        return take_number("--lines", 1000000, &r->lines, err);
    case OPTION_PORT:
        rc = take_number("--port", 65535, &port, err);
        r->port = rc == 0 ? (int)port : 0;
        break;
    case OPTION_ROOT:
        rc = take_folder(r, optarg, err);
        return rc < 0 ? err_wrap(err, "--root") : 0;
    case OPTION_TIMEOUT:
        rc = text_duration_ms(optarg, &r->timeout_ms, err);
        return rc < 0 ? err_wrap(err, "--timeout") : 0;
    default:
        return err_set(err, ERR_INVALID, "the command line is wrong");
    }
    return rc;
}

/* 1: help was asked for. */
static int parse(struct request *r, const struct verb *verb, int argc,
                 char **argv, struct err *err)
{
    int key, rc = 0;

    optind = 1;
    while (rc == 0 &&
           (key = getopt_long(argc, argv, "fhn:", options, NULL)) != -1) {
        if (key == 'h')
            return 1;
        rc = take_option(r, key, err);
    }
    if (rc != 0)
        return rc;
    r->arg_count = argc - optind;
    if (r->arg_count < verb->args_min || r->arg_count > verb->args_max)
        return err_set(err, ERR_INVALID, "want: %.*s",
                       (int)strcspn(verb->help + 7, "\n"), verb->help + 7);
    for (int i = 0; i < r->arg_count; i++)
        r->arg[i] = argv[optind + i];
    if (verb->run == command_observe && r->arg_count > 0)
        rc = take_folder(r, r->arg[0], err);
    if (rc != 0)
        return rc;
    return r->machine.roots.count > 0
               ? 0
               : machine_add_default_roots(&r->machine, err);
}

/* A sandbox that lies elsewhere may be named by its folder, also by one of the
 * working directory without any slash when no task is called so. */
static int find_task(struct request *r, struct err *err)
{
    char here[PATH_MAX];
    struct stat st;

    machine_look(&r->machine);
    int rc = machine_find(&r->machine, r->arg[0], &r->task, err);
    if (rc != -ERR_NOT_FOUND || stat(r->arg[0], &st) != 0 ||
        !S_ISDIR(st.st_mode))
        return rc;
    (void)snprintf(here, sizeof here, "%s%s",
                   strchr(r->arg[0], '/') != NULL ? "" : "./", r->arg[0]);
    rc = machine_add_root(&r->machine, here, err);
    if (rc != 0)
        return rc;
    machine_look(&r->machine);
    return machine_find(&r->machine, here, &r->task, err);
}

static int run_verb(struct request *r, const struct verb *verb, int argc,
                    char **argv)
{
    struct err err = {0};
    int rc = parse(r, verb, argc, argv, &err);

    if (rc == 1) {
        (void)fputs(verb->help, stdout);
        return COMMAND_OK;
    }
    if (rc != 0) {
        err_hint(&err, "see: thermos %s --help", verb->name);
        return command_fail(&err, COMMAND_BAD_LINE);
    }
    if (verb->wants_task && find_task(r, &err) != 0)
        return command_fail(&err, COMMAND_BAD_NAME);
    int status = verb->run(r);
    (void)fwrite(buf_text(&r->out), 1, r->out.size, stdout);
    (void)fflush(stdout);
    return status;
}

bool command_run(int argc, char **argv, int *status)
{
    const struct verb *verb = NULL;
    for (int i = 0; argc > 0 && i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, argv[0]) == 0)
            verb = &verbs[i];
    if (verb == NULL)
        return false;
    struct request r = {.lines = LINES_DEFAULT,
                        .timeout_ms = (int64_t)2 * 60 * 1000,
                        .port = OBSERVER_PORT,
                        .ip = "127.0.0.1"};
    log_open("thermos", LOG_LEVEL_WARN);
    r.colour = isatty(1) && getenv("NO_COLOR") == NULL;
    *status = run_verb(&r, verb, argc, argv);
    machine_release(&r.machine);
    buf_release(&r.out);
    return true;
}
