# Unit tests of base/: one binary a source file.
if HAVE_CMOCKA
base_tests = \
	%D%/test_arena \
	%D%/test_clock \
	%D%/test_digest \
	%D%/test_err \
	%D%/test_file \
	%D%/test_hist \
	%D%/test_id \
	%D%/test_log \
	%D%/test_map \
	%D%/test_param \
	%D%/test_real \
	%D%/test_rng \
	%D%/test_secret \
	%D%/test_str \
	%D%/test_utf8 \
	%D%/test_val
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
%C%_test_arena_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_clock_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_digest_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_err_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_file_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_hist_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_id_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_log_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_map_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_param_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_real_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS) -lm
%C%_test_rng_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_secret_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_str_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_utf8_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_val_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif
