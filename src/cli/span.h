/* Lengths of time as Aurora's people write and read them: "30m", "2d6h"; "54
 * hrs". */
#pragma once
#include "cli/cli.h"

/* "90s", "30m", "12h", "7d", "1w", also one behind the other; or a bare number
 * of seconds, or Mesos' spelling ("15mins"). Reports and returns an exit code
 * when it is none; 0 when fine. `what` names it. */
int span_read(struct cli *cli, const char *what, const char *text,
              int64_t *out_ms);
/* "3 mins", "54 hrs", "2 days": the largest unit that divides evenly. */
const char *span_text(struct cli *cli, int64_t secs);
