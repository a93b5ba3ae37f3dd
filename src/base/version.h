/* The one place that names the version. */
#pragma once
#define PERIGEE_VERSION "0.1.0"
