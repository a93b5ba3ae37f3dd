/* login, logout: the credentials of a cluster, in a file of their own. */
#include "cli/command.h"
#include "cli/credentials.h"
#include "cli/hidden.h"
#include "sys/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int read_secret(struct cli *cli, char out[SECRET_BYTES_MAX + 2])
{
    const char *prompt = cli->user != NULL ? "password: " : "token: ";
    int rc = hidden_line(prompt, out, SECRET_BYTES_MAX + 2);

    out[rc == 0 ? strcspn(out, "\r") : 0] = '\0';
    if (out[0] != '\0' && strlen(out) <= SECRET_BYTES_MAX)
        return 0;
    return cli_refuse(cli, EXIT_BAD_PARAMETER,
                      "clusterctl login CLUSTER < FILE, or type it",
                      "the secret on stdin: want one line of at most %d bytes",
                      SECRET_BYTES_MAX);
}

/* A text as Lua writes it. */
static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_addf(out, "  %s = \"", name);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
            buf_addf(out, "\\%03u", *p);
        else
            buf_add_char(out, (char)*p);
    buf_add_text(out, "\",\n");
}

static int keep(struct cli *cli, const char *secret)
{
    struct buf text = {0};
    struct err err = {0};
    const char *path;
    int rc = credentials_path(cli, cli->arg[0], true, &path, &err);

    buf_add_text(&text, "return {\n");
    if (cli->user != NULL)
        put_text(&text, "user", cli->user);
    put_text(&text, cli->user != NULL ? "password" : "token", secret);
    buf_add_text(&text, "}\n");
    if (rc == 0)
        rc = file_write(path, buf_bytes(&text), 0600, true, &err);
    explicit_bzero(text.data, text.size);
    buf_release(&text);
    if (rc < 0)
        return cli_fail(cli, cli_exit_code(&err), &err);
    cli_say(cli, "kept in %s", path);
    return EXIT_OK;
}

int login_run(struct cli *cli)
{
    char secret[SECRET_BYTES_MAX + 2];

    if (cli->user != NULL &&
        (cli->user[0] == '\0' || strpbrk(cli->user, ":\r\n") != NULL))
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "user '%s': want a name without ':'", cli->user);
    int rc = read_secret(cli, secret);
    if (rc == 0)
        rc = keep(cli, secret);
    explicit_bzero(secret, sizeof secret);
    return rc;
}

int logout_run(struct cli *cli)
{
    struct err err = {0};
    const char *path;

    if (credentials_path(cli, cli->arg[0], false, &path, &err) < 0)
        return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
    if (unlink(path) == 0) {
        cli_say(cli, "%s is gone", path);
        return EXIT_OK;
    }
    if (errno == ENOENT)
        return cli_refuse(cli, EXIT_FAILED, NULL,
                          "nothing is kept for cluster %s", cli->arg[0]);
    return cli_refuse(cli, EXIT_FAILED, NULL, "%s: %s", path, strerror(errno));
}
