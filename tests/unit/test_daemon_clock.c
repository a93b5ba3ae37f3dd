/* A program whose time counts since the boot keeps its deadlines, whatever
 * somebody makes of the machine's clock. Here only this program's clock is set:
 * clock_gettime() below stands before the library's. */
#include "sys/daemon.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 60, HANGS_S = 20 };

static int64_t set_by_s; /* the wall clock, by hand */

int clock_gettime(clockid_t id, struct timespec *out)
{
    int rc = (int)syscall(SYS_clock_gettime, id, out);
    if (rc == 0 && id == CLOCK_REALTIME)
        out->tv_sec += set_by_s;
    return rc;
}

struct waiting {
    int64_t jump_s;
    int64_t due_ms;
    int64_t rang_ms; /* 0: not yet */
};

static void on_start(void *self, int64_t now_ms, struct effects *fx)
{
    struct waiting *waiting = self;
    (void)fx;
    waiting->due_ms = now_ms + WAIT_MS;
    set_by_s += waiting->jump_s;
}

static int64_t next_ms(const void *self)
{
    const struct waiting *waiting = self;
    return waiting->rang_ms == 0 ? waiting->due_ms : INT64_MAX;
}

static void on_time(void *self, int64_t now_ms, struct effects *fx)
{
    struct waiting *waiting = self;
    waiting->rang_ms = now_ms;
    effect_stop(fx, 0);
}

static const struct program WAITING = {.name = "waiting",
                                       .on_start = on_start,
                                       .next_ms = next_ms,
                                       .on_time = on_time};

static int64_t took_ms(int64_t jump_s)
{
    struct daemon_config config = {.is_steady = true};
    struct waiting waiting = {.jump_s = jump_s};
    struct daemon *daemon;
    struct err err = {0};

    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(daemon_open(&daemon, &config, &WAITING, &waiting, &err),
                     0);
    (void)alarm(HANGS_S);
    assert_int_equal(daemon_run(daemon, &err), 0);
    (void)alarm(0);
    daemon_close(daemon);
    assert_true(waiting.rang_ms >= waiting.due_ms);
    return clock_monotonic_ms() - began_ms;
}

static void test_a_clock_set_back_delays_nothing(void **unused)
{
    (void)unused;
    assert_in_range(took_ms(-3600), WAIT_MS, HANGS_S * 1000);
}

static void test_a_clock_set_forward_hurries_nothing(void **unused)
{
    (void)unused;
    assert_in_range(took_ms(3600), WAIT_MS, HANGS_S * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_set_back_delays_nothing),
        cmocka_unit_test(test_a_clock_set_forward_hurries_nothing),
    };
    log_open("test", LOG_LEVEL_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
