# tests of store: the real thing in a temporary folder
EXTRA_DIST += %D%/workspace_v1.sql %D%/workspace_v2.sql
if HAVE_CMOCKA
store_tests = %D%/test_alert \
	%D%/test_audit \
	%D%/test_blob \
	%D%/test_crash \
	%D%/test_db \
	%D%/test_job \
	%D%/test_job_procs \
	%D%/test_prediction \
	%D%/test_prediction_procs \
	%D%/test_registry \
	%D%/test_rollout \
	%D%/test_run \
	%D%/test_schedule \
	%D%/test_search \
	%D%/test_search_random \
	%D%/test_snapshot \
	%D%/test_store \
	%D%/test_user
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
store_test_ldadd = $(STORE_LIBS) $(CMOCKA_LIBS)
%C%_test_audit_SOURCES = %D%/test_audit.c %D%/storetest.h
%C%_test_audit_LDADD = $(store_test_ldadd)
%C%_test_blob_SOURCES = %D%/test_blob.c %D%/storetest.h
%C%_test_blob_LDADD = $(store_test_ldadd)
%C%_test_crash_SOURCES = %D%/test_crash.c %D%/storetest.h
%C%_test_crash_LDADD = $(store_test_ldadd)
%C%_test_db_SOURCES = %D%/test_db.c %D%/storetest.h
%C%_test_db_LDADD = $(store_test_ldadd)
%C%_test_job_SOURCES = %D%/test_job.c %D%/storetest.h
%C%_test_job_LDADD = $(store_test_ldadd)
%C%_test_job_procs_SOURCES = %D%/test_job_procs.c %D%/storetest.h
%C%_test_job_procs_LDADD = $(store_test_ldadd)
%C%_test_registry_SOURCES = %D%/test_registry.c %D%/storetest.h
%C%_test_registry_LDADD = $(store_test_ldadd)
%C%_test_rollout_SOURCES = %D%/test_rollout.c %D%/storetest.h
%C%_test_rollout_LDADD = $(store_test_ldadd)
%C%_test_run_SOURCES = %D%/test_run.c %D%/storetest.h
%C%_test_run_LDADD = $(store_test_ldadd)
%C%_test_search_SOURCES = %D%/test_search.c %D%/storetest.h
%C%_test_search_LDADD = $(store_test_ldadd)
%C%_test_search_random_SOURCES = %D%/test_search_random.c %D%/storetest.h
%C%_test_search_random_LDADD = $(store_test_ldadd)
%C%_test_store_SOURCES = %D%/test_store.c %D%/storetest.h
%C%_test_store_LDADD = $(store_test_ldadd)
%C%_test_user_SOURCES = %D%/test_user.c %D%/storetest.h
%C%_test_user_LDADD = $(store_test_ldadd)
%C%_test_alert_SOURCES = %D%/test_alert.c %D%/storetest.h
%C%_test_alert_LDADD = $(store_test_ldadd)
%C%_test_prediction_SOURCES = %D%/test_prediction.c %D%/storetest.h
%C%_test_prediction_LDADD = $(store_test_ldadd)
%C%_test_schedule_SOURCES = %D%/test_schedule.c %D%/storetest.h
%C%_test_schedule_LDADD = $(store_test_ldadd)
%C%_test_snapshot_SOURCES = %D%/test_snapshot.c %D%/storetest.h
%C%_test_snapshot_LDADD = $(store_test_ldadd)
%C%_test_prediction_procs_SOURCES = %D%/test_prediction_procs.c %D%/storetest.h
%C%_test_prediction_procs_LDADD = $(store_test_ldadd)
endif
