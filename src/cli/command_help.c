/* --help and `clusterctl help`: what the tables of commands and options say,
 * and the pages of the job language. */
#include "cli/command.h"
#include "script/help.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

static void print_options(struct cli *cli, const struct command *command)
{
    struct option_info o;

    for (int i = 0; command_option(command, i, &o); i++) {
        char left[64];

        (void)snprintf(left, sizeof left, "%s%c%s--%s%s%s",
                       o.letter ? "-" : " ", o.letter ? o.letter : ' ',
                       o.letter ? ", " : "  ", o.name, o.value ? " " : "",
                       o.value ? o.value : "");
        buf_addf(&cli->out, "  %-28s %s\n", left, o.help);
    }
}

void command_show(struct cli *cli, const struct command *command)
{
    buf_addf(&cli->out, "usage: clusterctl %s %s [options]\n\n%s\n\noptions:\n",
             command->name, command->usage,
             command->summary ? command->summary
                              : "what a shell offers behind the words typed "
                                "so far; AT is the place of the last");
    print_options(cli, command);
    buf_addf(&cli->out, "\nman clusterctl has the details and exit codes.\n");
}

/* "probe" of "sla probe", asked for "sla"; NULL: of another noun. */
static const char *verb_under(const struct command *command, const char *noun)
{
    size_t size = strlen(noun);

    return strncmp(command->name, noun, size) == 0 && command->name[size] == ' '
               ? command->name + size + 1
               : NULL;
}

/* Every command, or those of one noun; how many there are. */
static int print_commands(struct cli *cli, const char *noun)
{
    const struct command *command;
    int count = 0;

    for (int i = 0; (command = command_at(i)) != NULL; i++) {
        char left[64];

        if (command->summary == NULL ||
            (noun != NULL && verb_under(command, noun) == NULL))
            continue;
        (void)snprintf(left, sizeof left, "%s %s", command->name,
                       command->usage);
        buf_addf(&cli->out, "  %-32s %s\n", left, command->summary);
        count++;
    }
    return count;
}

/* "get, set, list"; NULL: no noun of that name. */
static const char *verbs_of(struct cli *cli, const char *noun)
{
    const struct command *command;
    const char *list = NULL;

    for (int i = 0; (command = command_at(i)) != NULL; i++) {
        const char *verb = verb_under(command, noun);
        if (verb != NULL)
            list =
                list ? arena_printf(&cli->arena, "%s, %s", list, verb) : verb;
    }
    return list;
}

int command_unknown(struct cli *cli, int argc, char **argv)
{
    const char *verbs = verbs_of(cli, argv[0]);
    bool has_verb = verbs != NULL && argc > 1 && argv[1][0] != '-';
    const char *given =
        has_verb ? arena_printf(&cli->arena, "%s %s", argv[0], argv[1])
                 : argv[0];
    const char *nearest =
        verbs != NULL && !has_verb ? NULL : command_nearest(given);
    const char *hint = "`clusterctl help` lists the commands, `clusterctl help "
                       "object` the job language";

    if (nearest != NULL)
        hint = arena_printf(&cli->arena, "did you mean '%s'?", nearest);
    else if (verbs != NULL)
        hint = arena_printf(&cli->arena, "%s: %s", argv[0], verbs);
    return cli_refuse(cli, EXIT_BAD_COMMAND, hint, "no command '%s'", given);
}

static void print_all(struct cli *cli)
{
    buf_add_text(&cli->out,
                 "usage: clusterctl COMMAND [arguments] [options]\n\n");
    (void)print_commands(cli, NULL);
    buf_add_text(
        &cli->out,
        "\nKEY is cluster/role/environment/name; INSTANCES is like 0-2,5.\n"
        "`clusterctl help COMMAND` or `clusterctl COMMAND --help` says more,\n"
        "`clusterctl help object Process` explains the job language.\n"
        "Start here: clusterctl dev start\n");
}

/* help object [NAME]: the job language, from the schema. */
static int help_object(struct cli *cli, const char *name)
{
    const char *page = name != NULL ? help_page(name) : HELP_INDEX;
    struct json_writer w;

    if (page == NULL) {
        const char *nearest = help_nearest(name);
        return cli_refuse(
            cli, EXIT_BAD_PARAMETER,
            nearest ? arena_printf(&cli->arena, "did you mean '%s'?", nearest)
                    : "`clusterctl help object` lists what the language has",
            "the job language has no '%s'", name);
    }
    if (!cli->json) {
        buf_add_text(&cli->out, page);
        return EXIT_OK;
    }
    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "name", name != NULL ? name : "");
    json_put_string(&w, "text", page);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
    return EXIT_OK;
}

int command_help(struct cli *cli, int argc, char **argv)
{
    int words;

    while (argc > 0 && strcmp(argv[argc - 1], "--json") == 0)
        argc--;
    if (argc > 0 && strcmp(argv[0], "object") == 0)
        return help_object(cli, argc > 1 ? argv[1] : NULL);
    const struct command *command =
        argc > 0 ? command_find(argc, argv, &words) : NULL;
    if (command != NULL)
        command_show(cli, command);
    else if (argc == 0)
        print_all(cli);
    else if (argc > 1 || print_commands(cli, argv[0]) == 0)
        return command_unknown(cli, argc, argv);
    return EXIT_OK;
}
