# tests/fuzz: one target an entry point for bytes from outside, here linked with a main that
# replays the corpus and mutations of it. A fuzzer links fuzz_csv.c or fuzz_jsonl.c with the
# libraries of codec and base and its own main instead.
FUZZ_TARGETS = %D%/fuzz_csv
FUZZ_TARGETS += %D%/fuzz_http
FUZZ_TARGETS += %D%/fuzz_idx
FUZZ_TARGETS += %D%/fuzz_jsonl
FUZZ_TARGETS += %D%/fuzz_lightgbm
FUZZ_TARGETS += %D%/fuzz_model
FUZZ_TARGETS += %D%/fuzz_predict
FUZZ_TARGETS += %D%/fuzz_protocols
FUZZ_TARGETS += %D%/fuzz_ubjson
FUZZ_TARGETS += %D%/fuzz_xgboost
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
%C%_fuzz_csv_SOURCES = %D%/fuzz_csv.c %D%/fuzz_rows.h tests/unit/codec/same_table.h %D%/replay.c
%C%_fuzz_csv_LDADD = $(CODEC_LIBS)
%C%_fuzz_http_SOURCES = %D%/fuzz_http.c %D%/replay.c
%C%_fuzz_http_LDADD = $(HTTP_LIBS)
%C%_fuzz_idx_SOURCES = %D%/fuzz_idx.c %D%/fuzz_rows.h %D%/replay.c
%C%_fuzz_idx_LDADD = $(CODEC_LIBS)
%C%_fuzz_jsonl_SOURCES = %D%/fuzz_jsonl.c %D%/fuzz_rows.h %D%/replay.c
%C%_fuzz_jsonl_LDADD = $(CODEC_LIBS)
%C%_fuzz_predict_SOURCES = %D%/fuzz_predict.c %D%/replay.c
%C%_fuzz_predict_LDADD = $(SERVE_LIBS)
%C%_fuzz_protocols_SOURCES = %D%/fuzz_protocols.c tests/unit/http/route.h %D%/replay.c
%C%_fuzz_protocols_LDADD = $(HTTP_LIBS)
%C%_fuzz_lightgbm_SOURCES = %D%/fuzz_lightgbm.c %D%/fuzz_forms.h %D%/replay.c
%C%_fuzz_lightgbm_LDADD = $(APP_LIBS)
%C%_fuzz_model_SOURCES = %D%/fuzz_model.c %D%/fuzz_forms.h %D%/replay.c
%C%_fuzz_model_LDADD = $(APP_LIBS)
%C%_fuzz_ubjson_SOURCES = %D%/fuzz_ubjson.c %D%/fuzz_forms.h %D%/replay.c
%C%_fuzz_ubjson_LDADD = $(APP_LIBS)
%C%_fuzz_xgboost_SOURCES = %D%/fuzz_xgboost.c %D%/fuzz_forms.h %D%/replay.c
%C%_fuzz_xgboost_LDADD = $(APP_LIBS)
EXTRA_DIST += $(FUZZ_CORPUS)
FUZZ_CORPUS = \
	%D%/corpus/csv/cr %D%/corpus/csv/crlf %D%/corpus/csv/latin1 \
	%D%/corpus/csv/long_numbers %D%/corpus/csv/names %D%/corpus/csv/open_quote \
	%D%/corpus/csv/plain %D%/corpus/csv/quotes %D%/corpus/csv/ragged %D%/corpus/csv/widen \
	%D%/corpus/http/absolute %D%/corpus/http/chunked %D%/corpus/http/get \
	%D%/corpus/http/lengths %D%/corpus/http/pipelined %D%/corpus/http/post \
	%D%/corpus/http/transition \
	%D%/corpus/jsonl/bad %D%/corpus/jsonl/escapes %D%/corpus/jsonl/keys \
	%D%/corpus/jsonl/nested %D%/corpus/jsonl/numbers %D%/corpus/jsonl/plain \
	%D%/corpus/predict/escapes %D%/corpus/predict/list %D%/corpus/predict/nested \
	%D%/corpus/predict/numbers %D%/corpus/predict/plain %D%/corpus/predict/twice \
	%D%/corpus/predict/utf8 %D%/corpus/predict/words \
	%D%/corpus/protocols/csv %D%/corpus/protocols/inputs %D%/corpus/protocols/instances \
	%D%/corpus/protocols/matrix %D%/corpus/protocols/packed \
	%D%/corpus/protocols/packed_matrix %D%/corpus/protocols/records \
	%D%/corpus/protocols/split %D%/corpus/protocols/tensors \
	%D%/corpus/idx/both %D%/corpus/idx/colour %D%/corpus/idx/images %D%/corpus/idx/labels \
	%D%/corpus/lightgbm/binary %D%/corpus/lightgbm/multiclass %D%/corpus/lightgbm/regression \
	%D%/corpus/model/calibrated %D%/corpus/model/cnn %D%/corpus/model/extra_trees \
	%D%/corpus/model/forest %D%/corpus/model/gbdt \
	%D%/corpus/model/knn %D%/corpus/model/linear %D%/corpus/model/logistic \
	%D%/corpus/model/mlp %D%/corpus/model/voting \
	%D%/corpus/model/naive_bayes %D%/corpus/model/tree \
	%D%/corpus/ubjson/binary %D%/corpus/ubjson/dart %D%/corpus/ubjson/multiclass \
	%D%/corpus/xgboost/binary %D%/corpus/xgboost/dart %D%/corpus/xgboost/multiclass
