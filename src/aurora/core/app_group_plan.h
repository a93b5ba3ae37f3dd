/* What a deployment does to each member of a group: the group as it is wanted
 * is compared with what there is. Nothing changes here. */
#pragma once
#include "aurora/core/app_groups.h"

struct member_step {
    enum member_action action;
    enum member_phase phase;
    uint32_t update; /* number of one that brings this already */
    bool is_quiet;   /* take the configuration: nothing that runs differs */
};

/* One step for each member of the request's tree. `group` NULL: it is new. */
int app_group_plan(const struct aurora *a, const struct app_group *group,
                   const struct group_request *request,
                   struct member_step *step, struct err *err);
/* Times the factor, rounded up. */
uint32_t app_group_scaled(uint32_t instances, uint32_t factor_milli);
int app_group_refuse_removing(const struct app_group *group, struct err *err);
