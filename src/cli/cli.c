/* Talking to people: failures, progress, colours, checked arguments. */
#include "cli/cli.h"

#include "base/text.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Which exit code tells a script what went wrong. */
static const struct {
    enum err_code code;
    enum exit_code exit;
} EXIT_FOR[] = {
    {ERR_INVALID, EXIT_BAD_PARAMETER},
    {ERR_NOT_FOUND, EXIT_FAILED},
    {ERR_EXISTS, EXIT_FAILED},
    {ERR_CONFLICT, EXIT_FAILED},
    {ERR_LIMIT, EXIT_BAD_PARAMETER},
    {ERR_BUSY, EXIT_API},
    {ERR_DENIED, EXIT_DENIED},
    {ERR_UNSUPPORTED, EXIT_FAILED},
    {ERR_TIMEOUT, EXIT_TIMED_OUT},
    {ERR_NETWORK, EXIT_NETWORK},
    {ERR_IO, EXIT_FAILED},
    {ERR_NO_SPACE, EXIT_FAILED},
    {ERR_DAMAGED, EXIT_FAILED},
    {ERR_JOB_UPDATING, EXIT_FAILED},
    {ERR_QUOTA, EXIT_FAILED},
};

enum exit_code cli_exit_code(const struct err *err)
{
    for (size_t i = 0; i < sizeof EXIT_FOR / sizeof EXIT_FOR[0]; i++)
        if (EXIT_FOR[i].code == err->code)
            return EXIT_FOR[i].exit;
    return EXIT_UNKNOWN;
}

static void put_if(struct json_writer *w, const char *key, const char *value)
{
    if (value[0] != '\0')
        json_put_string(w, key, value);
}

static void fail_json(struct cli *cli, const struct err *err)
{
    struct json_writer w;

    buf_clear(&cli->out); /* one document: the error alone */
    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_put_string(&w, "code", err_code_name(err->code));
    json_put_string(&w, "message", err->text);
    put_if(&w, "field", err->field);
    put_if(&w, "place", err->place);
    put_if(&w, "hint", err->hint);
    json_end_object(&w);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

/* "\033[31m": how many bytes it has; 0: it is none. */
static size_t colour_size(const char *text, size_t size)
{
    size_t at = 2;

    if (size < 3 || text[0] != '\033' || text[1] != '[')
        return 0;
    while (at < size && text[at] >= '0' && text[at] <= '9')
        at++;
    return at < size && text[at] == 'm' ? at + 1 : 0;
}

/* How many bytes stand here that a terminal obeys: C0, DEL, C1 as UTF-8. */
static size_t control_size(const char *text, size_t size)
{
    unsigned char c = (unsigned char)text[0];

    if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
        return 1;
    return c == 0xc2 && size > 1 && (unsigned char)text[1] < 0xa0 ? 2 : 0;
}

void cli_tame(char *text, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        size_t colour = colour_size(text + at, size - at);
        size_t control = colour ? 0 : control_size(text + at, size - at);
        memset(text + at, '?', control);
        at += colour ? colour - 1 : control ? control - 1 : 0;
    }
}

int cli_fail(struct cli *cli, enum exit_code code, const struct err *given)
{
    bool is_terminal = isatty(STDERR_FILENO), red = is_terminal && cli->talks;
    struct err copy = *given, *err = &copy;

    cli_progress_done(cli);
    if (cli->json) {
        fail_json(cli, err);
        return (int)code;
    }
    if (is_terminal) {
        cli_tame(err->text, strlen(err->text));
        cli_tame(err->hint, strlen(err->hint));
    }
    fprintf(stderr, "%serror:%s %s%s%s\n", red ? "\033[31m" : "",
            red ? "\033[0m" : "", err->place, err->place[0] ? ": " : "",
            err->text);
    if (err->field[0] != '\0')
        fprintf(stderr, "  in:   %s\n", err->field);
    if (err->hint[0] != '\0')
        fprintf(stderr, "  hint: %s\n", err->hint);
    return (int)code;
}

/* The error code that --json shows for a refusal made here. */
static enum err_code code_for(enum exit_code code)
{
    for (size_t i = 0; i < sizeof EXIT_FOR / sizeof EXIT_FOR[0]; i++)
        if (EXIT_FOR[i].exit == code)
            return EXIT_FOR[i].code;
    return ERR_INVALID;
}

int cli_refuse(struct cli *cli, enum exit_code code, const char *hint,
               const char *format, ...)
{
    struct err err = {0};
    va_list args;

    va_start(args, format);
    (void)err_setv(&err, code_for(code), format, args);
    va_end(args);
    if (hint != NULL)
        err_hint(&err, "%s", hint);
    return cli_fail(cli, code, &err);
}

void cli_progress(const struct cli *cli, const char *format, ...)
{
    va_list args;

    if (!cli->talks)
        return;
    fputs("\r\033[K", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fflush(stderr);
}

void cli_progress_done(const struct cli *cli)
{
    if (cli->talks)
        fputs("\r\033[K", stderr);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
    va_list args;

    if (cli->json)
        return;
    cli_progress_done(cli);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

const char *cli_colour(const struct cli *cli, enum cli_colour colour)
{
    static const char *const code[] = {
        [CLI_PLAIN] = "\033[0m",   [CLI_BOLD] = "\033[1m",
        [CLI_DIM] = "\033[2m",     [CLI_GREEN] = "\033[32m",
        [CLI_YELLOW] = "\033[33m", [CLI_RED] = "\033[31m",
    };
    return cli->colour ? code[colour] : "";
}

int cli_key(struct cli *cli, int index, struct job_key *key,
            struct instance_set *set)
{
    struct err err = {0};
    int rc = set != NULL
                 ? job_key_parse_with_instances(cli->arg[index], key, set, &err)
                 : job_key_parse(cli->arg[index], key, &err);

    if (rc == 0)
        return 0;
    if (err.hint[0] == '\0')
        err_hint(&err, "a key looks like devcluster/www-data/prod/web%s",
                 set != NULL
                     ? ", with instances devcluster/www-data/prod/web/0-2,5"
                     : "");
    return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
}

int cli_number(struct cli *cli, const char *what, const char *text, int64_t min,
               int64_t max, int64_t *out)
{
    struct err err = {0};

    if (text_int(text, min, max, out, &err) == 0)
        return 0;
    (void)err_wrap(&err, "%s", what);
    return cli_fail(cli, EXIT_BAD_PARAMETER, &err);
}
