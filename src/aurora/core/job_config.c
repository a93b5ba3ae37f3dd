#include "aurora/core/job_config.h"
#include "aurora/core/placer_classes.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *job_config_id(struct bytes bytes, char out[CONFIG_ID_MAX])
{
    snprintf(out, CONFIG_ID_MAX, "%016" PRIx64 "%016" PRIx64, hash64(bytes, 1),
             hash64(bytes, 2));
    return out;
}

struct job_config *job_config_new(const struct job_key *key, struct bytes bytes)
{
    /* What a job says that says nothing. */
    static const uint32_t one = 1;
    static const struct update_settings plain = {.strategy = UPDATE_QUEUE,
                                                 .size = &one,
                                                 .size_count = 1,
                                                 .rolls_back = true,
                                                 .watch_ms = 45000};
    struct job_config *config = xcalloc(1, sizeof *config);

    config->refs = 1;
    config->key = *key;
    config->bytes = blob_new(bytes);
    job_config_id(bytes, config->id);
    job_config_set_update(config, &plain);
    return config;
}

struct job_config *job_config_ref(struct job_config *config)
{
    config->refs++;
    return config;
}

void job_config_unref(struct job_config *config)
{
    if (!config || --config->refs > 0)
        return;
    assert(config->waiting_count == 0 && !config->is_dirty);
    for (uint32_t i = 0; i < config->port_count; i++)
        free(config->port_name[i]);
    free(config->port_name);
    free(config->sla.url);
    free(config->sla.status_key);
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        struct constraint *c = &config->constraint[i];
        for (uint32_t j = 0; j < c->value_count; j++)
            free(c->value[j]);
        free(c->value);
        free(c->attribute);
        question_unref(c->question);
    }
    free(config->constraint);
    free((void *)config->update.size);
    question_unref(config->place);
    question_unref(config->rank);
    class_verdicts_free(config->classes);
    cron_rule_free(config->cron);
    for (uint32_t i = 0; i < config->notify_count; i++)
        free(config->notify[i].target);
    free(config->notify);
    if (config->decoded)
        config->decoded_free(config->decoded);
    blob_unref(config->bytes);
    free(config);
}

void job_config_set_update(struct job_config *config,
                           const struct update_settings *settings)
{
    size_t bytes = settings->size_count * sizeof *settings->size;
    uint32_t *size = xcalloc(settings->size_count, sizeof *size);

    assert(settings->size_count > 0);
    memcpy(size, settings->size, bytes);
    free((void *)config->update.size);
    config->update = *settings;
    config->update.size = size;
}

void job_config_set_sla(struct job_config *config,
                        const struct sla_policy *policy)
{
    free(config->sla.url);
    free(config->sla.status_key);
    config->sla = *policy;
    config->sla.url = policy->url ? xstrdup(policy->url) : NULL;
    config->sla.status_key =
        policy->status_key ? xstrdup(policy->status_key) : NULL;
}

void job_config_add_notify(struct job_config *config,
                           const struct notify_rule *rule)
{
    assert(config->notify_count < NOTIFY_RULES_MAX && rule->target);
    config->notify = xreallocarray(config->notify, config->notify_count + 1,
                                   sizeof *config->notify);
    config->notify[config->notify_count] = *rule;
    config->notify[config->notify_count].target = xstrdup(rule->target);
    config->notify_count++;
}

void job_config_add_port(struct job_config *config, const char *name)
{
    assert(config->port_count < PORT_NAMES_MAX);
    config->port_name = xreallocarray(config->port_name, config->port_count + 1,
                                      sizeof(char *));
    config->port_name[config->port_count++] = xstrdup(name);
}

bool constraint_counts(enum constraint_kind kind)
{
    switch (kind) {
    case CONSTRAINT_LIMIT:
    case CONSTRAINT_UNIQUE:
    case CONSTRAINT_CLUSTER:
    case CONSTRAINT_GROUP_BY:
    case CONSTRAINT_MAX_PER:
        return true;
    case CONSTRAINT_ONE_OF:
    case CONSTRAINT_NONE_OF:
    case CONSTRAINT_LIKE:
    case CONSTRAINT_UNLIKE:
        break;
    }
    return false;
}

bool constraint_is_of_class(const struct constraint *constraint)
{
    enum constraint_kind kind = constraint->kind;

    return (kind == CONSTRAINT_ONE_OF || kind == CONSTRAINT_NONE_OF) &&
           strcmp(constraint->attribute, "host") != 0;
}

void job_config_add_constraint(struct job_config *config, const char *attribute,
                               enum constraint_kind kind,
                               const char *const *value, uint32_t value_count,
                               uint32_t limit)
{
    assert(config->constraint_count < CONSTRAINTS_MAX);
    assert(value_count <= CONSTRAINT_VALUES_MAX);
    config->constraint =
        xreallocarray(config->constraint, config->constraint_count + 1,
                      sizeof *config->constraint);
    struct constraint *c = &config->constraint[config->constraint_count++];
    *c = (struct constraint){.attribute = xstrdup(attribute),
                             .kind = kind,
                             .limit = limit,
                             .value_count = value_count};
    c->value = xcalloc(value_count ? value_count : 1, sizeof(char *));
    for (uint32_t i = 0; i < value_count; i++)
        c->value[i] = xstrdup(value[i]);
    if (strcmp(attribute, "host") == 0 && !constraint_counts(kind))
        config->is_host_bound = true;
    if (constraint_is_of_class(c))
        config->has_values = true;
    if (strcmp(attribute, "dedicated") == 0)
        config->is_dedicated = true;
    if (constraint_counts(kind))
        config->is_limited = true;
    if (kind == CONSTRAINT_UNIQUE)
        c->limit = 1;
    if (kind == CONSTRAINT_CLUSTER || kind == CONSTRAINT_GROUP_BY)
        config->is_ordered = true;
    if (kind != CONSTRAINT_LIKE && kind != CONSTRAINT_UNLIKE)
        return;
    assert(value_count == 1);
    c->question = question_new_like(attribute, value[0]);
    config->has_like = config->is_host_bound = true;
}

void job_config_set_place_take(struct job_config *config,
                               struct question *place)
{
    assert(!config->place && place->kind == QUESTION_PLACE);
    config->place = place;
    config->is_host_bound = true;
}

void job_config_set_rank_take(struct job_config *config, struct question *rank)
{
    assert(!config->rank && rank->kind == QUESTION_RANK);
    config->rank = rank;
    config->is_host_bound = true;
}

void job_config_set_cron_take(struct job_config *config, struct cron_rule *rule)
{
    assert(!config->cron);
    config->cron = rule;
}
