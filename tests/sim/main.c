/* perigee-sim: whole clusters in virtual time, one seeded history after the
 * other. See docs/simulator.md. */
#include "tests/sim/cluster.h"

#include "base/text.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED_MAX = 1000000000, EXIT_USAGE = 2 };

static const char USAGE[] =
    "usage: perigee-sim --seeds N [--first M] [--stop]\n"
    "       perigee-sim --list FILE [--stop]\n"
    "       perigee-sim --seed N [--trace]\n"
    "\n"
    "  --seeds N  run N seeds, each in a process of its own\n"
    "  --first M  begin with seed M instead of 1\n"
    "  --list F   run the seeds that the lines of a file begin with\n"
    "  --stop     end with the first seed that fails\n"
    "  --seed N   replay one seed in this process\n"
    "  --trace    print every event of it\n"
    "  --restarts the scheduler is killed every few seconds; says how often\n"
    "  --cron     nobody wants anything but cron jobs\n"
    "\n"
    "Prints \"seed N hash <16 hex> ok\" for each. A seed that fails prints "
    "what\n"
    "was violated, the last events, and the command that replays it; the exit\n"
    "status is then 1.\n";

/* How seeds are run; the same for all of them. */
struct manner {
    bool is_traced, is_to_stop, restarts_often, has_cron_only;
};

static void run_seed(uint64_t seed, const struct manner *how)
{
    struct world w;

    world_init(&w, seed, how->is_traced);
    w.restarts_often = how->restarts_often;
    w.has_cron_only = how->has_cron_only;
    world_guard(&w);
    cluster_run(&w);
    world_guard(NULL);
    printf("seed %llu hash %016llx ok", (unsigned long long)seed,
           (unsigned long long)w.hash);
    if (how->restarts_often)
        printf(" restarts %llu", (unsigned long long)w.restarts);
    printf("\n");
    fflush(stdout);
}

/* A process of its own: one seed's crash must not end the others. */
static int run_apart(uint64_t seed, const struct manner *how)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        run_seed(seed, how);
        exit(EXIT_SUCCESS);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror("perigee-sim");
        exit(EXIT_USAGE);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) > EXIT_FAILURE)
        printf("seed %llu FAILED: a sanitizer ended it\nreplay: make sim "
               "SEED=%llu\n",
               (unsigned long long)seed, (unsigned long long)seed);
    fflush(stdout);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(const char *problem)
{
    fprintf(stderr, "perigee-sim: %s\n%s", problem, USAGE);
    return EXIT_USAGE;
}

/* Seeds that once found something; lines that begin with # are comments. All
 * are read first: a child that ends moves a file it shares with us. */
static int run_list(const char *path, const struct manner *how)
{
    FILE *file = fopen(path, "r");
    int status = EXIT_SUCCESS;
    VEC(unsigned long long) seeds = {0};
    char line[256];
    unsigned long long seed;

    if (file == NULL) {
        perror(path);
        return EXIT_USAGE;
    }
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "%llu", &seed) == 1)
            *vec_add(&seeds) = seed;
    (void)fclose(file);
    for (uint32_t i = 0; i < seeds.count; i++) {
        if (run_apart(seeds.item[i], how) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
        if (how->is_to_stop && status != EXIT_SUCCESS)
            break;
    }
    vec_free(&seeds);
    return status;
}

static int run_range(int64_t first, int64_t count, const struct manner *how)
{
    int status = EXIT_SUCCESS;

    for (int64_t i = first; i < first + count; i++) {
        if (run_apart((uint64_t)i, how) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
        if (how->is_to_stop && status != EXIT_SUCCESS)
            break;
    }
    return status;
}

int main(int argc, char **argv)
{
    int64_t seeds = 0, first = 1, seed = -1;
    struct manner how = {0};
    const char *list = NULL;

    for (int i = 1; i < argc; i++) {
        int64_t *number = strcmp(argv[i], "--seeds") == 0   ? &seeds
                          : strcmp(argv[i], "--first") == 0 ? &first
                          : strcmp(argv[i], "--seed") == 0  ? &seed
                                                            : NULL;
        if (strcmp(argv[i], "--trace") == 0) {
            how.is_traced = true;
            continue;
        }
        if (strcmp(argv[i], "--stop") == 0) {
            how.is_to_stop = true;
            continue;
        }
        if (strcmp(argv[i], "--cron") == 0) {
            how.has_cron_only = true;
            continue;
        }
        if (strcmp(argv[i], "--restarts") == 0) {
            how.restarts_often = true;
            continue;
        }
        if (strcmp(argv[i], "--list") == 0 && i + 1 < argc) {
            list = argv[++i];
            continue;
        }
        if (strcmp(argv[i], "--help") == 0) {
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (number == NULL || ++i == argc ||
            text_int(argv[i], 0, SEED_MAX, number, NULL) < 0)
            return usage("want a number after --seeds, --first or --seed");
    }
    if (seed >= 0) {
        run_seed((uint64_t)seed, &how);
        return EXIT_SUCCESS;
    }
    if (list != NULL)
        return run_list(list, &how);
    if (seeds == 0)
        return usage("nothing to do");
    return run_range(first, seeds, &how);
}
