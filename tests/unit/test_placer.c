/* Placing against a brute-force oracle over random clusters and jobs, and the
 * reasons it gives. */
#include "aurora/core/placer.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HOSTS = 24, ROUNDS = 300 };

static const struct job_key KEY = {"c", "r", "prod", "n"};

static struct host *add_host(struct hosts *hosts, int number, int64_t cpus,
                             int64_t mem, const char *attributes,
                             uint64_t ports)
{
    struct attributes parsed = {0};
    struct amounts amounts = {cpus, mem, 100000, 0};
    struct ranges free = {0};
    char id[32], name[32], offer[32];

    snprintf(id, sizeof id, "m-S%d", number);
    snprintf(name, sizeof name, "host%d", number);
    snprintf(offer, sizeof offer, "o-%d-%d", number, rand());
    if (*attributes)
        assert_int_equal(attributes_parse(attributes, &parsed, NULL), 0);
    if (ports > 0)
        ranges_add(&free, (struct range){31000, 31000 + ports - 1});
    struct host *host =
        hosts_update(hosts, bytes_of_text(id), name, "", &parsed);
    assert_non_null(
        hosts_add_offer(hosts, host, bytes_of_text(offer), &amounts, &free, 0));
    attributes_release(&parsed);
    ranges_release(&free);
    return host;
}

static struct job_config *config_new(int64_t cpus, int64_t mem)
{
    struct job_config *config = job_config_new(&KEY, bytes_of_text("x"));

    config->task = config->need = (struct amounts){cpus, mem, 1000, 0};
    return config;
}

static void constrain(struct job_config *config, const char *attribute,
                      enum constraint_kind kind, const char *value,
                      uint32_t limit)
{
    job_config_add_constraint(config, attribute, kind, &value, value ? 1 : 0,
                              limit);
}

/* --- the oracle: looks at every host for every task --- */

struct copy { /* what the oracle believes */
    struct host *host;
    struct amounts free;
    uint64_t ports;
    uint32_t placed;
};

static uint32_t tasks_with_value(const struct copy *copy, size_t count,
                                 const char *attribute, const char *value)
{
    uint32_t tasks = 0;

    for (size_t i = 0; i < count; i++) {
        const char *has = host_value(copy[i].host, attribute);
        if (has && strcmp(has, value) == 0)
            tasks += copy[i].placed;
    }
    return tasks;
}

static bool oracle_allows(const struct copy *all, size_t count,
                          const struct copy *it,
                          const struct job_config *config)
{
    if (it->free.cpus < config->need.cpus || it->free.mem < config->need.mem ||
        it->free.disk < config->need.disk || it->ports < config->port_count)
        return false;
    if (!config->is_dedicated && host_value(it->host, "dedicated"))
        return false;
    for (uint32_t i = 0; i < config->constraint_count; i++) {
        const struct constraint *c = &config->constraint[i];
        const char *has = host_value(it->host, c->attribute);
        if (c->kind == CONSTRAINT_LIMIT) {
            if (!has ||
                tasks_with_value(all, count, c->attribute, has) >= c->limit)
                return false;
            continue;
        }
        bool found = host_has_value(it->host, c->attribute, c->value[0]);
        if (found != (c->kind == CONSTRAINT_ONE_OF))
            return false;
    }
    return true;
}

static struct copy *oracle_best(struct copy *all, size_t count,
                                enum placement_policy policy,
                                const struct job_config *config)
{
    struct copy *best = NULL;
    int64_t best_score = 0;

    for (size_t i = 0; i < count; i++) {
        if (!oracle_allows(all, count, &all[i], config))
            continue;
        int64_t score = -placer_cost(policy, &all[i].free, &all[i].host->total,
                                     &config->need);
        if (!best || score > best_score ||
            (score == best_score &&
             host_compare(all[i].host, best->host) < 0)) {
            best = &all[i];
            best_score = score;
        }
    }
    return best;
}

struct trial {
    struct copy copy[HOSTS];
    size_t count;
    enum placement_policy policy;
    const struct job_config *config;
    uint32_t placed;
};

static bool on_placed(void *context, struct host *host,
                      const struct ranges *ports)
{
    struct trial *t = context;
    struct copy *best = oracle_best(t->copy, t->count, t->policy, t->config);

    assert_non_null(best);
    assert_ptr_equal(best->host, host);
    assert_int_equal(ranges_size(ports), t->config->port_count);
    best->free.cpus -= t->config->need.cpus;
    best->free.mem -= t->config->need.mem;
    best->free.disk -= t->config->need.disk;
    best->ports -= t->config->port_count;
    best->placed++;
    t->placed++;
    return true;
}

static struct job_config *random_config(struct rng *rng)
{
    struct job_config *config =
        config_new(100 + (int64_t)rng_below(rng, 20) * 100,
                   16000 * (int64_t)(1 + rng_below(rng, 64)));

    for (uint64_t n = rng_below(rng, 3); n > 0; n--)
        job_config_add_port(config, n == 1 ? "http" : "admin");
    if (rng_below(rng, 3) == 0)
        constrain(config, "rack", CONSTRAINT_LIMIT, NULL,
                  1 + (uint32_t)rng_below(rng, 4));
    if (rng_below(rng, 4) == 0)
        constrain(config, "zone",
                  rng_below(rng, 2) ? CONSTRAINT_ONE_OF : CONSTRAINT_NONE_OF,
                  rng_below(rng, 2) ? "a" : "b", 0);
    if (rng_below(rng, 4) == 0)
        constrain(config, "host", CONSTRAINT_LIMIT, NULL,
                  1 + (uint32_t)rng_below(rng, 2));
    if (rng_below(rng, 6) == 0)
        constrain(config, "dedicated", CONSTRAINT_ONE_OF, "r/x", 0);
    return config;
}

static void random_hosts(struct hosts *hosts, struct rng *rng,
                         struct trial *trial)
{
    for (int i = 0; i < HOSTS; i++) {
        char attributes[80] = "";
        uint64_t kind = rng_below(rng, 8);
        if (kind > 0)
            snprintf(attributes, sizeof attributes, "rack:r%d;zone:%s%s",
                     (int)rng_below(rng, 3), rng_below(rng, 2) ? "a" : "b",
                     kind == 1 ? ";dedicated:r/x" : "");
        struct host *host =
            add_host(hosts, i, 1000 * (int64_t)(1 + rng_below(rng, 3)),
                     256000 * (int64_t)(1 + rng_below(rng, 4)), attributes,
                     rng_below(rng, 6));
        if (rng_below(rng, 10) == 0)
            hosts_remove_offers_of(hosts, host);
        else
            trial->copy[trial->count++] =
                (struct copy){host, host->free, ranges_size(&host->ports), 0};
    }
}

static void one_round(uint64_t seed)
{
    struct hosts hosts = {0};
    struct trial trial = {0};
    struct rng rng;

    rng_seed(&rng, seed);
    trial.policy = hosts.index.policy =
        seed % 3 ? PLACEMENT_PACK : PLACEMENT_SPREAD;
    random_hosts(&hosts, &rng, &trial);
    hosts_check(&hosts);
    for (int job = 0; job < 4; job++) {
        struct job_config *config = random_config(&rng);
        struct limit_counts counts = {0};
        uint32_t wanted = 1 + (uint32_t)rng_below(&rng, 12);
        trial.config = config;
        trial.placed = 0;
        for (size_t i = 0; i < trial.count; i++)
            trial.copy[i].placed = 0;
        limit_counts_prepare(&counts, NULL, config, &hosts);
        uint32_t done =
            placer_place(&hosts, config, &counts, wanted, 0, on_placed, &trial);
        assert_int_equal(done, trial.placed);
        if (done < wanted) {
            assert_null(
                oracle_best(trial.copy, trial.count, trial.policy, config));
            /* Nothing changed since: looking at nothing finds nothing. */
            assert_int_equal(placer_place(&hosts, config, &counts, 1,
                                          hosts.generation, on_placed, &trial),
                             0);
        }
        limit_counts_release(&counts);
        job_config_unref(config);
        hosts_check(&hosts);
    }
    hosts_release(&hosts);
}

static void test_places_as_the_oracle_does(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        one_round(seed);
}

/* --- more hosts than a search looks at --- */

static bool count_placed(void *context, struct host *host,
                         const struct ranges *ports)
{
    (void)host;
    (void)ports;
    ++*(int *)context;
    return true;
}

enum { MANY = 320, MANY_TASKS = 4000 };

/* What was paid, and what the best host would have cost. */
struct bill {
    struct hosts *hosts;
    const struct job_config *config;
    int64_t paid, best;
};

static int64_t least_cost(const struct hosts *hosts,
                          const struct job_config *config)
{
    int64_t least = INT64_MAX;

    for (uint32_t i = 0; i < hosts->in_order.count; i++) {
        const struct host *h = hosts->in_order.item[i];
        if (h->free.cpus < config->need.cpus || h->free.mem < config->need.mem)
            continue;
        int64_t cost = placer_cost(hosts->index.policy, &h->free, &h->total,
                                   &config->need);
        least = cost < least ? cost : least;
    }
    return least;
}

static bool on_paid(void *context, struct host *host,
                    const struct ranges *ports)
{
    struct bill *bill = context;
    const struct amounts *need = &bill->config->need;
    struct amounts before = host->free;

    (void)ports;
    before.cpus += need->cpus;
    before.mem += need->mem;
    bill->paid +=
        placer_cost(bill->hosts->index.policy, &before, &host->total, need);
    return true;
}

/* Place until the cluster is full: a host that fits is always found, and on
 * the whole it is nearly the best. */
static void fill(enum placement_policy policy)
{
    struct hosts hosts = {.index.policy = policy};
    struct bill bill = {.hosts = &hosts};
    struct rng rng;
    int placed = 0;

    rng_seed(&rng, 5);
    for (int i = 0; i < MANY; i++)
        add_host(&hosts, i, 16000 * (int64_t)(1 + rng_below(&rng, 3)),
                 16000000 * (int64_t)(1 + rng_below(&rng, 3)), "", 0);
    for (int i = 0; i < MANY_TASKS; i++) {
        struct job_config *config =
            config_new(100 + (int64_t)rng_below(&rng, 6000),
                       100000 + (int64_t)rng_below(&rng, 6000000));
        struct limit_counts counts = {0};
        config->need.disk = 0;
        int64_t best = least_cost(&hosts, config);
        bill.config = config;
        bool had =
            placer_place(&hosts, config, &counts, 1, 0, on_paid, &bill) == 1;
        assert_int_equal(had, best < INT64_MAX);
        bill.best += had ? best : 0;
        placed += had;
        job_config_unref(config);
    }
    assert_in_range(placed, MANY, MANY_TASKS - 1); /* it became full */
    assert_true(bill.best <= bill.paid);
    assert_true((bill.paid - bill.best) / placed <= 2 * SHARE_ONE / 100);
    hosts_check(&hosts);
    hosts_release(&hosts);
}

static void test_is_near_the_best_of_many_hosts(void **unused)
{
    (void)unused;
    fill(PLACEMENT_PACK);
    fill(PLACEMENT_SPREAD);
}

/* Equal tasks that share a host without a rest fill it to the last one, in
 * large clusters, too: what fits exactly stands in cells where others do not
 * fit. */
static void fill_exactly(int64_t tasks_per_host)
{
    enum { FULL = 20 };
    struct hosts hosts = {0};
    struct limit_counts counts = {0};
    struct job_config *config = config_new(1000, 100000);
    uint32_t tasks = FULL * (uint32_t)tasks_per_host, used = 0;
    int placed = 0;

    config->need.disk = 0;
    for (int i = 0; i < MANY; i++)
        add_host(&hosts, i, 1000 * tasks_per_host, 100000 * tasks_per_host, "",
                 0);
    assert_int_equal(
        placer_place(&hosts, config, &counts, tasks, 0, count_placed, &placed),
        tasks);
    for (uint32_t i = 0; i < hosts.in_order.count; i++) {
        const struct host *h = hosts.in_order.item[i];
        used += h->free.cpus < h->total.cpus;
    }
    assert_int_equal(used, FULL);
    hosts_check(&hosts);
    job_config_unref(config);
    hosts_release(&hosts);
}

static void test_fills_hosts_of_many_to_the_last(void **unused)
{
    (void)unused;
    for (int64_t tasks = 1; tasks <= 64; tasks += 3)
        fill_exactly(tasks);
}

/* Totals from a thousandth to the largest of the grid: shares without divisions
 * are those with them, or no bound would hold. */
static void test_places_on_hosts_of_any_size(void **unused)
{
    const int64_t most = INT64_C(1) << 49;
    struct limit_counts counts = {0};
    struct rng rng;

    (void)unused;
    rng_seed(&rng, 3);
    for (int64_t size = 1; size < most; size = size * 3 + 1) {
        struct hosts hosts = {0};
        int placed = 0;
        for (int i = 0; i < MANY / 4; i++)
            add_host(&hosts, i, size + (int64_t)rng_below(&rng, 2), most - size,
                     "", 0);
        struct job_config *config =
            config_new(1 + (int64_t)rng_below(&rng, (uint64_t)size), 1);
        config->need.mem =
            1 + (int64_t)rng_below(&rng, (uint64_t)(most - size));
        config->need.disk = 0;
        assert_int_equal(placer_place(&hosts, config, &counts, MANY / 4, 0,
                                      count_placed, &placed),
                         MANY / 4);
        hosts_check(&hosts);
        job_config_unref(config);
        hosts_release(&hosts);
    }
}

/* One host of many may have it, and it is not where a search begins. */
static void test_finds_the_only_host_of_many(void **unused)
{
    struct hosts hosts = {0};
    struct limit_counts counts = {0};
    struct job_config *config = config_new(1000, 100000);
    int placed = 0;

    (void)unused;
    for (int i = 0; i < MANY; i++)
        add_host(&hosts, i, 4000, 400000, i == 150 ? "rack:b" : "rack:a", 0);
    constrain(config, "rack", CONSTRAINT_LIMIT, NULL, 1);
    limit_counts_prepare(&counts, NULL, config, &hosts);
    assert_int_equal(
        placer_place(&hosts, config, &counts, 3, 0, count_placed, &placed), 2);
    limit_counts_release(&counts);
    job_config_unref(config);
    hosts_release(&hosts);
}

/* --- vetoes and reasons --- */

static void test_fills_one_host_before_the_next(void **unused)
{
    struct hosts hosts = {0};
    struct job_config *config = config_new(1000, 100000);
    struct limit_counts counts = {0};
    struct host *host[3];
    int placed = 0;

    (void)unused;
    for (int i = 0; i < 3; i++)
        host[i] = add_host(&hosts, 9 + i, 4000, 400000, "", 0);
    assert_int_equal(
        placer_place(&hosts, config, &counts, 5, 0, count_placed, &placed), 5);
    assert_int_equal(host[0]->free.cpus, 0);
    assert_int_equal(host[1]->free.cpus, 3000);
    assert_int_equal(host[2]->free.cpus, 4000);
    job_config_unref(config);
    hosts_release(&hosts);
}

static void test_limit_within_a_job(void **unused)
{
    struct hosts hosts = {0};
    struct host *b = add_host(&hosts, 2, 4000, 400000, "rack:b", 0);
    struct limit_counts counts = {0};
    uint32_t constraint = 9;

    (void)unused;
    for (uint32_t limit = 1; limit <= 3; limit++) {
        struct job_config *config = config_new(100, 1000);
        constrain(config, "rack", CONSTRAINT_LIMIT, NULL, limit);
        limit_counts_prepare(&counts, NULL, config, &hosts);
        limit_counts_add(&counts, &hosts, b);
        limit_counts_add(&counts, &hosts, b);
        assert_int_equal(placer_veto(b, config, &counts, &constraint),
                         limit == 3 ? VETO_NONE : VETO_LIMIT);
        limit_counts_release(&counts);
        job_config_unref(config);
    }
    assert_int_equal(constraint, 0);
    hosts_release(&hosts);
}

static void test_dedicated_hosts(void **unused)
{
    struct hosts hosts = {0};
    struct host *host =
        add_host(&hosts, 1, 4000, 400000, "dedicated:r/x;dedicated:r/y", 0);
    struct job_config *plain = config_new(9000, 1000);
    struct job_config *mine = config_new(100, 1000);
    struct limit_counts counts = {0};
    uint32_t constraint;

    (void)unused;
    constrain(mine, "dedicated", CONSTRAINT_ONE_OF, "r/y", 0);
    assert_int_equal(placer_veto(host, plain, &counts, &constraint),
                     VETO_DEDICATED); /* and not also: too little cpu */
    assert_int_equal(placer_veto(host, mine, &counts, &constraint), VETO_NONE);
    job_config_unref(plain);
    job_config_unref(mine);
    hosts_release(&hosts);
}

static void test_none_of_holds_when_the_attribute_is_missing(void **unused)
{
    struct hosts hosts = {0};
    struct host *host = add_host(&hosts, 1, 4000, 400000, "", 0);
    struct job_config *config = config_new(100, 1000);
    struct limit_counts counts = {0};
    uint32_t constraint;

    (void)unused;
    constrain(config, "rack", CONSTRAINT_NONE_OF, "a", 0);
    assert_int_equal(placer_veto(host, config, &counts, &constraint),
                     VETO_NONE);
    constrain(config, "rack", CONSTRAINT_ONE_OF, "a", 0);
    assert_int_equal(placer_veto(host, config, &counts, &constraint),
                     VETO_CONSTRAINT);
    assert_int_equal(constraint, 1);
    job_config_unref(config);
    hosts_release(&hosts);
}

static void test_host_means_the_attribute_or_the_name(void **unused)
{
    struct hosts hosts = {0};
    struct host *named = add_host(&hosts, 1, 4000, 400000, "host:agent-1", 0);
    struct host *plain = add_host(&hosts, 2, 4000, 400000, "", 0);

    (void)unused;
    assert_true(host_has_value(named, "host", "agent-1"));
    assert_false(host_has_value(named, "host", "host1"));
    assert_true(host_has_value(plain, "host", "host2"));
    assert_string_equal(host_value(plain, "host"), "host2");
    hosts_release(&hosts);
}

static void test_why_counts_and_names_the_nearest(void **unused)
{
    struct hosts hosts = {0};
    struct job_config *config = config_new(3000, 100000);
    struct limit_counts counts = {0};
    struct buf text = {0};
    struct why why;

    (void)unused;
    constrain(config, "zone", CONSTRAINT_NONE_OF, "b", 0);
    add_host(&hosts, 1, 1000, 400000, "zone:a", 0);
    add_host(&hosts, 2, 2500, 400000, "zone:a", 0);
    add_host(&hosts, 3, 4000, 400000, "zone:b", 0);
    add_host(&hosts, 4, 4000, 50000, "zone:a", 0);
    placer_why(&hosts, config, &counts, &why);
    assert_int_equal(why.hosts, 4);
    assert_int_equal(why.fits, 0);
    assert_int_equal(why.vetoed[VETO_CPU], 2);
    assert_int_equal(why.vetoed[VETO_MEM], 1);
    assert_int_equal(why.vetoed[VETO_CONSTRAINT], 1);
    assert_int_equal(why.by_constraint[0], 1);
    assert_string_equal(why.nearest->hostname, "host4");
    why_lacks(&why, config, &text);
    assert_string_equal(buf_text(&text), "50 MB of memory");
    buf_clear(&text);
    why_advice(&why, config, &text);
    assert_non_null(strstr(buf_text(&text), "larger hosts"));
    buf_release(&text);
    job_config_unref(config);
    hosts_release(&hosts);
}

static void test_two_offers_of_a_host_count_together(void **unused)
{
    struct hosts hosts = {0};
    struct host *host = add_host(&hosts, 1, 1000, 100000, "", 2);
    struct amounts more = {1000, 100000, 0, 0};
    struct ranges ports = {0};
    struct job_config *config = config_new(2000, 150000);
    struct limit_counts counts = {0};
    int placed = 0;

    (void)unused;
    ranges_add(&ports, (struct range){32000, 32001});
    struct offer *offer =
        hosts_add_offer(&hosts, host, bytes_of_text("o-2"), &more, &ports, 0);
    assert_null(
        hosts_add_offer(&hosts, host, bytes_of_text("o-2"), &more, &ports, 0));
    assert_int_equal(ranges_size(&host->ports), 4);
    hosts_remove_offer(&hosts, offer);
    assert_int_equal(
        placer_place(&hosts, config, &counts, 1, 0, count_placed, &placed), 0);
    hosts_add_offer(&hosts, host, bytes_of_text("o-3"), &more, &ports, 0);
    assert_int_equal(
        placer_place(&hosts, config, &counts, 1, 0, count_placed, &placed), 1);
    ranges_release(&ports);
    job_config_unref(config);
    hosts_release(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_as_the_oracle_does),
        cmocka_unit_test(test_is_near_the_best_of_many_hosts),
        cmocka_unit_test(test_fills_hosts_of_many_to_the_last),
        cmocka_unit_test(test_places_on_hosts_of_any_size),
        cmocka_unit_test(test_finds_the_only_host_of_many),
        cmocka_unit_test(test_fills_one_host_before_the_next),
        cmocka_unit_test(test_limit_within_a_job),
        cmocka_unit_test(test_dedicated_hosts),
        cmocka_unit_test(test_none_of_holds_when_the_attribute_is_missing),
        cmocka_unit_test(test_host_means_the_attribute_or_the_name),
        cmocka_unit_test(test_why_counts_and_names_the_nearest),
        cmocka_unit_test(test_two_offers_of_a_host_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
