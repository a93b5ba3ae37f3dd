/* POST /api/v1/scheduler: the Mesos v1 scheduler API. */
#include "master/layer.h"
#include "mesos/v1/scheduler.pb-c.h"
#include <stdio.h>

typedef Mesos__V1__Scheduler__Call Call;

/* --- validation: Mesos' order and words --- */

static const char *text_of(const Mesos__V1__FrameworkID *id)
{
    return id ? id->value : "";
}

/* The member that a call of this type must have, by name; NULL: none. */
static const char *missing_body(const Call *call)
{
    switch ((int)call->type) {
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT:
        return call->accept ? NULL : "accept";
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE:
        return call->decline ? NULL : "decline";
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS:
        return call->accept_inverse_offers ? NULL : "accept_inverse_offers";
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS:
        return call->decline_inverse_offers ? NULL : "decline_inverse_offers";
    case MESOS__V1__SCHEDULER__CALL__TYPE__KILL:
        return call->kill ? NULL : "kill";
    case MESOS__V1__SCHEDULER__CALL__TYPE__SHUTDOWN:
        return call->shutdown ? NULL : "shutdown";
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE:
        return call->acknowledge ? NULL : "acknowledge";
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE_OPERATION_STATUS:
        return call->acknowledge_operation_status
                   ? NULL
                   : "acknowledge_operation_status";
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE:
        return call->reconcile ? NULL : "reconcile";
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE_OPERATIONS:
        return call->reconcile_operations ? NULL : "reconcile_operations";
    case MESOS__V1__SCHEDULER__CALL__TYPE__MESSAGE:
        return call->message ? NULL : "message";
    case MESOS__V1__SCHEDULER__CALL__TYPE__REQUEST:
        return call->request ? NULL : "request";
    case MESOS__V1__SCHEDULER__CALL__TYPE__UPDATE_FRAMEWORK:
        return call->update_framework ? NULL : "update_framework";
    default:
        return NULL;
    }
}

/* A framework that does not name its principal is given the one that it proved
 * to be. */
static const char *principal_problem(const char *principal,
                                     Mesos__V1__FrameworkInfo *info,
                                     struct arena *arena)
{
    if (principal && info->principal && strcmp(principal, info->principal) != 0)
        return arena_printf(arena,
                            "Authenticated principal '%s' does not match "
                            "principal '%.64s' set in `FrameworkInfo`",
                            principal, info->principal);
    if (principal)
        info->principal = arena_strdup(arena, principal);
    return NULL;
}

static const char *call_problem(const Call *call, const char *principal,
                                struct arena *arena)
{
    if (!call->has_type)
        return "Expecting 'type' to be present";
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        if (!call->subscribe)
            return "Expecting 'subscribe' to be present";
        if (strcmp(text_of(call->framework_id),
                   text_of(call->subscribe->framework_info->id)) != 0)
            return "'framework_id' differs from "
                   "'subscribe.framework_info.id'";
        return principal_problem(principal, call->subscribe->framework_info,
                                 arena);
    }
    if (!call->framework_id)
        return "Expecting 'framework_id' to be present";
    const char *missing = missing_body(call);
    if (missing)
        return arena_printf(arena, "Expecting '%s' to be present", missing);
    if (call->acknowledge &&
        call->type == MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE &&
        call->acknowledge->uuid.len != UUID_BYTES)
        return "Not a valid UUID";
    return NULL;
}

/* --- SUBSCRIBE --- */

static bool in_list(char *const *item, size_t count, const char *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(item[i], wanted) == 0)
            return true;
    return false;
}

static const char *suppression_problem(
    const Mesos__V1__Scheduler__Call__Subscribe *subscribe,
    const struct framework_head *head, struct arena *arena)
{
    struct buf foreign = {0};
    const char *problem = NULL;
    if (subscribe->n_suppressed_roles > MASTER_ROLES_MAX)
        return "Too many suppressed roles";
    for (size_t i = 0; i < subscribe->n_suppressed_roles; i++)
        if (!in_list((char *const *)head->role, head->role_count,
                     subscribe->suppressed_roles[i]))
            buf_addf(&foreign, "%s%s", foreign.size ? ", " : "",
                     subscribe->suppressed_roles[i]);
    if (foreign.size)
        problem = arena_printf(arena,
                               "Suppressed roles { %s } are not contained in "
                               "the set of roles",
                               buf_text(&foreign));
    buf_release(&foreign);
    return problem;
}

static const char *constraints_problem(
    const Mesos__V1__Scheduler__Call__Subscribe *subscribe,
    const struct framework_head *head, struct arena *arena)
{
    const Mesos__V1__Scheduler__OfferConstraints *constraints =
        subscribe->offer_constraints;
    if (!constraints || constraints->n_role_constraints == 0)
        return NULL;
    for (size_t i = 0; i < constraints->n_role_constraints; i++) {
        const char *role = constraints->role_constraints[i]->key;
        if (!in_list((char *const *)head->role, head->role_count, role))
            return arena_printf(arena,
                                "Offer constraints specify `role_constraints` "
                                "for a role '%s'not contained in the set of "
                                "roles",
                                role);
    }
    return "Offer constraints are not supported by this master";
}

static void add_denied(const struct request *r, const char *const *role,
                       uint32_t count, struct buf *denied)
{
    for (uint32_t i = 0; i < count; i++)
        if (!request_may(r, ACTION_FRAMEWORK_REGISTER, role[i]))
            buf_addf(denied, "%s%s", denied->size ? ", " : "", role[i]);
}

/* Roles that who asks may register no framework for. */
static const char *roles_denied(struct request *r,
                                const struct framework_head *head)
{
    struct buf denied = {0};
    const char *problem = NULL;
    add_denied(r, head->role, head->role_count, &denied);
    /* One without a principal becomes that of who comes back for it: whose
     * roles it has already, he must be allowed, too. */
    const struct framework *f = master_framework(r->p->core, head->id);
    if (f && !f->principal)
        add_denied(r, (const char *const *)f->roles.item, f->roles.count,
                   &denied);
    if (denied.size) {
        problem = arena_printf(&r->p->arena, "Not authorized to use roles '%s'",
                               buf_text(&denied));
        r->p->denied++;
        effect_log(r->fx, 1, "denied principal=%s action=%s peer=%s roles=%s",
                   r->http->principal ? r->http->principal : "-",
                   action_name(ACTION_FRAMEWORK_REGISTER), r->http->peer,
                   buf_text(&denied));
    }
    buf_release(&denied);
    return problem;
}

/* What makes the answer a stream of one ERROR. */
static const char *subscribe_problem(
    struct request *r, const Mesos__V1__Scheduler__Call__Subscribe *subscribe,
    struct framework_head *head)
{
    struct arena *arena = &r->p->arena;
    const Mesos__V1__FrameworkInfo *info = subscribe->framework_info;
    struct err err = {0};
    char text[ERR_TEXT_MAX];
    int rc = framework_head_decode(info, arena, head, &err);
    if (framework_roles_problem(head, framework_info_has_role(info),
                                info->n_roles > 0, text, sizeof text))
        return arena_strdup(arena, text);
    struct err id_err = {0};
    if (head->id[0] && id_check(head->id, &id_err) < 0)
        return arena_strdup(arena, id_err.text);
    if (rc < 0)
        return arena_strdup(arena, err.text);
    const char *problem = roles_denied(r, head);
    if (!problem)
        problem = suppression_problem(subscribe, head, arena);
    if (!problem)
        problem = constraints_problem(subscribe, head, arena);
    return problem ? problem : master_subscribe_problem(r->p->core, head);
}

/* User and checkpointing stay what they were at first. */
static void keep_immutable(struct request *r, Mesos__V1__FrameworkInfo *info)
{
    const struct framework *f = master_framework(r->p->core, info->id->value);
    if (!f)
        return;
    const Mesos__V1__FrameworkInfo *old = unpack_own(
        &mesos__v1__framework_info__descriptor, f->info, &r->p->arena);
    info->user = old->user;
    info->has_checkpoint = old->has_checkpoint;
    info->checkpoint = old->checkpoint;
}

static void subscribe(struct request *r, Call *call)
{
    struct framework_head head;
    struct master *core = r->p->core;
    if (http_header(r->http, "Mesos-Stream-Id")) {
        request_refuse(r, 400,
                       "Subscribe calls should not include the "
                       "'Mesos-Stream-Id' header");
        return;
    }
    const char *problem = subscribe_problem(r, call->subscribe, &head);
    if (problem) {
        send_subscribe_refusal(r, problem);
        return;
    }
    Mesos__V1__FrameworkInfo *info = call->subscribe->framework_info;
    if (!head.id[0]) {
        char id[ID_MAX];
        info->id =
            framework_id_make(master_new_framework_id(core, id), &r->p->arena);
    }
    keep_immutable(r, info);
    (void)framework_head_decode(info, &r->p->arena, &head, NULL);
    head.info = pack(info, &r->p->arena);
    request_note(r,
                 arena_printf(&r->p->arena, "SUBSCRIBE framework=%s", head.id));
    (void)master_subscribe(core, &head, call->subscribe->suppressed_roles,
                           (uint32_t)call->subscribe->n_suppressed_roles,
                           r->exchange, (int)r->accept, r->now_ms,
                           &r->p->outputs);
}

/* --- offers --- */

static struct filters filters_decode(const Mesos__V1__Filters *filters)
{
    int64_t ms = 0;
    bool has = filters && filters->has_refuse_seconds;
    if (has && milli_from_double(filters->refuse_seconds, &ms) < 0)
        ms = filters->refuse_seconds > 0 ? INT64_MAX : -1;
    return filters_make(has, ms);
}

static const char *const *offer_ids(Mesos__V1__OfferID *const *item,
                                    size_t count, struct arena *arena)
{
    const char **id = arena_alloc(arena, (count + 1) * sizeof *id);
    for (size_t i = 0; i < count; i++)
        id[i] = item[i]->value;
    return id;
}

static void accept_offers(struct request *r, struct framework *f,
                          const Mesos__V1__Scheduler__Call__Accept *accept)
{
    struct master_program *p = r->p;
    const char *const *id =
        offer_ids(accept->offer_ids, accept->n_offer_ids, &p->arena);
    const struct offer *first =
        accept->n_offer_ids ? master_offer(p->core, id[0]) : NULL;
    uint32_t count = (uint32_t)accept->n_operations;
    struct operation *operation =
        operations_decode(p, f, first ? first->role : "*", accept->operations,
                          accept->n_operations);
    master_accept(p->core, f, id, (uint32_t)accept->n_offer_ids, operation,
                  count, filters_decode(accept->filters), r->now_ms,
                  &p->outputs);
    operations_release(operation, count);
}

static void decline_offers(struct request *r, struct framework *f,
                           const Mesos__V1__Scheduler__Call__Decline *decline)
{
    master_decline(
        r->p->core, f,
        offer_ids(decline->offer_ids, decline->n_offer_ids, &r->p->arena),
        (uint32_t)decline->n_offer_ids, filters_decode(decline->filters),
        r->now_ms);
}

static void answer_inverse(struct request *r, struct framework *f,
                           const Call *call)
{
    bool is_accepted =
        call->type == MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS;
    const Mesos__V1__Scheduler__Call__AcceptInverseOffers *accept =
        call->accept_inverse_offers;
    const Mesos__V1__Scheduler__Call__DeclineInverseOffers *decline =
        call->decline_inverse_offers;
    size_t count = is_accepted ? accept->n_inverse_offer_ids
                               : decline->n_inverse_offer_ids;
    const char *const *id = offer_ids(is_accepted ? accept->inverse_offer_ids
                                                  : decline->inverse_offer_ids,
                                      count, &r->p->arena);
    struct filters filters =
        filters_decode(is_accepted ? accept->filters : decline->filters);
    master_answer_inverse(r->p->core, f, id, (uint32_t)count, is_accepted,
                          filters, r->now_ms);
}

/* --- tasks --- */

static void kill_task(struct request *r, struct framework *f,
                      const Mesos__V1__Scheduler__Call__Kill *kill)
{
    struct bytes policy = {0};
    if (kill->kill_policy)
        policy = pack(kill->kill_policy, &r->p->arena);
    master_kill(r->p->core, f, kill->task_id->value,
                kill->agent_id ? kill->agent_id->value : NULL, policy,
                &r->p->outputs);
}

static void acknowledge(struct request *r, struct framework *f,
                        const Mesos__V1__Scheduler__Call__Acknowledge *ack)
{
    struct uuid uuid;
    memcpy(uuid.byte, ack->uuid.data, UUID_BYTES);
    master_acknowledge(r->p->core, f, ack->agent_id->value, ack->task_id->value,
                       &uuid, &r->p->outputs);
}

static void reconcile(struct request *r, struct framework *f,
                      const Mesos__V1__Scheduler__Call__Reconcile *call)
{
    size_t count = call->n_tasks;
    struct reconcile_task *task =
        arena_alloc(&r->p->arena, (count + 1) * sizeof *task);
    for (size_t i = 0; i < count; i++) {
        const Mesos__V1__AgentID *agent_id = call->tasks[i]->agent_id;
        task[i].task_id = call->tasks[i]->task_id->value;
        task[i].agent_id = agent_id ? agent_id->value : NULL;
    }
    master_reconcile(r->p->core, f, task, (uint32_t)count, &r->p->outputs);
}

/* --- dispatch --- */

/* Is it the caller's own? Another's looks as if it did not exist. */
static bool is_own(const struct request *r, const struct framework *f)
{
    const char *principal = r->http->principal;
    if (!r->p->access.asks[REALM_SCHEDULER])
        return true;
    return principal && f->principal && strcmp(principal, f->principal) == 0 &&
           access_may_somewhere(&r->p->access, REALM_SCHEDULER, principal,
                                ACTION_FRAMEWORK_REGISTER);
}

/* The framework of any call but SUBSCRIBE; NULL: answered. */
static struct framework *find_caller(struct request *r, const Call *call)
{
    struct framework *f =
        master_framework(r->p->core, call->framework_id->value);
    if (!f || !is_own(r, f)) {
        request_refuse(r, 400, "Framework cannot be found");
        return NULL;
    }
    if (f->stream == 0) {
        request_refuse(r, 403, "Framework is not subscribed");
        return NULL;
    }
    const char *stream_id = http_header(r->http, "Mesos-Stream-Id");
    if (!stream_id) {
        request_refuse(r, 400,
                       "All non-subscribe calls should include the "
                       "'Mesos-Stream-Id' header");
        return NULL;
    }
    if (strcmp(stream_id, f->stream_id) != 0) {
        request_refuse(r, 400,
                       "The stream ID '%s' included in this request didn't "
                       "match the stream ID currently associated with "
                       "framework ID %s",
                       stream_id, f->id);
        return NULL;
    }
    return f;
}

/* False: there is no such thing here; answered. */
static bool perform(struct request *r, struct framework *f, const Call *call)
{
    struct master *core = r->p->core;
    struct outputs *out = &r->p->outputs;
    switch ((int)call->type) {
    case MESOS__V1__SCHEDULER__CALL__TYPE__TEARDOWN:
        request_note(
            r, arena_printf(&r->p->arena, "TEARDOWN framework=%s", f->id));
        master_remove_framework(core, f, r->now_ms, out);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT:
        accept_offers(r, f, call->accept);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE:
        decline_offers(r, f, call->decline);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE:
        master_revive(core, f, call->revive ? call->revive->roles : NULL,
                      call->revive ? (uint32_t)call->revive->n_roles : 0,
                      r->now_ms);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__SUPPRESS:
        master_suppress(core, f, call->suppress ? call->suppress->roles : NULL,
                        call->suppress ? (uint32_t)call->suppress->n_roles : 0);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__KILL:
        kill_task(r, f, call->kill);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__SHUTDOWN:
        master_shutdown_executor(core, f, call->shutdown->agent_id->value,
                                 call->shutdown->executor_id->value, out);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE:
        acknowledge(r, f, call->acknowledge);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE:
        reconcile(r, f, call->reconcile);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__MESSAGE:
        master_message(
            core, f, call->message->agent_id->value,
            call->message->executor_id->value,
            bytes_of(call->message->data.data, call->message->data.len), out);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS:
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS:
        answer_inverse(r, f, call);
        return true;
    case MESOS__V1__SCHEDULER__CALL__TYPE__REQUEST:
        return true; /* a hint that an allocator may ignore */
    default:
        return false;
    }
}

static void refuse_type(struct request *r, const Call *call)
{
    const ProtobufCEnumValue *type = protobuf_c_enum_descriptor_get_value(
        &mesos__v1__scheduler__call__type__descriptor, (int)call->type);
    if (!type || type->value == 0)
        request_refuse(r, 501, "501 Not Implemented.");
    else
        request_refuse(r, 501, "%s is not supported by this master",
                       type->name);
}

void scheduler_api(struct request *r)
{
    if (!request_check_head(r))
        return;
    Call *call =
        request_decode(r, &mesos__v1__scheduler__call__descriptor, "Call");
    if (!call)
        return;
    const char *problem = call_problem(call, r->http->principal, &r->p->arena);
    if (problem) {
        request_refuse(r, 400, "Failed to validate scheduler::Call: %s",
                       problem);
        return;
    }
    r->p->calls[(unsigned)call->type % 32]++;
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        if (request_check_accept(r))
            subscribe(r, call);
        return;
    }
    struct framework *f = find_caller(r, call);
    if (!f)
        return;
    if (perform(r, f, call))
        request_accepted(r);
    else
        refuse_type(r, call);
}
