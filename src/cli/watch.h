/* Waiting for a job, by its events: what `wait`, `create --wait-until`, `kill`,
 * `restart` and `scale` share. A state counts when it was reached at any time
 * since the wait began, so a process that starts and ends between two looks is
 * not missed. */
#pragma once
#include "cli/api.h"

enum watch_goal {
    WATCH_RUNNING,  /* every instance reached RUNNING */
    WATCH_FINISHED, /* every instance ended as FINISHED */
    WATCH_GONE      /* no instance is active, or the job is unknown */
};

/* Parse "RUNNING", "FINISHED", "GONE"; reports and returns an exit code when it
 * is none of them. */
int watch_goal_parse(struct cli *cli, const char *text, enum watch_goal *out);
/* Refuse a --timeout, --for or --wait-until that means nothing, of any command:
 * before anything is changed. 0, or the exit code. */
int watch_check(struct cli *cli);
/* --timeout in milliseconds, 0 when not given; the same convention. */
int watch_timeout(struct cli *cli, int64_t *out);

/* Wait for the instances in `set` (count 0: all the job has). `since` is the
 * sequence of a change just made: events after it count; 0: only from now on.
 * Returns 0, EXIT_TIMED_OUT or EXIT_FAILED (reported), ... */
int watch_job(struct cli *cli, const struct job_key *key,
              const struct instance_set *set, enum watch_goal goal,
              uint64_t since, int64_t timeout_ms);
/* Say that what was waited for has come: "KEY is STATE". */
void watch_tell(struct cli *cli, const struct job_key *key, const char *state);
