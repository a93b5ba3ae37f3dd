/* What a container's shell answers to an executor that looks after its task:
 * health checks that fail now and then, endpoints that hang, a ZooKeeper that
 * answers late, a disk that is never full. Once the world is quiet all of it
 * works. */
#pragma once
#include "tests/sim/machine.h"

void care_act(struct container *c, uint32_t kind, const void *data);
