/* serving_ask.c: the questions of the Serving pane. All change what serves: each shows the
 * traffic before and after, wants a reason, and holds only while the route is the one that was
 * looked at (its number counts changes). Replies are those of route show and model show. */
#include "base/mem.h"
#include "views/serving.h"
#include <math.h>
#include <stdio.h>

static void line(struct intent *out, const char *label, const char *from, const char *to,
                 enum role role)
{
    intent_line(out, (struct intent_line){ .label = label,
                                           .from = arena_strdup(out->arena, from),
                                           .to = arena_strdup(out->arena, to),
                                           .role = role });
}

/* "v3 90 %, v4 10 %". */
static const char *traffic(struct arena *a, const struct val *route)
{
    const struct val *arms = val_get(route, "arms");
    STR_AUTO s = STR_INIT;
    for (size_t i = 0; i < val_len(arms); i++) {
        char share[FMT_LEN];
        const struct val *arm = val_at(arms, i);
        double x = val_get_real(arm, "share", 0);
        bool shadow = str_eq(val_get_str(arm, "role", ""), "shadow");
        if (i && x <= 0) continue;
        str_addf(&s, "%sv%lld %s", i ? ", " : "", (long long)val_get_int(arm, "version", 0),
                 shadow ? "shadow" : serving_share(share, x));
    }
    return arena_strdup(a, str_c(&s));
}

static void begin(struct intent *out, const char *model, const char *verb, const char *yes)
{
    out->kind = INTENT_CONFIRM;
    out->verb = verb;
    out->yes = yes;
    out->production = true;
    out->reason = true;
    out->args = val_obj(out->arena);
    val_set_str(out->args, "name", model);
    out->check_args = val_obj(out->arena);
    val_set_str(out->check_args, "name", model);
}

static void ask(struct intent *out, const struct val *route, const char *verb, const char *yes)
{
    begin(out, val_get_str(route, "model", ""), verb, yes);
    out->check_verb = "route show";
    val_set_bool(out->check_args, "labels", false);
    out->check_path = "number";
    out->check_value = val_copy(out->arena, val_get(route, "number"));
}

/* What is in Staging, and how it compares, is known by the registry. */
static void prepare(struct intent *out, const struct val *route,
                    void (*then)(const struct val *model, struct intent *out))
{
    out->kind = INTENT_PREPARE;
    out->verb = "model show";
    out->args = val_obj(out->arena);
    val_set_str(out->args, "name", val_get_str(route, "model", ""));
    out->then = then;
}

static void expect_production(struct intent *out, const struct val *now)
{
    out->check_verb = "model show";
    out->check_path = "production.version";
    out->check_value = val_int(out->arena, val_get_int(now, "version", 0));
}

/* -- canary ----------------------------------------------------------------------------- */

static void start_it(const struct val *model, struct intent *out)
{
    const struct val *now = model_version_in(model, "Production");
    const struct val *next = model_version_in(model, "Staging");
    const char *name = val_get_str(model, "name", "");
    char text[80];
    if (!now) {
        intent_say(out, "%s: nothing is in Production", name);
        return;
    }
    begin(out, name, "canary start", "start");
    expect_production(out, now);
    out->text = arena_printf(out->arena, "Start a canary of %s", name);
    snprintf(text, sizeof text, "v%lld 100 %%", (long long)val_get_int(now, "version", 0));
    line(out, "traffic", text, "99 %, the canary 1 %", ROLE_PROD);
    line(out, "after that", "5, 25, 50, 100 % as the evidence allows", NULL, ROLE_TEXT);
    line(out, "goes back", "by itself: worse, or 5 errors in a row", NULL, ROLE_TEXT);
    out->ask_label = "version";
    out->ask_arg = "version";
    out->ask_text = "@staging";
    if (!next) return;
    long long version = (long long)val_get_int(next, "version", 0);
    snprintf(text, sizeof text, "v%lld %.40s", version, val_get_str(next, "semver", ""));
    line(out, "in Staging", text, NULL, ROLE_STAGING);
    intent_metrics(out, val_get(now, "metrics"), val_get(next, "metrics"));
    out->ask_text = arena_printf(out->arena, "%lld", version);
}

void serving_ask_start(const struct val *route, struct intent *out)
{
    prepare(out, route, start_it);
}

static void verdict_line(struct intent *out, const struct val *route)
{
    const char *verdict = val_get_str(route, "verdict", ""), *why = val_get_str(route, "why", "");
    bool bad = str_eq(verdict, "rollback");
    if (*verdict)
        line(out, "verdict", arena_printf(out->arena, "%s%s%s", verdict, *why ? ": " : "", why),
             NULL, bad ? ROLE_BAD : ROLE_TEXT);
}

void serving_ask_step(const struct val *route, struct intent *out)
{
    const struct val *canary = val_get(route, "canary"), *steps = val_get(canary, "steps");
    size_t step = (size_t)val_get_int(canary, "step", 0); /* of the next one, as an index */
    long long version = (long long)val_get_int(canary, "version", 0);
    bool last = step >= val_len(steps);
    char was[FMT_LEN], share[FMT_LEN];
    ask(out, route, "canary step", last ? "promote" : "take the step");
    out->text = arena_printf(out->arena, last ? "Promote the canary of %s" : "Next step of %s",
                             val_get_str(route, "model", ""));
    serving_share(share, val_as_real(val_at(steps, step), 1));
    line(out, "traffic",
         arena_printf(out->arena, "v%lld %s", version,
                      serving_share(was, val_get_real(canary, "share", 0))),
         last ? arena_printf(out->arena, "v%lld in Production, all of it", version)
              : arena_printf(out->arena, "v%lld %s", version, share),
         ROLE_PROD);
    verdict_line(out, route);
}

void serving_ask_hold(const struct val *route, struct intent *out)
{
    const struct val *canary = val_get(route, "canary");
    bool running = str_eq(val_get_str(canary, "state", ""), "running");
    ask(out, route, running ? "canary hold" : "canary resume", running ? "hold" : "go on");
    out->text =
        arena_printf(out->arena, running ? "Hold the canary of %s" : "Go on with the canary of %s",
                     val_get_str(route, "model", ""));
    line(out, "traffic", traffic(out->arena, route), NULL, ROLE_TEXT);
    line(out, "after that",
         running ? "stays so; only harm still ends it" : "steps follow as the evidence allows",
         NULL, ROLE_DIM);
    verdict_line(out, route);
}

void serving_ask_abort(const struct val *route, struct intent *out)
{
    const struct val *stable = val_at(val_get(route, "arms"), 0);
    bool canary = serving_canary(route) != NULL;
    const char *model = val_get_str(route, "model", "");
    ask(out, route, canary ? "canary abort" : "route clear", canary ? "abort" : "send all there");
    out->text = canary ? arena_printf(out->arena, "Abort the canary of %s", model)
                       : arena_printf(out->arena, "Send all traffic of %s to Production", model);
    line(out, "traffic", traffic(out->arena, route),
         arena_printf(out->arena, "v%lld 100 %%", (long long)val_get_int(stable, "version", 0)),
         ROLE_PROD);
    verdict_line(out, route);
}

/* -- shares ----------------------------------------------------------------------------- */

/* The shares as route set takes them: "3:0.9,4:0.1"; where there are none yet, all to the stable
 * version. */
static const char *split_text(struct arena *a, const struct val *route)
{
    const struct val *arms = val_get(route, "arms");
    bool split = str_eq(val_get_str(route, "mode", ""), "ab");
    STR_AUTO s = STR_INIT;
    for (size_t i = 0; i < val_len(arms); i++) {
        const struct val *arm = val_at(arms, i);
        if (str_eq(val_get_str(arm, "role", ""), "fallback")) continue;
        double share = split ? val_get_real(arm, "share", 0) : i == 0;
        str_addf(&s, "%s%lld:%g", s.len ? "," : "", (long long)val_get_int(arm, "version", 0),
                 share);
    }
    return arena_strdup(a, str_c(&s));
}

static void shift_it(struct intent *out, const char *model, const char *now, const char *split)
{
    out->text = arena_printf(out->arena, "Shift the traffic of %s", model);
    val_set_str(out->args, "mode", "ab");
    line(out, "now", now, NULL, ROLE_TEXT);
    line(out, "after that", "callers stay on the version their key falls to", NULL, ROLE_DIM);
    out->ask_label = "versions:shares";
    out->ask_arg = "split";
    out->ask_text = split;
}

/* Nothing is split yet: half and half with what is in Staging is proposed. */
static void split_it(const struct val *model, struct intent *out)
{
    const struct val *now = model_version_in(model, "Production");
    const struct val *next = model_version_in(model, "Staging");
    const char *name = val_get_str(model, "name", "");
    long long stable = (long long)val_get_int(now, "version", 0);
    if (!now) {
        intent_say(out, "%s: nothing is in Production", name);
        return;
    }
    begin(out, name, "route set", "shift");
    expect_production(out, now);
    shift_it(out, name, arena_printf(out->arena, "v%lld 100 %%", stable),
             next ? arena_printf(out->arena, "%lld:0.5,%lld:0.5", stable,
                                 (long long)val_get_int(next, "version", 0))
                  : arena_printf(out->arena, "%lld:1", stable));
}

void serving_ask_shift(const struct val *route, struct intent *out)
{
    const char *mode = val_get_str(route, "mode", "");
    if (str_eq(mode, "single")) {
        prepare(out, route, split_it);
        return;
    }
    ask(out, route, "route set", "shift");
    if (!str_eq(mode, "ab")) line(out, "mode", mode, "ab", ROLE_WARN);
    shift_it(out, val_get_str(route, "model", ""), traffic(out->arena, route),
             split_text(out->arena, route));
}
