/* A look into the scheduler's core at the cron jobs of the simulator's user. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct aurora_program;

struct cron_look {
    uint32_t plan; /* the version that its tasks are started with */
    int64_t made;  /* seconds; since when its schedule is followed */
    bool is_paused;
};

/* False: there is no such job (any more), or it has been descheduled. */
bool cron_look(const struct aurora_program *aurora, const char *name,
               struct cron_look *out);
/* Has the job a record of that time, or one that stands for it? */
bool cron_look_has(const struct aurora_program *aurora, const char *name,
                   int64_t at);
/* How many events it has told, so far. */
uint64_t cron_look_events(const struct aurora_program *aurora);
/* Has the scheduler worked off what is due at that time? */
bool cron_look_is_done(const struct aurora_program *aurora, int64_t now_ms);
