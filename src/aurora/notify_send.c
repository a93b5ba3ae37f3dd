/* Telling: requests, mails, and questions to scripts about what to tell. */
#include "aurora/notify_mail.h"
#include "aurora/assets.h"
#include "aurora/state.h"
#include "wire/codec.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

static struct bytes keep(struct buf *buf, struct arena *arena)
{
    struct bytes bytes =
        bytes_of(arena_memdup(arena, buf->data, buf->size), buf->size);

    buf_release(buf);
    return bytes;
}

/* --- the default text --- */

static void put_message(struct json_writer *w, const char *key,
                        const ProtobufCMessage *message)
{
    struct buf json = {0};

    codec_encode(message, MEDIA_JSON, &json);
    json_key(w, key);
    json_raw(w, buf_bytes(&json));
    buf_release(&json);
}

/* The task as it is now, with what it was before: as Aurora's webhook. One that
 * was forgotten meanwhile has what the event knows of it. */
static void put_task(struct aurora_program *p, const struct notice *notice,
                     const Perigee__NotifyEvent *event, struct json_writer *w,
                     struct arena *arena)
{
    const struct task *task =
        aurora_task(&p->core, blob_bytes(notice->facts.task_id));

    if (task) {
        put_message(w, "task", &view_task(p, task, arena)->base);
    } else {
        json_key(w, "task");
        json_begin_object(w);
        json_put_string(w, "task_id", event->task_id);
        json_put_int(w, "instance", event->instance);
        json_put_string(w, "state", event->state);
        json_end_object(w);
    }
    if (!event->old_state)
        return;
    json_key(w, "oldState");
    json_begin_object(w);
    json_put_string(w, "state", event->old_state);
    json_end_object(w);
}

static void put_rest(const Perigee__NotifyEvent *event, struct json_writer *w)
{
    if (event->message)
        json_put_string(w, "message", event->message);
    json_put_int(w, "retries", event->retries);
    if (event->run_state) {
        json_key(w, "run");
        json_begin_object(w);
        json_put_int(w, "scheduled_secs", event->scheduled_secs);
        json_put_string(w, "state", event->run_state);
        json_end_object(w);
    }
    if (event->has_late_ms)
        json_put_int(w, "late_ms", event->late_ms);
    if (event->update_id) {
        json_key(w, "update");
        json_begin_object(w);
        json_put_string(w, "update_id", event->update_id);
        json_put_string(w, "state", event->update_state);
        json_end_object(w);
    }
    if (event->has_more)
        json_put_int(w, "more", event->more);
}

static struct bytes json_of(struct aurora_program *p,
                            const struct notice *notice, struct arena *arena)
{
    const Perigee__NotifyEvent *event = notice_event(notice, arena);
    struct buf out = {0};
    struct json_writer w;

    json_init(&w, &out, 0);
    json_begin_object(&w);
    json_put_string(&w, "text", event->text);
    json_put_string(&w, "event", notify_what_name(notice->facts.what));
    json_put_string(&w, "id", event->id);
    json_put_string(&w, "job", event->job);
    json_put_int(&w, "at_ms", event->at_ms);
    if (event->task_id)
        put_task(p, notice, event, &w, arena);
    put_rest(event, &w);
    json_end_object(&w);
    return keep(&out, arena);
}

static struct bytes mail_of(const struct aurora_program *p,
                            const struct notice *notice, const char *to,
                            const char *subject, struct bytes text,
                            struct arena *arena)
{
    char id[NOTICE_ID_MAX];
    struct mail mail = {.from = p->options.mail_from,
                        .to = to,
                        .id = notice_id(notice, id),
                        .subject = subject,
                        .text = text,
                        .at_ms = notice->facts.at_ms};
    struct buf out = {0};

    mail_compose(&mail, &out);
    return keep(&out, arena);
}

static struct bytes plain_mail(const struct aurora_program *p,
                               const struct notice *notice, struct arena *arena)
{
    const Perigee__NotifyEvent *event = notice_event(notice, arena);
    const char *subject = arena_printf(arena, "[Perigee] %s: %s", event->job,
                                       notify_what_name(notice->facts.what));

    return mail_of(p, notice, notice_receiver(notice), subject,
                   bytes_of_text(event->text), arena);
}

/* --- telling --- */

static void send(struct effects *fx, const struct aurora_notify *act)
{
    effect_act(fx, AURORA_ACT_NOTIFY, act, sizeof *act);
}

/* What a script said, already checked when it did. */
static void send_delivery(struct aurora_program *p, const struct notice *notice,
                          struct aurora_notify act, struct effects *fx)
{
    struct bytes packed = blob_bytes(notice->delivery);
    Perigee__Delivery *d =
        perigee__delivery__unpack(NULL, packed.size, packed.data);
    struct bytes body =
        d ? bytes_of(d->body.data, d->body.len) : bytes_of("", 0);

    if (d && d->url) {
        act.url = arena_strdup(&fx->arena, d->url);
        act.type =
            arena_strdup(&fx->arena, d->type ? d->type : "application/json");
        const char **header =
            arena_alloc(&fx->arena, (d->n_headers + 1) * sizeof *header);
        for (size_t i = 0; i < d->n_headers; i++)
            header[i] = arena_strdup(&fx->arena, d->headers[i]);
        act.header = header;
        act.header_count = (uint32_t)d->n_headers;
        act.body =
            bytes_of(arena_memdup(&fx->arena, body.data, body.size), body.size);
        send(fx, &act);
    } else if (d && d->email && p->options.mail_from) {
        act.to = arena_strdup(&fx->arena, d->email);
        act.body = mail_of(p, notice, act.to, d->subject ? d->subject : "",
                           body, &fx->arena);
        send(fx, &act);
    } else {
        aurora_not_notified(&p->core, act.ticket, "this cluster sends no mail",
                            true, p->now_ms);
    }
    if (d)
        perigee__delivery__free_unpacked(d, NULL);
}

static void ask_script(struct aurora_program *p, const struct notice *notice,
                       uint64_t ticket, struct effects *fx)
{
    struct aurora_judge act = {.ticket = ticket};
    Perigee__Judgement judgement = PERIGEE__JUDGEMENT__INIT;
    const char *hash = job_of(notice->config)->bundle_hash;
    struct bytes bundle = bundle_bytes(p, hash);

    judgement.has_kind = judgement.has_ordinal = true;
    judgement.kind = PERIGEE__JUDGEMENT__KIND__NOTIFY;
    judgement.ordinal = notice_rule(notice)->ordinal;
    judgement.event = notice_event(notice, &fx->arena);
    size_t size = perigee__judgement__get_packed_size(&judgement);
    uint8_t *packed = arena_alloc(&fx->arena, size + 1);
    (void)perigee__judgement__pack(&judgement, packed);
    act.judgement = bytes_of(packed, size);
    act.stdlib = release_of(p, hash);
    act.bundle = bytes_of(arena_memdup(&fx->arena, bundle.data, bundle.size),
                          bundle.size);
    effect_act(fx, AURORA_ACT_JUDGE, &act, sizeof act);
}

static void tell(struct aurora_program *p, const struct notice *notice,
                 uint64_t ticket, struct effects *fx)
{
    struct aurora_notify act = {.ticket = ticket};
    const struct notify_rule *rule = notice_rule(notice);

    if (notice->delivery) {
        send_delivery(p, notice, act, fx);
    } else if (rule->kind == NOTIFY_URL) {
        act.url = arena_strdup(&fx->arena, rule->target);
        act.type = "application/json";
        act.body = json_of(p, notice, &fx->arena);
        send(fx, &act);
    } else if (rule->kind == NOTIFY_SCRIPT) {
        ask_script(p, notice, ticket, fx);
    } else if (!p->options.mail_from) {
        aurora_not_notified(&p->core, ticket, "this cluster sends no mail",
                            false, p->now_ms);
    } else {
        act.to = arena_strdup(&fx->arena, rule->target);
        act.body = plain_mail(p, notice, &fx->arena);
        send(fx, &act);
    }
}

void notices_send(struct aurora_program *p, struct effects *fx)
{
    for (uint32_t i = 0; i < p->core.work.tellings.count; i++) {
        uint64_t ticket = p->core.work.tellings.item[i];
        const struct notice *notice = aurora_notice(&p->core, ticket);
        if (notice)
            tell(p, notice, ticket, fx);
        notices_go_on(&p->core); /* what was refused at once made room */
    }
}

/* --- what became of it --- */

void notices_answered(struct aurora_program *p,
                      const struct aurora_notified_fact *fact, int64_t now_ms)
{
    char why[NOTICE_WHY_MAX];

    if (fact->status >= 200 && fact->status < 300) {
        aurora_notified(&p->core, fact->ticket);
        return;
    }
    if (fact->status > 0)
        (void)snprintf(why, sizeof why, "status %u: want 200 to 299",
                       fact->status);
    else
        (void)snprintf(why, sizeof why, "%.*s", (int)fact->result.size,
                       (const char *)fact->result.data);
    aurora_not_notified(&p->core, fact->ticket, why, false, now_ms);
}

static bool has_controls(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return true;
    return false;
}

/* Why the delivery cannot be sent, or NULL. */
static const char *problem_of(const struct aurora_program *p,
                              const Perigee__Delivery *d)
{
    for (size_t i = 0; i < d->n_headers; i++)
        if (has_controls(d->headers[i]))
            return "a header of more than one line";
    if (has_controls(d->url) || has_controls(d->type))
        return "a url or type with control characters";
    if (d->url)
        return NULL;
    if (!d->email || !mail_address_ok(d->email))
        return "an email that is no address";
    return p->options.mail_from ? NULL : "this cluster sends no mail";
}

static void take_deliveries(struct aurora_program *p, uint64_t ticket,
                            const Perigee__Verdicts *verdicts, int64_t now_ms)
{
    struct notice_part part[NOTICE_PARTS_MAX];
    struct buf packed[NOTICE_PARTS_MAX] = {0};
    uint32_t count = 0;
    const char *problem =
        verdicts->n_deliveries > NOTICE_PARTS_MAX ? "more than 16" : NULL;

    for (size_t i = 0; !problem && i < verdicts->n_deliveries; i++) {
        const Perigee__Delivery *d = verdicts->deliveries[i];
        problem = problem_of(p, d);
        codec_encode(&d->base, MEDIA_PROTOBUF, &packed[count]);
        part[count] = (struct notice_part){d->url ? d->url : d->email,
                                           buf_bytes(&packed[count])};
        count++;
    }
    if (problem)
        aurora_not_notified(&p->core, ticket, problem, true, now_ms);
    else
        aurora_notice_parts(&p->core, ticket, part, count);
    for (uint32_t i = 0; i < count; i++)
        buf_release(&packed[i]);
}

bool notices_judged(struct aurora_program *p,
                    const struct aurora_judged_fact *fact, int64_t now_ms)
{
    if (!aurora_notice(&p->core, fact->ticket))
        return false;
    if (fact->is_busy) {
        aurora_notify_busy(&p->core, fact->ticket, now_ms);
        return true;
    }
    Perigee__Verdicts *verdicts =
        perigee__verdicts__unpack(NULL, fact->result.size, fact->result.data);
    const Perigee__Verdict *failed =
        verdicts && verdicts->n_verdicts > 0 ? verdicts->verdicts[0] : NULL;
    if (!verdicts || failed)
        aurora_not_notified(&p->core, fact->ticket,
                            failed && failed->failure ? failed->failure
                                                      : "no answer",
                            failed && !failed->passing, now_ms);
    else
        take_deliveries(p, fact->ticket, verdicts, now_ms);
    if (verdicts)
        perigee__verdicts__free_unpacked(verdicts, NULL);
    return true;
}

/* --- metrics --- */

static void counter(struct metrics *m, const char *name, const char *help,
                    uint64_t value)
{
    metrics_add(m, METRIC_COUNTER, name, NULL, help, NULL, (double)value);
}

void notices_metrics(const struct notices *notices, struct metrics *m)
{
    metrics_add(m, METRIC_GAUGE, "aurora_notifications", NULL,
                "Notifications on their way", NULL, (double)notices->count);
    counter(m, "aurora_notifications_made_total",
            "Notifications, one for each receiver", notices->made);
    counter(m, "aurora_notifications_delivered_total",
            "Notifications that were taken", notices->delivered);
    counter(m, "aurora_notifications_failed_total",
            "Tries to tell that were not taken", notices->failed);
    counter(m, "aurora_notifications_given_up_total",
            "Notifications that nobody took for too long", notices->given_up);
    counter(m, "aurora_notifications_dropped_total",
            "Notifications that found no room", notices->dropped);
}
