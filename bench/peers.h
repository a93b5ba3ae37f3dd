/* Process supervisors of Debian that do a part of what a runner does: s6, runit
 * and supervisord. Each is given `count` services of one command. */
#pragma once
#include "bench/kit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum peer_kind { PEER_S6, PEER_RUNIT, PEER_SUPERVISORD, PEER_COUNT };

static const char *const peer_names[] = {"s6", "runit", "supervisord"};
static const char *const peer_programs[] = {
    "/usr/bin/s6-svscan", "/usr/bin/runsvdir", "/usr/bin/supervisord"};

struct peer {
    enum peer_kind kind;
    char dir[PATH_MAX];
    pid_t pid;
};

static inline bool peer_is_here(enum peer_kind kind)
{
    return access(peer_programs[kind], X_OK) == 0;
}

static inline FILE *peer_file(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "we");
    if (file == NULL || fchmod(fileno(file), mode) != 0)
        bench_fail("cannot write '%s'", path);
    return file;
}

static inline void peer_directory(const char *path)
{
    if (mkdir(path, 0755) != 0)
        bench_fail("cannot make '%s'", path);
}

/* One directory with a run script each, as s6 and runit want it. */
static inline void peer_services(const struct peer *peer, int count,
                                 const char *command)
{
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX + 64];
        (void)snprintf(path, sizeof path, "%s/%d", peer->dir, i);
        peer_directory(path);
        (void)snprintf(path, sizeof path, "%s/%d/run", peer->dir, i);
        FILE *file = peer_file(path, 0755);
        (void)fprintf(file, "#!/bin/bash\n%s\n", command);
        (void)fclose(file);
    }
}

static inline void peer_supervisord(const struct peer *peer, int count,
                                    const char *command)
{
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/conf", peer->dir);
    FILE *file = peer_file(path, 0644);
    (void)fprintf(file,
                  "[supervisord]\nnodaemon=true\nlogfile=/dev/null\n"
                  "logfile_maxbytes=0\nminfds=4096\npidfile=%s/pid\n"
                  "[program:p]\ncommand=/bin/bash -c '%s'\nnumprocs=%d\n"
                  "process_name=%%(process_num)d\nautorestart=true\n"
                  "startsecs=0\nstdout_logfile=/dev/null\n"
                  "stderr_logfile=/dev/null\n",
                  peer->dir, command, count);
    (void)fclose(file);
}

/* Prepare it in a directory that is there; nothing runs yet. */
static inline void peer_make(struct peer *peer, enum peer_kind kind,
                             const char *dir, int count, const char *command)
{
    *peer = (struct peer){.kind = kind};
    (void)snprintf(peer->dir, sizeof peer->dir, "%s", dir);
    if (kind == PEER_SUPERVISORD)
        peer_supervisord(peer, count, command);
    else
        peer_services(peer, count, command);
}

static inline void peer_start(struct peer *peer)
{
    char conf[PATH_MAX + 64];
    (void)snprintf(conf, sizeof conf, "%s/conf", peer->dir);
    char *const argv[PEER_COUNT][6] = {
        {(char *)(uintptr_t) "s6-svscan", (char *)(uintptr_t) "-c",
         (char *)(uintptr_t) "2000", peer->dir, NULL},
        {(char *)(uintptr_t) "runsvdir", (char *)(uintptr_t) "-P", peer->dir,
         NULL},
        {(char *)(uintptr_t) "supervisord", (char *)(uintptr_t) "-c", conf,
         NULL}};
    peer->pid = fork();
    if (peer->pid == 0) {
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++)
            (void)dup2(null, fd);
        (void)setsid();
        (void)execv(peer_programs[peer->kind], argv[peer->kind]);
        _exit(127);
    }
}
