/* Why something is more than a quota allows: the sum, line by line. Jobs of the
 * asking role are named, if who asks may know of them; of the others, and of
 * other roles in the tree, only the sum is told. */
#include "aurora/core/internal.h"
#include "aurora/core/quota_jobs.h"

#include <stdio.h>

enum { JOBS_SHOWN_MAX = 8 };

struct share {
    const struct job *job;
    int64_t amount;
};

/* The greatest first. */
static uint32_t put_share(struct share share[JOBS_SHOWN_MAX], uint32_t count,
                          struct share one)
{
    uint32_t at = count < JOBS_SHOWN_MAX ? count : JOBS_SHOWN_MAX;

    while (at > 0 && share[at - 1].amount < one.amount) {
        if (at < JOBS_SHOWN_MAX)
            share[at] = share[at - 1];
        at--;
    }
    if (at < JOBS_SHOWN_MAX)
        share[at] = one;
    return count < JOBS_SHOWN_MAX ? count + 1 : count;
}

static void add_line(struct buf *out, const char *sign, int resource,
                     int64_t amount)
{
    struct buf text = {0};

    quota_amount_text((enum quota_resource)resource, amount, &text);
    buf_addf(out, "  %s%10s  ", sign, buf_text(&text));
    buf_release(&text);
}

static const char *reason(const struct job *job)
{
    if (job->update)
        return ", with what its update may need";
    return job->cron ? ", as a run of it needs" : "";
}

static void add_job(struct buf *out, int resource, const struct share *share)
{
    const struct job *job = share->job;

    add_line(out, " ", resource, share->amount);
    buf_addf(out, "%.*s (%u task%s%s)\n", (int)job->key_text->size,
             (const char *)job->key_text->data, job->active.count,
             job->active.count == 1 ? "" : "s", reason(job));
}

static void add_users(const struct aurora *a, const struct quota_shortage *s,
                      const struct job_key *key, int resource, struct buf *out)
{
    struct share share[JOBS_SHOWN_MAX];
    struct job_key first = *key;
    uint32_t count = 0, jobs = 0;
    int64_t left = s->used.item[resource];
    bool is_hiding = false;

    first.env[0] = first.name[0] = '\0';
    const struct quota_role *role = quotas_find(&a->quotas, key->role);
    for (uint32_t i = aurora_job_at(a, &first); i < a->jobs.count; i++) {
        const struct job *job = a->jobs.item[i];
        if (job->quota.role != role)
            break;
        struct share one = {job,
                            job->quota.counted.pool[s->pool].item[resource]};
        if (one.amount == 0)
            continue;
        if (!aurora_shows(a, &job->key)) {
            is_hiding = true;
            continue;
        }
        jobs++;
        count = put_share(share, count, one);
    }
    int64_t own = role ? role->own.pool[s->pool].item[resource] : 0;
    int64_t rest = own;
    for (uint32_t i = 0; i < count; i++) {
        add_job(out, resource, &share[i]);
        rest -= share[i].amount;
    }
    if (is_hiding) {
        add_line(out, " ", resource, rest);
        buf_addf(out, "other jobs of '%s'\n", key->role);
    } else if (jobs > count) {
        add_line(out, " ", resource, rest);
        buf_addf(out, "%u other jobs of '%s'\n", jobs - count, key->role);
    }
    /* What else is in the tree, above or below the asking role. */
    if (left - own > 0) {
        add_line(out, " ", resource, left - own);
        buf_addf(out, "other roles under the quota of '%s'\n",
                 s->role->quota.role);
    }
}

static void add_asked(const struct quota_asked *asked, struct buf *out)
{
    char text[JOB_KEY_TEXT_MAX];

    buf_addf(out, "%s %s", asked->what, job_key_text(asked->key, text));
    if (asked->count > 0)
        buf_addf(out, " with %u instance%s", asked->count,
                 asked->count == 1 ? "" : "s");
}

/* Is it about something that counts already? */
static bool has_some(const struct aurora *a, const struct quota_shortage *s,
                     const struct quota_asked *asked, int resource)
{
    const struct job *job = asked->count > 0 ? aurora_job(a, asked->key) : NULL;

    return job && job->quota.counted.pool[s->pool].item[resource] > 0;
}

static void add_resource(const struct aurora *a, const struct quota_shortage *s,
                         const struct quota_asked *asked, int r,
                         struct buf *out)
{
    int64_t sum = s->used.item[r] + s->asked.item[r];

    buf_addf(out, "%s of %s, role '%s':\n",
             quota_resource_name((enum quota_resource)r),
             s->pool == QUOTA_PRODUCTION ? "production" : "all work",
             s->role ? s->role->quota.role : asked->key->role);
    add_users(a, s, asked->key, r, out);
    add_line(out, "+", r, s->asked.item[r]);
    add_asked(asked, out);
    buf_add_text(out, has_some(a, s, asked, r) ? ", more than now\n" : "\n");
    add_line(out, "=", r, sum);
    buf_add_text(out, "in all\n");
    add_line(out, " ", r, s->most.item[r]);
    buf_add_text(out, "is the quota\n");
    add_line(out, " ", r, sum - s->most.item[r]);
    buf_add_text(out, "is missing\n");
}

static void add_fits(const struct quota_asked *asked, struct buf *out)
{
    if (asked->parts)
        buf_add_text(out, asked->parts);
    else if (asked->has_fits && asked->fits > 0)
        buf_addf(out, "%u instance%s would fit", asked->fits,
                 asked->fits == 1 ? "" : "s");
    else if (asked->has_fits)
        buf_add_text(out, "not even one instance would fit");
}

static int first_of(uint32_t set)
{
    int r = 0;

    while (!(set >> r & 1))
        r++;
    return r;
}

static void set_text(const struct quota_shortage *s,
                     const struct quota_asked *asked, struct err *err)
{
    int r = first_of(s->set);
    enum quota_resource resource = (enum quota_resource)r;
    struct buf used = {0}, more = {0}, sum = {0}, most = {0}, also = {0};

    quota_amount_text(resource, s->used.item[r], &used);
    quota_amount_text(resource, s->asked.item[r], &more);
    quota_amount_text(resource, s->used.item[r] + s->asked.item[r], &sum);
    quota_amount_text(resource, s->most.item[r], &most);
    for (int other = r + 1; other < QUOTA_RESOURCES; other++)
        if (s->set >> other & 1)
            buf_addf(&also, "%s%s", also.size ? ", " : "; so with ",
                     quota_resource_name((enum quota_resource)other));
    (void)err_set(err, ERR_QUOTA,
                  "quota of role '%s': %s of %s: %s in use + %s asked = %s, "
                  "more than %s%s",
                  s->role ? s->role->quota.role : asked->key->role,
                  quota_resource_name(resource),
                  s->pool == QUOTA_PRODUCTION ? "production" : "all work",
                  buf_text(&used), buf_text(&more), buf_text(&sum),
                  buf_text(&most), buf_text(&also));
    buf_release(&used);
    buf_release(&more);
    buf_release(&sum);
    buf_release(&most);
    buf_release(&also);
}

int quota_refuse(struct aurora *a, const struct quota_shortage *s,
                 const struct quota_asked *asked, struct err *err)
{
    const struct job_key *key = asked->key;
    struct buf fits = {0};

    a->counters.quota_refusals++;
    buf_clear(&a->quota_lines);
    for (int r = 0; r < QUOTA_RESOURCES; r++)
        if (s->set >> r & 1)
            add_resource(a, s, asked, r, &a->quota_lines);
    add_fits(asked, &fits);
    if (fits.size > 0)
        buf_addf(&a->quota_lines, "%s\n", buf_text(&fits));
    set_text(s, asked, err);
    if (s->pool == QUOTA_PRODUCTION && (!s->role || !s->role->has_quota))
        err_hint(err,
                 "role '%s' has no quota, so none for production: an operator "
                 "gives it one with: clusterctl quota set %s/%s",
                 key->role, key->cluster, key->role);
    else
        err_hint(err, "%s%ssee: clusterctl quota get %s/%s", buf_text(&fits),
                 fits.size ? "; " : "", key->cluster, key->role);
    buf_release(&fits);
    return -ERR_QUOTA;
}
