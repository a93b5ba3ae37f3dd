/* What quotas will say to a plan, and which order that asks for. */
#include "cli/plan.h"

static bool grows(const struct plan_step *step)
{
    return step->kind == PLAN_CREATE || step->kind == PLAN_SCALE ||
           (step->kind == PLAN_UPDATE && !step->is_busy);
}

struct wishes {
    struct preview_wish *item;
    size_t count;
    size_t alone; /* so many of the first are in no group */
};

/* The jobs of one group, or those that are in none (0). */
static void add_wishes(const struct plan *plan, uint32_t group,
                       struct wishes *out)
{
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.item[i];
        if (step->group == group && grows(step))
            out->item[out->count++] =
                (struct preview_wish){.job = step->job, .group = group};
    }
}

/* In the order in which apply comes to it. */
static struct wishes wishes_of(struct cli *cli, const struct plan *plan)
{
    struct wishes out = {.item =
                             arena_zalloc(&cli->arena, (plan->steps.count + 1) *
                                                           sizeof *out.item)};

    for (uint32_t group = 0; group <= plan->groups.count; group++) {
        add_wishes(plan, group, &out);
        if (group == 0)
            out.alone = out.count;
    }
    return out;
}

/* What goes by itself; what a group drops is the group's to count. */
static struct preview_gone removals_of(struct cli *cli, const struct plan *plan)
{
    const struct job_key **key =
        arena_alloc(&cli->arena, (plan->steps.count + 1) * sizeof *key);
    struct preview_gone gone = {.key = key};

    for (uint32_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.item[i].kind == PLAN_REMOVE &&
            plan->steps.item[i].group == 0)
            key[gone.count++] = &plan->steps.item[i].key;
    return gone;
}

static bool is_refused(const struct wishes *wishes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wishes->item[i].why != NULL)
            return true;
    return false;
}

static const char *why_of(const struct wishes *wishes, const Perigee__Job *job)
{
    for (size_t i = 0; i < wishes->count; i++)
        if (wishes->item[i].job == job)
            return wishes->item[i].why;
    return NULL;
}

static void tell(struct plan *plan, const struct wishes *wishes)
{
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        struct plan_step *step = &plan->steps.item[i];
        const char *why = grows(step) ? why_of(wishes, step->job) : NULL;
        if (why != NULL && step->group == 0)
            step->why = why;
        else if (why != NULL)
            plan->groups.item[step->group - 1].why = why;
    }
}

/* What quotas do not allow is said before it is tried, of the whole file. What
 * is new stands before what it replaces goes; only when there is no room for
 * both, and there is when the old has gone, it is the other way round. */
void plan_ask_quotas(struct cli *cli, struct plan *plan)
{
    struct wishes wishes = wishes_of(cli, plan);
    struct preview_gone gone = removals_of(cli, plan);

    gone.behind = wishes.alone;
    preview_quotas(cli, wishes.item, wishes.count, &gone);
    if (gone.count > 0 && is_refused(&wishes, wishes.alone)) {
        struct wishes other = wishes_of(cli, plan);
        gone.behind = 0;
        preview_quotas(cli, other.item, other.count, &gone);
        if (!is_refused(&other, other.alone)) {
            wishes = other;
            plan->removes_first = true;
        }
    }
    tell(plan, &wishes);
}
