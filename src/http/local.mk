# http: the daemon. One file a line, sorted.
noinst_LIBRARIES += %D%/libhttp.a
%C%_libhttp_a_SOURCES = \
	%D%/answer.c \
	%D%/auth.c \
	%D%/auth.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/count.c \
	%D%/count.h \
	%D%/exchange.c \
	%D%/facts.c \
	%D%/facts.h \
	%D%/gather.c \
	%D%/handlers.h \
	%D%/head.c \
	%D%/head.h \
	%D%/http.h \
	%D%/io.c \
	%D%/limit.c \
	%D%/limit.h \
	%D%/listen.c \
	%D%/listen.h \
	%D%/metrics.c \
	%D%/metrics.def \
	%D%/metrics.h \
	%D%/metrics_in.h \
	%D%/metrics_page.c \
	%D%/notify.c \
	%D%/notify.h \
	%D%/openapi.c \
	%D%/openapi.h \
	%D%/page.c \
	%D%/predict.c \
	%D%/priv.h \
	%D%/router.c \
	%D%/router.h \
	%D%/routes.def \
	%D%/server.c \
	%D%/server.h \
	%D%/server_priv.h \
	%D%/target.c \
	%D%/target.h \
	%D%/verbs.c
