# tests of store: the real thing in a temporary folder
if HAVE_CMOCKA
store_tests = %D%/test_db %D%/test_store
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
%C%_test_db_SOURCES = %D%/test_db.c %D%/storetest.h
%C%_test_db_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
%C%_test_store_SOURCES = %D%/test_store.c %D%/storetest.h
%C%_test_store_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
endif
