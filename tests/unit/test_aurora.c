/* The core under random orders: users, a master that tells late and twice,
 * agents that come and go. Every invariant is checked after every step; when
 * the noise ends every job must have what it wants. */
#include "aurora_world.h"

enum { STEPS = 600, SEEDS = 120 };

/* --- what users do --- */

static void set_update(struct job_config *config, int kind)
{
    const uint32_t size[] = {1, 2};
    struct update_settings settings = {
        .strategy = (enum update_strategy)(1 + kind % 4),
        .size = kind % 4 == 2 ? size : size + kind % 2,
        .size_count = kind % 4 == 2 ? 2 : 1,
        .minimum_health_milli = 500 * (uint32_t)(kind % 3),
        .maximum_over_milli = 500 * (uint32_t)(kind / 2 % 3),
        .canary_count = kind % 5 < 2 ? 1 + (uint32_t)kind % 2 : 0,
        .canary_ms = 10000,
        .canary_failures_max = kind % 2 == 0,
        .autopause = kind % 4 == 1,
        .rolls_back = kind % 3 != 1,
        .instance_failures_max = kind % 2 == 0 ? 3 : 0,
        .failures_max = kind % 7 == 0 ? 1 : 0,
        .watch_ms = kind % 3 * 5000,
        .pulse_ms = kind % 6 == 5 ? 60000 : 0};

    job_config_set_update(config, &settings);
}

/* `version` makes another config; even and odd ones run the same. Of job 4
 * those from 2 on differ from those before in constraints alone. */
static struct job_config *config_of(int n, unsigned version)
{
    struct job_key key = key_of(n);
    unsigned stands = version / (n == 4 ? 4 : 2);
    const char *rack = "r0";
    char bytes[2 * JOB_KEY_PART_MAX];

    snprintf(bytes, sizeof bytes, "%s v%u", key.name, version);
    struct job_config *config = job_config_new(&key, text(bytes));
    snprintf(bytes, sizeof bytes, "%s v%u", key.name, version / 2);
    job_config_id(text(bytes), config->runs_id);
    snprintf(bytes, sizeof bytes, "%s v%u", key.name, stands);
    job_config_id(text(bytes), config->stands_id);
    config->is_service = n >= 2;
    set_update(config, n + (int)version);
    config->priority = n % 3 + (int)(version % 2);
    config->failures_max = n == 1 ? 3 : 1;
    config->task = config->need =
        (struct amounts){100 * (1 + n + (int)stands), 64000, 1000, 0};
    if (n == 4 && version / 2 % 2 == 1)
        job_config_add_constraint(config, "rack", CONSTRAINT_ONE_OF, &rack, 1,
                                  0);
    if (n == 3) {
        const char *none = NULL;
        job_config_add_constraint(config, "rack", CONSTRAINT_LIMIT, &none, 0,
                                  6);
    }
    return config;
}

static void create(struct world *w, int n)
{
    uint64_t sequence;

    (void)aurora_create_take(&w->a, config_of(n, 0),
                             1 + (uint32_t)rng_below(&w->rng, 6), w->now_ms,
                             &sequence, NULL);
}

static void start_update(struct world *w, int n)
{
    struct instance_pair pair = {(uint32_t)rng_below(&w->rng, 3), 4};
    struct instances scope = {&pair, rng_below(&w->rng, 6) == 0};
    struct update_request request = {
        .instances = 1 + (uint32_t)rng_below(&w->rng, 6),
        .scope = &scope,
        .has_batch_size = rng_below(&w->rng, 4) == 0,
        .batch_size = (uint32_t)rng_below(&w->rng, 3),
        .message = "test"};
    struct update *update;
    uint64_t sequence;

    (void)aurora_update_start_take(
        &w->a, config_of(n, (unsigned)rng_below(&w->rng, 6)), &request,
        w->now_ms, &update, &sequence, NULL);
}

static void act_on_update(struct world *w, const struct job_key *key)
{
    struct update *update;
    uint64_t sequence;
    bool is_over;

    if (rng_below(&w->rng, 4) == 0)
        (void)aurora_update_pulse(&w->a, key, NULL, w->now_ms, &is_over, NULL);
    else
        (void)aurora_update_act(&w->a, key, NULL,
                                (enum update_verb)rng_below(&w->rng, 4), "test",
                                w->now_ms, &update, &sequence, NULL);
}

/* Whoever began an update sees it through. */
static void see_updates_through(struct world *w)
{
    struct update *update;
    uint64_t sequence;
    bool is_over;

    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        if (!job->update)
            continue;
        if (update_is_paused(job->update->state))
            (void)aurora_update_act(&w->a, &job->key, NULL, UPDATE_RESUME, NULL,
                                    w->now_ms, &update, &sequence, NULL);
        if (job->update)
            (void)aurora_update_pulse(&w->a, &job->key, NULL, w->now_ms,
                                      &is_over, NULL);
    }
}

/* Half of them in batches, judged by how it goes. */
static void roll(struct world *w, const struct job_key *key,
                 const struct instances *some)
{
    struct instance_list touched = {0};
    uint64_t sequence;
    struct rolling_request request = {
        .kind = rng_below(&w->rng, 2) ? ROLLING_RESTART : ROLLING_KILL,
        .instances = some,
        .is_strict = rng_below(&w->rng, 4) == 0,
        .message = "test"};

    request.settings.batch_size = (uint32_t)rng_below(&w->rng, 3);
    request.settings.watch_ms = (int64_t)rng_below(&w->rng, 3) * 5000;
    request.settings.instance_failures_max = (uint32_t)rng_below(&w->rng, 2);
    request.settings.failures_max = (uint32_t)rng_below(&w->rng, 2);
    if (rng_below(&w->rng, 5) == 0)
        (void)aurora_roll_cancel(&w->a, key, "test", w->now_ms, &sequence,
                                 NULL);
    else
        (void)aurora_roll(&w->a, key, &request, w->now_ms, &touched, &sequence,
                          NULL);
    vec_free(&touched);
}

static void user(struct world *w)
{
    struct job_key key = key_of((int)rng_below(&w->rng, KEYS));
    struct instance_list touched = {0};
    struct instance_pair pair = {(uint32_t)rng_below(&w->rng, 4), 0};
    struct instances some = {&pair, (uint32_t)rng_below(&w->rng, 2)};
    uint64_t sequence;
    uint32_t n = (uint32_t)rng_below(&w->rng, 7);

    pair.last = pair.first + 1;
    switch (rng_below(&w->rng, 11)) {
    case 0:
    case 1:
        create(w, key.name[3] - '0');
        break;
    case 2:
        (void)aurora_kill(&w->a, &key, &some, "test", w->now_ms, &touched,
                          &sequence, NULL);
        break;
    case 3:
        (void)aurora_restart(&w->a, &key, &some, n % 3, "test", w->now_ms,
                             &touched, &sequence, NULL);
        break;
    case 4:
    case 5:
        start_update(w, key.name[3] - '0');
        break;
    case 6:
        act_on_update(w, &key);
        break;
    case 7:
        (void)aurora_scale(&w->a, &key, n, w->now_ms, &touched, &sequence,
                           NULL);
        break;
    case 8:
    case 9:
        roll(w, &key, &some);
        break;
    default:
        (void)aurora_add(&w->a, &key, n % 3, NULL, w->now_ms, &touched,
                         &sequence, NULL);
        break;
    }
    vec_free(&touched);
}

/* What the link does every hour: everything is reported once more. */
static void reconcile_implicitly(struct world *w)
{
    for (int i = 0; i < w->count; i++)
        if (!task_machine_is_terminal(w->task[i].state))
            w->task[i].told = TASK_NONE;
}

static void step(struct world *w)
{
    int agent = (int)rng_below(&w->rng, AGENTS);
    uint64_t noise = w->is_quiet ? 30 : rng_below(&w->rng, 40);

    w->now_ms += (int64_t)rng_below(&w->rng, 4000);
    if (w->is_quiet)
        see_updates_through(w);
    if (noise < 3)
        user(w);
    else if (noise == 3 || (w->is_quiet && !w->is_connected))
        toggle_connection(w);
    else if (noise == 4 || (w->is_quiet && w->agent[agent].is_away))
        agent_lost(w, agent);
    else if (noise < 7)
        rescind_one(w, agent);
    if (rng_below(&w->rng, 100) == 0)
        reconcile_implicitly(w);
    perform(w);
    offer_one(w, agent);
    perform(w);
    for (int i = 0; i < w->count; i++) {
        if (w->agent[w->task[i].agent].is_away)
            continue;
        if (rng_below(&w->rng, 3) == 0)
            advance(w, &w->task[i]);
        if (rng_below(&w->rng, 2) == 0)
            tell(w, &w->task[i]);
        perform(w);
    }
    aurora_time(&w->a, w->now_ms);
    perform(w);
    if (w->is_connected)
        aurora_place(&w->a, w->now_ms);
    perform(w);
}

/* Every instance once for services; nothing active left of what was killed. */
static bool is_settled(struct world *w)
{
    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        uint32_t running = 0;
        for (const struct task *t = job->active.first; t; t = t->next)
            running += t->state == TASK_RUNNING;
        if (job->update || job_rolling(job) ||
            (job->is_killed && job->active.count > 0))
            return false;
        if (!job->config->is_service && job->active.count > 0)
            return false;
        if (job->config->is_service && !job->is_removed &&
            (running != job->active.count || running != job->instances))
            return false;
    }
    for (int i = 0; i < w->count; i++) { /* no strangers left behind */
        const struct real *real = &w->task[i];
        if (task_machine_is_terminal(real->state))
            continue;
        const struct task *task = aurora_task(&w->a, text(real->id));
        if (!task || !task_machine_is_active(task->state))
            return false;
    }
    return true;
}

static void say_what_is_open(struct world *w, uint64_t seed)
{
    for (uint32_t i = 0; i < w->a.jobs.count; i++) {
        const struct job *job = w->a.jobs.item[i];
        print_message("seed %d %s killed=%d wants=%u active=%u:", (int)seed,
                      job->key.name, job->is_killed, job->instances,
                      job->active.count);
        for (const struct task *t = job->active.first; t; t = t->next)
            print_message(" %u=%s", t->instance, task_machine_name(t->state));
        print_message("\n");
    }
    fail_msg("seed %d does not settle", (int)seed);
}

static void one_seed(uint64_t seed, uint32_t ends[UPDATE_STATE_COUNT],
                     uint32_t rolled[ROLLING_STATE_COUNT])
{
    struct world *w = xcalloc(1, sizeof *w);
    struct aurora_limits_config limits = {.tasks_per_job_max = 12,
                                          .offer_hold_ms = 60000,
                                          .offer_jitter_ms = 9,
                                          .keeps_places = true};

    rng_seed(&w->rng, seed);
    w->now_ms = 1000000;
    w->is_connected = true;
    aurora_init(&w->a, &limits, seed);
    aurora_restored(&w->a, 0, w->now_ms);
    aurora_connected(&w->a, w->now_ms);
    for (int i = 0; i < AGENTS; i++) {
        w->agent[i].cpus = 8000;
        w->agent[i].mem = 4096000;
    }
    for (int i = 0; i < STEPS; i++)
        step(w);
    w->is_quiet = true;
    int more = 0;
    for (; more < 3000 && !is_settled(w); more++)
        step(w);
    if (!is_settled(w))
        say_what_is_open(w, seed);
    for (int i = 0; i < UPDATE_STATE_COUNT; i++)
        ends[i] += w->ends[i];
    for (int i = 0; i < ROLLING_STATE_COUNT; i++)
        rolled[i] += w->rolled[i];
    aurora_release(&w->a);
    free(w);
}

static void test_random_orders_keep_every_invariant(void **unused)
{
    uint32_t ends[UPDATE_STATE_COUNT] = {0};
    uint32_t rolled[ROLLING_STATE_COUNT] = {0};

    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        one_seed(seed, ends, rolled);
    for (int i = UPDATE_ROLLED_FORWARD; i <= UPDATE_FAILED; i++) {
        print_message("%u updates ended %s\n", ends[i],
                      update_state_name((enum update_state)i));
        assert_true(ends[i] > 0);
    }
    print_message("restarts and kills: %u done, %u failed, %u cancelled\n",
                  rolled[ROLLING_DONE], rolled[ROLLING_FAILED],
                  rolled[ROLLING_CANCELLED]);
    assert_true(rolled[ROLLING_DONE] > 0 && rolled[ROLLING_FAILED] > 0 &&
                rolled[ROLLING_CANCELLED] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_orders_keep_every_invariant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
