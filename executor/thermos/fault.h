/* What a failed system call means for the start of a process.
 *
 *   it may pass: LOST, and it runs again (up to 100 runs, as for any process)
 *     EAGAIN ENOMEM EMFILE ENFILE ENOBUFS    too many processes, files; memory
 *     ENOSPC EDQUOT                          the disk or the quota is full
 *     EINTR ETXTBSY                          interrupted; being written
 *     killed before its program began
 *   it will not: FAILED, with the reason in the status message
 *     everything else: EACCES EPERM EROFS ENOENT ENOTDIR ELOOP EISDIR
 *     ENAMETOOLONG ENOEXEC E2BIG EIO ... */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* ERR_BUSY or ERR_NO_SPACE for what may pass, else ERR_IO. */
enum err_code fault_code(int cause);
/* Of a failed call's result (-ERR_x). */
bool fault_passes(int rc);
