/* dataframe.h: tables as other serving programs send them, into rows: MLflow's dataframes, the
 * instances and inputs of TensorFlow Serving, CSV. */
#pragma once
#include "http/infer.h"

enum dataframe_form {
    DATAFRAME_SPLIT = 1,     /* {"columns": […], "data": [[…], …]} */
    DATAFRAME_RECORDS = 2,   /* [{"column": value, …}, …] */
    DATAFRAME_INSTANCES = 4, /* the same, or rows as lists in the model's order of columns */
    DATAFRAME_INPUTS = 8,    /* {"column": […], …}, or as instances */
};
/* A JSON object with exactly one of the members that `forms` allows. *ret: which. */
int dataframe_read_json(struct infer *s, const char *text, size_t n, unsigned forms,
                        enum dataframe_form *ret, struct err *e);
/* A header and rows. */
int dataframe_read_csv(struct infer *s, const char *text, size_t n, struct err *e);
