/* Who may do what here (base/access.h). */
#include "master/layer.h"

const char *request_shown(struct request *r)
{
    char *text = arena_printf(&r->p->arena, "%s %.200s", r->http->method_name,
                              r->http->path);

    for (char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > 126)
            *c = *c == ' ' ? '_' : '?';
    return text;
}

bool request_may(const struct request *r, enum action action, const char *role)
{
    /* "*" is no role: it stands for all that is nobody's in particular. */
    struct object object = {.cluster = r->p->cluster,
                            .role =
                                role && strcmp(role, "*") != 0 ? role : NULL};

    return access_may(&r->p->access, r->realm, r->http->principal, action,
                      &object);
}

bool request_permit(struct request *r, enum action action)
{
    if (request_may(r, action, NULL))
        return true;
    r->p->denied++;
    effect_log(r->fx, 1, "denied principal=%s action=%s peer=%s call=%s",
               r->http->principal ? r->http->principal : "-",
               action_name(action), r->http->peer, request_shown(r));
    request_refuse(r, 403, "user '%.64s' may not %s here",
                   r->http->principal ? r->http->principal : "-",
                   action_name(action));
    return false;
}

void request_note(struct request *r, const char *what)
{
    if (!r->p->access.asks[r->realm])
        return;
    effect_log(r->fx, 2, "audit principal=%s call=%s peer=%s",
               r->http->principal, what, r->http->peer);
}

void master_program_set_access(struct master_program *p,
                               const struct access *access)
{
    users_unref(p->access.users);
    p->access = *access;
}

/* Who may not subscribe any more loses the stream that he has. */
static void judge_frameworks(struct master_program *p, int64_t now_ms,
                             struct effects *fx)
{
    VEC(uint64_t) stream = {0};

    for (const struct framework *f = p->core->frameworks; f; f = f->hh.next)
        if (f->stream &&
            !access_may_somewhere(&p->access, REALM_SCHEDULER, f->principal,
                                  ACTION_FRAMEWORK_REGISTER))
            *vec_add(&stream) = f->stream;
    for (uint32_t i = 0; i < stream.count; i++) {
        effect_log(fx, 1, "stream_ended why=\"its user may not any more\"");
        effect_close(fx, stream.item[i]);
        master_stream_gone(p->core, stream.item[i], now_ms, &p->outputs);
    }
    vec_free(&stream);
}

void master_take_users(struct master_program *p, struct users *users,
                       int64_t now_ms, struct effects *fx)
{
    access_take(&p->access, users);
    judge_frameworks(p, now_ms, fx);
}
