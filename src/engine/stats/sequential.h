/* sequential.h: two arms compared while the data comes in, valid at every look.
 *
 * Mixture sequential probability ratio test of a difference of means with known-enough variance
 * (Robbins 1970; Johari, Pekelis and Walsh 2015): with d = m1 - m0 and s2 = v1/n1 + v0/n0,
 *   log L = 0.5 log(s2 / (s2 + tau^2)) + tau^2 d^2 / (2 s2 (s2 + tau^2)),
 * rejected when L >= 1/alpha (Ville); the confidence sequence inverts the same formula. Of
 * rates, smoothed to (x + 0.5) / (n + 1), the variance is a matter of choice while errors are
 * few: that of the two arms apart is slow to see a candidate that got worse, that of both
 * together is too quick where errors are rare (3 % of healthy candidates at 0.2 %). The ratio
 * takes the mean of the two, which simulations show to be on the safe side at every rate and
 * share; the interval takes the arms apart, with two successes and two failures added. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sequential {
    double difference;   /* arm 1 - arm 0 */
    double low, high;    /* confidence sequence at 1 - alpha */
    double log_ratio;    /* log L at this look */
    double p;            /* min(1, 1 / L) at this look */
    bool reject;         /* the arms differ */
};
struct sequential_spec { double alpha, tau; };
struct sequential sequential_rates(const struct sequential_spec *s, int64_t x0, int64_t n0,
                                   int64_t x1, int64_t n1);
struct sequential sequential_means(const struct sequential_spec *s, double m0, double v0,
                                   int64_t n0, double m1, double v1, int64_t n1);
