/* The job that `thermos run` runs: chosen from a job file, or an assigned task
 * that somebody wrote down as JSON. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/job_key.h"
#include "script/evaluate.h"
#include <stdbool.h>
#include <stdint.h>

enum { RUN_ONLY_MAX = 256, RUN_PORTS_MAX = 256 };

struct run_job {
    /* given */
    const char *file, *wanted_key; /* key NULL: the only job */
    const struct script_parameter *parameter;
    size_t parameter_count;
    uint32_t instance;
    const char *only[RUN_ONLY_MAX]; /* processes to run; none: all */
    uint32_t only_count;
    struct run_port {
        const char *name;
        uint32_t number;
    } port[RUN_PORTS_MAX]; /* given by hand */
    uint32_t port_count;
    /* found */
    char key[JOB_KEY_TEXT_MAX];
    char role[JOB_KEY_PART_MAX];
    bool is_taken_up;                /* of an earlier, unfinished run */
    Perigee__Evaluation *evaluation; /* owned; NULL for JSON */
    const Perigee__Job *job;         /* in the evaluation */
    struct buf assigned;             /* packed perigee.AssignedTask */
};

/* --only PROCESS: run this one (and those that other calls name) alone. */
int run_job_only(struct run_job *job, const char *process, struct err *err);
/* --port NAME=NUMBER; the text is cut in two and stays in use. */
int run_job_port(struct run_job *job, char *text, struct err *err);
/* Read the file and choose. Problems of a job file are printed to stderr. */
int run_job_read(struct run_job *job, bool colour, struct err *err);
/* Make the assigned task, with free ports, and put its assets beside the
 * checkpoint; or take up the unfinished one that `directory` holds, which must
 * be of the same job. */
int run_job_assign(struct run_job *job, const char *directory, struct err *err);
void run_job_release(struct run_job *job);
