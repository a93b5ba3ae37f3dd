#include "executor/thermos/run_show.h"

#include "base/alloc.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { LINE_MAX_SHOWN = 4096 }; /* longer ones are shown in pieces */

static const char *paint(const struct run_show *show, const char *code)
{
    return show->colour ? code : "";
}

static void put_time(const struct run_show *show)
{
    int64_t ms = clock_wall_ms() - show->started_ms;
    (void)printf("%3lld.%03lld  ", (long long)(ms / 1000),
                 (long long)(ms % 1000));
}

static void line(const struct run_show *show, const char *code,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static void line(const struct run_show *show, const char *code,
                 const char *format, ...)
{
    va_list args;
    put_time(show);
    (void)fputs(paint(show, code), stdout);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("%s\n", paint(show, "\033[0m"));
    (void)fflush(stdout);
}

/* --- output --- */

static struct run_line *line_of(struct run_show *show, const char *process,
                                int stream)
{
    for (uint32_t i = 0; i < show->lines.count; i++)
        if (show->lines.item[i].stream == stream &&
            strcmp(show->lines.item[i].process, process) == 0)
            return &show->lines.item[i];
    struct run_line *added = vec_add(&show->lines);
    *added = (struct run_line){.process = xstrdup(process), .stream = stream};
    return added;
}

static void put_line(const struct run_show *show, struct run_line *from)
{
    put_time(show);
    (void)printf("%s%s |%s ",
                 paint(show, from->stream == 2 ? "\033[33m" : "\033[36m"),
                 from->process, paint(show, "\033[0m"));
    (void)fwrite(buf_text(&from->text), 1, from->text.size, stdout);
    (void)putchar('\n');
    buf_clear(&from->text);
}

void run_show_text(void *context, const char *process, int stream,
                   struct bytes text)
{
    struct run_show *show = context;
    if (show->is_quiet)
        return;
    struct run_line *open = line_of(show, process, stream);
    for (size_t at = 0; at < text.size;) {
        const uint8_t *from = text.data + at;
        const uint8_t *end = memchr(from, '\n', text.size - at);
        size_t size = end != NULL ? (size_t)(end - from) : text.size - at;
        size_t room = LINE_MAX_SHOWN - open->text.size;
        bool is_cut = size > room;
        if (is_cut)
            size = room;
        buf_add(&open->text, from, size);
        at += size + (end != NULL && !is_cut ? 1 : 0);
        if (is_cut || end != NULL)
            put_line(show, open);
    }
    (void)fflush(stdout);
}

/* What has no end of line gets one with its process. */
static void end_lines(struct run_show *show, const char *process)
{
    for (uint32_t i = 0; i < show->lines.count; i++) {
        struct run_line *open = &show->lines.item[i];
        if (open->text.size > 0 &&
            (process == NULL || strcmp(open->process, process) == 0))
            put_line(show, open);
    }
}

/* --- events --- */

static void show_end(const struct run_show *show, const struct runner_event *e)
{
    const char *code = e->outcome == RUN_SUCCESS ? "\033[32m" : "\033[31m";
    if (e->outcome == RUN_LOST)
        line(show, code, "%s: lost (run %u); it runs again%s%s", e->process,
             e->run + 1, e->text != NULL ? ": " : "",
             e->text != NULL ? e->text : "");
    else if (e->outcome == RUN_SUCCESS)
        line(show, code, "%s: succeeded", e->process);
    else if (e->wait_status < 0)
        line(show, code, "%s: could not be started (run %u): %s", e->process,
             e->run + 1, e->text);
    else if (e->text != NULL)
        line(show, code, "%s: ended (run %u): %s", e->process, e->run + 1,
             e->text);
    else if (WIFEXITED(e->wait_status))
        line(show, code, "%s: exited with status %d (run %u)", e->process,
             WEXITSTATUS(e->wait_status), e->run + 1);
    else
        line(show, code, "%s: terminated by signal %d, %s (run %u)", e->process,
             WTERMSIG(e->wait_status), strsignal(WTERMSIG(e->wait_status)),
             e->run + 1);
}

void run_show_event(void *context, const struct runner_event *event)
{
    struct run_show *show = context;
    switch (event->kind) {
    case RUNNER_PROCESS_STARTED:
        line(show, "", "%s: started, pid %d", event->process, event->pid);
        break;
    case RUNNER_PROCESS_ADOPTED:
        line(show, "", "%s: still running, pid %d", event->process, event->pid);
        break;
    case RUNNER_PROCESS_ENDED:
        end_lines(show, event->process);
        show_end(show, event);
        break;
    case RUNNER_STATE:
        if (event->task_state == TASK_RUN_CLEANING)
            line(show, "\033[2m", "cleaning up");
        break;
    case RUNNER_ENDED:
        show->state = event->state;
        if (event->state == THERMOS_FINISHED)
            line(show, "\033[32;1m", "task succeeded%s%s",
                 *event->text ? ", but " : "", event->text);
        else
            line(show, "\033[31;1m", "task %s%s%s",
                 event->state == THERMOS_KILLED ? "killed" : "failed",
                 *event->text ? ": " : "", event->text);
        break;
    case RUNNER_RUNNING:
        break;
    }
}

void run_show_release(struct run_show *show)
{
    end_lines(show, NULL);
    for (uint32_t i = 0; i < show->lines.count; i++) {
        buf_release(&show->lines.item[i].text);
        free(show->lines.item[i].process);
    }
    vec_free(&show->lines);
}
