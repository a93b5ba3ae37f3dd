/* The shell that every daemon shares: it drives one program (wire/program.h)
 * with real sockets, a real disk and the real clock. It decides nothing.
 *
 * One turn of the loop is one ordered list:
 *   1. the time, read once;
 *   2. every queued input goes to the program; due timers too;
 *   3. the turn's PERSIST effects go to the committer as one batch;
 *   4. effects of earlier turns whose batch is durable are performed, in order;
 *   5. one timer is armed for the program's next deadline.
 * Callbacks of sockets, signals and children only queue inputs. A store that
 * cannot commit stops the daemon: what cannot write must not speak. */
#pragma once
#include "base/err.h"
#include "sys/tls.h"
#include "wire/program.h"
#include <stdbool.h>

struct event_base;
struct daemon;
struct store_backup;
struct backup_result;

/* TLS (sys/tls.h). SIGHUP reads the files again, as does a change of one. */
struct daemon_tls {
    struct tls_files files; /* with a cert: what listens speaks TLS */
    bool wants_client;      /* requests need a client's certificate... */
    const char *open_path;  /* ...except below this path, or NULL */
    bool calls_out;         /* our own calls use https:// */
};

/* A second, plain listener for this machine's own processes: a socket in the
 * file system that serves this one path. */
struct daemon_local {
    const char *socket; /* NULL: none */
    const char *path;   /* "/api/v1/executor" */
};

struct daemon_config {
    const char *ip;        /* NULL: do not listen */
    int port;              /* 0: any free port */
    const char *store_dir; /* NULL: PERSIST is an error of ours */
    size_t stream_bound;   /* bytes a slow reader may leave unread (16 MiB for
                              schedulers, 4 MiB for others); then its last
                              words, when the stream's head has a body, and
                              the end */
    uint32_t connections_max; /* 0: as http_server.h says */
    struct daemon_tls tls;
    struct daemon_local local;
    const char *ready_text; /* printed to stderr log when listening; or NULL */
    bool is_steady; /* the program's time counts since the boot: no deadline
                       moves when somebody sets the clock */
};

/* Perform an ACT of this program. Runs inside the turn; must not block. */
typedef void daemon_act(void *context, uint32_t kind, const void *data);
/* Serve a path that is not a state machine's business (files, assets). Answers
 * with daemon_reply* below, now or later. Returns false to let the program
 * have the request. */
typedef bool daemon_route(void *context, exchange_id exchange,
                          const struct http_request *request);

/* Opens store (replaying it into program->on_stored), socket and signals. On
 * failure nothing is left open. `self`, `context` are borrowed. */
int daemon_open(struct daemon **out, const struct daemon_config *config,
                const struct program *program, void *self, struct err *err);
void daemon_close(struct daemon *d);
void daemon_on_act(struct daemon *d, daemon_act *act, void *context);
/* Be told of certificates that the listener refuses (sys/tls.h); nothing where
 * it speaks no TLS. */
void daemon_on_refused(struct daemon *d, tls_refused *refused, void *context);
void daemon_add_route(struct daemon *d, const char *path_prefix,
                      daemon_route *route, void *context);

/* Every request that comes to the listener (not to the local one) is shown to
 * `ask` before anybody else sees it: it answers, or admits it, now or later. An
 * exchange whose other side left before that is told to `gone`, which returns
 * whether it was one of its own. Before daemon_run. */
typedef void daemon_ask(void *context, exchange_id exchange,
                        const struct http_request *request);
typedef bool daemon_gone(void *context, exchange_id exchange);
void daemon_on_ask(struct daemon *d, daemon_ask *ask, daemon_gone *gone,
                   void *context);
void daemon_admit(struct daemon *d, exchange_id exchange,
                  const struct http_request *request);

/* Calls on_start, then turns until STOP, SIGTERM or SIGINT (both finish the
 * commits first). Returns the exit status; a failed store fills err. */
int daemon_run(struct daemon *d, struct err *err);
void daemon_stop(struct daemon *d, int status);

/* For the program's own adapters. */
struct event_base *daemon_base(const struct daemon *d);
int daemon_port(const struct daemon *d); /* the port really bound */
/* Queue a fact for the program; `size` bytes of `data` are copied, and
 * `extra` (may be empty) is copied behind it, its address put into the
 * struct bytes at offset `extra_at` of data. */
void daemon_fact(struct daemon *d, uint32_t kind, const void *data,
                 size_t size);
void daemon_fact_with(struct daemon *d, uint32_t kind, const void *data,
                      size_t size, size_t extra_at, struct bytes extra);

/* Begin a live backup of the store (sys/store_copy.h); its end is told to
 * `over`, inside a turn. ERR_BUSY while one is under way. */
typedef void daemon_backed_up(void *context,
                              const struct backup_result *result);
void daemon_on_backup(struct daemon *d, daemon_backed_up *over, void *context);
int daemon_backup(struct daemon *d, const struct store_backup *request,
                  struct err *err);

/* From now on SIGUSR1 is a fact of this kind, without data. */
void daemon_on_farewell(struct daemon *d, uint32_t kind);

/* For routes: the same effects a program has, performed at once. */
void daemon_reply(struct daemon *d, exchange_id exchange,
                  const struct http_response *response);
/* A file region as the body, sent without reading it into memory. */
void daemon_reply_file(struct daemon *d, exchange_id exchange, int fd,
                       int64_t offset, int64_t size,
                       const struct http_response *head);
