/* oip_write.c: an answer of the Open Inference Protocol: the envelope, data as JSON within it or
 * packed behind it. Besides the outputs it says, as parameters, which arm answered, how long the
 * model took, and why somebody else answered if so. */
#include "http/oip.h"
#include "http/tensor.h"
#include <inttypes.h>
#include <string.h>

struct writing {
    const struct infer *s;
    const struct model *m;
    size_t rows;
    bool whole;      /* labels are numbers */
    struct str *out; /* the JSON */
    struct str packed;
};

static enum tensor_type prediction_type(const struct writing *w)
{
    return !model_classes(w->m) ? TENSOR_FP64 : w->whole ? TENSOR_INT64 : TENSOR_BYTES;
}

static void pack_prediction(struct writing *w, size_t row)
{
    int class = infer_class(w->s, row);
    const char *label = class < 0 ? "" : model_class(w->m, class);
    long long number = 0;

    if (class < 0) {
        tensor_put_f64(&w->packed, infer_value(w->s, row, 0));
    } else if (w->whole) {
        str_to_i64(label, &number);
        tensor_put_i64(&w->packed, number);
    } else {
        tensor_put_bytes(&w->packed, label, strlen(label));
    }
}

static void begin_output(struct writing *w, const char *name, enum tensor_type type, size_t columns)
{
    str_addf(w->out, "{\"name\":\"%s\",\"datatype\":\"%s\",\"shape\":[%zu", name, tensor_name(type),
             w->rows);
    if (columns) str_addf(w->out, ",%zu", columns);
    str_addc(w->out, ']');
}

static void end_packed(struct writing *w, size_t from)
{
    str_addf(w->out, ",\"parameters\":{\"binary_data_size\":%zu}}", w->packed.len - from);
}

static void write_prediction(struct writing *w, enum oip_form form)
{
    size_t from = w->packed.len;

    begin_output(w, "prediction", prediction_type(w), 0);
    if (form == OIP_BINARY) {
        for (size_t i = 0; i < w->rows; i++) pack_prediction(w, i);
        end_packed(w, from);
        return;
    }
    str_add(w->out, ",\"data\":");
    for (size_t i = 0; i < w->rows; i++) {
        str_addc(w->out, i ? ',' : '[');
        infer_write_answer(w->s, i, w->whole, w->out);
    }
    str_add(w->out, "]}");
}

static void write_probabilities(struct writing *w, enum oip_form form)
{
    size_t from = w->packed.len;
    int classes = model_classes(w->m);
    char buf[32];

    begin_output(w, "probabilities", TENSOR_FP64, (size_t)classes);
    if (form == OIP_JSON) str_add(w->out, ",\"data\":");
    for (size_t i = 0; i < w->rows; i++) {
        for (int k = 0; k < classes; k++) {
            double p = infer_value(w->s, i, k);
            if (form == OIP_BINARY) {
                tensor_put_f64(&w->packed, p);
                continue;
            }
            str_addc(w->out, i || k ? ',' : '[');
            str_add(w->out, str_real(buf, p));
        }
    }
    if (form == OIP_BINARY) end_packed(w, from);
    else str_add(w->out, "]}");
}

static void write_parameters(struct writing *w)
{
    const struct predict_call *c = &w->s->call;
    char model[32], queue[32];

    str_addf(w->out,
             ",\"parameters\":{\"arm\":\"%s\",\"model_us\":%s,\"queue_us\":%s,\"cached\":%s",
             c->arm_role, str_real(model, c->model_us), str_real(queue, c->queue_us),
             c->cached ? "true" : "false");
    if (c->fallback) str_addf(w->out, ",\"fallback\":\"%s\"", c->fallback);
    str_addc(w->out, '}');
}

void oip_write(const struct infer *s, const struct oip_request *r, struct str *out,
               size_t *ret_json)
{
    const struct served *by = s->call.arm->by;
    struct writing w = { .s = s, .m = by->model, .rows = s->call.rows->n, .out = out };

    w.whole = infer_whole_labels(w.m);
    str_add(out, "{\"model_name\":");
    val_write_json_str(out, by->name, strlen(by->name));
    str_addf(out, ",\"model_version\":\"%" PRId64 "\"", by->version);
    if (r->id) {
        str_add(out, ",\"id\":");
        val_write_json_str(out, r->id, r->n_id);
    }
    write_parameters(&w);
    str_add(out, ",\"outputs\":[");
    if (r->prediction) write_prediction(&w, r->prediction);
    if (r->prediction && r->probabilities) str_addc(out, ',');
    if (r->probabilities && model_classes(w.m)) write_probabilities(&w, r->probabilities);
    str_add(out, "]}");
    *ret_json = out->len;
    str_addn(out, str_c(&w.packed), w.packed.len);
    str_done(&w.packed);
}
