/* The rendering itself, as thermos does it on the machine. */
#include "base/substitute.h"
#include "cli/render.h"
#include "script/template.h"

#include <string.h>

struct painter {
    const Perigee__Job *job;
    struct arena *arena;
    struct bindings bindings;
    const struct binding *port;
};

static bool has_binding(const struct binding *list, uint32_t count,
                        const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return true;
    return false;
}

static uint32_t add_env(struct binding *to, uint32_t count,
                        Perigee__EnvVar *const *from, size_t more)
{
    for (size_t i = 0; i < more; i++)
        to[count++] = (struct binding){
            from[i]->name, from[i]->value ? from[i]->value : "(a secret)"};
    return count;
}

/* {{env[NAME]}} of a variable that only the machine has stands for itself. */
static uint32_t keep_unknown(struct painter *p, const char *text,
                             struct binding *env, uint32_t count, uint32_t max)
{
    static const char prefix[] = "{{env[";
    struct bytes rest = bytes_of_text(text);
    struct template_ref ref;
    struct buf message = {0}, expected = {0};
    int found;

    while ((found = template_next(&rest, &ref, &message, &expected)) != 0 &&
           count < max) {
        size_t head = sizeof prefix - 1;
        if (found < 0 || !bytes_starts_with(ref.whole, prefix))
            continue;
        const char *at = (const char *)ref.whole.data + head;
        char *name = arena_strndup(p->arena, at, ref.whole.size - head - 3);
        if (!has_binding(env, count, name))
            env[count++] = (struct binding){
                name, arena_strndup(p->arena, (const char *)ref.whole.data,
                                    ref.whole.size)};
    }
    buf_release(&message);
    buf_release(&expected);
    return count;
}

/* One text as the machine would see it, with the process's variables. */
static int paint(struct painter *p, const Perigee__Process *process,
                 const char *text, const char **out, struct err *err)
{
    enum { UNKNOWN_MAX = 64 };
    size_t own = process != NULL ? process->n_env : 0;
    uint32_t max = (uint32_t)(own + p->job->n_env + UNKNOWN_MAX);
    struct binding *env = arena_zalloc(p->arena, max * sizeof *env);
    struct bindings bindings = p->bindings;
    struct buf buf = {0};
    uint32_t count = 0;

    if (process != NULL)
        count = add_env(env, count, process->env, process->n_env);
    count = add_env(env, count, p->job->env, p->job->n_env);
    bindings.env = env;
    bindings.env_count = keep_unknown(p, text, env, count, max);
    int rc = substitute(text, &bindings, &buf, err);
    if (rc == 0)
        *out = arena_strdup(p->arena, buf_text(&buf));
    buf_release(&buf);
    return rc;
}

/* --- the order --- */

static const char *chain_name(const Perigee__OrderChain *chain, size_t at)
{
    return chain->order[at];
}

/* The processes that `name` waits for, each once. */
static void find_before(const Perigee__TaskConfig *task, const char *name,
                        struct arena *arena, struct render_process *out)
{
    size_t most = 0;

    for (size_t i = 0; i < task->n_constraints; i++)
        most += task->constraints[i]->n_order;
    out->after = arena_zalloc(arena, (most + 1) * sizeof *out->after);
    for (size_t i = 0; i < task->n_constraints; i++) {
        const Perigee__OrderChain *chain = task->constraints[i];
        for (size_t k = 1; k < chain->n_order; k++) {
            const char *before = chain_name(chain, k - 1);
            bool is_known = strcmp(chain_name(chain, k), name) != 0;
            for (size_t j = 0; j < out->after_count && !is_known; j++)
                is_known = strcmp(out->after[j], before) == 0;
            if (!is_known)
                out->after[out->after_count++] = before;
        }
    }
}

static struct render_process *process_named(struct render *r, const char *name)
{
    for (size_t i = 0; i < r->process_count; i++)
        if (strcmp(r->process[i].process->name, name) == 0)
            return &r->process[i];
    return NULL;
}

/* A process's step is one behind the last it waits for. There is no circle
 * (the language refuses one), so as many rounds as processes are enough. */
static void number_steps(struct render *r)
{
    bool is_moving = true;

    for (size_t round = 0; is_moving && round <= r->process_count; round++) {
        is_moving = false;
        for (size_t i = 0; i < r->process_count; i++) {
            struct render_process *p = &r->process[i];
            uint32_t step = 1;
            for (size_t k = 0; k < p->after_count; k++) {
                const struct render_process *before =
                    process_named(r, p->after[k]);
                if (before != NULL && before->step + 1 > step)
                    step = before->step + 1;
            }
            is_moving |= step != p->step;
            p->step = step;
        }
    }
}

/* --- all of it --- */

/* Only the agent knows a secret. */
static int paint_variable(struct painter *p, const Perigee__Process *process,
                          const Perigee__EnvVar *from, const char **out,
                          struct err *err)
{
    if (from->value != NULL)
        return paint(p, process, from->value, out, err);
    *out = arena_printf(p->arena, "secret(\"%s\")",
                        from->secret ? from->secret : "?");
    return 0;
}

static int paint_env(struct painter *p, const Perigee__Process *process,
                     struct render_process *out, struct err *err)
{
    size_t job = p->job->n_env;

    out->env =
        arena_zalloc(p->arena, (job + process->n_env + 1) * sizeof *out->env);
    for (size_t i = 0; i < job + process->n_env; i++) {
        const Perigee__EnvVar *from =
            i < job ? p->job->env[i] : process->env[i - job];
        size_t at = 0;
        while (at < out->env_count &&
               strcmp(out->env[at].name, from->name) != 0)
            at++;
        int rc = paint_variable(p, process, from, &out->env[at].value, err);
        if (rc != 0)
            return err_wrap(err, "env %s", from->name);
        out->env[at].name = from->name;
        out->env_count += at == out->env_count;
    }
    return 0;
}

static int paint_process(struct painter *p, const Perigee__Process *process,
                         struct render_process *out, struct err *err)
{
    out->process = process;
    out->cmdline = process->cmdline;
    if (!process->raw &&
        paint(p, process, process->cmdline, &out->cmdline, err) != 0)
        return err_wrap(err, "process '%s'", process->name);
    if (paint_env(p, process, out, err) != 0)
        return err_wrap(err, "process '%s'", process->name);
    find_before(p->job->task, process->name, p->arena, out);
    return 0;
}

static void choose_ports(struct painter *p, struct render *r)
{
    size_t count = p->job->n_port_names;
    struct binding *port = arena_zalloc(p->arena, (count + 1) * sizeof *port);

    r->port = arena_zalloc(p->arena, (count + 1) * sizeof *r->port);
    r->port_count = count;
    for (size_t i = 0; i < count; i++) {
        r->port[i].name = p->job->port_names[i];
        r->port[i].value = arena_printf(p->arena, "%zu", RENDER_FIRST_PORT + i);
        port[i] = (struct binding){r->port[i].name, r->port[i].value};
    }
    p->bindings.port = port;
    p->bindings.port_count = (uint32_t)count;
}

static int paint_rest(struct painter *p, struct render *r, struct err *err)
{
    const Perigee__TaskConfig *task = p->job->task;
    const Perigee__HealthCheck *check = p->job->health_check;
    int rc = 0;

    r->fetch = arena_zalloc(p->arena, (task->n_fetch + 1) * sizeof *r->fetch);
    for (size_t i = 0; i < task->n_fetch && rc == 0; i++)
        rc = paint(p, NULL, task->fetch[i]->uri, &r->fetch[i], err);
    const Perigee__ShellCheck *shell = check != NULL ? check->shell : NULL;
    if (rc == 0 && shell != NULL && shell->raw)
        r->health = shell->shell_command;
    else if (rc == 0 && shell != NULL && shell->shell_command != NULL)
        rc = paint(p, NULL, shell->shell_command, &r->health, err);
    return rc;
}

int render_job(const Perigee__Job *job, uint32_t instance, const char *hostname,
               struct arena *arena, struct render *out, struct err *err)
{
    struct render r = {.job = job, .instance = instance};
    struct painter p = {.job = job, .arena = arena};

    p.bindings = (struct bindings){
        .cluster = job->cluster,
        .role = job->role,
        .environment = job->environment,
        .name = job->name,
        .hostname = hostname ? hostname : "{{mesos.hostname}}",
        .instance = arena_printf(arena, "%u", instance),
        .task_id = "{{thermos.task_id}}",
        .user = job->role};
    choose_ports(&p, &r);
    r.process_count = job->task->n_processes;
    r.process = arena_zalloc(arena, (r.process_count + 1) * sizeof *r.process);
    for (size_t i = 0; i < r.process_count; i++) {
        int rc = paint_process(&p, job->task->processes[i], &r.process[i], err);
        if (rc != 0)
            return rc;
    }
    number_steps(&r);
    int rc = paint_rest(&p, &r, err);
    if (rc == 0)
        *out = r;
    return rc;
}
