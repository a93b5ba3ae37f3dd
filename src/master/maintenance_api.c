/* The maintenance schedule as operators see it: calls of POST /api/v1, and
 * Mesos' plain endpoints for the same. */
#include "master/layer.h"
#include <arpa/inet.h>

/* --- schedule and status as messages --- */

Mesos__V1__MachineID *machine_id_make(const struct master_machine *machine,
                                      struct arena *arena)
{
    Mesos__V1__MachineID *id = arena_alloc(arena, sizeof *id);
    *id = (Mesos__V1__MachineID)MESOS__V1__MACHINE_ID__INIT;
    id->hostname =
        machine->hostname[0] ? arena_strdup(arena, machine->hostname) : NULL;
    id->ip = machine->ip[0] ? arena_strdup(arena, machine->ip) : NULL;
    return id;
}

/* The window of `machine` and of its neighbours in it; *next: behind them. */
static Mesos__V1__Maintenance__Window *window_encode(
    const struct master_machine *machine, const struct master_machine **next,
    struct arena *arena)
{
    Mesos__V1__Maintenance__Window *window = arena_alloc(arena, sizeof *window);
    const struct master_machine *end = machine;
    size_t count = 0;
    *window =
        (Mesos__V1__Maintenance__Window)MESOS__V1__MAINTENANCE__WINDOW__INIT;
    window->unavailability = unavailability_encode(&machine->when, arena);
    for (; end && end->window == machine->window; end = end->hh.next)
        count++;
    window->machine_ids =
        arena_alloc(arena, count * sizeof *window->machine_ids);
    for (; machine != end; machine = machine->hh.next)
        window->machine_ids[window->n_machine_ids++] =
            machine_id_make(machine, arena);
    *next = end;
    return window;
}

Mesos__V1__Maintenance__Schedule *schedule_encode(
    const struct master_program *p, struct arena *arena)
{
    const struct master_machine *machine = p->core->machines;
    Mesos__V1__Maintenance__Schedule *schedule =
        arena_alloc(arena, sizeof *schedule);
    *schedule = (Mesos__V1__Maintenance__Schedule)
        MESOS__V1__MAINTENANCE__SCHEDULE__INIT;
    schedule->windows = arena_alloc(arena, (HASH_COUNT(machine) + 1) *
                                               sizeof *schedule->windows);
    while (machine)
        schedule->windows[schedule->n_windows++] =
            window_encode(machine, &machine, arena);
    return schedule;
}

typedef Mesos__V1__Maintenance__ClusterStatus__DrainingMachine Draining;
typedef Mesos__V1__Allocator__InverseOfferStatus Answer;

static Answer *answer_encode(const struct inverse *inverse, struct arena *arena)
{
    Answer *answer = arena_alloc(arena, sizeof *answer);
    *answer = (Answer)MESOS__V1__ALLOCATOR__INVERSE_OFFER_STATUS__INIT;
    answer->status =
        inverse->answer == INVERSE_ACCEPTED
            ? MESOS__V1__ALLOCATOR__INVERSE_OFFER_STATUS__STATUS__ACCEPT
            : MESOS__V1__ALLOCATOR__INVERSE_OFFER_STATUS__STATUS__DECLINE;
    answer->framework_id = framework_id_make(inverse->framework->id, arena);
    answer->timestamp = time_encode(inverse->answered_ms, arena);
    return answer;
}

/* A draining machine, while the answers for its agents are gathered. */
struct gathered {
    const struct master_machine *machine;
    VEC(Answer *) answers;
    UT_hash_handle hh; /* by machine, in the order of the schedule */
};

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void gathered_add(struct gathered **all,
                         const struct master_machine *machine,
                         struct arena *arena)
{
    struct gathered *one = arena_zalloc(arena, sizeof *one);
    one->machine = machine;
    HASH_ADD(hh, *all, machine, sizeof one->machine, one);
}

static void gather(struct gathered *all, const struct master_machine *machine,
                   const struct agent *agent, struct arena *arena)
{
    struct gathered *one;
    HASH_FIND(hh, all, &machine, sizeof machine, one);
    const struct inverse *inverse;
    DL_FOREACH2(agent->inverses, inverse, agent_next)
    {
        if (one && inverse->answer != INVERSE_UNANSWERED)
            *vec_add(&one->answers) = answer_encode(inverse, arena);
    }
}

static Draining *draining_encode(struct gathered *from, struct arena *arena)
{
    Draining *draining = arena_alloc(arena, sizeof *draining);
    *draining = (Draining)
        MESOS__V1__MAINTENANCE__CLUSTER_STATUS__DRAINING_MACHINE__INIT;
    draining->id = machine_id_make(from->machine, arena);
    if (from->answers.count > 0)
        draining->statuses =
            arena_memdup(arena, from->answers.item,
                         from->answers.count * sizeof *from->answers.item);
    draining->n_statuses = from->answers.count;
    vec_free(&from->answers);
    return draining;
}

Mesos__V1__Maintenance__ClusterStatus *cluster_status_encode(
    const struct master_program *p, struct arena *arena)
{
    const struct master *m = p->core;
    uint32_t count = HASH_COUNT(m->machines);
    struct gathered *all = NULL;
    Mesos__V1__Maintenance__ClusterStatus *status =
        arena_alloc(arena, sizeof *status);
    *status = (Mesos__V1__Maintenance__ClusterStatus)
        MESOS__V1__MAINTENANCE__CLUSTER_STATUS__INIT;
    status->draining_machines =
        arena_alloc(arena, (count + 1) * sizeof *status->draining_machines);
    status->down_machines =
        arena_alloc(arena, (count + 1) * sizeof *status->down_machines);
    for (const struct master_machine *one = m->machines; one;
         one = one->hh.next) {
        if (one->is_down)
            status->down_machines[status->n_down_machines++] =
                machine_id_make(one, arena);
        else
            gathered_add(&all, one, arena);
    }
    for (const struct agent *a = m->agents; a; a = a->hh.next)
        if (a->inverses)
            gather(all, machine_of_agent(m, a), a, arena);
    for (struct gathered *one = all; one; one = one->hh.next)
        status->draining_machines[status->n_draining_machines++] =
            draining_encode(one, arena);
    HASH_CLEAR(hh, all);
    return status;
}

/* --- reading --- */

/* An address as agents print theirs. */
static const char *ip_text(const char *given, struct arena *arena)
{
    uint8_t address[16];
    char text[INET6_ADDRSTRLEN];
    for (int i = 0; i < 2; i++) {
        int family = i == 0 ? AF_INET : AF_INET6;
        if (inet_pton(family, given, address) == 1 &&
            inet_ntop(family, address, text, sizeof text))
            return arena_strdup(arena, text);
    }
    return NULL;
}

static int ids_decode(Mesos__V1__MachineID *const *item, size_t count,
                      struct machine_id **out, struct arena *arena,
                      struct err *err)
{
    struct machine_id *id = arena_alloc(arena, (count + 1) * sizeof *id);
    if (count > MASTER_MACHINES_MAX)
        return err_set(err, ERR_LIMIT, "More than %d machines are named",
                       MASTER_MACHINES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *ip = item[i]->ip ? item[i]->ip : "";
        id[i].hostname = item[i]->hostname ? item[i]->hostname : "";
        id[i].ip = ip[0] ? ip_text(ip, arena) : "";
        if (!id[i].ip)
            return err_set(err, ERR_INVALID, "'%.64s' is no IP address", ip);
    }
    *out = id;
    return 0;
}

static int windows_decode(const Mesos__V1__Maintenance__Schedule *schedule,
                          struct window *out, struct arena *arena,
                          struct err *err)
{
    for (size_t i = 0; i < schedule->n_windows; i++) {
        const Mesos__V1__Maintenance__Window *window = schedule->windows[i];
        const Mesos__V1__Unavailability *when = window->unavailability;
        struct machine_id *id;
        int rc = ids_decode(window->machine_ids, window->n_machine_ids, &id,
                            arena, err);
        if (rc < 0)
            return rc;
        if (when->duration && when->duration->nanoseconds < 0)
            return err_set(err, ERR_INVALID,
                           "Unavailability 'duration' is negative");
        out[i].machine = id;
        out[i].machine_count = (uint32_t)window->n_machine_ids;
        out[i].when.start_ns = when->start->nanoseconds;
        out[i].when.duration_ns =
            when->duration ? when->duration->nanoseconds : -1;
    }
    return 0;
}

/* --- changing --- */

static void answer(struct request *r, int rc, const struct err *err)
{
    if (rc < 0)
        request_refuse(r, 400, "%s", err->text);
    else
        request_done(r);
}

static void set_schedule(struct request *r,
                         const Mesos__V1__Maintenance__Schedule *schedule)
{
    struct err err = {0};
    struct window *window =
        arena_zalloc(&r->p->arena, (schedule->n_windows + 1) * sizeof *window);
    int rc = schedule->n_windows > MASTER_MACHINES_MAX
                 ? err_set(&err, ERR_LIMIT, "More than %d windows",
                           MASTER_MACHINES_MAX)
                 : windows_decode(schedule, window, &r->p->arena, &err);
    if (rc == 0)
        rc = master_set_schedule(r->p->core, window,
                                 (uint32_t)schedule->n_windows, r->now_ms,
                                 &r->p->outputs, &err);
    answer(r, rc, &err);
}

static void set_machines(struct request *r, Mesos__V1__MachineID *const *item,
                         size_t count, bool is_down)
{
    struct err err = {0};
    struct machine_id *id;
    int rc = ids_decode(item, count, &id, &r->p->arena, &err);
    if (rc == 0)
        rc = (is_down ? master_machines_down : master_machines_up)(
            r->p->core, id, (uint32_t)count, r->now_ms, &r->p->outputs, &err);
    answer(r, rc, &err);
}

static void refuse_missing(struct request *r, const char *member)
{
    request_refuse(r, 400,
                   "Failed to validate master::Call: Expecting '%s' to be "
                   "present",
                   member);
}

bool maintenance_call(struct request *r, const Mesos__V1__Master__Call *call)
{
    switch ((int)call->type) {
    case MESOS__V1__MASTER__CALL__TYPE__UPDATE_MAINTENANCE_SCHEDULE:
        if (call->update_maintenance_schedule)
            set_schedule(r, call->update_maintenance_schedule->schedule);
        else
            refuse_missing(r, "update_maintenance_schedule");
        return true;
    case MESOS__V1__MASTER__CALL__TYPE__START_MAINTENANCE:
        if (call->start_maintenance)
            set_machines(r, call->start_maintenance->machines,
                         call->start_maintenance->n_machines, true);
        else
            refuse_missing(r, "start_maintenance");
        return true;
    case MESOS__V1__MASTER__CALL__TYPE__STOP_MAINTENANCE:
        if (call->stop_maintenance)
            set_machines(r, call->stop_maintenance->machines,
                         call->stop_maintenance->n_machines, false);
        else
            refuse_missing(r, "stop_maintenance");
        return true;
    default:
        return false;
    }
}

/* --- plain endpoints --- */

static void reply_message(struct request *r, const ProtobufCMessage *message)
{
    buf_clear(&r->p->buf);
    codec_encode(message, MEDIA_JSON, &r->p->buf);
    effect_reply(r->fx, r->exchange, 200, MEDIA_JSON, buf_bytes(&r->p->buf));
}

static bool is_reading(const struct request *r)
{
    return r->http->method == HTTP_GET || r->http->method == HTTP_HEAD;
}

/* The body is JSON, whatever it says it is. */
static void *body_decode(struct request *r,
                         const ProtobufCMessageDescriptor *type,
                         const char *what, struct bytes body)
{
    ProtobufCMessage *message;
    struct err err = {0};
    if (codec_decode(type, what, MEDIA_JSON, body, &r->p->arena, &message,
                     &err) == 0)
        return message;
    request_refuse(r, 400, "%s", err.text);
    return NULL;
}

void schedule_endpoint(struct request *r)
{
    if (is_reading(r)) {
        reply_message(r, &schedule_encode(r->p, &r->p->arena)->base);
        return;
    }
    if (r->http->method != HTTP_POST) {
        request_refuse_method(r, "GET, POST");
        return;
    }
    const Mesos__V1__Maintenance__Schedule *schedule =
        body_decode(r, &mesos__v1__maintenance__schedule__descriptor,
                    "Schedule", r->http->body);
    if (schedule)
        set_schedule(r, schedule);
}

void maintenance_get(struct request *r)
{
    if (is_reading(r))
        reply_message(r, &cluster_status_encode(r->p, &r->p->arena)->base);
    else
        request_refuse_method(r, "GET");
}

/* The body is a bare list of machines, which no message is: it becomes the
 * member of one. */
static void machines_post(struct request *r, bool is_down)
{
    if (r->http->method != HTTP_POST) {
        request_refuse_method(r, "POST");
        return;
    }
    struct buf body = {0};
    buf_add_text(&body, "{\"machines\":");
    buf_add_bytes(&body, r->http->body);
    buf_add_char(&body, '}');
    const Mesos__V1__Master__Call__StartMaintenance *list =
        body_decode(r, &mesos__v1__master__call__start_maintenance__descriptor,
                    "MachineIDs", buf_bytes(&body));
    buf_release(&body);
    if (list)
        set_machines(r, list->machines, list->n_machines, is_down);
}

void machine_down_post(struct request *r)
{
    machines_post(r, true);
}

void machine_up_post(struct request *r)
{
    machines_post(r, false);
}
