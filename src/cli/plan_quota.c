/* What quotas will say to a plan. */
#include "cli/plan.h"

static bool grows(const struct plan_step *step)
{
    return step->kind == PLAN_CREATE || step->kind == PLAN_SCALE ||
           (step->kind == PLAN_UPDATE && !step->is_busy);
}

/* The jobs of one group, or those that are in none (0). */
static void add_wishes(const struct plan *plan, uint32_t group,
                       struct preview_wish *wish, size_t *count)
{
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.item[i];
        if (step->group == group && grows(step))
            wish[(*count)++] =
                (struct preview_wish){.job = step->job, .group = group};
    }
}

static const char *why_of(const struct preview_wish *wish, size_t count,
                          const Perigee__Job *job)
{
    for (size_t i = 0; i < count; i++)
        if (wish[i].job == job)
            return wish[i].why;
    return NULL;
}

/* What quotas do not allow is said before it is tried: of the whole file, in
 * the order in which apply comes to it. */
void plan_ask_quotas(struct cli *cli, struct plan *plan)
{
    struct preview_wish *wish =
        arena_zalloc(&cli->arena, (plan->steps.count + 1) * sizeof *wish);
    size_t count = 0;

    for (uint32_t group = 0; group <= plan->groups.count; group++)
        add_wishes(plan, group, wish, &count);
    preview_quotas(cli, wish, count);
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        struct plan_step *step = &plan->steps.item[i];
        const char *why = grows(step) ? why_of(wish, count, step->job) : NULL;
        if (why != NULL && step->group == 0)
            step->why = why;
        else if (why != NULL)
            plan->groups.item[step->group - 1].why = why;
    }
}
