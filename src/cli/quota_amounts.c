#include "cli/quota.h"

#include "base/text.h"

#include <string.h>

typedef Perigee__QuotaAmounts Amounts;

static const int64_t MIB = 1024 * 1024;
static const int64_t MOST = 1000000000;

static int refuse(struct cli *cli, const char *name, const char *text,
                  const char *want)
{
    return cli_refuse(cli, EXIT_BAD_PARAMETER, NULL, "%s '%s': want %s", name,
                      text, want);
}

/* A plain number is MB, as Aurora has it. */
static int take_size(struct cli *cli, const char *name, const char *text,
                     protobuf_c_boolean *has, uint64_t *out)
{
    int64_t value;

    if (text_int(text, 0, MOST, &value, NULL) == 0)
        value *= MIB;
    else if (text_size_bytes(text, &value, NULL) < 0 || value > MOST * MIB)
        return refuse(cli, name, text, "512MB, 20GB, 2TB, or plain MB");
    *has = true;
    *out = (uint64_t)(value / MIB * MIB);
    return 0;
}

static int take_count(struct cli *cli, const char *name, const char *text,
                      protobuf_c_boolean *has, uint64_t *out)
{
    int64_t value;

    if (text_int(text, 0, MOST, &value, NULL) < 0)
        return refuse(cli, name, text, "a whole number, 0 or more");
    *has = true;
    *out = (uint64_t)value;
    return 0;
}

static int take_cores(struct cli *cli, const char *text, Amounts *out)
{
    int64_t milli;

    if (text_milli(text, &milli, NULL) < 0 || milli < 0 || milli > MOST * 1000)
        return refuse(cli, "cpu", text, "cores, such as 10 or 2.5");
    out->has_cpu_milli = true;
    out->cpu_milli = (uint64_t)milli;
    return 0;
}

int quota_take_amount(struct cli *cli, const char *name, const char *text,
                      Amounts *out)
{
    if (strcmp(name, "cpu") == 0)
        return take_cores(cli, text, out);
    if (strcmp(name, "ram") == 0)
        return take_size(cli, name, text, &out->has_ram_bytes, &out->ram_bytes);
    if (strcmp(name, "disk") == 0)
        return take_size(cli, name, text, &out->has_disk_bytes,
                         &out->disk_bytes);
    if (strcmp(name, "gpus") == 0)
        return take_count(cli, name, text, &out->has_gpus, &out->gpus);
    if (strcmp(name, "ports") == 0)
        return take_count(cli, name, text, &out->has_ports, &out->ports);
    if (strcmp(name, "tasks") == 0)
        return take_count(cli, name, text, &out->has_tasks, &out->tasks);
    return cli_refuse(cli, EXIT_BAD_PARAMETER,
                      "of all work, whatever its tier: all.cpu=8, ...",
                      "'%s': want cpu, ram, disk, gpus, ports or tasks", name);
}

static void add_size(struct buf *out, uint64_t bytes)
{
    uint64_t mib = bytes / (uint64_t)MIB;

    if (mib >= 1024 && mib % 1024 == 0)
        buf_addf(out, "%lluGB", (unsigned long long)(mib / 1024));
    else
        buf_addf(out, "%lluMB", (unsigned long long)mib);
}

bool quota_amount(const Amounts *amounts, enum quota_column column,
                  struct buf *out)
{
    static const Amounts none = PERIGEE__QUOTA_AMOUNTS__INIT;
    const Amounts *a = amounts ? amounts : &none;
    uint64_t value[] = {a->cpu_milli, a->ram_bytes, a->disk_bytes,
                        a->gpus,      a->ports,     a->tasks};
    bool is_set[] = {a->has_cpu_milli, a->has_ram_bytes, a->has_disk_bytes,
                     a->has_gpus,      a->has_ports,     a->has_tasks};
    char text[32];

    if (!is_set[column])
        buf_add_char(out, '-');
    else if (column == QUOTA_COLUMN_CPU)
        buf_add_text(
            out, text_from_milli((int64_t)value[column], text, sizeof text));
    else if (column == QUOTA_COLUMN_RAM || column == QUOTA_COLUMN_DISK)
        add_size(out, value[column]);
    else
        buf_addf(out, "%llu", (unsigned long long)value[column]);
    return is_set[column];
}

const char *quota_column_name(enum quota_column column)
{
    static const char *const name[] = {"cpu",  "ram",   "disk",
                                       "gpus", "ports", "tasks"};

    return name[column];
}
