/* Who the users are, in seeds with a security file: alice has the roles of the
 * user and of the team, bob those of the bank and of cron, an operator the
 * machines. A stranger (stranger.h) asks for what is not his.
 *
 * What was refused has changed nothing: the scheduler stores nothing and does
 * nothing then but write it down. And what the audit log says was done was done
 * by one who may. */
#pragma once
#include "base/permission.h"
#include "wire/program.h"
#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct node;

struct people {
    bool is_on;
    uint32_t refused; /* changes, in this life of the scheduler */
    uint32_t refused_ever;
    uint64_t life;
};

/* The rules, for a scheduler that begins; it owns them. */
struct users *people_rules(struct cluster *c);
/* "Bearer ..." of "alice", "bob", "operator"; of anybody else a wrong one. */
const char *people_authorization(const char *name);
/* Write into the scheduler's store what only chance would make. */
void people_prepare(struct cluster *c);
/* A request from that host was worked off: effects from `from` on are its own.
 */
void people_on_served(struct cluster *c, const char *peer,
                      const struct effects *fx, uint32_t from);
/* A batch of the scheduler is about to become durable. */
void people_on_batch(struct cluster *c, const struct effects *batch);
void final_people(struct cluster *c);
