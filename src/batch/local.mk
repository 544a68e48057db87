# batch: the program without a screen. One file a line, sorted.
noinst_LIBRARIES += %D%/libbatch.a
%C%_libbatch_a_SOURCES = \
	%D%/batch.c \
	%D%/batch.h \
	%D%/dump.c \
	%D%/dump.h \
	%D%/dump_man.c \
	%D%/dump_shell.c \
	%D%/help.c \
	%D%/help.h \
	%D%/options.c \
	%D%/options.h \
	%D%/progress.c \
	%D%/progress.h \
	%D%/render.c \
	%D%/render.h \
	%D%/report.c \
	%D%/report.h \
	%D%/script.c \
	%D%/script.h \
	%D%/table.c \
	%D%/table.h
