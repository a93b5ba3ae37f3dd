/* The gate before a daemon's program (daemon_on_ask): it finds out who makes a
 * request (sys/identity.h), where the realm that it is for asks
 * (base/access.h), and gives the program the request with that name in it
 * (http_request.principal). Nobody and wrong secrets are answered 401, as Mesos
 * answers them:
 *     WWW-Authenticate: Basic realm="mesos-master-readonly"
 *
 * What he may do is the program's business: it is told the users, too, first by
 * its maker (gate_access), then by a fact each time that the file has changed
 * and is right. A file with a mistake changes nothing, and the log says so. */
#pragma once
#include "base/access.h"
#include "wire/program.h"

struct beside;
struct daemon;
struct event_base;
struct gate;

/* Sealed users out of a file; on any thread. */
typedef int gate_read(const char *path, struct users **out, struct err *err);

struct gate_config {
    const char *name; /* "mesos-master", before the name of a realm */
    const char *file; /* borrowed; NULL: nobody is asked */
    gate_read *read;
    bool asks[REALM_COUNT];
    /* The realm of a request, by its path. */
    enum realm (*realm_of)(const struct http_request *request);
    uint32_t fact; /* its number at the program; a struct gate_fact */
};

struct gate_fact {
    struct users *users; /* the program's from here on */
};

/* Reads the file: a mistake in it ends the daemon's start. Guards the process
 * (secret_guard_parent), so before the daemon is opened. */
int gate_open(struct gate **out, const struct gate_config *config,
              struct err *err);
/* What the program begins with; it holds a reference. */
struct access gate_access(const struct gate *gate);
int gate_attach(struct gate *gate, struct daemon *daemon, struct err *err);
/* Before the daemon is closed. NULL is fine. */
void gate_close(struct gate *gate);
