#include "cli/cluster_json.h"

#include "sys/address.h"
#include "sys/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* In place of an address: why there is none. */
#define REFUSED "refused://"

size_t cluster_json_files(struct cli *cli, const char **file, size_t count)
{
    const char *home = getenv("HOME");
    const char *root = getenv("AURORA_CONFIG_ROOT");

    if (home != NULL && *home != '\0')
        file[count++] =
            arena_printf(&cli->arena, "%s/.aurora/clusters.json", home);
    file[count++] =
        arena_printf(&cli->arena, "%s/clusters.json",
                     root != NULL && *root != '\0' ? root : "/etc/aurora");
    return count;
}

bool cluster_json_is(const char *path)
{
    size_t size = strlen(path);

    return size > 5 && strcmp(path + size - 5, ".json") == 0;
}

static const char *text_of(struct cli *cli, const json_t *object,
                           const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? arena_strdup(&cli->arena, text) : NULL;
}

/* "http://host:port/path" as the address of a scheduler: the path is the old
 * client's affair. */
static char *address_of(struct cli *cli, const char *uri)
{
    struct err err = {0};
    struct url url;

    if (url_parse(uri, &url, &err) < 0)
        return arena_printf(&cli->arena, REFUSED "scheduler_uri: %s", err.text);
    return arena_printf(&cli->arena,
                        strchr(url.host, ':') ? "%s[%s]:%d" : "%s%s:%d",
                        url.is_tls ? "https://" : "", url.host, url.port);
}

/* Who does not say how he is known is known by a password in ~/.netrc, or not
 * at all: as with us. */
static bool is_spoken(const char *mechanism)
{
    return mechanism == NULL || strcasecmp(mechanism, "UNAUTHENTICATED") == 0 ||
           strcasecmp(mechanism, "BASIC") == 0;
}

static char *scheduler_of(struct cli *cli, const json_t *object)
{
    const char *uri = text_of(cli, object, "scheduler_uri");
    const char *mechanism = text_of(cli, object, "auth_mechanism");
    const char *zk = text_of(cli, object, "zk");

    if (!is_spoken(mechanism))
        return arena_printf(&cli->arena,
                            REFUSED "auth_mechanism '%s' is not spoken here: "
                                    "want UNAUTHENTICATED or BASIC",
                            mechanism);
    if (uri != NULL)
        return address_of(cli, uri);
    if (zk != NULL)
        return arena_printf(&cli->arena,
                            REFUSED "it is found through ZooKeeper (zk = "
                                    "'%s'), where perigee-aurora is not "
                                    "registered: add scheduler_uri",
                            zk);
    return arena_printf(&cli->arena, REFUSED "want scheduler_uri");
}

static int read_list(struct cli *cli, const char *path, const json_t *list,
                     Perigee__ClusterList *out, struct err *err)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count > CLUSTER_JSON_MAX)
        return err_set(err, ERR_INVALID,
                       "%s: want a list of at most %d clusters", path,
                       CLUSTER_JSON_MAX);
    out->cluster = arena_zalloc(&cli->arena, (count + 1) * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_array_get(list, i);
        Perigee__Cluster *cluster = arena_zalloc(&cli->arena, sizeof *cluster);
        perigee__cluster__init(cluster);
        cluster->name = (char *)text_of(cli, object, "name");
        if (cluster->name == NULL)
            return err_set(err, ERR_INVALID,
                           "%s: cluster %zu: want an object with a name", path,
                           i + 1);
        cluster->aurora = scheduler_of(cli, object);
        out->cluster[out->n_cluster++] = cluster;
    }
    return 0;
}

int cluster_json_load(struct cli *cli, const char *path,
                      Perigee__ClusterList **out, struct err *err)
{
    struct buf text = {0};
    json_error_t why;
    json_t *list = NULL;
    int rc = file_read(path, CLUSTER_JSON_BYTES_MAX, &text, err);

    if (rc == 0) {
        list = json_loadb(buf_text(&text), text.size, 0, &why);
        if (list == NULL)
            rc = err_set(err, ERR_INVALID, "%s:%d: %s", path, why.line,
                         why.text);
    }
    if (rc == 0) {
        *out = arena_zalloc(&cli->arena, sizeof **out);
        perigee__cluster_list__init(*out);
        rc = read_list(cli, path, list, *out, err);
    }
    json_decref(list);
    buf_release(&text);
    return rc;
}

bool cluster_json_is_refused(const Perigee__Cluster *cluster)
{
    return strncmp(cluster->aurora, REFUSED, sizeof REFUSED - 1) == 0;
}

int cluster_json_refuse(const Perigee__Cluster *cluster, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "cluster '%s' of clusters.json: %s",
                   cluster->name, cluster->aurora + sizeof REFUSED - 1);
}
