if HAVE_CMOCKA
check_PROGRAMS += %D%/test_loop
TESTS += %D%/test_loop
%C%_test_loop_LDADD = src/run/librun.a $(BASE_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
endif
