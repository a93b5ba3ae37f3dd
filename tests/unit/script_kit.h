/* For tests whose program is that of their script workers, too; and those that
 * want what a job file says. */
#pragma once
#include "base/bytes.h"
#include "perigee/script.pb-c.h"
#include "script/evaluate.h"
#include "script/worker.h"
#include "sys/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* What main() returns. `folder`: a name as mkdtemp(3) wants it, there while the
 * tests run; NULL: none. */
#define SCRIPT_TESTS(folder, tests, argc, argv) \
    script_tests(folder, tests, sizeof tests / sizeof *(tests), argc, argv)

static inline int script_tests(char *folder, const struct CMUnitTest *tests,
                               size_t count, int argc, char **argv)
{
    int status = script_worker_main(argc, argv);
    if (status >= 0)
        return status;
    if (folder != NULL && mkdtemp(folder) == NULL)
        return 1;
    int failed = _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
    if (folder != NULL)
        (void)dir_remove(folder, NULL);
    return failed;
}

/* A job file without a mistake; free with
 * perigee__evaluation__free_unpacked. */
static inline Perigee__Evaluation *script_evaluated(const char *text)
{
    char path[] = "/tmp/perigee-script-XXXXXX";
    struct err err = {0};
    struct buf problems = {0};
    Perigee__Evaluation *out = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write(path, bytes_of_text(text), 0600, false, &err),
                     0);
    if (script_evaluate_file(path, NULL, NULL, 0, NULL, &out, &err) < 0)
        fail_msg("%s", err.text);
    unlink(path);
    script_print_problems(out, false, &problems);
    if (out->n_problems > 0)
        fail_msg("%s", buf_text(&problems));
    buf_release(&problems);
    return out;
}
