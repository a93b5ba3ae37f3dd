/* Inputs and effects of a daemon as log lines of level debug: together they are
 * the trace from which a run can be understood. Costs nothing at other levels.
 * Bodies are not shown: they may hold secrets. */
#pragma once
#include "sys/inbox.h"
#include "wire/program.h"

void trace_input(const struct input *input);
void trace_effect(const struct effect *effect);
