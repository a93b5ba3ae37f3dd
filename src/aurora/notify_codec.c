/* Notifications on the wire: what a job says of them, and what they say. */
#include "aurora/notify_mail.h"
#include "aurora/assets.h"
#include "aurora/state.h"

#include "base/calendar.h"

#include <stdio.h>
#include <string.h>

/* --- what a job says --- */

static int refuse(struct err *err, size_t at, const char *field,
                  const char *want)
{
    (void)err_set(err, ERR_INVALID, "job: notify[%zu].%s: %s", at + 1, field,
                  want);
    err_field(err, "notify[%zu].%s", at + 1, field);
    return -ERR_INVALID;
}

static int check_one(struct aurora_program *p, const Perigee__Job *job,
                     size_t at, struct err *err)
{
    const Perigee__Notify *notify = job->notify[at];

    if (notify->email && !p->options.mail_from) {
        (void)refuse(err, at, "email", "this cluster sends no mail");
        err_hint(err, "give a url, or start the scheduler with "
                      "--mail_server=HOST:PORT and --mail_from=ADDRESS");
        return -ERR_INVALID;
    }
    if (notify->email && !mail_address_ok(notify->email))
        return refuse(err, at, "email", "want name@host");
    if (notify->url && strpbrk(notify->url, "\r\n") != NULL)
        return refuse(err, at, "url", "want one line");
    if (!notify->script)
        return 0;
    if (notify->script->ordinal == 0)
        return refuse(err, at, "script", "want the ordinal of the function");
    if (bundle_bytes(p, job->bundle_hash ? job->bundle_hash : "").size == 0)
        return refuse(err, at, "script",
                      "want a job with the bundle its function is in");
    return 0;
}

int notify_check(struct aurora_program *p, const Perigee__Job *job,
                 struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < job->n_notify && rc == 0; i++)
        rc = check_one(p, job, i, err);
    return rc;
}

void notify_decode(const Perigee__Job *job, struct job_config *config)
{
    for (size_t i = 0; i < job->n_notify; i++) {
        const Perigee__Notify *n = job->notify[i];
        struct notify_rule rule = {.kind = NOTIFY_SCRIPT, .target = (char *)""};
        for (size_t k = 0; k < n->n_on; k++)
            rule.on |= 1U << notify_what_of(n->on[k]);
        if (n->url) {
            rule.kind = NOTIFY_URL;
            rule.target = n->url;
        } else if (n->email) {
            rule.kind = NOTIFY_EMAIL;
            rule.target = n->email;
        } else if (n->script) {
            rule.ordinal = n->script->ordinal;
        }
        job_config_add_notify(config, &rule);
    }
}

/* --- what is told --- */

static char *time_text(int64_t at_ms, struct arena *arena)
{
    int64_t seconds = floor_div(at_ms, 1000);
    struct date date = calendar_date(floor_div(seconds, DAY_SECS));
    int of_day = (int)floor_mod(seconds, DAY_SECS);

    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", date.year,
                        date.month, date.day, of_day / HOUR_SECS,
                        of_day / MINUTE_SECS % 60, of_day % 60,
                        (int)floor_mod(at_ms, 1000));
}

static void add_sla(const struct notice_facts *facts, struct buf *out)
{
    if (facts->firing == FIRING_MISSED)
        buf_add_text(out, "missed a scheduled time!");
    else if (facts->firing == FIRING_CANCELLED)
        buf_add_text(out, "left a scheduled time out!");
    else if (facts->scheduled > 0)
        buf_addf(out, "began %lld s late!", (long long)facts->late_ms / 1000);
    else
        buf_addf(out, "has waited %lld s for a machine!",
                 (long long)facts->late_ms / 1000);
}

static void add_headline(const struct notice_facts *facts, struct buf *out)
{
    static const char *const said[NOTIFY_WHAT_COUNT] = {
        [NOTIFY_STARTED] = "started.",   [NOTIFY_FINISHED] = "finished.",
        [NOTIFY_FAILED] = "failed!",     [NOTIFY_LOST] = "lost a task!",
        [NOTIFY_KILLED] = "was killed.", [NOTIFY_UPDATED] = "was updated:"};

    if (facts->what == NOTIFY_SLA)
        add_sla(facts, out);
    else
        buf_add_text(out, said[facts->what]);
    if (facts->what == NOTIFY_UPDATED)
        buf_addf(out, " %s.", update_state_name(facts->update));
}

/* Text from outside on one line. */
static void add_line(struct buf *out, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        buf_add_char(out, c < ' ' || c == 127 ? ' ' : (char)c);
    }
}

/* One line, as Chronos writes it. */
static char *text_of(const struct notice *notice, struct arena *arena)
{
    const struct notice_facts *facts = &notice->facts;
    char key[JOB_KEY_TEXT_MAX];
    struct buf out = {0};

    buf_addf(&out, "[Perigee] job '%s' ",
             job_key_text(&notice->config->key, key));
    add_headline(facts, &out);
    buf_addf(&out, " '%s'.", time_text(facts->at_ms, arena));
    if (facts->what == NOTIFY_FAILED || facts->what == NOTIFY_LOST)
        buf_addf(&out, " Retries attempted: %u.", facts->failures);
    if (facts->scheduled > 0)
        buf_addf(&out, " Scheduled: '%s'.",
                 time_text(facts->scheduled * 1000, arena));
    if (facts->task_id)
        buf_addf(&out, " Task id: %s", view_text(facts->task_id, arena));
    if (facts->update_id)
        buf_addf(&out, " Update: %s", view_text(facts->update_id, arena));
    if (facts->message && facts->message->size > 0) {
        buf_add_text(&out, " The scheduler provided this message: ");
        add_line(&out, blob_bytes(facts->message));
    }
    if (notice->more > 0)
        buf_addf(&out, " (%u more found no room.)", notice->more);
    char *text = arena_strndup(arena, buf_text(&out), out.size);
    buf_release(&out);
    return text;
}

static void fill_task(const struct notice_facts *facts,
                      Perigee__NotifyEvent *out, struct arena *arena)
{
    if (!facts->task_id)
        return;
    out->task_id = view_text(facts->task_id, arena);
    out->has_instance = true;
    out->instance = facts->instance;
    out->state = (char *)task_machine_name(facts->state);
    if (facts->before > TASK_INIT)
        out->old_state = (char *)task_machine_name(facts->before);
}

Perigee__NotifyEvent *notice_event(const struct notice *notice,
                                   struct arena *arena)
{
    const struct notice_facts *facts = &notice->facts;
    Perigee__NotifyEvent *out = arena_alloc(arena, sizeof *out);
    char key[JOB_KEY_TEXT_MAX], id[NOTICE_ID_MAX];

    perigee__notify_event__init(out);
    out->has_what = out->has_at_ms = out->has_retries = true;
    out->what = (Perigee__NotifyEvent__What)facts->what;
    out->id = arena_strdup(arena, notice_id(notice, id));
    out->job = arena_strdup(arena, job_key_text(&notice->config->key, key));
    out->at_ms = facts->at_ms;
    out->text = text_of(notice, arena);
    out->message = view_text(facts->message, arena);
    out->retries = facts->failures;
    fill_task(facts, out, arena);
    if (facts->scheduled > 0) {
        out->has_scheduled_secs = true;
        out->scheduled_secs = facts->scheduled;
        out->run_state = (char *)firing_state_name(facts->firing);
    }
    out->has_late_ms = facts->what == NOTIFY_SLA;
    out->late_ms = facts->late_ms;
    if (facts->update_id) {
        out->update_id = view_text(facts->update_id, arena);
        out->update_state = (char *)update_state_name(facts->update);
    }
    out->has_more = notice->more > 0;
    out->more = notice->more;
    return out;
}

Perigee__Aurora__NotificationView *view_notice_event(const struct event *event,
                                                     struct arena *arena)
{
    Perigee__Aurora__NotificationView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__notification_view__init(out);
    out->what = (char *)notify_what_name(event->what);
    out->receiver = view_text(event->receiver, arena);
    out->has_tries = true;
    out->tries = event->failures;
    out->why = view_text(event->message, arena);
    return out;
}
