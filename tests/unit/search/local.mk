# Tests of engine/search, linked with the engine and base alone.
EXTRA_DIST += %D%/functions.h %D%/optuna_regret.py
if HAVE_CMOCKA
search_tests = \
	%D%/test_pruner \
	%D%/test_sampler \
	%D%/test_space
check_PROGRAMS += $(search_tests)
TESTS += $(search_tests)
%C%_test_pruner_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit/engine
%C%_test_pruner_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_sampler_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit/engine
%C%_test_sampler_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
%C%_test_space_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit/engine
%C%_test_space_LDADD = $(ENGINE_LIBS) $(CMOCKA_LIBS)
endif
# regrets on known functions; test_sweep_regret.sh compares them with Optuna's
check_PROGRAMS += %D%/regret
%C%_regret_LDADD = $(ENGINE_LIBS)
