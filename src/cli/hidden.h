/* A secret from standard input. */
#pragma once
#include <stddef.h>

/* One line, without its end. At a terminal it is asked for and not shown, also
 * when it is interrupted. Negative when there is none, or it does not fit. */
int hidden_line(const char *prompt, char *out, size_t size);
