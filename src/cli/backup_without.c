#include "cli/backup_without.h"

#include "base/alloc.h"
#include "base/job_key.h"
#include "perigee/aurora_store.pb-c.h"
#include "sys/backup_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Perigee__Aurora__GroupMemberRecord MemberRecord;
typedef Perigee__Aurora__JobKey WireKey;

/* --- words --- */

static int refuse_word(struct err *err, const char *word)
{
    (void)err_set(err, ERR_INVALID,
                  "--without '%.200s': want role, role/env or role/env/name",
                  word);
    err_hint(err, "several of them with commas between");
    return -ERR_INVALID;
}

/* "role/env/name" of "cluster/role/env/name", too. */
static int add_word(struct without *w, char *text, struct err *err)
{
    struct without_word *word = &w->word[w->word_count];
    char copy[WITHOUT_WORD_MAX], *save = NULL;
    int slashes = 0;

    for (const char *c = text; *c; c++)
        slashes += *c == '/';
    if (strlen(text) >= sizeof copy || slashes > 3)
        return refuse_word(err, text);
    if (slashes == 3)
        text = strchr(text, '/') + 1;
    (void)snprintf(copy, sizeof copy, "%s", text);
    int parts = 0;
    for (char *part = strtok_r(copy, "/", &save); part;
         part = strtok_r(NULL, "/", &save), parts++)
        if (!job_key_part_ok(part))
            return refuse_word(err, text);
    if (parts != (slashes == 3 ? 3 : slashes + 1))
        return refuse_word(err, text);
    *word = (struct without_word){.jobs = 0};
    (void)snprintf(word->text, sizeof word->text, "%s", text);
    w->word_count++;
    return 0;
}

static int split(struct without *w, const char *list, struct err *err)
{
    char *copy = xstrdup(list), *next = copy;
    int rc = 0;

    while (rc == 0 && next) {
        char *word = next;
        next = strchr(word, ',');
        if (next)
            *next++ = '\0';
        rc = w->word_count < WITHOUT_WORDS_MAX
                 ? add_word(w, word, err)
                 : err_set(err, ERR_LIMIT, "--without: want at most %d words",
                           WITHOUT_WORDS_MAX);
    }
    free(copy);
    return rc;
}

/* The word that names the job, or NULL. */
static struct without_word *word_for(struct without *w, struct bytes key)
{
    for (uint32_t i = 0; i < w->word_count; i++) {
        size_t size = strlen(w->word[i].text);
        if (key.size >= size && memcmp(key.data, w->word[i].text, size) == 0 &&
            (key.size == size || key.data[size] == '/'))
            return &w->word[i];
    }
    return NULL;
}

static struct bytes text_of(const WireKey *key, char out[JOB_KEY_TEXT_MAX])
{
    if (!key || !key->role || !key->environment || !key->name)
        return bytes_of("", 0);
    (void)snprintf(out, JOB_KEY_TEXT_MAX, "%s/%s/%s", key->role,
                   key->environment, key->name);
    return bytes_of_text(out);
}

static bool names(struct without *w, const WireKey *key)
{
    char text[JOB_KEY_TEXT_MAX];

    return word_for(w, text_of(key, text)) != NULL;
}

/* --- the first reading --- */

static void look_at_job(struct without *w, struct bytes key)
{
    struct without_word *word = word_for(w, key);

    if (word)
        word->jobs++;
}

static int look_at_update(struct without *w, struct bytes key,
                          struct bytes value, struct err *err)
{
    Perigee__Aurora__UpdateRecord *r =
        perigee__aurora__update_record__unpack(NULL, value.size, value.data);

    if (!r)
        return err_set(err, ERR_DAMAGED, "an update's record cannot be read");
    if (names(w, r->key))
        *vec_add(&w->updates) = xstrndup((const char *)key.data, key.size);
    perigee__aurora__update_record__free_unpacked(r, NULL);
    return 0;
}

static int look_at_member(struct without *w, struct bytes key,
                          struct bytes value, struct err *err)
{
    MemberRecord *r = perigee__aurora__group_member_record__unpack(
        NULL, value.size, value.data);
    char text[JOB_KEY_TEXT_MAX];

    if (!r)
        return err_set(err, ERR_DAMAGED,
                       "the record of a group's member cannot be read");
    struct bytes group = text_of(r->group, text);
    bool goes = word_for(w, key) != NULL;
    *vec_add(&w->groups) = (struct without_group){
        .key = xstrndup((const char *)group.data, group.size),
        .missing = goes ? xstrndup((const char *)key.data, key.size) : NULL,
        .stays = !goes};
    perigee__aurora__group_member_record__free_unpacked(r, NULL);
    return 0;
}

static int look(void *context, const char *table, struct bytes key,
                struct bytes value, struct err *err)
{
    struct without *w = context;

    if (strcmp(table, "job") == 0)
        look_at_job(w, key);
    else if (strcmp(table, "update") == 0)
        return look_at_update(w, key, value, err);
    else if (strcmp(table, "group_member") == 0)
        return look_at_member(w, key, value, err);
    return 0;
}

static int by_group(const void *x, const void *y)
{
    const struct without_group *a = x, *b = y;

    return strcmp(a->key, b->key);
}

/* Members become groups. */
static void join_groups(struct without *w)
{
    uint32_t left = 0;

    if (w->groups.count == 0)
        return;
    qsort(w->groups.item, w->groups.count, sizeof *w->groups.item, by_group);
    for (uint32_t i = 0; i < w->groups.count; i++) {
        struct without_group *group = &w->groups.item[i];
        struct without_group *last = left ? &w->groups.item[left - 1] : NULL;
        if (!last || strcmp(last->key, group->key) != 0) {
            w->groups.item[left++] = *group;
            continue;
        }
        last->stays |= group->stays;
        if (last->missing)
            free(group->missing);
        else
            last->missing = group->missing;
        free(group->key);
    }
    w->groups.count = left;
}

static int check(const struct without *w, struct err *err)
{
    for (uint32_t i = 0; i < w->word_count; i++)
        if (w->word[i].jobs == 0) {
            (void)err_set(err, ERR_NOT_FOUND,
                          "--without '%s': the backup has no such job",
                          w->word[i].text);
            err_hint(err, "`clusterctl backup inspect` shows its jobs");
            return -ERR_NOT_FOUND;
        }
    for (uint32_t i = 0; i < w->groups.count; i++) {
        const struct without_group *group = &w->groups.item[i];
        if (!group->missing || !group->stays)
            continue;
        (void)err_set(err, ERR_CONFLICT,
                      "--without: job '%s' is of group '%s', whose other jobs "
                      "would stay",
                      group->missing, group->key);
        err_hint(err, "leave out all jobs of the group");
        return -ERR_CONFLICT;
    }
    return 0;
}

int without_read(struct without *w, const char *list, const char *path,
                 struct err *err)
{
    struct backup_summary summary;
    int rc = split(w, list, err);

    if (rc == 0)
        rc = backup_read(path, look, w, &summary, err);
    if (rc < 0)
        return rc;
    join_groups(w);
    return check(w, err);
}

void without_release(struct without *w)
{
    for (uint32_t i = 0; i < w->updates.count; i++)
        free(w->updates.item[i]);
    vec_free(&w->updates);
    for (uint32_t i = 0; i < w->groups.count; i++) {
        free(w->groups.item[i].key);
        free(w->groups.item[i].missing);
    }
    vec_free(&w->groups);
}

/* --- the second one --- */

static int compare(struct bytes key, const char *text)
{
    size_t size = strlen(text);
    int order = memcmp(key.data, text, key.size < size ? key.size : size);

    return order ? order : (key.size > size) - (key.size < size);
}

static bool has_update(const struct without *w, struct bytes id)
{
    uint32_t low = 0, high = w->updates.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(id, w->updates.item[middle]);
        if (order == 0)
            return true;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool has_group(const struct without *w, struct bytes key)
{
    for (uint32_t i = 0; i < w->groups.count; i++)
        if (w->groups.item[i].missing &&
            bytes_equal_text(key, w->groups.item[i].key))
            return true;
    return false;
}

/* The key as far as that sign, which no part of it holds. */
static struct bytes before(struct bytes key, char sign)
{
    const uint8_t *end = memchr(key.data, sign, key.size);

    return bytes_of(key.data, end ? (size_t)(end - key.data) : key.size);
}

static bool is_task_of(struct without *w, struct bytes value)
{
    Perigee__Aurora__TaskRecord *r =
        perigee__aurora__task_record__unpack(NULL, value.size, value.data);
    bool goes = r && names(w, r->key);

    perigee__aurora__task_record__free_unpacked(r, NULL);
    return goes;
}

bool without_drops(struct without *w, const char *table, struct bytes key,
                   struct bytes value)
{
    bool goes = false;

    if (strcmp(table, "job") == 0)
        w->jobs += goes = word_for(w, key) != NULL;
    else if (strcmp(table, "task") == 0)
        w->tasks += goes = is_task_of(w, value);
    else if (strcmp(table, "firing") == 0)
        goes = word_for(w, before(key, '@')) != NULL;
    else if (strcmp(table, "update") == 0)
        goes = has_update(w, key);
    else if (strcmp(table, "update_instance") == 0)
        goes = has_update(w, before(key, '/'));
    else if (strcmp(table, "group_member") == 0)
        goes = word_for(w, key) != NULL;
    else if (strcmp(table, "group") == 0)
        goes = has_group(w, key);
    return goes;
}
