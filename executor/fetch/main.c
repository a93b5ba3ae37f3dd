/* perigee-fetch: one thing from the outside world into a directory.
 *
 * A program of its own because libcurl costs milliseconds and megabytes, and
 * because archives are read by a process that can be killed. Nothing an archive
 * holds is written outside the directory; nothing appears under its final name
 * before it is whole and its hash is right. */
#include "base/err.h"
#include "base/version.h"
#include "sys/sha256.h"

#include <archive.h>
#include <archive_entry.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_BYTES = 256,
    ENTRIES_MAX = 1 << 20, /* of an archive */
    CONNECT_TIMEOUT_S = 30,
    STALL_S = 60, /* without a byte: give up */
    REDIRECTS_MAX = 10,
    BLOCK = 64 * 1024
};

static const int64_t SIZE_MAX_BYTES = (int64_t)64 << 30; /* in all */

struct job {
    const char *directory, *uri, *sha256, *ca;
    char output[NAME_BYTES];
    char temporary[NAME_BYTES];
    bool executable, extract;
    int fd; /* of the temporary file */
    int64_t size;
};

static const char help[] =
    "perigee-fetch: fetch one URI into a directory\n"
    "\n"
    "usage: perigee-fetch --directory DIR [options] URI\n"
    "  URI            http://, https://, file:// or an absolute path\n"
    "  --output NAME  file name in DIR (default: the last part of URI)\n"
    "  --executable   make it executable\n"
    "  --extract      unpack it in DIR when its name is an archive's: .tar,\n"
    "                 .tar.gz .tgz .tar.bz2 .tbz2 .tar.xz .txz .tar.zst\n"
    "                 .zip .gz\n"
    "  --sha256 HEX   refuse it unless this is its hash\n"
    "  --ca FILE      CAs that https:// is checked against, PEM (default: the\n"
    "                 machine's)\n";

/* --- getting --- */

static int write_piece(struct job *job, const char *data, size_t size,
                       struct err *err)
{
    job->size += (int64_t)size;
    if (job->size > SIZE_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "it is larger than %lld bytes",
                       (long long)SIZE_MAX_BYTES);
    while (size > 0) {
        ssize_t n = write(job->fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                           "cannot write: %s", strerror(errno));
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

struct download {
    struct job *job;
    struct err *err;
};

static size_t on_data(char *data, size_t one, size_t count, void *context)
{
    struct download *download = context;
    size_t size = one * count;
    return write_piece(download->job, data, size, download->err) == 0 ? size
                                                                      : 0;
}

static void set_options(CURL *curl, struct download *download, char *why)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, download->job->uri);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    if (download->job->ca != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, download->job->ca);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    (void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                           (long)CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT,
                           "perigee-fetch/" PERIGEE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
}

static int get_http(struct job *job, struct err *err)
{
    char why[CURL_ERROR_SIZE] = "";
    struct download download = {job, err};
    CURL *curl = curl_easy_init();

    if (curl == NULL)
        return err_set(err, ERR_INTERNAL, "libcurl cannot be used");
    err->code = ERR_NONE;
    set_options(curl, &download, why);
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (rc == CURLE_OK)
        return 0;
    if (err->code != ERR_NONE)
        return -(int)err->code;
    return err_set(err, ERR_NETWORK, "%s", *why ? why : curl_easy_strerror(rc));
}

static int get_file(struct job *job, const char *path, struct err *err)
{
    char block[BLOCK];
    ssize_t n = 0;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "%s", strerror(errno));
    while (rc == 0 && (n = read(fd, block, sizeof block)) != 0) {
        if (n > 0)
            rc = write_piece(job, block, (size_t)n, err);
        else if (errno != EINTR)
            rc = err_set(err, ERR_IO, "%s", strerror(errno));
    }
    (void)close(fd);
    return rc;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static int get(struct job *job, struct err *err)
{
    if (starts_with(job->uri, "http://") || starts_with(job->uri, "https://"))
        return get_http(job, err);
    if (starts_with(job->uri, "file:///"))
        return get_file(job, job->uri + strlen("file://"), err);
    if (job->uri[0] == '/')
        return get_file(job, job->uri, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "want http://, https://, file:/// or an absolute path");
}

/* --- checking and naming --- */

static int check_hash(const struct job *job, struct err *err)
{
    char text[SHA256_TEXT_MAX];
    void *bytes = NULL;
    size_t size = (size_t)job->size;

    if (job->sha256 == NULL)
        return 0;
    if (size > 0)
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, job->fd, 0);
    if (bytes == MAP_FAILED)
        return err_set(err, ERR_IO, "cannot be read back: %s", strerror(errno));
    (void)sha256_text(bytes_of(bytes, size), text);
    if (bytes != NULL)
        (void)munmap(bytes, size);
    if (strcasecmp(text, job->sha256) == 0)
        return 0;
    return err_set(err, ERR_DAMAGED, "its SHA-256 is %s, want %s", text,
                   job->sha256);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t a = strlen(text), b = strlen(suffix);
    return a > b && strcasecmp(text + a - b, suffix) == 0;
}

static bool is_archive(const char *name)
{
    static const char *const suffixes[] = {
        ".tar",    ".tar.gz",  ".tgz", ".tar.bz2", ".tbz2",
        ".tar.xz", ".tar.zst", ".txz", ".zip",     NULL};
    for (const char *const *suffix = suffixes; *suffix != NULL; suffix++)
        if (ends_with(name, *suffix))
            return true;
    return false;
}

/* The last part of a URI, without its query. */
static void name_from_uri(struct job *job)
{
    size_t end = strcspn(job->uri, "?#");
    size_t begin = end;
    while (begin > 0 && job->uri[begin - 1] != '/')
        begin--;
    (void)snprintf(job->output, sizeof job->output, "%.*s", (int)(end - begin),
                   job->uri + begin);
}

static int check_name(const char *name, struct err *err)
{
    if (*name == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return err_set(err, ERR_INVALID,
                       "'%.100s': want a file name (--output)", name);
    return 0;
}

/* --- unpacking --- */

/* Relative, and no part of it is "..". */
static bool stays_inside(const char *path)
{
    if (path == NULL)
        return true;
    if (*path == '/')
        return false;
    for (const char *at = path; *at != '\0';) {
        size_t size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return false;
        at += size;
        at += strspn(at, "/");
    }
    return true;
}

static int check_entry(struct archive_entry *entry, struct err *err)
{
    const char *path = archive_entry_pathname(entry);
    __LA_MODE_T type = archive_entry_filetype(entry);

    if (path == NULL || *path == '\0')
        return err_set(err, ERR_INVALID, "archive: an entry has no name");
    if (!stays_inside(path) || !stays_inside(archive_entry_hardlink(entry)))
        return err_set(err, ERR_DENIED,
                       "archive: '%.200s' leaves the directory", path);
    if (archive_entry_hardlink(entry) == NULL && type != AE_IFREG &&
        type != AE_IFDIR && type != AE_IFLNK)
        return err_set(err, ERR_DENIED,
                       "archive: '%.200s' is neither file, directory nor link",
                       path);
    return 0;
}

static int archive_failed(struct archive *archive, struct err *err)
{
    const char *why = archive_error_string(archive);
    return err_set(err, ERR_INVALID, "archive: %s", why ? why : "unreadable");
}

static int copy_content(struct archive *from, struct archive *to,
                        int64_t *total, struct err *err)
{
    const void *block;
    size_t size;
    la_int64_t offset;
    int rc;

    while ((rc = archive_read_data_block(from, &block, &size, &offset)) ==
           ARCHIVE_OK) {
        *total += (int64_t)size;
        if (*total > SIZE_MAX_BYTES)
            return err_set(err, ERR_LIMIT,
                           "archive: it unpacks to more than %lld bytes",
                           (long long)SIZE_MAX_BYTES);
        if (archive_write_data_block(to, block, size, offset) < ARCHIVE_OK)
            return archive_failed(to, err);
    }
    return rc == ARCHIVE_EOF ? 0 : archive_failed(from, err);
}

static int unpack_entries(struct archive *from, struct archive *to,
                          struct err *err)
{
    struct archive_entry *entry;
    int64_t total = 0;
    int found, count = 0;

    while ((found = archive_read_next_header(from, &entry)) == ARCHIVE_OK ||
           found == ARCHIVE_WARN) {
        int rc = check_entry(entry, err);
        if (rc == 0 && ++count > ENTRIES_MAX)
            rc = err_set(err, ERR_LIMIT, "archive: more than %d entries",
                         ENTRIES_MAX);
        if (rc == 0 && archive_write_header(to, entry) < ARCHIVE_WARN)
            rc = archive_failed(to, err);
        if (rc == 0)
            rc = copy_content(from, to, &total, err);
        if (rc == 0 && archive_write_finish_entry(to) < ARCHIVE_WARN)
            rc = archive_failed(to, err);
        if (rc != 0)
            return rc;
    }
    return found == ARCHIVE_EOF ? 0 : archive_failed(from, err);
}

static struct archive *new_reader(void)
{
    struct archive *reader = archive_read_new();
    (void)archive_read_support_filter_all(reader);
    (void)archive_read_support_format_tar(reader);
    (void)archive_read_support_format_zip(reader);
    return reader;
}

static int unpack(const struct job *job, struct err *err)
{
    int rc;
    struct archive *from = new_reader();
    struct archive *to = archive_write_disk_new();

    (void)archive_write_disk_set_options(
        to, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    if (archive_read_open_filename(from, job->output, BLOCK) != ARCHIVE_OK)
        rc = archive_failed(from, err);
    else
        rc = unpack_entries(from, to, err);
    if (archive_write_close(to) != ARCHIVE_OK && rc == 0)
        rc = archive_failed(to, err);
    (void)archive_write_free(to);
    (void)archive_read_free(from);
    return rc;
}

/* name.gz -> name: one compressed file. */
static int gunzip(const struct job *job, struct err *err)
{
    char name[NAME_BYTES];
    struct archive_entry *entry;
    struct archive *from = archive_read_new();
    int rc = 0;

    (void)snprintf(name, sizeof name, "%.*s", (int)strlen(job->output) - 3,
                   job->output);
    (void)archive_read_support_filter_gzip(from);
    (void)archive_read_support_format_raw(from);
    if (archive_read_open_filename(from, job->output, BLOCK) != ARCHIVE_OK ||
        archive_read_next_header(from, &entry) != ARCHIVE_OK)
        rc = archive_failed(from, err);
    if (rc == 0) {
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
        if (fd < 0 || archive_read_data_into_fd(from, fd) != ARCHIVE_OK)
            rc = err_set(err, ERR_IO, "'%s': %s", name,
                         fd < 0 ? strerror(errno) : archive_error_string(from));
        if (fd >= 0)
            (void)close(fd);
    }
    (void)archive_read_free(from);
    return rc;
}

static int extract(const struct job *job, struct err *err)
{
    if (is_archive(job->output))
        return unpack(job, err);
    if (ends_with(job->output, ".gz"))
        return gunzip(job, err);
    return 0;
}

/* --- the whole --- */

static int finish(struct job *job, struct err *err)
{
    int rc = check_hash(job, err);
    if (rc != 0)
        return rc;
    if (fchmod(job->fd, job->executable ? 0755 : 0644) != 0 ||
        rename(job->temporary, job->output) != 0)
        return err_set(err, ERR_IO, "'%s': %s", job->output, strerror(errno));
    job->temporary[0] = '\0';
    return job->extract ? extract(job, err) : 0;
}

static int fetch(struct job *job, struct err *err)
{
    int rc;
    if (job->output[0] == '\0')
        name_from_uri(job);
    if ((rc = check_name(job->output, err)) != 0)
        return rc;
    if (chdir(job->directory) != 0)
        return err_set(err, ERR_IO, "directory '%s': %s", job->directory,
                       strerror(errno));
    (void)snprintf(job->temporary, sizeof job->temporary, ".fetch-XXXXXX");
    job->fd = mkostemp(job->temporary, O_CLOEXEC);
    if (job->fd < 0)
        return err_set(err, ERR_IO, "directory '%s': %s", job->directory,
                       strerror(errno));
    rc = get(job, err);
    if (rc == 0)
        rc = finish(job, err);
    if (job->temporary[0] != '\0')
        (void)unlink(job->temporary);
    (void)close(job->fd);
    return rc;
}

static int take_option(struct job *job, int option)
{
    switch (option) {
    case 'd':
        job->directory = optarg;
        return 0;
    case 'o':
        (void)snprintf(job->output, sizeof job->output, "%s", optarg);
        return strlen(optarg) < sizeof job->output ? 0 : -1;
    case 's':
        job->sha256 = optarg;
        return 0;
    case 'c':
        job->ca = optarg;
        return 0;
    case 'e':
        job->executable = true;
        return 0;
    case 'x':
        job->extract = true;
        return 0;
    default:
        return -1;
    }
}

static const struct option options[] = {
    {"directory", required_argument, NULL, 'd'},
    {"output", required_argument, NULL, 'o'},
    {"sha256", required_argument, NULL, 's'},
    {"ca", required_argument, NULL, 'c'},
    {"executable", no_argument, NULL, 'e'},
    {"extract", no_argument, NULL, 'x'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {0}};

int main(int argc, char **argv)
{
    struct job job = {.fd = -1};
    struct err err = {0};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h' || option == 'v') {
            (void)fputs(option == 'h' ? help : "perigee " PERIGEE_VERSION "\n",
                        stdout);
            return 0;
        }
        if (take_option(&job, option) != 0) {
            (void)fputs(help, stderr);
            return 1;
        }
    }
    if (argc - optind != 1 || job.directory == NULL) {
        (void)fputs(help, stderr);
        return 1;
    }
    job.uri = argv[optind];
    if (fetch(&job, &err) == 0)
        return 0;
    (void)fprintf(stderr, "cannot fetch '%s': %s\n", job.uri, err.text);
    return 1;
}
