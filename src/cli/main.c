/* clusterctl: the user's and the operator's command. Find the row of the
 * table, parse its options, run it, print what it answered. */
#include "base/version.h"
#include "cli/command.h"
#include "cli/edge.h"
#include "cli/watch.h"
#include "sys/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_interrupt(int signo)
{
    (void)signo;
    _exit(EXIT_INTERRUPTED);
}

static bool wants_colour(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && getenv("NO_COLOR") == NULL &&
           !(term != NULL && strcmp(term, "dumb") == 0);
}

static int run(struct cli *cli, int argc, char **argv)
{
    int words = 0;

    if (argc > 0 && (strcmp(argv[0], "--version") == 0 ||
                     strcmp(argv[0], "version") == 0)) {
        buf_addf(&cli->out, "clusterctl (perigee) %s\n", PERIGEE_VERSION);
        return EXIT_OK;
    }
    if (argc > 0 &&
        (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
         strcmp(argv[0], "-h") == 0))
        return command_help(cli, argc - 1, argv + 1);
    if (argc == 0)
        return command_help(cli, 0, NULL);
    const struct command *command = command_find(argc, argv, &words);
    if (command == NULL)
        return command_unknown(cli, argc, argv);
    int rc = command_parse(command, cli, argc - words, argv + words);
    if (rc != 0)
        return rc < 0 ? EXIT_OK : rc;
    cli->colour = cli->colour && !cli->json;
    cli->talks = cli->talks && !cli->json;
    rc = watch_check(cli);
    return rc != 0 ? rc : command->run(cli);
}

int main(int argc, char **argv)
{
    int worker = script_worker_main(argc, argv);
    if (worker >= 0)
        return worker;

    struct cli cli = {.colour = wants_colour(STDOUT_FILENO),
                      .talks = wants_colour(STDERR_FILENO)};
    arena_init(&cli.arena);
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGPIPE, SIG_IGN);
    /* --json must hold for failures of parsing, too. */
    for (int i = 1; i < argc; i++)
        cli.json = cli.json || strcmp(argv[i], "--json") == 0;

    int status = run(&cli, argc - 1, argv + 1);

    if (cli.out.size > 0 && isatty(STDOUT_FILENO))
        cli_tame(cli.out.text, cli.out.size);
    if (cli.out.size > 0 && fwrite(cli.out.text, 1, cli.out.size, stdout) == 0)
        status = status ? status : EXIT_FAILED;
    edge_close(&cli);
    client_close(cli.http);
    buf_release(&cli.out);
    arena_release(&cli.arena);
    return status;
}
