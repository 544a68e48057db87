# tests of serve: real models, and real stores in temporary workspaces
if HAVE_CMOCKA
SERVE_TESTS =
SERVE_TESTS += %D%/soak_reload
SERVE_TESTS += %D%/test_batch
SERVE_TESTS += %D%/test_cache
SERVE_TESTS += %D%/test_mode
SERVE_TESTS += %D%/test_mode_live
SERVE_TESTS += %D%/test_mode_mix
SERVE_TESTS += %D%/test_plog
SERVE_TESTS += %D%/test_ring
SERVE_TESTS += %D%/test_rows
SERVE_TESTS += %D%/test_score
SERVE_TESTS += %D%/test_serve
check_PROGRAMS += $(SERVE_TESTS)
TESTS += $(SERVE_TESTS)
SERVE_TEST_LIBS = $(SERVE_LIBS) $(CMOCKA_LIBS)
%C%_test_ring_LDADD = $(SERVE_TEST_LIBS)
%C%_test_rows_SOURCES = %D%/test_rows.c %D%/sample.c %D%/sample.h
%C%_test_rows_LDADD = $(SERVE_TEST_LIBS)
%C%_test_mode_SOURCES = %D%/test_mode.c %D%/modetest.c %D%/modetest.h %D%/sample.c %D%/sample.h
%C%_test_mode_LDADD = $(SERVE_TEST_LIBS)
%C%_test_mode_mix_SOURCES = %D%/test_mode_mix.c %D%/modetest.c %D%/modetest.h \
	%D%/sample.c %D%/sample.h
%C%_test_mode_mix_LDADD = $(SERVE_TEST_LIBS)
%C%_test_score_SOURCES = %D%/test_score.c %D%/sample.c %D%/sample.h %D%/workspace.c \
	%D%/workspace.h
%C%_test_score_LDADD = $(SERVE_TEST_LIBS)
%C%_test_serve_SOURCES = %D%/test_serve.c %D%/sample.c %D%/sample.h %D%/workspace.c \
	%D%/workspace.h
%C%_test_serve_LDADD = $(SERVE_TEST_LIBS)
%C%_test_mode_live_SOURCES = %D%/test_mode_live.c %D%/sample.c %D%/sample.h %D%/workspace.c \
	%D%/workspace.h
%C%_test_mode_live_LDADD = $(SERVE_TEST_LIBS)
%C%_soak_reload_SOURCES = %D%/soak_reload.c %D%/sample.c %D%/sample.h %D%/workspace.c \
	%D%/workspace.h
%C%_soak_reload_LDADD = $(SERVE_TEST_LIBS)
%C%_test_batch_SOURCES = %D%/test_batch.c %D%/sample.c %D%/sample.h %D%/workspace.c \
	%D%/workspace.h
%C%_test_batch_LDADD = $(SERVE_TEST_LIBS)
%C%_test_cache_LDADD = $(SERVE_TEST_LIBS)
%C%_test_plog_SOURCES = %D%/test_plog.c %D%/workspace.c %D%/workspace.h
%C%_test_plog_LDADD = $(SERVE_TEST_LIBS)
endif
