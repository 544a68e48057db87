/* key.h: keys as the program knows them: a Unicode code point (control keys as 1..31), or one
 * of these beyond Unicode. The terminal layer translates; nobody else sees curses' numbers. */
#pragma once
#include <stdint.h>

enum {
    K_NONE = 0,
    K_TAB = 9,
    K_ENTER = 13,
    K_ESC = 27,
    K_BACKSPACE = 127,
    K_UP = 0x110000,
    K_DOWN,
    K_LEFT,
    K_RIGHT,
    K_HOME,
    K_END,
    K_PGUP,
    K_PGDN,
    K_DELETE,
    K_BACKTAB,
    K_LAST = K_BACKTAB,
};
#define K_CTRL(letter) ((letter)&0x1f)
static inline int key_is_text(uint32_t key)
{
    return key >= 32 && key != K_BACKSPACE && key < K_UP;
}
#define KEY_NAME_LEN 16
/* "Enter", "^L", "PgUp", "space", "p"; buf is returned. */
const char *key_label(char buf[KEY_NAME_LEN], uint32_t key);
