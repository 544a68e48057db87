# tests of app: whole layers below are real, in a temporary workspace
EXTRA_DIST += %D%/desk.h %D%/rollouttest.h
if HAVE_CMOCKA
app_tests = \
	%D%/test_alert \
	%D%/test_app \
	%D%/test_cache \
	%D%/test_cron \
	%D%/test_data \
	%D%/test_demo \
	%D%/test_doctor \
	%D%/test_escalate \
	%D%/test_feature_pack \
	%D%/test_model \
	%D%/test_monitor \
	%D%/test_reference \
	%D%/test_registry \
	%D%/test_retrain \
	%D%/test_retrain_job \
	%D%/test_canary \
	%D%/test_judge \
	%D%/test_rollout \
	%D%/test_route \
	%D%/test_schedule \
	%D%/test_settings \
	%D%/test_runs \
	%D%/test_scoring \
	%D%/test_train \
	%D%/test_user \
	%D%/test_verb
check_PROGRAMS += $(app_tests)
TESTS += $(app_tests)
%C%_test_alert_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_app_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_cache_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_cron_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_user_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_data_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_doctor_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_demo_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_feature_pack_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_monitor_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_model_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_registry_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_retrain_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_retrain_job_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_canary_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_canary_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_judge_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_route_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_route_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_rollout_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_test_rollout_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_schedule_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_settings_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_runs_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_escalate_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_train_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_verb_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_reference_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_scoring_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
endif
