# tests of the console: golden screens from recorded replies, the terminal layer, the program in
# a pty. GENERATE=1 make check TESTS=tests/tui/test_screens rewrites the goldens.
EXTRA_DIST += %D%/replies.json
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_screens
TESTS += %D%/test_screens
%C%_test_screens_SOURCES = %D%/test_screens.c %D%/fake_host.c %D%/fake_host.h
%C%_test_screens_LDADD = $(VIEWS_LIBS) $(CMOCKA_LIBS)
if HAVE_VTERM
check_PROGRAMS += %D%/test_curses %D%/test_pty
TESTS += %D%/test_curses %D%/test_pty
%C%_test_curses_SOURCES = %D%/test_curses.c %D%/fake_host.c %D%/fake_host.h %D%/pty.c %D%/pty.h
%C%_test_curses_LDADD = $(VIEWS_LIBS) $(VTERM_LIBS) -lutil $(CMOCKA_LIBS)
%C%_test_pty_SOURCES = %D%/test_pty.c %D%/pty.c %D%/pty.h
%C%_test_pty_LDADD = $(BASE_LIBS) $(VTERM_LIBS) -lutil $(CMOCKA_LIBS)
endif
endif
EXTRA_DIST += \
	%D%/golden/alerts-120x40.screen \
	%D%/golden/alerts-40x10.screen \
	%D%/golden/alerts-80x24.screen \
	%D%/golden/alerts-evidence-120x40.screen \
	%D%/golden/alerts-evidence-40x10.screen \
	%D%/golden/alerts-evidence-80x24.screen \
	%D%/golden/alerts-past-120x40.screen \
	%D%/golden/alerts-past-40x10.screen \
	%D%/golden/alerts-past-80x24.screen \
	%D%/golden/audit-120x40.screen \
	%D%/golden/audit-40x10.screen \
	%D%/golden/audit-80x24.screen \
	%D%/golden/canary-start-120x40.screen \
	%D%/golden/canary-start-40x10.screen \
	%D%/golden/canary-start-80x24.screen \
	%D%/golden/canary-step-120x40.screen \
	%D%/golden/canary-step-40x10.screen \
	%D%/golden/canary-step-80x24.screen \
	%D%/golden/cancel-120x40.screen \
	%D%/golden/cancel-40x10.screen \
	%D%/golden/cancel-80x24.screen \
	%D%/golden/data-120x40.screen \
	%D%/golden/data-40x10.screen \
	%D%/golden/data-80x24.screen \
	%D%/golden/data-column-120x40.screen \
	%D%/golden/data-column-40x10.screen \
	%D%/golden/data-column-80x24.screen \
	%D%/golden/data-target-120x40.screen \
	%D%/golden/data-target-40x10.screen \
	%D%/golden/data-target-80x24.screen \
	%D%/golden/data-together-120x40.screen \
	%D%/golden/data-together-40x10.screen \
	%D%/golden/data-together-80x24.screen \
	%D%/golden/drift-120x40.screen \
	%D%/golden/drift-40x10.screen \
	%D%/golden/drift-80x24.screen \
	%D%/golden/drift-ascii-80x24.screen \
	%D%/golden/drift-feature-120x40.screen \
	%D%/golden/drift-feature-40x10.screen \
	%D%/golden/drift-feature-80x24.screen \
	%D%/golden/drift-past-120x40.screen \
	%D%/golden/drift-past-40x10.screen \
	%D%/golden/drift-past-80x24.screen \
	%D%/golden/filter-120x40.screen \
	%D%/golden/filter-40x10.screen \
	%D%/golden/filter-80x24.screen \
	%D%/golden/help-120x40.screen \
	%D%/golden/help-40x10.screen \
	%D%/golden/help-80x24.screen \
	%D%/golden/help-search-120x40.screen \
	%D%/golden/help-search-40x10.screen \
	%D%/golden/help-search-80x24.screen \
	%D%/golden/jobs-120x40.screen \
	%D%/golden/jobs-40x10.screen \
	%D%/golden/jobs-80x24.screen \
	%D%/golden/jobs-failed-120x40.screen \
	%D%/golden/jobs-failed-40x10.screen \
	%D%/golden/jobs-failed-80x24.screen \
	%D%/golden/jobs-log-120x40.screen \
	%D%/golden/jobs-log-40x10.screen \
	%D%/golden/jobs-log-80x24.screen \
	%D%/golden/monitor-120x40.screen \
	%D%/golden/monitor-40x10.screen \
	%D%/golden/monitor-80x24.screen \
	%D%/golden/monitor-feature-120x40.screen \
	%D%/golden/monitor-feature-40x10.screen \
	%D%/golden/monitor-feature-80x24.screen \
	%D%/golden/monitor-features-120x40.screen \
	%D%/golden/monitor-features-40x10.screen \
	%D%/golden/monitor-features-80x24.screen \
	%D%/golden/monitor-past-120x40.screen \
	%D%/golden/monitor-past-40x10.screen \
	%D%/golden/monitor-past-80x24.screen \
	%D%/golden/monitor-quiet-120x40.screen \
	%D%/golden/monitor-quiet-40x10.screen \
	%D%/golden/monitor-quiet-80x24.screen \
	%D%/golden/overview-120x40.screen \
	%D%/golden/overview-40x10.screen \
	%D%/golden/overview-80x24.screen \
	%D%/golden/promote-120x40.screen \
	%D%/golden/promote-40x10.screen \
	%D%/golden/promote-80x24.screen \
	%D%/golden/promote-ready-120x40.screen \
	%D%/golden/promote-ready-40x10.screen \
	%D%/golden/promote-ready-80x24.screen \
	%D%/golden/prompt-120x40.screen \
	%D%/golden/prompt-40x10.screen \
	%D%/golden/prompt-80x24.screen \
	%D%/golden/registry-120x40.screen \
	%D%/golden/registry-40x10.screen \
	%D%/golden/registry-80x24.screen \
	%D%/golden/registry-versions-120x40.screen \
	%D%/golden/registry-versions-40x10.screen \
	%D%/golden/registry-versions-80x24.screen \
	%D%/golden/retrain-120x40.screen \
	%D%/golden/retrain-40x10.screen \
	%D%/golden/retrain-80x24.screen \
	%D%/golden/retrain-blocked-120x40.screen \
	%D%/golden/retrain-blocked-40x10.screen \
	%D%/golden/retrain-blocked-80x24.screen \
	%D%/golden/retrain-list-120x40.screen \
	%D%/golden/retrain-list-40x10.screen \
	%D%/golden/retrain-list-80x24.screen \
	%D%/golden/retrain-outcome-120x40.screen \
	%D%/golden/retrain-outcome-40x10.screen \
	%D%/golden/retrain-outcome-80x24.screen \
	%D%/golden/retrain-past-120x40.screen \
	%D%/golden/retrain-past-40x10.screen \
	%D%/golden/retrain-past-80x24.screen \
	%D%/golden/rollback-120x40.screen \
	%D%/golden/rollback-40x10.screen \
	%D%/golden/rollback-80x24.screen \
	%D%/golden/runs-120x40.screen \
	%D%/golden/runs-40x10.screen \
	%D%/golden/runs-80x24.screen \
	%D%/golden/runs-ascii-80x24.screen \
	%D%/golden/runs-compare-120x40.screen \
	%D%/golden/runs-compare-40x10.screen \
	%D%/golden/runs-compare-80x24.screen \
	%D%/golden/runs-detail-120x40.screen \
	%D%/golden/runs-detail-40x10.screen \
	%D%/golden/runs-detail-80x24.screen \
	%D%/golden/serving-120x40.screen \
	%D%/golden/serving-40x10.screen \
	%D%/golden/serving-80x24.screen \
	%D%/golden/serving-canary-120x40.screen \
	%D%/golden/serving-canary-40x10.screen \
	%D%/golden/serving-canary-80x24.screen \
	%D%/golden/shift-120x40.screen \
	%D%/golden/shift-40x10.screen \
	%D%/golden/shift-80x24.screen \
	%D%/golden/silence-120x40.screen \
	%D%/golden/silence-40x10.screen \
	%D%/golden/silence-80x24.screen \
	%D%/golden/too-small-39x12.screen \
	%D%/golden/train-form-120x40.screen \
	%D%/golden/train-form-40x10.screen \
	%D%/golden/sweep-stop-120x40.screen \
	%D%/golden/sweep-stop-40x10.screen \
	%D%/golden/sweep-stop-80x24.screen \
	%D%/golden/sweeps-120x40.screen \
	%D%/golden/sweeps-40x10.screen \
	%D%/golden/sweeps-80x24.screen \
	%D%/golden/sweeps-failed-120x40.screen \
	%D%/golden/sweeps-failed-40x10.screen \
	%D%/golden/sweeps-failed-80x24.screen \
	%D%/golden/sweeps-trials-120x40.screen \
	%D%/golden/sweeps-trials-40x10.screen \
	%D%/golden/sweeps-trials-80x24.screen \
	%D%/golden/whatif-120x40.screen \
	%D%/golden/whatif-40x10.screen \
	%D%/golden/whatif-80x24.screen \
	%D%/golden/whatif-changed-120x40.screen \
	%D%/golden/whatif-changed-40x10.screen \
	%D%/golden/whatif-changed-80x24.screen \
	%D%/golden/whatif-edit-120x40.screen \
	%D%/golden/whatif-edit-40x10.screen \
	%D%/golden/whatif-edit-80x24.screen \
	%D%/golden/train-form-80x24.screen
