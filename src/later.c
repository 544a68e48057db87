/* later.c: stands in for what is not delivered yet, so that the program links. Whoever delivers
 * one of these removes it here; the file goes when it is empty. */
#include "views/console.h"

int console_main(const struct app_config *cfg, const struct console_options *opt)
{
    return cfg && opt ? 1 : 2;
}
