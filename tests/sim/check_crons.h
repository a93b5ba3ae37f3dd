/* What must hold of cron jobs: what their user (crons.h) found out, and that
 * the clock is followed when nothing goes wrong any more. */
#pragma once

struct cluster;

/* After every step of the user of cron. */
void check_crons(struct cluster *c);
/* The time is over: all are descheduled, and gone. */
void final_crons(struct cluster *c);
