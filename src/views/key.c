/* key.c: names of keys, for the footer, help and error texts. Any thread. */
#include "views/key.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <stdio.h>

static const struct {
    uint32_t key;
    const char *name;
} names[] = {
    { K_TAB, "Tab" },    { K_ENTER, "Enter" },   { K_ESC, "Esc" },   { K_BACKSPACE, "Bksp" },
    { K_UP, "Up" },      { K_DOWN, "Down" },     { K_LEFT, "Left" }, { K_RIGHT, "Right" },
    { K_HOME, "Home" },  { K_END, "End" },       { K_PGUP, "PgUp" }, { K_PGDN, "PgDn" },
    { K_DELETE, "Del" }, { K_BACKTAB, "S-Tab" }, { ' ', "space" },
};

const char *key_label(char buf[KEY_NAME_LEN], uint32_t key)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].key != key) continue;
        snprintf(buf, KEY_NAME_LEN, "%s", names[i].name);
        return buf;
    }
    if (key < 32) {
        snprintf(buf, KEY_NAME_LEN, "^%c", (char)(key + 64));
        return buf;
    }
    size_t n = utf8_put(buf, key);
    buf[n] = '\0';
    return buf;
}
