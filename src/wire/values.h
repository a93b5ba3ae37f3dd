/* Between wire structs of mesos.v1 and plain values. The only place that knows
 * how Resource, Attribute and the ids look on the wire. */
#pragma once
#include "base/arena.h"
#include "base/attributes.h"
#include "base/err.h"
#include "base/resources.h"
#include "mesos/v1/mesos.pb-c.h"

/* How a framework sees resources (anchor 1.6): with RESERVATION_REFINEMENT
 * only reservations[]; without it role (+ reservation). */
enum resource_format {
    RESOURCE_FORMAT_OLD,        /* role, no allocation_info */
    RESOURCE_FORMAT_MULTI_ROLE, /* role and allocation_info */
    RESOURCE_FORMAT_REFINED     /* reservations[] and allocation_info */
};

/* Decode a list into *out (unset), either format. Errors carry Mesos' text. */
int resources_decode(Mesos__V1__Resource *const *item, size_t count,
                     struct resources *out, struct err *err);
/* Encode into the arena; returns the array, sets *count. Order: ports, cpus,
 * mem, disk, then the rest by kind, as the recordings have it. */
Mesos__V1__Resource **resources_encode(const struct resources *r,
                                       enum resource_format format,
                                       struct arena *arena, size_t *count);
int attributes_decode(Mesos__V1__Attribute *const *item, size_t count,
                      struct attributes *out, struct err *err);
Mesos__V1__Attribute **attributes_encode(const struct attributes *a,
                                         struct arena *arena, size_t *count);
/* What Perigee's agents claim of Mesos' AgentInfo.Capability. */
enum { AGENT_CAPABILITY_COUNT = 3 };
extern const char *const AGENT_CAPABILITY_NAME[AGENT_CAPABILITY_COUNT];
Mesos__V1__AgentInfo__Capability **agent_capabilities_encode(
    struct arena *arena, size_t *count);
/* Doubles of the wire to thousandths and back: llround(x * 1000), refusing
 * what is not finite or does not fit. */
int milli_from_double(double value, int64_t *out);
double milli_to_double(int64_t milli);
