/* What programs ask: the names are those of Aurora's observer. */
#include "executor/thermos/observer/page.h"

#include "wire/json.h"

#include <string.h>

void pages_raw_task(struct page *p)
{
    struct json_writer w;
    const struct machine_task *task = page_task(p);
    if (task == NULL)
        return;
    json_init(&w, &p->body, 2);
    history_json(&task->history, &w);
    page_json(p);
}

/* The task that the query names, for /j/task?task_id=... */
static const struct machine_task *queried_task(struct page *p)
{
    const char *id = http_query(p->request, "task_id", &p->arena);
    if (id == NULL) {
        page_refuse(p, 400, "want ?task_id=");
        return NULL;
    }
    p->part[1] = id;
    p->part_count = p->part_count < 2 ? 2 : p->part_count;
    return page_task(p);
}

static void task_ids(struct page *p)
{
    const struct machine *machine = p->observer->machine;
    struct json_writer w;

    machine_look_again(p->observer->machine);
    json_init(&w, &p->body, 0);
    json_begin_array(&w);
    for (uint32_t i = 0; i < machine->tasks.count; i++)
        json_text(&w, machine->tasks.item[i]->id);
    json_end_array(&w);
    page_json(p);
}

static void task_id_count(struct page *p)
{
    machine_look_again(p->observer->machine);
    buf_addf(&p->body, "%u", p->observer->machine->tasks.count);
    page_json(p);
}

static void one_task(struct page *p)
{
    struct json_writer w;
    const struct machine_task *task = queried_task(p);
    if (task == NULL)
        return;
    json_init(&w, &p->body, 0);
    history_json(&task->history, &w);
    page_json(p);
}

static void one_process(struct page *p)
{
    struct json_writer w;
    const struct machine_task *task = queried_task(p);
    if (task == NULL)
        return;
    const char *name = http_query(p->request, "process", &p->arena);
    const struct history_process *process =
        name != NULL ? history_process(&task->history, name) : NULL;
    if (process == NULL) {
        page_refuse(p, name != NULL ? 404 : 400,
                    "want ?process=, a process of the task");
        return;
    }
    json_init(&w, &p->body, 0);
    history_process_json(process, &w);
    page_json(p);
}

static void processes(struct page *p)
{
    struct json_writer w;
    const struct machine_task *task = queried_task(p);
    if (task == NULL)
        return;
    json_init(&w, &p->body, 0);
    json_begin_array(&w);
    for (uint32_t i = 0; i < task->history.count; i++)
        history_process_json(&task->history.process[i], &w);
    json_end_array(&w);
    page_json(p);
}

void pages_json(struct page *p)
{
    static const struct {
        const char *name;
        void (*serve)(struct page *p);
    } calls[] = {{"task_ids", task_ids},
                 {"task_id_count", task_id_count},
                 {"task", one_task},
                 {"process", one_process},
                 {"processes", processes}};
    const char *name = p->part_count > 1 ? p->part[1] : "";

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0) {
            calls[i].serve(p);
            return;
        }
    page_refuse(p, 404,
                "want /j/task_ids, task_id_count, task, process or "
                "processes");
}
