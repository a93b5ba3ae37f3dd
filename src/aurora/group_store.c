/* The records of application groups: one for each group, one for each of its
 * members. The tree is stored as users wrote it. */
#include "aurora/state.h"

#include "aurora/core/app_groups.h"
#include "perigee/aurora_store.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__GroupRecord GroupRecord;
typedef Perigee__Aurora__GroupMemberRecord MemberRecord;

/* --- a tree of the wire --- */

/* "cluster/role/env/name" -> "name" */
static const char *last_part(const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash ? slash + 1 : key;
}

static int refuse_need(const Perigee__Group *group, const char *name,
                       struct err *err)
{
    (void)err_set(err, ERR_INVALID,
                  "group '%s': nothing beside it is named '%s'", group->name,
                  name);
    err_field(err, "group.depends_on");
    return -ERR_INVALID;
}

static int add_needs(const Perigee__Group *group, struct group_tree *tree,
                     uint32_t node, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < group->n_groups && rc == 0; i++) {
        const Perigee__Group *child = group->groups[i];
        uint32_t at = group_tree_child(tree, node, child->name);
        for (size_t j = 0; j < child->n_depends_on && rc == 0; j++) {
            uint32_t need = group_tree_child(tree, node, child->depends_on[j]);
            rc = need == TREE_NONE
                     ? refuse_need(child, child->depends_on[j], err)
                     : group_tree_need(tree, at, need, err);
        }
    }
    return rc;
}

static int check_name(const struct group_tree *tree, uint32_t parent,
                      const char *name, struct err *err)
{
    int rc = 0;

    if (!name || !job_key_part_ok(name))
        rc = err_set(err, ERR_INVALID, "group '%s': want a name",
                     name ? name : "");
    else if (parent != TREE_NONE &&
             group_tree_child(tree, parent, name) != TREE_NONE)
        rc = err_set(err, ERR_INVALID,
                     "group '%s' stands beside another of that name", name);
    if (rc < 0)
        err_field(err, "group.groups");
    return rc;
}

/* Bounded by TREE_DEPTH_MAX. */
static int add_group(const Perigee__Group *group, struct group_tree *tree,
                     uint32_t parent, struct err *err)
{
    uint32_t node = TREE_NONE, job;
    int rc = check_name(tree, parent, group->name, err);

    if (rc == 0)
        rc = group_tree_begin(tree, parent, group->name, &node, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < group->n_jobs && rc == 0; i++)
        rc = group_tree_add_job(tree, node, last_part(group->jobs[i]), &job,
                                err);
    for (size_t i = 0; i < group->n_groups && rc == 0; i++) {
        /* Its end is not known yet: look among what is there. */
        group_tree_end(tree, node);
        rc = add_group(group->groups[i], tree, node, err);
    }
    group_tree_end(tree, node);
    return rc < 0 ? rc : add_needs(group, tree, node, err);
}

int group_tree_decode(const Perigee__Group *group, struct group_tree *out,
                      struct err *err)
{
    struct group_tree tree = {0};
    int rc = add_group(group, &tree, TREE_NONE, err);

    if (rc == 0 && group->n_depends_on > 0) {
        rc = err_set(err, ERR_INVALID,
                     "group '%s' waits for what is outside of it", group->name);
        err_field(err, "group.depends_on");
        err_hint(err, "put it and what it waits for into one Group");
    }
    if (rc == 0)
        rc = group_tree_seal(&tree, err);
    if (rc < 0)
        group_tree_release(&tree);
    else
        *out = tree;
    return rc;
}

/* --- reading --- */

static int by_group(const void *x, const void *y)
{
    const MemberRecord *a = *(MemberRecord *const *)x;
    const MemberRecord *b = *(MemberRecord *const *)y;

    assert(a && b);
    int order = strcmp(a->group->role, b->group->role);

    if (order == 0)
        order = strcmp(a->group->environment, b->group->environment);
    if (order == 0)
        order = strcmp(a->group->name, b->group->name);
    return order;
}

static int unpack_members(struct aurora_program *p, MemberRecord **record,
                          struct err *err)
{
    for (uint32_t i = 0; i < p->stored_members.count; i++) {
        struct bytes value = blob_bytes(p->stored_members.item[i]);
        struct job_key key;
        record[i] = perigee__aurora__group_member_record__unpack(
            NULL, value.size, value.data);
        if (!record[i] || key_decode(p, record[i]->key, &key, NULL) < 0 ||
            key_decode(p, record[i]->group, &key, NULL) < 0)
            return store_damaged(err, "group_member", bytes_of_text(""));
    }
    qsort(record, p->stored_members.count, sizeof(void *), by_group);
    return 0;
}

static int restore_member(struct aurora_program *p, const MemberRecord *r,
                          struct app_member *m)
{
    m->action = (enum member_action)r->action;
    m->phase = (enum member_phase)r->phase;
    m->instances = r->instances;
    m->update = r->update;
    m->is_leaving = r->leaving;
    m->level = r->level;
    if (r->message)
        m->message = blob_new(bytes_of_text(r->message));
    if (!r->config_id)
        return 0;
    m->config = aurora_config(&p->core, r->config_id);
    return m->config ? 0 : -ERR_DAMAGED;
}

/* Members of the tree in its order, then those that leave. */
static int add_members(struct aurora_program *p, const Perigee__Group *tree,
                       MemberRecord *const *record, uint32_t count,
                       struct app_group *group)
{
    struct job_key key;

    for (size_t i = 0; tree && i < tree->n_jobs; i++) {
        uint32_t at = 0;
        if (job_key_parse(tree->jobs[i], &key, NULL) < 0)
            return -ERR_DAMAGED;
        while (at < count && (strcmp(record[at]->key->name, key.name) != 0 ||
                              record[at]->leaving))
            at++;
        if (at == count ||
            restore_member(p, record[at], app_group_add(group, &key)) < 0)
            return -ERR_DAMAGED;
    }
    for (size_t i = 0; tree && i < tree->n_groups; i++)
        if (add_members(p, tree->groups[i], record, count, group) < 0)
            return -ERR_DAMAGED;
    for (uint32_t i = 0; !tree && i < count; i++) {
        if (!record[i]->leaving)
            continue;
        if (key_decode(p, record[i]->key, &key, NULL) < 0 ||
            restore_member(p, record[i], app_group_add(group, &key)) < 0)
            return -ERR_DAMAGED;
    }
    return 0;
}

static void restore_events(const GroupRecord *r, struct app_group *group)
{
    for (size_t i = 0; i < r->n_events && i < APP_GROUP_EVENTS_MAX; i++)
        app_group_add_event(group, (enum app_group_state)r->events[i]->state,
                            r->events[i]->message,
                            (int64_t)r->events[i]->at_ms);
}

static int restore_group(struct aurora_program *p, struct bytes value,
                         MemberRecord *const *record, struct err *err)
{
    GroupRecord *r =
        perigee__aurora__group_record__unpack(NULL, value.size, value.data);
    struct app_group *group = NULL;
    uint32_t first = 0, count = 0, all = p->stored_members.count;
    struct job_key key;
    int rc = -ERR_DAMAGED;

    if (r && r->tree && key_decode(p, r->key, &key, NULL) == 0) {
        MemberRecord wanted = {.group = r->key}, *one = &wanted;
        while (first < all && by_group(&record[first], &one) < 0)
            first++;
        while (first + count < all &&
               by_group(&record[first + count], &one) == 0)
            count++;
        group = app_group_new(&key);
        group->state = (enum app_group_state)r->state;
        group->is_backward = r->backward;
        group->source = group_source(r->tree);
        restore_events(r, group);
        rc = group_tree_decode(r->tree, &group->tree, NULL);
    }
    if (rc == 0)
        rc = add_members(p, r->tree, record + first, count, group);
    if (rc == 0)
        rc = add_members(p, NULL, record + first, count, group);
    if (rc == 0 && group->members.count == r->members) {
        rc = aurora_restore_group_take(&p->core, group, err);
    } else {
        if (group)
            app_group_free(group);
        rc = store_damaged(
            err, "group",
            bytes_of_text(r && r->key && r->key->name ? r->key->name : ""));
    }
    if (r)
        perigee__aurora__group_record__free_unpacked(r, NULL);
    return rc;
}

int groups_restore(struct aurora_program *p, struct err *err)
{
    uint32_t count = p->stored_members.count;
    MemberRecord **record = xcalloc(count + 1, sizeof(void *));
    int rc = unpack_members(p, record, err);

    for (uint32_t i = 0; i < p->stored_groups.count && rc == 0; i++)
        rc =
            restore_group(p, blob_bytes(p->stored_groups.item[i]), record, err);
    for (uint32_t i = 0; i < count; i++)
        if (record[i])
            perigee__aurora__group_member_record__free_unpacked(record[i],
                                                                NULL);
    free(record);
    return rc;
}

void groups_store_release(struct aurora_program *p)
{
    for (uint32_t i = 0; i < p->stored_groups.count; i++)
        blob_unref(p->stored_groups.item[i]);
    for (uint32_t i = 0; i < p->stored_members.count; i++)
        blob_unref(p->stored_members.item[i]);
    vec_free(&p->stored_groups);
    vec_free(&p->stored_members);
}

/* --- writing --- */

struct blob *group_source(const Perigee__Group *tree)
{
    size_t size = perigee__group__get_packed_size(tree);
    uint8_t *packed = xcalloc(1, size + 1);

    perigee__group__pack(tree, packed);
    struct blob *blob = blob_new(bytes_of(packed, size));
    free(packed);
    return blob;
}

static void save_group(const struct app_group *group, struct effects *fx)
{
    GroupRecord r = PERIGEE__AURORA__GROUP_RECORD__INIT;
    char key[JOB_KEY_TEXT_MAX];

    r.key = key_encode(&group->key, &fx->arena);
    r.has_state = r.has_members = true;
    r.state = (Perigee__Aurora__GroupState)group->state;
    r.tree =
        perigee__group__unpack(NULL, group->source->size, group->source->data);
    r.has_backward = r.backward = group->is_backward;
    r.members = group->members.count;
    r.events = view_group_history(group, &fx->arena);
    r.n_events = group->events.count;
    store_persist(fx, "group", bytes_of_text(job_store_key(&group->key, key)),
                  &r.base);
    perigee__group__free_unpacked(r.tree, NULL);
}

static void save_member(const struct app_member *m, struct effects *fx)
{
    MemberRecord r = PERIGEE__AURORA__GROUP_MEMBER_RECORD__INIT;
    char key[JOB_KEY_TEXT_MAX];

    r.key = key_encode(&m->key, &fx->arena);
    r.group = key_encode(&m->group->key, &fx->arena);
    r.has_action = r.has_phase = true;
    r.action = (Perigee__Aurora__GroupMemberView__Action)m->action;
    r.phase = (Perigee__Aurora__GroupMemberView__Phase)m->phase;
    r.config_id = m->config ? m->config->id : NULL;
    r.has_instances = r.has_update = true;
    r.instances = m->instances;
    r.update = m->update;
    r.has_leaving = r.leaving = m->is_leaving;
    r.has_level = m->is_leaving;
    r.level = m->level;
    r.message = view_text(m->message, &fx->arena);
    store_persist(fx, "group_member",
                  bytes_of_text(job_store_key(&m->key, key)), &r.base);
}

void groups_save(struct aurora_program *p, struct effects *fx)
{
    const struct work *w = &p->core.work;

    for (uint32_t i = 0; i < w->groups.count; i++)
        save_group(w->groups.item[i], fx);
    for (uint32_t i = 0; i < w->members.count; i++)
        save_member(w->members.item[i], fx);
}
