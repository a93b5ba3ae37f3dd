/* /files/browse, /files/read, /files/download: sandboxes over HTTP, as Mesos
 * serves them. A path is absolute (inside work_dir) or as the agent's own view
 * has it: /frameworks/<id>/executors/<id>/runs/<container or latest>/... The
 * kernel resolves what lies behind the sandbox beneath it: no link and no ".."
 * leads out. */
#pragma once
#include "agent/program.h"
#include "sys/daemon.h"

struct files;
/* Everything is borrowed. */
struct files *files_open(struct daemon *daemon,
                         const struct agent_program *program,
                         const char *work_dir);
void files_close(struct files *files);
/* A daemon_route for "/files" and "/slave(1)/files". */
bool files_route(void *files, exchange_id exchange,
                 const struct http_request *request);

/* Open a path as the routes do: a descriptor, or -errno (ENOENT: no such file,
 * EXDEV: outside of every sandbox). */
int files_resolve(const char *work_dir, const char *agent_id, const char *path);
