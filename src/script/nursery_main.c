/* The process that forks script workers: one poll loop over the daemon's socket
 * and the signal of children. It keeps a table of who lives and decides
 * nothing. */
#include "script/nursery.h"
#include "script/nursery_wire.h"
#include "sys/process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DAEMON_FD = STDIN_FILENO, FDS = 2, GIVE_WAY = 10 /* nice */ };

struct nursling {
    uint64_t child;
    pid_t pid; /* 0: a free place */
};

struct nursery_room {
    int (*serve)(void);
    int signals; /* signalfd of SIGCHLD */
    sigset_t before;
    struct nursling nursling[NURSERY_CHILDREN_MAX];
};

/* The daemon that does not listen has gone: so do we. */
static void tell(const struct nursery_packet *packet)
{
    ssize_t size;
    do
        size = send(DAEMON_FD, packet, sizeof *packet, MSG_NOSIGNAL);
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof *packet)
        _exit(0);
}

static struct nursling *find_pid(struct nursery_room *room, pid_t pid)
{
    for (int i = 0; i < NURSERY_CHILDREN_MAX; i++)
        if (room->nursling[i].pid == pid)
            return &room->nursling[i];
    return NULL;
}

/* --- birth --- */

/* The child's first steps; the daemon's socket becomes its request. */
static _Noreturn void live(const struct nursery_room *room, pid_t nursery,
                           const int fd[FDS])
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != nursery) /* died before we could ask to be told */
        _exit(1);
    if (dup2(fd[0], STDIN_FILENO) < 0 || dup2(fd[1], STDOUT_FILENO) < 0)
        _exit(1);
    (void)syscall(SYS_close_range, STDERR_FILENO + 1U, ~0U, 0);
    (void)sigprocmask(SIG_SETMASK, &room->before, NULL);
    _exit(room->serve());
}

static void bear(struct nursery_room *room, uint64_t child, const int fd[FDS])
{
    struct nursling *place = find_pid(room, 0);
    pid_t nursery = getpid();
    pid_t pid = place != NULL ? fork() : -1;
    if (pid == 0)
        live(room, nursery, fd);
    if (pid > 0) {
        *place = (struct nursling){child, pid};
        return;
    }
    tell(&(struct nursery_packet){.child = child, .word = NURSERY_UNBORN});
}

/* --- what the daemon says --- */

/* At most FDS descriptors; -1 where there is none. */
static ssize_t receive(struct nursery_packet *packet, int fd[FDS])
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(FDS * sizeof(int))];
    } control;
    struct iovec part = {packet, sizeof *packet};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    fd[0] = fd[1] = -1;
    ssize_t size = recvmsg(DAEMON_FD, &message, MSG_CMSG_CLOEXEC);
    if (size < 0)
        return size;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET &&
        head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(FDS * sizeof(int)))
        memcpy(fd, CMSG_DATA(head), FDS * sizeof(int));
    return size;
}

static void kill_child(struct nursery_room *room, uint64_t child)
{
    for (int i = 0; i < NURSERY_CHILDREN_MAX; i++)
        if (room->nursling[i].pid > 0 && room->nursling[i].child == child)
            (void)kill(room->nursling[i].pid, SIGKILL);
}

/* False: the daemon closed its end. */
static bool listen_once(struct nursery_room *room)
{
    struct nursery_packet packet = {0};
    int fd[FDS];
    ssize_t size = receive(&packet, fd);
    if (size < 0)
        return errno == EINTR || errno == EAGAIN;
    if (size == (ssize_t)sizeof packet && packet.word == NURSERY_KILL)
        kill_child(room, packet.child);
    if (size == (ssize_t)sizeof packet && packet.word == NURSERY_BEAR)
        bear(room, packet.child, fd);
    for (int i = 0; i < FDS; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return size > 0;
}

/* --- children that ended --- */

static void reap(struct nursery_room *room)
{
    struct signalfd_siginfo signals[8];
    struct rusage usage;
    int status;
    pid_t pid;
    (void)!read(room->signals, signals, sizeof signals);
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        struct nursling *place = find_pid(room, pid);
        if (place == NULL)
            continue;
        tell(&(struct nursery_packet){.child = place->child,
                                      .word = NURSERY_ENDED,
                                      .wait_status = status,
                                      .cpu_ms = process_cpu_ms(&usage)});
        place->pid = 0;
    }
}

static void kill_all(struct nursery_room *room)
{
    for (int i = 0; i < NURSERY_CHILDREN_MAX; i++)
        if (room->nursling[i].pid > 0)
            (void)kill(room->nursling[i].pid, SIGKILL);
    while (wait4(-1, NULL, 0, NULL) > 0 || errno == EINTR)
        ;
}

/* Who stops a service tells all its processes: the daemon says when. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)sigaction(ignored[i], &ignore, NULL);
}

/* Sessions share the processor evenly on many machines: in the daemon's own,
 * what workers take would be counted against the daemon, which then waits for
 * its turn. So the nursery has a session, and that gives way as well, but a
 * little: on a busy machine jobs must be created too. */
static void give_way(void)
{
    static const char nice_text[] = "5";
    (void)setpriority(PRIO_PROCESS, 0, GIVE_WAY);
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd < 0) /* this machine does not */
        return;
    (void)!write(fd, nice_text, sizeof nice_text - 1);
    close(fd);
}

static bool settle(struct nursery_room *room)
{
    sigset_t children;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "script-nursery");
    give_way();
    ignore_signals();
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &children, &room->before) < 0)
        return false;
    room->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    return room->signals >= 0;
}

int nursery_main(int (*serve)(void))
{
    static struct nursery_room room;
    room.serve = serve;
    if (!settle(&room))
        return 1;
    for (bool is_open = true; is_open;) {
        struct pollfd ready[] = {{.fd = DAEMON_FD, .events = POLLIN},
                                 {.fd = room.signals, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            break;
        if (ready[1].revents != 0)
            reap(&room);
        if (ready[0].revents != 0)
            is_open = listen_once(&room);
    }
    kill_all(&room);
    return 0;
}
