noinst_LIBRARIES += %D%/librun.a
%C%_librun_a_SOURCES = \
	%D%/fetch.c \
	%D%/fetch.h \
	%D%/follow.c \
	%D%/jobrunner.c \
	%D%/loop.c \
	%D%/loop.h \
	%D%/sched.c \
	%D%/sched.h \
	%D%/spawn.c \
	%D%/spawn.h \
	%D%/verbthread.c \
	%D%/verbthread.h
