#include "executor/thermos/control.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fd_space { /* aligned as the kernel wants it */
    struct cmsghdr head;
    char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
};

static size_t size_of(const struct control_message *message)
{
    return offsetof(struct control_message, text) +
           strnlen(message->text, sizeof message->text - 1) + 1;
}

static void attach(struct msghdr *head, union fd_space *space, const int *fds,
                   size_t count)
{
    if (count == 0)
        return;
    memset(space, 0, sizeof *space);
    head->msg_control = space->bytes;
    head->msg_controllen = CMSG_SPACE(count * sizeof *fds);
    struct cmsghdr *control = CMSG_FIRSTHDR(head);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof *fds);
    memcpy(CMSG_DATA(control), fds, count * sizeof *fds);
}

bool control_send_fds(int fd, const struct control_message *message,
                      const int *fds, size_t count)
{
    union fd_space space;
    struct iovec part = {(void *)(uintptr_t)message, size_of(message)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    attach(&head, &space, fds, count);
    do
        n = sendmsg(fd, &head, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)part.iov_len;
}

bool control_send(int fd, const struct control_message *message)
{
    return control_send_fds(fd, message, NULL, 0);
}

static void detach(struct msghdr *head, int fds[CONTROL_FDS_MAX])
{
    struct cmsghdr *control = CMSG_FIRSTHDR(head);
    for (int i = 0; i < CONTROL_FDS_MAX; i++)
        fds[i] = -1;
    if (control == NULL || control->cmsg_level != SOL_SOCKET ||
        control->cmsg_type != SCM_RIGHTS)
        return;
    size_t size = control->cmsg_len - CMSG_LEN(0);
    if (size <= CONTROL_FDS_MAX * sizeof *fds)
        memcpy(fds, CMSG_DATA(control), size);
}

int control_receive(int fd, struct control_message *out,
                    int fds[CONTROL_FDS_MAX])
{
    union fd_space space;
    struct iovec part = {out, sizeof *out};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = space.bytes,
                          .msg_controllen = sizeof space.bytes};
    ssize_t n;

    /* A side that died with packets unread is told of first, once, before what
     * it had sent; that is still to be had. */
    do
        n = recvmsg(fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= (ssize_t)offsetof(struct control_message, text))
        return -1;
    ((char *)out)[n - 1] = '\0';
    detach(&head, fds);
    return 1;
}

static int compare_fds(const void *a, const void *b)
{
    const int *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

void control_close_others(int control, const struct control_held *held,
                          size_t count)
{
    int *kept = xcalloc(count * CONTROL_FDS_MAX + 1, sizeof *kept);
    size_t kept_count = 0;
    int from = STDERR_FILENO + 1;

    kept[kept_count++] = control;
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j < CONTROL_FDS_MAX; j++)
            if (held[i].fd[j] >= 0)
                kept[kept_count++] = held[i].fd[j];
    qsort(kept, kept_count, sizeof *kept, compare_fds);
    for (size_t i = 0; i < kept_count; i++) { /* the gaps between them */
        if (kept[i] > from)
            (void)close_range((unsigned)from, (unsigned)kept[i] - 1, 0);
        from = kept[i] + 1;
    }
    (void)close_range((unsigned)from, ~0u, 0);
    free(kept);
}
