# unit tests of views: what needs no terminal and no workspace
if HAVE_CMOCKA
VIEWS_UNIT = %D%/test_canvas %D%/test_chart %D%/test_edit %D%/test_fmt %D%/test_heat \
	%D%/test_layout %D%/test_listing %D%/test_moment
VIEWS_UNIT_LIBS = src/views/libviews.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(VIEWS_UNIT)
TESTS += $(VIEWS_UNIT)
%C%_test_canvas_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_chart_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_edit_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_fmt_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_heat_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_layout_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_listing_LDADD = $(VIEWS_UNIT_LIBS)
%C%_test_moment_LDADD = $(VIEWS_UNIT_LIBS)
endif
