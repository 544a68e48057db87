/* test_edit.c: line editing on UTF-8, and drawing around the cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "views/widgets/edit.h"
#include <string.h>

static void type(struct edit *e, const char *s)
{
    for (; *s; s++) assert_true(edit_key(e, (unsigned char)*s));
}

static void test_typing_and_erasing(void **state)
{
    (void)state;
    struct edit e = EDIT_INIT;
    type(&e, "run list");
    edit_key(&e, 0xe9);
    assert_string_equal(edit_text(&e), "run listé");
    edit_key(&e, K_BACKSPACE);
    edit_key(&e, K_CTRL('w'));
    assert_string_equal(edit_text(&e), "run ");
    edit_key(&e, K_HOME);
    edit_key(&e, K_DELETE);
    type(&e, "R");
    assert_string_equal(edit_text(&e), "Run ");
    edit_key(&e, K_END);
    edit_complete(&e, 0, "model ");
    assert_string_equal(edit_text(&e), "model ");
    edit_key(&e, K_CTRL('u'));
    assert_string_equal(edit_text(&e), "");
    assert_false(edit_key(&e, K_UP));
    assert_false(edit_key(&e, K_ENTER));
    edit_done(&e);
}

static void test_any_keys_keep_valid_text(void **state)
{
    (void)state;
    static const uint32_t keys[] = { K_LEFT,      K_RIGHT, K_HOME, K_END, K_BACKSPACE, K_DELETE,
                                     K_CTRL('w'), 'a',     ' ',    0xe9,  0x65e5,      0x1f600 };
    struct rng r;
    struct edit e = EDIT_INIT;
    struct canvas cv;
    rng_seed(&r, 3);
    canvas_init(&cv, 12, 1, false);
    for (int i = 0; i < 20000; i++) {
        edit_key(&e, keys[rng_below(&r, sizeof keys / sizeof keys[0])]);
        assert_true(utf8_valid(edit_text(&e), e.text.len));
        assert_true(e.pos <= e.text.len);
        if (i % 16) continue;
        canvas_clear(&cv);
        edit_draw(&cv, rect_make(1, 0, 10, 1), &e, true);
        assert_in_range(cv.cursor_x, 1, 10);
    }
    canvas_done(&cv);
    edit_done(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing_and_erasing),
        cmocka_unit_test(test_any_keys_keep_valid_text),
    };
    return cmocka_run_group_tests_name("views.edit", tests, NULL, NULL);
}
