# Tests of engine/stats, against shared reference vectors where those are at hand.
EXTRA_DIST += %D%/vectors.h
if HAVE_CMOCKA
stats_tests = \
	%D%/test_special
check_PROGRAMS += $(stats_tests)
TESTS += $(stats_tests)
%C%_test_special_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_special_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
endif
