#include "tests/sim/master_look.h"

#include "master/core/maintenance.h"
#include "master/core/master.h"
#include "master/program.h"

#include <stdio.h>
#include <strings.h>

enum warden_mode master_look_mode(const struct master_program *master,
                                  const char *host)
{
    const struct master *m = master_program_core(master);

    for (const struct master_machine *one = m->machines; one;
         one = one->hh.next)
        if (strcasecmp(one->hostname, host) == 0)
            return one->is_down ? WARDEN_IS_DOWN : WARDEN_IS_GOING;
    return WARDEN_IS_UP;
}

uint32_t master_look_machines(const struct master_program *master)
{
    return HASH_COUNT(master_program_core(master)->machines);
}

static bool is_scheduled(const struct master *m, const struct agent *agent)
{
    for (const struct master_machine *one = m->machines; one;
         one = one->hh.next)
        if (strcasecmp(one->hostname, agent->hostname) == 0)
            return true;
    return false;
}

bool master_look_broke(const struct master_program *master, char *out,
                       size_t size)
{
    const struct master *m = master_program_core(master);

    for (const struct agent *a = m->agents; a; a = a->hh.next)
        if (master_look_mode(master, a->hostname) == WARDEN_IS_DOWN) {
            (void)snprintf(out, size, "agent %s is let in: %s is down", a->id,
                           a->hostname);
            return true;
        }
    for (const struct inverse *i = m->inverses; i; i = i->hh.next)
        if (!is_scheduled(m, i->agent)) {
            (void)snprintf(out, size, "offer %llu asks for %s, which stays",
                           (unsigned long long)i->number, i->agent->id);
            return true;
        }
    return false;
}
