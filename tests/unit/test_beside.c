/* Work beside a loop: done elsewhere, in order, told here. */
#include "sys/beside.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>

enum { PIECES = 20 };

struct piece {
    struct world *world;
    int number;
    pthread_t thread; /* that worked on it */
};

struct world {
    struct event_base *base;
    struct beside *beside;
    struct piece piece[PIECES];
    int worked, done;
};

static void on_work(void *context)
{
    struct piece *piece = context;
    piece->thread = pthread_self();
    assert_int_equal(piece->world->worked++, piece->number);
}

static void on_done(void *context)
{
    struct piece *piece = context;
    struct world *w = piece->world;
    assert_int_equal(w->done++, piece->number);
    assert_false(pthread_equal(piece->thread, pthread_self()));
    if (w->done == PIECES)
        event_base_loopbreak(w->base);
}

static void world_open(struct world *w)
{
    *w = (struct world){.base = event_base_new()};
    assert_int_equal(beside_open(&w->beside, w->base, NULL), 0);
}

static void world_close(struct world *w)
{
    beside_close(w->beside);
    event_base_free(w->base);
}

static void add_all(struct world *w)
{
    for (int i = 0; i < PIECES; i++) {
        w->piece[i] = (struct piece){.world = w, .number = i};
        beside_add(w->beside, on_work, on_done, &w->piece[i]);
    }
}

static void test_pieces_are_done_in_order_on_a_thread(void **unused)
{
    struct world w;
    struct timeval end = {20, 0};

    (void)unused;
    world_open(&w);
    add_all(&w);
    event_base_loopexit(w.base, &end);
    event_base_dispatch(w.base);
    assert_int_equal(w.done, PIECES);
    world_close(&w);
}

static void test_closing_tells_nothing(void **unused)
{
    struct world w;

    (void)unused;
    world_open(&w);
    add_all(&w);
    world_close(&w);
    assert_int_equal(w.done, 0);
    beside_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_done_in_order_on_a_thread),
        cmocka_unit_test(test_closing_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
