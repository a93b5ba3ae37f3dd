/* Jobs of a revocable tier: what the master is asked for, what they run on and
 * what they are launched with, and how their end is told. */
#include "aurora_kit.h"

#include "aurora/state.h"

#define TIER(tier, n)                                                          \
  CREATE("\"service\":true,\"tier\":\"" tier "\",\"instances\":" n)

static struct world *world_of_spares(void) {
  struct world *w = world_new();

  w->p->options.takes_revocable = true;
  return w;
}

/* cpus, cpus and MiB that may be taken back. */
static void offer_with(struct world *w, const char *agent, int cpus,
                       int spare_cpus, int spare_mem) {
  MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
  Mesos__V1__Scheduler__Event__Offers offers =
      MESOS__V1__SCHEDULER__EVENT__OFFERS__INIT;
  static const char json[] =
      "{\"id\":{\"value\":\"o-%d\"},\"framework_id\":{\"value\":\"fw-1\"},"
      "\"agent_id\":{\"value\":\"%s\"},\"hostname\":\"%s.host\","
      "\"resources\":["
      "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%d},"
      "\"role\":\"*\"},"
      "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%d},"
      "\"role\":\"*\",\"revocable\":{}},"
      "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%d},"
      "\"role\":\"*\",\"revocable\":{}},"
      "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":"
      "{\"value\":4096},\"role\":\"*\"},{\"name\":\"disk\",\"type\":"
      "\"SCALAR\",\"scalar\":{\"value\":10240},\"role\":\"*\"}]}";
  char *text = arena_printf(&w->arena, json, (int)++w->next_offer, agent, agent,
                            cpus, spare_cpus, spare_mem);
  Mesos__V1__Offer *one =
      decode(w, &mesos__v1__offer__descriptor, MEDIA_JSON, bytes_of_text(text));

  offers.n_offers = 1;
  offers.offers = &one;
  event.has_type = true;
  event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS;
  event.offers = &offers;
  event_in(w, &event);
  pass(w, 0);
}

static const Mesos__V1__Resource *resource(Mesos__V1__Resource **item,
                                           size_t count, const char *name) {
  const Mesos__V1__Resource *found = NULL;

  for (size_t i = 0; i < count; i++)
    if (strcmp(item[i]->name, name) == 0) {
      assert_null(found);
      found = item[i];
    }
  return found;
}

static bool is_revocable(Mesos__V1__Resource **item, size_t count,
                         const char *name) {
  const Mesos__V1__Resource *r = resource(item, count, name);

  assert_non_null(r);
  return r->revocable != NULL;
}

static size_t capabilities(struct world *w) {
  AURORA_PROGRAM.on_broken(w->p, w->stream, "gone", w->now_ms, &w->fx);
  look(w);
  pass(w, 1000);
  const Mesos__V1__FrameworkInfo *info =
      w->subscribe->subscribe->framework_info;
  size_t spare = 0;
  for (size_t i = 0; i < info->n_capabilities; i++)
    spare += info->capabilities[i]->type ==
             MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__REVOCABLE_RESOURCES;
  subscribed(w, "fw-1");
  return spare;
}

static void test_the_master_is_asked_for_them(void **unused) {
  struct world *w = world_new();

  (void)unused;
  assert_int_equal(capabilities(w), 0);
  /* Without them the tier is refused by name. */
  post(w, TIER("revocable", "1"));
  expect_status(w, 400);
  assert_string_equal(w->answer->error->message,
                      "job: tier: 'revocable' is revocable, and this "
                      "scheduler takes no revocable resources");
  assert_non_null(
      strstr(w->answer->error->hint, "--receive_revocable_resources"));
  w->p->options.takes_revocable = true;
  assert_int_equal(capabilities(w), 1);
  post(w, TIER("revocable", "1"));
  expect_status(w, 200);
  world_free(w);
}

static void test_they_run_on_revocable_cpus_and_on_no_others(void **unused) {
  struct world *w = world_of_spares();

  (void)unused;
  post(w, TIER("revocable", "1"));
  offer_with(w, "m-S0", 8, 0, 0);
  assert_null(launched(w, 0));
  post(w, "{\"type\":\"WHY\",\"why\":{" KEY "}}");
  assert_non_null(strstr(w->answer->why->nearest_lacks, "revocable cpu"));
  offer_with(w, "m-S1", 0, 2, 4096);
  const Mesos__V1__TaskInfo *task = launched(w, 0);
  assert_non_null(task);
  assert_string_equal(task->agent_id->value, "m-S1");
  assert_true(is_revocable(task->resources, task->n_resources, "cpus"));
  assert_false(is_revocable(task->resources, task->n_resources, "mem"));
  assert_false(is_revocable(task->resources, task->n_resources, "disk"));
  const Mesos__V1__ExecutorInfo *executor = task->executor;
  assert_true(is_revocable(executor->resources, executor->n_resources, "cpus"));
  assert_false(is_revocable(executor->resources, executor->n_resources, "mem"));
  world_free(w);
}

static void test_others_never_use_them(void **unused) {
  struct world *w = world_of_spares();

  (void)unused;
  post(w, TIER("preemptible", "1"));
  offer_with(w, "m-S0", 0, 8, 4096);
  assert_null(launched(w, 0));
  offer_with(w, "m-S1", 8, 8, 4096);
  const Mesos__V1__TaskInfo *task = launched(w, 0);
  assert_string_equal(task->agent_id->value, "m-S1");
  assert_false(is_revocable(task->resources, task->n_resources, "cpus"));
  world_free(w);
}

static void test_memory_too_when_the_operator_says_so(void **unused) {
  struct world *w = world_of_spares();

  (void)unused;
  w->p->options.spares_mem = true;
  post(w, TIER("revocable", "1"));
  offer_with(w, "m-S0", 8, 8, 0);
  assert_null(launched(w, 0));
  offer_with(w, "m-S1", 0, 2, 4096);
  const Mesos__V1__TaskInfo *task = launched(w, 0);
  assert_string_equal(task->agent_id->value, "m-S1");
  assert_true(is_revocable(task->resources, task->n_resources, "mem"));
  world_free(w);
}

static void test_spares_are_spent_once(void **unused) {
  struct world *w = world_of_spares();
  int placed = 0;

  (void)unused;
  post(w, TIER("revocable", "9"));
  offer_with(w, "m-S0", 8, 1, 0);
  while (launched(w, placed))
    placed++;
  const Mesos__V1__Resource *cpus =
      resource(launched(w, 0)->resources, launched(w, 0)->n_resources, "cpus");
  assert_true(placed > 0 && placed < 9);
  assert_true(placed * cpus->scalar->value <= 1);
  world_free(w);
}

static void test_what_was_taken_back_is_told_as_that(void **unused) {
  struct world *w = world_of_spares();
  MasterEvent event = MESOS__V1__SCHEDULER__EVENT__INIT;
  Mesos__V1__Scheduler__Event__Update u =
      MESOS__V1__SCHEDULER__EVENT__UPDATE__INIT;
  Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;

  (void)unused;
  post(w, TIER("revocable", "1"));
  offer_with(w, "m-S0", 0, 2, 0);
  const Mesos__V1__TaskInfo *task = launched(w, 0);
  update(w, task->task_id->value, "m-S0", STATE(RUNNING), NULL);
  status.task_id = task->task_id;
  status.agent_id = task->agent_id;
  status.state = STATE(GONE);
  status.message = "the machine needs its cpus";
  status.has_reason = true;
  status.reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_PREEMPTED;
  u.status = &status;
  event.has_type = true;
  event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE;
  event.update = &u;
  event_in(w, &event);
  Answer *a = get_job(w);
  assert_int_equal(count_state(a, PERIGEE__AURORA__TASK_STATE__LOST), 1);
  assert_int_equal(count_state(a, PERIGEE__AURORA__TASK_STATE__PENDING), 1);
  for (size_t i = 0; i < a->n_tasks; i++) {
    const Perigee__Aurora__TaskView *t = a->tasks[i];
    if (t->state == PERIGEE__AURORA__TASK_STATE__LOST)
      assert_string_equal(
          t->events[t->n_events - 1]->message,
          "its revocable resources were taken back: the machine needs "
          "its cpus");
  }
  world_free(w);
}

/* Case 86, testRevocableOfferFiltered: what may be taken back is no room for
 * production, and no victim's cpus of that kind are. */
static void test_86_revocable_offers_do_not_count(void **unused) {
  struct world *w = world_of_spares();

  (void)unused;
  post(w, TIER("revocable", "1"));
  offer_with(w, "m-S0", 0, 2, 0);
  const Mesos__V1__TaskInfo *task = launched(w, 0);
  update(w, task->task_id->value, "m-S0", STATE(RUNNING), NULL);
  offer_with(w, "m-S0", 0, 8, 0);
  give_quota(w, "other");
  post(w, "{\"type\":\"CREATE_JOB\",\"create_job\":{\"job\":{\"cluster\":"
          "\"devcluster\",\"role\":\"other\",\"environment\":\"prod\","
          "\"name\":\"web\",\"production\":true,\"task\":{\"name\":\"web\","
          "\"processes\":[{\"name\":\"p\",\"cmdline\":\"x\"}],"
          "\"resources\":{\"cpu_milli\":500,\"ram_bytes\":134217728,"
          "\"disk_bytes\":134217728}}}}}");
  for (int i = 0; i < 40; i++)
    pass(w, 15 * 1000);
  assert_int_equal(
      count_state(get_job(w), PERIGEE__AURORA__TASK_STATE__RUNNING), 1);
  assert_true(w->p->core.preempt.counters.failed[1] > 0);
  assert_int_equal(w->p->core.preempt.counters.found[1], 0);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_master_is_asked_for_them),
      cmocka_unit_test(test_they_run_on_revocable_cpus_and_on_no_others),
      cmocka_unit_test(test_others_never_use_them),
      cmocka_unit_test(test_memory_too_when_the_operator_says_so),
      cmocka_unit_test(test_spares_are_spent_once),
      cmocka_unit_test(test_what_was_taken_back_is_told_as_that),
      cmocka_unit_test(test_86_revocable_offers_do_not_count),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
