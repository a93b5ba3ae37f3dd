#include "executor/thermos/control.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

bool control_send(int fd, const struct control_message *message)
{
    size_t size = offsetof(struct control_message, text) +
                  strnlen(message->text, sizeof message->text - 1) + 1;
    ssize_t n;
    do
        n = send(fd, message, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

int control_receive(int fd, struct control_message *out)
{
    ssize_t n;
    do
        n = recv(fd, out, sizeof *out, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= (ssize_t)offsetof(struct control_message, text))
        return -1;
    ((char *)out)[n - 1] = '\0';
    return 1;
}
