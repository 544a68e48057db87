# tests of http
if HAVE_CMOCKA
http_tests = \
	%D%/test_auth \
	%D%/test_head \
	%D%/test_limit \
	%D%/test_metrics \
	%D%/test_protocols \
	%D%/test_router \
	%D%/test_target
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
%C%_test_auth_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
%C%_test_head_LDADD = src/http/libhttp.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_router_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
%C%_test_target_LDADD = src/http/libhttp.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_limit_LDADD = src/http/libhttp.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_metrics_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
%C%_test_protocols_SOURCES = %D%/test_protocols.c %D%/route.h \
	tests/unit/serve/sample.c tests/unit/serve/sample.h
%C%_test_protocols_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
endif
