#include "cli/edge.h"

#include "base/alloc.h"
#include "cli/credentials.h"
#include "sys/client.h"
#include "sys/tls.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct edge {
    const char *cluster;       /* whose it is */
    const char *authorization; /* NULL: nobody in particular */
    struct tls *tls;           /* owned; NULL: in plain */
    Perigee__Credentials who;  /* in the run's arena */
    bool has_tls_agents;
    bool agents_ask; /* one did */
};

enum { AGENT_TIMEOUT_MS = 10000 };

/* A command does one thing and may wait for the resolver. */
static int resolve(const char *host, int port, struct sockaddr_storage *out,
                   socklen_t *out_size, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[16];

    if (address_parse(host, port, out, out_size, NULL) == 0)
        return 0;
    (void)snprintf(service, sizeof service, "%d", port);
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0)
        return err_set(err, ERR_NETWORK, "host '%s': %s", host,
                       gai_strerror(rc));
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *out_size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

struct client *edge_client(struct cli *cli)
{
    if (cli->http == NULL) {
        cli->http = client_open();
        client_set_resolver(cli->http, resolve);
    }
    return cli->http;
}

const char *edge_url(struct cli *cli, const Perigee__Cluster *cluster,
                     const char *address, const char *path)
{
    const char *scheme = address_scheme(address);

    if (*scheme != '\0' && cluster->has_tls && cluster->tls)
        scheme = "https://";
    return arena_printf(&cli->arena, "%s%s%s", scheme, address, path);
}

/* With our secret, or without. */
static int ask_agent(struct cli *cli, const char *url, bool says_who,
                     const struct http_header *header,
                     struct http_response *out, struct err *err)
{
    struct http_header all[2];
    const char *authorization = NULL;
    uint32_t count = 0;
    struct url parsed;
    int rc = 0;

    if (says_who) {
        rc = url_parse(url, &parsed, err);
        if (rc == 0)
            rc = credentials_header(cli, &cli->edge->who, &parsed,
                                    &authorization, err);
    }
    if (rc < 0)
        return rc;
    if (header != NULL)
        all[count++] = *header;
    if (authorization != NULL)
        all[count++] = (struct http_header){"Authorization", authorization};
    return client_call(edge_client(cli), HTTP_GET, url, all, count,
                       (struct bytes){0}, AGENT_TIMEOUT_MS, &cli->arena, out,
                       err);
}

int edge_agent_get(struct cli *cli, const char *agent, const char *path,
                   const struct http_header *header, struct http_response *out,
                   struct err *err)
{
    struct edge *edge = cli->edge;
    bool is_tls = edge != NULL && edge->has_tls_agents;
    const char *url = arena_printf(&cli->arena, "http%s://%s%s",
                                   is_tls ? "s" : "", agent, path);
    int rc =
        ask_agent(cli, url, edge != NULL && edge->agents_ask, header, out, err);

    if (rc < 0 || out->status != 401 || edge == NULL || edge->agents_ask)
        return rc;
    edge->agents_ask = true;
    return ask_agent(cli, url, true, header, out, err);
}

/* Its agents may speak TLS where the scheduler does not, and the other way. */
static bool needs_tls(const Perigee__Cluster *cluster, const struct url *url)
{
    return url->is_tls || (cluster->has_tls && cluster->tls);
}

int edge_open(struct cli *cli, const Perigee__Cluster *cluster, struct err *err)
{
    Perigee__Credentials who;
    struct url url;
    struct edge *edge;

    if (cli->edge != NULL && strcmp(cli->edge->cluster, cluster->name) == 0)
        return 0;
    edge_close(cli);
    int rc = url_parse(edge_url(cli, cluster, cluster->aurora, "/"), &url, err);
    if (rc == 0)
        rc = credentials_find(cli, cluster, &url, &who, err);
    if (rc < 0)
        return rc;
    cli->edge = edge = xcalloc(1, sizeof *edge);
    edge->cluster = arena_strdup(&cli->arena, cluster->name);
    edge->has_tls_agents = cluster->has_tls && cluster->tls;
    edge->who = who;
    rc = credentials_header(cli, &who, &url, &edge->authorization, err);
    if (rc == 0 && needs_tls(cluster, &url)) {
        struct tls_files files = {who.cert, who.key, cluster->ca};
        rc = tls_open_client(&edge->tls, &files, err);
    }
    if (rc < 0)
        edge_close(cli);
    else
        client_set_tls(edge_client(cli), edge->tls);
    return rc;
}

void edge_close(struct cli *cli)
{
    if (cli->edge == NULL)
        return;
    if (cli->edge->tls != NULL) { /* whose connections must go first */
        client_close(cli->http);
        cli->http = NULL;
    }
    tls_close(cli->edge->tls);
    free(cli->edge);
    cli->edge = NULL;
}

uint32_t edge_authorize(const struct cli *cli, struct http_header *header,
                        uint32_t count)
{
    if (cli->edge == NULL || cli->edge->authorization == NULL)
        return count;
    header[count] =
        (struct http_header){"Authorization", cli->edge->authorization};
    return count + 1;
}

bool edge_is_tls_failure(const struct err *err)
{
    return strstr(err->text, ": TLS: ") != NULL;
}
