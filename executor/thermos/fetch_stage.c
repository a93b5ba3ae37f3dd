#include "executor/thermos/fetch_stage.h"

#include "sys/client.h"
#include "sys/file.h"
#include "sys/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASSET_TIMEOUT_MS = 30000, ASSET_TRIES = 3, PAUSE_US = 200000 };

static int get_once(const char *url, struct arena *arena, struct bytes *out,
                    struct err *err)
{
    struct http_response response;
    struct client *client = client_open();
    int rc = client_call(client, HTTP_GET, url, NULL, 0, bytes_of(NULL, 0),
                         ASSET_TIMEOUT_MS, arena, &response, err);
    client_close(client);
    if (rc != 0)
        return rc;
    if (response.status != 200)
        return err_set(err, ERR_NOT_FOUND, "'%s': the server answered %d", url,
                       response.status);
    *out = response.body;
    return 0;
}

/* A scheduler that is just restarting is worth a second try. */
static int get(const char *url, struct arena *arena, struct bytes *out,
               struct err *err)
{
    int rc = -ERR_NETWORK;
    for (int i = 0; i < ASSET_TRIES; i++) {
        rc = get_once(url, arena, out, err);
        if (rc != -ERR_NETWORK && rc != -ERR_TIMEOUT)
            return rc;
        (void)usleep((useconds_t)PAUSE_US << i);
    }
    return rc;
}

static int read_local(const char *path, struct arena *arena, struct bytes *out,
                      struct err *err)
{
    struct buf buf = {0};
    int rc = file_read(path, FETCH_ASSET_MAX, &buf, err);
    if (rc == 0)
        *out = bytes_of(arena_memdup(arena, buf.data, buf.size), buf.size);
    buf_release(&buf);
    return rc;
}

static int read_asset(const struct task_config *config,
                      const struct fetch_config *fetch, struct arena *arena,
                      struct bytes *out, struct err *err)
{
    static const char local[] = "file://";
    if (config->asset_url == NULL)
        return err_set(err, ERR_INVALID,
                       "the task names no place to get assets from");
    const char *url =
        arena_printf(arena, "%s%s", config->asset_url, fetch->sha256);
    if (strncmp(url, local, strlen(local)) == 0)
        return read_local(url + strlen(local), arena, out, err);
    return get(url, arena, out, err);
}

static int put_asset(const struct fetch_config *fetch, struct bytes bytes,
                     struct err *err)
{
    char hash[SHA256_TEXT_MAX];
    (void)sha256_text(bytes, hash);
    if (strcasecmp(hash, fetch->sha256) != 0)
        return err_set(err, ERR_DAMAGED, "its SHA-256 is %s, want %s", hash,
                       fetch->sha256);
    return file_write(fetch->output, bytes, fetch->executable ? 0755 : 0644,
                      false, err);
}

/* The helper lies beside this program. */
static int find_helper(char *out, size_t size, struct err *err)
{
    const char *given = getenv("PERIGEE_FETCH");
    ssize_t n = given == NULL ? readlink("/proc/self/exe", out, size - 1) : 0;
    if (given != NULL) {
        (void)snprintf(out, size, "%s", given);
    } else {
        out[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(out, '/');
        size_t at = slash != NULL ? (size_t)(slash + 1 - out) : 0;
        (void)snprintf(out + at, size - at, "perigee-fetch");
    }
    if (access(out, X_OK) == 0)
        return 0;
    int rc = err_set(err, ERR_NOT_FOUND, "'%s': %s", out, strerror(errno));
    err_hint(err, "perigee-fetch belongs beside thermos, or PERIGEE_FETCH "
                  "names it");
    return rc;
}

/* What the helper says goes to the end of our pipe. */
static int run_helper(const char *const *argv, struct err *err)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid < 0)
        return err_set(err, ERR_IO, "cannot start %s: %s", argv[0],
                       strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return err_set(err, ERR_NETWORK, "perigee-fetch failed");
}

/* `ca`: whom the server must be certified by; NULL: whom the machine trusts. */
static int fetch_by_helper(const struct fetch_config *fetch, const char *uri,
                           const char *ca, struct err *err)
{
    char helper[PATH_MAX];
    const char *argv[14];
    int n = 0, rc = find_helper(helper, sizeof helper, err);
    if (rc != 0)
        return rc;
    argv[n++] = helper;
    argv[n++] = "--directory";
    argv[n++] = ".";
    if (fetch->executable)
        argv[n++] = "--executable";
    if (fetch->extract)
        argv[n++] = "--extract";
    if (fetch->sha256 != NULL) {
        argv[n++] = "--sha256";
        argv[n++] = fetch->sha256;
    }
    if (ca != NULL) {
        argv[n++] = "--ca";
        argv[n++] = ca;
    }
    argv[n++] = "--output";
    argv[n++] = fetch->output;
    argv[n++] = uri;
    argv[n] = NULL;
    return run_helper(argv, err);
}

/* An asset that is an archive is stored, then unpacked in place. */
static int extract_asset(const struct fetch_config *fetch, struct err *err)
{
    char cwd[PATH_MAX], uri[2 * PATH_MAX];
    if (getcwd(cwd, sizeof cwd) == NULL)
        return err_set(err, ERR_IO, "sandbox: %s", strerror(errno));
    (void)snprintf(uri, sizeof uri, "file://%s/%s", cwd, fetch->output);
    return fetch_by_helper(fetch, uri, NULL, err);
}

/* From a scheduler that speaks TLS: the helper can, we cannot. */
static int fetch_tls_asset(const struct task_config *config,
                           const struct fetch_config *fetch, struct err *err)
{
    struct arena arena;

    arena_init(&arena);
    int rc = fetch_by_helper(
        fetch, arena_printf(&arena, "%s%s", config->asset_url, fetch->sha256),
        getenv("PERIGEE_TLS_CA"), err);
    arena_release(&arena);
    return rc;
}

static int fetch_one(const struct task_config *config,
                     const struct fetch_config *fetch, struct err *err)
{
    struct arena arena;
    struct bytes bytes = {0};
    int rc;

    if (!fetch->is_asset)
        return fetch_by_helper(fetch, fetch->uri, NULL, err);
    if (config->asset_url != NULL &&
        strncmp(config->asset_url, "https://", 8) == 0)
        return fetch_tls_asset(config, fetch, err);
    arena_init(&arena);
    rc = read_asset(config, fetch, &arena, &bytes, err);
    if (rc == 0)
        rc = put_asset(fetch, bytes, err);
    arena_release(&arena);
    return rc == 0 && fetch->extract ? extract_asset(fetch, err) : rc;
}

static int fetch_all(const struct task_config *config)
{
    for (uint32_t i = 0; i < config->fetch_count; i++) {
        const struct fetch_config *fetch = &config->fetch[i];
        struct err err = {0};
        if (fetch_one(config, fetch, &err) == 0)
            continue;
        (void)dprintf(2, "fetch '%s': %s%s%s\n", fetch->uri, err.text,
                      *err.hint ? "; " : "", err.hint);
        return 1;
    }
    return 0;
}

static void become_fetcher(const struct task_config *config, int text)
{
    sigset_t none;
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGHUP, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    /* A runner that takes over fetches anew, and needs the checkpoint's lock.
     */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(text, 2);
    (void)close_range(3, ~0u, 0);
    _exit(fetch_all(config));
}

int fetch_stage_start(const struct task_config *config, pid_t *out, int *text,
                      struct err *err)
{
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        become_fetcher(config, pipe_fd[1]);
    int cause = errno;
    (void)close(pipe_fd[1]);
    if (pid < 0) {
        (void)close(pipe_fd[0]);
        return err_set(err, ERR_IO, "cannot start a process: %s",
                       strerror(cause));
    }
    *out = pid;
    *text = pipe_fd[0];
    return 0;
}
