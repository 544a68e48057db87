noinst_LIBRARIES += %D%/libworker.a
%C%_libworker_a_SOURCES = \
	%D%/beat.c \
	%D%/beat.h \
	%D%/worker.c \
	%D%/worker.h
