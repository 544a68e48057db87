/* intent.c: questions in the making. A question names ids, never positions, and carries what it
 * was based on, so that the answer can be refused when the world has moved on meanwhile. */
#include "base/clock.h"
#include "views/view.h"
#include <math.h>
#include <stdarg.h>

bool intent_say(struct intent *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    out->kind = INTENT_SAY;
    out->text = arena_vprintf(out->arena, fmt, ap);
    va_end(ap);
    return true;
}

bool intent_go(struct intent *out, enum view_id view, const char *id)
{
    out->kind = INTENT_GO;
    out->view = view;
    out->id = arena_strdup(out->arena, id);
    return true;
}

void intent_line(struct intent *out, struct intent_line line)
{
    if (out->n_lines < INTENT_LINES) out->lines[out->n_lines++] = line;
}

static void metric_line(struct intent *out, const char *name, const struct val *from,
                        const struct val *to)
{
    char was[FMT_LEN], is[FMT_LEN], delta[FMT_LEN];
    double b = val_get_real(to, name, (double)NAN), a = val_get_real(from, name, (double)NAN);
    struct intent_line line = { .label = arena_strdup(out->arena, name) };
    if (!isfinite(a)) {
        line.from = arena_strdup(out->arena, fmt_metric(is, b));
    } else {
        bool same = fabs(b - a) < 5e-5;
        bool better = (b > a) == metric_info(name)->higher_is_better;
        line.from = arena_strdup(out->arena, fmt_metric(was, a));
        line.to = arena_strdup(out->arena, fmt_metric(is, b));
        line.note = arena_printf(out->arena, "%s %s", fmt_delta(delta, b - a),
                                 same     ? "same"
                                 : better ? "better"
                                          : "worse");
        line.role = same ? ROLE_DIM : better ? ROLE_OK : ROLE_WARN;
    }
    intent_line(out, line);
}

/* The metric that says most first: a small screen shows no other. */
void intent_metrics(struct intent *out, const struct val *from, const struct val *to)
{
    const char *most = metric_main(to);
    if (most) metric_line(out, most, from, to);
    for (size_t i = 0; i < val_len(to) && out->n_lines < INTENT_LINES - 2; i++) {
        const char *name = val_key(to, i);
        if (!str_starts(name, "train_") && !str_eq(name, most)) metric_line(out, name, from, to);
    }
}

static const char *version_text(struct arena *a, const struct val *v)
{
    if (!v) return "none";
    return arena_printf(a, "v%lld  %s", (long long)val_get_int(v, "version", 0),
                        val_get_str(v, "semver", ""));
}

/* The answer holds only while the same version is in Production. */
static void expect_production(struct intent *out, const char *model, const struct val *production)
{
    out->check_verb = "model show";
    out->check_args = val_obj(out->arena);
    val_set_str(out->check_args, "name", model);
    out->check_path = "production.version";
    out->check_value =
        production ? val_int(out->arena, val_get_int(production, "version", 0)) : NULL;
}

static void ask(struct intent *out, const char *verb, const char *yes)
{
    out->kind = INTENT_CONFIRM;
    out->verb = verb;
    out->yes = yes;
    out->args = val_obj(out->arena);
}

void intent_move(struct intent *out, const char *model, const struct val *version,
                 const struct val *production, const char *to)
{
    bool archive = str_eq(to, "Archived");
    const char *stage = val_get_str(version, "stage", "None");
    ask(out, archive ? "model archive" : "model promote", archive ? "archive" : "promote");
    val_set_str(out->args, "name", model);
    val_set_strf(out->args, "version", "%lld", (long long)val_get_int(version, "version", 0));
    if (!archive) val_set_str(out->args, "to", to);
    out->production = str_eq(to, "Production") || str_eq(stage, "Production");
    out->text = arena_printf(out->arena, "%s %s v%lld to %s", archive ? "Move" : "Promote", model,
                             (long long)val_get_int(version, "version", 0), to);
    /* What serves comes first: on a small screen it is all there is room for. */
    if (str_eq(to, "Production")) {
        intent_line(out, (struct intent_line){ .label = "Production",
                                               .from = version_text(out->arena, production),
                                               .to = version_text(out->arena, version),
                                               .role = ROLE_PROD });
        intent_metrics(out, val_get(production, "metrics"), val_get(version, "metrics"));
    } else {
        intent_line(out, (struct intent_line){ .label = "version",
                                               .from = version_text(out->arena, version) });
    }
    intent_line(out, (struct intent_line){ .label = "stage",
                                           .from = arena_strdup(out->arena, stage),
                                           .to = to,
                                           .role = stage_role(to) });
    if (archive && str_eq(stage, "Production"))
        intent_line(out, (struct intent_line){ .label = "after that",
                                               .from = "nothing of this model is in Production",
                                               .role = ROLE_BAD });
    expect_production(out, model, production);
}

void intent_rollback(struct intent *out, const char *model, const struct val *production,
                     const struct val *target)
{
    ask(out, "model rollback", "roll back");
    out->production = true;
    val_set_str(out->args, "name", model);
    out->text = arena_printf(out->arena, "Roll back %s", model);
    intent_line(out, (struct intent_line){ .label = "Production",
                                           .from = version_text(out->arena, production),
                                           .to = target ? version_text(out->arena, target)
                                                        : "the version before it",
                                           .role = ROLE_PROD });
    if (target) intent_metrics(out, val_get(production, "metrics"), val_get(target, "metrics"));
    expect_production(out, model, production);
}

static const struct val *version_by_number(const struct val *model, int64_t number)
{
    const struct val *list = val_get(model, "versions");
    for (size_t i = 0; i < val_len(list); i++)
        if (val_get_int(val_at(list, i), "version", 0) == number) return val_at(list, i);
    return NULL;
}

const struct val *model_version_in(const struct val *model, const char *stage)
{
    const struct val *list = val_get(model, "versions");
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "stage", ""), stage)) return val_at(list, i);
    return NULL;
}

const struct val *model_rollback_target(const struct val *model)
{
    const struct val *now = model_version_in(model, "Production"), *h = val_get(model, "history");
    int64_t current = val_get_int(now, "version", 0);
    for (size_t i = 0; i < val_len(h); i++) {
        const struct val *e = val_at(h, i);
        if (str_eq(val_get_str(e, "from", ""), "Production") &&
            val_get_int(e, "version", 0) != current)
            return version_by_number(model, val_get_int(e, "version", 0));
    }
    return NULL;
}

static void ask_rollback(const struct val *model, struct intent *out)
{
    const struct val *now = model_version_in(model, "Production");
    const struct val *target = model_rollback_target(model);
    const char *name = val_get_str(model, "name", "");
    if (now && target) intent_rollback(out, name, now, target);
    else
        intent_say(out, "%s: %s", name,
                   now ? "no version was in Production before" : "nothing is in Production");
}

void intent_rollback_of(struct intent *out, const char *model)
{
    out->kind = INTENT_PREPARE;
    out->verb = "model show";
    out->args = val_obj(out->arena);
    val_set_str(out->args, "name", model);
    out->then = ask_rollback;
}

void intent_job(struct intent *out, const char *verb, const struct val *job)
{
    char id[FMT_LEN];
    ask(out, verb, str_eq(verb, "job cancel") ? "stop it" : "retry");
    val_set_str(out->args, "job", val_get_str(job, "id", ""));
    struct status_look look = status_look(val_get_str(job, "state", NULL));
    out->text =
        arena_printf(out->arena, "%s job %s", str_eq(verb, "job cancel") ? "Cancel" : "Retry",
                     fmt_id(id, val_get_str(job, "id", NULL)));
    intent_line(out, (struct intent_line){
                         .label = "job",
                         .from = arena_strdup(out->arena, val_get_str(job, "kind", "")),
                     });
    intent_line(out, (struct intent_line){ .label = "state", .from = look.word });
    const char *message = val_get_str(job, "message", NULL);
    if (message && *message)
        intent_line(out, (struct intent_line){ .label = "progress",
                                               .from = arena_strdup(out->arena, message) });
}
