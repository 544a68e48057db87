# whole-program tests: the real binary in a temporary workspace. One line a script.
PROGRAM_TESTS =
PROGRAM_TESTS += %D%/test_alert.sh
PROGRAM_TESTS += %D%/test_auto.sh
PROGRAM_TESTS += %D%/test_batch_adult.sh
PROGRAM_TESTS += %D%/test_calibration.sh
PROGRAM_TESTS += %D%/test_casebook.sh
PROGRAM_TESTS += %D%/test_cli.sh
PROGRAM_TESTS += %D%/test_data_accuracy.sh
PROGRAM_TESTS += %D%/test_data_files.sh
PROGRAM_TESTS += %D%/test_evaluate.sh
PROGRAM_TESTS += %D%/test_data_metrics.sh
PROGRAM_TESTS += %D%/test_demo.sh
PROGRAM_TESTS += %D%/test_unsupervised.sh
PROGRAM_TESTS += %D%/test_drift.sh
PROGRAM_TESTS += %D%/test_ensembles.sh
PROGRAM_TESTS += %D%/test_nets.sh
PROGRAM_TESTS += %D%/test_explain.sh
PROGRAM_TESTS += %D%/test_gbdt_options.sh
PROGRAM_TESTS += %D%/test_jobs.sh
PROGRAM_TESTS += %D%/test_model_forms.sh
PROGRAM_TESTS += %D%/test_model_onnx.sh
PROGRAM_TESTS += %D%/test_model_replay.sh
PROGRAM_TESTS += %D%/test_monitor.sh
PROGRAM_TESTS += %D%/test_monitor_replay.sh
PROGRAM_TESTS += %D%/test_published.sh
PROGRAM_TESTS += %D%/test_readme.sh
PROGRAM_TESTS += %D%/test_report.sh
PROGRAM_TESTS += %D%/test_serve_predict.sh
PROGRAM_TESTS += %D%/test_serve_clients.sh
PROGRAM_TESTS += %D%/test_serve_prometheus.sh
PROGRAM_TESTS += %D%/test_serve_rollout.sh
PROGRAM_TESTS += %D%/test_sweep.sh
PROGRAM_TESTS += %D%/test_sweep_regret.sh
PROGRAM_TESTS += %D%/test_serve.sh
PROGRAM_TESTS += %D%/test_serve_canary.sh
TESTS += $(PROGRAM_TESTS)
EXTRA_DIST += %D%/calibration_peer.py %D%/gbdt_peer.py
EXTRA_DIST += %D%/serve.sh %D%/serve_clients.py %D%/model_forms.py
EXTRA_DIST += %D%/serve.sh %D%/serve_clients.py %D%/model_forms.py %D%/model_onnx.py %D%/data_accuracy.py
# the virtual environments that test_serve_clients.sh and test_model_forms.sh make and keep
clean-local: clean-clients
clean-clients:
	-rm -rf %D%/clients-venv %D%/peers-venv
.PHONY: clean-clients
dist_check_SCRIPTS += $(PROGRAM_TESTS)
EXTRA_DIST += %D%/lib.sh

# programs that drive the program: killed at random moments, several workers on one queue
drive_sources = %D%/crash_check.c %D%/crash_check.h %D%/drive.c %D%/drive.h
check_PROGRAMS += %D%/crash %D%/queue
TESTS += %D%/crash %D%/queue
%C%_crash_SOURCES = %D%/crash.c $(drive_sources)
%C%_crash_LDADD = $(APP_LIBS)
%C%_queue_SOURCES = %D%/queue.c $(drive_sources)
%C%_queue_LDADD = $(APP_LIBS)

# makes the traffic of test_monitor.sh
check_PROGRAMS += %D%/traffic
%C%_traffic_LDADD = $(APP_LIBS)
check_PROGRAMS += %D%/crash_monitor
TESTS += %D%/crash_monitor
%C%_crash_monitor_SOURCES = %D%/crash_monitor.c $(drive_sources)
%C%_crash_monitor_LDADD = $(APP_LIBS)

# a sweep whose processes are killed
check_PROGRAMS += %D%/crash_sweep
TESTS += %D%/crash_sweep
%C%_crash_sweep_SOURCES = %D%/crash_sweep.c %D%/drive.c %D%/drive.h
%C%_crash_sweep_LDADD = $(APP_LIBS)

# the daemon over plain sockets
if HAVE_CMOCKA
http_drivers = %D%/http_auth %D%/http_life %D%/http_openapi %D%/http_probe %D%/http_train
check_PROGRAMS += $(http_drivers)
TESTS += $(http_drivers)
%C%_http_auth_SOURCES = %D%/http_auth.c %D%/daemon.c %D%/daemon.h
%C%_http_auth_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
%C%_http_life_SOURCES = %D%/http_life.c %D%/daemon.c %D%/daemon.h
%C%_http_life_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
%C%_http_openapi_SOURCES = %D%/http_openapi.c %D%/daemon.c %D%/daemon.h
%C%_http_openapi_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_http_probe_SOURCES = %D%/http_probe.c %D%/daemon.c %D%/daemon.h
%C%_http_probe_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_http_train_SOURCES = %D%/http_train.c %D%/daemon.c %D%/daemon.h
%C%_http_train_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif

# the daemon under load, killed at random moments
if HAVE_CMOCKA
check_PROGRAMS += %D%/crash_serve
TESTS += %D%/crash_serve
%C%_crash_serve_SOURCES = %D%/crash_serve.c %D%/daemon.c %D%/daemon.h
%C%_crash_serve_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
endif
