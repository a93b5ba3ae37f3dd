/* The inside of a daemon, for daemon.c (opening, running, ending) and
 * daemon_turn.c (one turn). */
#pragma once
#include "sys/daemon.h"
#include "sys/inbox.h"
#include "sys/turn.h"

enum { DAEMON_ROUTES_MAX = 16 };

struct route {
    const char *prefix; /* borrowed */
    daemon_route *serve;
    void *context;
};

struct daemon {
    const struct program *program;
    void *self;
    struct daemon_config config;
    struct event_base *base;
    struct event *on_term, *on_int, *on_wake, *on_alarm;
    struct event *on_farewell; /* NULL: not asked for */
    uint32_t farewell_kind;    /* of the fact */
    int wake_fd;               /* eventfd: the committer made progress */
    int alarm_fd;              /* timerfd on the program's clock */
    int64_t alarm_ms;
    struct store *store;
    struct committer *committer;
    struct http_server *server; /* NULL: does not listen */
    struct http_server *local;  /* NULL: no second one */
    struct tls *tls;            /* of the listener; NULL: plain */
    struct tls *tls_out;        /* of our own calls; NULL: plain */
    struct event *on_hup;       /* NULL: neither of them */
    struct http_client *client;
    struct inbox inbox;
    struct turns turns;
    uint64_t last_batch; /* number of the newest batch; 0: none */
    daemon_act *act;
    void *act_context;
    daemon_backed_up *backed_up;
    void *backup_context;
    struct route route[DAEMON_ROUTES_MAX];
    uint32_t route_count;
    daemon_ask *ask;   /* NULL: everybody is admitted */
    daemon_gone *gone; /* with it */
    void *ask_context;
    struct daemon_figures figures;
    int64_t now_ms;
    bool is_checked; /* verify the program after every step */
    bool is_stopping;
    int status;
};

/* Listeners, our own calls, and what they need for TLS. */
int daemon_open_edges(struct daemon *d, struct err *err);
void daemon_close_edges(struct daemon *d);
/* Whose exchange it is; NULL: nobody's. */
struct http_server *daemon_server_of(const struct daemon *d,
                                     exchange_id exchange);
uint32_t daemon_unsent(const struct daemon *d);

/* The program's clock. */
int64_t daemon_now_ms(const struct daemon *d);
/* One turn, as daemon.h lists it. The failure of the store comes back. */
int daemon_turn(struct daemon *d, bool is_first, struct err *err);
/* Step 4: perform, in order, the effects of all turns that are durable. */
int daemon_release(struct daemon *d, struct err *err);
