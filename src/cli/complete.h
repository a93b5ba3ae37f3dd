/* What a shell offers behind the words typed so far. Candidates are lines of
 * the answer, "WORD" or "WORD<TAB>MEANING"; ":files" and ":folders" leave it to
 * the shell. Quick and silent: what cannot be found out within
 * COMPLETE_WAIT_MS is not offered. */
#pragma once
#include "cli/cli.h"

enum {
    COMPLETE_WAIT_MS = 15,      /* for the scheduler's answer */
    COMPLETE_FRESH_MS = 5000,   /* an answer is offered again so long */
    COMPLETE_STALE_MS = 600000, /* or so long, when none comes in time */
    COMPLETE_KEYS_MAX = 100     /* more keys are offered part by part */
};

/* Put down a candidate if it begins with `word`; `meaning` may be NULL. */
void complete_offer(struct cli *cli, const char *word, const char *candidate,
                    const char *meaning);
/* Clusters, then the keys of jobs or groups of the live one:
 * src/cli/complete_keys.c. */
void complete_keys(struct cli *cli, const char *word, bool is_groups);
