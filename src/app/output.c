/* output.c: see output.h. */
#include "app/output.h"

#include "base/file.h"

#include <errno.h>
#include <unistd.h>

static int to_stdout(const struct str *text, struct err *e)
{
    const char *p = str_c(text);
    size_t left = text->len;

    while (left > 0) {
        ssize_t w = write(STDOUT_FILENO, p, left);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return err_sys(e, ERR_IO, "standard output");
        p += w;
        left -= (size_t)w;
    }
    return 0;
}

int output_write(const char *path, const struct str *text, struct err *e)
{
    return str_eq(path, "-") ? to_stdout(text, e)
                             : file_write_atomic(path, str_c(text), text->len, e);
}
