/* Hosts out of use, from the outside: which ones a command means, and what the
 * scheduler says of them. */
#pragma once
#include "cli/api.h"

/* As many as the scheduler takes in one call. */
enum { HOSTS_PER_CALL = 5000, HOSTS_PER_LOOK = 200 };

struct host_list {
    char **item; /* in the run's arena */
    size_t count;
};

/* Those of the command line and of --file, with spaces, commas or lines between
 * them; '#' begins a comment. Each once, in the order they are named. None is
 * refused. 0, or the exit code of what was reported. */
int host_names(struct cli *cli, struct host_list *out);
/* --cluster, or the usual one. The same convention. */
int host_cluster(struct cli *cli, const char **out);
/* One call about hosts. */
int host_call(struct cli *cli, Perigee__Aurora__Call__Type type,
              const Perigee__Aurora__Call__Maintenance *about,
              Perigee__Aurora__Answer **answer);
/* The same of any number of hosts, in parts of at most `size`; an answer of all
 * of them. */
int host_call_parts(struct cli *cli, Perigee__Aurora__Call__Type type,
                    Perigee__Aurora__Call__Maintenance *about,
                    const struct host_list *hosts, size_t size,
                    Perigee__Aurora__Answer *all);
/* What the answer says comes behind what is there. */
void host_gather(struct cli *cli, Perigee__Aurora__Answer *all,
                 const Perigee__Aurora__Answer *answer);
/* Every name that something was asked about, of all pages. */
int host_call_all(struct cli *cli, Perigee__Aurora__Answer **answer);
/* Names that mean nothing are a failure: EXIT_FAILED, reported; else `rc`. */
int host_unknown(struct cli *cli, const Perigee__Aurora__Answer *answer,
                 int rc);
/* The table of names, and under each what its tasks wait for. */
void host_print(struct cli *cli, const Perigee__Aurora__Answer *answer);
const char *host_mode_name(Perigee__Aurora__MaintenanceView__Mode mode);
enum cli_colour host_mode_colour(Perigee__Aurora__MaintenanceView__Mode mode);
/* "too few others run" */
const char *host_wait_text(Perigee__Aurora__MaintenanceView__Wait wait);
/* --percentage in thousandths, within [0, 100]; 0 or an exit code. */
int host_percentage(struct cli *cli, const char *text, uint32_t *out_milli);
