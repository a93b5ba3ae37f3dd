/* The line between an executor and its runner, when one of them dies. */
#include "executor/thermos/control.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static void test_the_last_words_of_the_dead_are_heard(void **unused)
{
    int line[2], fds[CONTROL_FDS_MAX];
    struct control_message message = {.kind = CONTROL_LINK, .number = 7};

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line), 0);
    assert_true(control_send(line[0], &message));
    message = (struct control_message){.kind = CONTROL_RUNNING};
    assert_true(control_send(line[1], &message)); /* nobody reads it */
    (void)close(line[0]);
    assert_int_equal(control_receive(line[1], &message, fds), 1);
    assert_int_equal(message.kind, CONTROL_LINK);
    assert_int_equal(message.number, 7);
    assert_int_equal(control_receive(line[1], &message, fds), -1);
    (void)close(line[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_words_of_the_dead_are_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
