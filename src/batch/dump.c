/* dump.c: which generated files there are. The hidden option --dump prints them; the build
 * installs what it prints. */
#include "batch/dump.h"
#include "base/mem.h"

static const struct {
    const char *what;
    void (*print)(struct str *out, const struct command *commands);
} dumps[] = {
    { "man", dump_man },
    { "bash", dump_bash },
    { "zsh", dump_zsh },
    { "verbs", dump_verbs },
};

void dump_verbs(struct str *out, const struct command *commands)
{
    (void)commands;
    for (const struct verb *v = verbs; v->name; v++) str_addf(out, "%s\t%s\n", v->name, v->help);
}

bool dump(const char *what, struct str *out, const struct command *commands)
{
    for (size_t i = 0; i < ARRAY_LEN(dumps); i++) {
        if (!str_eq(dumps[i].what, what)) continue;
        dumps[i].print(out, commands);
        return true;
    }
    return false;
}
