/* user hash, user token: what stands in security.lua instead of secrets. No
 * secret is ever an argument: those are seen by everybody on the machine. */
#include "cli/command.h"
#include "cli/hidden.h"
#include "sys/secret.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_password(struct cli *cli, char out[SECRET_MAX])
{
    char again[SECRET_MAX] = "";
    bool differs = false;

    if (hidden_line("password: ", out, SECRET_MAX) < 0 || *out == '\0')
        return cli_refuse(cli, EXIT_BAD_PARAMETER,
                          "give it on standard input, or at the terminal",
                          "password: want 1 to %d bytes on one line",
                          SECRET_MAX - 1);
    if (isatty(STDIN_FILENO))
        differs = hidden_line("again: ", again, sizeof again) < 0 ||
                  strcmp(again, out) != 0;
    secret_wipe(again, sizeof again);
    return differs ? cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                                "the two passwords differ")
                   : EXIT_OK;
}

int user_hash_run(struct cli *cli)
{
    char password[SECRET_MAX] = "", hash[SECRET_HASH_MAX] = "";
    struct err err = {0};
    int rc = read_password(cli, password);

    if (rc == EXIT_OK && secret_hash_password(password, hash, &err) < 0)
        rc = cli_fail(cli, EXIT_FAILED, &err);
    secret_wipe(password, sizeof password);
    if (rc != EXIT_OK)
        return rc;
    if (cli->json) {
        struct json_writer w;
        json_init(&w, &cli->out, 2);
        json_begin_object(&w);
        json_put_string(&w, "hash", hash);
        json_end_object(&w);
    } else {
        buf_add_text(&cli->out, hash);
    }
    buf_add_char(&cli->out, '\n');
    return EXIT_OK;
}

int user_token_run(struct cli *cli)
{
    char token[SECRET_HASH_MAX], hash[SECRET_HASH_MAX];

    secret_token_new(token);
    secret_token_hash(token, hash);
    if (cli->json) {
        struct json_writer w;
        json_init(&w, &cli->out, 2);
        json_begin_object(&w);
        json_put_string(&w, "token", token);
        json_put_string(&w, "hash", hash);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    } else {
        buf_addf(&cli->out, "token (for the client, shown once):  %s\n", token);
        buf_addf(&cli->out, "hash (for security.lua):             %s\n", hash);
    }
    secret_wipe(token, sizeof token);
    return EXIT_OK;
}
