/* How the ports of master and agent are guarded, out of their configuration: by
 * a security.lua (script/security_file.h), where every realm asks and nothing
 * is allowed that the file does not allow; or as Mesos has it, by a file of
 * credentials (sys/credentials_file.h) and a flag for each realm, where who is
 * somebody may do everything. Not both at once. */
#pragma once
#include "sys/gate.h"

enum { PORT_FLAGS_MAX = 4 };

struct port_security {
    const char *security;    /* NULL, "": none */
    const char *credentials; /* the same */
    const char *credentials_flag;
    struct port_flag { /* "authenticate_agents" */
        const char *name;
        enum realm realm;
        bool is_set;
    } flag[PORT_FLAGS_MAX];
    uint32_t flag_count;
};

/* The file, its reader and the realms; the rest of *out stays. */
int port_security_settle(const struct port_security *in,
                         struct gate_config *out, struct err *err);
/* What the log says about it at the start. */
void port_security_log(const struct gate_config *config);
