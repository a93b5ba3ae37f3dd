/* The master as a program (wire/program.h): decodes requests, feeds the core,
 * encodes what it wants. Driven by src/sys/daemon or by the simulator. */
#pragma once
#include "base/access.h"
#include "base/err.h"
#include "master/core/master.h"
#include "wire/program.h"

/* A name and a text for /flags and GET_FLAGS. */
struct master_flag {
    const char *name, *value;
};

struct master_options {
    struct master_config core; /* seed: new for every start of a daemon */
    const char *ip;            /* numeric; what clients are told */
    int port;
    const char *hostname;
    const char *cluster;            /* NULL: none */
    const struct master_flag *flag; /* borrowed during master_program_new() */
    uint32_t flag_count;
};
/* Defaults, as the flags have them. */
void master_options_init(struct master_options *options);
/* What would make master_program_new() fail: an error that names the flag. */
int master_options_check(const struct master_options *options, struct err *err);

struct master_program;
/* Texts are copied. Precondition: the options pass the check (asserted). */
struct master_program *master_program_new(const struct master_options *options);
void master_program_free(struct master_program *p);
/* The port that was really bound, when the option was 0. Before on_start. */
void master_program_set_port(struct master_program *p, int port);
/* Whom to ask what; without it everybody may do everything. Takes the reference
 * to its users. */
void master_program_set_access(struct master_program *p,
                               const struct access *access);
/* The realm of a request. */
enum realm master_realm_of(const struct http_request *request);
enum master_fact { MASTER_FACT_USERS = 1 /* struct gate_fact */ };
/* For tests and the simulator: the core's state, read only. */
const struct master *master_program_core(const struct master_program *p);

extern const struct program MASTER_PROGRAM;
