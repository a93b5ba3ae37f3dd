#include "tests/sim/notice_look.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

#include <assert.h>

bool notice_look(const struct aurora_program *p, uint64_t ticket,
                 char out[NOTICE_LOOK_MAX])
{
    const struct notice *notice = aurora_notice(aurora_program_core(p), ticket);

    static_assert((int)NOTICE_ID_MAX == (int)NOTICE_LOOK_MAX, "of one size");
    if (notice)
        (void)notice_id(notice, out);
    return notice != NULL;
}
