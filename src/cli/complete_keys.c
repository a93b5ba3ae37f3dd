/* Job keys for the shell, from the live cluster. An answer is kept in the
 * user's cache folder: the next tab is nearly always about the same jobs. */
#include "cli/api.h"
#include "cli/cluster.h"
#include "cli/complete.h"

#include "sys/clock.h"
#include "sys/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CACHE_MAX = 1 << 20, PAGE = 2000 /* keys asked for */ };

/* What is asked for: the parts of the word that are whole. */
struct question {
    const char *cluster, *role, *environment; /* "" is any */
    bool is_groups;                           /* their keys, not those of jobs */
};

static const char *part(struct cli *cli, const char **at)
{
    const char *slash = strchr(*at, '/');

    if (slash == NULL)
        return "";
    const char *out = arena_strndup(&cli->arena, *at, (size_t)(slash - *at));
    *at = slash + 1;
    return out;
}

static bool is_plain(const char *text)
{
    return *text == '\0' || job_key_part_ok(text);
}

/* --- the cache --- */

static const char *cache_folder(struct cli *cli)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (xdg != NULL && xdg[0] == '/')
        return arena_printf(&cli->arena, "%s/clusterctl", xdg);
    if (home != NULL && home[0] == '/')
        return arena_printf(&cli->arena, "%s/.cache/clusterctl", home);
    return NULL;
}

static const char *cache_file(struct cli *cli, const struct question *q)
{
    const char *folder = cache_folder(cli);

    if (folder == NULL)
        return NULL;
    return arena_printf(&cli->arena, "%s/%s.%s.%s.%s", folder,
                        q->is_groups ? "groups" : "keys", q->cluster, q->role,
                        q->environment);
}

/* The keys kept, if they are not older than `age_ms`. */
static bool read_cache(const char *file, int64_t age_ms, struct buf *out)
{
    struct stat status;

    if (file == NULL || stat(file, &status) < 0)
        return false;
    int64_t at_ms = (int64_t)status.st_mtim.tv_sec * 1000 +
                    status.st_mtim.tv_nsec / 1000000;
    int64_t age = clock_wall_ms() - at_ms;
    return age >= 0 && age <= age_ms &&
           file_read(file, CACHE_MAX, out, NULL) == 0;
}

static void write_cache(struct cli *cli, const char *file,
                        const struct buf *keys)
{
    const char *folder = cache_folder(cli);

    if (file == NULL || dir_make(folder, 0700, NULL) < 0)
        return;
    (void)file_write(file, buf_bytes(keys), 0600, false, NULL);
}

/* --- asking --- */

static int ask_groups(struct cli *cli, const struct question *q,
                      struct buf *out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__Groups query = PERIGEE__AURORA__CALL__GROUPS__INIT;
    Perigee__Aurora__Answer *answer;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_GROUPS;
    call.groups = &query;
    query.role = (char *)q->role;
    query.environment = (char *)q->environment;
    query.has_limit = true;
    query.limit = PAGE;
    int rc = api_try(cli, q->cluster, &call, COMPLETE_WAIT_MS, &answer);
    for (size_t i = 0; rc == 0 && i < answer->n_groups; i++) {
        const Perigee__Aurora__JobKey *key = answer->groups[i]->key;
        if (key != NULL)
            buf_addf(out, "%s/%s/%s/%s\n", key->cluster, key->role,
                     key->environment, key->name);
    }
    return rc;
}

/* One page is enough: who has more jobs types more of the key. */
static int ask(struct cli *cli, const struct question *q, struct buf *out)
{
    Perigee__Aurora__Call call = PERIGEE__AURORA__CALL__INIT;
    Perigee__Aurora__Call__List list = PERIGEE__AURORA__CALL__LIST__INIT;
    Perigee__Aurora__Answer *answer;

    call.has_type = true;
    call.type = PERIGEE__AURORA__CALL__TYPE__LIST_JOBS;
    call.list = &list;
    list.cluster = (char *)q->cluster;
    list.role = (char *)q->role;
    list.environment = (char *)q->environment;
    list.has_keys_only = list.keys_only = true;
    list.has_limit = true;
    list.limit = PAGE;
    int rc = api_try(cli, q->cluster, &call, COMPLETE_WAIT_MS, &answer);
    for (size_t i = 0; rc == 0 && i < answer->n_jobs; i++) {
        const Perigee__Job *job = answer->jobs[i]->job;
        if (job != NULL)
            buf_addf(out, "%s/%s/%s/%s\n", job->cluster, job->role,
                     job->environment, job->name);
    }
    return rc;
}

static void find_keys(struct cli *cli, const struct question *q,
                      struct buf *out)
{
    const char *file = cache_file(cli, q);

    if (read_cache(file, COMPLETE_FRESH_MS, out))
        return;
    int rc = q->is_groups ? ask_groups(cli, q, out) : ask(cli, q, out);
    if (rc == 0)
        write_cache(cli, file, out);
    else if (rc == -ERR_TIMEOUT)
        (void)read_cache(file, COMPLETE_STALE_MS, out);
}

/* --- offering --- */

static size_t count_lines(const char *text, const char *prefix)
{
    size_t count = 0, size = strlen(prefix);

    for (const char *line = text; *line != '\0';
         line += strcspn(line, "\n") + 1)
        count += strncmp(line, prefix, size) == 0;
    return count;
}

/* Of many keys only the part that comes next, each once; they are sorted. */
static void offer_keys(struct cli *cli, const char *word, char *keys)
{
    bool whole = count_lines(keys, word) <= COMPLETE_KEYS_MAX;
    const char *last = "";
    char *save = NULL;

    for (char *line = strtok_r(keys, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        size_t typed = strlen(word);
        if (strncmp(line, word, typed) != 0)
            continue;
        const char *slash = whole ? NULL : strchr(line + typed, '/');
        const char *offer =
            slash == NULL
                ? line
                : arena_strndup(&cli->arena, line, (size_t)(slash + 1 - line));
        if (strcmp(offer, last) != 0)
            complete_offer(cli, word, offer, NULL);
        last = offer;
    }
}

/* The name of the only cluster that a word may mean, else "" and all of them
 * are offered. */
static const char *only_cluster(struct cli *cli, const char *word)
{
    const char *only = "";
    char *names = cluster_names(cli), *save = NULL;
    int count = 0;

    for (char *name = strtok_r(names, "\n", &save); name != NULL;
         name = strtok_r(NULL, "\n", &save))
        if (strncmp(name, word, strlen(word)) == 0) {
            only = name;
            count++;
            complete_offer(cli, word, arena_printf(&cli->arena, "%s/", name),
                           "cluster");
        }
    if (count != 1)
        return "";
    buf_clear(&cli->out);
    return only;
}

void complete_keys(struct cli *cli, const char *word, bool is_groups)
{
    const char *at = word;
    struct question q = {.is_groups = is_groups};
    struct buf keys = {0};

    q.cluster = part(cli, &at);
    q.role = part(cli, &at);
    q.environment = part(cli, &at);
    if (*q.cluster == '\0')
        q.cluster = only_cluster(cli, word);
    if (*q.cluster == '\0' || !is_plain(q.cluster) || !is_plain(q.role) ||
        !is_plain(q.environment))
        return;
    find_keys(cli, &q, &keys);
    if (keys.size > 0)
        offer_keys(cli, word, keys.text);
    if (cli->out.size == 0 && strchr(word, '/') == NULL)
        complete_offer(cli, word, arena_printf(&cli->arena, "%s/", q.cluster),
                       "cluster");
    buf_release(&keys);
}
