/* logs: what a process wrote, read from its agent while it runs and after. The
 * file is .logs/<process>/<run>/stdout in the sandbox; the newest run counts.
 */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/edge.h"

#include "base/text.h"
#include "wire/json.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE_MAX = 1 << 20,   /* bytes asked for at a time */
    FOLLOW_PAUSE_MS = 200, /* between looks when nothing new came */
};

struct source {
    const char *agent, *sandbox;
    bool is_over; /* the task has ended: nothing more will come */
};

static int get(struct cli *cli, const char *agent, const char *path,
               const struct http_header *header, struct http_response *out)
{
    struct err err = {0};

    if (edge_agent_get(cli, agent, path, header, out, &err) < 0) {
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
            NULL, &response);

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
    *out = (struct source){best->agent_endpoint, best->sandbox,
                           api_state_is_terminal(best->state)};
    return 0;
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

/* Print from *offset to the present end of the file; with --json keep it in
 * `text`. */
static int print_more(struct cli *cli, const struct source *source,
                      const char *path, int64_t *offset, struct buf *text,
                      bool *got)
{
    struct http_response response;
    const char *url = arena_printf(&cli->arena, "/files/download?path=%s",
                                   escaped(cli, path));
    struct http_header range = {
        "Range",
        arena_printf(&cli->arena, "bytes=%lld-%lld", (long long)*offset,
                     (long long)*offset + PIECE_MAX - 1)};
    int rc = get(cli, source->agent, url, &range, &response);

    if (rc != 0)
        return rc;
    *got = false;
    if (response.status == 416 || response.status == 404)
        return 0;
    if (response.status != 200 && response.status != 206)
        return cli_refuse(cli, EXIT_API, NULL, "agent %s answered %d for %s",
                          source->agent, response.status, path);
    if (response.status == 200 && (uint64_t)*offset > response.body.size)
        return 0;
    size_t skip = response.status == 200 ? (size_t)*offset : 0;
    size_t size = response.body.size - skip;
    if (cli->json)
        buf_add(text, response.body.data + skip, size);
    else if (fwrite(response.body.data + skip, 1, size, stdout) != size)
        return EXIT_FAILED;
    (void)fflush(stdout);
    *offset += (int64_t)size;
    *got = size > 0;
    return 0;
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

int logs_run(struct cli *cli)
{
    struct job_key key;
    struct instance_set set = {0};
    struct source source = {"", "", true};
    const char *path = "";
    int64_t offset = 0;
    bool got = true;
    struct buf text = {0};
    int rc = cli_key(cli, 0, &key, &set);

    if (rc == 0 && cli->json && cli->follow)
        rc = cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                        "--json is one document; it cannot --follow");
    if (rc == 0 && (set.count > 1 || (set.count == 1 &&
                                      set.range[0].first != set.range[0].last)))
        rc = cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                        "logs of one instance at a time, such as KEY/0");
    uint32_t instance = set.count ? set.range[0].first : 0;
    if (rc != 0 || (rc = find_task(cli, &key, instance, &source)) != 0 ||
        (rc = find_log(cli, &source, cli->arg_count > 1 ? cli->arg[1] : NULL,
                       &path)) != 0)
        return rc;
    while ((rc = print_more(cli, &source, path, &offset, &text, &got)) == 0 &&
           (got || (cli->follow && !source.is_over)))
        if (!got) {
            (void)poll(NULL, 0, FOLLOW_PAUSE_MS);
            (void)find_task(cli, &key, instance, &source);
        }
    if (rc == 0 && cli->json)
        print_json(cli, path, &text);
    buf_release(&text);
    return rc;
}
