/* test_detector.c: stream detectors: alarm positions of the shared vectors, false alarms and
 * delays against published figures, and the rules all share. */
#include "engine/drift/detector.h"
#include "pairs.h"

static struct watch *watching(const char *name, const char *json)
{
    struct arena a = ARENA_INIT;
    struct val *params = NULL;
    struct watch *w;
    struct err e = ERR_INIT;
    const struct detector *d = detector_find(name);
    assert_non_null(d);
    if (json) assert_int_equal(val_parse_json(&a, json, strlen(json), &params, &e), 0);
    if (watch_new(d, params, 1, &w, &e)) fail_msg("%s", e.msg);
    arena_done(&a);
    return w;
}

static void every_detector_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; detectors[i]; i++) {
        assert_ptr_equal(detector_find(detectors[i]->name), detectors[i]);
        assert_true(strlen(detectors[i]->help) > 20);
        if (i) assert_true(strcmp(detectors[i - 1]->name, detectors[i]->name) < 0);
    }
    assert_null(detector_find("none"));
}

static void parameters_are_checked(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct val *p = val_obj(&a);
    struct watch *w = NULL;
    struct err e = ERR_INIT;
    val_set_str(p, "delta", "2");
    assert_int_equal(watch_new(detector_find("adwin"), p, 1, &w, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "delta"));
    arena_done(&a);
}

static void missing_values_are_passed_over(void **state)
{
    (void)state;
    struct watch *w = watching("page_hinkley", NULL);
    assert_int_equal(watch_add(w, NAN), DETECTOR_STEADY);
    assert_int_equal(watch_seen(w), 0);
    watch_free(w);
    watch_free(NULL);
}

/* A jump from 10 % to 90 % errors is found by all, soon, and nothing is found before. */
static void everyone_sees_a_jump(void **state)
{
    (void)state;
    for (size_t i = 0; detectors[i]; i++) {
        struct watch *w = watching(detectors[i]->name, NULL);
        int first = -1;
        for (int k = 0; k < 2000 && first < 0; k++) {
            double x = pair_u(900, (uint64_t)k + 1) < (k < 1000 ? 0.1 : 0.9);
            if (watch_add(w, x) == DETECTOR_DRIFT && k >= 1000) first = k - 1000;
        }
        if (first < 0 || first > 200) fail_msg("%s: first alarm %d", detectors[i]->name, first);
        watch_free(w);
    }
}

static void replays_are_equal(void **state)
{
    (void)state;
    for (size_t i = 0; detectors[i]; i++) {
        struct watch *a = watching(detectors[i]->name, NULL);
        struct watch *b = watching(detectors[i]->name, NULL);
        for (uint64_t k = 0; k < 1500; k++) {
            double x = pair_u(77, k + 1) < (k < 700 ? 0.2 : 0.5);
            assert_int_equal(watch_add(a, x), watch_add(b, x));
        }
        watch_free(a);
        watch_free(b);
    }
}

/* Protocol of the published table: 5,000 values at p0, then 5,000 at p1. */
static void cusum_delay_and_false_alarms(void **state)
{
    (void)state;
    enum { RUNS = 200 };
    static const struct {
        double p1;
        int median;
    } cases[] = { { 0.3, 86 }, { 0.2, 199 }, { 0.15, 479 } };
    for (size_t c = 0; c < 3; c++) {
        int delay[RUNS], alarms = 0;
        for (int r = 0; r < RUNS; r++) {
            struct watch *w = watching("cusum", "{\"p0\":0.1}");
            delay[r] = 5000;
            for (int k = 0; k < 10000; k++) {
                double p = k < 5000 ? 0.1 : cases[c].p1;
                double x = pair_u(500000 + (uint64_t)r, (uint64_t)k + 1) < p;
                if (watch_add(w, x) != DETECTOR_DRIFT) continue;
                if (k < 5000) {
                    alarms++;
                    continue;
                }
                delay[r] = k - 5000;
                break;
            }
            watch_free(w);
        }
        for (int i = 1; i < RUNS; i++)
            for (int j = i; j > 0 && delay[j] < delay[j - 1]; j--) {
                int t = delay[j];
                delay[j] = delay[j - 1];
                delay[j - 1] = t;
            }
        printf("cusum 0.1 -> %.2f: median delay %d (%d allowed), %.3f false alarms in 10,000\n",
               cases[c].p1, delay[RUNS / 2], cases[c].median, alarms * 2.0 / RUNS);
        assert_true(alarms <= RUNS / 20); /* 0.1 in 10,000 values */
        assert_true(delay[RUNS / 2] <= cases[c].median);
    }
}

/* ---- the shared vectors ---------------------------------------------------------------- */

static const struct {
    const char *key, *name, *params;
} known[] = {
    { "DDM", "ddm", NULL },
    { "EDDM", "eddm", NULL },
    { "PageHinkley", "page_hinkley", NULL },
    { "HDDM_A", "hddm_a", NULL },
    { "HDDM_A_two_sided", "hddm_a", "{\"two_sided\":true}" },
    { "HDDM_W", "hddm_w", NULL },
    { "HDDM_W_two_sided", "hddm_w", "{\"two_sided\":true}" },
    { "FHDDM", "fhddm", NULL },
    { "ADWIN_paper", "adwin", NULL },
    { "ADWIN_paper_clock1", "adwin", "{\"clock\":1}" },
};

static void compare_alarms(const struct val *o, const double *x, size_t n, size_t which)
{
    const struct val *want = val_get(val_get(o, "alarms"), known[which].key);
    struct watch *w = watching(known[which].name, known[which].params);
    size_t seen = 0;
    assert_int_equal(val_type(want), VAL_LIST);
    for (size_t i = 0; i < n; i++) {
        if (watch_add(w, x[i]) != DETECTOR_DRIFT) continue;
        if (val_as_int(val_at(want, seen), -1) != (int64_t)i)
            fail_msg("%s, %s: alarm at %zu, expected %lld", val_get_str(o, "name", "?"),
                     known[which].key, i, (long long)val_as_int(val_at(want, seen), -1));
        seen++;
    }
    vectors_case(known[which].key, (double)seen, (double)val_len(want), 0, 0,
                 val_get_str(o, "name", "?"));
    watch_free(w);
}

static void reference_streams(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *all = vectors_load(&a, "streams.json"), *streams = val_get(all, "portable");
    if (!all) {
        arena_done(&a);
        skip();
    }
    assert_true(val_len(streams) >= 10);
    for (size_t s = 0; s < val_len(streams); s++) {
        const struct val *o = val_at(streams, s), *segments = val_get(o, "segments");
        uint64_t seed = (uint64_t)val_get_int(o, "seed", 0), k = 0;
        double *x = arena_array(&a, 20000, double), sum = 0;
        for (size_t g = 0; g < val_len(segments); g++) {
            int64_t n = val_as_int(val_at(val_at(segments, g), 0), 0);
            double p = val_as_real(val_at(val_at(segments, g), 1), 0);
            for (int64_t i = 0; i < n; i++, k++) sum += x[k] = pair_u(seed, k + 1) < p;
        }
        assert_int_equal((int64_t)sum, val_get_int(o, "sum", -1));
        for (size_t d = 0; d < sizeof known / sizeof *known; d++) compare_alarms(o, x, k, d);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(every_detector_is_described),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(missing_values_are_passed_over),
        cmocka_unit_test(everyone_sees_a_jump),
        cmocka_unit_test(replays_are_equal),
        cmocka_unit_test(cusum_delay_and_false_alarms),
        cmocka_unit_test(reference_streams),
    };
    return vectors_report("streams.json",
                          cmocka_run_group_tests_name("drift.detector", t, NULL, NULL));
}
