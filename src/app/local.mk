# app: the verbs. One file a line, sorted.
noinst_LIBRARIES += %D%/libapp.a
%C%_libapp_a_SOURCES = \
	%D%/app.c \
	%D%/app.h \
	%D%/audit.c \
	%D%/data.c \
	%D%/doctor.c \
	%D%/drift.c \
	%D%/demo.c \
	%D%/demo.h \
	%D%/experiment.c \
	%D%/ingest.c \
	%D%/ingest.h \
	%D%/init.c \
	%D%/job.c \
	%D%/job.h \
	%D%/jobs.c \
	%D%/jobs.def \
	%D%/jobs.h \
	%D%/model.c \
	%D%/model_file.c \
	%D%/modelref.c \
	%D%/modelref.h \
	%D%/modelval.c \
	%D%/modelval.h \
	%D%/overview.c \
	%D%/ports.h \
	%D%/registry.c \
	%D%/registry.h \
	%D%/reply.c \
	%D%/reply.h \
	%D%/revision.c \
	%D%/run.c \
	%D%/run_compare.c \
	%D%/runval.c \
	%D%/runval.h \
	%D%/train.c \
	%D%/train.h \
	%D%/train_job.c \
	%D%/train_plan.c \
	%D%/train_publish.c \
	%D%/train_run.h \
	%D%/verb.c \
	%D%/verb.h \
	%D%/verbs.def
