# whole-program tests: the real binary in a temporary workspace. One line a script.
PROGRAM_TESTS =
PROGRAM_TESTS += %D%/test_batch_adult.sh
PROGRAM_TESTS += %D%/test_cli.sh
PROGRAM_TESTS += %D%/test_data_files.sh
PROGRAM_TESTS += %D%/test_data_metrics.sh
PROGRAM_TESTS += %D%/test_demo.sh
PROGRAM_TESTS += %D%/test_drift.sh
PROGRAM_TESTS += %D%/test_jobs.sh
PROGRAM_TESTS += %D%/test_readme.sh
TESTS += $(PROGRAM_TESTS)
dist_check_SCRIPTS += $(PROGRAM_TESTS)
EXTRA_DIST += %D%/lib.sh

check_PROGRAMS += %D%/crash
TESTS += %D%/crash
%C%_crash_SOURCES = %D%/crash.c %D%/crash_check.c %D%/crash_check.h
%C%_crash_LDADD = $(APP_LIBS)
