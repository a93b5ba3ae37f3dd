/* security check: what is wrong with the files that say who may do what, before
 * a scheduler reads them. It looks at the file alone and asks nobody. */
#include "cli/command.h"
#include "cli/jobfile.h"

#include "script/object_file.h"
#include "script/security_file.h"

#include <stdio.h>
#include <string.h>

/* What a file is for is not written in it, and its name need not say. */
static bool is_roles_file(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strstr(slash ? slash + 1 : path, "roles") != NULL;
}

static bool is_ini(const char *path)
{
    size_t size = strlen(path);

    return size > 4 && strcmp(path + size - 4, ".ini") == 0;
}

/* How many users, or roles, it has; negative with *err or problems set. */
static int look(struct evaluation *e, const char *path, size_t *count,
                struct err *err)
{
    struct users *users = NULL;
    struct os_users roles = {0};

    if (is_ini(path))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: a security.ini is checked by the scheduler that "
                       "reads it",
                       path);
    int rc = is_roles_file(path) ? roles_file_look(e, path, &roles, err)
                                 : security_file_look(e, path, &users, err);
    *count = users ? users->all.count : roles.by_role.count;
    if (rc == 0)
        users_unref(users);
    vec_free(&roles.by_role);
    return rc;
}

static void say(struct cli *cli, const char *path, size_t count, int rc,
                const Perigee__Evaluation *told, const struct err *err)
{
    const char *noun = is_roles_file(path) ? "role" : "user";

    if (rc == 0)
        buf_addf(&cli->out, "%s: fine, %zu %s%s\n", path, count, noun,
                 count == 1 ? "" : "s");
    else if (told->n_problems > 0)
        jobfile_print_problems(cli, told);
    else
        (void)cli_fail(cli, EXIT_BAD_CONFIG, err);
}

static void say_json(struct cli *cli, struct json_writer *w, const char *path,
                     int rc, const Perigee__Evaluation *told,
                     const struct err *err)
{
    json_begin_object(w);
    json_put_string(w, "file", path);
    json_put_bool(w, "ok", rc == 0);
    json_key(w, "problems");
    json_begin_array(w);
    if (told->n_problems > 0)
        jobfile_problems_json(cli, w, path, told);
    else if (rc < 0)
        jobfile_error_json(w, path, err);
    json_end_array(w);
    json_end_object(w);
}

static int check_one(struct cli *cli, const char *path, struct json_writer *w)
{
    Perigee__Evaluation told = PERIGEE__EVALUATION__INIT;
    struct evaluation e;
    struct err err = {0};
    size_t count = 0;

    evaluation_init(&e);
    int rc = look(&e, path, &count, &err);
    if (e.problems.count > 0)
        problems_pack(&e, &told);
    if (cli->json)
        say_json(cli, w, path, rc, &told, &err);
    else
        say(cli, path, count, rc, &told, &err);
    evaluation_release(&e);
    return rc < 0 ? EXIT_BAD_CONFIG : EXIT_OK;
}

int security_check_run(struct cli *cli)
{
    struct json_writer w;
    int worst = EXIT_OK;

    json_init(&w, &cli->out, 2);
    if (cli->json)
        json_begin_array(&w);
    for (int i = 0; i < cli->arg_count; i++) {
        int rc = check_one(cli, cli->arg[i], &w);
        worst = rc != EXIT_OK ? rc : worst;
    }
    if (cli->json) {
        json_end_array(&w);
        buf_add_char(&cli->out, '\n');
    }
    return worst;
}
