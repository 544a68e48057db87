# One program per source file of src/engine; linked with the engine and base alone, so that a
# call upwards does not link. test_alone gets not even the libraries base uses elsewhere.
if HAVE_CMOCKA
ENGINE_TEST_LIBS = $(ENGINE_LIBS) $(CMOCKA_LIBS)
ENGINE_TESTS = \
	%D%/test_baselines \
	%D%/test_buf \
	%D%/test_calibration \
	%D%/test_composite \
	%D%/test_demo \
	%D%/test_design \
	%D%/test_elastic \
	%D%/test_encoder \
	%D%/test_explain \
	%D%/test_frame \
	%D%/test_interval \
	%D%/test_gbdt \
	%D%/test_gbdt_edges \
	%D%/test_gbdt_objectives \
	%D%/test_gbdt_tree \
	%D%/test_kernels \
	%D%/test_linear \
	%D%/test_metric \
	%D%/test_model \
	%D%/test_net \
	%D%/test_paired \
	%D%/test_pool \
	%D%/test_profile \
	%D%/test_relation \
	%D%/test_split \
	%D%/test_target \
	%D%/test_trees \
	%D%/test_unsupervised
check_PROGRAMS += $(ENGINE_TESTS)
TESTS += $(ENGINE_TESTS)
%C%_test_baselines_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_buf_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_calibration_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_composite_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_demo_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_design_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_elastic_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_encoder_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_explain_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_frame_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_gbdt_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_gbdt_edges_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_gbdt_objectives_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_gbdt_tree_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_interval_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_kernels_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_linear_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_metric_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit/stats
%C%_test_metric_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_model_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_net_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_paired_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_pool_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_profile_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_relation_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_split_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_target_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_trees_LDADD = $(ENGINE_TEST_LIBS)
%C%_test_unsupervised_LDADD = $(ENGINE_TEST_LIBS)
endif
EXTRA_DIST += %D%/enginetest.h %D%/gbdttest.h %D%/modeltest.h

check_PROGRAMS += %D%/test_alone
TESTS += %D%/test_alone
%C%_test_alone_LDADD = src/engine/libengine.a src/base/libbase.a -lm -lpthread
