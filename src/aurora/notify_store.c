/* The outbox in the store. */
#include "aurora/state.h"

typedef Perigee__Aurora__NoticeRecord NoticeRecord;

static struct blob *blob_of(const char *text)
{
    return text ? blob_new(bytes_of_text(text)) : NULL;
}

/* The receiver of what a script said, or NULL. */
static const char *receiver_of(const Perigee__Delivery *delivery)
{
    if (!delivery)
        return NULL;
    if (delivery->url)
        return delivery->url;
    return delivery->email ? delivery->email : "";
}

static int restore(struct aurora_program *p, const NoticeRecord *r,
                   struct err *err)
{
    struct notice notice = {.life = r->life,
                            .number = r->number,
                            .rule = r->rule,
                            .tries = r->not_taken,
                            .more = r->more,
                            .why = r->why};
    Perigee__Delivery *delivery = NULL;

    notice.facts =
        (struct notice_facts){.what = (enum notify_what)r->what,
                              .at_ms = (int64_t)r->at_ms,
                              .task_id = blob_of(r->task_id),
                              .update_id = blob_of(r->update_id),
                              .message = blob_of(r->message),
                              .instance = r->instance,
                              .failures = r->failures,
                              .state = (enum task_state)r->state,
                              .before = (enum task_state)r->before,
                              .scheduled = r->scheduled,
                              .late_ms = r->late_ms,
                              .firing = (enum firing_state)r->firing,
                              .tries = r->tries,
                              .update = (enum update_state)r->update};
    if (r->has_delivery) {
        notice.delivery = blob_new(bytes_of(r->delivery.data, r->delivery.len));
        delivery =
            perigee__delivery__unpack(NULL, r->delivery.len, r->delivery.data);
    }
    int rc = aurora_restore_notice(&p->core, &notice,
                                   r->config_id ? r->config_id : "",
                                   receiver_of(delivery), err);
    if (delivery)
        perigee__delivery__free_unpacked(delivery, NULL);
    blob_unref(notice.facts.task_id);
    blob_unref(notice.facts.update_id);
    blob_unref(notice.facts.message);
    blob_unref(notice.delivery);
    return rc;
}

int notices_restore(struct aurora_program *p, struct err *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < p->stored_notices.count && rc == 0; i++) {
        struct bytes value = blob_bytes(p->stored_notices.item[i]);
        NoticeRecord *r = perigee__aurora__notice_record__unpack(
            NULL, value.size, value.data);
        rc = r ? restore(p, r, err)
               : store_damaged(err, "notice", bytes_of_text(""));
        perigee__aurora__notice_record__free_unpacked(r, NULL);
    }
    return rc;
}

void notices_store_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->stored_notices.count; i++)
        blob_unref(p->stored_notices.item[i]);
    vec_free(&p->stored_notices);
}

static void fill_facts(const struct notice_facts *facts, NoticeRecord *r,
                       struct arena *arena)
{
    r->has_what = r->has_at_ms = true;
    r->what = (Perigee__NotifyEvent__What)facts->what;
    r->at_ms = (uint64_t)facts->at_ms;
    r->task_id = view_text(facts->task_id, arena);
    r->update_id = view_text(facts->update_id, arena);
    r->message = view_text(facts->message, arena);
    r->has_instance = r->has_state = r->has_before = facts->task_id != NULL;
    r->instance = facts->instance;
    r->state = (Perigee__Aurora__TaskState)facts->state;
    r->before = (Perigee__Aurora__TaskState)facts->before;
    r->has_failures = facts->failures > 0;
    r->failures = facts->failures;
    r->has_scheduled = r->has_firing = r->has_tries = facts->scheduled > 0;
    r->scheduled = facts->scheduled;
    r->firing = (Perigee__Aurora__FiringView__State)facts->firing;
    r->tries = facts->tries;
    r->has_late_ms = facts->late_ms != 0;
    r->late_ms = facts->late_ms;
    r->has_update = facts->update_id != NULL;
    r->update = (Perigee__Aurora__UpdateState)facts->update;
}

static void save(const struct notice *notice, struct effects *fx)
{
    NoticeRecord r = PERIGEE__AURORA__NOTICE_RECORD__INIT;
    char id[NOTICE_ID_MAX];

    r.has_life = r.has_number = r.has_rule = true;
    r.life = notice->life;
    r.number = notice->number;
    r.rule = notice->rule;
    r.config_id = notice->config->id;
    fill_facts(&notice->facts, &r, &fx->arena);
    r.has_delivery = notice->delivery != NULL;
    r.delivery.len = blob_bytes(notice->delivery).size;
    r.delivery.data = notice->delivery ? notice->delivery->data : NULL;
    r.has_not_taken = notice->tries > 0;
    r.not_taken = notice->tries;
    r.has_more = notice->more > 0;
    r.more = notice->more;
    r.why = notice->why;
    store_persist(fx, "notice", bytes_of_text(notice_id(notice, id)), &r.base);
}

void notices_save(struct aurora_program *p, struct effects *fx)
{
    const struct work *w = &p->core.work;

    for (uint32_t i = 0; i < w->notices.count; i++)
        if (w->notices.item[i])
            save(w->notices.item[i], fx);
}
