noinst_LIBRARIES += %D%/libengine.a
%C%_libengine_a_CFLAGS = $(STRICT)
%C%_libengine_a_SOURCES = \
	%D%/demo.h \
	%D%/engine.c \
	%D%/engine.h \
	%D%/frame/dict.c \
	%D%/frame/frame.c \
	%D%/frame/frame.h \
	%D%/frame/profile.c \
	%D%/frame/profile.h \
	%D%/frame/split.c \
	%D%/frame/split.h \
	%D%/learn/learner.h \
	%D%/learn/learners.c \
	%D%/learn/learners.def \
	%D%/metric/metric.h \
	%D%/model/buf.c \
	%D%/model/buf.h \
	%D%/model/model.h \
	%D%/pool.c \
	%D%/pool.h \
	%D%/stats/bins.c \
	%D%/stats/bins.h \
	%D%/stats/exact.c \
	%D%/stats/exact.h \
	%D%/stats/ks_law.c \
	%D%/stats/sample.c \
	%D%/stats/sample.h \
	%D%/stats/special.c \
	%D%/stats/special.h \
	%D%/stats/table.c \
	%D%/stats/table.h \
	%D%/stats/two_sample.c \
	%D%/stats/two_sample.h
