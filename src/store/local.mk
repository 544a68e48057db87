# store: one static library; the drivers are rows of drivers.def
noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/alert.c %D%/alert.h %D%/audit.c %D%/audit.h %D%/blob.c %D%/blob.h %D%/dataset.c %D%/dataset.h \
	%D%/db.c %D%/db.h %D%/db_script.c %D%/db_sqlite.c %D%/drivers.def \
	%D%/experiment.c %D%/job.c %D%/job.h %D%/job_attempt.c %D%/job_priv.h \
	%D%/monitor_priv.h %D%/monitored.c %D%/prediction.c %D%/prediction.h %D%/prediction_read.c %D%/registry.c %D%/registry.h %D%/run.c %D%/run.h %D%/run_priv.h %D%/run_read.c \
	%D%/retrain.c %D%/rollout.c %D%/rollout.h %D%/schedule.c %D%/schedule.h %D%/schema.c %D%/search.c %D%/search_parse.c %D%/search_priv.h \
	%D%/monitor_priv.h %D%/monitored.c %D%/prediction.c %D%/prediction.h %D%/prediction_read.c %D%/prediction_request.c %D%/registry.c %D%/registry.h %D%/run.c %D%/run.h %D%/run_priv.h %D%/run_read.c \
	%D%/retrain.c %D%/schedule.c %D%/schedule.h %D%/schema.c %D%/search.c %D%/search_parse.c %D%/search_priv.h \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/store.c %D%/store.h %D%/store_priv.h %D%/sweep.c %D%/sweep.h %D%/user.c %D%/user.h
