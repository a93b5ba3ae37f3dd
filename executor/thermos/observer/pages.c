/* The pages about tasks and processes. */
#include "executor/thermos/observer/page.h"

#include "base/text.h"
#include "sys/clock.h"
#include "sys/process.h"

#include <stdio.h>
#include <string.h>

/* --- pieces --- */

static void state_cell(struct page *p, const char *state)
{
    buf_addf(&p->body, "<td class=\"%s\">%s</td>", state, state);
}

static void term(struct page *p, const char *name, const char *text)
{
    buf_addf(&p->body, "<dt>%s</dt><dd>", name);
    html_text(p, text);
    buf_add_text(&p->body, "</dd>\n");
}

static void time_term(struct page *p, const char *name, int64_t ms)
{
    char text[40], age[TEXT_AGE_MAX], whole[80];
    if (ms <= 0)
        return;
    (void)snprintf(whole, sizeof whole, "%s, %s ago",
                   clock_utc_text(ms, text, sizeof text),
                   text_age(clock_wall_ms() - ms, age));
    term(p, name, whole);
}

/* --- index --- */

enum index_type { INDEX_ALL, INDEX_ACTIVE, INDEX_FINISHED, INDEX_TYPES };
static const char *const index_names[INDEX_TYPES] = {"all", "active",
                                                     "finished"};

static bool is_of(const struct machine_task *task, enum index_type type)
{
    bool is_over = history_is_over(&task->history);
    return type == INDEX_ALL || is_over == (type == INDEX_FINISHED);
}

static void index_row(struct page *p, const struct machine_task *task)
{
    const struct history *h = &task->history;
    char age[TEXT_AGE_MAX];
    int64_t since_ms =
        h->ended_ms > 0 ? h->ended_ms : (int64_t)h->header->started_ms;

    buf_add_text(&p->body, "<tr>");
    state_cell(p, history_task_state_name(h->state));
    buf_addf(&p->body, "<td class=\"number\">%s</td><td>",
             text_age(clock_wall_ms() - since_ms, age));
    html_text(p, h->header->user);
    buf_add_text(&p->body, "</td><td class=\"id\">");
    html_link(p, task->id, "task", task->id, NULL);
    buf_add_text(&p->body, "</td></tr>\n");
}

struct index_view {
    enum index_type type;
    int64_t offset, count;
};

/* From the path (/main/TYPE/OFFSET/NUM) or the query. */
static bool read_view(struct page *p, struct index_view *view)
{
    const char *type = http_query(p->request, "type", &p->arena);
    const char *from[3] = {"offset", "num"};

    *view = (struct index_view){INDEX_ALL, 0, 100};
    if (p->part_count == 4) {
        type = p->part[1];
        if (text_int(p->part[2], 0, INT32_MAX, &view->offset, NULL) < 0 ||
            text_int(p->part[3], 1, PAGE_TASKS_MAX, &view->count, NULL) < 0) {
            page_refuse(p, 400, "want /main/TYPE/OFFSET/NUM, NUM at most %d",
                        PAGE_TASKS_MAX);
            return false;
        }
    } else if (!page_number(p, from[0], 0, INT32_MAX, 0, &view->offset) ||
               !page_number(p, from[1], 1, PAGE_TASKS_MAX, 100, &view->count)) {
        return false;
    }
    for (int i = 0; type != NULL && i < INDEX_TYPES; i++)
        if (strcmp(type, index_names[i]) == 0) {
            view->type = (enum index_type)i;
            return true;
        }
    if (type == NULL)
        return true;
    page_refuse(p, 400, "type '%s': want all, active or finished", type);
    return false;
}

static void index_choices(struct page *p, const struct index_view *view,
                          int64_t total)
{
    char number[24], count[24];

    buf_add_text(&p->body, "<p>");
    (void)snprintf(count, sizeof count, "%lld", (long long)view->count);
    for (int i = 0; i < INDEX_TYPES; i++) {
        html_link(p, index_names[i], "main", index_names[i], "0", count, NULL);
        buf_add_char(&p->body, ' ');
    }
    if (view->offset > 0) {
        int64_t before = view->offset - view->count;
        (void)snprintf(number, sizeof number, "%lld",
                       (long long)(before > 0 ? before : 0));
        html_link(p, "newer", "main", index_names[view->type], number, count,
                  NULL);
        buf_add_char(&p->body, ' ');
    }
    if (view->offset + view->count < total) {
        int64_t behind = view->offset + view->count;
        (void)snprintf(number, sizeof number, "%lld", (long long)behind);
        html_link(p, "older", "main", index_names[view->type], number, count,
                  NULL);
    }
    buf_addf(&p->body, "</p><p>%lld tasks</p>\n", (long long)total);
}

static void add_gaps(struct page *p)
{
    struct buf gaps = {0};
    machine_add_gaps(p->observer->machine, &gaps);
    if (gaps.size > 0) {
        buf_add_text(&p->body, "<p>");
        html_text(p, buf_text(&gaps));
        buf_add_text(&p->body, "</p>");
    }
    buf_release(&gaps);
}

void pages_index(struct page *p)
{
    const struct machine *machine = p->observer->machine;
    struct index_view view;
    int64_t total = 0;

    if (!read_view(p, &view))
        return;
    machine_look_again(p->observer->machine);
    for (uint32_t i = 0; i < machine->tasks.count; i++)
        total += is_of(machine->tasks.item[i], view.type);
    html_begin(p, "Tasks of this machine");
    index_choices(p, &view, total);
    buf_add_text(&p->body, "<table><thead><tr><th>state</th>"
                           "<th class=\"number\">since</th><th>user</th>"
                           "<th>task</th></tr></thead><tbody>\n");
    int64_t at = 0;
    for (uint32_t i = 0; i < machine->tasks.count; i++)
        if (is_of(machine->tasks.item[i], view.type)) {
            if (at >= view.offset && at < view.offset + view.count)
                index_row(p, machine->tasks.item[i]);
            at++;
        }
    buf_add_text(&p->body, "</tbody></table>");
    add_gaps(p);
    html_end(p);
    page_html(p);
}

/* --- task --- */

static void usage_cells(struct page *p, const struct history_process *process)
{
    struct usage usage;
    if (history_usage(process, &usage))
        buf_addf(&p->body,
                 "<td class=\"number\">%lld.%02lld s</td>"
                 "<td class=\"number\">%lld MB</td>",
                 (long long)(usage.cpu_ms / 1000),
                 (long long)(usage.cpu_ms % 1000 / 10),
                 (long long)(usage.memory_bytes >> 20));
    else
        buf_add_text(&p->body, "<td></td><td></td>");
}

static void process_row(struct page *p, const struct machine_task *task,
                        const struct history_process *process)
{
    buf_add_text(&p->body, "<tr><td class=\"id\">");
    html_link(p, process->name, "process", task->id, process->name, NULL);
    buf_add_text(&p->body, "</td>");
    state_cell(p, history_process_state_name(history_process_state(process)));
    buf_addf(&p->body, "<td>%s</td><td class=\"number\">%u</td>", process->kind,
             process->runs.count);
    usage_cells(p, process);
    buf_add_text(&p->body, "<td><code>");
    html_text(p, process->cmdline);
    buf_add_text(&p->body, "</code></td></tr>\n");
}

static void task_terms(struct page *p, const struct machine_task *task)
{
    const struct history *h = &task->history;
    const Perigee__Thermos__Header *header = h->header;

    buf_add_text(&p->body, "<dl>");
    term(p, "state", history_task_state_name(h->state));
    if (*h->message != '\0')
        term(p, "message", h->message);
    if (header->job_key != NULL)
        term(p, "job",
             arena_printf(&p->arena, "%s/%u", header->job_key,
                          header->instance));
    term(p, "user", header->user);
    time_term(p, "started", (int64_t)header->started_ms);
    time_term(p, "ended", h->ended_ms);
    for (size_t i = 0; i < header->n_ports; i++)
        term(p, "port",
             arena_printf(&p->arena, "%s = %u",
                          header->ports[i]->name ? header->ports[i]->name : "",
                          header->ports[i]->port));
    buf_add_text(&p->body, "<dt>sandbox</dt><dd>");
    html_link(p, task->sandbox, "browse", task->id, NULL);
    buf_add_text(&p->body, "</dd></dl>\n");
}

void pages_task(struct page *p)
{
    const struct machine_task *task = page_task(p);
    if (task == NULL)
        return;
    html_begin(p, task->id);
    task_terms(p, task);
    buf_add_text(&p->body,
                 "<h2>Processes</h2><table><thead><tr><th>name</th>"
                 "<th>state</th><th>kind</th><th class=\"number\">runs</th>"
                 "<th class=\"number\">CPU</th><th class=\"number\">memory</th>"
                 "<th>command</th></tr></thead><tbody>\n");
    for (uint32_t i = 0; i < task->history.count; i++)
        process_row(p, task, &task->history.process[i]);
    buf_add_text(&p->body, "</tbody></table><p>");
    html_link(p, "as JSON", "rawtask", task->id, NULL);
    buf_add_text(&p->body, "</p>");
    html_end(p);
    page_html(p);
}

/* --- process --- */

static void run_row(struct page *p, const struct machine_task *task,
                    const struct history_process *process, uint32_t number)
{
    const struct history_run *run = &process->runs.item[number];
    char text[80], age[TEXT_AGE_MAX], run_text[16];

    (void)snprintf(run_text, sizeof run_text, "%u", number);
    buf_addf(&p->body, "<tr><td class=\"number\">%u</td>", number);
    state_cell(p, history_process_state_name(run->state));
    buf_addf(
        &p->body, "<td>%s</td><td class=\"number\">%s</td><td>",
        run->started_ms > 0 ? clock_utc_text(run->started_ms, text, sizeof text)
                            : "",
        run->started_ms == 0
            ? ""
            : text_age((run->ended_ms > 0 ? run->ended_ms : clock_wall_ms()) -
                           run->started_ms,
                       age));
    if (run->wait_status >= 0)
        html_text(p, process_status_text(run->wait_status, text, sizeof text));
    else if (run->reason != NULL)
        html_text(p, run->reason);
    else if (history_run_lives(run))
        buf_addf(&p->body, "pid %d", run->pid);
    buf_add_text(&p->body, "</td><td>");
    html_link(p, "stdout", "logs", task->id, process->name, run_text, "stdout",
              NULL);
    buf_add_char(&p->body, ' ');
    html_link(p, "stderr", "logs", task->id, process->name, run_text, "stderr",
              NULL);
    buf_add_text(&p->body, "</td></tr>\n");
}

void pages_process(struct page *p)
{
    const struct machine_task *task = page_task(p);
    if (task == NULL)
        return;
    const char *name = p->part_count > 2 ? p->part[2] : "";
    const struct history_process *process =
        history_process(&task->history, name);
    if (process == NULL) {
        page_refuse(p, 404, "the task has no process '%s'", name);
        return;
    }
    html_begin(p, process->name);
    buf_add_text(&p->body, "<p>a process of ");
    html_link(p, task->id, "task", task->id, NULL);
    buf_add_text(&p->body, "</p><pre>");
    html_text(p, process->cmdline);
    buf_add_text(&p->body,
                 "</pre><table><thead><tr><th class=\"number\">run</th>"
                 "<th>state</th><th>started</th><th class=\"number\">for</th>"
                 "<th>end</th><th>logs</th></tr></thead><tbody>\n");
    for (uint32_t i = process->runs.count; i > 0; i--)
        run_row(p, task, process, i - 1);
    buf_add_text(&p->body, "</tbody></table>");
    html_end(p);
    page_html(p);
}
