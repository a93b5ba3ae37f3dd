#include "aurora/core/tier.h"
#include "base/job_key.h"

#include <stdio.h>
#include <string.h>

static const struct tier ALWAYS[] = {
    {.name = "preferred"},
    {.name = "preemptible", .is_preemptible = true},
    {.name = "revocable", .is_preemptible = true, .is_revocable = true},
};
enum { ALWAYS_COUNT = sizeof ALWAYS / sizeof *ALWAYS };

const struct tier *tiers_find(const struct tiers *tiers, const char *name)
{
    for (uint32_t i = 0; i < tiers->count; i++)
        if (strcmp(tiers->item[i].name, name) == 0)
            return &tiers->item[i];
    return NULL;
}

void tiers_list(const struct tiers *tiers, struct buf *out)
{
    for (uint32_t i = 0; i < tiers->count; i++)
        buf_addf(out, "%s%s", i > 0 ? ", " : "", tiers->item[i].name);
}

/* --- the operator's --- */

/* Part of the text, up to one of some characters. */
struct part {
    const char *text;
    size_t size;
};

static struct part part_take(const char **at, const char *ends)
{
    struct part part = {*at, strcspn(*at, ends)};

    *at += part.size;
    return part;
}

static bool part_is(struct part part, const char *text)
{
    return strlen(text) == part.size &&
           strncmp(part.text, text, part.size) == 0;
}

static int parse_flag(struct part name, struct part value, struct tier *tier,
                      struct err *err)
{
    bool *flag = NULL;

    if (part_is(name, "preemptible"))
        flag = &tier->is_preemptible;
    if (part_is(name, "revocable"))
        flag = &tier->is_revocable;
    if (!flag)
        return err_set(err, ERR_INVALID,
                       "tier '%s': unknown '%.*s': want preemptible or "
                       "revocable",
                       tier->name, (int)name.size, name.text);
    if (!part_is(value, "true") && !part_is(value, "false"))
        return err_set(
            err, ERR_INVALID, "tier '%s': %.*s: '%.*s': want true or false",
            tier->name, (int)name.size, name.text, (int)value.size, value.text);
    *flag = part_is(value, "true");
    return 0;
}

/* "preemptible=true,revocable=false" */
static int parse_flags(const char **at, struct tier *tier, struct err *err)
{
    int rc = 0;

    while (rc == 0 && **at && **at != ';') {
        struct part name = part_take(at, "=,;"), value = {"", 0};
        if (**at == '=') {
            ++*at;
            value = part_take(at, ",;");
        }
        rc = parse_flag(name, value, tier, err);
        *at += **at == ',';
    }
    return rc;
}

static int name_tier(struct part name, const struct tiers *tiers,
                     struct tier *out, struct err *err)
{
    if (name.size < sizeof out->name) {
        memcpy(out->name, name.text, name.size);
        if (!job_key_part_ok(out->name))
            out->name[0] = '\0';
    }
    if (!out->name[0])
        return err_set(err, ERR_INVALID,
                       "tier '%.*s': want a name of letters, digits, '_', "
                       "'-', '.', at most %d",
                       (int)name.size, name.text, TIER_NAME_MAX - 1);
    if (!tiers_find(tiers, out->name))
        return 0;
    if (strcmp(out->name, "preferred") == 0 ||
        strcmp(out->name, "preemptible") == 0 ||
        strcmp(out->name, "revocable") == 0)
        return err_set(err, ERR_INVALID,
                       "tier '%s': it is always there and means the same "
                       "everywhere: take another name",
                       out->name);
    return err_set(err, ERR_INVALID, "tier '%s': it is there twice", out->name);
}

static int parse_tier(const char **at, struct tiers *tiers, struct err *err)
{
    struct tier tier = {0};
    struct part name = part_take(at, ":;");

    *at += **at == ':';
    int rc = name_tier(name, tiers, &tier, err);
    if (rc == 0)
        rc = parse_flags(at, &tier, err);
    if (rc < 0)
        return rc;
    if (tier.is_revocable && !tier.is_preemptible)
        return err_set(err, ERR_INVALID,
                       "tier '%s': what is revocable is preemptible, too: "
                       "want preemptible = true",
                       tier.name);
    if (tiers->count == TIERS_MAX)
        return err_set(err, ERR_LIMIT, "tier '%s': want at most %d tiers",
                       tier.name, TIERS_MAX);
    tiers->item[tiers->count++] = tier;
    return 0;
}

int tiers_parse(const char *text, struct tiers *out, struct err *err)
{
    struct tiers tiers = {.count = ALWAYS_COUNT};
    const char *at = text ? text : "";
    int rc = 0;

    memcpy(tiers.item, ALWAYS, sizeof ALWAYS);
    while (rc == 0 && *at) {
        rc = parse_tier(&at, &tiers, err);
        at += *at == ';';
    }
    if (rc == 0)
        *out = tiers;
    return rc;
}
