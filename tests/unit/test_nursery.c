/* Where script workers are born: what a child is given, how its end is told,
 * and that nothing outlives the nursery. */
#include "script/nursery.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the child: does what its request says --- */

static void print_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder))
            dprintf(STDOUT_FILENO, "%s ", entry->d_name);
    closedir(folder);
}

static int serve(void)
{
    char wish[32] = "";
    (void)!pread(STDIN_FILENO, wish, sizeof wish - 1, 0);
    if (strcmp(wish, "descriptors") == 0)
        print_descriptors();
    if (strcmp(wish, "who") == 0)
        dprintf(STDOUT_FILENO, "%d %d", (int)getppid(),
                getpriority(PRIO_PROCESS, 0));
    if (strcmp(wish, "spin") == 0) {
        dprintf(STDOUT_FILENO, "%d", (int)getpid());
        for (volatile unsigned n = 0;; n++)
            ;
    }
    return strcmp(wish, "three") == 0 ? 3 : 0;
}

/* --- the daemon's side --- */

enum { CHILDREN = NURSERY_CHILDREN_MAX + 2 };

struct world {
    struct event_base *base;
    struct nursery *nursery;
    struct nursery_end end[CHILDREN];
    uint32_t ended, lost;
};

static void on_ended(void *context, uint64_t child,
                     const struct nursery_end *end)
{
    struct world *w = context;
    assert_true(child < CHILDREN);
    w->end[child] = *end;
    w->ended++;
    event_base_loopbreak(w->base);
}

static void on_lost(void *context)
{
    struct world *w = context;
    w->lost++;
    event_base_loopbreak(w->base);
}

static void world_open(struct world *w)
{
    const struct nursery_events events = {on_ended, on_lost, w};
    *w = (struct world){.base = event_base_new()};
    assert_int_equal(nursery_open(&w->nursery, w->base, &events, NULL), 0);
}

static void world_close(struct world *w)
{
    nursery_close(w->nursery);
    event_base_free(w->base);
}

static void turn(struct world *w)
{
    struct timeval end = {20, 0};
    event_base_loopexit(w->base, &end);
    event_base_dispatch(w->base);
}

/* Its answer's descriptor. */
static int bear(struct world *w, uint64_t child, const char *wish)
{
    int answer[2];
    int request = memfd_create("request", MFD_CLOEXEC);
    assert_int_equal(write(request, wish, strlen(wish)), strlen(wish));
    assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
    assert_int_equal(nursery_start(w->nursery, child, request, answer[1], NULL),
                     0);
    close(request);
    close(answer[1]);
    return answer[0];
}

static void read_all(int fd, char *out, size_t size)
{
    size_t at = 0;
    ssize_t got;
    while ((got = read(fd, out + at, size - at - 1)) > 0)
        at += (size_t)got;
    out[at] = '\0';
    close(fd);
}

static void test_a_child_is_given_its_request_and_nothing_else(void **unused)
{
    (void)unused;
    struct world w;
    char text[256];
    world_open(&w);
    read_all(bear(&w, 1, "descriptors"), text, sizeof text);
    assert_string_equal(text, "0 1 2 ");
    turn(&w);
    assert_int_equal(w.ended, 1);
    assert_true(w.end[1].is_born);
    assert_int_equal(w.end[1].wait_status, 0);
    world_close(&w);
}

static void test_it_is_the_childrens_parent_and_gives_way(void **unused)
{
    (void)unused;
    struct world w;
    char text[256];
    int parent = 0, nice = 0;
    world_open(&w);
    read_all(bear(&w, 1, "who"), text, sizeof text);
    assert_int_equal(sscanf(text, "%d %d", &parent, &nice), 2);
    assert_int_equal(parent, nursery_pid(w.nursery));
    assert_true(nice >= 10);
    world_close(&w);
}

static void test_ends_are_told_with_status_and_time(void **unused)
{
    (void)unused;
    struct world w;
    char text[16] = "";
    world_open(&w);
    close(bear(&w, 2, "three"));
    turn(&w);
    assert_int_equal(WEXITSTATUS(w.end[2].wait_status), 3);
    int fd = bear(&w, 3, "spin");
    assert_true(read(fd, text, sizeof text - 1) > 0);
    nursery_kill(w.nursery, 9); /* nobody */
    nursery_kill(w.nursery, 3);
    turn(&w);
    assert_int_equal(WTERMSIG(w.end[3].wait_status), SIGKILL);
    assert_true(w.end[3].cpu_ms >= 0);
    close(fd);
    world_close(&w);
}

static void test_too_many_are_not_born(void **unused)
{
    (void)unused;
    struct world w;
    int fd[CHILDREN];
    world_open(&w);
    for (uint64_t i = 0; i <= NURSERY_CHILDREN_MAX; i++)
        fd[i] = bear(&w, i, "spin");
    turn(&w);
    assert_int_equal(w.ended, 1);
    assert_false(w.end[NURSERY_CHILDREN_MAX].is_born);
    world_close(&w); /* and those that spin are gone with it */
    for (uint64_t i = 0; i <= NURSERY_CHILDREN_MAX; i++) {
        char text[16];
        read_all(fd[i], text, sizeof text);
        int pid = atoi(text); /* 0: it ended before it could say */
        assert_true(pid == 0 || kill(pid, 0) < 0);
    }
}

static void test_a_lost_nursery_is_told_and_started_again(void **unused)
{
    (void)unused;
    struct world w;
    char text[16];
    world_open(&w);
    int before = nursery_pid(w.nursery);
    int fd = bear(&w, 1, "spin");
    assert_true(read(fd, text, 1) == 1);
    assert_int_equal(kill(before, SIGKILL), 0);
    turn(&w);
    assert_int_equal(w.lost, 1);
    assert_int_equal(w.ended, 0);
    assert_int_equal(nursery_pid(w.nursery), 0);
    read_all(fd, text, sizeof text); /* ends: the child died with it */
    nursery_kill(w.nursery, 1);      /* nobody to tell */
    close(bear(&w, 2, "three"));
    turn(&w);
    assert_int_equal(WEXITSTATUS(w.end[2].wait_status), 3);
    assert_int_not_equal(nursery_pid(w.nursery), before);
    world_close(&w);
}

/* A daemon that dies takes nursery and children along. */
static void test_nothing_outlives_the_daemon(void **unused)
{
    (void)unused;
    int pipe_fd[2];
    char text[16] = "";
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        struct world w;
        world_open(&w);
        int request = memfd_create("request", MFD_CLOEXEC);
        (void)!write(request, "spin", 4);
        (void)nursery_start(w.nursery, 1, request, pipe_fd[1], NULL);
        pause();
        _exit(0);
    }
    close(pipe_fd[1]);
    assert_true(read(pipe_fd[0], text, 1) == 1);
    assert_int_equal(kill(daemon, SIGKILL), 0);
    assert_int_equal(waitpid(daemon, NULL, 0), daemon);
    read_all(pipe_fd[0], text, sizeof text); /* the pipe ends: all are gone */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_is_given_its_request_and_nothing_else),
        cmocka_unit_test(test_it_is_the_childrens_parent_and_gives_way),
        cmocka_unit_test(test_ends_are_told_with_status_and_time),
        cmocka_unit_test(test_too_many_are_not_born),
        cmocka_unit_test(test_a_lost_nursery_is_told_and_started_again),
        cmocka_unit_test(test_nothing_outlives_the_daemon),
    };
    if (argc == 2 && strcmp(argv[1], NURSERY_ARGUMENT) == 0)
        return nursery_main(serve);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
