#include "executor/thermos/run.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/job_key.h"
#include "base/text.h"
#include "executor/thermos/child.h"
#include "executor/thermos/observer/command.h"
#include "executor/thermos/run_job.h"
#include "executor/thermos/run_show.h"
#include "executor/thermos/runner.h"
#include "executor/thermos/user.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EXIT_GOOD = 0,
    EXIT_BAD_CONFIG = 3,
    EXIT_TASK_FAILED = 4,
    EXIT_BAD_COMMAND = 5,
    EXIT_INTERRUPTED = 130,
    PARAMETERS_MAX = 100
};

struct run_command {
    struct run_job job; /* what to run */
    struct script_parameter parameter[PARAMETERS_MAX];
    char *directory; /* owned; absolute */
    const char *given_directory;
    bool is_temporary, keep, as_role;
    struct user user;
    struct run_show show;
};

/* --- the sandbox --- */

static int make_sandbox(struct run_command *c, struct err *err)
{
    char path[PATH_MAX];
    const char *tmp = getenv("TMPDIR");

    if (c->given_directory != NULL) {
        int rc = dir_make(c->given_directory, 0755, err);
        if (rc != 0)
            return rc;
        c->directory = realpath(c->given_directory, NULL);
    } else {
        (void)snprintf(path, sizeof path, "%s/thermos.XXXXXX",
                       tmp && *tmp ? tmp : "/tmp");
        c->is_temporary = true;
        if (mkdtemp(path) != NULL)
            c->directory = realpath(path, NULL);
    }
    if (c->directory == NULL)
        return err_set(err, ERR_IO, "sandbox: %s", strerror(errno));
    if (c->as_role && chown(c->directory, c->user.uid, c->user.gid) != 0)
        return err_set(err, ERR_IO, "sandbox '%s': %s", c->directory,
                       strerror(errno));
    return 0;
}

/* A finished task must not be taken up again in the same directory. */
static void retire_checkpoint(const struct run_command *c)
{
    char from[PATH_MAX], to[PATH_MAX];
    (void)snprintf(from, sizeof from, "%s/.thermos/stream", c->directory);
    (void)snprintf(to, sizeof to, "%s/.thermos/stream.old", c->directory);
    (void)rename(from, to);
    (void)snprintf(from, sizeof from, "%s/.thermos/task", c->directory);
    (void)unlink(from);
}

static void clear_sandbox(const struct run_command *c)
{
    if (!c->is_temporary || c->keep || c->show.state != THERMOS_FINISHED) {
        (void)printf("sandbox: %s (logs in .logs)\n", c->directory);
        return;
    }
    if (dir_remove(c->directory, NULL) != 0)
        (void)printf("sandbox: %s could not be removed\n", c->directory);
}

/* --- the command --- */

static int choose_role(struct run_command *c, struct err *err)
{
    int rc = user_by_name(c->job.role, &c->user, err);
    return rc == 0 ? user_check(&c->user, err) : rc;
}

static int choose_user(struct run_command *c, struct err *err)
{
    if (c->as_role)
        return choose_role(c, err);
    int rc = user_by_id(getuid(), &c->user, NULL);
    if (rc != 0) {
        /* A number without a name still has an environment. */
        const char *name = getenv("USER"), *home = getenv("HOME");
        (void)snprintf(c->user.name, sizeof c->user.name, "%s",
                       name ? name : "nobody");
        (void)snprintf(c->user.home, sizeof c->user.home, "%s",
                       home ? home : "/");
    }
    return 0;
}

static int prepare(struct run_command *c, struct err *err)
{
    int rc = choose_user(c, err);
    if (rc == 0)
        rc = make_sandbox(c, err);
    if (rc == 0 && c->as_role)
        rc = user_become(&c->user, err);
    return rc == 0 ? run_job_assign(&c->job, c->directory, err) : rc;
}

static int run(struct run_command *c)
{
    struct err err = {0};
    if (prepare(c, &err) != 0) {
        if (c->is_temporary && c->directory != NULL)
            (void)dir_remove(c->directory, NULL);
        return command_fail(&err, EXIT_BAD_CONFIG);
    }
    (void)printf("%s %s/%u in %s\n",
                 c->job.is_taken_up ? "taking up" : "running", c->job.key,
                 c->job.instance, c->directory);
    struct runner_options options = {.task = buf_bytes(&c->job.assigned),
                                     .is_assigned = true,
                                     .sandbox = c->directory,
                                     .user = c->user.name,
                                     .home = c->user.home,
                                     .control = -1,
                                     .listener = run_show_event,
                                     .context = &c->show,
                                     .reader = {run_show_text, &c->show}};
    c->show.started_ms = clock_wall_ms();
    child_raise_files();
    int rc = runner_main(&options);
    run_show_release(&c->show);
    retire_checkpoint(c);
    clear_sandbox(c);
    if (rc == 3)
        return EXIT_BAD_CONFIG;
    if (c->show.state == THERMOS_KILLED)
        return EXIT_INTERRUPTED;
    return rc == 0 ? EXIT_GOOD : EXIT_TASK_FAILED;
}

static int add_parameter(struct run_command *c, char *text, struct err *err)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return err_set(err, ERR_INVALID, "-p '%.100s': want NAME=VALUE", text);
    if (c->job.parameter_count == PARAMETERS_MAX)
        return err_set(err, ERR_LIMIT, "-p: at most %d parameters",
                       PARAMETERS_MAX);
    *equals = '\0';
    c->parameter[c->job.parameter_count++] =
        (struct script_parameter){text, equals + 1};
    return 0;
}

static int take_option(struct run_command *c, int option, struct err *err)
{
    int64_t number;
    int rc;
    switch (option) {
    case 'p':
        return add_parameter(c, optarg, err);
    case 'd':
        c->given_directory = optarg;
        return 0;
    case 'k':
        c->keep = true;
        return 0;
    case 'q':
        c->show.is_quiet = true;
        return 0;
    case 'o':
        return run_job_only(&c->job, optarg, err);
    case 'P':
        return run_job_port(&c->job, optarg, err);
    case 'r':
        c->as_role = true;
        return 0;
    case 'i':
        rc = text_int(optarg, 0, INT32_MAX, &number, err);
        if (rc != 0)
            return err_wrap(err, "--instance");
        c->job.instance = (uint32_t)number;
        return 0;
    default:
        return err_set(err, ERR_INVALID, "the command line is wrong");
    }
}

static int parse(struct run_command *c, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {
        {"directory", required_argument, NULL, 'd'},
        {"instance", required_argument, NULL, 'i'},
        {"parameter", required_argument, NULL, 'p'},
        {"keep", no_argument, NULL, 'k'},
        {"only", required_argument, NULL, 'o'},
        {"port", required_argument, NULL, 'P'},
        {"quiet", no_argument, NULL, 'q'},
        {"as-role", no_argument, NULL, 'r'},
        {0}};
    int option, rc = 0;

    while (rc == 0 &&
           (option = getopt_long(argc, argv, "p:d:q", options, NULL)) != -1)
        rc = take_option(c, option, err);
    if (rc != 0)
        return rc;
    if (argc - optind < 1 || argc - optind > 2)
        return err_set(err, ERR_INVALID,
                       "want: thermos run FILE [KEY] [options]");
    c->job.file = argv[optind];
    c->job.wanted_key = argc - optind == 2 ? argv[optind + 1] : NULL;
    return 0;
}

int run_main(int argc, char **argv)
{
    struct run_command *c = xcalloc(1, sizeof *c);
    struct err err = {0};
    int status;

    log_open("thermos", LOG_LEVEL_WARN);
    c->show.colour = isatty(1) && getenv("NO_COLOR") == NULL;
    c->show.state = THERMOS_NONE;
    c->job.parameter = c->parameter;
    if (parse(c, argc, argv, &err) != 0) {
        err_hint(&err, "see: thermos --help");
        status = command_fail(&err, EXIT_BAD_COMMAND);
    } else if (run_job_read(&c->job, c->show.colour, &err) != 0) {
        status = command_fail(&err, EXIT_BAD_CONFIG);
    } else {
        status = run(c);
    }
    run_job_release(&c->job);
    free(c->directory);
    free(c);
    return status;
}
