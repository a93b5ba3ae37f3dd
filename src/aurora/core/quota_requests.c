/* What operators ask about quotas. */
#include "aurora/core/internal.h"

#include <string.h>

/* Every role whose quota differs now is saved and told of. */
static void save(struct aurora *a, struct quota_role *role, int64_t now_ms)
{
    (void)event_log_quota(&a->events, &role->quota, now_ms);
    if (role->has_quota)
        *vec_add(&a->work.quotas) = role;
    else
        mark_forgotten(a, RECORD_QUOTA, bytes_of_text(role->quota.role));
    quotas_saved(&a->quotas, role);
}

int aurora_quota_set(struct aurora *a, const struct quota *list, uint32_t count,
                     bool is_forced, int64_t now_ms, uint32_t *index,
                     uint64_t *sequence, struct err *err)
{
    quota_settle(a);
    buf_clear(&a->quota_lines); /* another one's: this refusal has no sum */
    int rc = quotas_set(&a->quotas, list, count, is_forced, index, err);

    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < count; i++) {
        struct quota_role *role = quotas_find(&a->quotas, list[i].role);
        if (role && role->is_dirty)
            save(a, role, now_ms);
        else if (role)
            quotas_saved(&a->quotas, role); /* nobody's, and as it was */
    }
    *sequence = a->events.next - 1;
    return 0;
}
