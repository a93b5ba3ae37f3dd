#include "sys/zookeeper.h"

#include "base/alloc.h"
#include "sys/address.h"
#include "sys/log.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <zookeeper/zookeeper.h>

enum {
    SERVERS_TEXT_MAX = ZK_SERVERS_MAX * (ADDRESS_HOST_MAX + 8),
    REOPEN_MS = 1000, /* after a session could not even be begun */
    PAUSE_US = 20000  /* between failures of the library */
};

/* One call under way. */
struct call {
    struct zk *zk;
    zk_done *done; /* NULL: nobody wants to know any more */
    void *context;
    int failed; /* it could not be made: the library's code */
    TAILQ_ENTRY(call) next;
};

struct zk {
    struct event_base *base;
    struct zk_config config;
    char servers[SERVERS_TEXT_MAX];
    zhandle_t *handle;   /* owned; NULL: to be opened again */
    struct event *ready; /* of the library's socket; owned, NULL: none */
    struct event *timer; /* the library's next deadline; owned */
    struct event *wake;  /* calls were made, or could not be; owned */
    enum zk_state state;
    bool is_expired; /* seen by the watcher; acted on outside of it */
    bool is_refused; /* the servers do not believe who we are */
    struct ACL acl[ZK_ACCESS_MAX];
    struct ACL_vector acls; /* over acl, or everybody */
    bool is_closing;
    uint32_t pending;
    TAILQ_HEAD(, call) calls;
};

/* --- servers --- */

/* The library would ask a resolver about "localhost". */
static void copy_servers(struct zk *zk, const char *servers)
{
    static const char name[] = "localhost:";
    size_t used = 0;

    for (const char *at = servers; *at != '\0' && used < SERVERS_TEXT_MAX - 1;)
        if ((at == servers || at[-1] == ',') &&
            strncmp(at, name, sizeof name - 1) == 0) {
            used += (size_t)snprintf(zk->servers + used,
                                     SERVERS_TEXT_MAX - used, "127.0.0.1:");
            at += sizeof name - 1;
        } else {
            zk->servers[used++] = *at++;
        }
}

/* --- answers --- */

static enum zk_result result_of(int rc)
{
    switch (rc) {
    case ZOK:
        return ZK_OK;
    case ZNONODE:
        return ZK_NO_NODE;
    case ZNODEEXISTS:
        return ZK_EXISTS;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZINVALIDSTATE:
    case ZCLOSING:
    case ZSYSTEMERROR:
        return ZK_LOST;
    default:
        return ZK_REFUSED;
    }
}

static void call_end(struct call *call, int rc, struct zk_answer answer)
{
    struct zk *zk = call->zk;
    zk_done *done = zk->is_closing ? NULL : call->done;
    void *context = call->context;

    TAILQ_REMOVE(&zk->calls, call, next);
    zk->pending--;
    free(call);
    answer.result = result_of(rc);
    answer.why = rc == ZOK ? "" : zerror(rc);
    if (done != NULL)
        done(context, &answer);
}

static void on_path(int rc, const char *path, const void *data)
{
    call_end((struct call *)(uintptr_t)data, rc,
             (struct zk_answer){.path = path});
}

static void on_void(int rc, const void *data)
{
    call_end((struct call *)(uintptr_t)data, rc, (struct zk_answer){0});
}

static void on_stat(int rc, const struct Stat *stat, const void *data)
{
    struct call *call = (struct call *)(uintptr_t)data;
    bool is_ours =
        rc == ZOK && call->zk->handle != NULL && stat->ephemeralOwner != 0 &&
        stat->ephemeralOwner == zoo_client_id(call->zk->handle)->client_id;
    call_end(call, rc, (struct zk_answer){.is_ours = is_ours});
}

static void on_strings(int rc, const struct String_vector *names,
                       const void *data)
{
    struct zk_answer answer = {0};
    if (rc == ZOK && names != NULL) {
        answer.child = (const char *const *)(uintptr_t)names->data;
        answer.child_count = (uint32_t)names->count;
    }
    call_end((struct call *)(uintptr_t)data, rc, answer);
}

static void end_failed(struct zk *zk)
{
    struct call *call = TAILQ_FIRST(&zk->calls), *next;
    for (; call != NULL; call = next) {
        next = TAILQ_NEXT(call, next);
        if (call->failed != ZOK)
            call_end(call, call->failed, (struct zk_answer){0});
    }
}

/* --- the session --- */

static void tell_state(struct zk *zk, enum zk_state state)
{
    if (zk->state == state || zk->is_closing)
        return;
    zk->state = state;
    zk->config.on_state(zk->config.context, state);
}

static void on_event(zhandle_t *handle, int type, int state, const char *path,
                     void *context)
{
    struct zk *zk = context;
    (void)handle;
    if (zk->is_closing)
        return;
    if (type != ZOO_SESSION_EVENT) {
        zk->config.on_watch(zk->config.context, path);
        return;
    }
    if (state == ZOO_CONNECTED_STATE)
        tell_state(zk, ZK_CONNECTED);
    else if (state == ZOO_EXPIRED_SESSION_STATE)
        zk->is_expired = true;
    else if (state == ZOO_AUTH_FAILED_STATE)
        zk->is_refused = true;
    else
        tell_state(zk, ZK_CONNECTING);
}

/* What the library has to say is told by states; its lines are for those who
 * look for its own faults. */
static void on_log(const char *line)
{
    log_line(LOG_LEVEL_DEBUG, "zookeeper text=%s", log_value(line));
}

static void drop_ready(struct zk *zk)
{
    if (zk->ready != NULL)
        event_free(zk->ready);
    zk->ready = NULL;
}

/* What nobody will answer any more was lost. */
static void close_handle(struct zk *zk)
{
    struct call *call;

    drop_ready(zk);
    if (zk->handle != NULL)
        (void)zookeeper_close(zk->handle);
    zk->handle = NULL;
    while ((call = TAILQ_FIRST(&zk->calls)) != NULL)
        /* It left the list before it was freed.
         * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        call_end(call, ZSESSIONEXPIRED, (struct zk_answer){0});
}

/* Their answer to who we are; a refusal shows as a state. */
static void on_auth(int rc, const void *data)
{
    (void)data;
    if (rc != ZOK)
        log_line(LOG_LEVEL_WARN, "zookeeper_auth_failed reason=%s",
                 log_value(zerror(rc)));
}

/* The library says it again in every connection of the session. */
static void say_who(struct zk *zk)
{
    const struct zk_access *access = zk->config.access;
    for (uint32_t i = 0; access != NULL && i < access->auth_count; i++)
        (void)zoo_add_auth(zk->handle, access->auth[i].scheme,
                           access->auth[i].id, (int)strlen(access->auth[i].id),
                           on_auth, NULL);
}

static void open_handle(struct zk *zk)
{
    int64_t session_ms =
        zk->config.session_ms > 0 ? zk->config.session_ms : ZK_SESSION_MS;
    zk->is_expired = zk->is_refused = false;
    zk->handle = zookeeper_init2(zk->servers, on_event, (int)session_ms, NULL,
                                 zk, ZOO_NO_LOG_CLIENTENV, on_log);
    if (zk->handle == NULL)
        return;
    (void)zoo_set_servers_resolution_delay(zk->handle, -1);
    say_who(zk);
}

/* --- the pump --- */

static void replace_session(struct zk *zk)
{
    tell_state(zk, ZK_EXPIRED);
    close_handle(zk);
    if (!zk->is_refused) /* else after a pause */
        open_handle(zk);
    tell_state(zk, ZK_CONNECTING);
}

static void on_ready(evutil_socket_t fd, short what, void *context);

/* Ask the library what it waits for, and wait for it. */
static void pump(struct zk *zk)
{
    struct timeval wait = {REOPEN_MS / 1000, 0};
    int fd = -1, interest = 0, rc;

    if (zk->is_expired || (zk->is_refused && zk->handle != NULL))
        replace_session(zk);
    drop_ready(zk);
    if (zk->handle == NULL) {
        (void)evtimer_add(zk->timer, &wait);
        return;
    }
    rc = zookeeper_interest(zk->handle, &fd, &interest, &wait);
    if (rc != ZOK && wait.tv_sec == 0 && wait.tv_usec < PAUSE_US)
        wait.tv_usec = PAUSE_US; /* it may fail as often as it likes */
    (void)evtimer_add(zk->timer, &wait);
    if (fd < 0 || interest == 0)
        return;
    zk->ready = event_new(zk->base, fd,
                          (short)((interest & ZOOKEEPER_READ ? EV_READ : 0) |
                                  (interest & ZOOKEEPER_WRITE ? EV_WRITE : 0)),
                          on_ready, zk);
    (void)event_add(zk->ready, NULL);
}

static void process(struct zk *zk, int events)
{
    if (zk->handle != NULL) {
        int rc = zookeeper_process(zk->handle, events);
        zk->is_expired |= rc == ZSESSIONEXPIRED;
        zk->is_refused |= rc == ZAUTHFAILED;
    } else {
        open_handle(zk);
    }
    pump(zk);
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    process(context, (what & EV_READ ? ZOOKEEPER_READ : 0) |
                         (what & EV_WRITE ? ZOOKEEPER_WRITE : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    process(context, 0);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    end_failed(context);
    pump(context);
}

/* --- the door --- */

static void copy_access(struct zk *zk)
{
    const struct zk_access *access = zk->config.access;
    zk->acls = ZOO_OPEN_ACL_UNSAFE;
    if (access == NULL || access->acl_count == 0)
        return;
    zk->acls = (struct ACL_vector){.count = (int32_t)access->acl_count,
                                   .data = zk->acl};
    for (uint32_t i = 0; i < access->acl_count; i++)
        zk->acl[i] = (struct ACL){(int32_t)access->acl[i].may,
                                  {(char *)(uintptr_t)access->acl[i].scheme,
                                   (char *)(uintptr_t)access->acl[i].id}};
}

int zk_open(struct zk **out, struct event_base *base,
            const struct zk_config *config, struct err *err)
{
    struct zk *zk;
    int rc = address_check_list(config->servers, ZK_SERVERS_MAX, err);

    if (rc != 0)
        return err_wrap(err, "zookeeper");
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zk = xcalloc(1, sizeof *zk);
    zk->base = base;
    zk->config = *config;
    TAILQ_INIT(&zk->calls);
    copy_servers(zk, config->servers);
    copy_access(zk);
    zk->config.servers = NULL; /* the caller's */
    zk->timer = evtimer_new(base, on_timer, zk);
    zk->wake = event_new(base, -1, 0, on_wake, zk);
    assert(zk->timer != NULL && zk->wake != NULL);
    open_handle(zk);
    event_active(zk->wake, 0, 0);
    *out = zk;
    return 0;
}

void zk_close(struct zk *zk)
{
    if (zk == NULL)
        return;
    zk->is_closing = true;
    close_handle(zk);
    event_free(zk->timer);
    event_free(zk->wake);
    free(zk);
}

static struct call *call_new(struct zk *zk, zk_done *done, void *context)
{
    struct call *call = xcalloc(1, sizeof *call);
    *call = (struct call){.zk = zk, .done = done, .context = context};
    TAILQ_INSERT_TAIL(&zk->calls, call, next);
    zk->pending++;
    event_active(zk->wake, 0, 0);
    if (zk->handle == NULL || zk->pending > ZK_PENDING_MAX)
        call->failed = ZCONNECTIONLOSS;
    return call;
}

void zk_create(struct zk *zk, const char *path, struct bytes value,
               bool is_ephemeral, bool is_sequential, zk_done *done,
               void *context)
{
    struct call *call = call_new(zk, done, context);
    int flags =
        (is_ephemeral ? ZOO_EPHEMERAL : 0) | (is_sequential ? ZOO_SEQUENCE : 0);
    if (call->failed == ZOK)
        call->failed =
            zoo_acreate(zk->handle, path, (const char *)value.data,
                        (int)value.size, &zk->acls, flags, on_path, call);
}

void zk_delete(struct zk *zk, const char *path, zk_done *done, void *context)
{
    struct call *call = call_new(zk, done, context);
    if (call->failed == ZOK)
        call->failed = zoo_adelete(zk->handle, path, -1, on_void, call);
}

void zk_watch(struct zk *zk, const char *path, zk_done *done, void *context)
{
    struct call *call = call_new(zk, done, context);
    if (call->failed == ZOK)
        call->failed = zoo_aexists(zk->handle, path, 1, on_stat, call);
}

void zk_children(struct zk *zk, const char *path, zk_done *done, void *context)
{
    struct call *call = call_new(zk, done, context);
    if (call->failed == ZOK)
        call->failed = zoo_aget_children(zk->handle, path, 0, on_strings, call);
}
