/* The secrets of an agent's shell: who it is to the master, what the tokens of
 * its executors are made with, and the gate before its port. */
#pragma once
#include "script/port_security.h"
#include "sys/credentials_file.h"
#include "sys/secret.h"

struct agent_guard {
    struct credential credential;       /* to the master; empty: nobody */
    char executor_key[SECRET_HASH_MAX]; /* in WORK_DIR/executor.key */
    struct gate *gate;                  /* owned */
};

struct agent_guard_config {
    const char *work_dir;   /* exists */
    const char *master;     /* that the credential is shown */
    const char *credential; /* file; NULL, "": none */
    struct port_security port;
};

/* Before the program is made: reads the credential and the key, which is made
 * when there is none; the gate asks whom `port` says. */
int agent_guard_open(struct agent_guard *guard,
                     const struct agent_guard_config *config, struct err *err);
void agent_guard_close(struct agent_guard *guard);
