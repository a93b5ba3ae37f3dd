#include "aurora/security_ini.h"

#include "script/security_file.h"
#include "sys/file.h"
#include "sys/secret.h"

#include <stdio.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 1 << 20,
    LINES_MAX = 20000,
    ROLES_MAX = 1000,
    CHOICES_MAX = 32 /* of one part of a permission */
};

/* Aurora asks for each method by the name of the one service that declares it:
 * who may everything of another one may not do it. */
enum service { MANAGER = 1, ADMIN = 2, READER = 4 };

/* Which actions a method of Aurora's services stands for: patterns, each
 * followed by a space; "" when there is nothing like it here. */
// clang-format off
static const struct method {
    const char *name, *actions;
    enum service service;
} METHODS[] = {
    {"createJob", "job.create group.deploy asset.put ", MANAGER},
    {"scheduleCronJob", "job.create cron.pause cron.resume asset.put ", MANAGER},
    {"replaceCronTemplate", "job.create update.start asset.put ", MANAGER},
    {"descheduleCronJob", "cron.deschedule ", MANAGER},
    {"startCronJob", "cron.start ", MANAGER},
    {"restartShards", "job.restart ", MANAGER},
    {"killTasks", "job.kill group.remove ", MANAGER},
    {"addInstances", "job.scale group.scale ", MANAGER},
    {"startJobUpdate", "update.start asset.put ", MANAGER},
    {"pauseJobUpdate", "update.pause ", MANAGER},
    {"resumeJobUpdate", "update.resume ", MANAGER},
    {"abortJobUpdate", "update.abort ", MANAGER},
    {"rollbackJobUpdate", "update.rollback ", MANAGER},
    {"pulseJobUpdate", "update.pulse ", MANAGER},
    {"setQuota", "quota.set ", ADMIN},
    {"performBackup", "backup.create ", ADMIN},
    {"listBackups", "backup.read ", ADMIN},
    {"startMaintenance", "host.deactivate ", ADMIN},
    {"drainHosts", "host.drain ", ADMIN},
    {"slaDrainHosts", "host.drain ", ADMIN},
    {"maintenanceStatus", "host.read ", ADMIN},
    {"endMaintenance", "host.activate ", ADMIN},
    {"triggerExplicitTaskReconciliation", "cluster.reconcile ", ADMIN},
    {"triggerImplicitTaskReconciliation", "cluster.reconcile ", ADMIN},
    {"forceTaskState", "", ADMIN},
    {"stageRecovery", "", ADMIN},
    {"queryRecovery", "", ADMIN},
    {"deleteRecoveryTasks", "", ADMIN},
    {"commitRecovery", "", ADMIN},
    {"unloadRecovery", "", ADMIN},
    {"snapshot", "", ADMIN},
    {"rewriteConfigs", "", ADMIN},
    {"pruneTasks", "", ADMIN},
    {"getRoleSummary", "job.read ", READER},
    {"getJobSummary", "job.read ", READER},
    {"getTasksStatus", "job.read ", READER},
    {"getTasksWithoutConfigs", "job.read ", READER},
    {"getPendingReason", "job.read ", READER},
    {"getConfigSummary", "job.read ", READER},
    {"getJobs", "job.read ", READER},
    {"getQuota", "quota.read ", READER},
    {"populateJobConfig", "job.read ", READER},
    {"getJobUpdateSummaries", "job.read ", READER},
    {"getJobUpdateDetails", "job.read ", READER},
    {"getJobUpdateDiff", "job.read ", READER},
    {"getTierConfigs", "tier.read ", READER},
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

static void add_note(struct ini *ini, const char *name, const char *why)
{
    buf_addf(ini->note, "line %d: '%s' %s; ", ini->line, name, why);
}

static int add_method(struct ini *ini, const char *name, unsigned services,
                      struct action_set *set)
{
    bool is_any = strcmp(name, "*") == 0, is_known = is_any;

    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        const struct method *m = &METHODS[i];
        if (!is_any && strcmp(m->name, name) != 0)
            continue;
        is_known = true;
        if (m->service & services)
            add_actions(set, m->actions);
        else if (!is_any)
            add_note(ini, name,
                     "is no method of that service and grants nothing");
        if (!is_any && !*m->actions)
            add_note(ini, name, "has no counterpart here");
    }
    return is_known ? 0 : refuse(ini, "no such method:", name);
}

static int read_service(struct ini *ini, const char *name, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned services;
    } known[] = {{"*", MANAGER | ADMIN | READER},
                 {"thrift.AuroraAdmin", ADMIN},
                 {"thrift.AuroraSchedulerManager", MANAGER},
                 {"thrift.ReadOnlyScheduler", READER}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            *out = known[i].services;
            return 0;
        }
    return refuse(ini, "no such service:", name);
}

/* "a,b": any of them. */
struct choices {
    struct pattern item[CHOICES_MAX];
    int count;
};

static int read_choices(struct ini *ini, char *text, struct choices *out)
{
    char *one;

    out->count = 0;
    while ((one = next_part(&text, ','))) {
        if (out->count == CHOICES_MAX)
            return refuse(ini, "too many in one part, at", one);
        if (pattern_parse(&out->item[out->count++], one, ini->err) < 0)
            return err_wrap(ini->err, "line %d", ini->line);
    }
    return 0;
}

/* A rule of ours has one pattern in each part. */
static int add_rules(struct ini *ini, struct ini_role *role,
                     const struct rule *rule, const struct choices part[3])
{
    int64_t count = (int64_t)part[0].count * part[1].count * part[2].count;

    if (role->rules.count + count > USER_RULES_MAX)
        return refuse(ini, "too many permissions in role", role->name);
    for (int r = 0; r < part[0].count; r++)
        for (int e = 0; e < part[1].count; e++)
            for (int j = 0; j < part[2].count; j++) {
                struct rule *one = vec_add(&role->rules);
                *one = *rule;
                one->part[1] = part[0].item[r];
                one->part[2] = part[1].item[e];
                one->part[3] = part[2].item[j];
            }
    return 0;
}

static int read_methods(struct ini *ini, const char *text, unsigned services,
                        struct action_set *set)
{
    char methods[512], *at = methods, *method;

    if (snprintf(methods, sizeof methods, "%s", text) >= (int)sizeof methods)
        return refuse(ini, "too long:", text);
    while ((method = next_part(&at, ',')))
        if (add_method(ini, method, services, set) < 0)
            return -ERR_INVALID;
    return 0;
}

/* service:method:role:environment:job; each may be left out or "*", and all but
 * the service may be several with commas between them. */
static int read_permission(struct ini *ini, char *text, struct ini_role *role)
{
    char *at = text, *part[5] = {0}, any[] = "*";
    struct choices choices[3];
    struct rule rule = {0};
    unsigned services = 0;
    int count = 0;

    for (char *one; count < 5 && (one = next_part(&at, ':'));)
        part[count++] = one;
    if (at || count == 0 || !*part[0])
        return refuse(ini, "want service:method:role:environment:job, got",
                      text);
    if (read_service(ini, part[0], &services) < 0)
        return -ERR_INVALID;
    if (count == 1 && strcmp(part[0], "*") == 0) {
        *vec_add(&role->rules) = rule;
        return action_set_parse(
            &role->rules.item[role->rules.count - 1].actions, "*", ini->err);
    }
    if (read_methods(ini, part[1] ? part[1] : any, services, &rule.actions) < 0)
        return -ERR_INVALID;
    for (int i = 0; i < 3; i++)
        if (read_choices(ini, part[i + 2] ? part[i + 2] : any, &choices[i]) < 0)
            return -ERR_INVALID;
    return add_rules(ini, role, &rule, choices);
}

/* --- sections --- */

static int read_role(struct ini *ini, const char *name, char *value)
{
    char *one;

    if (strlen(name) >= USER_NAME_MAX || ini->roles.count >= ROLES_MAX)
        return refuse(ini, "too many roles, or too long a name:", name);
    struct ini_role *role = vec_add(&ini->roles);
    memset(role, 0, sizeof *role);
    (void)snprintf(role->name, sizeof role->name, "%s", name);
    while ((one = next_part(&value, ','))) {
        unquote(one);
        if (read_permission(ini, one, role) < 0)
            return -ERR_INVALID;
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
    char *value = strpbrk(line, "=:");
    if (strcmp(section, "users") != 0 && strcmp(section, "roles") != 0)
        return *section ? 0 : refuse(ini, "want a [section] first, got", line);
    if (!value) /* not the line itself: it may be a password */
        return refuse(ini, "want name = ... in section", section);
    *value++ = '\0';
    line = trim(line);
    return strcmp(section, "users") == 0 ? read_user(ini, line, value)
                                         : read_role(ini, line, value);
}

/* Does the line go on behind its end? */
static bool is_continued(const char *line, const char *end)
{
    const char *first = line + strspn(line, " \t");
    uint32_t slashes = 0;

    if (end > line && end[-1] == '\r')
        end--;
    while (end > line && *--end == '\\')
        slashes++;
    return slashes % 2 == 1 && *first != '#' && *first != ';';
}

/* One line, or several that are one; how many of the file. */
static int take_line(char **text, char **line)
{
    char *end = *text;
    int lines = 1;

    for (*line = *text;; lines++, end++) {
        end += strcspn(end, "\n");
        if (!*end || !is_continued(*line, end))
            break;
        char *slash = end[-1] == '\r' ? end - 2 : end - 1;
        memset(slash, ' ', (size_t)(end - slash) + 1);
    }
    *text = *end ? end + 1 : NULL;
    *end = '\0';
    return lines;
}

static int read_lines(struct ini *ini, char *text)
{
    char section[32] = "";
    char *line;
    int next = 1;

    while (text && next <= LINES_MAX) {
        ini->line = next;
        next += take_line(&text, &line);
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
    int rc = security_file_check_mode(path, err);

    if (rc == 0)
        rc = file_read(path, FILE_BYTES_MAX, &text, err);
    if (rc == 0) {
        rc = security_ini_read(&text, out, note, err);
        if (rc < 0)
            (void)err_wrap(err, "%s", path);
    }
    buf_release(&text);
    return rc;
}
