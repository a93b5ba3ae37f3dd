#include "aurora/security_ini.h"

#include "sys/file.h"
#include "sys/secret.h"

#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20, LINES_MAX = 20000, ROLES_MAX = 1000 };

/* Which actions a method of Aurora's services stands for: patterns, each
 * followed by a space; "" when there is nothing like it here. */
// clang-format off
static const struct method {
    const char *name, *actions;
    bool is_admin;
} METHODS[] = {
    {"createJob", "job.create group.deploy asset.put ", false},
    {"scheduleCronJob", "job.create cron.pause cron.resume asset.put ", false},
    {"replaceCronTemplate", "job.create update.start asset.put ", false},
    {"descheduleCronJob", "cron.deschedule ", false},
    {"startCronJob", "cron.start ", false},
    {"restartShards", "job.restart ", false},
    {"killTasks", "job.kill group.remove ", false},
    {"addInstances", "job.scale group.scale ", false},
    {"startJobUpdate", "update.start asset.put ", false},
    {"pauseJobUpdate", "update.pause ", false},
    {"resumeJobUpdate", "update.resume ", false},
    {"abortJobUpdate", "update.abort ", false},
    {"rollbackJobUpdate", "update.rollback ", false},
    {"pulseJobUpdate", "update.pulse ", false},
    {"setQuota", "quota.set ", true},
    {"performBackup", "backup.create ", true},
    {"listBackups", "backup.read ", true},
    {"startMaintenance", "host.deactivate ", true},
    {"drainHosts", "host.drain ", true},
    {"slaDrainHosts", "host.drain ", true},
    {"maintenanceStatus", "host.read ", true},
    {"endMaintenance", "host.activate ", true},
    {"triggerExplicitTaskReconciliation", "cluster.reconcile ", true},
    {"triggerImplicitTaskReconciliation", "cluster.reconcile ", true},
    {"forceTaskState", "", true},
    {"stageRecovery", "", true},
    {"queryRecovery", "", true},
    {"deleteRecoveryTasks", "", true},
    {"commitRecovery", "", true},
    {"unloadRecovery", "", true},
    {"snapshot", "", true},
    {"rewriteConfigs", "", true},
    {"pruneTasks", "", true},
};
// clang-format on
static const char READS[] =
    "job.read quota.read tier.read sla.read host.read cluster.read ";

struct ini_role {
    char name[USER_NAME_MAX];
    VEC(struct rule) rules;
};

struct ini_user {
    char name[USER_NAME_MAX];
    char hash[SECRET_HASH_MAX];
    char *roles; /* in the text */
    int line;
};

struct ini {
    VEC(struct ini_role) roles;
    VEC(struct ini_user) users;
    struct buf *note;
    int line;
    struct err *err;
};

static int refuse(struct ini *ini, const char *what, const char *text)
{
    return err_set(ini->err, ERR_INVALID, "line %d: %s '%.80s'", ini->line,
                   what, text);
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (char *end = text + strlen(text);
         end > text && strchr(" \t\r", end[-1]);)
        *--end = '\0';
    return text;
}

/* The next part before one of `ends`; quotes keep them together. NULL: none. */
static char *next_part(char **at, char end)
{
    bool is_quoted = false;
    char *from = *at;

    if (!from)
        return NULL;
    for (char *c = from; *c; c++) {
        is_quoted ^= *c == '"';
        if (*c != end || is_quoted)
            continue;
        *c = '\0';
        *at = c + 1;
        return trim(from);
    }
    *at = NULL;
    return trim(from);
}

static void unquote(char *text)
{
    char *out = text;

    for (; *text; text++)
        if (*text != '"')
            *out++ = *text;
    *out = '\0';
}

/* --- permissions --- */

static void add_actions(struct action_set *set, const char *patterns)
{
    char pattern[64];

    for (const char *at = patterns; *at; at += strcspn(at, " ") + 1) {
        (void)snprintf(pattern, sizeof pattern, "%.*s", (int)strcspn(at, " "),
                       at);
        (void)action_set_parse(set, pattern, NULL);
    }
}

static int add_method(struct ini *ini, const char *name, bool with_admin,
                      struct action_set *set)
{
    bool is_any = strcmp(name, "*") == 0, is_known = is_any;

    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        const struct method *m = &METHODS[i];
        if (m->is_admin && !with_admin)
            continue;
        if (!is_any && strcmp(m->name, name) != 0)
            continue;
        is_known = true;
        add_actions(set, m->actions);
        if (!is_any && !*m->actions)
            buf_addf(ini->note, "line %d: '%s' has no counterpart here; ",
                     ini->line, name);
    }
    return is_known ? 0 : refuse(ini, "no such method:", name);
}

static int read_service(struct ini *ini, const char *service, bool *is_admin)
{
    static const char *const known[] = {"*", "thrift.AuroraAdmin", "thrift.*",
                                        "thrift.AuroraSchedulerManager",
                                        "thrift.ReadOnlyScheduler"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], service) == 0) {
            *is_admin = i < 3;
            return 0;
        }
    return refuse(ini, "no such service:", service);
}

/* service:method,method:role:environment:job; each may be left out or "*". A
 * part with commas is several permissions of ours; only methods may have them.
 */
static int read_permission(struct ini *ini, char *text, struct rule *out)
{
    char *at = text, *part[5] = {0}, *method;
    bool is_admin = false;
    int count = 0;

    *out = (struct rule){0};
    for (char *one; (one = next_part(&at, ':')) && count < 5;)
        part[count++] = one;
    if (at || count == 0 || !*part[0])
        return refuse(ini, "want service:method:role:environment:job, got",
                      text);
    if (read_service(ini, part[0], &is_admin) < 0)
        return -ERR_INVALID;
    if (count == 1 && strcmp(part[0], "*") == 0)
        return action_set_parse(&out->actions, "*", ini->err);
    at = part[1] ? part[1] : "*";
    char methods[512];
    if (snprintf(methods, sizeof methods, "%s", at) >= (int)sizeof methods)
        return refuse(ini, "too long:", at);
    for (at = methods; (method = next_part(&at, ','));)
        if (add_method(ini, method, is_admin, &out->actions) < 0)
            return -ERR_INVALID;
    for (int i = 2; i < count; i++)
        if (pattern_parse(&out->part[i - 1], part[i], ini->err) < 0)
            return err_wrap(ini->err, "line %d", ini->line);
    return 0;
}

/* --- sections --- */

static int read_role(struct ini *ini, const char *name, char *value)
{
    struct rule rule;
    char *one;

    if (strlen(name) >= USER_NAME_MAX || ini->roles.count >= ROLES_MAX)
        return refuse(ini, "too many roles, or too long a name:", name);
    struct ini_role *role = vec_add(&ini->roles);
    memset(role, 0, sizeof *role);
    (void)snprintf(role->name, sizeof role->name, "%s", name);
    while ((one = next_part(&value, ','))) {
        unquote(one);
        if (read_permission(ini, one, &rule) < 0)
            return -ERR_INVALID;
        *vec_add(&role->rules) = rule;
    }
    return 0;
}

static int read_user(struct ini *ini, const char *name, char *value)
{
    char *password = next_part(&value, ',');

    if (strlen(name) >= USER_NAME_MAX || ini->users.count >= USERS_MAX)
        return refuse(ini, "too many users, or too long a name:", name);
    if (!password || !*password)
        return refuse(ini, "no password for user", name);
    struct ini_user *user = vec_add(&ini->users);
    memset(user, 0, sizeof *user);
    (void)snprintf(user->name, sizeof user->name, "%s", name);
    secret_hash_plain(password, user->hash);
    secret_wipe(password, strlen(password));
    user->roles = value;
    user->line = ini->line;
    return 0;
}

static int read_line(struct ini *ini, char *line, char section[32])
{
    line = trim(line);
    if (!*line || *line == '#' || *line == ';')
        return 0;
    if (*line == '[') {
        size_t size = strcspn(line, "]");
        if (line[size] != ']' || line[size + 1])
            return refuse(ini, "want [section], got", line);
        (void)snprintf(section, 32, "%.*s", (int)size - 1, line + 1);
        if (strcmp(section, "users") != 0 && strcmp(section, "roles") != 0)
            buf_addf(ini->note, "line %d: section '%s' is passed over; ",
                     ini->line, section);
        return 0;
    }
    char *value = strchr(line, '=');
    if (strcmp(section, "users") != 0 && strcmp(section, "roles") != 0)
        return *section ? 0 : refuse(ini, "want a [section] first, got", line);
    if (!value) /* not the line itself: it may be a password */
        return refuse(ini, "want name = ... in section", section);
    *value++ = '\0';
    line = trim(line);
    return strcmp(section, "users") == 0 ? read_user(ini, line, value)
                                         : read_role(ini, line, value);
}

static int read_lines(struct ini *ini, char *text)
{
    char section[32] = "";
    char *line;

    while (text && ini->line < LINES_MAX) {
        line = text;
        text = strchr(text, '\n');
        if (text)
            *text++ = '\0';
        ini->line++;
        if (read_line(ini, line, section) < 0)
            return -ERR_INVALID;
    }
    return text ? err_set(ini->err, ERR_LIMIT, "want at most %d lines",
                          LINES_MAX)
                : 0;
}

static int grant(struct ini *ini, struct user *user, const char *role)
{
    for (uint32_t i = 0; i < ini->roles.count; i++) {
        const struct ini_role *r = &ini->roles.item[i];
        if (strcmp(r->name, role) != 0)
            continue;
        for (uint32_t k = 0; k < r->rules.count; k++)
            if (user_add_rule(user, &r->rules.item[k], ini->err) < 0)
                return -ERR_LIMIT;
        return 0;
    }
    /* Shiro has no objection. */
    buf_addf(ini->note, "line %d: no role '%.60s' stands here; ", ini->line,
             role);
    return 0;
}

static int add_users(struct ini *ini, struct users *users)
{
    struct rule reads = {0};

    add_actions(&reads.actions, READS);
    for (uint32_t i = 0; i < ini->users.count; i++) {
        struct ini_user *from = &ini->users.item[i];
        struct user *user;
        char *role;
        ini->line = from->line;
        if (users_add(users, from->name, &user, ini->err) < 0 ||
            user_add_secret(user, SECRET_PASSWORD, from->hash, ini->err) < 0 ||
            user_add_rule(user, &reads, ini->err) < 0)
            return err_wrap(ini->err, "line %d", from->line);
        while ((role = next_part(&from->roles, ',')))
            if (*role && grant(ini, user, role) < 0)
                return err_wrap(ini->err, "line %d", from->line);
    }
    return users_seal(users, ini->err);
}

int security_ini_read(struct buf *text, struct users **out, struct buf *note,
                      struct err *err)
{
    struct err none = {0};
    struct ini ini = {.note = note, .err = err ? err : &none};
    struct users *users = users_new();
    int rc;

    if (memchr(text->data, 0, text->size))
        rc = err_set(ini.err, ERR_INVALID, "a zero byte is not allowed");
    else
        rc = read_lines(&ini, (char *)(uintptr_t)buf_text(text));
    if (rc == 0)
        rc = add_users(&ini, users);
    for (uint32_t i = 0; i < ini.roles.count; i++)
        vec_free(&ini.roles.item[i].rules);
    vec_free(&ini.roles);
    vec_free(&ini.users);
    secret_wipe(text->data, text->size);
    if (rc < 0)
        users_unref(users);
    else
        *out = users;
    return rc;
}

int security_ini_load(const char *path, struct users **out, struct buf *note,
                      struct err *err)
{
    struct buf text = {0};
    int rc = file_read(path, FILE_BYTES_MAX, &text, err);

    if (rc == 0) {
        rc = security_ini_read(&text, out, note, err);
        if (rc < 0)
            (void)err_wrap(err, "%s", path);
    }
    buf_release(&text);
    return rc;
}
