/* vec_mixture.h: the vector kernel of Parzen mixtures (engine/search/tpe.c), in the manner of
 * vec_body.h. Kernels of the mixture come in eights, two vectors that do not wait for each other:
 * there is no tail. */
#pragma once
#include "engine/kernel/vec_body.h"

/* Takes the distances of kernels k to k+7 from x off their log shares; most: the largest so far
 * of every lane. */
BODY body_mixture8(const struct kernel_mixture *m, const double *x, size_t k, double *log_shares,
                   v4d *most)
{
    const size_t n = m->n, d = m->d;
    const double *mu = m->mu + k, *c = m->c + k;
    v4d left, right, mu_left, mu_right, c_left, c_right;

    LOAD(left, log_shares + k);
    LOAD(right, log_shares + k + 4);
    for (size_t j = 0; j < d; j++, mu += n, c += n) {
        LOAD(mu_left, mu);
        LOAD(mu_right, mu + 4);
        LOAD(c_left, c);
        LOAD(c_right, c + 4);
        mu_left = x[j] - mu_left;
        mu_right = x[j] - mu_right;
        left -= mu_left * mu_left * c_left;
        right -= mu_right * mu_right * c_right;
    }
    STORE(log_shares + k, left);
    STORE(log_shares + k + 4, right);
    *most = PICK(left > *most, left, *most);
    *most = PICK(right > *most, right, *most);
}

BODY body_mixture(const struct kernel_mixture *m, const double *x, double *log_shares, double *ret)
{
    v4d most = SPLAT(v4d, -HUGE_VAL), total = SPLAT(v4d, 0.0), v;
    double top = -HUGE_VAL;

    for (size_t k = 0; k < m->n; k += 8) body_mixture8(m, x, k, log_shares, &most);
    for (int i = 0; i < 4; i++) top = most[i] > top ? most[i] : top;
    for (size_t k = 0; k < m->n; k += 4) {
        LOAD(v, log_shares + k);
        v -= top;
        body_exp4(&v);
        total += v;
    }
    *ret = top + log((total[0] + total[1]) + (total[2] + total[3]));
}
