# whole-program tests: the real binary in a temporary workspace
TESTS += %D%/test_data_files.sh %D%/test_jobs.sh
dist_check_SCRIPTS += %D%/test_data_files.sh %D%/test_jobs.sh
TESTS += %D%/test_cli.sh %D%/test_jobs.sh
dist_check_SCRIPTS += %D%/test_cli.sh %D%/test_jobs.sh
check_PROGRAMS += %D%/crash
TESTS += %D%/crash
%C%_crash_SOURCES = %D%/crash.c %D%/crash_check.c %D%/crash_check.h
%C%_crash_LDADD = $(APP_LIBS)
TESTS += %D%/test_drift.sh
dist_check_SCRIPTS += %D%/test_drift.sh
