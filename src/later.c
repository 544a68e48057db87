/* later.c: stands in for what is not delivered yet, so that the program links. Whoever delivers
 * one of these removes it here; the file goes when it is empty. */
#include "engine/metric/metric.h"
#include "views/console.h"
#include <stdlib.h>

const struct metric metrics[] = { { 0 } };
int metric_all(const struct metric_input *in, double *out, struct err *e)
{
    return in && out && e ? 0 : -1;
}
int console_main(const struct app_config *cfg, const struct console_options *opt)
{
    return cfg && opt ? 1 : 2;
}
