# serve: predictions, and no HTTP. One file a line, sorted.
noinst_LIBRARIES += %D%/libserve.a
%C%_libserve_a_SOURCES = \
	%D%/mode.h \
	%D%/rows.c \
	%D%/rows.h \
	%D%/rows_scan.c \
	%D%/serve.h \
	%D%/served.h
