/* console_priv.h: parts of the console that are files of their own. */
#pragma once
#include "views/console.h"

/* once.c: one pane as text on standard output, without threads or terminal. */
int once_main(const struct app_config *cfg, const struct console_options *opt, bool ascii);
