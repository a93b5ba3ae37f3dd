#include "aurora/security_shell.h"

#include "aurora/program.h"
#include "aurora/security_ini.h"
#include "base/alloc.h"
#include "script/security_file.h"
#include "sys/beside.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/log.h"
#include "sys/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- reading, on any thread --- */

struct rules {
    struct security_shell *shell;
    const char *security, *roles;
    struct users *users;
    struct os_users os_users;
    struct buf note;
    struct err err;
};

static bool is_ini(const char *path)
{
    size_t size = strlen(path);

    return size > 4 && strcmp(path + size - 4, ".ini") == 0;
}

static int read_rules(struct rules *r, struct err *err)
{
    int rc = 0;

    if (r->security)
        rc = is_ini(r->security)
                 ? security_ini_load(r->security, &r->users, &r->note, err)
                 : security_file_load(r->security, &r->users, err);
    if (rc == 0 && r->roles)
        rc = roles_file_load(r->roles, &r->os_users, err);
    if (rc < 0) {
        users_unref(r->users);
        r->users = NULL;
    }
    return rc;
}

static void warn(const struct rules *r)
{
    struct stat st;

    if (!r->security || !is_ini(r->security))
        return;
    log_line(LOG_LEVEL_WARN,
             "security_plain_passwords file=%s advice=\"write a security.lua "
             "with hashes of `clusterctl user hash`\"",
             log_value(r->security));
    if (stat(r->security, &st) == 0 && (st.st_mode & 077))
        log_line(LOG_LEVEL_WARN,
                 "security_readable_by_others file=%s advice=\"chmod 600\"",
                 log_value(r->security));
    if (r->note.size > 0)
        log_line(LOG_LEVEL_WARN, "security_partly_understood why=%s",
                 log_value(buf_text((struct buf *)(uintptr_t)&r->note)));
}

/* --- at the start --- */

static void begin_reading(void *context);

int security_shell_load(struct security_shell *shell,
                        struct aurora_program *program, struct err *err)
{
    struct rules rules = {.security = shell->security, .roles = shell->roles};
    const char *const file[REREAD_FILES_MAX] = {shell->security, shell->roles};

    reread_init(&shell->reread, file, begin_reading, shell);
    if (!shell->security)
        log_line(
            LOG_LEVEL_WARN,
            "security_off advice=\"everybody may do everything; --security "
            "FILE says who may do what\"");
    int rc = read_rules(&rules, err);
    if (rc == 0) {
        warn(&rules);
        aurora_program_set_security(program, rules.users, &rules.os_users,
                                    shell->security ? shell->security : "",
                                    clock_wall_ms());
    }
    buf_release(&rules.note);
    return rc;
}

/* --- again --- */

static void on_work(void *context)
{
    struct rules *r = context;

    (void)read_rules(r, &r->err);
}

static void on_done(void *context)
{
    struct rules *r = context;
    struct security_shell *shell = r->shell;
    struct aurora_security_fact fact = {.users = r->users,
                                        .os_users = r->os_users};

    (void)snprintf(fact.why, sizeof fact.why, "%s",
                   r->err.code ? r->err.text : "");
    if (!r->err.code)
        warn(r);
    daemon_fact(shell->daemon, AURORA_FACT_SECURITY, &fact, sizeof fact);
    buf_release(&r->note);
    free(r);
    reread_done(&shell->reread);
}

static void begin_reading(void *context)
{
    struct security_shell *shell = context;
    struct rules *r = xcalloc(1, sizeof *r);

    r->shell = shell;
    r->security = shell->security;
    r->roles = shell->roles;
    beside_add(shell->beside, on_work, on_done, r);
}

/* A client's certificate was refused: the audit log hears of it. */
static void on_refused(void *context, const struct tls_refusal *refusal)
{
    struct security_shell *shell = context;
    struct aurora_handshake_fact fact = {0};

    (void)snprintf(fact.peer, sizeof fact.peer, "%s", refusal->peer);
    (void)snprintf(fact.subject, sizeof fact.subject, "%s",
                   refusal->subject ? refusal->subject : "");
    (void)snprintf(fact.why, sizeof fact.why, "%s", refusal->why);
    daemon_fact(shell->daemon, AURORA_FACT_HANDSHAKE, &fact, sizeof fact);
}

int security_shell_attach(struct security_shell *shell, struct daemon *daemon,
                          struct event_base *base, struct err *err)
{
    shell->daemon = daemon;
    daemon_on_refused(daemon, on_refused, shell);
    if (!shell->security && !shell->roles)
        return 0;
    int rc = beside_open(&shell->beside, base, err);
    return rc < 0 ? rc : reread_watch(&shell->reread, base, err);
}

/* --- passwords --- */

struct checking {
    struct daemon *daemon;
    struct aurora_verify act;
};

static void check_password(void *context)
{
    aurora_verify_run(((struct checking *)context)->act.work);
}

static void on_checked(void *context)
{
    struct checking *checking = context;
    struct aurora_verified fact = {.ticket = checking->act.ticket};

    daemon_fact(checking->daemon, AURORA_FACT_VERIFIED, &fact, sizeof fact);
    free(checking);
}

bool security_shell_act(struct security_shell *shell, uint32_t kind,
                        const void *data)
{
    if (kind != AURORA_ACT_VERIFY)
        return false;
    struct checking *checking = xcalloc(1, sizeof *checking);
    checking->daemon = shell->daemon;
    checking->act = *(const struct aurora_verify *)data;
    beside_add(shell->beside, check_password, on_checked, checking);
    return true;
}

void security_shell_close(struct security_shell *shell)
{
    reread_close(&shell->reread);
    beside_close(shell->beside);
}
