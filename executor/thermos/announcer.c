#include "executor/thermos/announcer.h"

#include "base/alloc.h"
#include "sys/log.h"
#include "sys/zookeeper.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1000 /* after a refusal */ };

/*   OUT ──► SEEKING ──► MAKING ──► IN          IN ──► LEAVING ──► OUT
 *
 * One call is under way in every state but OUT and IN. SEEKING looks through
 * the members for one of this session, one after another. */
enum announcer_state { OUT, SEEKING, MAKING, IN, LEAVING };

struct announcer {
    struct announcer_config config;
    struct zk *zk;       /* owned */
    struct event *retry; /* owned */
    enum announcer_state state;
    bool is_connected;
    bool is_leaving;        /* somebody asked */
    bool is_doubtful;       /* a node may be there that we do not know of */
    bool was_told;          /* joined, or left once it is leaving */
    char path[ZK_PATH_MAX]; /* of our node, or the one being looked at */
    size_t made;            /* bytes of config.path whose node was made */
    char **names;           /* SEEKING: members to look at; owned */
    uint32_t name_count;
};

static void advance(struct announcer *a);

static void forget_names(struct announcer *a)
{
    for (uint32_t i = 0; i < a->name_count; i++)
        free(a->names[i]);
    free(a->names);
    a->names = NULL;
    a->name_count = 0;
}

static void later(struct announcer *a, const char *what, const char *why)
{
    struct timeval wait = {RETRY_MS / 1000, RETRY_MS % 1000 * 1000};
    log_line(LOG_LEVEL_WARN, "announce_%s_failed path=%s reason=%s retrying",
             what, log_value(a->config.path), log_value(why));
    (void)evtimer_add(a->retry, &wait);
}

/* A lost connection is followed by a new one, which advances again. */
static void failed(struct announcer *a, const char *what,
                   const struct zk_answer *answer)
{
    if (answer->result == ZK_LOST)
        log_line(LOG_LEVEL_WARN, "announce_%s_cut_off reason=%s", what,
                 log_value(answer->why));
    else
        later(a, what, answer->why);
}

/* --- joining --- */

/* a->path is our node. */
static void joined(struct announcer *a)
{
    a->state = IN;
    a->is_doubtful = false;
    log_line(LOG_LEVEL_INFO, "announced path=%s", log_value(a->path));
    if (!a->was_told && !a->is_leaving) {
        a->was_told = true;
        a->config.joined(a->config.context);
    }
}

/* The node is there: hear of its end. */
static void on_seen(void *context, const struct zk_answer *answer)
{
    struct announcer *a = context;
    if (a->state != IN)
        return;
    if (answer->result == ZK_NO_NODE) {
        a->state = OUT;
        advance(a);
    } else if (answer->result == ZK_REFUSED) {
        later(a, "watch", answer->why);
    }
}

static void on_made(void *context, const struct zk_answer *answer)
{
    struct announcer *a = context;
    a->state = OUT;
    if (answer->result == ZK_OK) {
        (void)snprintf(a->path, sizeof a->path, "%s", answer->path);
        joined(a);
        zk_watch(a->zk, a->path, on_seen, a);
    } else if (answer->result == ZK_NO_NODE) {
        a->made = 0; /* somebody removed a folder */
        later(a, "join", answer->why);
    } else {
        a->is_doubtful = answer->result == ZK_LOST;
        failed(a, "join", answer);
    }
    if (a->is_leaving || answer->result == ZK_LOST)
        advance(a);
}

static void make_member(struct announcer *a)
{
    char path[ZK_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/member_", a->config.path);
    zk_create(a->zk, path, bytes_of_text(a->config.member), true, true, on_made,
              a);
}

static void make_next(struct announcer *a);

static void on_folder(void *context, const struct zk_answer *answer)
{
    struct announcer *a = context;
    if (answer->result == ZK_OK || answer->result == ZK_EXISTS) {
        make_next(a);
        return;
    }
    a->made = 0;
    a->state = OUT;
    failed(a, "folder", answer);
    advance(a);
}

/* "/aurora", "/aurora/role", ..., then the member below. */
static void make_next(struct announcer *a)
{
    char path[ZK_PATH_MAX];
    const char *whole = a->config.path;

    a->state = MAKING;
    if (a->is_leaving) {
        a->state = OUT;
        advance(a);
        return;
    }
    if (whole[a->made] == '\0') {
        make_member(a);
        return;
    }
    a->made += 1 + strcspn(whole + a->made + 1, "/");
    (void)snprintf(path, sizeof path, "%.*s", (int)a->made, whole);
    zk_create(a->zk, path, bytes_of("", 0), false, false, on_folder, a);
}

/* --- looking for a node that may have been made --- */

static void look_at_next(struct announcer *a);

static void on_looked_at(void *context, const struct zk_answer *answer)
{
    struct announcer *a = context;
    if (answer->result == ZK_LOST || answer->result == ZK_REFUSED) {
        forget_names(a);
        a->state = OUT;
        failed(a, "look", answer);
        return;
    }
    if (answer->result == ZK_OK && answer->is_ours) {
        forget_names(a);
        joined(a); /* it is watched by now */
        if (a->is_leaving)
            advance(a);
        return;
    }
    look_at_next(a);
}

static void look_at_next(struct announcer *a)
{
    if (a->name_count == 0) {
        forget_names(a);
        a->is_doubtful = false;
        a->state = OUT;
        advance(a);
        return;
    }
    a->name_count--;
    (void)snprintf(a->path, sizeof a->path, "%s/%.200s", a->config.path,
                   a->names[a->name_count]);
    free(a->names[a->name_count]);
    zk_watch(a->zk, a->path, on_looked_at, a);
}

static void on_members(void *context, const struct zk_answer *answer)
{
    struct announcer *a = context;
    if (answer->result == ZK_LOST || answer->result == ZK_REFUSED) {
        a->state = OUT;
        failed(a, "look", answer);
        return;
    }
    a->names = xcalloc(answer->child_count + 1, sizeof *a->names);
    for (uint32_t i = 0; i < answer->child_count; i++)
        if (strncmp(answer->child[i], "member_", strlen("member_")) == 0)
            a->names[a->name_count++] = xstrdup(answer->child[i]);
    look_at_next(a);
}

/* --- leaving --- */

static void gone(struct announcer *a)
{
    a->state = OUT;
    if (!a->was_told) {
        a->was_told = true;
        a->config.left(a->config.context);
    }
}

static void on_deleted(void *context, const struct zk_answer *answer)
{
    struct announcer *a = context;
    if (answer->result == ZK_OK || answer->result == ZK_NO_NODE) {
        log_line(LOG_LEVEL_INFO, "announcement_gone path=%s",
                 log_value(a->path));
        gone(a);
        return;
    }
    a->state = IN;
    failed(a, "leave", answer);
}

/* --- what to do next --- */

/* The next step, when none is under way and somebody can be asked. */
static void advance(struct announcer *a)
{
    if (!a->is_connected || evtimer_pending(a->retry, NULL))
        return;
    if (a->state == IN && a->is_leaving) {
        a->state = LEAVING;
        zk_delete(a->zk, a->path, on_deleted, a);
    } else if (a->state == OUT && a->is_doubtful) {
        a->state = SEEKING;
        zk_children(a->zk, a->config.path, on_members, a);
    } else if (a->state == OUT && a->is_leaving) {
        gone(a);
    } else if (a->state == OUT) {
        make_next(a);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    struct announcer *a = context;
    (void)fd;
    (void)what;
    if (a->state == IN && !a->is_leaving && a->is_connected)
        zk_watch(a->zk, a->path, on_seen, a);
    advance(a);
}

/* Calls of a session that ended are answered LOST before the next begins, so
 * nothing is under way when it is said to have expired but what is about to
 * end; the nodes went with it. */
static void on_state(void *context, enum zk_state state)
{
    struct announcer *a = context;
    a->is_connected = state == ZK_CONNECTED;
    if (state == ZK_EXPIRED) {
        log_line(LOG_LEVEL_WARN, "announcement_lost reason=%s",
                 log_value("ZooKeeper ended the session"));
        a->is_doubtful = false;
        if (a->state == IN)
            a->state = OUT;
    }
    if (state == ZK_CONNECTED && a->state == IN && !a->is_leaving)
        zk_watch(a->zk, a->path, on_seen, a); /* it may have gone unseen */
    advance(a);
}

/* Whatever it was, look again. */
static void on_watch(void *context, const char *path)
{
    struct announcer *a = context;
    if (a->state == IN && strcmp(path, a->path) == 0)
        zk_watch(a->zk, a->path, on_seen, a);
}

int announcer_open(struct announcer **out, struct event_base *base,
                   const struct announcer_config *config, struct err *err)
{
    struct announcer *a = xcalloc(1, sizeof *a);
    struct zk_config zk = {.servers = config->servers,
                           .access = config->access,
                           .on_state = on_state,
                           .on_watch = on_watch,
                           .context = a};
    a->config = *config;
    a->retry = evtimer_new(base, on_retry, a);
    int rc = strlen(config->path) + sizeof "/member_0000000000" > ZK_PATH_MAX
                 ? err_set(err, ERR_LIMIT, "announce: the path is too long")
                 : zk_open(&a->zk, base, &zk, err);
    if (rc != 0) {
        event_free(a->retry);
        free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void announcer_close(struct announcer *a)
{
    if (a == NULL)
        return;
    zk_close(a->zk);
    event_free(a->retry);
    forget_names(a);
    free(a);
}

void announcer_leave(struct announcer *a)
{
    if (a->is_leaving)
        return;
    a->is_leaving = true;
    a->was_told = false;
    advance(a);
}
