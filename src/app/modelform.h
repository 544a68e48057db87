/* modelform.h: model files in other programs' forms, to models and back: the place that joins
 * the codecs of modelforms.def with the engine. Any thread. */
#pragma once
#include "base/str.h"
#include "base/val.h"
#include "engine/model/model.h"

#define MODELFORM_OWN "signalbox"
#define MODELFORM_MAX ((size_t)1 << 30) /* bytes of a file that is read */

struct modelform_wish {
    const char *format;         /* NULL: from the content */
    const char *target;         /* NULL: as the file says, else "target" */
    const struct val *classes;  /* list of labels in class order; NULL: as the file says */
};
/* *ret_format lives for ever. ERR_PARSE, ERR_INVALID. The caller frees the model. */
int modelform_read(struct arena *a, const struct str *file, const struct modelform_wish *wish,
                   struct model **ret, const char **ret_format, struct err *e);
/* Our own bytes are replaced by those of another form. */
int modelform_write(struct str *bytes, const char *format, struct err *e);
int modelform_save(const struct model *m, struct str *out, struct err *e); /* our own form */
