# tests/unit/codec: one program a source file of src/codec
if HAVE_CMOCKA
CODEC_TESTS = %D%/test_csv %D%/test_num
check_PROGRAMS += $(CODEC_TESTS)
TESTS += $(CODEC_TESTS)

%C%_test_csv_SOURCES = %D%/test_csv.c %D%/collect.c %D%/collect.h
%C%_test_csv_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
%C%_test_num_SOURCES = %D%/test_num.c
%C%_test_num_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif
