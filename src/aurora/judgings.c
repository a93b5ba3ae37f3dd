/* Updates, and previews of them, whose hosts no script has judged yet: the
 * request waits, with nothing stored, as one does whose job file is being
 * evaluated. Who loses the connection meanwhile asks again. */
#include "aurora/api.h"
#include "aurora/security.h"

static size_t waiting_bytes(const struct aurora_program *p)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < p->judging.count; i++)
        bytes += p->judging.item[i]->body.bytes.size;
    return bytes;
}

/* What changes nothing leaves half of the places to what does. */
static int check_room(const struct request *r, struct err *err)
{
    const struct aurora_program *p = r->p;
    bool changes = (r->route->flags & API_CHANGES) != 0;

    if (p->judging.count < (changes ? JUDGINGS_MAX : JUDGINGS_MAX / 2) &&
        waiting_bytes(p) < JUDGINGS_BYTES_MAX)
        return 0;
    (void)err_set(err, ERR_BUSY,
                  "%u updates wait for scripts to judge their hosts",
                  p->judging.count);
    err_hint(err, "ask again in a second");
    return -ERR_BUSY;
}

bool judgings_hold(struct request *r, struct job_config *config,
                   uint32_t instances, request_then *then, int64_t now_ms,
                   struct effects *fx)
{
    struct aurora_program *p = r->p;
    struct err err = {0};

    if (r->judged_by_ms != 0 ||
        !aurora_awaits_judging(&p->core, config, now_ms))
        return false;
    if (check_room(r, &err) < 0) {
        job_config_unref(config);
        api_refuse(r, &err, now_ms, fx);
        return true;
    }
    r->config = config;
    r->instances = instances;
    r->judged_by_ms = now_ms + UPDATE_JUDGED_MS;
    r->then = then;
    *vec_add(&p->judging) = r;
    return true;
}

/* Take it out of the list, and go on with it. */
static void go_on_with(struct aurora_program *p, uint32_t at, int64_t now_ms,
                       struct effects *fx)
{
    struct request *r = p->judging.item[at];
    struct job_config *config = r->config;
    struct err err = {0};

    vec_remove(&p->judging, at);
    r->config = NULL;
    if (security_check_rules(r, &err) < 0) {
        job_config_unref(config);
        api_refuse(r, &err, now_ms, fx);
        return;
    }
    r->then(r, config, r->instances, now_ms, fx);
}

void judgings_go_on(struct aurora_program *p, int64_t now_ms,
                    struct effects *fx)
{
    bool is_news = p->judgements != p->core.judgements;
    uint32_t at = 0;

    p->judgements = p->core.judgements;
    while (at < p->judging.count) {
        struct request *r = p->judging.item[at];
        if (now_ms >= r->judged_by_ms ||
            (is_news && !aurora_awaits_judging(&p->core, r->config, now_ms)))
            go_on_with(p, at, now_ms, fx);
        else
            at++;
    }
}

int64_t judgings_next_ms(const struct aurora_program *p)
{
    int64_t next = INT64_MAX;

    for (uint32_t i = 0; i < p->judging.count; i++)
        if (p->judging.item[i]->judged_by_ms < next)
            next = p->judging.item[i]->judged_by_ms;
    return next;
}

void judgings_gone(struct aurora_program *p, exchange_id exchange)
{
    for (uint32_t i = 0; i < p->judging.count; i++)
        if (p->judging.item[i]->exchange == exchange)
            p->judging.item[i]->is_gone = true;
}

void judgings_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->judging.count; i++) {
        job_config_unref(p->judging.item[i]->config);
        request_free(p->judging.item[i]);
    }
    vec_free(&p->judging);
}
