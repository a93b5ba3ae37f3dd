/* perigee-post: one request to the outside world, its answer on stdout.
 *
 * A program of its own for the reasons of perigee-fetch: names are resolved and
 * TLS is spoken by a process that can be killed. Nothing is sent twice and no
 * redirection is followed: a POST may have done something. */
#include "base/err.h"
#include "base/version.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BODY_MAX = 4 << 20,
    ANSWER_MAX = 64 * 1024,
    TIMEOUT_MAX_S = 3600,
    HEADERS_MAX = 32,
    PASSWORD_MAX = 1000
};

static const char help[] =
    "perigee-post: POST or mail what stdin says, print the answer\n"
    "\n"
    "usage: perigee-post [options] URL\n"
    "       perigee-post --mail-from ADDRESS --mail-to ADDRESS [options] URL\n"
    "  URL                  http:// or https://; smtp:// or smtps:// of a\n"
    "                       mail. '-': it is the first line of stdin; further\n"
    "                       headers of the POST may follow, then comes an\n"
    "                       empty line, then what is sent\n"
    "  --type TYPE          of what is sent (default: application/json)\n"
    "  --timeout SECS       for the whole (default: 60)\n"
    "  --mail-from ADDRESS  whom the mail is from\n"
    "  --mail-to ADDRESS    who gets it\n"
    "  --tls WHEN           of smtp://: 'offered' (default) or 'required'\n"
    "  --ca FILE            certificates that are trusted\n"
    "  --user NAME          sign in\n"
    "  --password FILE      with the first line of it\n"
    "\n"
    "Prints the status, a line feed, and the body of the answer (64 KiB at\n"
    "most). Exits with 0 when there was an answer, whatever its status.\n";

struct content {
    char *data;
    size_t size;
    size_t at; /* of a mail: sent so far */
};

struct post {
    const char *url, *type;
    long timeout_s;
    const char *mail_from, *mail_to, *tls, *ca, *user, *password;
    struct content body;
    const char *header[HEADERS_MAX];
    int header_count;
};

/* What is longer than any answer should be is not read. */
static size_t on_data(char *data, size_t one, size_t count, void *context)
{
    struct content *answer = context;
    size_t size = one * count;

    if (size > ANSWER_MAX - answer->size)
        return 0;
    memcpy(answer->data + answer->size, data, size);
    answer->size += size;
    return size;
}

static size_t on_wanted(char *data, size_t one, size_t count, void *context)
{
    struct content *body = context;
    size_t size = one * count, left = body->size - body->at;

    if (size > left)
        size = left;
    memcpy(data, body->data + body->at, size);
    body->at += size;
    return size;
}

static void set_options(CURL *curl, const struct post *p, char *why)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, p->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                           p->mail_to ? "smtp,smtps" : "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, p->timeout_s);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT,
                           "perigee-post/" PERIGEE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    if (p->ca)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, p->ca);
}

/* --- requests --- */

static struct curl_slist *set_post(CURL *curl, const struct post *p)
{
    char type[300];
    struct curl_slist *headers = NULL;

    (void)snprintf(type, sizeof type, "Content-Type: %s", p->type);
    headers = curl_slist_append(headers, type);
    headers = curl_slist_append(headers, "Expect:");
    for (int i = 0; i < p->header_count; i++)
        headers = curl_slist_append(headers, p->header[i]);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)p->body.size);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, p->body.data);
    return headers;
}

/* --- mails --- */

static int read_password(const char *path, char out[PASSWORD_MAX],
                         struct err *err)
{
    FILE *file = fopen(path, "re");
    bool is_read = file != NULL && fgets(out, PASSWORD_MAX, file) != NULL;

    if (file != NULL)
        (void)fclose(file);
    if (!is_read)
        return err_set(err, ERR_IO,
                       "password file '%s': cannot be read, or "
                       "is empty",
                       path);
    out[strcspn(out, "\r\n")] = '\0';
    return 0;
}

static int set_mail(CURL *curl, struct post *p, struct curl_slist **list,
                    struct err *err)
{
    bool is_required = strcmp(p->tls, "required") == 0;
    char text[400], password[PASSWORD_MAX];

    (void)snprintf(text, sizeof text, "<%s>", p->mail_from);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, text);
    (void)snprintf(text, sizeof text, "<%s>", p->mail_to);
    *list = curl_slist_append(NULL, text);
    (void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, *list);
    (void)curl_easy_setopt(curl, CURLOPT_USE_SSL,
                           is_required ? (long)CURLUSESSL_ALL
                                       : (long)CURLUSESSL_TRY);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_wanted);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, &p->body);
    if (p->user == NULL)
        return 0;
    if (read_password(p->password, password, err) < 0)
        return -(int)err->code;
    (void)curl_easy_setopt(curl, CURLOPT_USERNAME, p->user);
    (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
    explicit_bzero(password, sizeof password);
    return 0;
}

/* --- both --- */

static int perform(CURL *curl, struct content *answer, const char *why,
                   struct err *err)
{
    long status = 0;

    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    CURLcode rc = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_WRITE_ERROR)
        return err_set(err, ERR_LIMIT, "the answer is longer than %d bytes",
                       ANSWER_MAX);
    if (rc != CURLE_OK)
        return err_set(err, ERR_NETWORK, "%s",
                       *why ? why : curl_easy_strerror(rc));
    (void)printf("%ld\n", status);
    (void)fwrite(answer->data, 1, answer->size, stdout);
    return 0;
}

static int talk(CURL *curl, struct post *p, struct content *answer,
                struct err *err)
{
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *list = NULL;
    int rc = 0;

    set_options(curl, p, why);
    if (p->mail_to)
        rc = set_mail(curl, p, &list, err);
    else
        list = set_post(curl, p);
    if (rc == 0)
        rc = perform(curl, answer, why, err);
    curl_slist_free_all(list);
    return rc;
}

static int read_body(struct content *body, struct err *err)
{
    body->size = fread(body->data, 1, BODY_MAX, stdin);
    body->data[body->size] = '\0';
    if (ferror(stdin))
        return err_set(err, ERR_IO, "stdin cannot be read");
    if (!feof(stdin) && fgetc(stdin) != EOF)
        return err_set(err, ERR_LIMIT, "stdin has more than %d bytes",
                       BODY_MAX);
    return 0;
}

/* The next line of the head, which is cut off the body; NULL: there is none. */
static char *take_line(struct content *body)
{
    char *line = body->data, *end = memchr(line, '\n', body->size);

    if (end == NULL)
        return NULL;
    *end = '\0';
    body->size -= (size_t)(end + 1 - line);
    body->data = end + 1;
    return line;
}

/* The URL, headers, an empty line. */
static int read_head(struct post *p, struct err *err)
{
    const char *line = take_line(&p->body);

    p->url = line;
    while (line != NULL && *line != '\0') {
        line = take_line(&p->body);
        if (line == NULL || *line == '\0')
            break;
        if (p->header_count == HEADERS_MAX)
            return err_set(err, ERR_LIMIT, "more than %d headers", HEADERS_MAX);
        p->header[p->header_count++] = line;
    }
    if (line == NULL)
        return err_set(err, ERR_INVALID,
                       "stdin: want a URL, headers, and an empty line");
    return 0;
}

static int run(struct post *p, struct err *err)
{
    char *input = malloc(BODY_MAX + 1);
    struct content answer = {.data = malloc(ANSWER_MAX)};
    CURL *curl = curl_easy_init();
    int rc = -ERR_INTERNAL;

    p->body.data = input;
    if (curl == NULL || input == NULL || answer.data == NULL)
        (void)err_set(err, ERR_INTERNAL, "no memory, or no libcurl");
    else
        rc = read_body(&p->body, err);
    if (rc == 0 && strcmp(p->url, "-") == 0)
        rc = read_head(p, err);
    if (rc == 0)
        rc = talk(curl, p, &answer, err);
    if (curl != NULL)
        curl_easy_cleanup(curl);
    free(input);
    free(answer.data);
    return rc;
}

static bool is_plain(const char *text)
{
    return text == NULL ||
           (strlen(text) < 300 && strcspn(text, "\r\n<>") == strlen(text));
}

static const struct option options[] = {
    {"type", required_argument, NULL, 't'},
    {"timeout", required_argument, NULL, 's'},
    {"mail-from", required_argument, NULL, 'f'},
    {"mail-to", required_argument, NULL, 'r'},
    {"tls", required_argument, NULL, 'l'},
    {"ca", required_argument, NULL, 'c'},
    {"user", required_argument, NULL, 'u'},
    {"password", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {0}};

/* Where the option's text goes; NULL: it is none that has one. */
static const char **place_of(struct post *p, int option)
{
    switch (option) {
    case 't':
        return &p->type;
    case 'f':
        return &p->mail_from;
    case 'r':
        return &p->mail_to;
    case 'l':
        return &p->tls;
    case 'c':
        return &p->ca;
    case 'u':
        return &p->user;
    case 'p':
        return &p->password;
    default:
        return NULL;
    }
}

static bool is_sound(const struct post *p)
{
    return p->timeout_s >= 1 && p->timeout_s <= TIMEOUT_MAX_S &&
           is_plain(p->type) && is_plain(p->mail_from) &&
           is_plain(p->mail_to) && (!p->mail_from) == (!p->mail_to) &&
           (!p->user) == (!p->password) &&
           (strcmp(p->tls, "offered") == 0 || strcmp(p->tls, "required") == 0);
}

int main(int argc, char **argv)
{
    struct post p = {
        .type = "application/json", .timeout_s = 60, .tls = "offered"};
    struct err err = {0};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h' || option == 'v') {
            (void)fputs(option == 'h' ? help : "perigee " PERIGEE_VERSION "\n",
                        stdout);
            return 0;
        }
        if (option == 's')
            p.timeout_s = strtol(optarg, NULL, 10);
        else if (place_of(&p, option))
            *place_of(&p, option) = optarg;
        else
            optind = argc + 1; /* getopt said what */
    }
    if (argc - optind != 1 || !is_sound(&p)) {
        (void)fputs(help, stderr);
        return 1;
    }
    p.url = argv[optind];
    if (run(&p, &err) == 0)
        return 0;
    (void)fprintf(stderr, "%s\n", err.text);
    return 1;
}
