/* The only readers of time. */
#pragma once
#include <stddef.h>
#include <stdint.h>
int64_t clock_wall_ms(void);      /* since the epoch */
int64_t clock_monotonic_ns(void); /* for measuring */
int64_t clock_monotonic_ms(void); /* for deadlines */
int64_t clock_boot_ms(void);      /* for deadlines that outlive a process, and
                                     count while the machine sleeps */
enum { CLOCK_BOOT_ID_MAX = 64 };
/* Names the time between two boots of the machine, in which alone values of
 * clock_boot_ms() compare; "" where the kernel does not tell. */
void clock_boot_id(char out[CLOCK_BOOT_ID_MAX]);
/* "2026-11-21 06:25:00 UTC" */
const char *clock_utc_text(int64_t wall_ms, char *out, size_t size);
/* Now, as HTTP dates are written; kept until the next call (main thread). */
const char *clock_http_date(void);
