/* What every benchmark shares: options, calibrators, a report.
 *
 *     bench_open(argc, argv, "store");
 *     ...
 *     bench_figure("commits", 7000, "1/s", 0.93, "raw fdatasync");
 *     return bench_close();
 *
 * Calibrators measure the machine before and after: copying memory, syncing an
 * appended 4 KiB block, starting /bin/true, a byte around loopback. When one
 * that the benchmark leans on drifts by more than 20 %, all its figures are
 * void and the exit status is 3: run it again on an idle machine.
 *
 * Options: --json (one object per line and figure), --dir DIR (where to write;
 * a tmpfs is refused), --quick (a tenth of the work, for trying). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_uses {
    BENCH_MEMORY = 1,
    BENCH_DISK = 2,
    BENCH_SPAWN = 4,
    BENCH_LOOPBACK = 8
};

enum { BENCH_DRIFT_MAX_PERCENT = 20, BENCH_VOID = 3 };

/* Leans on every calibrator unless bench_leans_on says otherwise. */
void bench_open(int argc, char **argv, const char *name);
void bench_leans_on(unsigned uses);
/* A fresh directory on a real disk, removed by bench_close. */
const char *bench_dir(void);
bool bench_is_quick(void);
/* ratio: value in relation to `against`; 0 and NULL: to nothing. */
void bench_figure(const char *name, double value, const char *unit,
                  double ratio, const char *against);
int bench_close(void);
/* End with a message and status 1. */
void bench_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

int64_t bench_ns(void);
/* Sorts in place. `percent` 50: the median. */
int64_t bench_percentile(int64_t *sample, size_t count, int percent);
