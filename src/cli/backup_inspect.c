/* backup inspect: read and verify a whole backup, and say what is in it: its
 * tables and jobs; with a key the records of that job. */
#include "cli/api.h"
#include "cli/backup.h"
#include "cli/command.h"

#include "base/vec.h"
#include "perigee/aurora_store.pb-c.h"
#include "sys/backup_file.h"
#include "sys/clock.h"
#include "wire/codec.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__JobRecord JobRecord;
typedef Perigee__Aurora__TaskRecord TaskRecord;
typedef Perigee__Aurora__JobKey WireKey;

enum { STATES = 32 };

struct job_line {
    char *key; /* owned; "role/env/name" */
    uint32_t instances;
    uint32_t state[STATES]; /* tasks by state */
    bool is_removed;
};

struct inspection {
    struct {
        struct job_line *item;
        uint32_t count, capacity;
    } jobs;             /* in byte order, as they are stored */
    const char *wanted; /* "role/env/name": its records; NULL: none */

    struct arena arena; /* one record at a time */
    struct json_writer *json;
    uint32_t shown;
};

static bool has_key(const WireKey *key, const char *wanted)
{
    char text[JOB_KEY_TEXT_MAX];

    if (key == NULL || key->role == NULL || key->environment == NULL ||
        key->name == NULL)
        return false;
    (void)snprintf(text, sizeof text, "%s/%s/%s", key->role, key->environment,
                   key->name);
    return strcmp(text, wanted) == 0;
}

static int by_key(const void *key, const void *line)
{
    return strcmp(key, ((const struct job_line *)line)->key);
}

static void show(struct inspection *in, const char *table,
                 const ProtobufCMessage *message)
{
    struct buf text = {0};

    codec_encode(message, MEDIA_JSON, &text);
    json_begin_object(in->json);
    json_put_string(in->json, "table", table);
    json_key(in->json, "record");
    json_raw(in->json, buf_bytes(&text));
    json_end_object(in->json);
    buf_release(&text);
    in->shown++;
}

static void take_job(struct inspection *in, struct bytes key,
                     const JobRecord *record)
{
    struct job_line *line = vec_add(&in->jobs);

    *line = (struct job_line){.key = xstrndup((const char *)key.data, key.size),
                              .instances = record->instances,
                              .is_removed = record->removed};
    if (in->wanted == NULL || strcmp(line->key, in->wanted) != 0)
        return;
    show(in, "job", &record->base);
}

static void take_task(struct inspection *in, const TaskRecord *record)
{
    char text[JOB_KEY_TEXT_MAX];
    const WireKey *key = record->key;
    struct job_line *line;

    if (key == NULL || key->role == NULL || key->environment == NULL ||
        key->name == NULL)
        return;
    (void)snprintf(text, sizeof text, "%s/%s/%s", key->role, key->environment,
                   key->name);
    line = in->jobs.count == 0 ? NULL
                               : bsearch(text, in->jobs.item, in->jobs.count,
                                         sizeof *in->jobs.item, by_key);
    if (line != NULL && (unsigned)record->state < STATES)
        line->state[record->state]++;
    if (in->wanted != NULL && strcmp(text, in->wanted) == 0)
        show(in, "task", &record->base);
}

/* A record as its table's message, in the arena; NULL: not one of ours, or not
 * to be read. */
static ProtobufCMessage *decode(struct inspection *in, const char *table,
                                struct bytes value)
{
    static const struct {
        const char *table;
        const ProtobufCMessageDescriptor *descriptor;
    } known[] = {
        {"job", &perigee__aurora__job_record__descriptor},
        {"task", &perigee__aurora__task_record__descriptor},
        {"update", &perigee__aurora__update_record__descriptor},
    };
    ProtobufCMessage *message = NULL;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].table, table) == 0 &&
            codec_decode(known[i].descriptor, table, MEDIA_PROTOBUF, value,
                         &in->arena, &message, NULL) == 0)
            return message;
    return NULL;
}

static int look(void *context, const char *table, struct bytes key,
                struct bytes value, struct err *err)
{
    struct inspection *in = context;
    ProtobufCMessage *message = decode(in, table, value);

    (void)err;
    if (message != NULL && strcmp(table, "job") == 0)
        take_job(in, key, (const JobRecord *)message);
    else if (message != NULL && strcmp(table, "task") == 0)
        take_task(in, (const TaskRecord *)message);
    else if (message != NULL && in->wanted != NULL &&
             has_key(((Perigee__Aurora__UpdateRecord *)message)->key,
                     in->wanted))
        show(in, "update", message);
    arena_clear(&in->arena);
    return 0;
}

/* --- telling --- */

static void json_summary(struct json_writer *w, const char *path,
                         const struct backup_summary *s)
{
    json_put_string(w, "backup", path);
    json_put_int(w, "created_ms", s->created_ms);
    json_put_int(w, "bytes", (int64_t)s->bytes);
    json_put_int(w, "sequence", (int64_t)s->sequence);
    json_put_string(w, "made_by", s->made_by);
    json_key(w, "tables");
    json_begin_object(w);
    for (uint32_t i = 0; i < s->table_count; i++)
        json_put_int(w, s->table[i].name, (int64_t)s->table[i].records);
    json_end_object(w);
}

static void json_jobs(struct json_writer *w, const struct inspection *in)
{
    json_key(w, "jobs");
    json_begin_array(w);
    for (uint32_t i = 0; i < in->jobs.count; i++) {
        const struct job_line *line = &in->jobs.item[i];
        json_begin_object(w);
        json_put_string(w, "key", line->key);
        json_put_int(w, "instances", line->instances);
        json_put_bool(w, "removed", line->is_removed);
        json_key(w, "tasks");
        json_begin_object(w);
        for (int s = 0; s < STATES; s++)
            if (line->state[s] > 0)
                json_put_int(w, api_state_name((Perigee__Aurora__TaskState)s),
                             line->state[s]);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void print_job(struct cli *cli, const struct job_line *line)
{
    buf_addf(&cli->out, "  %-40s  %6u instances%s ", line->key, line->instances,
             line->is_removed ? ", removed" : "");
    for (int s = 0; s < STATES; s++)
        if (line->state[s] > 0)
            buf_addf(&cli->out, " %u %s", line->state[s],
                     api_state_name((Perigee__Aurora__TaskState)s));
    buf_add_char(&cli->out, '\n');
}

static void print(struct cli *cli, const struct inspection *in,
                  const struct backup_summary *s)
{
    char when[64];

    buf_addf(
        &cli->out, "made %s by perigee %s, %" PRIu64 " bytes; it is sound\n",
        clock_utc_text(s->created_ms, when, sizeof when), s->made_by, s->bytes);
    for (uint32_t i = 0; i < s->table_count; i++)
        buf_addf(&cli->out,
                 "  %-16s %8" PRIu64 " records %12" PRIu64 " bytes\n",
                 s->table[i].name, s->table[i].records, s->table[i].bytes);
    if (in->jobs.count > 0)
        buf_add_text(&cli->out, "jobs:\n");
    for (uint32_t i = 0; i < in->jobs.count; i++)
        print_job(cli, &in->jobs.item[i]);
}

/* "role/env/name" of a key with or without its cluster. */
static int wanted_key(struct cli *cli, const char **out)
{
    const char *given = cli->arg_count > 1 ? cli->arg[1] : NULL;
    int slashes = 0;

    *out = given;
    for (const char *c = given; c != NULL && *c; c++)
        slashes += *c == '/';
    if (given == NULL || slashes == 2)
        return 0;
    if (slashes != 3)
        return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL,
                          "job key '%s': want [cluster/]role/env/name", given);
    *out = strchr(given, '/') + 1;
    return 0;
}

static void release(struct inspection *in)
{
    for (uint32_t i = 0; i < in->jobs.count; i++)
        free(in->jobs.item[i].key);
    vec_free(&in->jobs);
    arena_release(&in->arena);
}

int backup_inspect_run(struct cli *cli)
{
    struct inspection in = {0};
    struct backup_summary summary;
    struct json_writer w;
    char path[PATH_MAX];
    struct buf records = {0};
    struct err err = {0};
    int rc;

    if ((rc = wanted_key(cli, &in.wanted)) != 0 ||
        (rc = backup_file(cli, path)) != 0)
        return rc;
    arena_init(&in.arena);
    json_init(&w, in.wanted != NULL ? &cli->out : &records, 2);
    in.json = &w;
    json_begin_array(&w);
    if (backup_read(path, look, &in, &summary, &err) < 0) {
        buf_clear(&cli->out); /* what was seen of it counts for nothing */
        rc = cli_fail(cli, EXIT_FAILED, &err);
    } else if (in.wanted != NULL) {
        json_end_array(&w);
        buf_add_char(&cli->out, '\n');
        if (in.shown == 0) {
            buf_clear(&cli->out);
            rc = cli_refuse(cli, EXIT_FAILED, NULL,
                            "the backup holds no job %s", in.wanted);
        }
    } else if (cli->json) {
        json_init(&w, &cli->out, 2);
        json_begin_object(&w);
        json_summary(&w, path, &summary);
        json_jobs(&w, &in);
        json_end_object(&w);
        buf_add_char(&cli->out, '\n');
    } else {
        print(cli, &in, &summary);
    }
    buf_release(&records);
    release(&in);
    return rc;
}
