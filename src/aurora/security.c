#include "aurora/security.h"

#include <stdio.h>
#include <string.h>

/* --- what a call is about --- */

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

/* That of a role has no environment and no name. */
static struct object object_of_key(const struct job_key *key)
{
    return (struct object){or_null(key->cluster), or_null(key->role),
                           or_null(key->env), or_null(key->name)};
}

/* As the call says it: a part that is missing is a part that only "*" matches.
 */
static struct object object_of_wire(const Perigee__Aurora__JobKey *key)
{
    return (struct object){or_null(key->cluster), or_null(key->role),
                           or_null(key->environment), or_null(key->name)};
}

static struct object object_of_job(const Perigee__Job *job)
{
    return (struct object){or_null(job->cluster), or_null(job->role),
                           or_null(job->environment), or_null(job->name)};
}

static const void *member(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        message ? protobuf_c_message_descriptor_get_field_by_name(
                      message->descriptor, name)
                : NULL;

    if (!field || field->label == PROTOBUF_C_LABEL_REPEATED ||
        (field->type != PROTOBUF_C_TYPE_MESSAGE &&
         field->type != PROTOBUF_C_TYPE_STRING))
        return NULL;
    return *(void *const *)((const char *)message + field->offset);
}

/* The part of the call that its route names. */
static const ProtobufCMessage *part_of(const struct request *r)
{
    return r->route->field ? member(&r->call->base, r->route->field) : NULL;
}

static bool may(const struct request *r, enum action action,
                const struct object *object)
{
    return !r->users || (r->user && user_may(r->user, action, object));
}

/* A call may name its job twice, and both names count: which one is used is the
 * business of its function. */
static bool may_job(const struct request *r, struct object *object)
{
    const ProtobufCMessage *part = part_of(r);
    const Perigee__Aurora__JobKey *key = member(part, "key");
    const Perigee__Job *job =
        r->call->create_job ? r->call->create_job->job : NULL;

    *object = (struct object){0};
    if (key) {
        *object = object_of_wire(key);
        if (!may(r, r->route->action, object))
            return false;
    }
    if (job) {
        *object = object_of_job(job);
        if (!may(r, r->route->action, object))
            return false;
    }
    return key || job || may(r, r->route->action, object);
}

/* --- refusing --- */

static void print_object(const struct object *object, struct buf *out)
{
    const char *part[] = {object->cluster, object->role, object->env,
                          object->name};

    for (int i = 0; i < OBJECT_PARTS; i++)
        buf_addf(out, i > 0 ? "/%s" : "%s", part[i] ? part[i] : "*");
}

static int refuse(const struct request *r, enum action action,
                  const struct object *object, struct err *err)
{
    struct buf text = {0};

    print_object(object, &text);
    (void)err_set(err, ERR_DENIED, "user '%s' may not %s on %s", r->user->name,
                  action_name(action), buf_text(&text));
    err_hint(err, "permissions stand in the scheduler's security.lua");
    buf_release(&text);
    return -ERR_DENIED;
}

/* As api_find_job() says it: whether the job exists makes no difference. */
static int refuse_sight(const struct object *object, struct err *err)
{
    struct buf text = {0};

    print_object(object, &text);
    (void)err_set(err, ERR_NOT_FOUND, "job '%s' does not exist",
                  buf_text(&text));
    err_hint(err, "list the jobs of the role with: clusterctl list %s/%s",
             object->cluster ? object->cluster : "*",
             object->role ? object->role : "*");
    buf_release(&text);
    return -ERR_NOT_FOUND;
}

int security_refuse(const struct request *r, enum action action,
                    const struct job_key *key, struct err *err)
{
    struct object object = object_of_key(key);

    return refuse(r, action, &object, err);
}

int security_permit(struct request *r, struct err *err)
{
    const struct api_route *route = r->route;
    struct object object = {.cluster = r->p->options.cluster};
    bool changes = route->flags & API_CHANGES;
    bool is_allowed = true;

    if (!r->users)
        return 0;
    if (!r->user)
        return err_set(err, ERR_DENIED, "want to know who asks");
    switch (route->object) {
    case ON_NOTHING:
        return 0;
    case ON_EACH:
        is_allowed = !changes || user_may_somewhere(r->user, route->action);
        break;
    case ON_ANY:
        is_allowed = user_may_somewhere(r->user, route->action);
        break;
    case ON_ROLE:
        object.role = or_null(member(part_of(r), "role"));
        is_allowed = may(r, route->action, &object);
        break;
    case ON_CLUSTER:
        is_allowed = may(r, route->action, &object);
        break;
    case ON_JOB:
        is_allowed = may_job(r, &object);
        break;
    }
    if (is_allowed)
        return 0;
    r->is_denied = true;
    r->p->sign_in.denied++;
    /* Who sees the job is told what else is wanted. */
    if (route->object == ON_JOB && !changes &&
        !user_may(r->user, ACTION_JOB_READ, &object))
        return refuse_sight(&object, err);
    return refuse(r, route->action, &object, err);
}

int security_check_rules(const struct request *r, struct err *err)
{
    if (r->users == r->p->sign_in.users)
        return 0;
    (void)err_set(err, ERR_BUSY, "the rules of security.lua have changed");
    err_hint(err, "ask again");
    return -ERR_BUSY;
}

/* --- asking about what was found --- */

bool security_may_job(const struct request *r, enum action action,
                      const struct job_key *key)
{
    struct object object = object_of_key(key);

    return may(r, action, &object);
}

bool security_sees(const struct request *r, const struct job_key *key)
{
    return security_may_job(r, ACTION_JOB_READ, key);
}

static bool sees(const void *who, const struct job_key *key)
{
    return security_sees(who, key);
}

void security_look_as(struct aurora_program *p, const struct request *r)
{
    p->core.onlooker =
        r && r->users ? (struct onlooker){sees, r} : (struct onlooker){0};
}

void security_note_hidden(struct request *r)
{
    r->is_denied = true;
    r->p->sign_in.denied++;
}

bool security_may_role(const struct request *r, enum action action,
                       const char *role)
{
    struct object object = {.cluster = r->p->options.cluster, .role = role};

    return may(r, action, &object);
}

bool security_may_cluster(const struct request *r, enum action action)
{
    return security_may_role(r, action, NULL);
}

int security_check_parents(const struct request *r, const Perigee__Job *job,
                           struct err *err)
{
    size_t count = job->cron ? job->cron->n_after : 0;
    struct job_key key;

    for (size_t i = 0; r->users && i < count; i++) {
        const char *text = job->cron->after[i];
        if (job_key_parse(text, &key, NULL) < 0 || security_sees(r, &key))
            continue;
        (void)err_set(err, ERR_NOT_FOUND, "after: '%s' is no cron job here",
                      text);
        err_field(err, "cron.after");
        err_hint(err, "schedule it first: clusterctl create %s FILE", text);
        return -ERR_NOT_FOUND;
    }
    return 0;
}

static void hide_keys(const struct request *r, Perigee__Aurora__JobKey **key,
                      size_t *count)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        struct object object = object_of_wire(key[i]);
        if (may(r, ACTION_JOB_READ, &object))
            key[kept++] = key[i];
    }
    *count = kept;
}

static void hide_of_cron(const struct request *r,
                         Perigee__Aurora__CronView *cron)
{
    if (!cron)
        return;
    size_t blocking = cron->blocked_by != NULL;

    hide_keys(r, &cron->blocked_by, &blocking);
    if (blocking == 0)
        cron->blocked_by = NULL;
    hide_keys(r, cron->after, &cron->n_after);
    hide_keys(r, cron->before, &cron->n_before);
}

void security_hide_relatives(const struct request *r,
                             Perigee__Aurora__Answer *answer)
{
    if (!r->users)
        return;
    for (size_t i = 0; i < answer->n_crons; i++)
        hide_of_cron(r, answer->crons[i]);
    for (size_t i = 0; i < answer->n_jobs; i++)
        hide_of_cron(r, answer->jobs[i]->cron);
}

/* Events of jobs and groups name them; machines are the cluster's. */
bool security_sees_event(const struct aurora_program *p,
                         const struct user *user, const struct event *event)
{
    struct object object = {.cluster = p->options.cluster};
    struct bytes text = blob_bytes(event->key_text);
    char copy[JOB_KEY_TEXT_MAX];
    struct job_key key;

    if (!p->sign_in.users)
        return true;
    if (!user)
        return false;
    if (event->kind == EVENT_HOST_CHANGED)
        return user_may(user, ACTION_HOST_READ, &object);
    if (event->kind == EVENT_QUOTA_CHANGED) {
        object.role = event->quota->role;
        return user_may(user, ACTION_QUOTA_READ, &object);
    }
    if (text.size == 0 || text.size >= sizeof copy)
        return user_may(user, ACTION_CLUSTER_READ, &object);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (job_key_parse(copy, &key, NULL) < 0)
        return false;
    object = object_of_key(&key);
    return user_may(user, ACTION_JOB_READ, &object);
}
