/* Aurora's security.ini (Apache Shiro's form) as users and permissions:
 *
 *     [users]
 *     sally = apple, eng          # password, roles
 *     [roles]
 *     admin = *
 *     eng = thrift.AuroraSchedulerManager:killTasks:www-data:*:*
 *
 * Passwords stand in it as they are, and are hashed when it is read. As there,
 * reading is not protected: every user may look at everything; and a service is
 * the one that declares the method, so that all of AuroraAdmin is not the least
 * of AuroraSchedulerManager. */
#pragma once
#include "base/bytes.h"
#include "base/permission.h"

/* Sealed. `text` is wiped. `note` (may stay empty) says what is understood and
 * has no counterpart here. */
int security_ini_read(struct buf *text, struct users **out, struct buf *note,
                      struct err *err);
/* The same of a file. */
int security_ini_load(const char *path, struct users **out, struct buf *note,
                      struct err *err);
