/* Reading the lists of clusters. */
#include "cli/cluster.h"

#include "cli/cluster_json.h"

#include "script/data.h"
#include "sys/address.h"
#include "sys/file.h"
#include "wire/codec.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOURCES_MAX = 5 };

const char *cluster_config_folder(struct cli *cli)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (xdg != NULL && xdg[0] == '/')
        return arena_printf(&cli->arena, "%s/clusterctl", xdg);
    return arena_printf(&cli->arena, "%s/.config/clusterctl",
                        home != NULL && home[0] != '\0' ? home : "/root");
}

/* The files to look at, in order; *given says that the user chose the file. */
static size_t sources(struct cli *cli, const char *file[SOURCES_MAX],
                      bool *given)
{
    const char *chosen = getenv("CLUSTERCTL_CLUSTERS");

    *given = chosen != NULL && chosen[0] != '\0';
    if (*given) {
        file[0] = chosen;
        return 1;
    }
    file[0] = arena_printf(&cli->arena, "%s/clusters.lua",
                           cluster_config_folder(cli));
    file[1] =
        arena_printf(&cli->arena, "%s/dev.lua", cluster_config_folder(cli));
    file[2] = "/etc/perigee/clusters.lua";
    return cluster_json_files(cli, file, 3);
}

/* A CA is named beside the file that names it. */
static void settle_ca(struct cli *cli, const char *path,
                      Perigee__ClusterList *list)
{
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; i < list->n_cluster && slash != NULL; i++) {
        Perigee__Cluster *cluster = list->cluster[i];
        if (cluster->ca != NULL && *cluster->ca != '/')
            cluster->ca = arena_printf(&cli->arena, "%.*s/%s",
                                       (int)(slash - path), path, cluster->ca);
    }
}

static int load(struct cli *cli, const char *path, Perigee__ClusterList **out,
                struct err *err)
{
    if (cluster_json_is(path))
        return cluster_json_load(cli, path, out, err);
    struct buf json = {0};
    ProtobufCMessage *message;
    int rc = script_data_file(path, "cluster", &json, err);

    if (rc == 0)
        rc = codec_decode(&perigee__cluster_list__descriptor, "ClusterList",
                          MEDIA_JSON, buf_bytes(&json), &cli->arena, &message,
                          err);
    if (rc == 0) {
        *out = (Perigee__ClusterList *)message;
        settle_ca(cli, path, *out);
    } else if (err->place[0] == '\0') {
        err_place(err, "%s", path);
    }
    buf_release(&json);
    return rc;
}

static bool is_named(const Perigee__Cluster *cluster, const char *name)
{
    return cluster->name != NULL && strcmp(cluster->name, name) == 0;
}

/* Look through the sources; names met on the way are put into *known. */
static int search(struct cli *cli, const char *name,
                  const Perigee__Cluster **out, struct buf *known,
                  const char *between, struct err *err)
{
    const char *file[SOURCES_MAX];
    bool given;
    size_t count = sources(cli, file, &given);

    *out = NULL;
    for (size_t i = 0; i < count && *out == NULL; i++) {
        Perigee__ClusterList *list = NULL;
        int rc;

        if (!given && access(file[i], F_OK) != 0)
            continue;
        if ((rc = load(cli, file[i], &list, err)) != 0)
            return rc;
        for (size_t k = 0; k < list->n_cluster; k++) {
            const Perigee__Cluster *cluster = list->cluster[k];
            if (*out == NULL && is_named(cluster, name))
                *out = cluster;
            buf_addf(known, "%s%s", known->size ? between : "",
                     cluster->name ? cluster->name : "?");
        }
    }
    return 0;
}

static int checked(const Perigee__Cluster *cluster, struct err *err)
{
    if (cluster->aurora == NULL)
        return err_set(err, ERR_INVALID,
                       "cluster '%s' of the cluster list: want aurora = "
                       "\"host:port\"",
                       cluster->name);
    /* What an Aurora list cannot give stands there as why. */
    if (cluster_json_is_refused(cluster))
        return cluster_json_refuse(cluster, err);
    if (address_check(cluster->aurora, "aurora", err) == 0)
        return 0;
    return err_wrap(err, "cluster '%s' of the cluster list", cluster->name);
}

int cluster_find(struct cli *cli, const char *name,
                 const Perigee__Cluster **out, struct err *err)
{
    const Perigee__Cluster *found = NULL;
    struct buf known = {0};
    int rc = search(cli, name, &found, &known, ", ", err);

    if (rc == 0 && found == NULL) {
        rc = err_set(err, ERR_NOT_FOUND, "no cluster called '%s'", name);
        if (known.size > 0)
            err_hint(err, "known clusters: %s", buf_text(&known));
        else
            err_hint(err,
                     "`clusterctl dev start` makes one called devcluster; "
                     "others go into %s/clusters.lua",
                     cluster_config_folder(cli));
    }
    if (rc == 0)
        rc = checked(found, err);
    if (rc == 0)
        *out = found;
    buf_release(&known);
    return rc;
}

char *cluster_names(struct cli *cli)
{
    const Perigee__Cluster *none;
    struct buf known = {0};
    int rc = search(cli, "", &none, &known, "\n", &(struct err){0});
    char *out = arena_strdup(&cli->arena, rc == 0 ? buf_text(&known) : "");

    buf_release(&known);
    return out;
}

int cluster_default(struct cli *cli, const Perigee__Cluster **out,
                    struct err *err)
{
    const char *names = cluster_names(cli);
    size_t size = strcspn(names, "\n");
    bool is_alone = size > 0 && names[size + (names[size] == '\n')] == '\0';

    return cluster_find(
        cli, is_alone ? arena_strndup(&cli->arena, names, size) : "devcluster",
        out, err);
}

int cluster_dev_file(struct cli *cli, const char **out, struct err *err)
{
    const char *folder = cluster_config_folder(cli);
    int rc = dir_make(folder, 0755, err);

    if (rc == 0)
        *out = arena_printf(&cli->arena, "%s/dev.lua", folder);
    return rc;
}
