/* What the value constraints of a config say of each class of hosts: found once
 * per class, kept while tasks of the config wait. */
#pragma once
#include "aurora/core/hosts_class.h"
#include "aurora/core/job_config.h"
#include <stdbool.h>
#include <stdint.h>

enum { FEW_CLASSES = 64 };

struct class_verdicts {
    uint64_t epoch; /* of the slots */
    uint32_t known; /* slots looked at */
    uint32_t capacity;
    bool *may; /* owned; by slot */
    struct {
        uint32_t *item;
        uint32_t count, capacity;
    } few;         /* slots that may, unless are_many */
    bool are_many; /* more than FEW_CLASSES may */
};

/* Does this constraint, which is about values, allow the host? */
bool constraint_allows(const struct constraint *c, const struct host *host);
/* NULL: the config has no value constraint but on "host". */
const struct class_verdicts *class_verdicts_of(
    struct job_config *config, const struct host_classes *classes);
void class_verdicts_free(struct class_verdicts *verdicts); /* accepts NULL */
