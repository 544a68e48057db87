/* traffic.c: the demo's transactions as CSV on standard output, for tests that need more of them
 * than data/ has: traffic SEED ROWS START SHIFT [no-header]. START is a time, SHIFT 0 to 1. */
#include "app/demo.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct demo_spec spec;
    STR_AUTO csv = STR_INIT;

    if (argc < 5) return 2;
    spec = (struct demo_spec){ .seed = strtoull(argv[1], NULL, 10),
                               .rows = strtoull(argv[2], NULL, 10),
                               .shift = strtod(argv[4], NULL) };
    if (!clock_parse(argv[3], strlen(argv[3]), &spec.start_us)) return 2;
    if (demo_csv(&spec, &csv, &e) < 0) {
        fprintf(stderr, "traffic: %s\n", e.msg);
        return 1;
    }
    const char *text = str_c(&csv);
    if (argc > 5) text = strchr(text, '\n') + 1;
    return fputs(text, stdout) < 0;
}
