# Tests of engine/stats, against shared reference vectors where those are at hand.
EXTRA_DIST += %D%/pairs.h %D%/vectors.h
if HAVE_CMOCKA
stats_tests = \
	%D%/test_bins \
	%D%/test_change \
	%D%/test_detector \
	%D%/test_drift \
	%D%/test_error_rates \
	%D%/test_multivariate \
	%D%/test_performance \
	%D%/test_sequential \
	%D%/test_special \
	%D%/test_table \
	%D%/test_two_sample
check_PROGRAMS += $(stats_tests)
TESTS += $(stats_tests)
%C%_test_bins_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_bins_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_change_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_detector_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_detector_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_drift_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_drift_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_error_rates_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_error_rates_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_multivariate_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_multivariate_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_performance_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_performance_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_sequential_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_special_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_special_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_table_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_table_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_two_sample_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_two_sample_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)

# make vectors: what the tests of engine/stats compare with the shared vectors, as one table
vector_tests = $(stats_tests) tests/unit/engine/test_metric
vectors: $(vector_tests)
	@status=0; out=vectors.out; : >$$out; \
	for t in $(vector_tests); do \
		top_srcdir='$(top_srcdir)' ./$$t 2>/dev/null >>$$out || { status=1; echo "$$t failed"; }; \
	done; \
	printf '%-14s %-26s %6s %10s %9s\n' file quantity cases rel.error tolerance; \
	sed -n 's/^vector //p' $$out; \
	sed -n 's/^vector //p' $$out | awk '{ n += $$(NF - 2); if ($$NF > w) w = $$NF } \
		END { printf "%d comparisons; worst error %.2g of its tolerance\n", n, w }'; \
	exit $$status
endif
CLEANFILES += vectors.out
