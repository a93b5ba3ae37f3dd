#include "aurora/core/victims.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <string.h>

static enum standing standing_of(const struct task *task)
{
    if (!task->host || !task_machine_is_assigned(task->state))
        return STANDING_NOWHERE;
    if (task->state >= TASK_PREEMPTING && task->state <= TASK_KILLING)
        return STANDING_LEAVING;
    if (task->config->is_preemptible && task->state != TASK_PARTITIONED)
        return STANDING_PREEMPTIBLE;
    return STANDING_SPARED;
}

/* --- the table --- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void block_renew(struct victim_table *table, uint32_t block)
{
    struct victim_block *b = &table->blocks.item[block];
    uint32_t end = (block + 1) * VICTIM_BLOCK;

    *b = (struct victim_block){-1, -1, false};
    for (uint32_t i = block * VICTIM_BLOCK; i < end && i < table->count; i++) {
        b->cpus = larger(b->cpus, table->item[i].cpus);
        b->mem = larger(b->mem, table->item[i].mem);
    }
}

static void entry_set(struct victim_table *table, uint32_t at,
                      struct host *host)
{
    struct victim_block *block = &table->blocks.item[at / VICTIM_BLOCK];
    struct victim_entry *entry = &table->item[at];

    block->is_stale = true;
    *entry = (struct victim_entry){host,
                                   host->total.cpus - host->victims.spared.cpus,
                                   host->total.mem - host->victims.spared.mem};
    block->cpus = larger(block->cpus, entry->cpus);
    block->mem = larger(block->mem, entry->mem);
    host->victims.entry = at + 1;
}

static void entry_add(struct victim_table *table, struct host *host)
{
    if (table->count % VICTIM_BLOCK == 0 &&
        table->count / VICTIM_BLOCK == table->blocks.count)
        *vec_add(&table->blocks) = (struct victim_block){-1, -1, false};
    (void)vec_add(table);
    entry_set(table, table->count - 1, host);
}

static void entry_remove(struct victim_table *table, struct host *host)
{
    uint32_t at = host->victims.entry - 1, last = table->count - 1;

    if (at != last)
        entry_set(table, at, table->item[last].host);
    table->blocks.item[last / VICTIM_BLOCK].is_stale = true;
    table->count--;
    host->victims.entry = 0;
}

static void entry_update(struct victim_table *table, struct host *host)
{
    if (host->victims.preemptible == 0) {
        if (host->victims.entry)
            entry_remove(table, host);
    } else if (host->victims.entry) {
        entry_set(table, host->victims.entry - 1, host);
    } else {
        entry_add(table, host);
    }
}

struct host *victims_next(struct victim_table *table,
                          const struct amounts *need, uint32_t *at,
                          uint32_t *looked_at)
{
    while (*at < table->count) {
        uint32_t block = *at / VICTIM_BLOCK;
        uint32_t end = (block + 1) * VICTIM_BLOCK;
        if (table->blocks.item[block].is_stale && *at % VICTIM_BLOCK == 0)
            block_renew(table, block);
        const struct victim_block *b = &table->blocks.item[block];
        ++*looked_at;
        if (b->cpus < need->cpus || b->mem < need->mem) {
            *at = end;
            continue;
        }
        for (; *at < end && *at < table->count; ++*at) {
            const struct victim_entry *entry = &table->item[*at];
            if (entry->cpus < need->cpus || entry->mem < need->mem)
                continue;
            ++*at;
            return entry->host;
        }
    }
    return NULL;
}

void victims_release(struct victim_table *table)
{
    vec_free(&table->blocks);
    vec_free(table);
}

/* --- tasks --- */

static void count(struct amounts *sum, const struct task *task, int sign)
{
    const struct amounts *need = &task->config->need;

    sum->cpus += sign * need->cpus;
    sum->mem += sign * need->mem;
    sum->disk += sign * need->disk;
    sum->gpus += sign * need->gpus;
}

static void count_in(struct host_victims *v, const struct task *task, int sign)
{
    switch ((enum standing)task->standing) {
    case STANDING_SPARED:
        count(&v->spared, task, sign);
        break;
    case STANDING_PREEMPTIBLE:
        v->preemptible += (uint32_t)sign;
        break;
    case STANDING_LEAVING:
        count(&v->leaving, task, sign);
        v->leaving_ports += (uint32_t)(sign * (int)task->config->port_count);
        break;
    case STANDING_NOWHERE:
        break;
    }
}

void victims_note(struct aurora *a, struct task *task)
{
    enum standing standing = standing_of(task);
    struct host *host = task->host;

    if (standing == (enum standing)task->standing)
        return;
    count_in(&host->victims, task, -1);
    task->standing = (uint8_t)standing;
    count_in(&host->victims, task, 1);
    entry_update(&a->victims, host);
}

void victims_note_total(struct aurora *a, struct host *host)
{
    entry_update(&a->victims, host);
}

/* --- invariants --- */

static void check_host(const struct aurora *a, const struct host *host)
{
    struct host_victims sum = {0};
    uint32_t tasks = 0;

    for (const struct task *t = host->first_task; t; t = t->host_next) {
        assert(t->host == host && (enum standing)t->standing == standing_of(t));
        count_in(&sum, t, 1);
        tasks++;
    }
    assert(tasks == host->tasks);
    assert(memcmp(&sum.spared, &host->victims.spared, sizeof sum.spared) == 0);
    assert(memcmp(&sum.leaving, &host->victims.leaving, sizeof sum.leaving) ==
           0);
    assert(sum.preemptible == host->victims.preemptible);
    assert(sum.leaving_ports == host->victims.leaving_ports);
    assert((sum.preemptible > 0) == (host->victims.entry > 0));
    if (host->victims.entry == 0)
        return;
    const struct victim_entry *entry =
        &a->victims.item[host->victims.entry - 1];
    const struct victim_block *block =
        &a->victims.blocks.item[(host->victims.entry - 1) / VICTIM_BLOCK];
    assert(entry->host == host && entry->cpus <= block->cpus &&
           entry->mem <= block->mem);
    assert(entry->cpus == host->total.cpus - sum.spared.cpus);
    assert(entry->mem == host->total.mem - sum.spared.mem);
}

void victims_check(const struct aurora *a)
{
    uint32_t entries = 0;

    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        check_host(a, a->hosts.in_order.item[i]);
        entries += a->hosts.in_order.item[i]->victims.entry > 0;
    }
    assert(entries == a->victims.count);
}
