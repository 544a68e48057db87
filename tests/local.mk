# tests: what make check runs. Unit tests add themselves in tests/unit/<folder>/local.mk, whole
# programs in tests/integration/, rules of the tree in tests/checks/.
RULES = tests/checks/check-layers.sh tests/checks/check-headers.sh \
	tests/checks/check-functions.sh tests/checks/check-engine.sh tests/checks/check-dist.sh \
	tests/checks/check-docs.sh tests/checks/check-metrics.sh
TESTS += $(RULES)
dist_check_SCRIPTS += $(RULES)
EXTRA_DIST += tests/totals tests/checks/engine-symbols.allow tests/checks/rules_test.yml tests/bench/report tests/bench/engine.py tests/bench/serve
EXTRA_DIST += tests/totals tests/checks/engine-symbols.allow tests/checks/rules_test.yml tests/bench/report tests/bench/compare tests/bench/nets tests/bench/serve
tests/checks/check-engine.log: src/engine/libengine.a

# make check-layers and so on: one rule alone, with its findings on the terminal
rule_env = top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' CC='$(CC)' NM='$(NM)' \
	MAKE='$(MAKE)' CHECK_CPPFLAGS='$(DEFS) $(AM_CPPFLAGS)'
check-layers check-headers check-functions check-dist check-docs check-metrics:
	@$(rule_env) $(SHELL) $(top_srcdir)/tests/checks/$@.sh
check-engine: src/engine/libengine.a
	@$(rule_env) $(SHELL) $(top_srcdir)/tests/checks/$@.sh

# make totals: "N passed, N failed" of the last make check, cmocka cases counted singly
totals:
	@$(SHELL) $(top_srcdir)/tests/totals $(TEST_LOGS)

# make programs: compile everything the tests need and run nothing
programs: all $(check_PROGRAMS) $(BENCHES)

# make bench: every program named in BENCHES prints JSON lines, {"bench":…,"value":…,"unit":…};
# the report makes one table of them and leaves the lines in bench.json. Options of a program
# can be given as BENCH_ARGS.
EXTRA_PROGRAMS += $(BENCHES)
CLEANFILES += $(BENCHES) bench.json bench-engine.json bench-serve.json
bench: all $(BENCHES)
	@$(rule_env) SIGNALBOX='$(abs_top_builddir)/signalbox' \
		$(SHELL) $(top_srcdir)/tests/bench/report bench.json $(BENCHES)

# make bench-engine: the learners beside their peers, interleaved. BENCH_ARGS names learners and
# sets (all), SIGNALBOX_BENCH_PYTHON the python that has the peers.
bench-engine: tests/bench/bench_engine$(EXEEXT)
	@$(rule_env) "$${SIGNALBOX_BENCH_PYTHON:-python3}" $(top_srcdir)/tests/bench/engine.py \
		bench-engine.json $(BENCH_ARGS)

# make bench-serve: the daemon under load, beside nginx and FastAPI where they are
bench-serve: all
	@$(rule_env) SIGNALBOX='$(abs_top_builddir)/signalbox' \
		bash $(top_srcdir)/tests/bench/serve bench-serve.json

# make dist-list: the names of all files that make dist packs
dist-list:
	@for file in $(DISTFILES); do echo "$$file"; done | \
		sed -e 's|^$(srcdir)/||' -e 's|^$(top_srcdir)/||' | LC_ALL=C sort -u
.PHONY: check-layers check-headers check-functions check-engine check-dist check-docs check-metrics totals \
	programs bench bench-engine bench-serve vectors dist-list
include tests/unit/batch/local.mk
include tests/unit/base/local.mk
include tests/unit/run/local.mk
include tests/unit/store/local.mk
include tests/unit/engine/local.mk
include tests/bench/local.mk
include tests/integration/local.mk
include tests/unit/views/local.mk
include tests/unit/codec/local.mk
include tests/fuzz/local.mk
include tests/unit/app/local.mk
include tests/unit/search/local.mk
include tests/unit/stats/local.mk
include tests/unit/http/local.mk
include tests/tui/local.mk
include tests/unit/serve/local.mk
