#include "aurora/sign_in.h"
#include "aurora/security.h"

#include "sys/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- serving, refusing --- */

static void serve(struct aurora_program *p, exchange_id exchange,
                  const struct http_request *http, const struct user *user,
                  const struct secret *secret, int64_t now_ms,
                  struct effects *fx)
{
    struct err err = {0};

    p->sign_in.caller = (struct caller){user, secret, http->peer};
    if (rate_take_user(p, user, now_ms, &err) < 0)
        api_refuse_early(p, exchange, 429, &err, now_ms, fx);
    else
        api_serve(p, exchange, http, now_ms, fx);
    p->sign_in.caller = (struct caller){0};
}

/* Whatever was wrong: who does not exist and a wrong secret look alike. */
static void refuse(struct aurora_program *p, exchange_id exchange,
                   const struct http_request *http, bool had_secret,
                   const char *name, int64_t now_ms, struct effects *fx)
{
    struct err err = {0};
    bool is_known = name && *name && users_find(p->sign_in.users, name);

    p->sign_in.wrong++;
    (void)err_set(&err, ERR_DENIED,
                  had_secret ? "this user and secret are not known here"
                             : "want to know who asks");
    err_hint(&err, "send a password, token or certificate of security.lua; "
                   "clusterctl reads ~/.netrc and ~/.config/clusterctl/");
    /* What is no user's name may be a password that was put in its place. */
    effect_log(fx, 1, "sign_in_refused peer=%s user=%s secret=%s", http->peer,
               is_known ? name : "-", had_secret ? "wrong" : "none");
    p->sign_in.caller = (struct caller){NULL, NULL, http->peer};
    audit_refused(
        p, identity_request_text(http, &fx->arena), "UNAUTHENTICATED",
        is_known ? arena_printf(&fx->arena, "wrong secret for user %s", name)
        : had_secret ? "unknown user or secret"
                     : "no secret",
        fx);
    api_refuse_early(p, exchange, 401, &err, now_ms, fx);
    p->sign_in.caller = (struct caller){0};
}

/* --- who it is --- */

void aurora_verify_run(void *work)
{
    identity_check_run(work);
}

void sign_in_verified(struct aurora_program *p,
                      const struct aurora_verified *fact, int64_t now_ms,
                      struct effects *fx)
{
    struct identity who;
    struct identity_check *w = identities_end(
        &p->sign_in.identities, p->sign_in.users, fact->ticket, &who);

    if (!w)
        return;
    if (!w->is_gone && who.user)
        serve(p, w->exchange, &w->http, who.user, who.secret, now_ms, fx);
    else if (!w->is_gone)
        refuse(p, w->exchange, &w->http, true, who.name, now_ms, fx);
    identity_check_free(w);
}

void sign_in_request(struct aurora_program *p, exchange_id exchange,
                     const struct http_request *http, int64_t now_ms,
                     struct effects *fx)
{
    struct err err = {0};
    struct identity who;

    switch (identities_ask(&p->sign_in.identities, p->sign_in.users, exchange,
                           http, &who, &err)) {
    case IDENTITY_KNOWN:
        serve(p, exchange, http, who.user, who.secret, now_ms, fx);
        break;
    case IDENTITY_WAITS:
        effect_act(fx, AURORA_ACT_VERIFY,
                   &(struct aurora_verify){who.check->ticket, who.check},
                   sizeof(struct aurora_verify));
        break;
    case IDENTITY_BUSY:
        p->sign_in.caller = (struct caller){NULL, NULL, http->peer};
        api_refuse_early(p, exchange, 429, &err, now_ms, fx);
        break;
    case IDENTITY_WRONG:
        refuse(p, exchange, http, true, who.name, now_ms, fx);
        break;
    case IDENTITY_NOBODY:
        refuse(p, exchange, http, false, NULL, now_ms, fx);
        break;
    }
}

bool sign_in_gone(struct aurora_program *p, exchange_id exchange)
{
    return identities_gone(&p->sign_in.identities, exchange);
}

/* --- the rules --- */

/* Streams go on under the new rules, if their user still has the secret that
 * they were begun with. */
static void judge_streams(struct aurora_program *p, struct users *old,
                          struct effects *fx)
{
    for (uint32_t i = 0; i < p->subscribers.count;) {
        struct subscriber *s = &p->subscribers.item[i];
        const struct user *user =
            s->user ? users_find(p->sign_in.users, s->user->name) : NULL;
        const struct secret *secret =
            user && s->secret
                ? identity_secret(user, s->secret->kind, s->secret->text)
                : NULL;
        if (!secret) {
            stream_end_denied(p, i, fx);
            continue;
        }
        s->user = user;
        s->secret = secret;
        i++;
    }
    users_unref(old);
}

static void take_rules(struct aurora_program *p, struct users *users,
                       struct os_users *os_users, int64_t now_ms)
{
    p->sign_in.users = users;
    vec_free(&p->sign_in.os_users.by_role);
    p->sign_in.os_users = *os_users;
    p->sign_in.loaded_ms = now_ms;
    p->sign_in.failed_ms = 0;
    free(p->sign_in.failure);
    p->sign_in.failure = NULL;
    p->sign_in.loads++;
}

void aurora_program_set_security(struct aurora_program *p, struct users *users,
                                 struct os_users *os_users, const char *file,
                                 int64_t now_ms)
{
    take_rules(p, users, os_users, now_ms);
    if (!users)
        return;
    p->sign_in.file = xstrdup(file);
    identities_init(&p->sign_in.identities);
}

void sign_in_reloaded(struct aurora_program *p,
                      const struct aurora_security_fact *fact, int64_t now_ms,
                      struct effects *fx)
{
    struct users *old = p->sign_in.users;
    struct os_users os_users = fact->os_users;

    if (*fact->why) {
        p->sign_in.failures++;
        p->sign_in.failed_ms = now_ms;
        free(p->sign_in.failure);
        p->sign_in.failure = xstrdup(fact->why);
        effect_log(
            fx, 0,
            "security_refused why=\"%s\" note=\"the rules of before stay "
            "in force\"",
            fact->why);
        return;
    }
    take_rules(p, fact->users, &os_users, now_ms);
    effect_log(fx, 2, "security_loaded users=%u roles_mapped=%u",
               fact->users ? fact->users->all.count : 0,
               os_users.by_role.count);
    if (!old)
        return;
    identities_forget(&p->sign_in.identities);
    judge_streams(p, old, fx);
}

void sign_in_release(struct aurora_program *p)
{
    struct sign_in *s = &p->sign_in;

    identities_release(&s->identities);
    users_unref(s->users);
    vec_free(&s->os_users.by_role);
    free(s->file);
    free(s->failure);
    free(s->asset_key);
}

static void counter(struct metrics *m, const char *name, const char *help,
                    uint64_t value)
{
    metrics_add(m, METRIC_COUNTER, name, NULL, help, NULL, (double)value);
}

void sign_in_metrics(const struct aurora_program *p, struct metrics *m)
{
    const struct sign_in *s = &p->sign_in;

    metrics_add(m, METRIC_GAUGE, "aurora_security_users", NULL,
                "Users that security.lua names; 0 without one", NULL,
                s->users ? (double)s->users->all.count : 0);
    metrics_add(m, METRIC_GAUGE, "aurora_security_stale", NULL,
                "1 while security.lua cannot be read and older rules hold",
                NULL, s->failed_ms != 0);
    counter(m, "aurora_security_loads_total", "Times security.lua was read",
            s->loads);
    counter(m, "aurora_security_failures_total",
            "Times security.lua was refused", s->failures);
    counter(m, "aurora_sign_in_failures_total",
            "Requests of nobody, or with a wrong secret", s->wrong);
    counter(m, "aurora_denied_total", "Requests that their user may not make",
            s->denied);
}

/* --- addresses of assets, for tasks, which are no users --- */

char *asset_url_of(struct aurora_program *p, const char *role,
                   struct arena *arena)
{
    char key[SECRET_HASH_MAX];

    if (!p->asset_url || !p->sign_in.users || !p->sign_in.asset_key)
        return p->asset_url;
    secret_keyed(p->sign_in.asset_key, role, key);
    return arena_printf(arena, "%s%s/%s/", p->asset_url, role, key);
}

bool asset_key_is(const struct aurora_program *p, const char *role,
                  const char *given)
{
    char key[SECRET_HASH_MAX];

    if (!p->sign_in.asset_key)
        return false;
    secret_keyed(p->sign_in.asset_key, role, key);
    return secret_equal(key, given);
}

void asset_key_make(struct aurora_program *p, struct effects *fx)
{
    char key[SECRET_HASH_MAX];

    if (!p->sign_in.users || p->sign_in.asset_key)
        return;
    secret_token_new(key);
    p->sign_in.asset_key = xstrdup(key);
    secret_wipe(key, sizeof key);
    store_save_scheduler(p, fx);
}
