noinst_LIBRARIES += %D%/libcodec.a
%C%_libcodec_a_SOURCES = \
	%D%/block.c %D%/block.h %D%/codec.c %D%/codec.h %D%/codecs.def %D%/csv.c %D%/csv.h \
	%D%/input.c %D%/input.h %D%/jsonl.c %D%/jsonl.h %D%/lightgbm.c %D%/lightgbm.h %D%/num.c %D%/num.h %D%/onnx.h %D%/onnx_dense.c %D%/onnx_graph.c %D%/onnx_graph.h \
	%D%/onnx_trees.c %D%/promread.c %D%/promtext.c %D%/promtext.h %D%/protobuf.c %D%/protobuf.h %D%/rowout.c \
	%D%/idx.c %D%/idx.h \
	%D%/input.c %D%/input.h %D%/jsonl.c %D%/jsonl.h %D%/lightgbm.c %D%/lightgbm.h %D%/num.c %D%/num.h %D%/promread.c %D%/promtext.c %D%/promtext.h %D%/rowout.c \
	%D%/rowout.h %D%/rows.c %D%/rows.h %D%/table.c %D%/table.h %D%/text.c %D%/text.h \
	%D%/ubjson.c %D%/ubjson.h %D%/xgboost.h %D%/xgboost_read.c %D%/xgboost_write.c \
	%D%/block.c %D%/block.h %D%/codec.c %D%/codec.h %D%/codecs.def %D%/csv.c %D%/csv.h %D%/csv_cut.c \
	%D%/input.c %D%/input.h %D%/jsonl.c %D%/jsonl.h %D%/lightgbm.c %D%/lightgbm.h %D%/num.c %D%/num.h %D%/pow5.h %D%/promread.c %D%/promtext.c %D%/promtext.h %D%/rowout.c \
	%D%/rowout.h %D%/rows.c %D%/rows.h %D%/scan.c %D%/scan.h %D%/table.c %D%/table.h %D%/table_build.c %D%/table_build.h %D%/table_parts.c %D%/text.c %D%/text.h \
	%D%/xgboost.h %D%/xgboost_read.c %D%/xgboost_write.c \
	%D%/yaml.c %D%/yaml.h
%C%_libcodec_a_CFLAGS = $(STRICT)
