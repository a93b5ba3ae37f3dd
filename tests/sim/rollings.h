/* Restarts and kills in batches, as the scheduler believes in them. */
#pragma once

struct aurora_program;

/* The key of a job of which one is still under way, or NULL. */
const char *rollings_unfinished(const struct aurora_program *aurora);
