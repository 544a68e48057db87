noinst_LIBRARIES += %D%/librun.a
%C%_librun_a_SOURCES = \
	%D%/loop.c %D%/loop.h %D%/spawn.h %D%/verbthread.c %D%/verbthread.h
