# http: the daemon. One file a line, sorted.
noinst_LIBRARIES += %D%/libhttp.a
%C%_libhttp_a_SOURCES = \
	%D%/auth.c \
	%D%/auth.h \
	%D%/http.h \
	%D%/limit.c \
	%D%/limit.h \
	%D%/metrics.h \
	%D%/server.h
