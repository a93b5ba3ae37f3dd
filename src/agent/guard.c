#include "agent/guard.h"
#include "agent/acts.h"
#include "agent/program.h"
#include "base/arena.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

/* Executors live longer than an agent's process: so does the key. */
static int read_key(const char *path, char out[SECRET_HASH_MAX],
                    struct err *err)
{
    struct buf text = {0};
    int rc = file_read(path, SECRET_HASH_MAX - 1, &text, err);
    if (rc == 0 && text.size < 32)
        rc = err_set(err, ERR_DAMAGED,
                     "'%s': want a key; when it is removed while no executor "
                     "runs, the agent makes a new one",
                     path);
    if (rc == 0)
        snprintf(out, SECRET_HASH_MAX, "%s", buf_text(&text));
    secret_wipe(text.data, text.size);
    buf_release(&text);
    return rc;
}

static int settle_key(const char *work_dir, char out[SECRET_HASH_MAX],
                      struct err *err)
{
    char path[4096 + 16];
    struct err none = {0};
    snprintf(path, sizeof path, "%s/executor.key", work_dir);
    int rc = read_key(path, out, &none);
    if (rc == 0)
        return 0;
    if (none.code != ERR_NOT_FOUND) {
        *err = none;
        return rc;
    }
    secret_token_new(out);
    return file_write(path, bytes_of_text(out), 0600, true, err);
}

int agent_guard_open(struct agent_guard *guard,
                     const struct agent_guard_config *config, struct err *err)
{
    struct gate_config gate = {.name = "mesos-agent",
                               .realm_of = agent_realm_of,
                               .fact = AGENT_FACT_USERS};
    int rc = port_security_settle(&config->port, &gate, err);
    if (rc == 0 && config->credential != NULL && *config->credential != '\0') {
        secret_guard_parent();
        rc = credential_file_load(config->credential, &guard->credential, err);
    }
    if (rc == 0)
        rc = settle_key(config->work_dir, guard->executor_key, err);
    if (rc == 0)
        rc = gate_open(&guard->gate, &gate, err);
    if (rc < 0)
        return rc;
    port_security_log(&gate);
    credential_warn(&guard->credential, config->master);
    return 0;
}

void agent_guard_close(struct agent_guard *guard)
{
    gate_close(guard->gate);
    credential_release(&guard->credential);
    secret_wipe(guard->executor_key, sizeof guard->executor_key);
    guard->gate = NULL;
}
