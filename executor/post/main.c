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

enum { BODY_MAX = 4 << 20, ANSWER_MAX = 64 * 1024, TIMEOUT_MAX_S = 3600 };

static const char help[] =
    "perigee-post: POST what stdin says, print the answer\n"
    "\n"
    "usage: perigee-post [options] URL\n"
    "  URL             http:// or https://\n"
    "  --type TYPE     of what is sent (default: application/json)\n"
    "  --timeout SECS  for the whole (default: 60)\n"
    "\n"
    "Prints the status, a line feed, and the body of the answer (64 KiB at\n"
    "most). Exits with 0 when there was an answer, whatever its status.\n";

struct answer {
    char *data;
    size_t size;
};

/* What is longer than any answer should be is not read. */
static size_t on_data(char *data, size_t one, size_t count, void *context)
{
    struct answer *answer = context;
    size_t size = one * count;

    if (size > ANSWER_MAX - answer->size)
        return 0;
    memcpy(answer->data + answer->size, data, size);
    answer->size += size;
    return size;
}

static void set_options(CURL *curl, const char *url, long timeout_s, char *why)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT,
                           "perigee-post/" PERIGEE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
}

static int post(CURL *curl, const char *type, struct answer *body,
                struct answer *answer, char *why, struct err *err)
{
    char header[300];
    struct curl_slist *headers = NULL;
    long status = 0;

    (void)snprintf(header, sizeof header, "Content-Type: %s", type);
    headers = curl_slist_append(headers, header);
    headers = curl_slist_append(headers, "Expect:");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->size);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    CURLcode rc = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
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

static int read_body(struct answer *body, struct err *err)
{
    body->size = fread(body->data, 1, BODY_MAX, stdin);
    if (ferror(stdin))
        return err_set(err, ERR_IO, "stdin cannot be read");
    if (!feof(stdin) && fgetc(stdin) != EOF)
        return err_set(err, ERR_LIMIT, "stdin has more than %d bytes",
                       BODY_MAX);
    return 0;
}

static int run(const char *url, const char *type, long timeout_s,
               struct err *err)
{
    char why[CURL_ERROR_SIZE] = "";
    struct answer body = {malloc(BODY_MAX), 0};
    struct answer answer = {malloc(ANSWER_MAX), 0};
    CURL *curl = curl_easy_init();
    int rc = -ERR_INTERNAL;

    if (curl == NULL || body.data == NULL || answer.data == NULL) {
        (void)err_set(err, ERR_INTERNAL, "no memory, or no libcurl");
    } else if ((rc = read_body(&body, err)) == 0) {
        set_options(curl, url, timeout_s, why);
        rc = post(curl, type, &body, &answer, why, err);
    }
    if (curl != NULL)
        curl_easy_cleanup(curl);
    free(body.data);
    free(answer.data);
    return rc;
}

static bool is_plain(const char *type)
{
    return strlen(type) < 200 && strcspn(type, "\r\n") == strlen(type);
}

static const struct option options[] = {
    {"type", required_argument, NULL, 't'},
    {"timeout", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {0}};

int main(int argc, char **argv)
{
    const char *type = "application/json";
    struct err err = {0};
    long timeout_s = 60;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h' || option == 'v') {
            (void)fputs(option == 'h' ? help : "perigee " PERIGEE_VERSION "\n",
                        stdout);
            return 0;
        }
        if (option == 't')
            type = optarg;
        else if (option == 's')
            timeout_s = strtol(optarg, NULL, 10);
        else
            optind = argc + 1; /* getopt said what */
    }
    if (argc - optind != 1 || timeout_s < 1 || timeout_s > TIMEOUT_MAX_S ||
        !is_plain(type)) {
        (void)fputs(help, stderr);
        return 1;
    }
    if (run(argv[optind], type, timeout_s, &err) == 0)
        return 0;
    (void)fprintf(stderr, "%s\n", err.text);
    return 1;
}
