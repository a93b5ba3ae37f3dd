/* An agent as small as one can be: it starts the real executor and speaks the
 * Mesos v1 executor API with it, for one task. It acknowledges what it is told,
 * and it can kill the task.
 *
 *     fake_agent_open(&a, thermos, sandbox, packed_assigned_task);
 *     fake_agent_start(&a);
 *     while (!a.is_over) fake_agent_turn(&a, 100);
 *     fake_agent_close(&a);
 *
 * What goes wrong ends the program: it is no part of what is tested. */
#pragma once
#include "base/alloc.h"
#include "base/arena.h"
#include "base/vec.h"
#include "mesos/v1/executor.pb-c.h"
#include "wire/codec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fake_connection {
    int fd;
    struct buf in;
};

struct fake_agent {
    const char *thermos; /* path of the program */
    const char *sandbox; /* borrowed */
    struct buf launch;   /* the LAUNCH event, packed */
    int listener, port;
    VEC(struct fake_connection) connections;
    int stream; /* of the subscription, one of the connections; -1 */
    int also;   /* a turn ends, too, when this can be read; -1 */
    pid_t executor;
    bool is_launched, is_over;
    Mesos__V1__TaskState state; /* the newest */
    uint32_t updates;
    char message[2100];
};

static inline void fake_must(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "fake agent: %s: %s\n", what, strerror(errno));
    abort();
}

static inline void fake_agent_open(struct fake_agent *a, const char *thermos,
                                   const char *sandbox, struct bytes assigned)
{
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    Mesos__V1__Executor__Event__Launch launch =
        MESOS__V1__EXECUTOR__EVENT__LAUNCH__INIT;
    Mesos__V1__TaskInfo task = MESOS__V1__TASK_INFO__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;

    *a = (struct fake_agent){
        .thermos = thermos, .sandbox = sandbox, .stream = -1, .also = -1};
    task.name = task_id.value = agent_id.value = (char *)(uintptr_t) "task";
    task.task_id = &task_id;
    task.agent_id = &agent_id;
    task.has_data = 1;
    task.data.data = (uint8_t *)(uintptr_t)assigned.data;
    task.data.len = assigned.size;
    launch.task = &task;
    event.has_type = 1;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH;
    event.launch = &launch;
    codec_encode(&event.base, MEDIA_PROTOBUF, &a->launch);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fake_must(bind(a->listener, (struct sockaddr *)&at, size) == 0 &&
                  listen(a->listener, 16) == 0 &&
                  getsockname(a->listener, (struct sockaddr *)&at, &size) == 0,
              "listen");
    a->port = ntohs(at.sin_port);
}

/* Not by fork: the pages of a large test or benchmark are no part of what it
 * starts. */
static inline pid_t fake_spawn(const char *program, char *const *argv,
                               char *const *envp)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    pid_t pid;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&how);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    (void)posix_spawn_file_actions_adddup2(&files, 0, 1);
    if (getenv("TEST_VERBOSE") == NULL)
        (void)posix_spawn_file_actions_adddup2(&files, 0, 2);
    errno = posix_spawn(&pid, program, &files, &how, argv, envp);
    fake_must(errno == 0, program);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&how);
    return pid;
}

static inline void fake_agent_start(struct fake_agent *a)
{
    char endpoint[64], directory[4200], sandbox[4200];
    (void)snprintf(endpoint, sizeof endpoint,
                   "MESOS_AGENT_ENDPOINT=127.0.0.1:%d", a->port);
    (void)snprintf(sandbox, sizeof sandbox, "MESOS_SANDBOX=%s", a->sandbox);
    (void)snprintf(directory, sizeof directory, "MESOS_DIRECTORY=%s",
                   a->sandbox);
    char *argv[] = {(char *)(uintptr_t) "thermos",
                    (char *)(uintptr_t) "executor", NULL};
    char *envp[] = {endpoint,
                    sandbox,
                    directory,
                    (char *)(uintptr_t) "MESOS_FRAMEWORK_ID=fw",
                    (char *)(uintptr_t) "MESOS_EXECUTOR_ID=ex",
                    (char *)(uintptr_t) "MESOS_CHECKPOINT=1",
                    (char *)(uintptr_t) "MESOS_RECOVERY_TIMEOUT=15mins",
                    (char *)(uintptr_t) "PATH=/usr/bin:/bin",
                    (char *)(uintptr_t) "PERIGEE_USER=somebody",
                    (char *)(uintptr_t) "PERIGEE_HOME=/",
                    NULL};
    a->executor = fake_spawn(a->thermos, argv, envp);
}

static inline void fake_send(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* it went; that shows elsewhere */
        at += n;
        size -= (size_t)n;
    }
}

/* One event on the stream: a record in a chunk of its own. */
static inline void fake_event(struct fake_agent *a, struct bytes event)
{
    struct buf record = {0}, chunk = {0};
    buf_addf(&record, "%zu\n", event.size);
    buf_add_bytes(&record, event);
    buf_addf(&chunk, "%zx\r\n", record.size);
    buf_add_bytes(&chunk, buf_bytes(&record));
    buf_add_text(&chunk, "\r\n");
    if (a->stream >= 0)
        fake_send(a->stream, chunk.data, chunk.size);
    buf_release(&record);
    buf_release(&chunk);
}

static inline void fake_event_json(struct fake_agent *a, const char *json)
{
    struct arena arena;
    struct buf packed = {0};
    ProtobufCMessage *message;
    arena_init(&arena);
    fake_must(codec_decode(&mesos__v1__executor__event__descriptor, "Event",
                           MEDIA_JSON, bytes_of_text(json), &arena, &message,
                           NULL) == 0,
              json);
    codec_encode(message, MEDIA_PROTOBUF, &packed);
    fake_event(a, buf_bytes(&packed));
    buf_release(&packed);
    arena_release(&arena);
}

static inline void fake_agent_kill(struct fake_agent *a)
{
    fake_event_json(a, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":"
                       "\"task\"}}}");
}

static inline void fake_subscribe(struct fake_agent *a, int fd)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: application/x-protobuf\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    a->stream = fd;
    fake_send(fd, head, sizeof head - 1);
    fake_event_json(a,
                    "{\"type\":\"SUBSCRIBED\",\"subscribed\":{"
                    "\"executor_info\":{\"executor_id\":{\"value\":\"ex\"}},"
                    "\"framework_info\":{\"user\":\"u\",\"name\":\"n\",\"id\":"
                    "{\"value\":\"fw\"}},\"agent_info\":{\"hostname\":\"h\"}}"
                    "}");
    if (!a->is_launched)
        fake_event(a, buf_bytes(&a->launch));
    a->is_launched = true;
}

static inline void fake_update(struct fake_agent *a,
                               const Mesos__V1__TaskStatus *status)
{
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    Mesos__V1__Executor__Event__Acknowledged ack =
        MESOS__V1__EXECUTOR__EVENT__ACKNOWLEDGED__INIT;
    struct buf packed = {0};

    a->state = status->state;
    a->updates++;
    a->is_over = status->state == MESOS__V1__TASK_STATE__TASK_FINISHED ||
                 status->state == MESOS__V1__TASK_STATE__TASK_FAILED ||
                 status->state == MESOS__V1__TASK_STATE__TASK_KILLED;
    (void)snprintf(a->message, sizeof a->message, "%s",
                   status->message ? status->message : "");
    ack.task_id = status->task_id;
    ack.uuid = status->uuid;
    event.has_type = 1;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED;
    event.acknowledged = &ack;
    codec_encode(&event.base, MEDIA_PROTOBUF, &packed);
    fake_event(a, buf_bytes(&packed));
    buf_release(&packed);
}

static inline void fake_call(struct fake_agent *a, int fd, struct bytes body)
{
    static const char fine[] = "HTTP/1.1 202 Accepted\r\n"
                               "Content-Length: 0\r\n\r\n";
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena);
    fake_must(codec_decode(&mesos__v1__executor__call__descriptor, "Call",
                           MEDIA_PROTOBUF, body, &arena, &message, NULL) == 0,
              "a call that cannot be read");
    const Mesos__V1__Executor__Call *call = (const void *)message;
    if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE) {
        fake_subscribe(a, fd);
    } else {
        fake_send(fd, fine, sizeof fine - 1);
        if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE)
            fake_update(a, call->update->status);
    }
    arena_release(&arena);
}

/* Take whole requests off the front of what came. */
static inline void fake_requests(struct fake_agent *a, uint32_t at)
{
    for (;;) {
        struct fake_connection *c = &a->connections.item[at];
        const char *end = memmem(c->in.data, c->in.size, "\r\n\r\n", 4);
        if (end == NULL)
            return;
        size_t head = (size_t)(end - (const char *)c->in.data) + 4;
        char *text = xstrndup((const char *)c->in.data, head);
        const char *length = strcasestr(text, "\ncontent-length:");
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        free(text);
        if (c->in.size < head + body)
            return;
        fake_call(a, c->fd, bytes_of(c->in.data + head, body));
        memmove(c->in.data, c->in.data + head + body, c->in.size - head - body);
        c->in.size -= head + body;
    }
}

static inline void fake_hang_up(struct fake_agent *a, uint32_t at)
{
    struct fake_connection *c = &a->connections.item[at];
    if (a->stream == c->fd)
        a->stream = -1;
    (void)close(c->fd);
    buf_release(&c->in);
    vec_remove(&a->connections, at);
}

static inline void fake_read(struct fake_agent *a, uint32_t at)
{
    struct fake_connection *c = &a->connections.item[at];
    char data[16384];
    ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
    if (n > 0) {
        buf_add(&c->in, data, (size_t)n);
        fake_requests(a, at);
    } else if (n == 0 || errno != EAGAIN) {
        fake_hang_up(a, at);
    }
}

static inline void fake_accept(struct fake_agent *a)
{
    const int one = 1;
    int fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *vec_add(&a->connections) = (struct fake_connection){.fd = fd};
}

/* Wait at most `ms` for something to happen, and answer it. */
static inline void fake_agent_turn(struct fake_agent *a, int ms)
{
    struct pollfd in[17] = {{.fd = a->listener, .events = POLLIN}};
    uint32_t count = a->connections.count < 16 ? a->connections.count : 16;
    for (uint32_t i = 0; i < count; i++)
        in[i + 1] =
            (struct pollfd){.fd = a->connections.item[i].fd, .events = POLLIN};
    if (poll(in, count + 1, ms) <= 0)
        return;
    for (uint32_t i = count; i-- > 0;)
        if (in[i + 1].revents != 0)
            fake_read(a, i);
    if (in[0].revents != 0)
        fake_accept(a);
}

static inline void fake_agent_close(struct fake_agent *a)
{
    while (a->connections.count > 0)
        fake_hang_up(a, 0);
    (void)close(a->listener);
    vec_free(&a->connections);
    buf_release(&a->launch);
}
