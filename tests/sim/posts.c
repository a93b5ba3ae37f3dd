#include "tests/sim/posts.h"
#include "tests/sim/bank_sum.h"

#include "aurora/program.h"
#include "base/alloc.h"
#include "perigee/aurora_store.pb-c.h"
#include "perigee/script.pb-c.h"
#include "tests/sim/cluster.h"
#include "tests/sim/notice_look.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, ID_SIZE = 31 };

typedef Perigee__Aurora__NoticeRecord NoticeRecord;
typedef Perigee__Aurora__TaskRecord TaskRecord;
typedef Perigee__Aurora__FiringRecord FiringRecord;

void posts_release(struct posts *posts)
{
    for (struct posted *p = posts->taken, *next; p; p = next) {
        next = p->hh.next;
        HASH_DEL(posts->taken, p);
        free(p->id);
        free(p);
    }
}

static bool is_taken(const struct posts *posts, const char *id)
{
    struct posted *p;

    HASH_FIND_STR(posts->taken, id, p);
    return p != NULL;
}

static void take(struct posts *posts, const char *id)
{
    struct posted *p;

    if (is_taken(posts, id))
        return;
    p = xcalloc(1, sizeof *p);
    p->id = xstrdup(id);
    HASH_ADD_KEYPTR(hh, posts->taken, p->id, strlen(p->id), p);
}

/* --- telling --- */

/* Who is to hear of it may have heard of it though the scheduler never learns
 * that he did. */
void posts_take(struct cluster *c, struct node *node,
                const struct aurora_notify *act)
{
    static const uint32_t statuses[] = {200, 500, 0, 0};
    size_t at = c->w->is_quiet || !world_once_in(c->w, 3)
                    ? 0
                    : (size_t)world_between(c->w, 1, 3);
    struct aurora_notified_fact fact = {.ticket = act->ticket,
                                        .status = statuses[at]};
    char id[NOTICE_LOOK_MAX];

    if (!notice_look(node->self, act->ticket, id))
        world_fail(c->w, "something is told, and nobody waits for that");
    if (!disk_has(&node->disk, "notice", id))
        world_fail(c->w, "notice %s is told before it is durable", id);
    c->posts.told++;
    c->posts.refused += statuses[at] != 200;
    if (at == 0)
        take(&c->posts, id);
    fact.result = bytes_of_text(statuses[at] ? "" : "nobody listens");
    world_note(c->w, node->name, "told", act->ticket, act->body, "%s", id);
    node_fact_with(node, world_between(c->w, 1, at == 2 ? 15 * SECOND : SECOND),
                   AURORA_FACT_NOTIFIED, &fact, sizeof fact,
                   offsetof(struct aurora_notified_fact, result), "NOTIFIED");
}

void posts_asked(struct cluster *c, struct bytes bytes)
{
    Perigee__Judgement *judgement =
        perigee__judgement__unpack(NULL, bytes.size, bytes.data);

    if (judgement && judgement->event)
        take(&c->posts, judgement->event->id);
    perigee__judgement__free_unpacked(judgement, NULL);
}

/* --- what becomes durable --- */

/* Is there a notice in the batch about this task, or this run? */
static bool has_notice(const struct effects *batch,
                       Perigee__NotifyEvent__What what, const char *task_id,
                       int64_t scheduled)
{
    bool found = false;

    for (uint32_t i = 0; i < batch->count && !found; i++) {
        const struct effect *e = &batch->item[i];
        if (strcmp(e->persist.table, "notice") != 0 || e->bytes.data == NULL)
            continue;
        NoticeRecord *r = perigee__aurora__notice_record__unpack(
            NULL, e->bytes.size, e->bytes.data);
        found = r->what == what &&
                (task_id ? r->task_id && strcmp(r->task_id, task_id) == 0
                         : r->scheduled == scheduled);
        perigee__aurora__notice_record__free_unpacked(r, NULL);
    }
    return found;
}

static void check_task(struct cluster *c, const struct effects *batch,
                       const struct effect *e)
{
    struct bytes old = disk_get(&c->aurora.disk, "task", e->persist.key);
    TaskRecord *was =
        perigee__aurora__task_record__unpack(NULL, old.size, old.data);
    TaskRecord *r = perigee__aurora__task_record__unpack(NULL, e->bytes.size,
                                                         e->bytes.data);
    bool is_failed = r->state == PERIGEE__AURORA__TASK_STATE__FAILED;
    bool is_lost = r->state == PERIGEE__AURORA__TASK_STATE__LOST;

    if (!bank_has(r->key->role) && (is_lost || (is_failed && r->firing == 0)) &&
        (was == NULL || was->state != r->state) &&
        !has_notice(batch,
                    is_lost ? PERIGEE__NOTIFY_EVENT__WHAT__LOST
                            : PERIGEE__NOTIFY_EVENT__WHAT__FAILED,
                    r->task_id, 0))
        world_fail(c->w, "%s ended without a notice about that", r->task_id);
    perigee__aurora__task_record__free_unpacked(r, NULL);
    if (was)
        perigee__aurora__task_record__free_unpacked(was, NULL);
}

static void check_firing(struct cluster *c, const struct effects *batch,
                         const struct effect *e)
{
    struct bytes old = disk_get(&c->aurora.disk, "firing", e->persist.key);
    FiringRecord *was =
        perigee__aurora__firing_record__unpack(NULL, old.size, old.data);
    FiringRecord *r = perigee__aurora__firing_record__unpack(
        NULL, e->bytes.size, e->bytes.data);

    if (!bank_has(r->key->role) &&
        r->state == PERIGEE__AURORA__FIRING_VIEW__STATE__FAILED &&
        (was == NULL || was->state != r->state) &&
        !has_notice(batch, PERIGEE__NOTIFY_EVENT__WHAT__FAILED, NULL, r->at))
        world_fail(c->w, "the run %.*s failed without a notice about that",
                   (int)e->persist.key.size, (const char *)e->persist.key.data);
    perigee__aurora__firing_record__free_unpacked(r, NULL);
    if (was)
        perigee__aurora__firing_record__free_unpacked(was, NULL);
}

static void check_gone(struct cluster *c, const struct effect *e)
{
    char id[ID_SIZE + 1] = "";

    if (e->persist.key.size != ID_SIZE)
        world_fail(c->w, "a notice has a key of %zu bytes",
                   e->persist.key.size);
    memcpy(id, e->persist.key.data, ID_SIZE);
    if (!is_taken(&c->posts, id))
        world_fail(c->w, "notice %s is forgotten, and nobody took it", id);
}

void posts_on_batch(struct cluster *c, const struct effects *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct effect *e = &batch->item[i];
        const char *table = e->persist.table;
        if (strcmp(table, "notice") == 0 && e->bytes.data == NULL)
            check_gone(c, e);
        else if (e->bytes.data == NULL)
            continue;
        else if (strcmp(table, "task") == 0)
            check_task(c, batch, e);
        else if (strcmp(table, "firing") == 0)
            check_firing(c, batch, e);
    }
}

void final_posts(struct cluster *c)
{
    uint32_t left = disk_count(&c->aurora.disk, "notice");

    if (left > 0)
        world_fail(c->w, "the end: %u notices were never taken", left);
}
