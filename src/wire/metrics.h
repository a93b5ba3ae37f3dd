/* Metrics as a program reports them: written once into a list, printed in two
 * forms: Prometheus text (/metrics) and Mesos' flat JSON (/metrics/snapshot).
 * Names are <daemon>_<noun>_<unit>[_total]; `mesos_name` is the name Mesos'
 * monitoring tools know ("master/uptime_secs"), or NULL. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include <stdint.h>

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER };

struct metrics {
    struct arena arena;
    struct metric *item;
    uint32_t count, capacity;
};

void metrics_init(struct metrics *m);
void metrics_release(struct metrics *m);
/* One sample. Samples of one name must follow each other; `labels` is NULL or
 * `state="RUNNING",role="www"` already escaped by metric_label(). */
void metrics_add(struct metrics *m, enum metric_kind kind, const char *name,
                 const char *mesos_name, const char *help, const char *labels,
                 double value);
/* `name="value"` with the value escaped, into the arena. */
const char *metric_label(struct metrics *m, const char *name,
                         const char *value);
void metrics_print_text(const struct metrics *m, struct buf *out);
void metrics_print_snapshot(const struct metrics *m, struct buf *out);
