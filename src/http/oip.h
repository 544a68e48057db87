/* oip.h: what the files of the Open Inference Protocol share. */
#pragma once
#include "http/infer.h"

/* {"error": "message; hint"} with the error's status. */
void oip_error(struct http_req *q, const struct err *e);

enum oip_form { OIP_ABSENT, OIP_JSON, OIP_BINARY };
struct oip_request {
    const char *id;
    size_t n_id;
    bool named_outputs, binary; /* binary: outputs that are not named otherwise */
    enum oip_form prediction, probabilities;
};
/* The request's tensors into rows of the route that infer_begin found; text: n bytes of which
 * the first n_json are JSON, the rest packed tensors. */
int oip_read(struct infer *s, const char *text, size_t n, size_t n_json, struct oip_request *ret,
             struct err *e);
/* Body of the answer; *ret_json: bytes of it that are JSON, all of them unless something is packed
 * behind. */
void oip_write(const struct infer *s, const struct oip_request *r, struct str *out,
               size_t *ret_json);
