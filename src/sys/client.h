/* A waiting HTTP client for command-line programs: calls one at a time, or
 * follows a stream record by record. Built on the same connection code as the
 * daemons' client. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "wire/http.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct client; /* one loop, keep-alive connections by host:port */
struct client *client_open(void);
void client_close(struct client *client);
struct tls;
/* Spoken with https:// from now on; borrowed. NULL: not at all. */
void client_set_tls(struct client *client, struct tls *tls);
/* Finds the addresses of names; without one, hosts are numeric. */
typedef int client_resolver(const char *host, int port,
                            struct sockaddr_storage *out, socklen_t *out_size,
                            struct err *err);
void client_set_resolver(struct client *client, client_resolver *resolve);

/* One exchange. The response lives in the arena. ERR_NETWORK (refused, broken),
 * ERR_TIMEOUT; any HTTP status is success here. */
int client_call(struct client *client, enum http_method method, const char *url,
                const struct http_header *header, uint32_t header_count,
                struct bytes body, int64_t timeout_ms, struct arena *arena,
                struct http_response *out, struct err *err);

/* Called for each record; return false to stop following. */
typedef bool client_record(void *context, struct bytes record);
/* For such a callback: from now on this stream ends with ERR_TIMEOUT when it
 * brings nothing for so long. */
void client_expect(struct client *client, int64_t silence_ms);
/* POST, then follow RecordIO until the callback stops, the stream ends, or
 * timeout_ms passes (0: never). An answer other than 200 comes back in *out. */
int client_follow(struct client *client, const char *url,
                  const struct http_header *header, uint32_t header_count,
                  struct bytes body, int64_t timeout_ms, client_record *record,
                  void *context, struct arena *arena, struct http_response *out,
                  struct err *err);
