#include "script/port_security.h"

#include "script/security_file.h"
#include "sys/credentials_file.h"
#include "sys/log.h"

#include <string.h>

static bool is_given(const char *text)
{
    return text && *text;
}

/* By security.lua: every realm asks. */
static int settle_users(const struct port_security *in, struct gate_config *out,
                        struct err *err)
{
    size_t size = strlen(in->security);

    for (uint32_t i = 0; i < in->flag_count; i++)
        if (in->flag[i].is_set)
            return err_set(err, ERR_INVALID,
                           "%s: with security everybody is asked; want one of "
                           "them",
                           in->flag[i].name);
    if (is_given(in->credentials))
        return err_set(err, ERR_INVALID, "security and %s: want one of them",
                       in->credentials_flag);
    if (size > 4 && strcmp(in->security + size - 4, ".ini") == 0) {
        (void)err_set(err, ERR_UNSUPPORTED,
                      "security '%s': want a security.lua; a security.ini is "
                      "for the scheduler alone",
                      in->security);
        return -ERR_UNSUPPORTED;
    }
    out->file = in->security;
    out->read = security_file_load;
    for (int i = REALM_OPEN + 1; i < REALM_COUNT; i++)
        out->asks[i] = true;
    return 0;
}

int port_security_settle(const struct port_security *in,
                         struct gate_config *out, struct err *err)
{
    if (is_given(in->security))
        return settle_users(in, out, err);
    for (uint32_t i = 0; i < in->flag_count; i++) {
        /* Executors have tokens of the agent. */
        if (in->flag[i].is_set && in->flag[i].realm != REALM_EXECUTOR &&
            !is_given(in->credentials)) {
            (void)err_set(err, ERR_INVALID, "%s: want %s besides",
                          in->flag[i].name, in->credentials_flag);
            err_hint(err, "or a security.lua, with --security=FILE");
            return -ERR_INVALID;
        }
        out->asks[in->flag[i].realm] = in->flag[i].is_set;
    }
    if (is_given(in->credentials)) {
        out->file = in->credentials;
        out->read = credentials_file_load;
    }
    return 0;
}

void port_security_log(const struct gate_config *config)
{
    bool asks = false;

    for (int i = 0; i < REALM_COUNT; i++)
        asks |= config->asks[i];
    if (!asks)
        log_line(LOG_LEVEL_WARN,
                 "security_off advice=\"everybody who reaches this port may do "
                 "everything; --security FILE says who may do what\"");
}
