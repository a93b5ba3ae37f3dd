#include "base/permission.h"

#include "base/text.h"

#include <string.h>

static const char *const NAME[ACTION_COUNT] = {[ACTION_NONE] = "",
#define X(name, text) [ACTION_##name] = (text),
                                               ACTION_LIST(X)
#undef X
};

const char *action_name(enum action action)
{
    return NAME[action];
}

const char *action_nearest(const char *text)
{
    const char *known[ACTION_COUNT];

    for (int i = 1; i < ACTION_COUNT; i++)
        known[i - 1] = NAME[i];
    known[ACTION_COUNT - 1] = NULL;
    return text_nearest(text, known);
}

int action_set_parse(struct action_set *set, const char *pattern,
                     struct err *err)
{
    bool is_any = false;

    for (int i = 1; i < ACTION_COUNT; i++) {
        if (!text_glob(pattern, NAME[i]))
            continue;
        action_set_add(set, (enum action)i);
        is_any = true;
    }
    if (is_any)
        return 0;
    const char *near = action_nearest(pattern);
    (void)err_set(err, ERR_INVALID, "action '%.60s': there is none%s%s%s",
                  pattern, near ? "; nearest known name: '" : "",
                  near ? near : "", near ? "'" : "");
    err_hint(err, "docs/security.md lists the actions");
    return -ERR_INVALID;
}

/* What a part of a key may have, and what a pattern has besides. */
static bool is_pattern_text(const char *text)
{
    static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789_.-*?";

    return text[strspn(text, known)] == '\0';
}

int pattern_parse(struct pattern *out, const char *text, struct err *err)
{
    *out = (struct pattern){.kind = PATTERN_ANY};
    if (!text || !*text || strcmp(text, "*") == 0)
        return 0;
    if (strlen(text) >= PATTERN_MAX || !is_pattern_text(text))
        return err_set(err, ERR_INVALID,
                       "pattern '%.70s': want at most %d letters, digits, "
                       "'_', '-', '.', '*' and '?'",
                       text, PATTERN_MAX - 1);
    out->kind = text[strcspn(text, "*?")] ? PATTERN_GLOB : PATTERN_EXACT;
    memcpy(out->text, text, strlen(text) + 1);
    return 0;
}

static bool pattern_matches(const struct pattern *pattern, const char *part)
{
    if (pattern->kind == PATTERN_ANY)
        return true;
    if (!part)
        return false;
    return pattern->kind == PATTERN_EXACT ? strcmp(pattern->text, part) == 0
                                          : text_glob(pattern->text, part);
}

/* --- building --- */

struct users *users_new(void)
{
    struct users *users = xcalloc(1, sizeof *users);

    users->references = 1;
    return users;
}

struct users *users_ref(struct users *users)
{
    users->references++;
    return users;
}

static void user_free(struct user *user)
{
    for (uint32_t i = 0; i < user->secrets.count; i++)
        free(user->secrets.item[i].text);
    vec_free(&user->secrets);
    vec_free(&user->rules);
    free(user->name);
    free(user);
}

void users_unref(struct users *users)
{
    if (!users || --users->references > 0)
        return;
    for (uint32_t i = 0; i < users->all.count; i++)
        user_free(users->all.item[i]);
    vec_free(&users->all);
    vec_free(&users->by_secret);
    free(users);
}

bool user_name_ok(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++)
        if (name[i] <= ' ' || name[i] >= 127 || strchr(":/\"\\,", name[i]))
            return false;
    return size > 0 && size < USER_NAME_MAX;
}

int users_add(struct users *users, const char *name, struct user **out,
              struct err *err)
{
    if (!user_name_ok(name))
        return err_set(err, ERR_INVALID,
                       "user '%.70s': want 1 to %d printable characters "
                       "without space, ':', ',', '/', '\"' and '\\'",
                       name, USER_NAME_MAX - 1);
    if (users->all.count >= USERS_MAX)
        return err_set(err, ERR_LIMIT, "users: want at most %d", USERS_MAX);
    struct user *user = xcalloc(1, sizeof *user);
    user->name = xstrdup(name);
    user->order = users->all.count;
    *vec_add(&users->all) = user;
    *out = user;
    return 0;
}

int user_add_secret(struct user *user, enum secret_kind kind, const char *text,
                    struct err *err)
{
    if (!*text || strlen(text) >= SECRET_TEXT_MAX)
        return err_set(err, ERR_INVALID,
                       "user '%s': want secrets of 1 to %d characters",
                       user->name, SECRET_TEXT_MAX - 1);
    if (user->secrets.count >= USER_SECRETS_MAX)
        return err_set(err, ERR_LIMIT, "user '%s': want at most %d secrets",
                       user->name, USER_SECRETS_MAX);
    *vec_add(&user->secrets) = (struct secret){kind, xstrdup(text)};
    return 0;
}

int user_add_rule(struct user *user, const struct rule *rule, struct err *err)
{
    if (user->rules.count >= USER_RULES_MAX)
        return err_set(err, ERR_LIMIT,
                       "user '%s': want at most %d permissions, those of its "
                       "roles counted",
                       user->name, USER_RULES_MAX);
    *vec_add(&user->rules) = *rule;
    for (size_t i = 0; i < sizeof user->somewhere.bits / sizeof(uint64_t); i++)
        user->somewhere.bits[i] |= rule->actions.bits[i];
    return 0;
}

static int by_name(const void *x, const void *y)
{
    const struct user *a = *(struct user *const *)x;
    const struct user *b = *(struct user *const *)y;

    return strcmp(a->name, b->name);
}

static int compare_secret(const struct secret *a, const struct secret *b)
{
    return a->kind != b->kind ? (a->kind < b->kind ? -1 : 1)
                              : strcmp(a->text, b->text);
}

static int by_secret(const void *x, const void *y)
{
    const struct user_secret *a = x, *b = y;

    return compare_secret(a->secret, b->secret);
}

/* A secret says who somebody is, so no two users share one. Passwords come with
 * a name. */
static int index_secrets(struct users *users, struct err *err)
{
    for (uint32_t i = 0; i < users->all.count; i++) {
        const struct user *user = users->all.item[i];
        for (uint32_t j = 0; j < user->secrets.count; j++)
            if (user->secrets.item[j].kind != SECRET_PASSWORD)
                *vec_add(&users->by_secret) =
                    (struct user_secret){&user->secrets.item[j], user};
    }
    if (users->by_secret.count > 0)
        qsort(users->by_secret.item, users->by_secret.count,
              sizeof *users->by_secret.item, by_secret);
    for (uint32_t i = 1; i < users->by_secret.count; i++) {
        const struct user_secret *a = &users->by_secret.item[i - 1];
        const struct user_secret *b = &users->by_secret.item[i];
        if (by_secret(a, b) == 0)
            return err_set(
                err, ERR_EXISTS, "users '%s' and '%s' have the same %s",
                a->user->name, b->user->name,
                a->secret->kind == SECRET_TOKEN ? "token" : "certificate");
    }
    return 0;
}

int users_seal(struct users *users, struct err *err)
{
    if (users->all.count > 0)
        qsort(users->all.item, users->all.count, sizeof *users->all.item,
              by_name);
    for (uint32_t i = 1; i < users->all.count; i++)
        if (strcmp(users->all.item[i - 1]->name, users->all.item[i]->name) == 0)
            return err_set(err, ERR_EXISTS, "user '%s': given twice",
                           users->all.item[i]->name);
    return index_secrets(users, err);
}

/* --- asking --- */

static int compare_name(const void *name, const void *user)
{
    return strcmp(name, (*(struct user *const *)user)->name);
}

const struct user *users_find(const struct users *users, const char *name)
{
    struct user **found = users->all.count == 0
                              ? NULL
                              : bsearch(name, users->all.item, users->all.count,
                                        sizeof *users->all.item, compare_name);

    return found ? *found : NULL;
}

const struct user *users_by_secret(const struct users *users,
                                   enum secret_kind kind, const char *text)
{
    struct secret wanted = {kind, (char *)(uintptr_t)text};
    struct user_secret key = {&wanted, NULL};

    if (users->by_secret.count == 0)
        return NULL;
    const struct user_secret *found =
        bsearch(&key, users->by_secret.item, users->by_secret.count,
                sizeof *users->by_secret.item, by_secret);
    return found ? found->user : NULL;
}

static bool rule_holds(const struct rule *rule, enum action action,
                       const struct object *object)
{
    return action_set_has(&rule->actions, action) &&
           pattern_matches(&rule->part[1], object->role) &&
           pattern_matches(&rule->part[2], object->env) &&
           pattern_matches(&rule->part[3], object->name) &&
           pattern_matches(&rule->part[0], object->cluster);
}

bool user_may(const struct user *user, enum action action,
              const struct object *object)
{
    if (!user_may_somewhere(user, action))
        return false;
    for (uint32_t i = 0; i < user->rules.count; i++)
        if (rule_holds(&user->rules.item[i], action, object))
            return true;
    return action == ACTION_NONE;
}

bool user_may_somewhere(const struct user *user, enum action action)
{
    return action == ACTION_NONE || action_set_has(&user->somewhere, action);
}
