# tests of app: whole layers below are real, in a temporary workspace
if HAVE_CMOCKA
app_tests = %D%/test_data %D%/test_registry
check_PROGRAMS += $(app_tests)
TESTS += $(app_tests)
%C%_test_data_SOURCES = %D%/test_data.c
%C%_test_data_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
%C%_test_registry_SOURCES = %D%/test_registry.c
%C%_test_registry_LDADD = $(APP_LIBS) $(CMOCKA_LIBS)
endif
