/* Quotas of roles, for the commands about them, plan, apply and dev. */
#pragma once
#include "cli/api.h"
#include "base/vec.h"
#include "cli/cli.h"

enum quota_column {
    QUOTA_COLUMN_CPU,
    QUOTA_COLUMN_RAM,
    QUOTA_COLUMN_DISK,
    QUOTA_COLUMN_GPUS,
    QUOTA_COLUMN_PORTS,
    QUOTA_COLUMN_TASKS,
    QUOTA_COLUMNS
};
const char *quota_column_name(enum quota_column column);
/* "2.5", "20GB", "7" behind what is there; false and "-" when it is unset. */
bool quota_amount(const Perigee__QuotaAmounts *amounts,
                  enum quota_column column, struct buf *out);
/* cpu=2.5, ram=20GB, ...; 0 or an exit code after reporting. */
int quota_take_amount(struct cli *cli, const char *name, const char *text,
                      Perigee__QuotaAmounts *out);

/* LIST_QUOTAS, every page; of one role unless it is NULL. */
struct quota_list { /* zero-initialised is empty; free with vec_free */
    Perigee__Aurora__QuotaView **item;
    uint32_t count, capacity;
};
int quota_fetch(struct cli *cli, const char *cluster, const char *role,
                struct quota_list *out);
/* SET_QUOTA */
int quota_send(struct cli *cli, const char *cluster, Perigee__Quota **quotas,
               size_t count, bool adds, Perigee__Aurora__Answer **out);
/* Let `role` have this quota unless it has one. No word when that fails. */
void quota_give(struct cli *cli, const char *cluster, const char *role);

/* "role www-data has no more cpu: 6 of 6 for production are in use", a line for
 * each resource of which that is so. No word when nobody can say. */
void quota_print_full(struct cli *cli, const char *cluster, const char *role);

/* For plan and apply: the quotas of a file. What differs, a line each; the
 * number of roles that do in *changes. */
int quota_plan(struct cli *cli, const Perigee__Evaluation *evaluation,
               struct buf *out, uint32_t *changes);
int quota_apply(struct cli *cli, const Perigee__Evaluation *evaluation);
