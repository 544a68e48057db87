# unit tests of base/param, app/ and batch/: one binary a source file
if HAVE_CMOCKA
batch_tests = \
	tests/unit/base/test_param
check_PROGRAMS += $(batch_tests)
TESTS += $(batch_tests)
tests_unit_base_test_param_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif
