/* What a changed job means to the instances that run: by field of the job, from
 * the schema (`quiet` and `moves` in lua/stdlib/schema/job.lua). What it does
 * not say restarts them. */
#pragma once
#include "base/bytes.h"
#include "perigee/job.pb-c.h"

enum job_effect {
    JOB_EFFECT_NOTHING, /* the scheduler reads it when it decides */
    JOB_EFFECT_MOVE,    /* instances whose host does not suit any more */
    JOB_EFFECT_RESTART
};

/* `field` is a path in a perigee.Job: "contact", "task.processes[1].name". */
enum job_effect job_effect(const char *field);
/* The packed job without the fields whose effect is less: two jobs whose bytes
 * are equal have no difference of this effect. Functions of the job's file that
 * run with an instance bring in the hash of that file. */
void job_effect_pack(const Perigee__Job *job, enum job_effect least,
                     struct buf *out);
