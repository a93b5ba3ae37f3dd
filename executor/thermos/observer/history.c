#include "executor/thermos/observer/history.h"

#include "base/text.h"
#include "executor/thermos/core/planner.h"
#include "executor/thermos/core/task_planner.h"
#include "executor/thermos/process_tree.h"
#include "sys/process.h"
#include "wire/codec.h"
#include "wire/json.h"

#include <string.h>

/* --- reading --- */

/* Whoever owns a sandbox wrote its checkpoint, and people look at it in their
 * terminals: a control character, also one of C1 in UTF-8, becomes '?'. Only
 * where lines are welcome do their ends stay. */
static void make_visible(char *text, bool keep_lines)
{
    for (uint8_t *c = (uint8_t *)text; c != NULL && *c != 0; c++) {
        bool is_line = *c == '\n' || *c == '\t';
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = '?';
        else if ((*c < ' ' && !(keep_lines && is_line)) || *c == 0x7f)
            *c = '?';
    }
}

static void make_all_visible(char **list, size_t count, bool keep_lines)
{
    for (size_t i = 0; i < count; i++)
        make_visible(list[i], keep_lines);
}

static void make_header_visible(const Perigee__Thermos__Header *header)
{
    make_visible(header->task_id, false);
    make_visible(header->user, false);
    make_visible(header->hostname, false);
    make_visible(header->job_key, false);
    make_all_visible(header->processes, header->n_processes, false);
    make_all_visible(header->kinds, header->n_kinds, false);
    make_all_visible(header->cmdlines, header->n_cmdlines, true);
    for (size_t i = 0; i < header->n_ports; i++)
        make_visible(header->ports[i]->name, false);
}

static size_t cut_size(const char *text, size_t max)
{
    size_t size = strlen(text);
    return size <= max ? size
                       : text_whole_characters((const uint8_t *)text, max);
}

static const char *text_at(char *const *list, size_t count, size_t at)
{
    return at < count && list[at] != NULL ? list[at] : "";
}

static int take_header(struct history *h,
                       const Perigee__Thermos__Header *header, struct err *err)
{
    if (header->n_processes > PLAN_PROCESSES_MAX)
        return err_set(err, ERR_DAMAGED,
                       "checkpoint: %zu processes, more than a task has",
                       header->n_processes);
    make_header_visible(header);
    h->header = header;
    h->count = (uint32_t)header->n_processes;
    h->process = arena_zalloc(&h->arena, (h->count + 1) * sizeof *h->process);
    for (uint32_t i = 0; i < h->count; i++) {
        struct history_process *p = &h->process[i];
        p->name = text_at(header->processes, header->n_processes, i);
        p->cmdline = text_at(header->cmdlines, header->n_cmdlines, i);
        p->kind = text_at(header->kinds, header->n_kinds, i);
    }
    return 0;
}

static int contradiction(uint64_t sequence, struct err *err)
{
    return err_set(err, ERR_DAMAGED,
                   "checkpoint: record %llu contradicts those before",
                   (unsigned long long)sequence);
}

/* Only the first: a checkpoint that repeats itself costs nothing more. */
static void keep_reason(struct history *h, struct history_run *run, char *text)
{
    if (text == NULL || run->reason != NULL)
        return;
    make_visible(text, false);
    run->reason =
        arena_strndup(&h->arena, text, cut_size(text, HISTORY_REASON_MAX));
}

static int take_process(struct history *h,
                        const Perigee__Thermos__Process *record,
                        struct err *err)
{
    if (record->process >= h->count || record->run >= PLAN_RUNS_MAX)
        return contradiction(record->sequence, err);
    struct history_process *p = &h->process[record->process];
    while (p->runs.count <= record->run)
        *vec_add(&p->runs) = (struct history_run){.wait_status = -1};
    struct history_run *run = &p->runs.item[record->run];
    run->state = record->state;
    if (record->state == PERIGEE__THERMOS__PROCESS__STATE__RUNNING) {
        run->started_ms = (int64_t)record->at_ms;
        run->pid = record->pid;
        run->start_ticks = record->start_ticks;
    } else {
        run->ended_ms = (int64_t)record->at_ms;
        run->wait_status = record->has_wait_status ? record->wait_status : -1;
        keep_reason(h, run, record->reason);
    }
    return 0;
}

static void take_task(struct history *h, const Perigee__Thermos__Task *record)
{
    if (record->has_state)
        h->state = record->state;
    if (record->has_runner_pid)
        h->runner_pid = record->runner_pid;
    if (record->has_killed)
        h->is_killed |= record->killed;
    if (history_is_over(h)) {
        h->ended_ms = (int64_t)record->at_ms;
        if (*h->message == '\0' && record->message != NULL) {
            make_visible(record->message, true);
            h->message =
                arena_strndup(&h->arena, record->message,
                              cut_size(record->message, HISTORY_MESSAGE_MAX));
        }
    }
}

static int decode(struct bytes bytes, struct arena *arena,
                  const Perigee__Thermos__Record **out, struct err *err)
{
    ProtobufCMessage *message;
    int rc = codec_decode(&perigee__thermos__record__descriptor, "Record",
                          MEDIA_PROTOBUF, bytes, arena, &message, err);
    if (rc == 0)
        *out = (const void *)message;
    return rc;
}

/* Of all records but the header only what is told of them is kept. */
static int take_record(struct history *h, struct bytes bytes,
                       struct arena *scratch, struct err *err)
{
    const Perigee__Thermos__Record *record;
    int rc = decode(bytes, scratch, &record, err);
    if (rc == 0 && record->header != NULL && h->header == NULL) {
        rc = decode(bytes, &h->arena, &record, err);
        return rc == 0 ? take_header(h, record->header, err) : rc;
    }
    if (rc != 0)
        return rc;
    if (h->header == NULL)
        return err_set(err, ERR_DAMAGED, "checkpoint: it has no header");
    if (record->process != NULL)
        return take_process(h, record->process, err);
    if (record->task != NULL)
        take_task(h, record->task);
    return 0;
}

int history_read(struct bytes file, struct history *out, struct err *err)
{
    size_t at = 0;
    struct bytes bytes;
    struct arena scratch;
    int rc;

    *out = (struct history){.message = ""};
    arena_init(&out->arena);
    arena_init(&scratch);
    while ((rc = stream_frame_next(file, &at, &bytes, err)) == 1) {
        arena_clear(&scratch);
        rc = take_record(out, bytes, &scratch, err);
        if (rc != 0)
            break;
    }
    arena_release(&scratch);
    if (rc == 0 && out->header == NULL)
        rc = err_set(err, ERR_NOT_FOUND, "checkpoint: nothing in it yet");
    if (rc != 0)
        history_release(out);
    return rc;
}

void history_release(struct history *history)
{
    for (uint32_t i = 0; i < history->count; i++)
        vec_free(&history->process[i].runs);
    arena_release(&history->arena);
}

size_t history_memory(const struct history *history)
{
    size_t size = sizeof(struct history) + history->arena.total;
    for (uint32_t i = 0; i < history->count; i++)
        size += history->process[i].runs.capacity *
                sizeof *history->process[i].runs.item;
    return size;
}

/* --- asking --- */

bool history_is_over(const struct history *history)
{
    return history->state >= PERIGEE__THERMOS__TASK__STATE__SUCCESS;
}

process_state history_process_state(const struct history_process *process)
{
    uint32_t count = process->runs.count;
    return count > 0 ? process->runs.item[count - 1].state
                     : PERIGEE__THERMOS__PROCESS__STATE__STATE_UNSPECIFIED;
}

const struct history_process *history_process(const struct history *history,
                                              const char *name)
{
    for (uint32_t i = 0; i < history->count; i++)
        if (strcmp(history->process[i].name, name) == 0)
            return &history->process[i];
    return NULL;
}

const char *history_process_state_name(process_state state)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__thermos__process__state__descriptor, (int)state);
    return state == PERIGEE__THERMOS__PROCESS__STATE__STATE_UNSPECIFIED ||
                   value == NULL
               ? "WAITING"
               : value->name;
}

const char *history_task_state_name(task_state_t state)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &perigee__thermos__task__state__descriptor, (int)state);
    return state == PERIGEE__THERMOS__TASK__STATE__STATE_UNSPECIFIED ||
                   value == NULL
               ? "PREPARING"
               : value->name;
}

/* --- use --- */

bool history_run_lives(const struct history_run *run)
{
    return run->state == PERIGEE__THERMOS__PROCESS__STATE__RUNNING &&
           run->pid > 0 && run->start_ticks != 0 &&
           tree_start_ticks(run->pid) == run->start_ticks;
}

bool history_usage(const struct history_process *process, struct usage *out)
{
    uint32_t count = process->runs.count;
    if (count == 0 || !history_run_lives(&process->runs.item[count - 1]))
        return false;
    usage_of_tree(process->runs.item[count - 1].pid, out);
    return true;
}

/* --- JSON --- */

static void put_ms(struct json_writer *w, const char *key, int64_t ms)
{
    if (ms > 0)
        json_put_int(w, key, ms);
}

static void run_json(const struct history_run *run, uint32_t number,
                     struct json_writer *w)
{
    char text[80];

    json_begin_object(w);
    json_put_int(w, "run", number);
    json_put_string(w, "state", history_process_state_name(run->state));
    put_ms(w, "started_ms", run->started_ms);
    put_ms(w, "ended_ms", run->ended_ms);
    if (run->pid > 0)
        json_put_int(w, "pid", run->pid);
    if (run->wait_status >= 0)
        json_put_string(
            w, "status",
            process_status_text(run->wait_status, text, sizeof text));
    if (run->reason != NULL)
        json_put_string(w, "reason", run->reason);
    json_end_object(w);
}

static void usage_put(const struct history_process *process,
                      struct json_writer *w)
{
    struct usage usage;
    struct buf text = {0};

    if (!history_usage(process, &usage))
        return;
    usage_json(&usage, &text);
    json_key(w, "usage");
    json_raw(w, buf_bytes(&text));
    buf_release(&text);
}

void history_process_json(const struct history_process *process,
                          struct json_writer *w)
{
    json_begin_object(w);
    json_put_string(w, "name", process->name);
    json_put_string(w, "state",
                    history_process_state_name(history_process_state(process)));
    json_put_string(w, "kind", process->kind);
    json_put_string(w, "cmdline", process->cmdline);
    usage_put(process, w);
    json_key(w, "runs");
    json_begin_array(w);
    for (uint32_t i = 0; i < process->runs.count; i++)
        run_json(&process->runs.item[i], i, w);
    json_end_array(w);
    json_end_object(w);
}

static void ports_json(const Perigee__Thermos__Header *header,
                       struct json_writer *w)
{
    json_key(w, "ports");
    json_begin_object(w);
    for (size_t i = 0; i < header->n_ports; i++)
        json_put_int(w, header->ports[i]->name ? header->ports[i]->name : "",
                     header->ports[i]->port);
    json_end_object(w);
}

void history_json(const struct history *history, struct json_writer *w)
{
    const Perigee__Thermos__Header *header = history->header;

    json_begin_object(w);
    json_put_string(w, "task_id", header->task_id);
    json_put_string(w, "state", history_task_state_name(history->state));
    if (header->job_key != NULL) {
        json_put_string(w, "job", header->job_key);
        json_put_int(w, "instance", header->instance);
    }
    json_put_string(w, "user", header->user);
    json_put_string(w, "hostname", header->hostname);
    json_put_string(w, "sandbox", header->sandbox);
    put_ms(w, "started_ms", (int64_t)header->started_ms);
    put_ms(w, "ended_ms", history->ended_ms);
    json_put_bool(w, "killed", history->is_killed);
    json_put_string(w, "message", history->message);
    ports_json(header, w);
    json_key(w, "processes");
    json_begin_array(w);
    for (uint32_t i = 0; i < history->count; i++)
        history_process_json(&history->process[i], w);
    json_end_array(w);
    json_end_object(w);
}
