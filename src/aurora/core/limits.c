#include "aurora/core/limits.h"
#include "aurora/core/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TALLY_MIN = 8 };

/* --- tallies --- */

static uint32_t home_of(const struct tally *tally, uint64_t value)
{
    return (uint32_t)(value * UINT64_C(0x9E3779B97F4A7C15) >> 32) &
           (tally->capacity - 1);
}

static struct tally_entry *find(const struct tally *tally, uint64_t value)
{
    uint32_t at = home_of(tally, value);

    while (tally->entry[at].value != 0 && tally->entry[at].value != value)
        at = (at + 1) & (tally->capacity - 1);
    return &tally->entry[at];
}

uint32_t tally_of(const struct tally *tally, uint64_t value)
{
    return tally->capacity > 0 ? find(tally, value)->tasks : 0;
}

static void grow(struct tally *tally)
{
    struct tally bigger = {.count = tally->count};

    bigger.capacity = tally->capacity ? tally->capacity * 2 : TALLY_MIN;
    bigger.entry = xcalloc(bigger.capacity, sizeof *bigger.entry);
    for (uint32_t i = 0; i < tally->capacity; i++)
        if (tally->entry[i].value != 0)
            *find(&bigger, tally->entry[i].value) = tally->entry[i];
    free(tally->entry);
    *tally = bigger;
}

void tally_add(struct tally *tally, uint64_t value)
{
    assert(value != 0);
    if (tally->count * 2 >= tally->capacity)
        grow(tally);
    struct tally_entry *entry = find(tally, value);
    if (entry->value == 0) {
        entry->value = value;
        tally->count++;
    }
    entry->tasks++;
}

/* Close the gap: what stands behind it and would be looked for before it moves
 * up. */
static void forget(struct tally *tally, uint32_t gap)
{
    uint32_t mask = tally->capacity - 1, at = gap;

    for (;;) {
        at = (at + 1) & mask;
        if (tally->entry[at].value == 0)
            break;
        uint32_t home = home_of(tally, tally->entry[at].value);
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        tally->entry[gap] = tally->entry[at];
        gap = at;
    }
    tally->entry[gap] = (struct tally_entry){0};
    tally->count--;
}

void tally_remove(struct tally *tally, uint64_t value)
{
    struct tally_entry *entry = find(tally, value);

    assert(entry->tasks > 0);
    if (--entry->tasks == 0)
        forget(tally, (uint32_t)(entry - tally->entry));
}

void tally_release(struct tally *tally)
{
    free(tally->entry);
    *tally = (struct tally){0};
}

/* --- counts --- */

static struct limit_count *count_by(const struct limit_counts *counts,
                                    const char *attribute)
{
    for (uint32_t i = 0; i < counts->count; i++)
        if (strcmp(counts->item[i].attribute, attribute) == 0)
            return &counts->item[i];
    return NULL;
}

static uint64_t value_on(const struct limit_count *count,
                         const struct host *host)
{
    if (count->is_host)
        return host->name;
    return count->name ? host_class_value(host->class, count->name) : 0;
}

void limit_counts_release(struct limit_counts *counts)
{
    for (uint32_t i = 0; i < counts->count; i++) {
        free(counts->item[i].attribute);
        tally_release(&counts->item[i].tally);
    }
    vec_free(counts);
    *counts = (struct limit_counts){0};
}

static void add_attributes(struct limit_counts *counts,
                           const struct job_config *config,
                           const struct hosts *hosts)
{
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        const struct constraint *c = &config->constraint[i];
        if (!constraint_counts(c->kind) || count_by(counts, c->attribute))
            continue;
        *vec_add(counts) = (struct limit_count){
            .attribute = xstrdup(c->attribute),
            .is_host = strcmp(c->attribute, "host") == 0,
            .name = host_name_find(&hosts->classes, c->attribute),
        };
    }
}

/* A new host may be the first that has an attribute, too. */
static bool is_sound(const struct limit_counts *counts,
                     const struct job_config *config, const struct hosts *hosts)
{
    if (counts->renamed != hosts->renamed)
        return false;
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        const struct constraint *c = &config->constraint[i];
        if (!constraint_counts(c->kind))
            continue;
        const struct limit_count *count = count_by(counts, c->attribute);
        if (!count ||
            (!count->is_host &&
             count->name != host_name_find(&hosts->classes, c->attribute)))
            return false;
    }
    return true;
}

static void count_anew(struct limit_counts *counts, const struct job *job,
                       const struct job_config *config,
                       const struct hosts *hosts)
{
    limit_counts_release(counts);
    counts->renamed = hosts->renamed;
    add_attributes(counts, config, hosts);
    for (const struct task *t = job ? job->active.first : NULL; t; t = t->next)
        if (t->host)
            limit_counts_add(counts, hosts, t->host);
}

void limit_counts_prepare(struct limit_counts *counts, const struct job *job,
                          const struct job_config *config,
                          const struct hosts *hosts)
{
    if (!config->is_limited || (strcmp(counts->sound_for, config->id) == 0 &&
                                counts->renamed == hosts->renamed &&
                                counts->sound_at == hosts->classes.next_number))
        return;
    if (!is_sound(counts, config, hosts))
        count_anew(counts, job, config, hosts);
    memcpy(counts->sound_for, config->id, sizeof counts->sound_for);
    counts->sound_at = hosts->classes.next_number;
}

void limit_counts_add(struct limit_counts *counts, const struct hosts *hosts,
                      const struct host *host)
{
    if (counts->renamed != hosts->renamed)
        return; /* of no use any more; counted anew when next wanted */
    for (uint32_t i = 0; i < counts->count; i++) {
        uint64_t value = value_on(&counts->item[i], host);
        counts->item[i].is_known = false;
        if (value != 0)
            tally_add(&counts->item[i].tally, value);
    }
}

void limit_counts_remove(struct limit_counts *counts, const struct hosts *hosts,
                         const struct host *host)
{
    if (counts->renamed != hosts->renamed)
        return;
    for (uint32_t i = 0; i < counts->count; i++) {
        uint64_t value = value_on(&counts->item[i], host);
        counts->item[i].is_known = false;
        if (value != 0)
            tally_remove(&counts->item[i].tally, value);
    }
}

/* --- what they allow --- */

static void look_at_all(struct limit_count *count)
{
    const struct tally *tally = &count->tally;
    uint32_t most = 0;

    count->is_known = true;
    count->fewest = UINT32_MAX;
    count->fullest = 0;
    for (uint32_t i = 0; i < tally->capacity; i++) {
        const struct tally_entry *e = &tally->entry[i];
        if (e->value == 0)
            continue;
        if (e->tasks < count->fewest)
            count->fewest = e->tasks;
        if (e->tasks > most ||
            (e->tasks == most && e->value < count->fullest)) {
            most = e->tasks;
            count->fullest = e->value;
        }
    }
}

/* New values first, until there are `limit` of them; then where there are
 * fewest. */
static bool group_allows(const struct constraint *c,
                         const struct limit_count *count, uint32_t tasks)
{
    return tasks == 0 ||
           (count->tally.count >= c->limit && tasks == count->fewest);
}

bool limit_allows(struct limit_counts *counts, const struct constraint *c,
                  const struct host *host)
{
    struct limit_count *count = count_by(counts, c->attribute);
    uint64_t value = count ? value_on(count, host) : 0;

    if (value == 0)
        return false; /* the host must have the attribute */
    if (!count->is_known &&
        (c->kind == CONSTRAINT_CLUSTER || c->kind == CONSTRAINT_GROUP_BY))
        look_at_all(count);
    /* All on the one value given, or on the one that the others have. */
    if (c->kind == CONSTRAINT_CLUSTER && c->value_count > 0)
        return strcmp(c->value[0], host_value(host, c->attribute)) == 0;
    if (c->kind == CONSTRAINT_CLUSTER)
        return count->fullest == 0 || count->fullest == value;
    uint32_t tasks = tally_of(&count->tally, value);
    if (c->kind == CONSTRAINT_GROUP_BY)
        return group_allows(c, count, tasks);
    return tasks < c->limit;
}

void limit_counts_check(const struct limit_counts *counts,
                        const struct job *job, const struct hosts *hosts)
{
    if (counts->renamed != hosts->renamed)
        return;
    for (uint32_t i = 0; i < counts->count; i++) {
        const struct limit_count *count = &counts->item[i];
        uint64_t tasks = 0, counted = 0;
        for (const struct task *t = job->active.first; t; t = t->next)
            tasks += t->host && value_on(count, t->host) != 0;
        for (uint32_t n = 0; n < count->tally.capacity; n++)
            counted += count->tally.entry[n].tasks;
        assert(tasks == counted);
    }
}
