/* vec_tree.h: the vector kernel that runs trees over blocks, in the manner of vec_body.h. */
#pragma once
#include "engine/kernel/vec_body.h"

BODY body_tree_block(const struct kernel_op *ops, size_t n, const uint8_t *planes, uint8_t *slots)
{
    for (size_t i = 0; i < n; i++) {
        const struct kernel_op *o = &ops[i];
        const uint8_t *p = planes + (size_t)o->plane * KERNEL_ROWS;
        const uint8_t *l = slots + (size_t)o->left * KERNEL_ROWS;
        const uint8_t *r = slots + (size_t)o->right * KERNEL_ROWS;
        uint8_t *out = slots + (size_t)o->out * KERNEL_ROWS;
#pragma GCC unroll 2
        for (size_t j = 0; j < KERNEL_ROWS; j += sizeof(v32b)) {
            v32b x, a, b;
            LOAD(x, p + j);
            LOAD(a, l + j);
            LOAD(b, r + j);
            v32b m = (v32b)(x <= o->threshold);
            a = (a & m) | (b & ~m);
            STORE(out + j, a);
        }
    }
}
