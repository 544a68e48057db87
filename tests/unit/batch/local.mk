# tests of batch: one program a source file
if HAVE_CMOCKA
batch_tests = \
	%D%/test_options \
	%D%/test_progress \
	%D%/test_render \
	%D%/test_report \
	%D%/test_script \
	%D%/test_table
check_PROGRAMS += $(batch_tests)
TESTS += $(batch_tests)
%C%_test_options_LDADD = src/batch/libbatch.a $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_progress_LDADD = src/batch/libbatch.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_render_LDADD = src/batch/libbatch.a $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_report_LDADD = src/batch/libbatch.a $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_script_LDADD = src/batch/libbatch.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_table_LDADD = src/batch/libbatch.a $(BASE_LIBS) $(CMOCKA_LIBS)
endif
