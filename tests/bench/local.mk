# benchmarks: built by make programs, run by make bench or by hand
EXTRA_PROGRAMS += %D%/fill_runs
CLEANFILES += %D%/fill_runs
BENCHES += %D%/bench_linear
%C%_bench_linear_LDADD = $(ENGINE_LIBS)
BENCHES += %D%/bench_engine
%C%_bench_engine_LDADD = $(ENGINE_LIBS)
BENCHES += %D%/bench_csv
%C%_bench_csv_LDADD = $(APP_LIBS)
%C%_fill_runs_LDADD = $(STORE_LIBS)
BENCHES += %D%/bench_store
%C%_bench_store_LDADD = $(STORE_LIBS)
if HAVE_VTERM
BENCHES += %D%/bench_tui
%C%_bench_tui_SOURCES = %D%/bench_tui.c tests/tui/pty.c tests/tui/pty.h
%C%_bench_tui_LDADD = $(BASE_LIBS) $(VTERM_LIBS) -lutil
endif
BENCHES += %D%/bench_nets
%C%_bench_nets_LDADD = $(APP_LIBS)
BENCHES += %D%/bench_ingest
%C%_bench_ingest_LDADD = $(STORE_LIBS)
BENCHES += %D%/bench_drift
%C%_bench_drift_LDADD = $(ENGINE_LIBS)
if HAVE_CMOCKA
BENCHES += %D%/bench_shadow
%C%_bench_shadow_SOURCES = %D%/bench_shadow.c tests/unit/serve/sample.c tests/unit/serve/sample.h \
	tests/unit/serve/workspace.c tests/unit/serve/workspace.h
%C%_bench_shadow_LDADD = $(SERVE_LIBS) $(CMOCKA_LIBS)
endif
