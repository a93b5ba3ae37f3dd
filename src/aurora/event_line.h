/* Lines of the log about what happened in the core: one for each event that
 * followers are told, at a level of its own. */
#pragma once
#include "aurora/core/events.h"
#include "wire/program.h"

/* Nothing, when its level is above this one (0 error ... 3 debug). */
void event_line(const struct event *event, int level, struct effects *fx);
