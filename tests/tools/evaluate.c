/* evaluate [--root DIR] [--cpu-ms N] [--memory-mb N] [-p NAME=VALUE]... FILE
 * Evaluate a job file as the programs do; print its jobs as JSON, or its
 * problems as people read them. For the specs of the job language.
 * evaluate --again FILE: also evaluate the bundle that came out, and say
 * whether the jobs are the same. With --groups: print what the file gives
 * besides jobs, each as JSON. Exit: 0, 3 with problems, 4 on errors.
 * evaluate --trip FILE: say whether each job is the same again once it has been
 * protobuf, JSON, protobuf and JSON again, and the hash of all that came out.
 * evaluate --json FILE: each line is a job as the scheduler's API takes it; for
 * each print "ok", or the field that is wrong and why. */
#include "script/evaluate.h"
#include "base/arena.h"
#include "script/job_check.h"
#include "script/worker.h"
#include "sys/sha256.h"
#include "wire/codec.h"
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_MAX = 32 };

struct options {
    const char *file, *root;
    struct script_parameter parameter[PARAMETERS_MAX];
    size_t parameter_count;
    struct script_limits limits;
    int is_again, is_groups, is_json, is_trip;
};

static void take(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--root") == 0) {
            o->root = argv[++i];
        } else if (strcmp(argv[i], "--again") == 0) {
            o->is_again = 1;
        } else if (strcmp(argv[i], "--trip") == 0) {
            o->is_trip = 1;
        } else if (strcmp(argv[i], "--groups") == 0) {
            o->is_groups = 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            o->is_json = 1;
        } else if (strcmp(argv[i], "--cpu-ms") == 0) {
            o->limits.cpu_ms = atoll(argv[++i]);
        } else if (strcmp(argv[i], "--memory-mb") == 0) {
            o->limits.memory_bytes = atoll(argv[++i]) << 20;
        } else if (strcmp(argv[i], "-p") == 0 && strchr(next, '=') != NULL) {
            char *equals = strchr(argv[++i], '=');
            *equals = '\0';
            o->parameter[o->parameter_count++] =
                (struct script_parameter){argv[i], equals + 1};
        } else {
            o->file = argv[i];
        }
    }
}

static void print_jobs(const Perigee__Evaluation *evaluation, struct buf *out)
{
    Perigee__JobList list = PERIGEE__JOB_LIST__INIT;
    list.n_job = evaluation->n_jobs;
    list.job = evaluation->jobs;
    codec_encode_pretty(&list.base, out);
    buf_add_char(out, '\n');
}

/* Encode, decode, encode again: equal, and in both forms. */
static int trip(const ProtobufCMessage *from, enum media_type media)
{
    struct arena arena;
    struct buf one = {0}, two = {0};
    struct err err = {0};
    ProtobufCMessage *back;
    arena_init(&arena);
    codec_encode(from, media, &one);
    int rc = codec_decode(from->descriptor, "Job", media, buf_bytes(&one),
                          &arena, &back, &err);
    if (rc == 0)
        codec_encode(back, media, &two);
    int is_same = rc == 0 && bytes_equal(buf_bytes(&one), buf_bytes(&two));
    if (is_same && media == MEDIA_JSON) {
        buf_clear(&one);
        buf_clear(&two);
        codec_encode(from, MEDIA_PROTOBUF, &one);
        codec_encode(back, MEDIA_PROTOBUF, &two);
        is_same = bytes_equal(buf_bytes(&one), buf_bytes(&two));
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    buf_release(&one);
    buf_release(&two);
    arena_release(&arena);
    return is_same;
}

static int trip_all(const Perigee__Evaluation *e, struct buf *out)
{
    struct buf whole = {0};
    char hash[SHA256_TEXT_MAX];
    for (size_t i = 0; i < e->n_jobs; i++)
        if (!trip(&e->jobs[i]->base, MEDIA_PROTOBUF) ||
            !trip(&e->jobs[i]->base, MEDIA_JSON)) {
            buf_addf(out, "job '%s' came back as another\n", e->jobs[i]->name);
            return 4;
        }
    codec_encode(&e->base, MEDIA_PROTOBUF, &whole);
    buf_addf(out, "same: %zu jobs, bundle %s, all %s\n", e->n_jobs,
             e->bundle_hash, sha256_text(buf_bytes(&whole), hash));
    buf_release(&whole);
    return 0;
}

static void print_all(void *const *message, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        codec_encode_pretty(message[i], out);
        buf_add_char(out, '\n');
    }
}

static void print_groups(const Perigee__Evaluation *e, struct buf *out)
{
    print_all((void *const *)e->groups, e->n_groups, out);
    print_all((void *const *)e->quotas, e->n_quotas, out);
    print_all((void *const *)e->roles, e->n_roles, out);
    print_all((void *const *)e->users, e->n_users, out);
}

struct again {
    struct event_base *base;
    struct buf result;
};

static void on_done(void *context, uint64_t ticket, struct bytes result)
{
    struct again *again = context;
    (void)ticket;
    buf_add_bytes(&again->result, result);
    event_base_loopbreak(again->base);
}

/* The same bundle through a daemon's workers must give the same jobs. */
static int run_again(const Perigee__Evaluation *first,
                     const struct script_limits *limits)
{
    struct again again = {.base = event_base_new()};
    struct worker_pool *pool = NULL;
    struct err err = {0};
    struct bytes bundle = bytes_of(first->bundle.data, first->bundle.len);
    struct buf one = {0}, two = {0};
    if (worker_pool_open(&pool, again.base, limits, on_done, &again, &err) <
            0 ||
        worker_pool_evaluate(pool, 1, bundle, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 4;
    }
    event_base_dispatch(again.base);
    Perigee__Evaluation *second =
        perigee__evaluation__unpack(NULL, again.result.size, again.result.data);
    if (second == NULL)
        return 4;
    print_jobs(first, &one);
    print_jobs(second, &two);
    script_print_problems(second, false, &two);
    int is_same = strcmp(buf_text(&one), buf_text(&two)) == 0 &&
                  strcmp(first->bundle_hash, second->bundle_hash) == 0;
    printf("%s\n", is_same ? "same" : buf_text(&two));
    perigee__evaluation__free_unpacked(second, NULL);
    worker_pool_close(pool);
    event_base_free(again.base);
    buf_release(&one);
    buf_release(&two);
    buf_release(&again.result);
    return is_same ? 0 : 4;
}

/* One job, as CREATE_JOB takes it. */
static void check_json(struct bytes line)
{
    struct arena arena;
    struct err err = {0};
    ProtobufCMessage *message = NULL;
    arena_init(&arena);
    if (codec_decode(&perigee__job__descriptor, "job", MEDIA_JSON, line, &arena,
                     &message, &err) < 0 ||
        job_complete((Perigee__Job *)message, &arena, &err) < 0)
        printf("%s: %s\n", err.field, err.text);
    else
        puts("ok");
    arena_release(&arena);
}

static int check_lines(const char *path)
{
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 4;
    for (ssize_t size; (size = getline(&line, &capacity, file)) > 0;)
        check_json(bytes_of(line, (size_t)size));
    free(line);
    fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    int status = script_worker_main(argc, argv);
    if (status >= 0)
        return status;
    struct options o = {.limits = SCRIPT_LIMITS};
    struct err err = {0};
    struct buf text = {0};
    Perigee__Evaluation *evaluation = NULL;
    take(&o, argc, argv);
    if (o.is_json && o.file != NULL)
        return check_lines(o.file);
    if (o.file == NULL ||
        script_evaluate_file(o.file, o.root, o.parameter, o.parameter_count,
                             &o.limits, &evaluation, &err) < 0) {
        fprintf(stderr, "%s\n", o.file ? err.text : "usage: evaluate FILE");
        return 4;
    }
    status = evaluation->n_problems > 0 ? 3 : 0;
    if (status == 3)
        script_print_problems(evaluation, false, &text);
    else if (o.is_again)
        status = run_again(evaluation, &o.limits);
    else if (o.is_trip)
        status = trip_all(evaluation, &text);
    else if (o.is_groups)
        print_groups(evaluation, &text);
    else
        print_jobs(evaluation, &text);
    fputs(buf_text(&text), stdout);
    buf_release(&text);
    perigee__evaluation__free_unpacked(evaluation, NULL);
    return status;
}
