/* logs: what a process wrote, read from its agent while it runs and after. The
 * file is .logs/<process>/<run>/stdout in the sandbox; the newest run counts.
 */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/edge.h"

#include "base/text.h"
#include "sys/clock.h"
#include "wire/json.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    PIECE_MAX = 1 << 20,   /* bytes asked for at a time */
    FOLLOW_PAUSE_MS = 200, /* between looks when nothing new came */
    TASK_PAUSE_MS = 2000,  /* between questions whether the task has ended */
    TASK_TIMEOUT_MS = 5000,
    AWAY_MAX_MS = 30000 /* an agent that is followed may be started anew */
};

struct source {
    const char *cluster, *task_id, *agent, *sandbox;
    bool is_over; /* the task has ended: nothing more will come */
};

/* What is read of it. */
struct reading {
    const char *agent, *path, *url; /* url: behind the agent */
    int64_t offset;                 /* of the next byte */
    struct buf text;                /* with --json */
    bool got;                       /* the last look brought something */
    int64_t heard_ms;               /* when the agent answered last; 0: never */
};

/* `is_away`: NULL, or set, and 0, where nobody answers. */
static int get(struct cli *cli, const char *agent, const char *path,
               const struct http_header *header, struct http_response *out,
               bool *is_away)
{
    struct err err = {0};

    if (edge_agent_get(cli, agent, path, header, out, &err) < 0) {
        if (is_away != NULL &&
            (err.code == ERR_NETWORK || err.code == ERR_TIMEOUT)) {
            *is_away = true;
            return 0;
        }
        (void)err_wrap(&err, "agent %s", agent);
        return cli_fail(cli, cli_exit_code(&err), &err);
    }
    if (out->status == 401 || out->status == 403)
        return cli_refuse(cli, EXIT_DENIED,
                          "its --security says who may read there; `clusterctl "
                          "login` says who you are",
                          "agent %s does not let you in", agent);
    return 0;
}

static const char *escaped(struct cli *cli, const char *text)
{
    struct buf out = {0};

    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
            (*p >= '0' && *p <= '9') || strchr("/-_.~", *p) != NULL)
            buf_add_char(&out, (char)*p);
        else
            buf_addf(&out, "%%%02X", *p);
    const char *copy = arena_strdup(&cli->arena, buf_text(&out));
    buf_release(&out);
    return copy;
}

/* Names directly inside a sandbox folder, by /files/browse, NULL-terminated. */
static int browse(struct cli *cli, const struct source *source,
                  const char *folder, const char ***out)
{
    struct http_response response;
    const char **name = arena_zalloc(&cli->arena, sizeof *name * 4097);
    size_t count = 0;
    int rc =
        get(cli, source->agent,
            arena_printf(&cli->arena, "/files/browse?path=%s",
                         escaped(cli, arena_printf(&cli->arena, "%s/%s",
                                                   source->sandbox, folder))),
            NULL, &response, NULL);

    if (rc != 0)
        return rc;
    const char *at =
        arena_strndup(&cli->arena, (const char *)response.body.data,
                      response.status == 200 ? response.body.size : 0);
    /* The list holds one "path":"..." per entry; the last part is the name. */
    while ((at = strstr(at, "\"path\":\"")) != NULL && count < 4096) {
        at += strlen("\"path\":\"");
        size_t size = strcspn(at, "\"");
        char *path = arena_strndup(&cli->arena, at, size);
        char *slash = strrchr(path, '/');
        name[count++] = slash ? slash + 1 : path;
    }
    *out = name;
    return 0;
}

static int find_task(struct cli *cli, const struct job_key *key,
                     uint32_t instance, struct source *out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Tasks tasks = PERIGEE__AURORA__CALL__TASKS__INIT;
    Perigee__Aurora__JobKey wire_key;
    Perigee__Aurora__Answer *answer;
    const Perigee__Aurora__TaskView *best = NULL;
    uint64_t newest = 0;
    int rc;

    api_key(key, &wire_key);
    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_JOB;
    call.tasks = &tasks;
    tasks.key = &wire_key;
    if ((rc = api_call(cli, key->cluster, &call, &answer)) != 0)
        return rc;
    for (size_t i = 0; i < answer->n_tasks; i++) {
        const Perigee__Aurora__TaskView *task = answer->tasks[i];
        uint64_t at = task->n_events ? task->events[0]->at_ms : 0;
        if (task->instance == instance && task->sandbox != NULL &&
            task->sandbox[0] && (best == NULL || at >= newest)) {
            best = task;
            newest = at;
        }
    }
    if (best == NULL)
        return cli_refuse(cli, EXIT_FAILED,
                          "`clusterctl status` shows the instances",
                          "instance %u has not been on a host yet", instance);
    *out = (struct source){key->cluster, best->task_id, best->agent_endpoint,
                           best->sandbox, api_state_is_terminal(best->state)};
    return 0;
}

/* Has it ended? While the scheduler does not say, it has not. */
static void look_at_task(struct cli *cli, struct source *source)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__GetTask task = PERIGEE__AURORA__CALL__GET_TASK__INIT;
    Perigee__Aurora__Answer *answer = NULL;
    struct arena kept = cli->arena;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__GET_TASK;
    call.get_task = &task;
    task.task_id = (char *)source->task_id;
    arena_init(&cli->arena);
    int rc = api_try(cli, source->cluster, &call, TASK_TIMEOUT_MS, &answer);
    if (rc == 0 && answer->n_tasks == 1)
        source->is_over = api_state_is_terminal(answer->tasks[0]->state);
    else if (answer != NULL && answer->error != NULL &&
             answer->error->code != NULL)
        source->is_over = strcmp(answer->error->code, "NOT_FOUND") == 0;
    arena_release(&cli->arena);
    cli->arena = kept;
}

/* The path of the log, from what the sandbox holds. */
static int find_log(struct cli *cli, const struct source *source,
                    const char *process, const char **out)
{
    const char **name, **run;
    const char *file = cli->stderr_log ? "stderr" : "stdout";
    int64_t newest = -1;
    int rc = browse(cli, source, ".logs", &name);

    if (rc != 0)
        return rc;
    if (name[0] == NULL) { /* a plain command: the sandbox's own files */
        *out = arena_printf(&cli->arena, "%s/%s", source->sandbox, file);
        return 0;
    }
    if (process == NULL && name[1] != NULL) {
        struct buf known = {0};
        for (size_t i = 0; name[i] != NULL; i++)
            buf_addf(&known, "%s%s", i ? ", " : "", name[i]);
        rc = cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                        "which process? There are %s", buf_text(&known));
        buf_release(&known);
        return rc;
    }
    process = process ? process : name[0];
    if ((rc = browse(cli, source,
                     arena_printf(&cli->arena, ".logs/%s", process), &run)) !=
        0)
        return rc;
    for (size_t i = 0; run[i] != NULL; i++) {
        int64_t number;
        if (text_int(run[i], 0, INT32_MAX, &number, NULL) == 0 &&
            number > newest)
            newest = number;
    }
    if (newest < 0) {
        const char *nearest = text_nearest(process, name);
        return cli_refuse(
            cli, EXIT_BAD_PARAMETER,
            nearest ? arena_printf(&cli->arena, "did you mean '%s'?", nearest)
                    : NULL,
            "no process '%s' has run there", process);
    }
    *out = arena_printf(&cli->arena, "%s/.logs/%s/%lld/%s", source->sandbox,
                        process, (long long)newest, file);
    return 0;
}

/* --- reading --- */

/* Content-Range ends with "/10": how large the file is; -1 when nobody says. */
static int64_t whole_size(const struct http_response *response)
{
    int64_t size;

    for (uint32_t i = 0; i < response->header_count; i++) {
        const char *slash = strrchr(response->header[i].value, '/');
        if (strcasecmp(response->header[i].name, "Content-Range") == 0 &&
            slash != NULL &&
            text_int(slash + 1, 0, INT64_MAX, &size, NULL) == 0)
            return size;
    }
    return -1;
}

/* What came of the bytes from r->offset on. */
static int take(struct cli *cli, struct reading *r,
                const struct http_response *response)
{
    bool is_all = response->status == 200; /* it knows no ranges */

    r->got = false;
    if (response->status == 404 ||
        (is_all && (uint64_t)r->offset > response->body.size))
        return 0;
    if (response->status == 416) {
        /* Smaller than it was: another one has begun, and is read from its
         * first byte on. */
        int64_t size = whole_size(response);
        r->got = size > 0 && size < r->offset;
        r->offset = r->got ? 0 : r->offset;
        return 0;
    }
    if (!is_all && response->status != 206)
        return cli_refuse(cli, EXIT_API, NULL, "agent %s answered %d for %s",
                          r->agent, response->status, r->path);
    size_t skip = is_all ? (size_t)r->offset : 0;
    size_t size = response->body.size - skip;
    if (cli->json)
        buf_add(&r->text, response->body.data + skip, size);
    else if (fwrite(response->body.data + skip, 1, size, stdout) != size)
        return EXIT_FAILED;
    (void)fflush(stdout);
    r->offset += (int64_t)size;
    r->got = size > 0;
    return 0;
}

/* Print the next piece of the file, if there is one. Its memory is given back:
 * a log is read for days. */
static int read_more(struct cli *cli, struct reading *r)
{
    struct http_response response;
    struct arena kept = cli->arena;

    arena_init(&cli->arena);
    struct http_header range = {
        "Range",
        arena_printf(&cli->arena, "bytes=%lld-%lld", (long long)r->offset,
                     (long long)r->offset + PIECE_MAX - 1)};
    int64_t now_ms = clock_monotonic_ms();
    bool is_away = false, is_patient = cli->follow && r->heard_ms > 0 &&
                                       now_ms - r->heard_ms < AWAY_MAX_MS;
    int rc = get(cli, r->agent, r->url, &range, &response,
                 is_patient ? &is_away : NULL);
    r->heard_ms = is_away ? r->heard_ms : now_ms;
    r->got = false;
    if (rc == 0 && !is_away)
        rc = take(cli, r, &response);
    arena_release(&cli->arena);
    cli->arena = kept;
    return rc;
}

/* To the end of the file; followed, to the end of its task. */
static int read_all(struct cli *cli, struct source *source, struct reading *r)
{
    int64_t looked_ms = clock_monotonic_ms();
    int rc;

    while ((rc = read_more(cli, r)) == 0 &&
           (r->got || (cli->follow && !source->is_over))) {
        if (r->got)
            continue;
        (void)poll(NULL, 0, FOLLOW_PAUSE_MS);
        if (clock_monotonic_ms() - looked_ms < TASK_PAUSE_MS)
            continue;
        look_at_task(cli, source);
        looked_ms = clock_monotonic_ms();
    }
    return rc;
}

static void print_json(struct cli *cli, const char *path,
                       const struct buf *text)
{
    struct json_writer w;

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "path", path);
    json_key(&w, "text");
    json_text_n(&w, buf_bytes(text));
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

/* One instance; the first when none is named. */
static int read_instance(struct cli *cli, struct job_key *key,
                         uint32_t *instance)
{
    struct instance_set set = {0};
    int rc = cli_key(cli, 0, key, &set);

    if (rc == 0 && cli->json && cli->follow)
        rc = cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                        "--json is one document; it cannot --follow");
    if (rc == 0 && (set.count > 1 || (set.count == 1 &&
                                      set.range[0].first != set.range[0].last)))
        rc = cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                        "logs of one instance at a time, such as KEY/0");
    *instance = set.count ? set.range[0].first : 0;
    return rc;
}

int logs_run(struct cli *cli)
{
    struct job_key key;
    struct source source = {0};
    struct reading r = {.path = ""};
    uint32_t instance;
    int rc = read_instance(cli, &key, &instance);

    if (rc != 0 || (rc = find_task(cli, &key, instance, &source)) != 0 ||
        (rc = find_log(cli, &source, cli->arg_count > 1 ? cli->arg[1] : NULL,
                       &r.path)) != 0)
        return rc;
    r.agent = source.agent;
    r.url = arena_printf(&cli->arena, "/files/download?path=%s",
                         escaped(cli, r.path));
    rc = read_all(cli, &source, &r);
    if (rc == 0 && cli->json)
        print_json(cli, r.path, &r.text);
    buf_release(&r.text);
    return rc;
}
