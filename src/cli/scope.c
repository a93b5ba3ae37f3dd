#include "cli/scope.h"

#include <string.h>

enum { PARTS_MAX = 4 };

static int refuse(struct cli *cli, int parts_max)
{
    static const char *const want[PARTS_MAX + 1] = {
        "", "CLUSTER", "CLUSTER[/ROLE]", "CLUSTER[/ROLE[/ENV]]",
        "CLUSTER[/ROLE[/ENV[/NAME]]]"};

    return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL, "'%s': want %s",
                      cli->arg[0], want[parts_max]);
}

int scope_read(struct cli *cli, int parts_max, struct scope *out)
{
    char *part[PARTS_MAX] = {0};
    int count = 0;

    *out = (struct scope){0};
    if (cli->arg_count == 0)
        return 0;
    char *rest = arena_strdup(&cli->arena, cli->arg[0]);
    while (rest != NULL && !(count > 0 && *rest == '\0')) {
        char *one = strsep(&rest, "/");
        if (count == parts_max || *one == '\0')
            return refuse(cli, parts_max);
        part[count++] = one;
    }
    *out = (struct scope){part[0], part[1], part[2], part[3]};
    return 0;
}
