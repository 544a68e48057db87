# unit tests of run/
if HAVE_CMOCKA
run_tests = %D%/test_loop %D%/test_sched %D%/test_verbtask %D%/test_verbthread \
	%D%/test_spawn %D%/test_notify
check_PROGRAMS += $(run_tests)
TESTS += $(run_tests)
%C%_test_loop_LDADD = src/run/librun.a $(BASE_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
%C%_test_verbtask_SOURCES = %D%/test_verbtask.c %D%/ws.h
%C%_test_verbtask_LDADD = $(RUN_LIBS) $(CMOCKA_LIBS)
%C%_test_verbthread_SOURCES = %D%/test_verbthread.c %D%/ws.h
%C%_test_verbthread_LDADD = $(RUN_LIBS) $(CMOCKA_LIBS)
%C%_test_spawn_SOURCES = %D%/test_spawn.c %D%/ws.h
%C%_test_spawn_LDADD = $(RUN_LIBS) $(CMOCKA_LIBS)
%C%_test_sched_SOURCES = %D%/test_sched.c %D%/ws.h
%C%_test_sched_LDADD = $(RUN_LIBS) $(CMOCKA_LIBS)
%C%_test_notify_LDADD = $(RUN_LIBS) $(CMOCKA_LIBS)
endif
