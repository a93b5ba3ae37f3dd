/* Restarts and kills in batches: their record, and how the API shows them. */
#include "aurora/state.h"

#include "perigee/aurora_store.pb-c.h"

typedef Perigee__Aurora__JobRecord__Rolling Record;
typedef Perigee__Aurora__JobRecord__Restart OldRecord;
typedef Perigee__Aurora__RollingView RollingView;

/* --- writing --- */

/* Pairs first, last of the parts in a phase. */
static uint32_t *ranges_of(const struct rolling *r, enum part_phase phase,
                           size_t *count, struct arena *arena)
{
    uint32_t *out = arena_alloc(arena, 2 * (r->part_count + 1) * sizeof *out);
    size_t n = 0;

    for (uint32_t i = 0; i < r->part_count; i++) {
        uint32_t instance = r->part[i].instance;
        if (r->part[i].phase != phase)
            continue;
        if (n > 0 && out[n - 1] + 1 == instance) {
            out[n - 1] = instance;
            continue;
        }
        out[n++] = instance;
        out[n++] = instance;
    }
    *count = n;
    return out;
}

static uint32_t *failing_of(const struct rolling *r, size_t *count,
                            struct arena *arena)
{
    uint32_t *out = arena_alloc(arena, 2 * (r->part_count + 1) * sizeof *out);
    size_t n = 0;

    for (uint32_t i = 0; i < r->part_count; i++)
        if (r->part[i].phase == PART_WORKING && r->part[i].failures > 0) {
            out[n++] = r->part[i].instance;
            out[n++] = r->part[i].failures;
        }
    *count = n;
    return out;
}

static void fill_settings(const struct rolling_settings *s, Record *out)
{
    out->has_batch_size = out->has_watch_ms = true;
    out->batch_size = s->batch_size;
    out->watch_ms = (uint64_t)s->watch_ms;
    out->has_instance_failures_max =
        s->instance_failures_max != ROLLING_FAILURES_ANY;
    out->instance_failures_max = s->instance_failures_max;
    out->has_failures_max = s->failures_max != ROLLING_FAILURES_ANY;
    out->failures_max = s->failures_max;
}

Record *rolling_record(const struct rolling *r, struct arena *arena)
{
    Record *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__job_record__rolling__init(out);
    out->has_kind = out->has_state = out->has_number = true;
    out->has_began_ms = out->has_ended_ms = out->has_whole = true;
    out->kind = (Perigee__Aurora__RollingView__Kind)r->kind;
    out->state = (Perigee__Aurora__RollingView__State)r->state;
    out->number = r->number;
    out->began_ms = (uint64_t)r->began_ms;
    out->ended_ms = (uint64_t)r->ended_ms;
    out->whole = r->is_whole;
    fill_settings(&r->settings, out);
    out->message = view_text(r->message, arena);
    out->note = view_text(r->note, arena);
    out->waiting = ranges_of(r, PART_WAITING, &out->n_waiting, arena);
    out->working = ranges_of(r, PART_WORKING, &out->n_working, arena);
    out->failing = failing_of(r, &out->n_failing, arena);
    out->failed = r->failed.item;
    out->n_failed = r->failed.count;
    out->has_done = out->has_batch_failed = out->has_batches_failed = true;
    out->done = r->count[PART_DONE];
    out->batch_failed = r->batch_failed;
    out->batches_failed = r->batches_failed;
    out->has_left = out->has_unwatched = r->state != ROLLING_UNDER_WAY;
    out->left = r->count[PART_WAITING];
    out->unwatched = r->count[PART_WORKING];
    return out;
}

/* --- reading --- */

/* Ranges that ascend, do not meet, and are small enough. */
static bool is_sound(const uint32_t *range, size_t count)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        if (range[i] > range[i + 1] || range[i + 1] > INSTANCES_MAX ||
            (i > 0 && range[i] <= range[i - 1]))
            return false;
    return count % 2 == 0;
}

/* Those under way come before those that wait. */
static bool add_parts(struct rolling *r, const uint32_t *range, size_t count,
                      enum part_phase phase)
{
    uint32_t n = r->part_count;

    if (!is_sound(range, count) ||
        (n > 0 && count > 0 && range[0] <= r->part[n - 1].instance))
        return false;
    for (size_t i = 0; i + 1 < count; i += 2)
        for (uint32_t k = range[i]; k <= range[i + 1]; k++)
            (void)rolling_add(r, k, phase);
    if (phase == PART_WORKING)
        r->next = r->part_count;
    return true;
}

static void take_settings(const Record *record, struct rolling_settings *out)
{
    *out = (struct rolling_settings){
        .batch_size = record->batch_size > 0 ? record->batch_size : 1,
        .instance_failures_max = record->has_instance_failures_max
                                     ? record->instance_failures_max
                                     : ROLLING_FAILURES_ANY,
        .failures_max = record->has_failures_max ? record->failures_max
                                                 : ROLLING_FAILURES_ANY,
        .watch_ms = (int64_t)record->watch_ms};
}

static bool take_parts(struct rolling *r, const Record *record)
{
    if (!add_parts(r, record->working, record->n_working, PART_WORKING) ||
        !add_parts(r, record->waiting, record->n_waiting, PART_WAITING))
        return false;
    for (size_t i = 0; i + 1 < record->n_failing; i += 2) {
        struct part *part = rolling_part(r, record->failing[i]);
        if (part)
            part->failures = record->failing[i + 1];
    }
    if (r->state != ROLLING_UNDER_WAY) {
        r->count[PART_WAITING] = record->left;
        r->count[PART_WORKING] = record->unwatched;
    }
    return (r->state == ROLLING_UNDER_WAY) == (r->part_count > 0);
}

struct rolling *rolling_restore(const Record *record)
{
    struct rolling *r;

    if (record->kind < PERIGEE__AURORA__ROLLING_VIEW__KIND__RESTART ||
        record->kind > PERIGEE__AURORA__ROLLING_VIEW__KIND__KILL ||
        record->state < PERIGEE__AURORA__ROLLING_VIEW__STATE__UNDER_WAY ||
        record->state > PERIGEE__AURORA__ROLLING_VIEW__STATE__CANCELLED)
        return NULL;
    r = rolling_new((enum rolling_kind)record->kind);
    r->state = (enum rolling_state)record->state;
    r->number = record->number;
    r->began_ms = (int64_t)record->began_ms;
    r->ended_ms = (int64_t)record->ended_ms;
    r->is_whole = record->whole;
    take_settings(record, &r->settings);
    if (record->message)
        r->message = blob_new(bytes_of_text(record->message));
    if (record->note)
        r->note = blob_new(bytes_of_text(record->note));
    r->batch_failed = record->batch_failed;
    r->batches_failed = record->batches_failed;
    r->count[PART_DONE] = record->done;
    r->count[PART_FAILED] = (uint32_t)record->n_failed;
    for (size_t i = 0; i < record->n_failed; i++)
        *vec_add(&r->failed) = record->failed[i];
    if (take_parts(r, record))
        return r;
    rolling_free(r);
    return NULL;
}

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

static void add_sorted(struct rolling *r, uint32_t *item, size_t count,
                       enum part_phase phase)
{
    qsort(item, count, sizeof *item, by_number);
    for (size_t i = 0; i < count; i++)
        if (r->part_count == 0 || item[i] > r->part[r->part_count - 1].instance)
            (void)rolling_add(r, item[i], phase);
    if (phase == PART_WORKING)
        r->next = r->part_count;
}

/* Its instances stood in the order of their age: those that are not behind the
 * ones under way are left as they are. */
struct rolling *rolling_restore_old(const OldRecord *record)
{
    struct rolling *r = rolling_new(ROLLING_RESTART);

    r->settings = (struct rolling_settings){
        .batch_size = record->batch_size > 0 ? record->batch_size : 1,
        .instance_failures_max = ROLLING_FAILURES_ANY,
        .failures_max = ROLLING_FAILURES_ANY};
    if (record->message)
        r->message = blob_new(bytes_of_text(record->message));
    add_sorted(r, record->under_way, record->n_under_way, PART_WORKING);
    add_sorted(r, record->left, record->n_left, PART_WAITING);
    if (r->part_count > 0)
        return r;
    rolling_free(r);
    return NULL;
}

/* --- showing --- */

static int32_t limit_of(uint32_t max)
{
    return max > INT32_MAX ? -1 : (int32_t)max;
}

static RollingView *view_counts(uint64_t number, enum rolling_kind kind,
                                enum rolling_state state, const uint32_t *count,
                                struct arena *arena)
{
    RollingView *out = arena_alloc(arena, sizeof *out);

    perigee__aurora__rolling_view__init(out);
    out->has_number = out->has_kind = out->has_state = true;
    out->number = number;
    out->kind = (Perigee__Aurora__RollingView__Kind)kind;
    out->state = (Perigee__Aurora__RollingView__State)state;
    out->has_waiting = out->has_working = out->has_done = true;
    out->has_failed = true;
    out->waiting = count[PART_WAITING];
    out->working = count[PART_WORKING];
    out->done = count[PART_DONE];
    out->failed = count[PART_FAILED];
    return out;
}

RollingView *view_rolling(const struct rolling *r, struct arena *arena)
{
    RollingView *out =
        view_counts(r->number, r->kind, r->state, r->count, arena);

    out->has_began_ms = out->has_batch_size = out->has_watch_secs = true;
    out->has_max_instance_failures = out->has_max_total_failures = true;
    out->began_ms = (uint64_t)r->began_ms;
    out->has_ended_ms = r->state != ROLLING_UNDER_WAY;
    out->ended_ms = (uint64_t)r->ended_ms;
    out->batch_size = r->settings.batch_size;
    out->watch_secs = (uint32_t)(r->settings.watch_ms / 1000);
    out->max_instance_failures = limit_of(r->settings.instance_failures_max);
    out->max_total_failures = limit_of(r->settings.failures_max);
    out->message = view_text(r->message, arena);
    out->note = view_text(r->note, arena);
    out->n_failed_instances = r->failed.count;
    out->failed_instances = r->failed.item;
    return out;
}

RollingView *view_rolling_event(const struct event *event, struct arena *arena)
{
    RollingView *out = view_counts(event->rolling_number, event->rolling_kind,
                                   event->rolling_state, event->slots, arena);

    out->note = view_text(event->message, arena);
    if (event->part_phase == 0)
        return out;
    out->has_instance = out->has_phase = true;
    out->instance = event->instance;
    out->phase = (Perigee__Aurora__RollingView__Phase)event->part_phase;
    return out;
}
