#include "executor/thermos/fault.h"

#include <errno.h>

enum err_code fault_code(int cause)
{
    switch (cause) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case EINTR:
    case ETXTBSY:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

bool fault_passes(int rc)
{
    return rc == -ERR_BUSY || rc == -ERR_NO_SPACE;
}
