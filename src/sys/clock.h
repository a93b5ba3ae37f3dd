/* The only readers of time. */
#pragma once
#include <stdint.h>
int64_t clock_wall_ms(void);      /* since the epoch */
int64_t clock_monotonic_ns(void); /* for measuring */
int64_t clock_monotonic_ms(void); /* for deadlines */
/* Now, as HTTP dates are written; kept until the next call (main thread). */
const char *clock_http_date(void);
