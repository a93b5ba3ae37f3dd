/* diff: a job file against what runs, by ranges of instances. */
#include "cli/api.h"
#include "cli/change.h"
#include "cli/command.h"
#include "cli/jobfile.h"
#include "cli/preview.h"

#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

/* Active instances and what each runs, sorted by instance. */
struct runs {
    VEC(struct run {
        uint32_t instance;
        const Perigee__Job *job;
    })
    list;
};

/* Instances that change alike. */
struct part {
    struct buf instances; /* "0-2,5" */
    const Perigee__Job *job;
    struct change_list changes;
};

struct diff {
    struct buf add, remove, keep;
    VEC(struct part) parts;
    struct change_list all;                  /* of the job as it is stored */
    const Perigee__Aurora__Preview *preview; /* NULL: unknown */
};

static const Perigee__Job *job_of(const Perigee__Aurora__Answer *answer,
                                  const Perigee__Aurora__TaskView *task)
{
    for (size_t i = 0; task->config_id != NULL && i < answer->n_configs; i++)
        if (strcmp(answer->configs[i]->config_id, task->config_id) == 0)
            return answer->configs[i]->job;
    return answer->jobs[0]->job;
}

static int by_instance(const void *a, const void *b)
{
    uint32_t x = ((const struct run *)a)->instance;
    uint32_t y = ((const struct run *)b)->instance;

    return x < y ? -1 : x > y;
}

static void find_runs(const Perigee__Aurora__Answer *answer, struct runs *out)
{
    for (size_t i = 0; i < answer->n_tasks; i++) {
        const Perigee__Aurora__TaskView *task = answer->tasks[i];
        if (!api_state_is_terminal(task->state))
            *vec_add(&out->list) =
                (struct run){task->instance, job_of(answer, task)};
    }
    if (out->list.count > 1)
        qsort(out->list.item, out->list.count, sizeof *out->list.item,
              by_instance);
}

/* Append an instance; runs of numbers become ranges when printed. */
static void put_range(struct buf *out, uint32_t first, uint32_t last)
{
    buf_addf(out, "%s%u", out->size ? "," : "", first);
    if (last > first)
        buf_addf(out, "-%u", last);
}

static struct buf *bucket(struct cli *cli, struct diff *diff,
                          const Perigee__Job *runs, const Perigee__Job *wanted)
{
    for (uint32_t i = 0; i < diff->parts.count; i++)
        if (diff->parts.item[i].job == runs)
            return diff->parts.item[i].changes.count
                       ? &diff->parts.item[i].instances
                       : &diff->keep;
    struct part *part = vec_add(&diff->parts);
    *part = (struct part){.job = runs};
    change_find(cli, runs, wanted, &part->changes);
    return part->changes.count ? &part->instances : &diff->keep;
}

/* Runs of neighbours with one fate are put down as one range. */
static void sort_out(struct cli *cli, const struct runs *runs,
                     const Perigee__Job *wanted, struct diff *diff)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < runs->list.count;) {
        const struct run *run = &runs->list.item[i];
        uint32_t first = run->instance, last = first;
        bool is_extra = first >= wanted->instances;
        if (first > next && next < wanted->instances)
            put_range(&diff->add, next,
                      first < wanted->instances ? first - 1
                                                : wanted->instances - 1);
        for (i++; i < runs->list.count; i++) {
            const struct run *more = &runs->list.item[i];
            if (more->instance > last + 1 || more->job != run->job ||
                (more->instance >= wanted->instances) != is_extra)
                break;
            last = more->instance;
        }
        put_range(is_extra ? &diff->remove
                           : bucket(cli, diff, run->job, wanted),
                  first, last);
        next = last + 1;
    }
    if (next < wanted->instances)
        put_range(&diff->add, next, wanted->instances - 1);
}

static void print_set(struct cli *cli, const char *set, const char *what,
                      enum cli_colour colour)
{
    bool is_one = strpbrk(set, "-,") == NULL;

    buf_addf(&cli->out, "  %sinstance%s %s %s%s\n", cli_colour(cli, colour),
             is_one ? "" : "s", set, what, cli_colour(cli, CLI_PLAIN));
}

static void print_diff(struct cli *cli, const struct job_key *key,
                       const struct diff *diff, bool exists)
{
    char text[JOB_KEY_TEXT_MAX];

    buf_addf(&cli->out, "%s%s%s%s\n", cli_colour(cli, CLI_BOLD),
             job_key_text(key, text), cli_colour(cli, CLI_PLAIN),
             exists ? "" : " does not exist");
    for (uint32_t i = 0; i < diff->parts.count; i++) {
        const struct part *part = &diff->parts.item[i];
        if (part->instances.size == 0)
            continue;
        print_set(cli, buf_text(&part->instances), "would be changed",
                  CLI_YELLOW);
        change_print(cli, &part->changes, 4);
    }
    if (diff->add.size > 0)
        print_set(cli, buf_text(&diff->add), "would be added", CLI_GREEN);
    if (diff->remove.size > 0)
        print_set(cli, buf_text(&diff->remove), "would be removed", CLI_RED);
    if (diff->keep.size > 0)
        print_set(cli, buf_text(&diff->keep), "would stay as they are",
                  CLI_DIM);
    if (diff->preview != NULL) {
        buf_add_text(&cli->out, "  an update\n");
        preview_print(cli, diff->preview, &diff->all, 4);
    }
}

static void diff_json(struct cli *cli, const struct job_key *key,
                      const struct diff *diff, bool exists, bool differs)
{
    struct json_writer w;
    char text[JOB_KEY_TEXT_MAX];

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "key", job_key_text(key, text));
    json_put_bool(&w, "exists", exists);
    json_put_bool(&w, "different", differs);
    json_put_string(&w, "add", buf_text(&diff->add));
    json_put_string(&w, "remove", buf_text(&diff->remove));
    json_put_string(&w, "keep", buf_text(&diff->keep));
    json_key(&w, "change");
    json_begin_array(&w);
    for (uint32_t i = 0; i < diff->parts.count; i++) {
        const struct part *part = &diff->parts.item[i];
        if (part->instances.size == 0)
            continue;
        json_begin_object(&w);
        json_put_string(&w, "instances", buf_text(&part->instances));
        json_key(&w, "fields");
        change_json(&w, &part->changes);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (diff->preview != NULL) {
        json_key(&w, "preview");
        json_begin_object(&w);
        preview_json(&w, diff->preview);
        json_end_object(&w);
    }
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

static void diff_release(struct diff *diff)
{
    for (uint32_t i = 0; i < diff->parts.count; i++) {
        buf_release(&diff->parts.item[i].instances);
        vec_free(&diff->parts.item[i].changes);
    }
    vec_free(&diff->parts);
    vec_free(&diff->all);
    buf_release(&diff->add);
    buf_release(&diff->remove);
    buf_release(&diff->keep);
}

/* The job as it runs, or NULL when there is none. */
static int ask_job(struct cli *cli, const struct job_key *key,
                   const Perigee__Aurora__Answer **out)
{
    Perigee__Aurora__Answer *answer;
    int rc = api_job_or_none(cli, key, &answer);

    *out = rc == 0 && answer != NULL && answer->n_jobs > 0 ? answer : NULL;
    return rc;
}

/* Instances come and go with its runs: what counts is what the next one is. */
static void print_cron(struct cli *cli, const struct job_key *key,
                       const struct diff *diff, bool scales)
{
    char text[JOB_KEY_TEXT_MAX];

    buf_addf(&cli->out, "%s%s%s\n", cli_colour(cli, CLI_BOLD),
             job_key_text(key, text), cli_colour(cli, CLI_PLAIN));
    if (diff->all.count == 0 && !scales) {
        buf_add_text(&cli->out, "  the schedule and its runs would stay\n");
        return;
    }
    buf_addf(&cli->out, "  %snext runs would be changed%s%s\n",
             cli_colour(cli, CLI_YELLOW), cli_colour(cli, CLI_PLAIN),
             scales ? ": another number of instances" : "");
    change_print(cli, &diff->all, 4);
}

static void cron_json(struct cli *cli, const struct job_key *key,
                      const struct diff *diff, bool differs)
{
    struct json_writer w;
    char text[JOB_KEY_TEXT_MAX];

    json_init(&w, &cli->out, 2);
    json_begin_object(&w);
    json_put_string(&w, "key", job_key_text(key, text));
    json_put_bool(&w, "exists", true);
    json_put_bool(&w, "different", differs);
    json_key(&w, "next_runs");
    change_json(&w, &diff->all);
    json_end_object(&w);
    buf_add_char(&cli->out, '\n');
}

static int show_cron(struct cli *cli, const struct job_key *key,
                     const Perigee__Aurora__JobView *view,
                     const Perigee__Job *wanted)
{
    bool scales = view->job->instances != wanted->instances;
    struct diff diff = {0};

    change_find(cli, view->job, wanted, &diff.all);
    bool differs = scales || diff.all.count > 0;
    if (cli->json)
        cron_json(cli, key, &diff, differs);
    else
        print_cron(cli, key, &diff, scales);
    diff_release(&diff);
    return differs ? EXIT_DIFFERENT : EXIT_OK;
}

static int show(struct cli *cli, const struct job_key *key,
                const Perigee__Job *wanted)
{
    const Perigee__Aurora__Answer *answer;
    struct runs runs = {0};
    struct diff diff = {0};
    int rc = ask_job(cli, key, &answer);

    if (rc != 0)
        return rc;
    if (answer != NULL && answer->jobs[0]->cron != NULL && wanted->cron != NULL)
        return show_cron(cli, key, answer->jobs[0], wanted);
    if (answer != NULL)
        find_runs(answer, &runs);
    sort_out(cli, &runs, wanted, &diff);
    bool differs = diff.add.size > 0 || diff.remove.size > 0;
    for (uint32_t i = 0; i < diff.parts.count; i++)
        differs |= diff.parts.item[i].changes.count > 0;
    if (differs && answer != NULL && answer->n_jobs > 0 && wanted->service) {
        change_find(cli, answer->jobs[0]->job, wanted, &diff.all);
        preview_ask(cli, key, wanted, &diff.preview);
    }
    if (cli->json)
        diff_json(cli, key, &diff, answer != NULL, differs);
    else
        print_diff(cli, key, &diff, answer != NULL);
    diff_release(&diff);
    vec_free(&runs.list);
    return differs ? EXIT_DIFFERENT : EXIT_OK;
}

int diff_run(struct cli *cli)
{
    Perigee__Evaluation *evaluation = NULL;
    const Perigee__Job *job;
    struct job_key key;
    const char *file;
    int rc;

    if ((rc = cli_key(cli, 0, &key, NULL)) != 0 ||
        (rc = jobfile_choose(cli, &key, 1, &file)) != 0 ||
        (rc = jobfile_evaluate(cli, file, &evaluation)) != 0)
        return rc;
    if ((rc = jobfile_find(cli, file, evaluation, &key, &job)) == 0)
        rc = show(cli, &key, job);
    jobfile_free(evaluation);
    return rc;
}
