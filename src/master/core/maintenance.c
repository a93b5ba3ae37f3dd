#include "master/core/maintenance.h"
#include "master/core/internal.h"
#include <assert.h>
#include <ctype.h>

/* --- machines ---------------------------------------------------------------
 */

static void key_make(const char *hostname, const char *ip, struct buf *out)
{
    buf_clear(out);
    buf_addf(out, "%s %s", hostname, ip);
    for (size_t i = 0; i < out->size; i++)
        out->data[i] = (uint8_t)tolower(out->data[i]);
}

static struct master_machine *find_key(struct master_machine *machines,
                                       const struct buf *key)
{
    struct master_machine *machine;
    HASH_FIND(hh, machines, key->data, key->size, machine);
    return machine;
}

static struct master_machine *find(struct master_machine *machines,
                                   const char *hostname, const char *ip)
{
    struct buf key = {0};
    key_make(hostname, ip, &key);
    struct master_machine *machine = find_key(machines, &key);
    buf_release(&key);
    return machine;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static struct master_machine *add(struct master_machine **machines,
                                  const struct machine_id *id, uint32_t window,
                                  struct unavailability when)
{
    struct buf key = {0};
    struct master_machine *machine = xcalloc(1, sizeof *machine);
    key_make(id->hostname, id->ip, &key);
    machine->key = xstrdup(buf_text(&key));
    buf_release(&key);
    machine->hostname = xstrdup(id->hostname);
    machine->ip = xstrdup(id->ip);
    machine->window = window;
    machine->when = when;
    HASH_ADD_KEYPTR(hh, *machines, machine->key, strlen(machine->key), machine);
    return machine;
}

static void drop(struct master_machine **machines,
                 struct master_machine *machine)
{
    HASH_DEL(*machines, machine);
    free(machine->key);
    free(machine->hostname);
    free(machine->ip);
    free(machine);
}

void machines_free(struct master_machine **machines)
{
    while (*machines)
        drop(machines, *machines);
}

/* The machine of an agent there; NULL: none is scheduled. */
static struct master_machine *machine_at(const struct master *m,
                                         const char *hostname, const char *ip)
{
    if (!m->machines)
        return NULL;
    struct master_machine *named[] = {find(m->machines, hostname, ip),
                                      find(m->machines, hostname, ""),
                                      find(m->machines, "", ip)};
    struct master_machine *first = NULL;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (named[i] && named[i]->is_down)
            return named[i];
        if (!first)
            first = named[i];
    }
    return first;
}

const struct master_machine *machine_of_agent(const struct master *m,
                                              const struct agent *agent)
{
    return machine_at(m, agent->hostname, agent->ip);
}

bool master_is_down(const struct master *m, const char *hostname,
                    const char *ip)
{
    const struct master_machine *machine = machine_at(m, hostname, ip);
    return machine && machine->is_down;
}

/* --- what cannot be ---------------------------------------------------------
 */

/* Short enough, and nothing that would hide in a list or break a line. */
static bool is_name(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] == 0x7f)
            return false;
    return size <= MASTER_MACHINE_NAME_MAX;
}

static int check_id(const struct machine_id *id, struct err *err)
{
    if (!id->hostname[0] && !id->ip[0])
        return err_set(err, ERR_INVALID,
                       "A machine has neither a 'hostname' nor an 'ip'");
    if (!is_name(id->hostname) || !is_name(id->ip))
        return err_set(err, ERR_INVALID,
                       "A machine's name is longer than %d bytes or has "
                       "blanks or control characters",
                       MASTER_MACHINE_NAME_MAX);
    return 0;
}

/* "'web1' at 10.0.0.1" */
static int refuse(const struct machine_id *id, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID, "Machine '%s'%s%s %s",
                   id->hostname[0] ? id->hostname : id->ip,
                   id->hostname[0] && id->ip[0] ? " at " : "",
                   id->hostname[0] ? id->ip : "", why);
}

static int check_when(const struct unavailability *when, struct err *err)
{
    if (when->start_ns < 0)
        return err_set(err, ERR_INVALID,
                       "Unavailability 'start' is before 1970");
    if (when->duration_ns < -1)
        return err_set(err, ERR_INVALID,
                       "Unavailability 'duration' is negative");
    return 0;
}

/* One window's machines join the new schedule. */
static int add_window(struct master_machine **machines,
                      const struct window *window, uint32_t number,
                      struct err *err)
{
    int rc = check_when(&window->when, err);
    if (rc == 0 && window->machine_count == 0)
        rc = err_set(err, ERR_INVALID, "A window has no machines");
    for (uint32_t i = 0; rc == 0 && i < window->machine_count; i++) {
        const struct machine_id *id = &window->machine[i];
        rc = check_id(id, err);
        if (rc == 0 && find(*machines, id->hostname, id->ip))
            rc = refuse(id, "appears more than once in the schedule", err);
        if (rc == 0 && HASH_COUNT(*machines) == MASTER_MACHINES_MAX)
            rc = err_set(err, ERR_LIMIT, "More than %d machines in a schedule",
                         MASTER_MACHINES_MAX);
        if (rc == 0)
            (void)add(machines, id, number, window->when);
    }
    return rc;
}

/* What is down stays so, and must stay in the schedule. */
static int keep_down(const struct master *m, struct master_machine *fresh,
                     struct err *err)
{
    for (const struct master_machine *old = m->machines; old;
         old = old->hh.next) {
        if (!old->is_down)
            continue;
        struct master_machine *kept = find(fresh, old->hostname, old->ip);
        if (!kept)
            return refuse(&(struct machine_id){old->hostname, old->ip},
                          "is down and cannot leave the schedule: bring it up "
                          "first",
                          err);
        kept->is_down = true;
    }
    return 0;
}

/* --- windows of agents ------------------------------------------------------
 */

static bool has_window(const struct agent *agent,
                       const struct master_machine *machine)
{
    if (!machine)
        return !agent->is_going;
    return agent->is_going && agent->away.start_ns == machine->when.start_ns &&
           agent->away.duration_ns == machine->when.duration_ns;
}

void agent_set_window(struct master *m, struct agent *agent, int64_t now_ms,
                      struct outputs *out)
{
    const struct master_machine *machine = machine_of_agent(m, agent);
    if (has_window(agent, machine))
        return;
    struct filters none = {.refusal = REFUSE_NOTHING};
    agent->is_going = machine != NULL;
    if (machine)
        agent->away = machine->when;
    inverse_forget_agent(m, agent, out);
    while (agent->offers)
        offer_withdraw(m, agent->offers, true, none, now_ms, out);
    if (agent->state != AGENT_CONNECTED)
        return;
    /* What was refused was offered for another time. */
    allocator_renew_agent(m->allocator, agent->number);
    inverse_wake(m, agent, now_ms);
}

static void set_windows(struct master *m, int64_t now_ms, struct outputs *out)
{
    (void)output_add(out, OUTPUT_PERSIST_MAINTENANCE);
    for (struct agent *a = m->agents; a; a = a->hh.next)
        agent_set_window(m, a, now_ms, out);
}

int master_set_schedule(struct master *m, const struct window *window,
                        uint32_t count, int64_t now_ms, struct outputs *out,
                        struct err *err)
{
    struct master_machine *fresh = NULL;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = add_window(&fresh, &window[i], i, err);
    if (rc == 0)
        rc = keep_down(m, fresh, err);
    if (rc < 0) {
        machines_free(&fresh);
        return rc;
    }
    machines_free(&m->machines);
    m->machines = fresh;
    output_log(out, 2, "maintenance_scheduled windows=%u machines=%u", count,
               HASH_COUNT(m->machines));
    set_windows(m, now_ms, out);
    return 0;
}

bool master_restore_machine(struct master *m, const struct machine_id *id,
                            uint32_t window, struct unavailability when)
{
    if (check_id(id, NULL) < 0 || check_when(&when, NULL) < 0 ||
        find(m->machines, id->hostname, id->ip) ||
        HASH_COUNT(m->machines) == MASTER_MACHINES_MAX)
        return false;
    (void)add(&m->machines, id, window, when);
    return true;
}

bool master_restore_down(struct master *m, const struct machine_id *id)
{
    struct master_machine *machine = find(m->machines, id->hostname, id->ip);
    if (machine)
        machine->is_down = true;
    return machine != NULL;
}

/* --- down and up ------------------------------------------------------------
 */

/* All are in the schedule, in this mode, and named once. */
static int check_machines(const struct master *m, const struct machine_id *id,
                          uint32_t count, bool is_down, struct err *err)
{
    struct master_machine *seen = NULL;
    int rc = count > 0 ? 0 : err_set(err, ERR_INVALID, "No machines are named");
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = check_id(&id[i], err);
        if (rc < 0)
            break;
        const struct master_machine *machine =
            find(m->machines, id[i].hostname, id[i].ip);
        if (!machine)
            rc = refuse(&id[i], "is not part of the maintenance schedule", err);
        else if (machine->is_down != is_down)
            rc = refuse(&id[i],
                        is_down ? "is not in DOWN mode and cannot be brought up"
                                : "is not in DRAINING mode and cannot be "
                                  "brought down",
                        err);
        else if (find(seen, id[i].hostname, id[i].ip))
            rc = refuse(&id[i], "appears more than once", err);
        else
            (void)add(&seen, &id[i], 0, machine->when);
    }
    machines_free(&seen);
    return rc;
}

int master_machines_down(struct master *m, const struct machine_id *id,
                         uint32_t count, int64_t now_ms, struct outputs *out,
                         struct err *err)
{
    int rc = check_machines(m, id, count, false, err);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < count; i++)
        find(m->machines, id[i].hostname, id[i].ip)->is_down = true;
    output_log(out, 2, "machines_down machines=%u", count);
    set_windows(m, now_ms, out);
    struct agent *agent, *next;
    HASH_ITER(hh, m->agents, agent, next)
    {
        if (!master_is_down(m, agent->hostname, agent->ip))
            continue;
        struct output *output = agent_output(out, agent, OUTPUT_AGENT_SHUTDOWN);
        if (output)
            output->agent = NULL; /* freed below */
        agent_remove(m, agent, "its machine is down for maintenance", now_ms,
                     out);
    }
    return 0;
}

int master_machines_up(struct master *m, const struct machine_id *id,
                       uint32_t count, int64_t now_ms, struct outputs *out,
                       struct err *err)
{
    int rc = check_machines(m, id, count, true, err);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < count; i++)
        drop(&m->machines, find(m->machines, id[i].hostname, id[i].ip));
    output_log(out, 2, "machines_up machines=%u", count);
    set_windows(m, now_ms, out);
    return 0;
}

void master_turn_away(struct master *m, const char *agent_id, uint64_t stream,
                      int media, int64_t now_ms, struct outputs *out)
{
    struct agent *agent = master_agent(m, agent_id);
    if (agent) /* it moved there */
        agent_remove(m, agent, "its machine is down for maintenance", now_ms,
                     out);
    struct output *output = output_add(out, OUTPUT_AGENT_TURNED_AWAY);
    output->stream = stream;
    output->media = media;
    output->agent_id = output_text(out, agent_id);
    output->number = (int64_t)++m->next_epoch;
}
