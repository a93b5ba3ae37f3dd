#include "tests/sim/people.h"
#include "tests/sim/cluster.h"
#include "tests/sim/stranger.h"

#include "aurora/program.h"
#include "perigee/aurora.pb-c.h"
#include "perigee/aurora_store.pb-c.h"
#include "sys/secret.h"

#include <stdio.h>
#include <string.h>

typedef Perigee__Aurora__AuditView View;

static const struct {
    const char *name, *authorization, *token;
    const char *roles[5]; /* NULL: machines */
} PEOPLE[] = {
    {"alice",
     "Bearer token-of-alice",
     "token-of-alice",
     {"web", "db", "ci", "team"}},
    {"bob", "Bearer token-of-bob", "token-of-bob", {"bank*", "cron"}},
    {"operator", "Bearer token-of-operator", "token-of-operator", {NULL}},
};
enum { PEOPLE_COUNT = sizeof PEOPLE / sizeof *PEOPLE };

const char *people_authorization(const char *name)
{
    for (int i = 0; i < PEOPLE_COUNT; i++)
        if (strcmp(PEOPLE[i].name, name) == 0)
            return PEOPLE[i].authorization;
    return "Bearer token-of-nobody";
}

static void add_rule(struct cluster *c, struct user *user, const char *actions,
                     const char *role)
{
    struct rule rule = {0};
    struct err err = {0};

    if (action_set_parse(&rule.actions, actions, &err) < 0 ||
        pattern_parse(&rule.part[1], role, &err) < 0 ||
        user_add_rule(user, &rule, &err) < 0)
        world_fail(c->w, "the rules: %s", err.text);
}

struct users *people_rules(struct cluster *c)
{
    struct users *users = users_new();
    char hash[SECRET_HASH_MAX];
    struct err err = {0};
    struct user *user;

    for (int i = 0; i < PEOPLE_COUNT; i++) {
        secret_token_hash(PEOPLE[i].token, hash);
        if (users_add(users, PEOPLE[i].name, &user, &err) < 0 ||
            user_add_secret(user, SECRET_TOKEN, hash, &err) < 0)
            world_fail(c->w, "the rules: %s", err.text);
        if (PEOPLE[i].roles[0] == NULL)
            add_rule(c, user, "host.*", NULL);
        for (int j = 0; PEOPLE[i].roles[j] != NULL; j++)
            add_rule(c, user, "*", PEOPLE[i].roles[j]);
    }
    if (users_seal(users, &err) < 0)
        world_fail(c->w, "the rules: %s", err.text);
    return users;
}

/* The key of its assets would be another one in each run of a seed. */
void people_prepare(struct cluster *c)
{
    Perigee__Aurora__SchedulerRecord r =
        PERIGEE__AURORA__SCHEDULER_RECORD__INIT;
    struct effects fx;
    uint8_t packed[64];

    r.asset_key = (char *)"an-asset-key-of-the-simulator";
    effects_init(&fx);
    effect_persist(
        &fx, "scheduler", bytes_of_text("self"),
        bytes_of(packed, perigee__aurora__scheduler_record__pack(&r, packed)));
    (void)disk_push(&c->aurora.disk, 0, &fx);
    disk_commit(&c->aurora.disk);
    effects_release(&fx);
    c->user.authorization = c->team.authorization =
        people_authorization("alice");
    c->crons.authorization = c->bank.authorization =
        people_authorization("bob");
    c->keeper.authorization = people_authorization("operator");
}

/* --- what is refused --- */

static void check_refused(struct cluster *c, const struct effect *e)
{
    switch (e->kind) {
    case EFFECT_LOG:
    case EFFECT_METRICS:
        break;
    case EFFECT_PERSIST:
        if (strcmp(e->persist.table, "audit") != 0 || e->bytes.data == NULL)
            world_fail(c->w, "a stranger's request changes table %s",
                       e->persist.table);
        break;
    case EFFECT_REPLY:
        if (e->response.status == 401 || e->response.status == 403 ||
            e->response.status == 404) {
            c->people.refused++;
            c->people.refused_ever++;
        }
        break;
    default:
        world_fail(c->w, "a stranger's request has an effect of kind %d",
                   (int)e->kind);
    }
}

void people_on_served(struct cluster *c, const char *peer,
                      const struct effects *fx, uint32_t from)
{
    if (c->people.life != c->aurora.life)
        c->people.refused = 0;
    c->people.life = c->aurora.life;
    if (strcmp(peer, c->stranger.host) != 0)
        return;
    for (uint32_t i = from; i < fx->count; i++)
        check_refused(c, &fx->item[i]);
}

/* --- the audit log --- */

static const struct node *client_at(struct cluster *c, const char *peer)
{
    struct node *node[] = {&c->user, &c->team, &c->crons, &c->bank, &c->keeper};

    for (size_t i = 0; i < sizeof node / sizeof *node; i++)
        if (strcmp(node[i]->host, peer) == 0)
            return node[i];
    return NULL;
}

static void check_done(struct cluster *c, const View *view)
{
    const struct node *client = view->peer ? client_at(c, view->peer) : NULL;
    const char *user = view->user ? view->user : "nobody";

    if (view->peer == NULL && view->user == NULL)
        return; /* the scheduler's own doing */
    if (client == NULL || client->authorization != people_authorization(user))
        world_fail(c->w, "the audit log has %s on %s by %s, who may not",
                   view->call ? view->call : "?", view->key ? view->key : "?",
                   user);
}

void people_on_batch(struct cluster *c, const struct effects *batch)
{
    for (uint32_t i = 0; c->people.is_on && i < batch->count; i++) {
        const struct effect *e = &batch->item[i];
        if (strcmp(e->persist.table, "audit") != 0 || e->bytes.data == NULL)
            continue;
        View *view = perigee__aurora__audit_view__unpack(NULL, e->bytes.size,
                                                         e->bytes.data);
        if (strcmp(view->result, "OK") == 0)
            check_done(c, view);
        perigee__aurora__audit_view__free_unpacked(view, NULL);
    }
}

/* All that this life refused is written down; what others did not write any
 * more may be missing. */
static uint32_t count_refused(const struct cluster *c)
{
    const struct disk *disk = &c->aurora.disk;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < disk->count; i++) {
        const struct disk_record *r = &disk->record[i];
        if (strcmp(r->table, "audit") != 0)
            continue;
        struct bytes bytes = buf_bytes(&r->value);
        View *view =
            perigee__aurora__audit_view__unpack(NULL, bytes.size, bytes.data);
        if (strcmp(view->result, "OK") != 0 && view->peer != NULL &&
            strcmp(view->peer, c->stranger.host) == 0)
            sum += view->has_count ? view->count : 1;
        perigee__aurora__audit_view__free_unpacked(view, NULL);
    }
    return sum;
}

void final_people(struct cluster *c)
{
    uint32_t written = c->people.is_on ? count_refused(c) : 0;

    if (written < c->people.refused || written > c->people.refused_ever)
        world_fail(c->w,
                   "the end: %u refusals are in the audit log, %u were made, "
                   "%u since the scheduler began",
                   written, c->people.refused_ever, c->people.refused);
}
