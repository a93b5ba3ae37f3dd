/* status, inspect, read: what the checkpoints say, for people and programs. */
#include "executor/thermos/observer/command.h"

#include "base/text.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"
#include "wire/codec.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

static const char reset[] = "\033[0m";

/* --- status --- */

static uint32_t running_count(const struct history *history)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < history->count; i++)
        count += history_process_state(&history->process[i]) ==
                 PERIGEE__THERMOS__PROCESS__STATE__RUNNING;
    return count;
}

static void status_line(struct request *r, const struct history *h)
{
    char age[TEXT_AGE_MAX];
    int64_t since_ms =
        h->ended_ms > 0 ? h->ended_ms : (int64_t)h->header->started_ms;

    buf_addf(&r->out, "%s%-10s%s  %6s  %4u/%-4u  %-10s  %s\n",
             command_paint(r, command_state_colour(h->state)),
             history_task_state_name(h->state), command_paint(r, reset),
             text_age(clock_wall_ms() - since_ms, age), running_count(h),
             h->count, h->header->user ? h->header->user : "",
             h->header->task_id ? h->header->task_id : "");
}

static void status_json(struct request *r)
{
    struct json_writer w;
    json_init(&w, &r->out, 2);
    json_begin_array(&w);
    for (uint32_t i = 0; i < r->machine.tasks.count; i++)
        if (r->all || !history_is_over(&r->machine.tasks.item[i]->history))
            history_json(&r->machine.tasks.item[i]->history, &w);
    json_end_array(&w);
    buf_add_char(&r->out, '\n');
}

int command_status(struct request *r)
{
    uint32_t shown = 0, hidden = 0;

    machine_look(&r->machine);
    if (r->json) {
        status_json(r);
        return COMMAND_OK;
    }
    for (uint32_t i = 0; i < r->machine.tasks.count; i++) {
        const struct history *h = &r->machine.tasks.item[i]->history;
        if (!r->all && history_is_over(h)) {
            hidden++;
            continue;
        }
        if (shown++ == 0)
            buf_addf(&r->out, "%-10s  %6s  %9s  %-10s  %s\n", "STATE", "SINCE",
                     "RUNNING", "USER", "TASK");
        status_line(r, h);
    }
    if (shown == 0)
        buf_addf(&r->out, "no task %s on this machine%s\n",
                 r->machine.denied > 0 ? "that you may see runs" : "runs",
                 hidden > 0 ? "; --all shows those that have ended" : "");
    struct buf gaps = {0};
    machine_add_gaps(&r->machine, &gaps);
    if (gaps.size > 0)
        (void)fprintf(stderr, "thermos: %s\n", buf_text(&gaps));
    buf_release(&gaps);
    if (r->machine.denied > 0)
        (void)fprintf(stderr,
                      "thermos: sandboxes that you may not see: %u; root "
                      "sees all\n",
                      r->machine.denied);
    return COMMAND_OK;
}

/* --- inspect --- */

static void time_line(struct request *r, const char *what, int64_t ms)
{
    char text[40], age[TEXT_AGE_MAX];
    if (ms > 0)
        buf_addf(&r->out, "%-9s %s, %s ago\n", what,
                 clock_utc_text(ms, text, sizeof text),
                 text_age(clock_wall_ms() - ms, age));
}

static void run_line(struct request *r, const struct history_run *run,
                     uint32_t number)
{
    char text[80], age[TEXT_AGE_MAX];

    buf_addf(&r->out, "    run %-3u %-8s", number,
             history_process_state_name(run->state));
    if (run->ended_ms > 0 && run->started_ms > 0)
        buf_addf(&r->out, " after %s",
                 text_age(run->ended_ms - run->started_ms, age));
    else if (run->pid > 0)
        buf_addf(&r->out, " for %s, pid %d",
                 text_age(clock_wall_ms() - run->started_ms, age), run->pid);
    if (run->reason != NULL)
        buf_addf(&r->out, "could not be started: %s", run->reason);
    if (run->wait_status > 0)
        buf_addf(&r->out, ", %s",
                 process_status_text(run->wait_status, text, sizeof text));
    buf_add_char(&r->out, '\n');
}

static void process_lines(struct request *r, const struct history_process *p)
{
    enum { RUNS_SHOWN = 5 };
    uint32_t count = p->runs.count;
    uint32_t first = count > RUNS_SHOWN ? count - RUNS_SHOWN : 0;
    struct usage usage;

    buf_addf(&r->out, "\n  %s%s%s%s%s: %s\n", command_paint(r, "\033[1m"),
             p->name, command_paint(r, reset), *p->kind ? ", " : "", p->kind,
             history_process_state_name(history_process_state(p)));
    if (*p->cmdline != '\0')
        buf_addf(&r->out, "    %.*s%s\n", (int)strcspn(p->cmdline, "\n"),
                 p->cmdline, strchr(p->cmdline, '\n') ? " ..." : "");
    if (history_usage(p, &usage))
        buf_addf(
            &r->out, "    uses %lld.%02lld s of CPU, %lld MB, %lld processes\n",
            (long long)(usage.cpu_ms / 1000),
            (long long)(usage.cpu_ms % 1000 / 10),
            (long long)(usage.memory_bytes >> 20), (long long)usage.processes);
    if (first > 0)
        buf_addf(&r->out, "    %u earlier runs\n", first);
    for (uint32_t i = first; i < count; i++)
        run_line(r, &p->runs.item[i], i);
}

static void inspect_text(struct request *r)
{
    const struct history *h = &r->task->history;
    const Perigee__Thermos__Header *header = h->header;

    buf_addf(&r->out, "%-9s %s\n%-9s %s%s%s\n", "task", r->task->id, "state",
             command_paint(r, command_state_colour(h->state)),
             history_task_state_name(h->state), command_paint(r, reset));
    if (*h->message != '\0')
        buf_addf(&r->out, "%-9s %s\n", "message", h->message);
    if (header->job_key != NULL)
        buf_addf(&r->out, "%-9s %s/%u\n", "job", header->job_key,
                 header->instance);
    buf_addf(&r->out, "%-9s %s\n%-9s %s\n", "user",
             header->user ? header->user : "", "sandbox", r->task->sandbox);
    time_line(r, "started", (int64_t)header->started_ms);
    time_line(r, "ended", h->ended_ms);
    for (size_t i = 0; i < header->n_ports; i++)
        buf_addf(&r->out, "%-9s %s = %u\n", i == 0 ? "ports" : "",
                 header->ports[i]->name ? header->ports[i]->name : "",
                 header->ports[i]->port);
    for (uint32_t i = 0; i < h->count; i++)
        process_lines(r, &h->process[i]);
}

int command_inspect(struct request *r)
{
    if (r->json) {
        struct json_writer w;
        json_init(&w, &r->out, 2);
        history_json(&r->task->history, &w);
        buf_add_char(&r->out, '\n');
    } else {
        inspect_text(r);
    }
    return COMMAND_OK;
}

/* --- read --- */

static int read_record(struct request *r, uint64_t number, struct bytes bytes,
                       struct err *err)
{
    struct arena arena;
    ProtobufCMessage *message;

    arena_init(&arena);
    int rc = codec_decode(&perigee__thermos__record__descriptor, "Record",
                          MEDIA_PROTOBUF, bytes, &arena, &message, err);
    if (rc == 0) {
        if (!r->json)
            buf_addf(&r->out, "%6llu  ", (unsigned long long)number);
        codec_encode(message, MEDIA_JSON, &r->out);
        buf_add_char(&r->out, '\n');
    }
    arena_release(&arena);
    return rc;
}

int command_read(struct request *r)
{
    struct buf file = {0};
    struct bytes bytes;
    struct err err = {0};
    uint64_t number = 0;
    size_t at = 0;
    int rc = file_read(r->arg[0], STREAM_FILE_MAX, &file, &err);
    bool is_there = rc == 0;

    while (rc == 0 &&
           (rc = stream_frame_next(buf_bytes(&file), &at, &bytes, &err)) == 1)
        rc = read_record(r, number++, bytes, &err);
    if (rc == 0 && number == 0)
        rc = err_set(&err, ERR_DAMAGED,
                     "'%s' holds no record: is it a checkpoint?", r->arg[0]);
    if (rc == 0 && at < file.size)
        (void)fprintf(stderr, "thermos: '%s': %zu torn bytes at the end\n",
                      r->arg[0], file.size - at);
    buf_release(&file);
    if (rc < 0)
        return command_fail(&err, is_there ? COMMAND_FAILED : COMMAND_BAD_NAME);
    return COMMAND_OK;
}
