/* The way to a cluster: its urls, TLS as its entry in the list of clusters
 * wants it, and who we are (cli/credentials.h). */
#pragma once
#include "cli/cli.h"
#include "perigee/clusters.pb-c.h"
#include "wire/http.h"

struct edge; /* of one run; in struct cli */

/* Make ready to talk to this cluster: its certificate authority, our own
 * certificate, and the secret, if there is one. */
int edge_open(struct cli *cli, const Perigee__Cluster *cluster,
              struct err *err);
void edge_close(struct cli *cli);

/* The client, for calls. */
struct client *edge_client(struct cli *cli);
/* "https://10.0.0.1:8081/api/v1", of an address as the list has it. */
const char *edge_url(struct cli *cli, const Perigee__Cluster *cluster,
                     const char *address, const char *path);
/* GET a path of an agent of the cluster that was opened. An agent that asks who
 * we are is told so (credentials_header) when it has asked, and those that are
 * asked after it at once. */
int edge_agent_get(struct cli *cli, const char *agent, const char *path,
                   const struct http_header *header, struct http_response *out,
                   struct err *err);
/* Put the Authorization line of the open edge behind `count` others; returns
 * how many there are then. For the scheduler alone. */
uint32_t edge_authorize(const struct cli *cli, struct http_header *header,
                        uint32_t count);
/* Does the text of an error say that TLS failed, so that trying again is no
 * use? */
bool edge_is_tls_failure(const struct err *err);
