/* thermos: runs one task. Under an agent as its executor, or for a person
 * without any cluster. */
#include "base/version.h"
#include "executor/thermos/executor.h"
#include "executor/thermos/observer/command.h"
#include "executor/thermos/run.h"
#include "script/evaluate.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "thermos: runs one task: a graph of processes\n"
    "\n"
    "usage:\n"
    "  thermos run FILE [KEY] [options]   run a job of FILE here, without a\n"
    "                                     cluster, as the caller\n"
    "      -p NAME=VALUE      a parameter of the job file\n"
    "      --instance N       which instance this is (default 0)\n"
    "      --directory DIR    the sandbox (default: a new one under /tmp); an\n"
    "                         unfinished task in it is taken up again\n"
    "      --keep             keep the default sandbox afterwards\n"
    "      --only PROCESS     nothing but this process; may be repeated\n"
    "      --port NAME=N      the number of a named port (default: a free "
    "one)\n"
    "      -q, --quiet        do not show what processes write\n"
    "      --as-role          run as the job's role (needs root)\n"
    "  thermos status                     the tasks of this machine\n"
    "  thermos inspect TASK               one of them, with its processes\n"
    "  thermos tail TASK [PROCESS] [-f]   what they write\n"
    "  thermos kill TASK                  end one\n"
    "  thermos read STREAM                the records of a checkpoint\n"
    "  thermos observe                    all of it over HTTP\n"
    "      each says more with --help\n"
    "  thermos executor                   started by an agent\n"
    "  thermos --help, --version\n"
    "\n"
    "`thermos run` exits with 0 when the task succeeded, 4 when it failed, 3\n"
    "when the job file or the command line is wrong, 130 when interrupted.\n";

int main(int argc, char **argv)
{
    int worker = script_worker_main(argc, argv);
    if (worker >= 0)
        return worker;
    const char *verb = argc > 1 ? argv[1] : "";
    int status;
    if (command_run(argc - 1, argv + 1, &status))
        return status;
    if (strcmp(verb, "executor") == 0)
        return executor_main(argv[1]);
    if (strcmp(verb, "run") == 0)
        return run_main(argc - 1, argv + 1);
    if (strcmp(verb, "--version") == 0) {
        (void)puts("perigee " PERIGEE_VERSION);
        return 0;
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0) {
        (void)fputs(help, stdout);
        return 0;
    }
    if (*verb != '\0')
        (void)fprintf(stderr, "thermos: there is no command '%s'\n\n", verb);
    (void)fputs(help, stderr);
    return 5;
}
