# serve: predictions, and no HTTP. One file a line, sorted.
noinst_LIBRARIES += %D%/libserve.a
%C%_libserve_a_SOURCES = \
	%D%/aside.c \
	%D%/batch.c \
	%D%/cache.c \
	%D%/mode.c \
	%D%/mode.h \
	%D%/mode_ensemble.c \
	%D%/mode_guard.c \
	%D%/mode_pick.c \
	%D%/mode_priv.h \
	%D%/mode_rows.c \
	%D%/mode_shadow.c \
	%D%/mode_state.c \
	%D%/mode_tally.c \
	%D%/plog.c \
	%D%/priv.h \
	%D%/ring.c \
	%D%/ring.h \
	%D%/rows.c \
	%D%/rows.h \
	%D%/rows_scan.c \
	%D%/score.c \
	%D%/serve.c \
	%D%/serve.h \
	%D%/served.c \
	%D%/served.h
