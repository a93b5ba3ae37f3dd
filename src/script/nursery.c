/* The daemon's side: a socket in its loop. */
#include "script/nursery.h"
#include "base/alloc.h"
#include "script/nursery_wire.h"
#include "sys/process.h"
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS = 2 };

struct nursery {
    struct event_base *base; /* borrowed */
    struct nursery_events events;
    struct event *readable; /* owned; NULL while there is no process */
    pid_t pid;
    int fd;
};

/* Its children die with it. */
static void forget(struct nursery *nursery)
{
    if (nursery->readable == NULL)
        return;
    event_free(nursery->readable);
    nursery->readable = NULL;
    close(nursery->fd);
    nursery->fd = -1;
    /* Closing its socket ended it, or it was dead before. Whoever owns the loop
     * may have reaped it. */
    while (waitpid(nursery->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    nursery->pid = 0;
}

static void lose(struct nursery *nursery)
{
    if (nursery->readable == NULL)
        return;
    (void)kill(nursery->pid, SIGKILL); /* alive or not: it is of no use */
    forget(nursery);
    nursery->events.lost(nursery->events.context);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct nursery *nursery = context;
    struct nursery_packet packet;
    ssize_t size = recv(fd, &packet, sizeof packet, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (size != (ssize_t)sizeof packet) {
        lose(nursery);
        return;
    }
    struct nursery_end end = {.is_born = packet.word == NURSERY_ENDED,
                              .wait_status = packet.wait_status,
                              .cpu_ms = packet.cpu_ms};
    nursery->events.ended(nursery->events.context, packet.child, &end);
}

static int start(struct nursery *nursery, struct err *err)
{
    static const char *const argv[] = {"perigee-script", NURSERY_ARGUMENT,
                                       NULL};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_IO, "script nursery: no socket: %s",
                       strerror(errno));
    struct process_spec spec = {.path = "/proc/self/exe",
                                .argv = argv,
                                .fd = {pair[1], -1, STDERR_FILENO},
                                .fd_count = 3,
                                .new_session = true,
                                .uid = -1,
                                .gid = -1};
    int rc = process_spawn(&spec, &nursery->pid, err);
    close(pair[1]);
    if (rc < 0) {
        close(pair[0]);
        return err_wrap(err, "script nursery");
    }
    nursery->fd = pair[0];
    nursery->readable = event_new(nursery->base, pair[0], EV_READ | EV_PERSIST,
                                  on_readable, nursery);
    event_add(nursery->readable, NULL);
    return 0;
}

int nursery_open(struct nursery **out, struct event_base *base,
                 const struct nursery_events *events, struct err *err)
{
    struct nursery *nursery = xcalloc(1, sizeof *nursery);
    nursery->base = base;
    nursery->events = *events;
    int rc = start(nursery, err);
    if (rc < 0) {
        free(nursery);
        return rc;
    }
    *out = nursery;
    return 0;
}

void nursery_close(struct nursery *nursery)
{
    if (nursery == NULL)
        return;
    forget(nursery);
    free(nursery);
}

int nursery_pid(const struct nursery *nursery)
{
    return nursery->pid;
}

static int tell(const struct nursery *nursery,
                const struct nursery_packet *packet, const int *fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(FDS * sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)packet, sizeof *packet};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd != NULL) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(FDS * sizeof(int));
        memcpy(CMSG_DATA(&control.head), fd, FDS * sizeof(int));
    }
    ssize_t size;
    do
        size = sendmsg(nursery->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof *packet ? 0 : -errno;
}

int nursery_start(struct nursery *nursery, uint64_t child, int request_fd,
                  int answer_fd, struct err *err)
{
    const struct nursery_packet packet = {.child = child, .word = NURSERY_BEAR};
    const int fd[FDS] = {request_fd, answer_fd};
    if (nursery->readable == NULL) {
        int rc = start(nursery, err);
        if (rc < 0)
            return rc;
    }
    int error = -tell(nursery, &packet, fd);
    if (error == EPIPE || error == ECONNRESET)
        return err_set(err, ERR_BUSY, "script nursery: it died");
    if (error != 0)
        return err_set(err, ERR_IO, "script nursery: cannot be told: %s",
                       strerror(error));
    return 0;
}

void nursery_kill(struct nursery *nursery, uint64_t child)
{
    const struct nursery_packet packet = {.child = child, .word = NURSERY_KILL};
    if (nursery->readable != NULL)
        (void)tell(nursery, &packet, NULL); /* else it is dead with us */
}
