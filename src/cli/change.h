/* What differs between two versions of a job: what runs, and what the file
 * says. Instances are not a field here: how many there are is changed by
 * scaling. The bundle's hash counts only where functions of the bundle are
 * part of the job: a comment in the file changes nothing that runs. */
#pragma once
#include "cli/cli.h"
#include "perigee/job.pb-c.h"
#include "wire/json.h"

struct change {
    const char *path;           /* "task.processes[web].cmdline" */
    const char *before, *after; /* NULL: not set there */
};

struct change_list {
    struct change *item; /* texts are the arena's */
    uint32_t count, capacity;
};

/* Append the differences; free with vec_free. */
void change_find(struct cli *cli, const Perigee__Job *before,
                 const Perigee__Job *after, struct change_list *out);
/* "- old" and "+ new" lines under the path, indented by `indent`. */
void change_print(struct cli *cli, const struct change_list *list, int indent);
void change_json(struct json_writer *w, const struct change_list *list);
