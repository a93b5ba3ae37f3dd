#include "cli/credentials.h"

#include "cli/cluster.h"
#include "cli/netrc.h"
#include "script/data.h"
#include "sys/file.h"
#include "wire/base64.h"
#include "wire/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int credentials_path(struct cli *cli, const char *cluster, bool make,
                     const char **out, struct err *err)
{
    const char *folder =
        arena_printf(&cli->arena, "%s/credentials", cluster_config_folder(cli));
    int rc = 0;

    if (!job_key_part_ok(cluster))
        return err_set(err, ERR_INVALID,
                       "cluster '%s': want letters, digits, '_', '-', '.'",
                       cluster);
    if (make)
        rc = dir_make(folder, 0700, err);
    if (rc == 0)
        *out = arena_printf(&cli->arena, "%s/%s.lua", folder, cluster);
    return rc;
}

/* Is it there (1), absent (0), or not to be used? */
static int check_private(const char *path, struct err *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s: want a file", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(err, ERR_DENIED, "%s: it belongs to somebody else",
                       path);
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return 1;
    (void)err_set(err, ERR_DENIED, "%s: others may use it (mode %04o)", path,
                  st.st_mode & 07777u);
    err_hint(err, "chmod 600 %s", path);
    return -ERR_DENIED;
}

/* From here on nothing of us is to be found on a disk. */
static void keep_secret(void)
{
    const struct rlimit none = {0};

    (void)setrlimit(RLIMIT_CORE, &none);
}

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

/* A header ends at its line; a colon would end the user. */
static int check_text(const char *path, const char *what, const char *text,
                      const char *unwanted, struct err *err)
{
    if (!is_given(text) ||
        (strlen(text) <= SECRET_BYTES_MAX && strpbrk(text, unwanted) == NULL))
        return 0;
    return err_set(
        err, ERR_INVALID, "%s: %s: want at most %d bytes on one line%s", path,
        what, SECRET_BYTES_MAX, strchr(unwanted, ':') ? ", without ':'" : "");
}

static int check(const char *path, const Perigee__Credentials *c,
                 struct err *err)
{
    bool has_password = is_given(c->user) || is_given(c->password);

    if (has_password && (!is_given(c->user) || !is_given(c->password)))
        return err_set(err, ERR_INVALID, "%s: user and password go together",
                       path);
    if (has_password && is_given(c->token))
        return err_set(err, ERR_INVALID, "%s: a password or a token, not both",
                       path);
    if (is_given(c->cert) != is_given(c->key))
        return err_set(err, ERR_INVALID, "%s: cert and key go together", path);
    if (check_text(path, "user", c->user, "\r\n:", err) < 0 ||
        check_text(path, "password", c->password, "\r\n", err) < 0 ||
        check_text(path, "token", c->token, "\r\n \t", err) < 0)
        return -(int)err->code;
    return 0;
}

/* Names of files are meant beside the file that names them. */
static char *beside(struct cli *cli, const char *path, char *name)
{
    const char *slash = strrchr(path, '/');

    if (!is_given(name) || *name == '/' || slash == NULL)
        return name;
    return arena_printf(&cli->arena, "%.*s/%s", (int)(slash - path), path,
                        name);
}

static int from_file(struct cli *cli, const char *path,
                     Perigee__Credentials *out, struct err *err)
{
    struct buf json = {0};
    ProtobufCMessage *message;
    int rc = script_data_file(path, NULL, &json, err);

    if (rc == 0)
        rc = codec_decode_strictly(&perigee__credentials__descriptor,
                                   "credentials", MEDIA_JSON, buf_bytes(&json),
                                   &cli->arena, &message, err);
    if (rc == 0) {
        *out = *(Perigee__Credentials *)message;
        out->cert = beside(cli, path, out->cert);
        out->key = beside(cli, path, out->key);
        rc = check(path, out, err);
    } else if (err->place[0] == '\0') {
        err_place(err, "%s", path);
    }
    if (json.size > 0)
        explicit_bzero(json.data, json.size);
    buf_release(&json);
    return rc;
}

static int from_netrc(struct cli *cli, const char *host,
                      Perigee__Credentials *out, struct err *err)
{
    const char *home = getenv("HOME");
    struct netrc_entry entry = {0};
    struct buf text = {0};
    const char *path;

    if (!is_given(home))
        return 0;
    path = arena_printf(&cli->arena, "%s/.netrc", home);
    if (access(path, F_OK) != 0)
        return 0;
    int rc = file_read(path, NETRC_BYTES_MAX, &text, err);
    if (rc == 0 && netrc_find(buf_bytes(&text), host, &cli->arena, &entry))
        rc = check_private(path, err);
    if (rc >= 0) {
        out->user = (char *)entry.login;
        out->password = (char *)entry.password;
        rc = check(path, out, err);
    }
    if (text.size > 0)
        explicit_bzero(text.data, text.size);
    buf_release(&text);
    return rc;
}

int credentials_find(struct cli *cli, const Perigee__Cluster *cluster,
                     const struct url *url, Perigee__Credentials *out,
                     struct err *err)
{
    const char *path;
    int rc = credentials_path(cli, cluster->name, false, &path, err);

    perigee__credentials__init(out);
    keep_secret();
    if (rc == 0)
        rc = check_private(path, err);
    if (rc < 0)
        return rc;
    return rc > 0 ? from_file(cli, path, out, err)
                  : from_netrc(cli, url->host, out, err);
}

int credentials_header(struct cli *cli, const Perigee__Credentials *who,
                       const struct url *url, const char **out, struct err *err)
{
    struct buf plain = {0}, text = {0};

    *out = NULL;
    if (!is_given(who->password) && !is_given(who->token))
        return 0;
    if (!url->is_tls && !address_is_loopback(url->host) && !cli->insecure) {
        (void)err_set(err, ERR_DENIED,
                      "%s: your %s would travel in plain for everybody to read",
                      url->host, is_given(who->token) ? "token" : "password");
        err_hint(err, "say tls = true in the list of clusters, or --insecure "
                      "when you know who listens");
        return -ERR_DENIED;
    }
    if (is_given(who->token)) {
        *out = arena_printf(&cli->arena, "Bearer %s", who->token);
        return 0;
    }
    buf_addf(&plain, "%s:%s", who->user, who->password);
    base64_encode(buf_bytes(&plain), &text);
    *out = arena_printf(&cli->arena, "Basic %s", buf_text(&text));
    explicit_bzero(plain.data, plain.size);
    explicit_bzero(text.data, text.size);
    buf_release(&plain);
    buf_release(&text);
    return 0;
}
