# tests/unit/codec: one program a source file of src/codec, except rows.c and block.c, which the
# readers' tests cover, and text.c, which is in test_codec
if HAVE_CMOCKA
CODEC_TESTS = %D%/test_codec %D%/test_csv %D%/test_idx %D%/test_input %D%/test_jsonl \
	%D%/test_model_forms %D%/test_num %D%/test_onnx %D%/test_promtext %D%/test_rowout \
	%D%/test_table %D%/test_ubjson %D%/test_yaml
check_PROGRAMS += $(CODEC_TESTS)
TESTS += $(CODEC_TESTS)
CODEC_TEST_LIBS = $(CODEC_LIBS) $(CMOCKA_LIBS)

%C%_test_codec_LDADD = $(CODEC_TEST_LIBS)
%C%_test_csv_SOURCES = %D%/test_csv.c %D%/collect.c %D%/collect.h
%C%_test_csv_LDADD = $(CODEC_TEST_LIBS)
%C%_test_idx_SOURCES = %D%/test_idx.c %D%/collect.c %D%/collect.h
%C%_test_idx_LDADD = $(CODEC_TEST_LIBS)
%C%_test_input_LDADD = $(CODEC_TEST_LIBS)
%C%_test_jsonl_SOURCES = %D%/test_jsonl.c %D%/collect.c %D%/collect.h
%C%_test_jsonl_LDADD = $(CODEC_TEST_LIBS)
%C%_test_model_forms_SOURCES = %D%/test_model_forms.c %D%/foresttest.h
%C%_test_model_forms_LDADD = $(CODEC_TEST_LIBS)
%C%_test_onnx_SOURCES = %D%/test_onnx.c %D%/foresttest.h
%C%_test_onnx_LDADD = $(CODEC_TEST_LIBS)
%C%_test_num_LDADD = $(CODEC_TEST_LIBS)
%C%_test_promtext_LDADD = $(CODEC_TEST_LIBS)
%C%_test_rowout_LDADD = $(CODEC_TEST_LIBS)
%C%_test_table_SOURCES = %D%/test_table.c %D%/same_table.h
%C%_test_table_LDADD = $(CODEC_TEST_LIBS)
%C%_test_ubjson_LDADD = $(CODEC_TEST_LIBS)
%C%_test_yaml_LDADD = $(CODEC_TEST_LIBS)
endif
