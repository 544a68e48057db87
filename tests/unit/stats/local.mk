# Tests of engine/stats, against shared reference vectors where those are at hand.
EXTRA_DIST += %D%/pairs.h %D%/vectors.h
if HAVE_CMOCKA
stats_tests = \
	%D%/test_bins \
	%D%/test_detector \
	%D%/test_drift \
	%D%/test_performance \
	%D%/test_special \
	%D%/test_table \
	%D%/test_two_sample
check_PROGRAMS += $(stats_tests)
TESTS += $(stats_tests)
%C%_test_bins_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_bins_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_detector_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_detector_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_drift_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_drift_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_performance_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_performance_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_special_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_special_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_table_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_table_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_two_sample_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_two_sample_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
endif
